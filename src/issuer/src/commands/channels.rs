//! `channel add`, `channel list`.

use attendance::words::{EventId, RoomId};

use super::arguments::Channel;
use super::events::title;
use super::output::{Ended, Exit, Failure, say, table};
use super::premises::Premises;
use crate::imports::agenda::current;
use crate::imports::channels::put_channel;

/// The most rooms of a channel.
const MAX_ROOMS: usize = 32;

pub(super) fn run(here: &Premises, what: Channel) -> Ended {
    match what {
        Channel::Add {
            event,
            channel,
            title,
            rooms,
        } => add(here, &event, channel, &title, rooms),
        Channel::List { event } => list(here, &event),
    }
}

fn add(here: &Premises, event: &EventId, id: String, named: &str, rooms: Vec<RoomId>) -> Ended {
    here.event(event)?;
    if rooms.len() > MAX_ROOMS {
        return Err(Failure::usage(format!(
            "--room: a channel has at most {MAX_ROOMS} rooms"
        )));
    }
    let channel = protocol::agenda::Channel {
        id,
        title: title("--title", named)?,
        rooms,
    };
    let said = match put_channel(here.desk(), event, &channel)? {
        Some(_) => format!(
            "What is seen in {} counts in {}.",
            channel.id,
            joined(&channel.rooms)
        ),
        None => format!(
            "The channel {} is so already; nothing was changed.",
            channel.id
        ),
    };
    say(said)?;
    Ok(Exit::Done)
}

fn joined(rooms: &[RoomId]) -> String {
    let rooms: Vec<&str> = rooms.iter().map(RoomId::as_str).collect();
    rooms.join(", ")
}

fn list(here: &Premises, event: &EventId) -> Ended {
    here.event(event)?;
    let agenda = current(here.desk(), event)?;
    let channels = agenda.map_or_else(Vec::new, |agenda| agenda.channels);
    let rows = channels
        .into_iter()
        .map(|c| [c.id, c.title, joined(&c.rooms)]);
    table(["CHANNEL", "TITLE", "ROOMS"], &rows.collect::<Vec<_>>())?;
    Ok(Exit::Done)
}
