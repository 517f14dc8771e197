//! The `[signs]` table: when scans are a sign that a badge was not with its holder.

use serde::Deserialize;

use super::Fault;
use crate::review::signs::Limits;

/// The longest of its times, in seconds.
const MAX_S: u32 = 3_600;
/// The fewest and the most occasions.
const OCCASIONS: std::ops::RangeInclusive<u32> = 3..=100;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SignsText {
    pair_within_s: Option<u32>,
    pair_apart_s: Option<u32>,
    pair_occasions: Option<u32>,
    pair_share_per_cent: Option<u32>,
    walk_s: Option<u32>,
}

/// The limits, each its default where it is not written.
pub(super) fn check(written: &SignsText) -> Result<Limits, Fault> {
    let default = Limits::default();
    let time = |key: &'static str, written: Option<u32>| match written {
        Some(seconds) if !(1..=MAX_S).contains(&seconds) => Err(Fault::new(
            key,
            format!("is not between 1 and {MAX_S} seconds"),
        )),
        other => Ok(other.map(|seconds| u64::from(seconds) * 1_000)),
    };
    let occasions = written.pair_occasions.unwrap_or(default.pair_occasions);
    if !OCCASIONS.contains(&occasions) {
        return Err(Fault::new(
            "signs.pair_occasions",
            format!(
                "is not between {} and {}: fewer are an ordinary queue",
                OCCASIONS.start(),
                OCCASIONS.end()
            ),
        ));
    }
    let share = written
        .pair_share_per_cent
        .unwrap_or(default.pair_share_per_cent);
    if !(1..=100).contains(&share) {
        return Err(Fault::new(
            "signs.pair_share_per_cent",
            "is not between 1 and 100",
        ));
    }
    let within = time("signs.pair_within_s", written.pair_within_s)?;
    let apart = time("signs.pair_apart_s", written.pair_apart_s)?;
    let walk = time("signs.walk_s", written.walk_s)?;
    Ok(Limits {
        pair_within_ms: within.unwrap_or(default.pair_within_ms),
        pair_apart_ms: apart.unwrap_or(default.pair_apart_ms),
        pair_occasions: occasions,
        pair_share_per_cent: share,
        walk_ms: walk
            .and_then(|ms| i64::try_from(ms).ok())
            .unwrap_or(default.walk_ms),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn limits_are_bounded_and_have_defaults() {
        let read = |text: &str| check(&toml::from_str(text).unwrap());
        assert_eq!(read("").unwrap(), Limits::default());
        let set = read("pair_within_s = 2\npair_occasions = 9\nwalk_s = 60\n").unwrap();
        assert_eq!(
            (set.pair_within_ms, set.pair_occasions, set.walk_ms),
            (2_000, 9, 60_000)
        );
        for (text, key) in [
            ("pair_within_s = 0", "pair_within_s"),
            ("pair_apart_s = 3601", "pair_apart_s"),
            ("pair_occasions = 2", "pair_occasions"),
            ("pair_share_per_cent = 101", "pair_share_per_cent"),
            ("walk_s = 0", "walk_s"),
        ] {
            assert!(read(text).is_err(), "{key}");
        }
    }
}
