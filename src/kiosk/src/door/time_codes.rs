//! Time codes at the door: which ones are journalled.
//!
//! Promises: a code is taken only if this kiosk's issuer signed it, it is newer than every one taken before, and nothing the
//! door knows of time shows that it was too old to be shown. What is refused is noted by its reason, never dropped. Pure:
//! nothing changes before the entry is applied.

use attendance::UtcMs;
use attendance::time::CODE_AGE_MS;
use protocol::entry::{Body, Entry, Note, TimeCode};
use protocol::time_code::{self, TimeCodeError};

use super::{Door, Read, canonical, told_time};
use crate::screen::view::TimeAnswer;

/// What a time code comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// What is journalled: the code, or a note of why it was not taken.
    pub entry: Entry,
    /// What is shown after that.
    pub shown: TimeAnswer,
    /// The floor of time that the code proves, where it was taken.
    pub floor: Option<UtcMs>,
}

impl Door {
    /// What a text comes to that means to be a time code; `None` where it does not. `floor` is the floor of time in force.
    /// Changes nothing.
    pub fn time_code(&self, read: Read<'_>, floor: UtcMs) -> Option<Timed> {
        let text = canonical(read.text).unwrap_or(read.text);
        if !time_code::is_time_code(text) {
            return None;
        }
        let refused = |shown: TimeAnswer, code: &str, at: Option<UtcMs>| {
            let at = at.map(|at| ("at_ms".to_owned(), at.0));
            let note = Note {
                code: code.to_owned(),
                numbers: at.into_iter().collect(),
            };
            Timed {
                entry: Entry {
                    stamp: read.stamp.clone(),
                    body: Body::Note(note),
                },
                shown,
                floor: None,
            }
        };
        let code = match time_code::open(text, &self.owner.issuer_key) {
            Ok(code) => code,
            Err(error) => {
                let shown = match error {
                    TimeCodeError::Malformed => TimeAnswer::Unreadable,
                    TimeCodeError::Foreign | TimeCodeError::Unsigned => TimeAnswer::NotOurs,
                };
                return Some(refused(shown, error.code(), None));
            }
        };
        let at = Some(code.at);
        if self.newest_code.is_some_and(|newest| code.at <= newest) {
            return Some(refused(TimeAnswer::Old, "time_code_replayed", at));
        }
        let now = self.clock.place(self.next, read.stamp).at;
        if code.not_after(CODE_AGE_MS) < floor.max(now.earliest) {
            return Some(refused(TimeAnswer::Old, "time_code_stale", at));
        }
        let entry = Entry {
            stamp: read.stamp.clone(),
            body: Body::TimeCode(TimeCode {
                reader: read.reader.clone(),
                code: text.to_owned(),
            }),
        };
        // As it will be seen once the code counts.
        let mut after = self.clock.clone();
        after.observe(
            self.next,
            read.stamp,
            protocol::entry::mark(&entry, |_| None),
        );
        let placed = after.place(self.next, read.stamp).at;
        Some(Timed {
            entry,
            shown: TimeAnswer::Set {
                at_ms: told_time(placed, read.stamp).0,
            },
            floor: Some(code.not_before()),
        })
    }
}
