//! Which doors a programme still waits for.
//!
//! Contract: pure. A door is complete for a programme when the time up to which its entries are all held has reached the
//! end of the programme's last session in its rooms, or when staff gave its missing entries up. A door that no kiosk was
//! ever enrolled at has no such time, so it is waited for until staff say that it does not count: nothing is assumed of
//! entries that nobody has seen.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::{DoorId, ProgrammeId};
use protocol::agenda::Agenda;

use crate::store::enrolment::KioskFacts;

/// The watermark of each door: the least of its enrolled kiosks'. A door is absent where one of them has none yet, or
/// where none is enrolled.
pub fn door_watermarks(
    kiosks: &[KioskFacts],
    watermarks: &[(attendance::words::KioskId, Option<UtcMs>)],
) -> BTreeMap<DoorId, UtcMs> {
    let of = |kiosk: &KioskFacts| {
        watermarks
            .iter()
            .find(|(id, _)| *id == kiosk.kiosk)
            .and_then(|(_, at)| *at)
    };
    let mut doors: BTreeMap<DoorId, Option<UtcMs>> = BTreeMap::new();
    for kiosk in kiosks.iter().filter(|k| k.retired.is_none()) {
        let own = of(kiosk);
        doors
            .entry(kiosk.door.clone())
            .and_modify(|at| *at = at.and_then(|at| own.map(|own| at.min(own))))
            .or_insert(own);
    }
    doors
        .into_iter()
        .filter_map(|(door, at)| Some((door, at?)))
        .collect()
}

/// The doors of a programme whose entries are not all held, by id.
pub fn incomplete_doors(
    agenda: &Agenda,
    programme: &ProgrammeId,
    watermarks: &BTreeMap<DoorId, UtcMs>,
    lost: &[DoorId],
) -> Vec<DoorId> {
    let mut waiting: Vec<DoorId> = agenda
        .doors_of(programme)
        .into_iter()
        .filter(|door| !lost.contains(&door.id))
        .filter(|door| {
            let end = agenda.last_end(programme, &door.rooms);
            match (end, watermarks.get(&door.id)) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(end), Some(reached)) => *reached < end,
            }
        })
        .map(|door| door.id.clone())
        .collect();
    waiting.sort();
    waiting
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use protocol::agenda::{Door, Programme, Room, Session};

    const END: i64 = 1_000;

    fn agenda() -> Agenda {
        let room = |id: &str| Room {
            id: id.parse().unwrap(),
            title: id.into(),
            part_of: None,
        };
        let door = |id: &str, rooms: &[&str]| Door {
            id: id.parse().unwrap(),
            title: id.into(),
            rooms: rooms.iter().map(|r| r.parse().unwrap()).collect(),
        };
        Agenda {
            v: 1,
            zone: "UTC".into(),
            rooms: vec![room("a"), room("b")],
            doors: vec![
                door("front", &["a"]),
                door("back", &["a", "b"]),
                door("side", &["b"]),
            ],
            channels: Vec::new(),
            sessions: vec![Session {
                title: "S".into(),
                programme: Some("p".parse().unwrap()),
                ..Session::plain(
                    "s".parse().unwrap(),
                    "a".parse().unwrap(),
                    UtcMs(0),
                    UtcMs(END),
                )
            }],
            programmes: vec![Programme {
                id: "p".parse().unwrap(),
                title: "P".into(),
                rules: None,
            }],
        }
    }

    #[track_caller]
    fn check(reached: &[(&str, i64)], lost: &[&str], waiting: &[&str]) {
        let watermarks = reached
            .iter()
            .map(|(d, at)| (d.parse().unwrap(), UtcMs(*at)))
            .collect();
        let lost: Vec<DoorId> = lost.iter().map(|d| d.parse().unwrap()).collect();
        let found = incomplete_doors(&agenda(), &"p".parse().unwrap(), &watermarks, &lost);
        assert_eq!(
            found.iter().map(DoorId::as_str).collect::<Vec<_>>(),
            waiting
        );
    }

    #[test]
    fn a_door_is_waited_for_until_its_entries_reach_the_end() {
        check(&[], &[], &["back", "front"]);
        check(&[("front", END), ("back", END - 1)], &[], &["back"]);
        check(&[("front", END), ("back", END)], &[], &[]);
        check(&[("front", END)], &["back"], &[]);
    }
}
