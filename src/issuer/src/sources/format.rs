//! Which format a file is in, by what it holds: names of files are whatever a browser made of them.

use serde_json::Value;

use super::{ImportKind, pretix, text};

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceFormat {
    /// Our table as text.
    Csv,
    /// `schedule.json`.
    FrabJson,
    /// `schedule.xml`.
    FrabXml,
    /// Saved pages of pretix.
    Pretix,
}

/// All of them.
pub const SOURCE_FORMATS: &[SourceFormat] = &[
    SourceFormat::Csv,
    SourceFormat::FrabJson,
    SourceFormat::FrabXml,
    SourceFormat::Pretix,
];

impl SourceFormat {
    /// Its name, in commands and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::FrabJson => "frab-json",
            Self::FrabXml => "frab-xml",
            Self::Pretix => "pretix",
        }
    }

    /// What it is, for people: completes "read as …".
    pub const fn title(self) -> &'static str {
        match self {
            Self::Csv => "a table in our columns",
            Self::FrabJson => "a frab schedule.json",
            Self::FrabXml => "a frab schedule.xml",
            Self::Pretix => "pages of pretix",
        }
    }

    /// Whether such files hold this.
    pub const fn holds(self, kind: ImportKind) -> bool {
        match self {
            Self::Csv => true,
            Self::FrabJson | Self::FrabXml => matches!(kind, ImportKind::Agenda),
            Self::Pretix => matches!(kind, ImportKind::Registrations),
        }
    }
}

/// The format of a file that is to be imported as `kind`. It may still be damaged, and need not hold this kind; where nothing
/// is known of it, it is the table, whose errors say what one looks like.
pub fn detect(bytes: &[u8], kind: ImportKind) -> SourceFormat {
    let Ok(text) = text::decode(bytes, "") else {
        return SourceFormat::Csv;
    };
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        json(start, kind)
    } else if start.starts_with('<') {
        SourceFormat::FrabXml
    } else {
        SourceFormat::Csv
    }
}

fn json(text: &str, kind: ImportKind) -> SourceFormat {
    let first = serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .next();
    let Some(Ok(first)) = first else {
        return unknown_json(kind);
    };
    if first.get("schedule").is_some() {
        return SourceFormat::FrabJson;
    }
    match sample(&first) {
        Some(value) if pretix::looks_so(value) => SourceFormat::Pretix,
        _ => unknown_json(kind),
    }
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

/// JSON that shows nothing of itself: an empty page, or a file that was cut off.
const fn unknown_json(kind: ImportKind) -> SourceFormat {
    match kind {
        ImportKind::Agenda => SourceFormat::FrabJson,
        ImportKind::Registrations => SourceFormat::Pretix,
    }
}
