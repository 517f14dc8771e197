//! `badge sheet`: badges that doors know by their signature, on a page to print.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use askama::Template as _;
use protocol::signed_badge::Validity;

use super::arguments::Badge;
use super::output::{Ended, Exit, Failure, counted, hint, say};
use super::premises::Premises;
use super::said::settle;
use crate::imports::badges::{self, give};
use crate::qr::drawn;

/// Who may read a sheet: its owner. Whoever has it has the badges.
const MODE: u32 = 0o600;

/// From how many characters on a name is set smaller.
const LONG_NAME_CHARS: usize = 24;

#[derive(askama::Template)]
#[template(path = "badges.html")]
struct Sheet<'a> {
    event: &'a str,
    language: &'a str,
    cards: Vec<Card<'a>>,
}

struct Card<'a> {
    name: &'a str,
    language: &'a str,
    /// Set smaller, to find room on the card.
    is_long: bool,
    /// What staff call the badge.
    short: String,
    across: usize,
    dark: String,
}

pub(super) fn run(here: &Premises, what: &Badge) -> Ended {
    let Badge::Sheet {
        event,
        attendee,
        valid_from,
        valid_until,
        out,
    } = what;
    let facts = here.event(event)?;
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && from >= until
    {
        return Err(Failure::usage("--valid-until is not after --valid-from"));
    }
    here.record_view(event, "attendees", "badges")?;
    // Made before anything is written, so that no badge comes into force that nobody can print.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(out)
        .map_err(|error| {
            Failure::failed(format!(
                "{}: {error}; name a file that does not exist yet",
                out.display()
            ))
        })?;
    let validity = Validity {
        from: *valid_from,
        until: *valid_until,
    };
    let given = match give(here.desk(), event, attendee.as_ref(), validity) {
        Ok(given) => given,
        Err(fault) => {
            // An empty sheet is no use to anybody, and would be in the way of the next one.
            let _ = std::fs::remove_file(out);
            return Err(fault.into());
        }
    };
    let language = facts.languages.first().map_or("en", String::as_str);
    let page = page(&facts.title, language, &given.all)?;
    let written = file
        .write_all(page.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|error| unwritten(out, &error))?;
    say(format!(
        "{} in {}, {} of them new.",
        counted(given.all.len(), "badge"),
        out.display(),
        given.new
    ))?;
    hint("The page holds everybody's badge: print it, then delete it.");
    if given.new > 0 {
        return settle(here);
    }
    Ok(Exit::Done)
}

fn unwritten(out: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!(
        "{}: {error}; the badges are in force, so make room and run this again with another file",
        out.display()
    ))
}

fn page(title: &str, language: &str, given: &[badges::Badge]) -> Result<String, Failure> {
    let mut cards = Vec::with_capacity(given.len());
    for badge in given {
        let code = drawn(&badge.text)
            .map_err(|cause| Failure::failed(format!("a badge fits no QR code: {cause}")))?;
        cards.push(Card {
            name: &badge.name,
            is_long: badge.name.chars().count() > LONG_NAME_CHARS,
            language: badge.language.as_deref().unwrap_or(language),
            short: badge.digest.short(),
            across: code.across,
            dark: code.dark,
        });
    }
    let sheet = Sheet {
        event: title,
        language,
        cards,
    };
    sheet
        .render()
        .map_err(|cause| Failure::failed(format!("the page cannot be written: {cause}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use protocol::badge::BadgeDigest;

    use super::*;

    #[test]
    fn names_are_escaped_and_codes_drawn() {
        let badge = badges::Badge {
            attendee: "a-1".parse().unwrap(),
            name: "<script> O\u{2019}Neill".to_owned(),
            language: None,
            text: "RCB1".to_owned(),
            digest: BadgeDigest([0xab; 32]),
        };
        let page = page("Good & Practice", "de", &[badge]).unwrap();
        assert!(
            page.contains("O\u{2019}Neill") && !page.contains("<script> O"),
            "{page}"
        );
        assert!(page.contains("lang=\"de\"") && page.contains("abababab"));
        assert!(page.contains("viewBox=\"0 0 29 29\""), "{page}");
    }
}
