//! Which format a file is in, by what it holds: names of files are whatever a browser made of them.

use serde_json::Value;

use super::{ImportKind, json_pages, pretalx, pretix, text, workbook};

/// Most documents of a file of pages that are looked at.
const MAX_LOOKED_AT: usize = 20;
/// How a calendar begins.
const CALENDAR: &[u8] = b"BEGIN:VCALENDAR";

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceFormat {
    /// Our table as text.
    Csv,
    /// Our table as a sheet of a workbook.
    Workbook,
    /// `schedule.json`.
    FrabJson,
    /// `schedule.xml`.
    FrabXml,
    /// iCalendar.
    Ical,
    /// Saved pages of pretalx.
    Pretalx,
    /// Saved pages of pretix.
    Pretix,
}

/// All of them.
pub const SOURCE_FORMATS: &[SourceFormat] = &[
    SourceFormat::Csv,
    SourceFormat::Workbook,
    SourceFormat::FrabJson,
    SourceFormat::FrabXml,
    SourceFormat::Ical,
    SourceFormat::Pretalx,
    SourceFormat::Pretix,
];

impl SourceFormat {
    /// Its name, in commands and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Workbook => "workbook",
            Self::FrabJson => "frab-json",
            Self::FrabXml => "frab-xml",
            Self::Ical => "ical",
            Self::Pretalx => "pretalx",
            Self::Pretix => "pretix",
        }
    }

    /// What it is, for people: completes "read as …".
    pub const fn title(self) -> &'static str {
        match self {
            Self::Csv => "a table in our columns",
            Self::Workbook => "a workbook with a table in our columns",
            Self::FrabJson => "a frab schedule.json",
            Self::FrabXml => "a frab schedule.xml",
            Self::Ical => "an iCalendar",
            Self::Pretalx => "pages of pretalx",
            Self::Pretix => "pages of pretix",
        }
    }

    /// Whether such files hold this.
    pub const fn holds(self, kind: ImportKind) -> bool {
        match self {
            Self::Csv | Self::Workbook => true,
            Self::FrabJson | Self::FrabXml | Self::Ical | Self::Pretalx => {
                matches!(kind, ImportKind::Agenda)
            }
            Self::Pretix => matches!(kind, ImportKind::Registrations),
        }
    }
}

/// The format of a file that is to be imported as `kind`. It may still be damaged, and need not hold this kind; where nothing
/// is known of it, it is the table, whose errors say what one looks like.
pub fn detect(bytes: &[u8], kind: ImportKind) -> SourceFormat {
    // A calendar may have folded a letter in two, so it is told before it is text.
    let unmarked = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    let begins = unmarked.get(..CALENDAR.len());
    if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(CALENDAR)) {
        return SourceFormat::Ical;
    }
    if workbook::is_archive(bytes) {
        return SourceFormat::Workbook;
    }
    let Ok(text) = text::decode(bytes, "") else {
        return SourceFormat::Csv;
    };
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        json(start, kind)
    } else if start.starts_with("BEGIN:") {
        SourceFormat::Ical
    } else if start.starts_with('<') {
        SourceFormat::FrabXml
    } else {
        SourceFormat::Csv
    }
}

fn json(text: &str, kind: ImportKind) -> SourceFormat {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    // The first document may be a list of rooms or items, which says nothing of whose it is.
    for document in documents.take(MAX_LOOKED_AT) {
        let Ok(document) = document else { break };
        let document = json_pages::body_of(&document);
        if document.get("schedule").is_some_and(Value::is_object) {
            return SourceFormat::FrabJson;
        }
        match sample(document) {
            Some(value) if pretix::looks_so(value) => return SourceFormat::Pretix,
            Some(value) if pretalx::looks_so(value) => return SourceFormat::Pretalx,
            // A refusal of a server, which is shown.
            Some(value) if value.get("detail").is_some() => return refusal(kind),
            _ => {}
        }
    }
    unknown_json(kind)
}

/// One value of a page or list.
fn sample(document: &Value) -> Option<&Value> {
    let first = document
        .as_array()
        .map_or(Some(document), |list| list.first())?;
    match first.get("results") {
        Some(results) => results.as_array()?.first(),
        None => Some(first),
    }
}

const fn refusal(kind: ImportKind) -> SourceFormat {
    match kind {
        ImportKind::Agenda => SourceFormat::Pretalx,
        ImportKind::Registrations => SourceFormat::Pretix,
    }
}

/// JSON that shows nothing of itself: an empty page, or a file that was cut off.
const fn unknown_json(kind: ImportKind) -> SourceFormat {
    match kind {
        ImportKind::Agenda => SourceFormat::FrabJson,
        ImportKind::Registrations => SourceFormat::Pretix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_of_whom_one_would_have_asked() {
        let refusal = br#"{"detail": "Invalid token."}"#;
        assert_eq!(detect(refusal, ImportKind::Agenda), SourceFormat::Pretalx);
        let asked = detect(refusal, ImportKind::Registrations);
        assert_eq!(asked, SourceFormat::Pretix);
    }
}
