//! Private notes beside ledger entries, in SQLite.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};
use rusqlite::params;

use super::super::notes::{NewNote, NoteFacts, NoteUnits};
use super::{Result, SqliteStore, Tx, events};

/// Keeps a note, where there is one, beside an entry that was just written.
pub(super) fn put(
    tx: &Tx<'_>,
    event: i64,
    entry: u64,
    note: Option<&NewNote>,
    now: UtcMs,
) -> Result<()> {
    if let Some(note) = note {
        tx.prepare_cached(
            "INSERT INTO note (event, entry, attendee, sealed, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            event,
            entry,
            note.attendee.as_str(),
            note.sealed,
            now.0
        ])?;
    }
    Ok(())
}

impl NoteUnits for SqliteStore {
    fn notes(&self, event: &EventId, attendee: &AttendeeId) -> Result<Vec<NoteFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT entry, sealed, at_ms FROM note WHERE event = ?1 AND attendee = ?2 ORDER BY entry",
            )?;
            let rows = statement.query_map(params![number, attendee.as_str()], |row| {
                Ok(NoteFacts {
                    index: row.get(0)?,
                    sealed: row.get(1)?,
                    at: UtcMs(row.get(2)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
