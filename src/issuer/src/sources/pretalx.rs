//! Agendas as pretalx's REST interface gives them, in saved pages, one or several after another in one file:
//!
//! - `schedules/latest/?expand=slots.room,slots.submission`, which holds everything, or
//! - pages of `slots/`, of `rooms/` and of `submissions/` together, or either with the other expanded within it.
//!
//! A session's id is its submission's code in small letters, so a session that moves keeps its identity; where a submission has
//! several slots, the first by time has the code and the others the code with `-2`, `-3`. Breaks are slots without a
//! submission. Rooms have ids made from their names, as of every other export. `submission_type` is the kind, where the file
//! says its name.
//!
//! Left out, and counted: slots without a time or a room, and those of submissions that are not confirmed. An agenda takes the
//! place of the one in force, so a file with some of the pages only is refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde_json::Value;

use super::agenda_checks::Place;
use super::agenda_draft::{self, Draft, Names, name_problem};
use super::json_pages::{self, Entry, Pages, localised};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::{AgendaImport, SessionRow, field, ids, local_time};

const SAVE_AGAIN: &str = "save /api/events/…/schedules/latest/?expand=slots.room,slots.submission again, whole, and import that \
                          file unchanged";
const NAMES: Names = Names {
    id: "submission",
    length: "end",
    room: "room",
    whole: "schedule",
    part: "slot",
};

/// Whether a value looks like this format's.
pub(super) fn looks_so(value: &Value) -> bool {
    Sort::of(value).is_some_and(|sort| sort != Sort::Type)
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Schedule,
    Slot,
    Submission,
    Room,
    Type,
}

impl Sort {
    fn of(value: &Value) -> Option<Self> {
        let has = |key: &str| value.get(key).is_some();
        if has("version") && has("slots") {
            Some(Self::Schedule)
        } else if has("start") && has("end") && has("room") {
            Some(Self::Slot)
        } else if has("code") && has("title") && has("state") {
            Some(Self::Submission)
        } else if has("default_duration") {
            Some(Self::Type)
        } else if has("name") && has("capacity") {
            Some(Self::Room)
        } else {
            None
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Schedule => "schedules",
            Self::Slot => "slots",
            Self::Submission => "submissions",
            Self::Room => "rooms",
            Self::Type => "submission types",
        }
    }
}

/// Reads saved pages. Times without an offset are in `zone`, the event's.
///
/// # Errors
/// [`ImportError`]; nothing is to be imported then. Faults are named by the path in the file.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<AgendaImport>, ImportError> {
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    let mut findings = Findings::default();
    let mut file = File::default();
    for entry in &pages.entries {
        file.take(entry, &mut findings);
    }
    file.check_whole(&pages, &mut findings);
    let mut draft = Draft::new(NAMES);
    for (path, room) in file.rooms.values() {
        let name = localised(room, "name").unwrap_or_default();
        if let Some(wrong) = draft.room(name) {
            findings.problem(Problem::at_path(&format!("{path}.name"), name, wrong));
        }
    }
    let mut sessions: Vec<(SessionRow, Place)> = Vec::new();
    for slot in file.slots.values() {
        if let Some(session) = file.session(slot, zone, &mut draft, &mut findings) {
            sessions.push((session, Place::Path(slot.path.clone())));
        }
    }
    number(&mut sessions);
    for (session, place) in sessions {
        draft.push(session, place, &mut findings)?;
    }
    draft.finish(file.version, None, findings)
}

/// One slot with the submission it stands in, where it stands in one.
struct Slot<'a> {
    path: String,
    value: &'a Value,
    within: Option<&'a Value>,
}

/// What the file holds, sorted by sort and without repetitions.
#[derive(Default)]
struct File<'a> {
    /// By their number.
    slots: BTreeMap<u64, Slot<'a>>,
    submissions: BTreeMap<&'a str, &'a Value>,
    rooms: BTreeMap<u64, (String, &'a Value)>,
    types: BTreeMap<u64, &'a Value>,
    version: Option<&'a str>,
    schedules: BTreeSet<String>,
    pages: BTreeMap<Sort, (BTreeSet<usize>, BTreeSet<String>)>,
}

impl<'a> File<'a> {
    fn take(&mut self, entry: &'a Entry, findings: &mut Findings) {
        let Entry { path, value, page } = entry;
        let Some(sort) = Sort::of(value) else {
            let message =
                format!("is no slot, submission, room or schedule of pretalx; {SAVE_AGAIN}");
            findings.problem(Problem::at_path(path, "", message));
            return;
        };
        if let Some(page) = page {
            let (pages, held) = self.pages.entry(sort).or_default();
            pages.insert(*page);
            let name = value.get("code").or_else(|| value.get("id"));
            held.extend(name.map(ToString::to_string));
        }
        match sort {
            Sort::Schedule => {
                self.version = value.get("version").and_then(Value::as_str);
                self.schedules.insert(value["id"].to_string());
                self.take_slots(path, value, None, findings);
            }
            Sort::Slot => self.take_slot(path.clone(), value, None, findings),
            Sort::Submission => {
                self.take_submission(value);
                self.take_slots(path, value, Some(value), findings);
            }
            Sort::Room => self.take_room(path, value),
            Sort::Type => {
                let id = value.get("id").and_then(Value::as_u64);
                self.types.extend(id.map(|id| (id, value)));
            }
        }
    }

    fn take_slots(
        &mut self,
        path: &str,
        whole: &'a Value,
        within: Option<&'a Value>,
        findings: &mut Findings,
    ) {
        let slots = whole.get("slots").and_then(Value::as_array);
        for (index, slot) in slots.into_iter().flatten().enumerate() {
            // A bare number stands for a slot that is elsewhere, or missing: that is seen when all is read.
            if slot.is_object() {
                self.take_slot(format!("{path}.slots[{index}]"), slot, within, findings);
            }
        }
    }

    fn take_slot(
        &mut self,
        path: String,
        value: &'a Value,
        within: Option<&'a Value>,
        findings: &mut Findings,
    ) {
        let Some(id) = value.get("id").and_then(Value::as_u64) else {
            let message = format!("the slot has no number; {SAVE_AGAIN}");
            findings.problem(Problem::at_path(&format!("{path}.id"), "", message));
            return;
        };
        if let Some(room) = value.get("room").filter(|room| room.is_object()) {
            self.take_room(&format!("{path}.room"), room);
        }
        if let Some(submission) = value.get("submission").filter(|s| s.is_object()) {
            self.take_submission(submission);
        }
        let schedule = match value.get("schedule") {
            Some(Value::Object(schedule)) => schedule.get("id").cloned(),
            other => other.cloned(),
        };
        self.schedules
            .extend(schedule.filter(|s| !s.is_null()).map(|s| s.to_string()));
        let slot = Slot {
            path,
            value,
            within,
        };
        self.slots.insert(id, slot);
    }

    fn take_submission(&mut self, value: &'a Value) {
        if let Some(code) = value.get("code").and_then(Value::as_str) {
            self.submissions.insert(code, value);
        }
        if let Some(kind) = value.get("submission_type").filter(|t| t.is_object()) {
            let id = kind.get("id").and_then(Value::as_u64);
            self.types.extend(id.map(|id| (id, kind)));
        }
    }

    fn take_room(&mut self, path: &str, value: &'a Value) {
        if let Some(id) = value.get("id").and_then(Value::as_u64) {
            let path = path.to_owned();
            self.rooms.entry(id).or_insert((path, value));
        }
    }

    /// Refuses a file that tells less than the whole agenda, or more than one.
    fn check_whole(&self, pages: &Pages, findings: &mut Findings) {
        for (sort, (on, held)) in &self.pages {
            let said = pages.count(on.iter().copied());
            let held = u64::try_from(held.len()).unwrap_or(u64::MAX);
            let matters = matches!(sort, Sort::Slot | Sort::Submission);
            if let Some(said) = said.filter(|said| matters && *said > held) {
                let message = format!(
                    "the file holds {held} of {said} {}, and the rest would go from the agenda; save the other pages behind it \
                     in one file, or {SAVE_AGAIN}",
                    sort.title()
                );
                findings.problem(Problem::of_file(message));
            }
        }
        if self.schedules.len() > 1 {
            let message = format!(
                "the slots are of {} versions of the schedule; save those of one",
                self.schedules.len()
            );
            findings.problem(Problem::of_file(message));
        }
        if self.slots.is_empty() && !findings.has_problems() {
            let message = format!("the file holds no slots with their times; {SAVE_AGAIN}");
            findings.problem(Problem::of_file(message));
        }
    }

    /// One slot; none, with the problems noted, if anything that is read of it is wrong, or if it is no session.
    fn session(
        &self,
        slot: &Slot<'_>,
        zone: Tz,
        draft: &mut Draft,
        findings: &mut Findings,
    ) -> Option<SessionRow> {
        let Slot { path, value, .. } = slot;
        let submission = self.submission(slot, findings)?;
        let title = match submission {
            Some(submission) => localised(submission, "title"),
            None => localised(value, "description").or(Some("Break")),
        };
        let title = title.unwrap_or_default();
        if let Some(reason) = left_out(value, submission) {
            findings.leave_out(reason, title);
            return None;
        }
        let mut good = true;
        let mut wrong = |key: &str, shown: &str, message: String| {
            findings.problem(Problem::at_path(&format!("{path}.{key}"), shown, message));
            good = false;
        };
        let code = match submission.map(|s| s.get("code").and_then(Value::as_str)) {
            Some(Some(code)) if field::is_code(code) => Some(code),
            None => None,
            Some(code) => {
                let message = "is no code of a submission".to_owned();
                wrong("submission", code.unwrap_or_default(), message);
                None
            }
        };
        if let Some(message) = name_problem(title) {
            wrong("title", title, message);
        }
        let room = self.room(value);
        if room.is_none() {
            let message = format!(
                "the file does not say the room's name: save /rooms/ behind it, or {SAVE_AGAIN}"
            );
            wrong("room", "", message);
        }
        if let Some(message) = room.and_then(|room| draft.room(room)) {
            wrong("room", room.unwrap_or_default(), message);
        }
        let mut time = |key: &str| {
            let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
            let at = local_time::instant(text, zone);
            at.map_err(|message| wrong(key, text, message)).ok()
        };
        let (start, end) = (time("start"), time("end"));
        let (start, end) = (start?.utc_ms, end?.utc_ms);
        if end <= start {
            let message = "the slot ends when or before it starts".to_owned();
            wrong("end", "", message);
        }
        let room = room?;
        let language = submission.and_then(|s| s.get("content_locale")?.as_str());
        let language = language.filter(|l| field::language_problem(l).is_none());
        good.then(|| SessionRow {
            id: match code {
                Some(code) => code.to_ascii_lowercase(),
                // Nobody is credited for a break, so it needs an id of its own, and no identity.
                None => format!("break-{}-{:.40}", start / 60_000, ids::slug(room)),
            },
            title: title.to_owned(),
            room: room.to_owned(),
            start_utc_ms: start,
            end_utc_ms: end,
            programme: None,
            kind: submission.map_or_else(|| "break".to_owned(), |s| self.kind(s)),
            credit_value: None,
            language: language.map(str::to_owned),
        })
    }

    /// The submission of a slot: `Some(None)` for a break, none where it is missing, which is noted.
    fn submission(&self, slot: &Slot<'a>, findings: &mut Findings) -> Option<Option<&'a Value>> {
        if slot.within.is_some() {
            return Some(slot.within);
        }
        let named = match slot.value.get("submission") {
            None | Some(Value::Null) => return Some(None),
            Some(Value::Object(submission)) => submission.get("code").and_then(Value::as_str),
            Some(code) => code.as_str(),
        };
        let found = named.and_then(|code| self.submissions.get(code));
        if found.is_none() {
            let path = format!("{}.submission", slot.path);
            let message = format!(
                "the file does not say what is given in this slot: save /submissions/ behind it, or {SAVE_AGAIN}"
            );
            findings.problem(Problem::at_path(&path, named.unwrap_or_default(), message));
        }
        found.map(|submission| Some(*submission))
    }

    fn room(&self, slot: &'a Value) -> Option<&'a str> {
        let room = slot.get("room")?;
        if room.is_object() {
            return localised(room, "name");
        }
        let (_, room) = self.rooms.get(&room.as_u64()?)?;
        localised(room, "name")
    }

    fn kind(&self, submission: &Value) -> String {
        let kind = match submission.get("submission_type") {
            Some(Value::Number(id)) => id.as_u64().and_then(|id| self.types.get(&id).copied()),
            other => other,
        };
        let name = kind.and_then(|kind| localised(kind, "name"));
        agenda_draft::kind(name)
    }
}

/// Why a slot is no session by its nature.
fn left_out(slot: &Value, submission: Option<&Value>) -> Option<&'static str> {
    let missing = |key: &str| slot.get(key).is_none_or(Value::is_null);
    let state = submission.and_then(|s| s.get("state")?.as_str());
    match state {
        Some("confirmed") | None => {}
        Some("canceled" | "withdrawn" | "rejected") => return Some("sessions that are cancelled"),
        Some(_) => return Some("sessions that are not confirmed"),
    }
    if missing("start") || missing("end") {
        Some("sessions without a time")
    } else if missing("room") {
        Some("sessions without a room, which no door serves")
    } else {
        None
    }
}

/// Gives each slot of a submission that has several an id of its own.
fn number(sessions: &mut [(SessionRow, Place)]) {
    sessions.sort_by(|(a, _), (b, _)| {
        (&a.id, a.start_utc_ms, &a.room).cmp(&(&b.id, b.start_utc_ms, &b.room))
    });
    let (mut before, mut count) = (String::new(), 1);
    for (session, _) in sessions {
        if session.id == before {
            count += 1;
            session.id = format!("{before}-{count}");
        } else {
            (before, count) = (session.id.clone(), 1);
        }
    }
}

#[cfg(test)]
#[path = "pretalx_tests.rs"]
mod tests;
