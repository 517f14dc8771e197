//! Who somebody may be whom a source knows and registrations do not: hints for a reviewer.
//!
//! Contract: pure. Nobody is matched here. A stable id or a verified address that one registration lists says by itself whose an account is;
//! what several list is theirs to choose among ([`Sign::Listed`]); a name or an address that only resembles one is a hint and no more.

use attendance::words::AttendeeId;
use strsim::osa_distance;

use crate::sources::observed::Label;

/// The most candidates of one account.
pub const MAX_CANDIDATES: usize = 6;
/// The longest text that is compared by its letters, in characters.
const MAX_COMPARED_CHARS: usize = 100;
/// How many letters near texts may differ in, and how long they must be for that.
const NEAR_LETTERS: usize = 2;
const NEAR_FROM_CHARS: usize = 6;

/// What speaks for a candidate, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Their registration lists an account of the person, and so does another's.
    Listed,
    /// The source shows their address, which it has not verified.
    SameAddress,
    /// The source shows their name.
    SameName,
    /// The source shows an address like theirs.
    NearAddress,
    /// The source shows a name like theirs.
    NearName,
}

impl Sign {
    /// Whether an id or an address speaks, and not only what resembles them.
    pub const fn is_of_account(self) -> bool {
        matches!(self, Self::Listed | Self::SameAddress)
    }

    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "their registration lists it, and so does another",
            Self::SameAddress => "the same address, not verified by the source",
            Self::SameName => "the same name",
            Self::NearAddress => "a similar address",
            Self::NearName => "a similar name",
        }
    }
}

/// Somebody registered, as far as candidates are compared.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// Who.
    pub attendee: &'a AttendeeId,
    /// Their full name.
    pub name: &'a str,
    /// Their address.
    pub email: Option<&'a str>,
}

/// Somebody whom an account may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub attendee: AttendeeId,
    /// What speaks for them, the strongest first; never empty.
    pub signs: Vec<Sign>,
}

/// The candidates for an account that a source shows as `label` and that the registrations of `listed` list: the strongest first, then by
/// id, at most [`MAX_CANDIDATES`].
pub fn candidates<'a>(
    listed: &[AttendeeId],
    label: Option<&Label>,
    people: impl IntoIterator<Item = Registered<'a>>,
) -> Vec<Candidate> {
    let shown_name = label.and_then(|label| label.name.as_deref()).map(words_of);
    let shown_email = label.and_then(|label| label.email.as_deref());
    let mut found: Vec<Candidate> = Vec::new();
    for person in people {
        let mut signs = Vec::new();
        if listed.contains(person.attendee) {
            signs.push(Sign::Listed);
        }
        // An address of an account that is listed says nothing more.
        if let (Some(shown), Some(own), true) = (shown_email, person.email, signs.is_empty()) {
            signs.extend(of_addresses(shown, own));
        }
        if let Some(shown) = &shown_name {
            signs.extend(of_names(shown, &words_of(person.name)));
        }
        if !signs.is_empty() {
            signs.sort();
            found.push(Candidate {
                attendee: person.attendee.clone(),
                signs,
            });
        }
    }
    found.sort_by(|a, b| (&a.signs, &a.attendee).cmp(&(&b.signs, &b.attendee)));
    found.truncate(MAX_CANDIDATES);
    found
}

/// Latin letters with marks, and the letters that people type for them.
const MARKED: &[(&str, &str)] = &[
    ("àáâãäåāăąạảấầẩẫậắằẳẵặ", "a"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęěẹẻẽếềểễệ", "e"),
    ("ĝğġģ", "g"),
    ("ìíîïĩīĭįıỉị", "i"),
    ("ķ", "k"),
    ("ĺļľł", "l"),
    ("ñńņň", "n"),
    ("òóôõöøōŏőơọỏốồổỗộớờởỡợ", "o"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ţťŧț", "t"),
    ("ùúûüũūŭůűųưụủứừửữự", "u"),
    ("ýÿŷỳỵỷỹ", "y"),
    ("źżž", "z"),
    ("ß", "ss"),
    ("æ", "ae"),
    ("œ", "oe"),
    ("þ", "th"),
];

fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.to_lowercase().chars() {
        match MARKED.iter().find(|(marked, _)| marked.contains(letter)) {
            Some((_, typed)) => plain.push_str(typed),
            None => plain.push(letter),
        }
    }
    plain
}

/// The words of a name in small letters without marks, by letters, so that their order does not matter.
fn words_of(name: &str) -> Vec<String> {
    let lower = plain(name);
    let parts = lower.split(|c: char| !c.is_alphanumeric());
    let mut words: Vec<String> = parts.filter(|w| !w.is_empty()).map(str::to_owned).collect();
    words.sort();
    words
}

fn of_names(shown: &[String], own: &[String]) -> Option<Sign> {
    if shown.is_empty() || own.is_empty() {
        return None;
    }
    if shown == own {
        return Some(Sign::SameName);
    }
    let is_near = is_near(&shown.join(" "), &own.join(" "));
    (is_near || is_shortened(shown, own)).then_some(Sign::NearName)
}

/// Whether one name is the other with words left out or cut to their beginning, one word being whole: `Zoë Ł.` of `Zoë Łukasik`.
fn is_shortened(a: &[String], b: &[String]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let begins = |word: &String| long.iter().any(|whole| whole.starts_with(word.as_str()));
    short.len() >= 2 && short.iter().all(begins) && short.iter().any(|word| long.contains(word))
}

fn of_addresses(shown: &str, own: &str) -> Option<Sign> {
    let (shown, own) = (shown.trim().to_lowercase(), own.trim().to_lowercase());
    if shown == own {
        return Some(Sign::SameAddress);
    }
    let local = |address: &str| address.split('@').next().unwrap_or_default().to_owned();
    let same_local = local(&shown) == local(&own) && local(&own).chars().count() >= NEAR_FROM_CHARS;
    (same_local || is_near(&shown, &own)).then_some(Sign::NearAddress)
}

/// Whether two texts differ in a few letters only.
fn is_near(a: &str, b: &str) -> bool {
    let (long_a, long_b) = (a.chars().count(), b.chars().count());
    let is_comparable = long_a.min(long_b) >= NEAR_FROM_CHARS
        && long_a.max(long_b) <= MAX_COMPARED_CHARS
        && long_a.abs_diff(long_b) <= NEAR_LETTERS;
    is_comparable && osa_distance(a, b) <= NEAR_LETTERS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PEOPLE: &[(&str, &str, Option<&str>)] = &[
        ("a-1", "Zoë Łukasik", Some("zoe.lukasik@example.org")),
        ("a-2", "Tom Baker", Some("desk@example.org")),
        ("a-3", "Tim Baker", Some("desk@example.org")),
        ("a-4", "Li Na", None),
    ];

    fn check(
        listed: &[&str],
        name: Option<&str>,
        email: Option<&str>,
        expected: &[(&str, &[Sign])],
    ) {
        let people: Vec<(AttendeeId, &str, Option<&str>)> = PEOPLE
            .iter()
            .map(|(id, name, email)| (id.parse().unwrap(), *name, *email))
            .collect();
        let people = people.iter().map(|(attendee, name, email)| Registered {
            attendee,
            name,
            email: *email,
        });
        let label = Label {
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
        };
        let listed: Vec<AttendeeId> = listed.iter().map(|id| id.parse().unwrap()).collect();
        let found = candidates(&listed, Some(&label), people);
        let found: Vec<(&str, &[Sign])> = found
            .iter()
            .map(|c| (c.attendee.as_str(), c.signs.as_slice()))
            .collect();
        assert_eq!(found, expected, "{name:?} {email:?}");
    }

    #[test]
    fn what_resembles_is_a_hint_the_strongest_first() {
        use Sign::{NearAddress, NearName, SameAddress, SameName};
        check(&[], None, None, &[]);
        check(&[], Some("Łukasik, Zoë"), None, &[("a-1", &[SameName])]);
        check(&[], Some("Zoe Lukasik"), None, &[("a-1", &[SameName])]);
        check(&[], Some("Zoe Lukasic"), None, &[("a-1", &[NearName])]);
        check(&[], Some("Zoë Ł."), None, &[("a-1", &[NearName])]);
        check(&[], Some("Zoë"), None, &[]);
        check(&[], Some("Z. Ł."), None, &[]);
        check(
            &[],
            Some("Tom Baker"),
            None,
            &[("a-2", &[SameName]), ("a-3", &[NearName])],
        );
        check(&[], Some("Li Mo"), None, &[]);
        check(
            &[],
            None,
            Some("Zoe.Lukasik@Example.ORG "),
            &[("a-1", &[SameAddress])],
        );
        check(
            &[],
            None,
            Some("zoe.lukasik@work.example"),
            &[("a-1", &[NearAddress])],
        );
        check(
            &[],
            None,
            Some("zoe.lukasic@example.org"),
            &[("a-1", &[NearAddress])],
        );
        check(&[], None, Some("desk@work.example"), &[]);
        check(
            &[],
            Some("Zoë Łukasik"),
            Some("desk@example.org"),
            &[
                ("a-2", &[SameAddress]),
                ("a-3", &[SameAddress]),
                ("a-1", &[SameName]),
            ],
        );
    }

    #[test]
    fn two_who_list_one_account_come_first_and_neither_alone() {
        use Sign::{Listed, SameName};
        check(
            &["a-2", "a-3"],
            Some("Tim Baker"),
            None,
            &[
                ("a-3", &[Listed, SameName]),
                ("a-2", &[Listed, Sign::NearName]),
            ],
        );
    }

    #[test]
    fn there_are_never_more_than_people_look_at() {
        let ids: Vec<AttendeeId> = (0..20)
            .map(|n| format!("a-{n:02}").parse().unwrap())
            .collect();
        let people = ids.iter().map(|attendee| Registered {
            attendee,
            name: "Ann Lee",
            email: None,
        });
        let label = Label {
            name: Some("Ann Lee".to_owned()),
            email: None,
        };
        let found = candidates(&[], Some(&label), people);
        assert_eq!(found.len(), MAX_CANDIDATES);
        assert_eq!(found[0].attendee.as_str(), "a-00");
    }
}
