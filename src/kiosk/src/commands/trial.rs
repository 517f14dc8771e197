//! `doctor --try`: what each reader reads, character by character.
//!
//! Nothing is recorded. What is shown opens its holder's data, so it goes to the terminal of whoever asked and nowhere else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use attendance::words::ReaderId;
use tokio::sync::mpsc;

use super::{Exit, complain, say, status};
use crate::config::Config;
use crate::kernel::{BUILT_AT, Clocks};
use crate::readers::{
    Answers, Closed, KeyboardLayout, RawScan, ReaderEvent, Readers, reread, symbology_name,
};

/// Events that wait to be shown.
const QUEUE_MAX: usize = 64;
/// How often readers are looked at from outside.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What the trial is for.
pub(super) struct Trial<'a> {
    /// The text of the code that is held before the readers, where it is known.
    pub(super) known: Option<&'a str>,
    /// How long it goes on unless it is broken off.
    pub(super) seconds: u64,
}

pub(super) fn try_readers(config: &Config, trial: &Trial<'_>) -> Exit {
    if status::ask(config.screen.listen).is_ok() {
        complain(&"the daemon reads the readers; stop it first: systemctl stop rollcall-kiosk");
        return Exit::Failed;
    }
    if config.readers.is_empty() {
        complain(&"no readers are configured; add a [[reader]] block");
        return Exit::Unchecked;
    }
    let tasks = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = tasks.and_then(|tasks| tasks.block_on(run(config, trial)));
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}

async fn run(config: &Config, trial: &Trial<'_>) -> std::io::Result<Exit> {
    let clocks = Clocks::open(BUILT_AT).map_err(std::io::Error::other)?;
    let (events, mut queue) = mpsc::channel(QUEUE_MAX);
    let clock = Arc::new(move || clocks.stamp());
    let mut readers = Readers::start(
        &config.readers,
        &Answers::default(),
        None,
        clock,
        move |event: ReaderEvent| events.blocking_send(event).map_err(|_| Closed),
    )?;
    say(&format!(
        "Hold a code before each reader. This ends after {} s, or with Ctrl-C.",
        trial.seconds
    ));
    let mut shown = Shown {
        config,
        known: trial.known,
        read: BTreeSet::new(),
        differed: false,
    };
    let over = tokio::time::sleep(Duration::from_secs(trial.seconds));
    tokio::pin!(over);
    let mut watch = tokio::time::interval(WATCH_EVERY);
    loop {
        tokio::select! {
            event = queue.recv() => match event {
                Some(event) => shown.take(&event),
                None => break,
            },
            _ = watch.tick() => {
                for event in readers.watch(Instant::now()) {
                    shown.take(&event);
                }
            }
            () = &mut over => break,
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                break;
            }
        }
    }
    drop(queue);
    readers.stop();
    Ok(shown.end())
}

/// What was shown so far.
struct Shown<'a> {
    config: &'a Config,
    known: Option<&'a str>,
    read: BTreeSet<ReaderId>,
    differed: bool,
}

impl Shown<'_> {
    fn take(&mut self, event: &ReaderEvent) {
        match event {
            ReaderEvent::Scan(scan) => {
                self.read.insert(scan.reader.clone());
                let reader = self.config.readers.iter().find(|r| r.name == scan.reader);
                let keyboard = reader.and_then(|reader| reader.device.keyboard());
                for line in lines(scan, keyboard, self.known) {
                    say(&line);
                }
                self.differed |= self.known.is_some_and(|known| known != scan.text);
            }
            ReaderEvent::Attached { reader } => say(&format!("{reader}: can be read")),
            ReaderEvent::Lost { reader, why } => say(&format!("{reader}: {}", why.detail)),
            ReaderEvent::Stalled { reader } => {
                say(&format!(
                    "{reader}: does not answer; unplug it and plug it in again"
                ));
            }
            ReaderEvent::Rejected {
                reader,
                code,
                count,
            } => say(&format!("{reader}: {count} refused: {}", code.advice())),
        }
    }

    fn end(self) -> Exit {
        let silent: Vec<&str> = self
            .config
            .readers
            .iter()
            .filter(|reader| !self.read.contains(&reader.name))
            .map(|reader| reader.name.as_str())
            .collect();
        if self.differed {
            say(&"Not every code was read as it is. Do what the lines above say, then try again.");
            Exit::Failed
        } else if silent.is_empty() {
            say(&"Every reader read something. Next: rollcall-kiosk run");
            Exit::Done
        } else {
            say(&format!("Nothing was read by: {}.", silent.join(", ")));
            Exit::Unchecked
        }
    }
}

/// A code as it was read, and what is wrong with it.
fn lines(scan: &RawScan, keyboard: Option<KeyboardLayout>, known: Option<&str>) -> Vec<String> {
    let reader = &scan.reader;
    let count = match scan.text.chars().count() {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    };
    let symbology = match &scan.symbology {
        Some(identifier) => format!(", {identifier}{}", named(identifier)),
        None => ", the reader does not say of which kind".to_owned(),
    };
    let mut lines = vec![format!(
        "{reader}: {count}{symbology}: {}",
        spelt(&scan.text)
    )];
    let others = |keyboard: KeyboardLayout| {
        let others = KeyboardLayout::ALL
            .into_iter()
            .filter(move |l| *l != keyboard);
        others.filter_map(move |other| Some((other, reread(&scan.text, keyboard, other)?)))
    };
    // A point-of-sale report says its symbology, keys do not.
    let keyboard = keyboard.filter(|_| scan.symbology.is_none());
    match (known, keyboard) {
        (Some(known), _) if known == scan.text => lines.push(format!("{reader}: as expected")),
        (Some(known), keyboard) => {
            let fitting: Vec<&str> = keyboard
                .into_iter()
                .flat_map(others)
                .filter(|(_, text)| text == known)
                .map(|(other, _)| other.word())
                .collect();
            lines.push(if fitting.is_empty() {
                format!("{reader}: not as expected: {}", difference(&scan.text, known))
            } else {
                format!(
                    "{reader}: not as expected; the scanner types for another country: write keyboard = \"{}\" in its block",
                    fitting.join("\" or \"")
                )
            });
        }
        (None, Some(keyboard)) => {
            for (other, text) in others(keyboard).filter(|(_, text)| *text != scan.text) {
                lines.push(format!(
                    "{reader}:   with keyboard = \"{}\": {}",
                    other.word(),
                    spelt(&text)
                ));
            }
        }
        (None, None) => {}
    }
    lines
}

fn named(identifier: &str) -> String {
    symbology_name(identifier).map_or_else(String::new, |name| format!(" ({name})"))
}

/// Each character apart, so that a blank too many is seen.
fn spelt(text: &str) -> String {
    let mut spelt = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if !spelt.is_empty() {
            spelt.push(' ');
        }
        match character {
            ' ' => spelt.push_str("(blank)"),
            character if character.is_whitespace() => {
                // Writing into a String cannot fail.
                let _ = write!(spelt, "(U+{:04X})", u32::from(character));
            }
            character => spelt.push(character),
        }
    }
    spelt
}

/// Where what was read leaves what was expected.
fn difference(read: &str, known: &str) -> String {
    let at = read.chars().zip(known.chars());
    let same = at.take_while(|(one, other)| one == other).count();
    let character = |text: &str| {
        let character = text.chars().nth(same);
        character.map_or_else(
            || "the end".to_owned(),
            |character| spelt(&character.to_string()),
        )
    };
    format!(
        "character {} is {}, not {}",
        same + 1,
        character(read),
        character(known)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn check(
        text: &str,
        symbology: Option<&str>,
        keyboard: Option<KeyboardLayout>,
        known: Option<&str>,
        expected: &[&str],
    ) {
        let clocks = Clocks::open(BUILT_AT).unwrap();
        let scan = RawScan {
            reader: ReaderId::new("side").unwrap(),
            symbology: symbology.map(str::to_owned),
            text: text.to_owned(),
            stamp: clocks.stamp(),
        };
        assert_eq!(lines(&scan, keyboard, known), expected);
    }

    #[test]
    fn a_code_is_spelt_and_its_kind_named() {
        check(
            "A 1",
            Some("]Q3"),
            None,
            None,
            &["side: 3 characters, ]Q3 (QR code): A (blank) 1"],
        );
        check(
            "A1",
            None,
            None,
            Some("A1"),
            &[
                "side: 2 characters, the reader does not say of which kind: A 1",
                "side: as expected",
            ],
        );
    }

    #[test]
    fn a_known_code_finds_the_country() {
        check(
            "BADGE/@!",
            None,
            Some(KeyboardLayout::Us),
            Some("BADGE-21"),
            &[
                "side: 8 characters, the reader does not say of which kind: B A D G E / @ !",
                "side: not as expected; the scanner types for another country: write keyboard = \"cz\" in its block",
            ],
        );
        check(
            "BADGE-2",
            None,
            Some(KeyboardLayout::Us),
            Some("BADGE-21"),
            &[
                "side: 7 characters, the reader does not say of which kind: B A D G E - 2",
                "side: not as expected: character 8 is the end, not 1",
            ],
        );
    }

    #[test]
    fn without_a_known_code_every_country_is_shown_that_differs() {
        check(
            "Y",
            None,
            Some(KeyboardLayout::Us),
            None,
            &[
                "side: 1 character, the reader does not say of which kind: Y",
                "side:   with keyboard = \"de\": Z",
                "side:   with keyboard = \"cz\": Z",
            ],
        );
    }
}
