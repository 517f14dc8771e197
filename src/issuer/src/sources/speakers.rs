//! Who speaks where: our table, and saved pages of pretalx's `speakers`.
//!
//! Contract: a person is named by their pseudonym or an address, never by a name: whoever a file names by a name alone is refused by their place
//! in it, and no name is shown back. Each row is refused by itself. pretalx shows addresses to organisers only, so its pages are saved with
//! an organiser's token; frab's and pretalx's schedules and calendars show names and no addresses, so they say nothing here.
//!
//! Limits: those of tables and of pages ([`super::MAX_IMPORT_BYTES`], [`super::MAX_ROWS`]).

use std::fmt;

use attendance::words::{AttendeeId, SessionId};
use serde_json::Value;

use super::columns::{Column, optional, required};
use super::field;
use super::json_pages::{self, optional_text};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::table::{self, Row};

/// The columns of our table, one session and person a row.
pub const SPEAKERS_COLUMNS: &[Column] = &[
    required(
        "session",
        "keynote-1",
        "The session, as the agenda names it.",
    ),
    required(
        "person",
        "zoe@example.org",
        "Who: the pseudonym that staff pages and reports show, or the address of a registration. A name says nobody for certain.",
    ),
    optional(
        "role",
        "speaker",
        "speaker, as if empty, or none: speaks there no more. Who leads or hosts without speaking is no speaker.",
    ),
];

/// A table to start from.
pub const SPEAKERS_TEMPLATE: &str = "\
session,person,role
keynote-1,zoe@example.org,speaker
workshop-1,a-7k2m9q,speaker
";

/// Pages of pretalx and how to save them again.
const SAVE_AGAIN: &str =
    "save the pages of /api/events/<event>/speakers/ again, with an organiser's token";

/// How a file names somebody.
#[derive(Clone, PartialEq, Eq)]
pub enum Named {
    /// By pseudonym.
    Attendee(AttendeeId),
    /// By address.
    Address(String),
}

impl fmt::Debug for Named {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attendee(attendee) => write!(out, "{attendee}"),
            Self::Address(_) => out.write_str("an address"),
        }
    }
}

/// Where somebody speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Talk {
    /// A session of the agenda.
    Session(SessionId),
    /// A submission of pretalx: each session that is one of its slots.
    Submission(String),
}

impl Talk {
    /// Whether a session is meant.
    pub fn is(&self, session: &SessionId) -> bool {
        match self {
            Self::Session(own) => own == session,
            Self::Submission(code) => {
                let rest = session.as_str().strip_prefix(code.as_str());
                rest.is_some_and(|rest| {
                    let number = rest.strip_prefix('-').unwrap_or_default();
                    rest.is_empty()
                        || (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                })
            }
        }
    }

    /// As the file names it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Session(session) => session.as_str(),
            Self::Submission(code) => code,
        }
    }
}

/// That somebody speaks somewhere, or does no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeakerRow {
    /// Where it stands in the file: a row, or a path.
    place: Problem,
    /// Who.
    pub named: Named,
    /// Where.
    pub talk: Talk,
    /// Whether they speak.
    pub speaks: bool,
}

impl SpeakerRow {
    /// What is wrong with it.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            ..self.place.clone()
        }
    }
}

/// Reads a table of speakers (the sheet named, or the first), or pages of pretalx's speakers.
///
/// # Errors
/// [`ImportError`] where nothing can be read; a row that is wrong by itself is refused.
pub fn read(
    bytes: &[u8],
    sheet: Option<&str>,
) -> Result<ImportReport<Vec<SpeakerRow>>, ImportError> {
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(start, Some(b'{' | b'[')) {
        return pages(bytes);
    }
    let mut findings = Findings::default();
    let grid = table::grid(bytes, sheet, SPEAKERS_COLUMNS)?;
    let table = table::rows(grid, SPEAKERS_COLUMNS, &["person"], &mut findings)?;
    let rows = table.rows.iter().filter_map(|row| match of_row(row) {
        Ok(row) => Some(row),
        Err(problem) => {
            findings.problem(problem);
            None
        }
    });
    let rows = rows.collect();
    findings.problems_refuse_rows();
    findings.finish(rows)
}

fn of_row(row: &Row) -> Result<SpeakerRow, Problem> {
    let (session, person, role) = (row.cell("session"), row.cell("person"), row.cell("role"));
    let wrong = |column, value, message: String| Problem::of_cell(row.line, column, value, message);
    let talk = session.parse().map(Talk::Session).map_err(|_| {
        let message = "is no id of a session: small letters, digits and hyphens";
        wrong("session", session, message.to_owned())
    })?;
    let named = named(person).map_err(|message| wrong("person", "", message))?;
    let speaks = match role.to_lowercase().as_str() {
        "" | "speaker" => true,
        "none" => false,
        _ => {
            let message = "is no role: write speaker, or none for whoever speaks there no more";
            return Err(wrong("role", role, message.to_owned()));
        }
    };
    Ok(SpeakerRow {
        place: Problem::of_cell(row.line, "person", "", ""),
        named,
        talk,
        speaks,
    })
}

fn named(text: &str) -> Result<Named, String> {
    if text.contains('@') {
        return match field::email_problem(text) {
            None => Ok(Named::Address(text.to_owned())),
            Some(problem) => Err(problem),
        };
    }
    text.parse().map(Named::Attendee).map_err(|_| {
        "is neither a pseudonym nor an address; a name alone says nobody for certain".to_owned()
    })
}

fn pages(bytes: &[u8]) -> Result<ImportReport<Vec<SpeakerRow>>, ImportError> {
    let mut findings = Findings::default();
    let mut rows = Vec::new();
    for entry in json_pages::read(bytes, SAVE_AGAIN)?.entries {
        match of_speaker(&entry.path, &entry.value) {
            Ok(own) => {
                rows.extend(own);
                table::check_count(rows.len(), u64::try_from(rows.len()).unwrap_or(u64::MAX))?;
            }
            Err(problem) => findings.refuse(problem),
        }
    }
    findings.finish(rows)
}

/// One speaker of pretalx, at each of their submissions.
fn of_speaker(path: &str, value: &Value) -> Result<Vec<SpeakerRow>, Problem> {
    let wrong = |message: &str| Problem::at_path(path, "", message);
    let submissions = value.get("submissions").and_then(Value::as_array);
    let submissions =
        submissions.ok_or_else(|| wrong("is no speaker of pretalx: it has no submissions"))?;
    let email = optional_text(value, "email").map_err(|message| wrong(&message))?;
    let email = email.filter(|email| !email.is_empty());
    let email = email.ok_or_else(|| {
        wrong(
            "has a name and no address, which says nobody for certain: save the pages with an organiser's token, or write the \
             pseudonym into a table (--template)",
        )
    })?;
    let named = named(email).map_err(|message| wrong(&message))?;
    let mut rows = Vec::new();
    for submission in submissions {
        // Expanded, it is an object that has its code.
        let code = submission.get("code").unwrap_or(submission).as_str();
        let code = code.filter(|code| field::is_code(code));
        let code = code.ok_or_else(|| wrong("names a submission that is no code"))?;
        rows.push(SpeakerRow {
            place: Problem::at_path(path, code, ""),
            named: named.clone(),
            talk: Talk::Submission(code.to_ascii_lowercase()),
            speaks: true,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(bytes: &[u8], expected: &[(&str, &str, bool)], refused: &[&str]) {
        let report = read(bytes, None).unwrap();
        let rows = report.import.iter().map(|row| {
            let named = match &row.named {
                Named::Attendee(attendee) => attendee.as_str(),
                Named::Address(address) => address,
            };
            (named, row.talk.as_str(), row.speaks)
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        let told: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), refused.len(), "{told:?}");
        for (told, words) in told.iter().zip(refused) {
            assert!(told.contains(words), "{told} lacks {words}");
            assert!(!told.contains("Zoë") && !told.contains("zoe@"), "{told}");
        }
    }

    #[test]
    fn a_table_names_people_by_pseudonym_or_address() {
        check(
            "session,person,role\nkeynote,a-1,\nkeynote,zoe@example.org,Speaker\nkeynote,a-2,none\nkeynote,Zoë Łukasik,\n\
             Keynote 1,a-1,\nkeynote,a-1,chair\nkeynote,zoe@,\n"
                .as_bytes(),
            &[
                ("a-1", "keynote", true),
                ("zoe@example.org", "keynote", true),
                ("a-2", "keynote", false),
            ],
            &["a name alone", "no id of a session", "no role", "no e-mail address"],
        );
        check(
            SPEAKERS_TEMPLATE.as_bytes(),
            &[
                ("zoe@example.org", "keynote-1", true),
                ("a-7k2m9q", "workshop-1", true),
            ],
            &[],
        );
    }

    #[test]
    fn pages_of_pretalx_name_people_by_address() {
        let page = r#"{"count":3,"next":null,"results":[
            {"code":"39CPFQ","name":"Zoë Łukasik","submissions":["LB7XBM",{"code":"LUAZTV"}],"email":"zoe@example.org"},
            {"code":"3JMJHH","name":"Zoë","submissions":["LB7XBM"]},
            {"code":"3JMJHZ","name":"Zoë","submissions":["LB 7"],"email":"zoe@example.org"},
            {"code":"3JMJHY","name":"Zoë"}]}"#;
        check(
            page.as_bytes(),
            &[
                ("zoe@example.org", "lb7xbm", true),
                ("zoe@example.org", "luaztv", true),
            ],
            &["no address", "no code", "no submissions"],
        );
    }

    #[test]
    fn a_submission_is_each_of_its_slots() {
        let talk = Talk::Submission("lb7xbm".to_owned());
        for (session, is_meant) in [
            ("lb7xbm", true),
            ("lb7xbm-2", true),
            ("lb7xbm-", false),
            ("lb7xbm-x", false),
            ("lb7xbmz", false),
            ("lb7xb", false),
        ] {
            if let Ok(session) = session.parse() {
                assert_eq!(talk.is(&session), is_meant, "{session}");
            }
        }
        let session = Talk::Session("lb7xbm".parse().unwrap());
        assert!(!session.is(&"lb7xbm-2".parse().unwrap()));
    }
}
