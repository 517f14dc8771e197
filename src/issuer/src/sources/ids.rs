//! Ids made from other people's names: `[a-z0-9-]{1,64}`, the same every time, never two for one.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

/// Longest id, in characters (all ASCII).
pub const MAX_ID_CHARS: usize = 64;
/// Hex digits that tell apart two names with one slug.
const SUFFIX_CHARS: usize = 10;

/// Whether `text` can be an id as it stands: `[a-z0-9-]{1,64}`.
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The readable part of an id: small letters, digits, single hyphens; empty where nothing of the name is ASCII.
/// Not unique; [`ids_for`] is.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= MAX_ID_CHARS {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// One id for each distinct name.
///
/// A name whose slug keeps all its meaning (letters, digits, spaces, hyphens) gets the plain slug. Any other gets a
/// digest of the name behind it, which depends on that name alone, so that a room added later renames no other.
/// Two plain names with one slug (`Room 1`, `room-1`): the first in byte order keeps it.
pub(super) fn ids_for<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, String> {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeMap::new();
    for plain_pass in [true, false] {
        for name in names
            .iter()
            .copied()
            .filter(|name| is_plain(name) == plain_pass)
        {
            let plain = slug(name);
            let id = if plain_pass && taken.insert(plain.clone()) {
                plain
            } else {
                suffixed(&plain, name, &mut taken)
            };
            ids.insert(name, id);
        }
    }
    ids
}

/// Whether the slug loses nothing but letter case and the kind of gap.
fn is_plain(name: &str) -> bool {
    name.len() <= MAX_ID_CHARS
        && name.bytes().any(|b| b.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-')
}

/// `<slug>-<digest>`, with more of the digest should that be taken.
fn suffixed(plain: &str, name: &str, taken: &mut BTreeSet<String>) -> String {
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    for suffix_chars in SUFFIX_CHARS..MAX_ID_CHARS {
        let room = MAX_ID_CHARS - suffix_chars - 1;
        let kept = plain
            .get(..room.min(plain.len()))
            .unwrap_or_default()
            .trim_end_matches('-');
        let suffix = &digest[..suffix_chars];
        let id = if kept.is_empty() {
            format!("x-{suffix}")
        } else {
            format!("{kept}-{suffix}")
        };
        if id.len() <= MAX_ID_CHARS && taken.insert(id.clone()) {
            return id;
        }
    }
    // Distinct names have distinct digests, so only a name made to equal another's whole id could come here.
    taken.insert(digest.clone());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(names: &[&str], expected: &[&str]) {
        let ids = ids_for(names.iter().copied());
        let got: Vec<&str> = names.iter().map(|name| ids[name].as_str()).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn names_become_readable_ids() {
        check(&["Main Hall", "Workshop 1"], &["main-hall", "workshop-1"]);
        check(&["Room 1", "room-1"], &["room-1", "room-1-2cb5ddf410"]);
        check(
            &["Room B / Mezzanine", "Room B Mezzanine"],
            &["room-b-mezzanine-160c6b26aa", "room-b-mezzanine"],
        );
        check(&["大ホール"], &["x-95cf3d9cbc"]);
    }

    proptest! {
        #[test]
        fn every_name_has_its_own_id(names in proptest::collection::btree_set("\\PC{1,80}|[ a-cA-C-]{1,4}", 1..20)) {
            let ids = ids_for(names.iter().map(String::as_str));
            let distinct: BTreeSet<&String> = ids.values().collect();
            prop_assert_eq!(distinct.len(), names.len());
            prop_assert!(ids.values().all(|id| is_id(id)));
        }
    }
}
