//! A certificate as a PDF that is kept for decades: PDF/A-3a and PDF/UA-1, A4, fonts embedded.
//!
//! The same [`CertificateView`], fonts and build give the same bytes: there is no clock and no randomness here, and every
//! date is passed in. Any script is shaped with a font that has its letters; where none has, [`PdfError::MissingGlyphs`]
//! names them, and no box is ever printed. Long names shrink, then wrap; sessions flow on to further pages.
//!
//! The page repeats what the verification page shows and proves nothing by itself; the QR code leads there.

mod drawing;
mod fonts;
mod layout;
mod shaping;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;

pub use fonts::{Fonts, SYSTEM_FOLDER};

/// Most sessions on a certificate: some 15 pages.
pub const MAX_SESSIONS: usize = 500;
/// Longest text of a field, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 1_000;

/// Longest credits and minutes, in bytes: each stands on one line or in a narrow column.
pub const MAX_NUMBER_BYTES: usize = 24;
/// Longest time of a session, in bytes.
pub const MAX_WHEN_BYTES: usize = 120;

/// What the certificate says. Texts are printed as they are: dates, numbers and sentences come formatted, in `language`
/// and in the event's time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateView {
    /// Language tag of the texts; the fixed words are English, or German for `de`.
    pub language: String,
    /// Code of the certificate, with its version if that is not the first.
    pub certificate_id: String,
    /// Who issues it: the sponsor.
    pub issuer: String,
    /// The event's title.
    pub event: String,
    /// When and where the event was; may be empty.
    pub event_dates: String,
    /// The attendee's full name.
    pub attendee: String,
    /// The programme's title.
    pub programme: String,
    /// The sessions that were credited, in order.
    pub sessions: Vec<SessionLine>,
    /// The event's time zone, as it is to stand over the sessions' times.
    pub zone: String,
    /// Total credits, a number.
    pub credits: String,
    /// What is counted: `CPE credits`.
    pub credit_unit: String,
    /// Why, in one sentence.
    pub reason: String,
    /// Day of issue, for people.
    pub issued_on: String,
    /// Time of issue, UTC milliseconds; the document's own date.
    pub issued_utc_ms: i64,
    /// The rule set's name.
    pub rules: String,
    /// The rule set's hash in hex; its beginning is printed.
    pub rules_hash: String,
    /// Address of the verification page, printed, linked and in the QR code.
    pub verify_url: String,
}

/// One line of the table of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLine {
    /// Title.
    pub title: String,
    /// Date and time in the event's zone.
    pub when: String,
    /// Minutes attended, a number or `58 of 60`.
    pub minutes: String,
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// No font has these characters: install the packages and try again, or have the text corrected.
    #[error("{}", missing(characters, packages))]
    MissingGlyphs {
        /// The first of them, in the order of Unicode.
        characters: Vec<char>,
        /// Debian packages with fonts for them; empty where none is known.
        packages: Vec<&'static str>,
    },
    /// A font file was there when the program started and cannot be read now: restore it, or restart.
    #[error("the font {} cannot be read; install its package again", path.display())]
    FontUnreadable {
        /// The file.
        path: PathBuf,
    },
    /// A text is over [`MAX_TEXT_BYTES`] (or the bound of its kind), there are more than [`MAX_SESSIONS`] sessions, or the address fits no QR code.
    #[error("{what} is too long for a certificate; shorten it")]
    TooLong {
        /// Which field.
        what: &'static str,
    },
    /// The texts of the first page do not fit on it together.
    #[error(
        "the names and titles together are too long for one page; shorten the title of event or programme"
    )]
    TooFull,
    /// The PDF writer refused the document: a fault of the program.
    #[error("the PDF could not be written: {0}")]
    Refused(String),
}

fn missing(characters: &[char], packages: &[&'static str]) -> String {
    let named: Vec<String> = characters
        .iter()
        .map(|c| format!("{c} (U+{:04X})", u32::from(*c)))
        .collect();
    let remedy = if packages.is_empty() {
        "no Debian package has a font for them that suits print; correct the text".to_owned()
    } else {
        format!(
            "run: apt-get install {}, then restart the issuer; or correct the text",
            packages.join(" ")
        )
    };
    format!("no font has a glyph for {}; {remedy}", named.join(", "))
}

/// Draws the certificate.
///
/// # Errors
/// [`PdfError`]; what to do stands in each variant.
pub fn render(view: &CertificateView, fonts: &Fonts) -> Result<Vec<u8>, PdfError> {
    check_lengths(view)?;
    let words = words::Words::for_language(&view.language);
    let mut shaper = shaping::Shaper::new(fonts, &view.language);
    let pages = layout::pages(view, words, &mut shaper);
    // A missing letter says more than the fullness it may have caused.
    shaper.finish()?;
    drawing::draw(view, words, &pages?)
}

fn check_lengths(view: &CertificateView) -> Result<(), PdfError> {
    if view.sessions.len() > MAX_SESSIONS {
        return Err(PdfError::TooLong {
            what: "the list of sessions",
        });
    }
    let fields = [
        (
            "the certificate's code",
            &view.certificate_id,
            MAX_TEXT_BYTES,
        ),
        ("the issuer's name", &view.issuer, MAX_TEXT_BYTES),
        ("the event's title", &view.event, MAX_TEXT_BYTES),
        ("the event's dates", &view.event_dates, MAX_TEXT_BYTES),
        ("the attendee's name", &view.attendee, MAX_TEXT_BYTES),
        ("the programme's title", &view.programme, MAX_TEXT_BYTES),
        ("the time zone", &view.zone, MAX_WHEN_BYTES),
        ("the number of credits", &view.credits, MAX_NUMBER_BYTES),
        ("the unit of credits", &view.credit_unit, MAX_TEXT_BYTES),
        ("the reason", &view.reason, MAX_TEXT_BYTES),
        ("the day of issue", &view.issued_on, MAX_TEXT_BYTES),
        ("the rule set's name", &view.rules, MAX_TEXT_BYTES),
        ("the rule set's hash", &view.rules_hash, MAX_TEXT_BYTES),
        ("the verification address", &view.verify_url, MAX_TEXT_BYTES),
    ];
    let sessions = view.sessions.iter().flat_map(|session| {
        [
            ("a session's title", &session.title, MAX_TEXT_BYTES),
            ("a session's time", &session.when, MAX_WHEN_BYTES),
            ("a session's minutes", &session.minutes, MAX_NUMBER_BYTES),
        ]
    });
    match fields
        .into_iter()
        .chain(sessions)
        .find(|(_, text, most_bytes)| text.len() > *most_bytes)
    {
        Some((what, ..)) => Err(PdfError::TooLong { what }),
        None => Ok(()),
    }
}
