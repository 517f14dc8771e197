//! The issuer's word on presence in a scan's prior, as signals for provisional decisions.
//!
//! Contract: pure. What a door was told stands in its log, so what it made of that can be made again from the log. The issuer itself
//! decides on scans and on what other sources saw, never on these.

use std::sync::Arc;

use attendance::time::{Interval, Quality};
use attendance::words::{Direction, DirectionSource, Kind, RoomId, Signal, SignalId, Source};

use crate::entry::{Prior, PriorSource};

/// What follows `log` in the names of signals that rest on the issuer's word.
const TOLD: &str = "/told";

/// What a door makes of the issuer's word in a scan's prior, for its provisional decisions: the attendee came into the room
/// when the issuer says so; and where the door's own check-in is superseded, they left at some time between that and what
/// followed. Nothing where the prior is the door's own.
///
/// `index`, `rooms` and `at` are the scan's; `own` is when the entry at the prior's index was, where there is one.
pub fn from_prior(
    log: &str,
    index: u64,
    prior: &Prior,
    rooms: &[RoomId],
    at: Interval,
    own: Option<Interval>,
) -> Vec<Signal> {
    if prior.source != PriorSource::Issuer {
        return Vec::new();
    }
    let told: Arc<str> = format!("{log}{TOLD}").into();
    // Of one scan's two the leaving comes first.
    let signal = |place: u64, direction, rooms: &[RoomId], at| Signal {
        id: SignalId {
            log: Arc::clone(&told),
            index: index.saturating_mul(2).saturating_add(place),
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        },
        rooms: rooms.to_vec(),
        session: None,
        device: None,
        at,
        quality: Quality::Bounded,
        tick: None,
    };
    let mut signals = Vec::new();
    let since = prior.room.as_ref().and(prior.since);
    if let Some(own) = own {
        let gap = Interval {
            earliest: own.latest.plus_ms(1),
            latest: since.unwrap_or(at.earliest).plus_ms(-1),
        };
        if gap.earliest <= gap.latest {
            signals.push(signal(0, Direction::Out, rooms, gap));
        }
    }
    if let (Some(room), Some(since)) = (&prior.room, since) {
        let room = std::slice::from_ref(room);
        signals.push(signal(1, Direction::In, room, Interval::exactly(since)));
    }
    signals
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use attendance::UtcMs;

    fn between(earliest: i64, latest: i64) -> Interval {
        Interval {
            earliest: UtcMs(earliest),
            latest: UtcMs(latest),
        }
    }

    /// The signals of a prior in a scan at 90 to 95: direction, room, time.
    #[track_caller]
    fn check(prior: &Prior, own: Option<Interval>, expected: &[(Direction, &str, Interval)]) {
        let hall: RoomId = "hall".parse().unwrap();
        let signals = from_prior("log", 7, prior, &[hall], between(90, 95), own);
        let told: Vec<_> = signals
            .iter()
            .map(|signal| (signal.direction(), signal.rooms[0].as_str(), signal.at))
            .collect();
        assert_eq!(told, expected);
        assert!(
            signals
                .iter()
                .all(|signal| signal.id.log.as_ref() == "log/told" && signal.id.index / 2 == 7)
        );
        assert!(signals.is_sorted_by_key(|signal| signal.id.index));
    }

    #[test]
    fn the_issuers_word_is_a_beginning_and_what_it_supersedes_ended_somewhere() {
        use Direction::{In, Out};
        let said = |room: Option<&str>, since: Option<i64>| Prior {
            room: room.map(|room| room.parse().unwrap()),
            source: PriorSource::Issuer,
            index: None,
            since: since.map(UtcMs),
        };
        let exactly = |at| Interval::exactly(UtcMs(at));
        let own = Some(between(10, 12));
        check(
            &said(Some("foyer"), Some(40)),
            None,
            &[(In, "foyer", exactly(40))],
        );
        check(
            &said(Some("hall"), Some(40)),
            own,
            &[(Out, "hall", between(13, 39)), (In, "hall", exactly(40))],
        );
        check(&said(None, None), own, &[(Out, "hall", between(13, 89))]);
        check(&said(None, None), None, &[]);
        // Nothing lies between, or nothing is said of the time.
        check(
            &said(Some("hall"), Some(13)),
            own,
            &[(In, "hall", exactly(13))],
        );
        check(&said(Some("hall"), None), None, &[]);
        let doors = Prior {
            source: PriorSource::Door,
            ..said(Some("hall"), Some(40))
        };
        check(&doors, own, &[]);
    }
}
