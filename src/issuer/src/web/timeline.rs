//! An attendee's day as a picture and as a table: session windows above, presence below. Pure.
//!
//! Contract: the picture is drawn in whole tenths of a pixel, so the same day gives the same bytes on every machine. What a
//! scan shows is solid; what a policy put there is hatched with a dashed edge; where the clock leaves a doubt the bar is
//! dotted; time of a session without presence is a dashed line, or an empty box where the rules gave it as grace; what of a
//! session does not count is crossed out. An end that was seen is a bar, one that a policy put there a ring. Below a room's
//! presence stands what each other source saw, a thin lane for each device. So it reads in grey and without colour. Every mark
//! of the picture is a row of the table.

mod svg;

use attendance::UtcMs;
use attendance::time::Interval;

pub(super) use svg::{Labels, draw};

/// A gap shorter than this is not drawn.
const GAP_LEAST_MS: i64 = 60_000;

/// A session's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) title: String,
    pub(super) room: String,
    pub(super) start: UtcMs,
    pub(super) end: UtcMs,
    /// What of it does not count, by start: breaks, and what lies between its parts.
    pub(super) uncounted: Vec<(UtcMs, UtcMs)>,
    /// How much may be missing at its beginning and at its end and counts, where some of it does; in milliseconds.
    pub(super) grace_ms: (i64, i64),
}

/// One end of a stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) at: Interval,
    /// The policy that put it there; none where a scan shows it.
    pub(super) policy: Option<String>,
}

/// A stay in a room. An end that nothing shows is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) room: String,
    /// Whether scans at doors show it; else another source reports it.
    pub(super) is_scanned: bool,
    pub(super) start: Option<Edge>,
    pub(super) end: Option<Edge>,
}

/// A scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) room: String,
    pub(super) at: Interval,
    pub(super) label: String,
}

/// What another source than a door saw of a room: by one device, where it tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) room: String,
    pub(super) label: String,
    /// From each way in to the next way out.
    pub(super) stays: Vec<Stay>,
    /// Everything it saw, by time.
    pub(super) marks: Vec<Mark>,
}

/// The most streams of a room that are drawn; the table has all.
pub(super) const MAX_STREAMS: usize = 8;

/// One local day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) windows: Vec<Window>,
    pub(super) stays: Vec<Stay>,
    pub(super) marks: Vec<Mark>,
    pub(super) streams: Vec<Stream>,
}

/// How sure a piece of presence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ink {
    /// Scans show both ends.
    Shown,
    /// Within the clock's doubt of an end.
    Doubt,
    /// A policy put an end there.
    Inferred,
    /// An end is not known at all.
    Open,
    /// A session's time without presence.
    Gap,
    /// A session's time without presence that the rules give.
    Graced,
}

/// A piece of a room's lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) ink: Ink,
    pub(super) from: UtcMs,
    pub(super) until: UtcMs,
}

/// How long an end that is not known is drawn.
const OPEN_MS: i64 = 5 * 60_000;

/// The pieces of one stay, by time. `now` bounds what is still going on.
pub(super) fn pieces(stay: &Stay, now: UtcMs) -> Vec<Piece> {
    let piece =
        |ink, from: UtcMs, until: UtcMs| (from < until).then_some(Piece { ink, from, until });
    let found = match (&stay.start, &stay.end) {
        (None, None) => vec![],
        (Some(start), None) => {
            let from = bounded(start.at).earliest;
            vec![piece(
                Ink::Open,
                from,
                now.max(from.plus_ms(OPEN_MS))
                    .min(from.plus_ms(6 * OPEN_MS)),
            )]
        }
        (None, Some(end)) => {
            let until = bounded(end.at).latest;
            vec![piece(Ink::Open, until.plus_ms(-OPEN_MS), until)]
        }
        (Some(start), Some(end)) => {
            // An end that may lie anywhere before or after is drawn as doubt to the edge of the picture.
            let (a, b) = (start.at, end.at);
            let is_inferred = start.policy.is_some() || end.policy.is_some();
            let ink = if is_inferred {
                Ink::Inferred
            } else {
                Ink::Shown
            };
            if a.latest < b.earliest {
                vec![
                    piece(Ink::Doubt, a.earliest, a.latest),
                    piece(ink, a.latest, b.earliest),
                    piece(Ink::Doubt, b.earliest, b.latest),
                ]
            } else {
                vec![piece(Ink::Doubt, a.earliest, b.latest)]
            }
        }
    };
    found.into_iter().flatten().collect()
}

/// An interval without its distant ends, which would be drawn from 1970 to 9999.
fn bounded(at: Interval) -> Interval {
    Interval {
        earliest: if at.earliest <= UtcMs::DISTANT_PAST {
            at.latest
        } else {
            at.earliest
        },
        latest: if at.latest >= UtcMs::DISTANT_FUTURE {
            at.earliest
        } else {
            at.latest
        },
    }
}

/// The gaps of a room's windows: time of a session that has passed, without presence. Rooms where nobody was seen have none:
/// somebody who did not come has no gap.
pub(super) fn gaps(windows: &[&Window], presence: &[Piece], now: UtcMs) -> Vec<Piece> {
    if presence.is_empty() {
        return vec![];
    }
    let mut covered: Vec<(UtcMs, UtcMs)> = presence.iter().map(|p| (p.from, p.until)).collect();
    covered.sort_unstable();
    let mut found = Vec::new();
    for window in windows {
        let end = window.end.min(now);
        let mut from = window.start;
        let mut gap = |from: UtcMs, until: UtcMs| {
            let (grace_in, grace_out) = window.grace_ms;
            let length = until.0 - from.0;
            let is_graced = (from == window.start && length <= grace_in)
                || (until == window.end && length <= grace_out);
            let ink = if is_graced { Ink::Graced } else { Ink::Gap };
            for (from, until) in without((from, until), &window.uncounted) {
                if until.0 - from.0 >= GAP_LEAST_MS {
                    found.push(Piece { ink, from, until });
                }
            }
        };
        let touching = covered
            .iter()
            .filter(|(a, b)| *a < window.end && window.start < *b);
        let mut has_presence = false;
        for (a, b) in touching {
            has_presence = true;
            gap(from, (*a).min(end));
            from = from.max(*b);
        }
        if has_presence {
            gap(from, end);
        }
    }
    found
}

/// What is left of a stretch without others, which stand by start.
fn without((from, until): (UtcMs, UtcMs), others: &[(UtcMs, UtcMs)]) -> Vec<(UtcMs, UtcMs)> {
    let (mut left, mut from) = (Vec::new(), from);
    for (start, end) in others {
        if from < *start {
            left.push((from, until.min(*start)));
        }
        from = from.max(*end);
        if until <= *start {
            break;
        }
    }
    if from < until {
        left.push((from, until));
    }
    left.retain(|(from, until)| from < until);
    left
}

impl Day {
    /// The rooms of the day, in the order in which they first appear.
    pub(super) fn rooms(&self) -> Vec<&str> {
        let named = self.windows.iter().map(|w| w.room.as_str());
        let all = named
            .chain(self.stays.iter().map(|s| s.room.as_str()))
            .chain(self.marks.iter().map(|m| m.room.as_str()))
            .chain(self.streams.iter().map(|s| s.room.as_str()));
        let mut rooms: Vec<&str> = Vec::new();
        for room in all {
            if !rooms.contains(&room) {
                rooms.push(room);
            }
        }
        rooms
    }

    /// The presence and the gaps of a room, by time.
    pub(super) fn lane(&self, room: &str, now: UtcMs) -> Vec<Piece> {
        let stays = self.stays.iter().filter(|s| s.room == room);
        let presence: Vec<Piece> = stays.flat_map(|s| pieces(s, now)).collect();
        let mut windows: Vec<&Window> = self.windows.iter().filter(|w| w.room == room).collect();
        windows.sort_by_key(|w| (w.start, w.end));
        let mut lane = presence.clone();
        lane.extend(gaps(&windows, &presence, now));
        lane.sort_by_key(|p| (p.from, p.until, p.ink));
        lane
    }

    /// The streams of a room, and how many more than are drawn.
    pub(super) fn streams_of<'a>(&'a self, room: &str) -> (Vec<&'a Stream>, usize) {
        let mut streams: Vec<&Stream> = self.streams.iter().filter(|s| s.room == room).collect();
        let more = streams.len().saturating_sub(MAX_STREAMS);
        streams.truncate(MAX_STREAMS);
        (streams, more)
    }

    /// From when until when the picture shows, with a margin; `None` for a day without anything.
    pub(super) fn extent(&self, now: UtcMs) -> Option<(UtcMs, UtcMs)> {
        let windows = self.windows.iter().flat_map(|w| [w.start, w.end]);
        let streamed = self.streams.iter().flat_map(|s| &s.stays);
        let stays = self
            .stays
            .iter()
            .chain(streamed)
            .flat_map(|s| pieces(s, now))
            .flat_map(|p| [p.from, p.until]);
        let streamed = self.streams.iter().flat_map(|s| &s.marks);
        let marks = self
            .marks
            .iter()
            .chain(streamed)
            .map(|m| bounded(m.at))
            .flat_map(|at| [at.earliest, at.latest]);
        let is_known = |at: &UtcMs| (UtcMs::DISTANT_PAST < *at) && (*at < UtcMs::DISTANT_FUTURE);
        let all = windows.chain(stays).chain(marks).filter(is_known);
        let all: Vec<UtcMs> = all.collect();
        let (first, last) = (*all.iter().min()?, *all.iter().max()?);
        let margin = ((last.0 - first.0) / 40).max(1_000);
        Some((first.plus_ms(-margin), last.plus_ms(margin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;
    const BASE: i64 = 1_795_421_100_000;

    fn at(min: i64) -> UtcMs {
        UtcMs(BASE + min * MIN)
    }

    fn sure(min: i64) -> Option<Edge> {
        Some(Edge {
            at: Interval::exactly(at(min)),
            policy: None,
        })
    }

    fn unsure(a: i64, b: i64) -> Option<Edge> {
        Some(Edge {
            at: Interval {
                earliest: at(a),
                latest: at(b),
            },
            policy: None,
        })
    }

    fn assumed(min: i64) -> Option<Edge> {
        Some(Edge {
            at: Interval::exactly(at(min)),
            policy: Some("session_end".into()),
        })
    }

    fn stay(start: Option<Edge>, end: Option<Edge>) -> Stay {
        Stay {
            room: "a".into(),
            is_scanned: true,
            start,
            end,
        }
    }

    #[track_caller]
    fn check(stay: &Stay, expected: &[(Ink, i64, i64)]) {
        let found: Vec<_> = pieces(stay, at(1_000))
            .iter()
            .map(|p| (p.ink, (p.from.0 - BASE) / MIN, (p.until.0 - BASE) / MIN))
            .collect();
        assert_eq!(found, expected, "{stay:?}");
    }

    #[test]
    fn a_stay_is_as_solid_as_what_shows_it() {
        check(&stay(sure(0), sure(50)), &[(Ink::Shown, 0, 50)]);
        check(
            &stay(unsure(0, 2), unsure(48, 50)),
            &[
                (Ink::Doubt, 0, 2),
                (Ink::Shown, 2, 48),
                (Ink::Doubt, 48, 50),
            ],
        );
        check(&stay(unsure(0, 30), unsure(20, 50)), &[(Ink::Doubt, 0, 50)]);
        check(&stay(unsure(0, 20), unsure(20, 50)), &[(Ink::Doubt, 0, 50)]);
        check(&stay(sure(0), assumed(50)), &[(Ink::Inferred, 0, 50)]);
        check(&stay(assumed(0), sure(50)), &[(Ink::Inferred, 0, 50)]);
        // The doubt of an end stays to be seen, whatever the other end rests on.
        check(
            &stay(unsure(0, 2), assumed(50)),
            &[(Ink::Doubt, 0, 2), (Ink::Inferred, 2, 50)],
        );
        check(&stay(sure(0), None), &[(Ink::Open, 0, 30)]);
        check(&stay(None, sure(50)), &[(Ink::Open, 45, 50)]);
        check(&stay(None, None), &[]);
        check(&stay(sure(5), sure(5)), &[]);
        let unknown = Some(Edge {
            at: Interval::UNKNOWN,
            policy: None,
        });
        let whole = pieces(&stay(unknown.clone(), unknown), at(0));
        assert_eq!(whole.len(), 1, "{whole:?}");
    }

    #[test]
    fn what_may_lie_anywhere_does_not_stretch_the_picture() {
        let before = |min: i64| {
            Some(Edge {
                at: Interval {
                    earliest: UtcMs::DISTANT_PAST,
                    latest: at(min),
                },
                policy: None,
            })
        };
        let day = Day {
            windows: vec![Window {
                title: "S".into(),
                room: "a".into(),
                start: at(0),
                end: at(60),
                uncounted: Vec::new(),
                grace_ms: (0, 0),
            }],
            stays: vec![stay(before(80), before(80))],
            ..Day::default()
        };
        assert_eq!(day.extent(at(200)), Some((at(-2), at(82))));
        let lane = day.lane("a", at(200));
        let inks: Vec<Ink> = lane.iter().map(|piece| piece.ink).collect();
        assert_eq!(
            inks,
            [Ink::Doubt],
            "all of it is in doubt, and nothing is away"
        );
    }

    #[test]
    fn gaps_are_what_a_session_lacks() {
        let window = |a, b| Window {
            title: "S".into(),
            room: "a".into(),
            start: at(a),
            end: at(b),
            uncounted: Vec::new(),
            grace_ms: (0, 0),
        };
        let shown = |a, b| Piece {
            ink: Ink::Shown,
            from: at(a),
            until: at(b),
        };
        let check = |windows: &[Window], presence: &[Piece], now: i64, expected: &[(i64, i64)]| {
            let windows: Vec<&Window> = windows.iter().collect();
            let found: Vec<_> = gaps(&windows, presence, at(now))
                .iter()
                .map(|p| ((p.from.0 - BASE) / MIN, (p.until.0 - BASE) / MIN))
                .collect();
            assert_eq!(found, expected, "{presence:?}");
        };
        check(&[window(0, 60)], &[], 100, &[]);
        check(&[window(0, 60)], &[shown(-5, 65)], 100, &[]);
        check(
            &[window(0, 60)],
            &[shown(10, 30), shown(40, 60)],
            100,
            &[(0, 10), (30, 40)],
        );
        check(&[window(0, 60)], &[shown(0, 30)], 45, &[(30, 45)]);
        check(&[window(0, 60)], &[shown(0, 59)], 100, &[(59, 60)]);
        check(
            &[window(0, 60)],
            &[shown(0, 50), shown(10, 20)],
            100,
            &[(50, 60)],
        );
        // A session of the room that they did not come to is no gap.
        check(&[window(0, 60), window(90, 120)], &[shown(0, 60)], 200, &[]);
        let almost = Piece {
            until: UtcMs(at(60).0 - MIN + 1),
            ..shown(0, 1)
        };
        check(&[window(0, 60)], &[almost], 100, &[]);
        // A break is no gap, and one that a gap runs over parts it.
        let with_break = Window {
            uncounted: vec![(at(20), at(30)), (at(50), at(60))],
            ..window(0, 60)
        };
        check(
            std::slice::from_ref(&with_break),
            &[shown(0, 20)],
            100,
            &[(30, 50)],
        );
        check(&[with_break], &[shown(0, 10)], 100, &[(10, 20), (30, 50)]);
    }

    #[test]
    fn what_the_rules_give_is_no_gap() {
        let window = Window {
            title: "S".into(),
            room: "a".into(),
            start: at(0),
            end: at(60),
            uncounted: Vec::new(),
            grace_ms: (5 * MIN, 10 * MIN),
        };
        let check = |from: i64, until: i64, now: i64, expected: &[(Ink, i64, i64)]| {
            let presence = Piece {
                ink: Ink::Shown,
                from: at(from),
                until: at(until),
            };
            let found: Vec<_> = gaps(&[&window], &[presence], at(now))
                .iter()
                .map(|p| (p.ink, (p.from.0 - BASE) / MIN, (p.until.0 - BASE) / MIN))
                .collect();
            assert_eq!(found, expected);
        };
        check(5, 50, 100, &[(Ink::Graced, 0, 5), (Ink::Graced, 50, 60)]);
        check(6, 49, 100, &[(Ink::Gap, 0, 6), (Ink::Gap, 49, 60)]);
        // While it runs, nobody knows yet whether they come back.
        check(0, 50, 55, &[(Ink::Gap, 50, 55)]);
    }

    #[test]
    fn a_day_shows_all_it_holds() {
        let day = Day {
            windows: vec![Window {
                title: "S".into(),
                room: "a".into(),
                start: at(0),
                end: at(80),
                uncounted: Vec::new(),
                grace_ms: (0, 0),
            }],
            streams: vec![Stream {
                room: "d".into(),
                label: "platform".into(),
                stays: vec![stay(sure(0), sure(90))],
                marks: Vec::new(),
            }],
            stays: vec![Stay {
                room: "b".into(),
                ..stay(sure(-20), sure(0))
            }],
            marks: vec![Mark {
                room: "c".into(),
                at: Interval::exactly(at(100)),
                label: "in".into(),
            }],
        };
        assert_eq!(day.rooms(), ["a", "b", "c", "d"]);
        assert_eq!(day.extent(at(0)), Some((at(-23), at(103))));
        assert_eq!(Day::default().extent(at(0)), None);
    }
}
