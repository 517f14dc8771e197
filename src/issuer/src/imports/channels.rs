//! Channels: where a platform holds what happens in rooms.
//!
//! Contract: a channel is named in the agenda, and so each is a new version of it; what was seen there before counts from then on, and
//! everybody is due again. What changes nothing writes nothing. Rooms must be the agenda's own: a channel without a known room counts
//! nowhere.

use attendance::words::EventId;
use protocol::agenda::{Channel, MAX_CHANNEL_BYTES};

use super::agenda::{change, in_force};
use super::{Desk, ImportFault, with_tries};
use crate::store::events::Versioned;

/// The format of such imports.
pub const CHANNEL: &str = "channel";
/// The code of the alarm that a place unknown to the agenda raises.
pub const UNKNOWN_PLACE: &str = "unknown_place";

/// Adds a channel or changes its title or rooms, and clears the alarm that named it. Gives the agenda's version; none where it was so
/// already.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn put_channel(
    desk: Desk<'_>,
    event: &EventId,
    channel: &Channel,
) -> Result<Option<u64>, ImportFault> {
    let is_named = (1..=MAX_CHANNEL_BYTES).contains(&channel.id.len())
        && !channel.id.chars().any(char::is_control);
    if !is_named {
        return Err(ImportFault::Refused(format!(
            "a channel's name has 1 to {MAX_CHANNEL_BYTES} bytes and no control character"
        )));
    }
    with_tries(|| {
        let Some((mut agenda, base)) = in_force(desk, event)? else {
            return Err(ImportFault::Refused(format!(
                "{event} has no agenda yet: import one first"
            )));
        };
        let unknown = |room: &&_| !agenda.rooms.iter().any(|held| held.id == **room);
        if let Some(room) = channel.rooms.iter().find(unknown) {
            return Err(ImportFault::Refused(format!(
                "the agenda has no room {room}: name rooms as the agenda does"
            )));
        }
        if agenda.channels.contains(channel) {
            return Ok(None);
        }
        agenda.channels.retain(|held| held.id != channel.id);
        agenda.channels.push(channel.clone());
        agenda.channels.sort_by(|a, b| a.id.cmp(&b.id));
        let change = change(desk, Some(base), &agenda)?;
        let entry = protocol::ledger::Import {
            what: Versioned::Agenda.as_str().to_owned(),
            format: CHANNEL.to_owned(),
            object: change.object,
            file: change.object,
            rows: 1,
            operator: None,
            reason: None,
        };
        let version = desk.store.import_agenda(event, &change, &entry, desk.now)?;
        for alarm in desk.store.alarms(event)? {
            if alarm.cleared.is_none() && alarm.code == UNKNOWN_PLACE && alarm.subject == channel.id
            {
                desk.store.clear_alarm(event, alarm.number, desk.now)?;
            }
        }
        Ok(Some(version))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::imports::agenda::{current, import};
    use crate::imports::testing::{Office, event_id};
    use crate::sources::agenda_csv;

    const AGENDA: &str =
        "session,title,room,start,end\ns1,One,hall,2026-10-31T09:00,2026-10-31T10:00\n";

    fn agenda(office: &Office) {
        let read = agenda_csv::read(AGENDA.as_bytes(), chrono_tz::Europe::Vienna).unwrap();
        let source = office.source(AGENDA.as_bytes());
        import(office.desk(), &event_id(), &read.import, source, false).unwrap();
    }

    fn channel(id: &str, room: &str) -> Channel {
        Channel {
            id: id.to_owned(),
            title: "Stream".to_owned(),
            rooms: vec![room.parse().unwrap()],
        }
    }

    #[test]
    fn a_channel_is_named_once_and_stays_when_the_agenda_is_imported_again() {
        let office = Office::new();
        let desk = office.desk();
        let stream = channel("zoom/1", "hall");
        let none = put_channel(desk, &event_id(), &stream);
        assert!(matches!(none, Err(ImportFault::Refused(_))));
        agenda(&office);
        let (store, event) = (&office.store, event_id());
        store
            .raise_alarm(&event, "zoom/1", UNKNOWN_PLACE, "kept", office.now)
            .unwrap();
        store
            .raise_alarm(&event, "zoom/2", UNKNOWN_PLACE, "kept", office.now)
            .unwrap();
        assert!(put_channel(desk, &event, &stream).unwrap().is_some());
        assert_eq!(put_channel(desk, &event, &stream).unwrap(), None);
        let alarms = store.alarms(&event).unwrap();
        let open = alarms.iter().filter(|alarm| alarm.cleared.is_none());
        let open: Vec<&str> = open.map(|alarm| alarm.subject.as_str()).collect();
        assert_eq!(open, ["zoom/2"]);
        agenda(&office);
        assert_eq!(current(desk, &event).unwrap().unwrap().channels, [stream]);
        for bad in [
            channel("zoom/3", "attic"),
            channel("", "hall"),
            channel("a\tb", "hall"),
        ] {
            let refused = put_channel(desk, &event, &bad);
            assert!(matches!(refused, Err(ImportFault::Refused(_))), "{bad:?}");
        }
    }
}
