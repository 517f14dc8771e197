//! A batch as it grows: people, stays, keys, and what is refused or left out.

use std::collections::{BTreeMap, BTreeSet};

use attendance::time::Interval;
use attendance::words::{RoomId, Source};
use protocol::agenda::MAX_CHANNEL_BYTES;
use protocol::signals::{MAX_WORD_BYTES, RowKind};
use protocol::subject;
use sha2::{Digest as _, Sha256};

use super::{Attendance, Reading};
use crate::sources::field;
use crate::sources::observed::{
    Label, MAX_OBSERVED, Observed, ObservedBatch, Place, Seen, Subject, Where,
};
use crate::sources::problem::{Findings, ImportError, ImportReport, Problem};

/// Longest name of a label, in characters.
const MAX_LABEL_CHARS: usize = 200;
/// Bytes of a digest that stands for a text.
const DIGEST_BYTES: usize = 16;
/// Most places of a file that are named in a message.
const MAX_NAMED: usize = 5;

/// A person as a source shows them: accounts in order of trust, and what a reviewer sees.
#[derive(Clone)]
pub(super) struct Person {
    subjects: Vec<Subject>,
    name: String,
    email: Option<String>,
}

impl Person {
    pub(super) fn named(name: &str) -> Self {
        Self {
            subjects: Vec::new(),
            name: shown(name),
            email: None,
        }
    }

    /// Adds an account, if the source gives one that can be one.
    pub(super) fn account(mut self, system: &str, text: Option<&str>) -> Self {
        if let Some(text) = text
            && subject::canonical(system, text).is_ok()
        {
            self.subjects.push(Subject::new(system, text.trim()));
        }
        self
    }

    /// Adds an address that says who it is; what is none is only shown.
    pub(super) fn address(self, text: Option<&str>) -> Self {
        let address = text.filter(|text| field::email_problem(text.trim()).is_none());
        self.account(subject::EMAIL, address).shown_address(text)
    }

    /// Shows an address that says nothing of who it is.
    pub(super) fn shown_address(mut self, text: Option<&str>) -> Self {
        self.email = text.map(shown).filter(|text| !text.is_empty());
        self
    }

    pub(super) fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    pub(super) fn is_guest(&self) -> bool {
        self.subjects.is_empty()
    }

    /// What tells people of one report apart who have no account: never anything but a digest of it leaves here.
    pub(super) fn fingerprint(&self) -> String {
        let address = self.email.as_deref().unwrap_or_default();
        digest(&[&self.name, &address.to_ascii_lowercase()])
    }

    pub(super) fn label(&self) -> Option<Label> {
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        (name.is_some() || self.email.is_some()).then(|| Label {
            name,
            email: self.email.clone(),
        })
    }
}

/// A text for a reviewer's eyes: what would mislead them or break a line is taken out, since a name that somebody typed into
/// a meeting is no reason to lose that they were there.
fn shown(text: &str) -> String {
    let good = |c: &char| field::text_problem(c.encode_utf8(&mut [0; 4])).is_none();
    let kept: String = text.chars().filter(good).take(MAX_LABEL_CHARS).collect();
    kept.trim().to_owned()
}

/// A digest of texts, which stands for them in keys and ids.
pub(super) fn digest(texts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.len().to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher
        .finalize()
        .iter()
        .take(DIGEST_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A short text of a source as it is, or its digest where it is too long for an id or holds what an id may not.
pub(super) fn word(text: &str) -> String {
    let good = text.len() <= MAX_WORD_BYTES
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic());
    if good {
        text.to_owned()
    } else {
        digest(&[text])
    }
}

pub(super) fn problem(at: &Where, column: &str, wrong: impl Into<String>) -> Problem {
    match at.row {
        Some(row) => Problem::of_cell(row, column, "", wrong),
        None if column.is_empty() => Problem::at_path(&at.path, "", wrong),
        None => Problem::at_path(&format!("{}.{column}", at.path), "", wrong),
    }
}

/// Somebody's time at a place by one device.
pub(super) struct Stay {
    pub(super) person: Person,
    pub(super) place: Place,
    pub(super) joined: Option<Interval>,
    pub(super) left: Option<Interval>,
    /// The device or participation, as the source counts them; none to go by the moment of the join.
    pub(super) device: Option<String>,
    pub(super) at: Where,
}

impl Stay {
    /// From the join to the leave; without a leave to the end of time, since it is not over.
    fn span(&self) -> Option<(i64, i64)> {
        let joined = self.joined?;
        Some((
            joined.latest.0,
            self.left.map_or(i64::MAX, |left| left.earliest.0),
        ))
    }
}

/// The observations of one file.
pub(super) struct Draft<'a> {
    reading: &'a Reading<'a>,
    system: String,
    source: Source,
    rows: Vec<Observed>,
    keys: BTreeSet<String>,
    polls: BTreeMap<Place, BTreeSet<String>>,
    /// The file's own names of meetings and lists that rows were taken of.
    meetings: BTreeSet<String>,
    pub(super) findings: Findings,
}

impl<'a> Draft<'a> {
    pub(super) fn new(system: &str, source: Source, reading: &'a Reading<'a>) -> Self {
        Self {
            reading,
            system: system.to_owned(),
            source,
            rows: Vec::new(),
            keys: BTreeSet::new(),
            polls: BTreeMap::new(),
            meetings: BTreeSet::new(),
            findings: Findings::default(),
        }
    }

    /// Where rows of a meeting belong: none where they are not asked for. `meeting` is the file's own name of it.
    ///
    /// # Errors
    /// Nobody says where it is.
    pub(super) fn place(&mut self, meeting: Option<&str>) -> Result<Option<Place>, String> {
        let meeting = meeting.map(str::trim).filter(|meeting| !meeting.is_empty());
        if let Some(only) = self.reading.only
            && meeting != Some(only.trim())
        {
            self.findings
                .leave_out("rows of other meetings", meeting.unwrap_or("unnamed"));
            return Ok(None);
        }
        if let Some(meeting) = meeting
            && !self.meetings.contains(meeting)
        {
            self.meetings.insert(meeting.to_owned());
        }
        if let Some(place) = &self.reading.place {
            return Ok(Some(place.clone()));
        }
        let Some(meeting) = meeting else {
            return Err(
                "does not say of which meeting it is; give its channel with --channel, or its room or session".to_owned(),
            );
        };
        let channel = format!("{}/{meeting}", self.system);
        if channel.len() <= MAX_CHANNEL_BYTES && !channel.chars().any(char::is_control) {
            return Ok(Some(Place::Channel(channel)));
        }
        Ok(Some(Place::Channel(format!(
            "{}/{}",
            self.system,
            digest(&[meeting])
        ))))
    }

    /// Takes the stays of a report. Guests of one name are one where their rows follow each other, since somebody lost the
    /// connection and came back; where rows of one name overlap they may be two people, and each row is one.
    ///
    /// # Errors
    /// More observations than a batch holds.
    pub(super) fn stays(&mut self, mut stays: Vec<Stay>) -> Result<(), ImportError> {
        let mut guests: BTreeMap<(Place, String), Vec<usize>> = BTreeMap::new();
        for (index, stay) in stays
            .iter()
            .enumerate()
            .filter(|(_, s)| s.person.is_guest())
        {
            let guest = (stay.place.clone(), stay.person.fingerprint());
            guests.entry(guest).or_default().push(index);
        }
        let system = self.guests();
        for ((place, fingerprint), rows) in guests {
            let mut spans: Vec<(i64, i64)> = rows
                .iter()
                .filter_map(|row| stays.get(*row)?.span())
                .collect();
            spans.sort_unstable();
            if spans
                .windows(2)
                .any(|pair| matches!(pair, [(_, end), (start, _)] if start < end))
            {
                let first = rows.first().and_then(|row| stays.get(*row));
                let at = first.map(|stay| stay.at.clone()).unwrap_or_default();
                let message = "this name was there twice at the same time without an account, so each of its rows may be another person";
                self.findings.warn(problem(&at, "", message));
                continue;
            }
            let text = format!("{}/{fingerprint}", place_text(&place));
            for row in rows {
                if let Some(stay) = stays.get_mut(row) {
                    stay.person = stay.person.clone().account(&system, Some(&text));
                }
            }
        }
        stays.into_iter().try_for_each(|stay| self.stay(stay))
    }

    /// Takes a stay: a join, a leave, or both. Whoever left before they joined is refused.
    ///
    /// # Errors
    /// More observations than a batch holds.
    pub(super) fn stay(&mut self, stay: Stay) -> Result<(), ImportError> {
        if let (Some(joined), Some(left)) = (stay.joined, stay.left)
            && left.latest < joined.earliest
        {
            self.refuse(
                &stay.at,
                "left before they joined; correct the row at its source",
            );
            return Ok(());
        }
        let moment = stay.joined.or(stay.left).map_or(0, middle_ms);
        let device = match &stay.device {
            Some(device) => word(device),
            None => self.free_device(&stay, moment),
        };
        let identity = who(&stay.person);
        let mut person = stay.person;
        if person.is_guest() {
            let text = format!("{}/{device}", place_text(&stay.place));
            person = person.account(&self.guests(), Some(&text));
        }
        for (kind, at) in [(RowKind::In, stay.joined), (RowKind::Out, stay.left)] {
            let Some(at) = at else { continue };
            let key = self.key(&stay.place, &[&device, &identity, kind.as_str()], at);
            self.push(Observed {
                subjects: person.subjects.clone(),
                attendee: None,
                label: person.label(),
                place: stay.place.clone(),
                device: Some(device.clone()),
                seen: Seen::Plain(kind),
                at,
                reason: None,
                key,
                row: stay.at.clone(),
            })?;
        }
        Ok(())
    }

    /// The system of those who are known by their participation alone.
    pub(super) fn guests(&self) -> String {
        format!("{}-guest", self.system)
    }

    /// A device named by the moment of its join, and numbered where one person joined twice in one moment.
    fn free_device(&self, stay: &Stay, moment: i64) -> String {
        let first = format!("joined-{moment}");
        let at = stay.joined.or(stay.left).unwrap_or(Interval::UNKNOWN);
        let kind = if stay.joined.is_some() { "in" } else { "out" };
        let identity = who(&stay.person);
        let taken = |device: &str| {
            self.keys
                .contains(&self.key(&stay.place, &[device, &identity, kind], at))
        };
        // Every number that is taken is a row of the file, so the loop ends where its rows do.
        (1_u32..)
            .map(|number| {
                if number == 1 {
                    first.clone()
                } else {
                    format!("{first}-{number}")
                }
            })
            .find(|device| !taken(device))
            .unwrap_or(first)
    }

    /// Takes an answer to a poll; one poll is one question.
    ///
    /// # Errors
    /// More observations than a batch holds.
    pub(super) fn poll(
        &mut self,
        person: &Person,
        place: &Place,
        poll: String,
        at: Interval,
        row: Where,
    ) -> Result<(), ImportError> {
        self.offer(place, &poll);
        let key = self.key(place, &[&poll, &who(person), "poll"], at);
        self.push(Observed {
            subjects: person.subjects.clone(),
            attendee: None,
            label: person.label(),
            place: place.clone(),
            device: None,
            seen: Seen::Poll(poll),
            at,
            reason: None,
            key,
            row,
        })
    }

    /// Notes that a poll was offered at a place.
    pub(super) fn offer(&mut self, place: &Place, poll: &str) {
        self.polls
            .entry(place.clone())
            .or_default()
            .insert(poll.to_owned());
    }

    /// Takes an observation as it is; one that the file holds already is counted, and one that is nobody's is refused.
    ///
    /// # Errors
    /// More observations than a batch holds.
    pub(super) fn push(&mut self, observed: Observed) -> Result<(), ImportError> {
        if self.rows.len() >= MAX_OBSERVED {
            let message = format!("the file holds more than {MAX_OBSERVED} observations; split it");
            return Err(Problem::of_file(message).into());
        }
        if observed.subjects.is_empty() && observed.attendee.is_none() {
            self.refuse(
                &observed.row,
                "what stands for the person or the meeting has signs that no account can have; correct the row at its source",
            );
            return Ok(());
        }
        if self.keys.insert(observed.key.clone()) {
            self.rows.push(observed);
        } else {
            self.findings.leave_out(
                "observations that the file holds twice",
                &shown_place(&observed.row),
            );
        }
        Ok(())
    }

    pub(super) fn key(&self, place: &Place, parts: &[&str], at: Interval) -> String {
        format!(
            "{}|{}|{}",
            place_text(place),
            parts.join("|"),
            middle_ms(at)
        )
    }

    pub(super) fn refuse(&mut self, at: &Where, wrong: impl Into<String>) {
        self.refuse_cell(at, "", wrong);
    }

    /// Refuses a row for what a column or key of it holds. Values are never shown: most are personal.
    pub(super) fn refuse_cell(&mut self, at: &Where, column: &str, wrong: impl Into<String>) {
        self.findings.refuse(problem(at, column, wrong));
    }

    /// The batch, and what was refused or left out.
    ///
    /// # Errors
    /// What is wrong with the file as a whole: a place was given for several meetings, or nothing of it is attendance.
    pub(super) fn finish(mut self) -> Result<ImportReport<Attendance>, ImportError> {
        if self.reading.place.is_some() && self.meetings.len() > 1 {
            let named: Vec<&str> = self
                .meetings
                .iter()
                .map(String::as_str)
                .take(MAX_NAMED)
                .collect();
            let message = format!(
                "the file is of {} meetings or lists ({}), and one place was given for all; import them one by one with --only, or \
                 without a place, each as its own channel",
                self.meetings.len(),
                named.join(", ")
            );
            self.findings.problem(Problem::of_file(message));
        }
        let attendance = Attendance {
            batch: ObservedBatch {
                source: self.source,
                system: self.system,
                rows: self.rows,
                refused: Vec::new(),
                refused_total: 0,
            },
            polls: self.polls,
        };
        let mut report = self.findings.finish(attendance)?;
        report.import.batch.refused.clone_from(&report.refused);
        report.import.batch.refused_total = report.refused_total;
        Ok(report)
    }
}

/// The middle of an interval: the error that was assumed widens both ends alike, so it is the same whatever it was.
fn middle_ms(at: Interval) -> i64 {
    at.earliest.0.midpoint(at.latest.0)
}

/// The first account of a person as a digest; of a guest who has none yet, what the report shows of them.
fn who(person: &Person) -> String {
    if person.is_guest() {
        return person.fingerprint();
    }
    let texts: Vec<String> = person
        .subjects
        .iter()
        .take(1)
        .flat_map(|account| {
            let text = subject::canonical(&account.system, &account.text).unwrap_or_default();
            [account.system.clone(), text]
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    digest(&texts)
}

/// A place as keys name it.
fn place_text(place: &Place) -> String {
    match place {
        Place::Channel(channel) => channel.clone(),
        Place::Room(room) => format!("room/{}", RoomId::as_str(room)),
        Place::Session(session) => format!("session/{session}"),
    }
}

fn shown_place(at: &Where) -> String {
    at.row
        .map_or_else(|| at.path.clone(), |row| format!("row {row}"))
}
