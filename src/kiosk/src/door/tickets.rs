//! Badges and tickets that are signed and that the roster does not list: they were made after the bundle, or there is no roster.
//!
//! Promises: a signed badge counts where this issuer signed it for this event, a ticket where one of the event's ticket keys signed it, and
//! either where it may hold now, whoever's it is; the issuer decides that by its digest. A badge that was taken back stays so, whatever signed
//! it. What looks like one of them and is refused is an unknown badge, and a note right after the scan says why: `badge_` or `ticket_` and
//! `malformed`, `foreign`, `unsigned`, `early` or `expired`.

use attendance::time::Interval;
use protocol::entry::Note;
use protocol::signed_badge;
use protocol::ticket::{self, TicketError};

use super::Door;

/// What a text comes to by its signature.
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
        if signed_badge::is_signed_badge(text) {
            return self.signed_badge(text, at);
        }
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

    fn signed_badge(&self, text: &str, at: Interval) -> Signed {
        let Some(event) = &self.board.event else {
            return Signed::No;
        };
        match signed_badge::open(text, event, &self.owner.issuer_key) {
            Err(error) => Signed::Refused(error.code()),
            Ok(held) if held.from.is_some_and(|from| at.latest < from) => {
                Signed::Refused("badge_early")
            }
            Ok(held) if held.until.is_some_and(|until| until <= at.earliest) => {
                Signed::Refused("badge_expired")
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
