//! What other sources than doors saw of an attendee, a stream for each device: for the picture and its table.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::{Direction, Kind, RoomId, Signal, Source};
use chrono::NaiveDate;
use protocol::agenda::Agenda;

use super::super::timeline::{Edge, Mark, Stay, Stream};

/// The longest name of a device that is shown, in characters: some platforms have very long ones.
const MAX_DEVICE_CHARS: usize = 16;
/// A sign of life, as marks name it.
pub(super) const BEAT: &str = "beat";

/// The streams of each local day, by room and name.
pub(super) fn streams(
    signals: &[Signal],
    agenda: &Agenda,
    title: &dyn Fn(&RoomId) -> String,
    day: &dyn Fn(UtcMs) -> NaiveDate,
) -> BTreeMap<NaiveDate, Vec<Stream>> {
    let mut sorted: Vec<&Signal> = signals.iter().collect();
    sorted.sort_by_key(|signal| (signal.at, &signal.id));
    let mut found: BTreeMap<(NaiveDate, String, String), Stream> = BTreeMap::new();
    for signal in sorted {
        let session = signal.session.as_ref();
        let session = session.and_then(|id| agenda.sessions.iter().find(|s| s.id == *id));
        let room = session.map(|s| &s.room).or(signal.rooms.first());
        let Some(room) = room.map(title) else {
            continue;
        };
        let label = label(signal);
        let key = (day(signal.at.earliest), room.clone(), label.clone());
        let stream = found.entry(key).or_insert_with(|| Stream {
            room: room.clone(),
            label,
            stays: Vec::new(),
            marks: Vec::new(),
        });
        add(stream, signal);
    }
    let mut by_day: BTreeMap<NaiveDate, Vec<Stream>> = BTreeMap::new();
    for ((date, _, _), stream) in found {
        by_day.entry(date).or_default().push(stream);
    }
    by_day
}

/// Whose word it is: the kind of source, and the device where it tells them apart.
fn label(signal: &Signal) -> String {
    let source = match signal.source {
        Source::Platform => "platform",
        Source::App => "another app",
        Source::Person => "staff",
        Source::Claim => "their own word",
        Source::Scan => "door",
    };
    match signal.device.as_deref() {
        None => source.to_owned(),
        Some(device) => {
            let mut shown: String = device.chars().take(MAX_DEVICE_CHARS).collect();
            if shown.len() < device.len() {
                shown.push('…');
            }
            format!("{source}, device {shown}")
        }
    }
}

fn add(stream: &mut Stream, signal: &Signal) {
    let edge = || {
        Some(Edge {
            at: signal.at,
            policy: None,
        })
    };
    let label = match &signal.kind {
        Kind::Crossing { direction, .. } => {
            let room = stream.room.clone();
            match (direction, stream.stays.last_mut()) {
                (Direction::In, _) => stream.stays.push(Stay {
                    room,
                    is_scanned: false,
                    start: edge(),
                    end: None,
                }),
                (Direction::Out, Some(open)) if open.end.is_none() => open.end = edge(),
                (Direction::Out, _) => stream.stays.push(Stay {
                    room,
                    is_scanned: false,
                    start: None,
                    end: edge(),
                }),
                (Direction::Seen, _) => {}
            }
            direction.as_str()
        }
        Kind::Heartbeat => BEAT,
        Kind::Poll { .. } => "poll",
        Kind::Confirmed => "confirmed",
        Kind::Denied => "denied",
        Kind::Attested => "attested",
    };
    stream.marks.push(Mark {
        room: stream.room.clone(),
        at: signal.at,
        label: label.to_owned(),
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use attendance::Interval;
    use attendance::time::Quality;
    use attendance::words::{DirectionSource, SignalId};
    use protocol::agenda::Session;

    fn signal(minute: i64, device: Option<&str>, kind: Kind) -> Signal {
        Signal {
            id: SignalId {
                log: "x/event/y".into(),
                index: 1,
                row: Some(u32::try_from(minute).unwrap()),
            },
            source: Source::Platform,
            kind,
            rooms: vec!["hall".parse().unwrap()],
            session: None,
            device: device.map(Into::into),
            at: Interval::exactly(UtcMs(minute * 60_000)),
            quality: Quality::Anchored,
            tick: None,
        }
    }

    fn way(direction: Direction) -> Kind {
        Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        }
    }

    /// `room/label: stays; marks` of each stream.
    fn shown(signals: &[Signal]) -> Vec<String> {
        let mut agenda = Agenda::empty("UTC");
        agenda.sessions.push(Session::plain(
            "one".parse().unwrap(),
            "loft".parse().unwrap(),
            UtcMs(0),
            UtcMs(1),
        ));
        let day = |_: UtcMs| NaiveDate::default();
        let found = streams(signals, &agenda, &|room| room.to_string(), &day);
        let time = |edge: &Option<Edge>| {
            edge.as_ref().map_or_else(
                || "?".to_owned(),
                |e| (e.at.earliest.0 / 60_000).to_string(),
            )
        };
        found
            .into_values()
            .flatten()
            .map(|stream| {
                let stays = stream.stays.iter();
                let stays = stays.map(|s| format!("{}-{}", time(&s.start), time(&s.end)));
                let marks = stream.marks.iter().map(|mark| mark.label.clone());
                format!(
                    "{}/{}: {}; {}",
                    stream.room,
                    stream.label,
                    stays.collect::<Vec<_>>().join(" "),
                    marks.collect::<Vec<_>>().join(" ")
                )
            })
            .collect()
    }

    #[test]
    fn each_device_is_a_stream_of_its_own() {
        let (laptop, phone) = (Some("1001"), Some("a-name-of-more-than-sixteen"));
        let poll = Kind::Poll { poll: "q".into() };
        let mut of_session = signal(7, None, Kind::Confirmed);
        of_session.session = Some("one".parse().unwrap());
        of_session.source = Source::Person;
        let signals = [
            signal(9, laptop, way(Direction::Out)),
            signal(1, laptop, way(Direction::In)),
            signal(2, phone, way(Direction::Out)),
            signal(3, phone, way(Direction::In)),
            signal(4, phone, Kind::Heartbeat),
            signal(5, None, poll),
            of_session,
        ];
        assert_eq!(
            shown(&signals),
            [
                "hall/platform: ; poll",
                "hall/platform, device 1001: 1-9; in out",
                "hall/platform, device a-name-of-more-t…: ?-2 3-?; out in beat",
                "loft/staff: ; confirmed",
            ]
        );
    }
}
