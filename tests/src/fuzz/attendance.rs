//! Reports of attendance and workbooks, and what must hold of every one that is read.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};

use attendance::UtcMs;
use issuer::sources::observed::{Observed, Place};
use issuer::sources::platforms::{
    self, AttendanceFormat, Reading, attendance_table, bigbluebutton, words_table, zoom,
};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::targets::{Answer, files, said};

const FOLDER: &str = "src/issuer/src/sources/testdata/attendance";
/// When everything is read: 2027-03-20.
const NOW: UtcMs = UtcMs(1_805_500_800_000);
const SHEET: &str = r#"<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>badge</t></is></c><c r="B1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="str"><v>K7QX-3MPA-9TZD-WH4E</v></c><c r="B2" t="s"><v>1</v></c></row></sheetData></worksheet>"#;
const CONTENT: &str = r#"<d xmlns:o="o" xmlns:t="t" xmlns:x="x"><o:body><o:spreadsheet><t:table t:name="A"><t:table-row><t:table-cell o:value-type="string"><x:p>badge</x:p></t:table-cell><t:table-cell o:value-type="string"><x:p>name</x:p></t:table-cell></t:table-row><t:table-row t:number-rows-repeated="1"><t:table-cell o:value-type="date" o:date-value="2026-10-31"/><t:table-cell t:number-columns-repeated="1" o:value-type="float" o:value="1.5"/></t:table-row></t:table></o:spreadsheet></o:body></d>"#;

fn named(names: &[&str]) -> Vec<Vec<u8>> {
    let paths: Vec<String> = names
        .iter()
        .map(|name| format!("{FOLDER}/{name}"))
        .collect();
    files(&paths.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn zoom_reports() -> Vec<Vec<u8>> {
    named(&[
        "zoom-participants.csv",
        "zoom-webinar.csv",
        "zoom-polls.csv",
    ])
}

pub(super) fn zoom_pages() -> Vec<Vec<u8>> {
    named(&["zoom-report.json", "zoom-hooks.ndjson", "zoom-polls.json"])
}

pub(super) fn teams_reports() -> Vec<Vec<u8>> {
    named(&["teams-report.csv", "teams-2020.csv", "teams-graph.json"])
}

pub(super) fn other_platforms() -> Vec<Vec<u8>> {
    named(&[
        "webex.json",
        "gotowebinar.json",
        "gotowebinar-hook.json",
        "bigbluebutton.txt",
    ])
}

pub(super) fn pretix_logs() -> Vec<Vec<u8>> {
    named(&["pretix-checkins.json", "pretix-log.csv"])
}

pub(super) fn own_tables() -> Vec<Vec<u8>> {
    [attendance_table::TEMPLATE, words_table::TEMPLATE]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

pub(super) fn zoom(input: &[u8]) -> Answer {
    read(AttendanceFormat::Zoom, input)
}

pub(super) fn teams(input: &[u8]) -> Answer {
    read(AttendanceFormat::Teams, input)
}

pub(super) fn pretix(input: &[u8]) -> Answer {
    read(AttendanceFormat::Pretix, input)
}

/// By whatever the input shows of itself; what shows nothing goes to each of the three.
pub(super) fn others(input: &[u8]) -> Answer {
    use AttendanceFormat::{BigBlueButton, GoToWebinar, Webex};
    let _ = bigbluebutton::check_sum(
        "secret",
        "https://ce.example.org/h",
        input,
        &"00".repeat(32),
    );
    match platforms::detect_attendance(input) {
        Some(format) => read(format, input),
        None => read(Webex, input)
            .or(read(GoToWebinar, input))
            .or(read(BigBlueButton, input)),
    }
}

pub(super) fn tables(input: &[u8]) -> Answer {
    read(AttendanceFormat::Words, input).or(read(AttendanceFormat::Table, input))
}

pub(super) fn hook(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let (timestamp, signature) = text.split_once(' ').unwrap_or((&text, "v0="));
    if zoom::check_signature(b"secret", timestamp, signature, input, NOW).is_ok() {
        return Answer::Contradicts("a signature holds that nobody made".to_owned());
    }
    match zoom::url_validation(b"secret", input) {
        Some(answer) => Answer::Taken(answer.plain_token),
        None => Answer::Refused("no question".to_owned()),
    }
}

pub(super) fn hooks() -> Vec<Vec<u8>> {
    let asked =
        r#"{"payload":{"plainToken":"abc"},"event_ts":1,"event":"endpoint.url_validation"}"#;
    vec![asked.as_bytes().to_vec()]
}

impl Answer {
    /// The first that took the input or contradicts itself, else the last.
    fn or(self, other: Self) -> Self {
        if matches!(self, Self::Refused(_)) {
            other
        } else {
            self
        }
    }
}

fn read(format: AttendanceFormat, input: &[u8]) -> Answer {
    let mut reading = Reading::plain(NOW);
    reading.zone = Some(chrono_tz::Europe::Vienna);
    let first = format.read(input, &reading);
    // What does not say where it was is read again with a place.
    let read = first.or_else(|_| {
        reading.place = Some(Place::Channel("hall".to_owned()));
        format.read(input, &reading)
    });
    let report = match read {
        Ok(report) => report,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    let rows = &report.import.batch.rows;
    let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    if keys.len() < rows.len() {
        return Answer::Contradicts("two observations have one key".to_owned());
    }
    match rows.iter().find_map(wrong) {
        Some(wrong) => Answer::Contradicts(wrong.to_owned()),
        None => Answer::Taken(format!(
            "{} rows, {} refused",
            rows.len().min(8),
            report.refused_total.min(8)
        )),
    }
}

/// What must not be of any observation.
fn wrong(row: &Observed) -> Option<&'static str> {
    let canonical = |subject: &issuer::sources::observed::Subject| {
        protocol::subject::canonical(&subject.system, &subject.text).is_ok()
    };
    let is_word = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| (1..=protocol::signals::MAX_WORD_BYTES).contains(&text.len()))
    };
    if row.at.earliest > row.at.latest {
        Some("an interval ends before it begins")
    } else if row.subjects.is_empty() == row.attendee.is_none() {
        Some("nobody is named, or twice")
    } else if row.subjects.len() > protocol::signals::MAX_SUBJECTS
        || !row.subjects.iter().all(canonical)
    {
        Some("an account is none")
    } else if !is_word(&row.device) || !is_word(&row.reason) {
        Some("a word is too long for an object of signals")
    } else {
        None
    }
}

pub(super) fn sheets() -> Vec<Vec<u8>> {
    vec![SHEET.as_bytes().to_vec(), CONTENT.as_bytes().to_vec()]
}

/// The input as the sheet of a workbook of either kind: what is around it is in order.
pub(super) fn sheet(input: &[u8]) -> Answer {
    let (book, texts) = (
        br#"<w xmlns:r="r"><sheets><sheet name="A" r:id="a"/></sheets></w>"#.as_slice(),
        b"<sst><si><t>name</t></si><si><t>Ann</t></si></sst>".as_slice(),
    );
    let relations = br#"<r><Relationship Id="a" Target="s.xml"/></r>"#.as_slice();
    let excel = [
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/sharedStrings.xml", texts),
        ("xl/s.xml", input),
    ];
    let open = [("content.xml", input)];
    let read = |parts: &[(&str, &[u8])]| match archive(parts) {
        Ok(bytes) => said(issuer::sources::registrations_csv::read(
            &bytes,
            chrono_tz::UTC,
        )),
        Err(error) => Answer::Contradicts(error.to_string()),
    };
    read(&excel).or(read(&open))
}

fn archive(parts: &[(&str, &[u8])]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
