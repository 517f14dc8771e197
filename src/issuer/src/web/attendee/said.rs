//! What people said of an attendee's attendance: shown, and said or taken back by those who may.
//!
//! Promises: each form leads to a ledger entry with who, when and why, or to the sentence that says why not; a form that is sent twice leaves
//! one word; notes are opened for this page and kept nowhere.

use attendance::UtcMs;
use attendance::words::AttendeeId;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use protocol::agenda::Agenda;
use protocol::ledger::{self, LedgerBody};
use protocol::signals::RowKind;
use serde::Deserialize;

use super::super::Pages;
use super::super::fault::{Fault, Outcome, outcome};
use super::super::words::Zone;
use super::After;
use crate::access::Signed;
use crate::imports::notes::{self, Topic};
use crate::imports::said::{self, Because, Word, is_overtaken, words_of};
use crate::reasons::{self, About, Reason};
use crate::sources::platforms::written_time;
use crate::sources::zone_named;
use crate::store::events::EventFacts;
use crate::store::notes::NoteFacts;
use crate::store::people::AttendeeFacts;
use crate::store::signals::ObservedFacts;

/// What a form said that was not taken, so that nobody types it twice.
#[derive(Clone, Default, Deserialize)]
pub(in super::super) struct Tried {
    #[serde(default)]
    form: String,
    #[serde(default)]
    pub(super) word: String,
    #[serde(default)]
    pub(super) session: String,
    #[serde(default)]
    pub(super) room: String,
    #[serde(default)]
    pub(super) at: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) note: String,
    /// The word to take back, by entry and row.
    #[serde(default)]
    entry: u64,
    #[serde(default)]
    row: u32,
    #[serde(skip)]
    pub(super) fault: String,
}

pub(super) struct Choice {
    pub(super) id: String,
    pub(super) title: String,
}

pub(super) struct WordRow {
    pub(super) what: String,
    pub(super) when: String,
    pub(super) why: String,
    pub(super) note: String,
    pub(super) said: String,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    /// How it was taken back.
    pub(super) back: String,
    pub(super) entry: u64,
    pub(super) row: u32,
    pub(super) stands: bool,
}

pub(super) struct Said {
    pub(super) may_say: bool,
    pub(super) path: String,
    pub(super) words: Vec<WordRow>,
    pub(super) sessions: Vec<Choice>,
    pub(super) rooms: Vec<Choice>,
    pub(super) tried: Tried,
}

impl Said {
    pub(super) const CONFIRMATIONS: &'static [Reason] = About::Confirmation.reasons();
    pub(super) const DENIALS: &'static [Reason] = About::Denial.reasons();
    pub(super) const CORRECTIONS: &'static [Reason] = About::Correction.reasons();
    pub(super) const WITHDRAWALS: &'static [Reason] = About::Withdrawal.reasons();
}

/// Reads what was said of an attendee.
pub(super) fn view(
    pages: &Pages,
    signed: &Signed,
    event: &EventFacts,
    facts: &AttendeeFacts,
    agenda: Option<&Agenda>,
    now: UtcMs,
) -> Result<Said, Fault> {
    let zone = Zone::named(&event.zone);
    let words = words_of(pages.desk(), &event.id, &facts.attendee)?;
    let told = Told {
        notes: pages.store().notes(&event.id, &facts.attendee)?,
        pages,
        event,
        facts,
    };
    let batches = pages.store().signals(&event.id)?;
    let mut rows = Vec::with_capacity(words.len());
    for held in &words {
        let batch = batches.iter().find(|batch| batch.index == held.index);
        let by = batch.and_then(|batch| batch.entry.operator.as_deref());
        let (state, tone) = match (held.retracted, is_overtaken(held, &words)) {
            (Some(_), _) => ("taken back", "plain"),
            (None, true) => ("overtaken", "plain"),
            (None, false) => ("counts", "good"),
        };
        rows.push(WordRow {
            what: what(held, agenda),
            when: when(held, zone, now),
            why: reasons::title(held.row.reason.as_deref().unwrap_or_default()).to_owned(),
            note: told.beside(held.index).unwrap_or_default(),
            said: format!(
                "{}, {}",
                by.unwrap_or("nobody named"),
                zone.near(batch.map_or(held.row.latest, |batch| batch.at), now)
            ),
            state,
            tone,
            back: match held.retracted {
                Some(index) => taken_back(pages, event, index, &told)?,
                None => String::new(),
            },
            entry: held.index,
            row: held.row_number,
            stands: held.retracted.is_none(),
        });
    }
    Ok(Said {
        may_say: signed.may_review(),
        path: format!("/staff/{}/attendees/{}", event.id, facts.attendee),
        words: rows,
        sessions: agenda.map_or_else(Vec::new, |agenda| sessions(agenda, zone, now, false)),
        rooms: agenda.map_or_else(Vec::new, rooms),
        tried: Tried::default(),
    })
}

/// The sessions that can be chosen, by their start: those that have begun, or all.
pub(super) fn sessions(agenda: &Agenda, zone: Zone, now: UtcMs, all: bool) -> Vec<Choice> {
    let can_be = |session: &&protocol::agenda::Session| all || session.start <= now;
    let mut begun: Vec<_> = agenda.sessions.iter().filter(can_be).collect();
    begun.sort_by_key(|session| (session.start, &session.id));
    let choice = |session: &&protocol::agenda::Session| Choice {
        id: session.id.to_string(),
        title: format!("{}, {}", zone.near(session.start, now), session.title),
    };
    begun.iter().map(choice).collect()
}

fn rooms(agenda: &Agenda) -> Vec<Choice> {
    let choice = |room: &protocol::agenda::Room| Choice {
        id: room.id.to_string(),
        title: room.title.clone(),
    };
    agenda.rooms.iter().map(choice).collect()
}

fn what(held: &ObservedFacts, agenda: Option<&Agenda>) -> String {
    let row = &held.row;
    let session = row.session.as_ref().map(|id| {
        let known = agenda.and_then(|a| a.sessions.iter().find(|s| s.id == *id));
        known.map_or_else(|| id.to_string(), |s| s.title.clone())
    });
    let room = row
        .room
        .as_ref()
        .map(|id| super::days::room_title(agenda, id));
    let place = session
        .or(room)
        .or_else(|| row.channel.clone())
        .unwrap_or_default();
    match row.kind {
        RowKind::Confirmed => format!("Attended {place}"),
        RowKind::Denied => format!("Did not attend {place}"),
        RowKind::In => format!("Came into {place}"),
        RowKind::Out => format!("Left {place}"),
        other => format!("{}: {place}", super::words::sentence(other.as_str())),
    }
}

fn when(held: &ObservedFacts, zone: Zone, now: UtcMs) -> String {
    let row = &held.row;
    match row.kind {
        RowKind::Confirmed | RowKind::Denied => String::new(),
        _ if row.earliest == row.latest => zone.near(row.earliest, now),
        _ => format!(
            "between {} and {}",
            zone.near(row.earliest, now),
            zone.seconds(row.latest)
        ),
    }
}

/// The notes about somebody, opened only where they are shown.
struct Told<'a> {
    notes: Vec<NoteFacts>,
    pages: &'a Pages,
    event: &'a EventFacts,
    facts: &'a AttendeeFacts,
}

impl Told<'_> {
    /// The note beside an entry of the ledger.
    fn beside(&self, index: u64) -> Option<String> {
        let note = self.notes.iter().find(|note| note.index == index)?;
        let keys = &self.pages.0.keys;
        let note = (Topic::Attendance, note);
        let text = notes::open(keys, &self.event.id, self.facts, note)?;
        Some(text.to_string())
    }
}

/// Who took a word back, and why: as the ledger has it.
fn taken_back(
    pages: &Pages,
    event: &EventFacts,
    index: u64,
    told: &Told<'_>,
) -> Result<String, Fault> {
    let entry = pages.store().ledger_entries(&event.id, index, 1)?;
    let bytes = entry.into_iter().next().and_then(|entry| entry.bytes);
    let parsed = bytes.and_then(|bytes| ledger::parse(&bytes).ok());
    let Some(LedgerBody::Retraction(body)) = parsed.map(|parsed| parsed.body) else {
        return Ok(format!("entry {index}"));
    };
    let note = told.beside(index).map(|note| format!(" “{note}”"));
    Ok(format!(
        "by {}: {}{}, entry {index}",
        body.operator,
        reasons::title(&body.reason),
        note.unwrap_or_default()
    ))
}

fn word_of(tried: &Tried, event: &EventFacts) -> Result<Word, String> {
    let session = || {
        let id = tried.session.parse();
        id.map_err(|_| "no session is chosen: choose one".to_owned())
    };
    let crossing = || {
        let room = tried.room.parse();
        let room = room.map_err(|_| "no room is chosen: choose one".to_owned())?;
        let zone = zone_named(&event.zone).map_err(|error| error.to_string())?;
        Ok::<_, String>((room, written_time(&tried.at, zone)?))
    };
    match tried.word.as_str() {
        "confirmed" => Ok(Word::Confirmed(session()?)),
        "denied" => Ok(Word::Denied(session()?)),
        "in" => crossing().map(|(room, at)| Word::CheckedIn(room, at)),
        "out" => crossing().map(|(room, at)| Word::CheckedOut(room, at)),
        _ => Err("it is not chosen what is said: choose it".to_owned()),
    }
}

fn because<'a>(signed: &'a Signed, tried: &'a Tried) -> Because<'a> {
    Because {
        operator: &signed.account.id,
        reason: &tried.reason,
        note: &tried.note,
    }
}

pub(in super::super) async fn say(
    State(pages): State<Pages>,
    signed: Signed,
    Path((event, attendee)): Path<(String, String)>,
    Form(tried): Form<Tried>,
) -> Result<Response, Fault> {
    put(
        pages,
        signed,
        (event, attendee),
        tried,
        |pages, signed, event, attendee, tried| {
            let word = match word_of(tried, event) {
                Ok(word) => word,
                Err(why) => return Ok(Err(why)),
            };
            let because = because(signed, tried);
            let said = said::say(pages.desk(), &event.id, attendee, &word, because);
            outcome(said, |entry| if entry.is_some() { "said" } else { "known" })
        },
    )
    .await
}

pub(in super::super) async fn withdraw(
    State(pages): State<Pages>,
    signed: Signed,
    Path((event, attendee)): Path<(String, String)>,
    Form(tried): Form<Tried>,
) -> Result<Response, Fault> {
    put(
        pages,
        signed,
        (event, attendee),
        tried,
        |pages, signed, event, attendee, tried| {
            let place = (tried.entry, tried.row);
            let because = because(signed, tried);
            let back = said::withdraw(pages.desk(), &event.id, attendee, place, because);
            outcome(back, |_| "back")
        },
    )
    .await
}

type Act = fn(&Pages, &Signed, &EventFacts, &AttendeeId, &Tried) -> Outcome<&'static str>;

async fn put(
    pages: Pages,
    signed: Signed,
    (event, attendee): (String, String),
    tried: Tried,
    act: Act,
) -> Result<Response, Fault> {
    if !signed.may_review() {
        return Err(Fault::Forbidden);
    }
    signed.check_form(&tried.form)?;
    super::answer(
        pages,
        event,
        attendee,
        "said",
        move |pages, event, attendee| {
            let done = act(pages, &signed, event, attendee, &tried)?;
            let after = |fault: String| After {
                said: Tried {
                    fault,
                    ..tried.clone()
                },
                ..After::default()
            };
            Ok((done.map_err(after), signed))
        },
    )
    .await
}
