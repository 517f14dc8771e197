//! `attendance confirm|deny|correct|withdraw|list|reasons`: what people say of somebody's attendance.

use std::path::Path;

use protocol::signals::RowKind;
use protocol::text::instant;

use super::arguments::{Attendance, Correction, OnSession, Who, Why, Withdrawal};
use super::import::read;
use super::output::{Ended, Exit, Failure, say, table};
use super::premises::Premises;
use crate::imports::said::{self, Because, Word, is_overtaken, words_of};
use crate::reasons::About;
use crate::sources::platforms::written_time;
use crate::sources::zone_named;
use crate::store::signals::ObservedFacts;

/// The reasons, which need no database.
pub(super) fn without_database(what: &Attendance) -> Result<Option<Exit>, Failure> {
    let Attendance::Reasons = what else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    for (name, about) in [
        ("confirm", About::Confirmation),
        ("deny", About::Denial),
        ("correct", About::Correction),
        ("withdraw", About::Withdrawal),
    ] {
        let reasons = about.reasons().iter();
        rows.extend(reasons.map(|(code, title)| [name, code, title].map(str::to_owned)));
    }
    table(["FOR", "REASON", "WHAT IT SAYS"], &rows)?;
    Ok(Some(Exit::Done))
}

pub(super) fn run(here: &Premises, what: Attendance) -> Ended {
    match what {
        Attendance::Confirm(OnSession { who, session, why }) => {
            word(here, &who, &Word::Confirmed(session), &why)
        }
        Attendance::Deny(OnSession { who, session, why }) => {
            word(here, &who, &Word::Denied(session), &why)
        }
        Attendance::Correct(correction) => correct(here, correction),
        Attendance::Withdraw(withdrawal) => withdraw(here, &withdrawal),
        Attendance::List { event, attendee } => list(here, &Who { event, attendee }),
        // Answered above.
        Attendance::Reasons => Ok(Exit::Done),
    }
}

/// The note of a file, without the line end that closes it; empty where no file is named.
pub(super) fn note(file: Option<&Path>) -> Result<String, Failure> {
    let Some(file) = file else {
        return Ok(String::new());
    };
    let text = String::from_utf8(read(file)?);
    let text = text.map_err(|_| {
        Failure::malformed(format!("{}: the note is no text in UTF-8", file.display()))
    })?;
    Ok(text.trim().to_owned())
}

fn correct(here: &Premises, correction: Correction) -> Ended {
    let Correction {
        who,
        room,
        came,
        left,
        why,
    } = correction;
    let zone = here.event(&who.event)?.zone;
    let zone = zone_named(&zone).map_err(|error| Failure::failed(error.to_string()))?;
    let time = |option: &str, text: &str| {
        written_time(text, zone).map_err(|error| Failure::usage(format!("{option}: {error}")))
    };
    let said = match (came, left) {
        (Some(came), None) => Word::CheckedIn(room, time("--in", &came)?),
        (None, Some(left)) => Word::CheckedOut(room, time("--out", &left)?),
        _ => return Err(Failure::usage("give either --in or --out")),
    };
    word(here, &who, &said, &why)
}

fn word(here: &Premises, who: &Who, word: &Word, why: &Why) -> Ended {
    here.event(&who.event)?;
    here.reviewer(&why.operator)?;
    let note = note(why.note_file.as_deref())?;
    let because = because(why, &note);
    let done = said::say(here.desk(), &who.event, &who.attendee, word, because)?;
    let Some(entry) = done else {
        say("This stands already; nothing was changed.")?;
        return Ok(Exit::Done);
    };
    say(format!("Said of {}: ledger entry {entry}.", who.attendee))?;
    settle(here)
}

fn because<'a>(why: &'a Why, note: &'a str) -> Because<'a> {
    Because {
        operator: &why.operator,
        reason: &why.reason,
        note,
    }
}

fn withdraw(here: &Premises, asked: &Withdrawal) -> Ended {
    let Withdrawal { who, word, why } = asked;
    here.event(&who.event)?;
    here.reviewer(&why.operator)?;
    let note = note(why.note_file.as_deref())?;
    let because = because(why, &note);
    let index = said::withdraw(here.desk(), &who.event, &who.attendee, *word, because)?;
    say(format!(
        "{}.{} is taken back: ledger entry {index}.",
        word.0, word.1
    ))?;
    settle(here)
}

/// Decides again whom it touches.
pub(super) fn settle(here: &Premises) -> Ended {
    let put_off = here.settle()?;
    if put_off > 0 {
        return Err(Failure::failed(format!(
            "{put_off} decisions that it touches could not be made again yet; the service tries on, and its alarms say why"
        )));
    }
    say("Whom it touches is decided again.")?;
    Ok(Exit::Done)
}

fn list(here: &Premises, who: &Who) -> Ended {
    here.event(&who.event)?;
    let batches = here.store.signals(&who.event)?;
    let words = words_of(here.desk(), &who.event, &who.attendee)?;
    let rows = words.iter().map(|held| {
        let batch = batches.iter().find(|batch| batch.index == held.index);
        let operator = batch.and_then(|batch| batch.entry.operator.clone());
        [
            format!("{}.{}", held.index, held.row_number),
            spoken(held),
            held.row.reason.clone().unwrap_or_default(),
            operator.unwrap_or_default(),
            match held.retracted {
                None if is_overtaken(held, &words) => "overtaken".to_owned(),
                None => "counts".to_owned(),
                Some(by) => format!("taken back by {by}"),
            },
        ]
    });
    let rows: Vec<[String; 5]> = rows.collect();
    table(["WORD", "WHAT", "REASON", "BY", "STATE"], &rows)?;
    Ok(Exit::Done)
}

fn spoken(held: &ObservedFacts) -> String {
    let row = &held.row;
    let session = row.session.as_ref().map(|id| format!("session {id}"));
    let room = row.room.as_ref().map(|id| format!("room {id}"));
    let place = session
        .or(room)
        .or_else(|| row.channel.clone())
        .unwrap_or_default();
    let kind = match row.kind {
        RowKind::In => "came in",
        RowKind::Out => "left",
        other => other.as_str(),
    };
    if row.earliest == row.latest {
        format!("{kind}, {place}, {}", instant(row.earliest))
    } else {
        format!(
            "{kind}, {place}, {} to {}",
            instant(row.earliest),
            instant(row.latest)
        )
    }
}
