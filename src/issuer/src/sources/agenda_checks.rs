//! What holds for every agenda, whichever file it came from: windows that make sense, rooms that are not used twice at once.

use super::problem::{Findings, Problem};
use super::{AgendaImport, SessionRow};

/// Longer sessions are probably a wrong date.
const LONG_SESSION_MS: i64 = 16 * 60 * 60 * 1000;

/// Where a session stands in its file, for messages.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Row(u64),
    Path(String),
}

impl Place {
    pub(super) fn problem(&self, column: &str, value: &str, message: impl Into<String>) -> Problem {
        match self {
            Place::Row(row) => Problem::of_cell(*row, column, value, message),
            Place::Path(path) => Problem::at_path(&format!("{path}.{column}"), value, message),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Row(row) => write!(out, "row {row}"),
            Place::Path(path) => out.write_str(path),
        }
    }
}

/// Sorts the sessions and warns of windows that are odd but possible.
pub(super) fn finish(
    mut agenda: AgendaImport,
    places: Vec<Place>,
    columns: (&str, &str),
    findings: &mut Findings,
) -> AgendaImport {
    let (start_column, room_column) = columns;
    let mut placed: Vec<(SessionRow, Place)> = std::mem::take(&mut agenda.sessions)
        .into_iter()
        .zip(places)
        .collect();
    for (session, place) in &placed {
        if session.end_utc_ms.saturating_sub(session.start_utc_ms) > LONG_SESSION_MS {
            findings.warn(place.problem(
                start_column,
                "",
                "the session lasts more than 16 hours; check both dates",
            ));
        }
    }
    placed.sort_by(|(a, _), (b, _)| {
        (&a.room, a.start_utc_ms, &a.id).cmp(&(&b.room, b.start_utc_ms, &b.id))
    });
    // Of all sessions so far in this room, the one that ends last: enough to name one overlap for each session.
    let mut latest: Option<&(SessionRow, Place)> = None;
    for current in &placed {
        if let Some((before, before_place)) =
            latest.filter(|(before, _)| before.room == current.0.room)
        {
            if current.0.start_utc_ms < before.end_utc_ms {
                let message = format!(
                    "the session overlaps with {before_place} in one room: a scan there can count for either, and goes to \
                     review where that matters"
                );
                findings.warn(current.1.problem(room_column, &current.0.room, message));
            }
            if current.0.end_utc_ms > before.end_utc_ms {
                latest = Some(current);
            }
        } else {
            latest = Some(current);
        }
    }
    agenda.sessions = placed.into_iter().map(|(session, _)| session).collect();
    agenda
        .sessions
        .sort_by(|a, b| (a.start_utc_ms, &a.id).cmp(&(b.start_utc_ms, &b.id)));
    agenda.rooms.sort_by(|a, b| a.id.cmp(&b.id));
    agenda
}
