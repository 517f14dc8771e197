//! `badge sheet`, `badge staff`: badges that doors know by their signature, on a page to print.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use askama::Template as _;
use attendance::words::{AttendeeId, EventId};
use protocol::signed_badge::Validity;
use protocol::staff_badge::StaffAct;

use super::arguments::Badge;
use super::output::{Ended, Exit, Failure, counted, hint, say};
use super::premises::Premises;
use super::said::settle;
use crate::imports::badges::give;
use crate::qr::drawn;
use crate::staff_badges;

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
    match what {
        Badge::Sheet {
            event,
            attendee,
            valid_from,
            valid_until,
            out,
        } => {
            let validity = Validity {
                from: *valid_from,
                until: *valid_until,
            };
            sheet(here, event, attendee.as_ref(), validity, out)
        }
        Badge::Staff { event, id, out } => staff(here, event, id, out),
    }
}

/// What a staff badge is called on its card.
fn label(act: StaffAct) -> &'static str {
    match act {
        StaffAct::In => "Door: in",
        StaffAct::Out => "Door: out",
        StaffAct::Toggle => "Door: in and out by turns",
        StaffAct::TakeBack => "Wrong scan: then the badge again",
    }
}

fn staff(here: &Premises, event: &EventId, id: &str, out: &Path) -> Ended {
    let facts = here.event(event)?;
    match here.store.account(id)? {
        Some(account) if !account.disabled => {}
        Some(_) => {
            return Err(Failure::failed(format!(
                "the account {id:?} is disabled, and doors refuse its badges; `rollcall-issuer user enable --id {id}` lets it in again"
            )));
        }
        None => {
            return Err(Failure::failed(format!(
                "there is no account {id:?}; `rollcall-issuer user list` shows them"
            )));
        }
    }
    let key = here.keys.open_badge_key(event, &facts.badge_key);
    let key = key.ok_or_else(|| Failure::failed("the event's badge key does not open"))?;
    let mut file = created(out)?;
    let badges: Vec<_> = staff_badges::of(&here.keys, event, id)
        .into_iter()
        .map(|(act, text)| (format!("{} \u{b7} {id}", label(act)), text))
        .collect();
    let cards = badges.iter().map(|(name, text)| Printed {
        name,
        language: "en",
        short: key.digest(text).short(),
        text,
    });
    let page = page(&facts.title, "en", cards)?;
    let written = file
        .write_all(page.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|error| Failure::failed(format!("{}: {error}", out.display())))?;
    say(format!(
        "{} of {id} in {}.",
        counted(badges.len(), "staff badge"),
        out.display()
    ))?;
    hint("Whoever has the page can do this at every door of the event: print it, then delete it.");
    Ok(Exit::Done)
}

fn created(out: &Path) -> Result<File, Failure> {
    let options = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(out);
    options.map_err(|error| {
        Failure::failed(format!(
            "{}: {error}; name a file that does not exist yet",
            out.display()
        ))
    })
}

fn sheet(
    here: &Premises,
    event: &EventId,
    attendee: Option<&AttendeeId>,
    validity: Validity,
    out: &Path,
) -> Ended {
    let facts = here.event(event)?;
    if let (Some(from), Some(until)) = (validity.from, validity.until)
        && from >= until
    {
        return Err(Failure::usage("--valid-until is not after --valid-from"));
    }
    here.record_view(event, "attendees", "badges")?;
    // Made before anything is written, so that no badge comes into force that nobody can print.
    let mut file = created(out)?;
    let given = match give(here.desk(), event, attendee, validity) {
        Ok(given) => given,
        Err(fault) => {
            // An empty sheet is no use to anybody, and would be in the way of the next one.
            let _ = std::fs::remove_file(out);
            return Err(fault.into());
        }
    };
    let language = facts.languages.first().map_or("en", String::as_str);
    let cards = given.all.iter().map(|badge| Printed {
        name: &badge.name,
        language: badge.language.as_deref().unwrap_or(language),
        short: badge.digest.short(),
        text: &badge.text,
    });
    let page = page(&facts.title, language, cards)?;
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

/// A badge as its card has it.
struct Printed<'a> {
    name: &'a str,
    language: &'a str,
    short: String,
    text: &'a str,
}

fn page<'a>(
    title: &str,
    language: &str,
    badges: impl Iterator<Item = Printed<'a>>,
) -> Result<String, Failure> {
    let mut cards = Vec::new();
    for badge in badges {
        let code = drawn(badge.text)
            .map_err(|cause| Failure::failed(format!("a badge fits no QR code: {cause}")))?;
        cards.push(Card {
            name: badge.name,
            is_long: badge.name.chars().count() > LONG_NAME_CHARS,
            language: badge.language,
            short: badge.short,
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

    use super::*;

    #[test]
    fn names_are_escaped_and_codes_drawn() {
        let badge = Printed {
            name: "<script> O\u{2019}Neill",
            language: "de",
            short: "abababab".to_owned(),
            text: "RCB1",
        };
        let page = page("Good & Practice", "de", [badge].into_iter()).unwrap();
        assert!(
            page.contains("O\u{2019}Neill") && !page.contains("<script> O"),
            "{page}"
        );
        assert!(page.contains("lang=\"de\"") && page.contains("abababab"));
        assert!(page.contains("viewBox=\"0 0 29 29\""), "{page}");
    }
}
