//! Signed tickets that the roster does not list: a shop sold them after the bundle was made.
//!
//! Promises: a ticket counts where one of the event's ticket keys signed it and it may hold now, whoever's it is; the issuer decides that by
//! its digest. A badge that was taken back stays so, whatever signed it. What looks like a ticket and is refused is an unknown badge, and a
//! note right after the scan says why: `ticket_unsigned`, `ticket_malformed`, `ticket_early` or `ticket_expired`.

use attendance::time::Interval;
use protocol::entry::Note;
use protocol::ticket::{self, TicketError};

use super::Door;

/// What a text comes to as a signed ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// It is none, or the event has none.
    No,
    /// It may hold now.
    Holds,
    /// It is refused, with the note's code.
    Refused(&'static str),
}

impl Door {
    /// What a badge's text comes to where the roster does not list it.
    pub(super) fn signed(&self, text: &str, at: Interval) -> Signed {
        let keys = self.roster.ticket_keys();
        if keys.is_empty() {
            return Signed::No;
        }
        match ticket::open(text, keys) {
            Err(TicketError::NotOne) => Signed::No,
            Err(TicketError::Unsigned) => Signed::Refused("ticket_unsigned"),
            Err(TicketError::Malformed) => Signed::Refused("ticket_malformed"),
            Ok(ticket) if ticket.valid_from.is_some_and(|from| at.latest < from) => {
                Signed::Refused("ticket_early")
            }
            Ok(ticket) if ticket.valid_until.is_some_and(|until| until <= at.earliest) => {
                Signed::Refused("ticket_expired")
            }
            Ok(_) => Signed::Holds,
        }
    }
}

impl Signed {
    /// The note that follows the scan at this index, where one does.
    pub(super) fn note(self, index: u64) -> Option<Note> {
        let Self::Refused(code) = self else {
            return None;
        };
        let scan = i64::try_from(index).unwrap_or(i64::MAX);
        Some(Note {
            code: code.to_owned(),
            numbers: [("scan".to_owned(), scan)].into(),
        })
    }
}
