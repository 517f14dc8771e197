//! Feedback: what a scan came to, told to whoever stands there. Called only after the entry is durable, or with the failure.
//!
//! Promises: one telling a scan, in the order of the scans, out at once. A sink that fails is reported once, and none holds up the door: what
//! standard output does not take waits, up to [`LINES_MAX`] lines. Where standard output is kept by the system no line of it names anybody.
//!
//! `lines` writes one JSON object a line on standard output: `verdict` (a verdict's word, an answer to staff, `failure` or `not_set_up`), `entry` (the index, or
//! null), `reader`, `badge` (the short code, or null), `text` (what the attendee is told) and `provisional` (as in the entry, or null).

use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use attendance::words::ReaderId;
use protocol::badge::BadgeDigest;
use protocol::entry::Provisional;
use serde::Serialize;
use tokio::sync::watch;

use crate::screen::view::Face;

/// What is told of one scan.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// The reader.
    pub reader: &'a ReaderId,
    /// The index of the entry; `None` where nothing was recorded.
    pub entry: Option<u64>,
    /// The badge; `None` where it could not be told.
    pub badge: Option<BadgeDigest>,
    /// The answer.
    pub face: &'a Face,
    /// The same in words.
    pub text: &'a str,
    /// The first provisional decision in the entry.
    pub provisional: Option<&'a Provisional>,
}

/// Somewhere feedback goes.
pub trait Feedback: Send {
    /// Tells of one scan, and leaves nothing in a buffer.
    ///
    /// # Errors
    /// What the system says; the door goes on.
    fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()>;
}

/// Whether what is written to standard output may name people: at a terminal, and to a program that asked for lines. What systemd journals
/// outlives the event, and there nobody is named.
pub fn names_on_stdout(asked_for_lines: bool) -> bool {
    may_name(
        asked_for_lines,
        io::stdout().is_terminal(),
        std::env::var("JOURNAL_STREAM").is_ok_and(|journal| is_stdout(&journal)),
    )
}

/// Whether standard output is what systemd says the journal's stream is: its device and its inode. Programs of a desktop inherit the variable
/// and not the stream.
fn is_stdout(journal: &str) -> bool {
    let stat = rustix::fs::fstat(rustix::stdio::stdout());
    stat.is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == journal)
}

fn may_name(asked_for_lines: bool, is_terminal: bool, is_journalled: bool) -> bool {
    is_terminal || (asked_for_lines && !is_journalled)
}

/// The most lines that wait for standard output.
const LINES_MAX: usize = 1_024;
/// How long the end waits for what is not written yet, in milliseconds.
const LAST_LINES_MS: u64 = 1_000;

/// A writer that hands each line on to a thread of its own, so that nobody waits for whoever reads it.
#[derive(Debug)]
pub struct Apart {
    line: Vec<u8>,
    lines: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Apart {
    /// Writes to `out` on a thread.
    ///
    /// # Errors
    /// What the system says if it gives no more threads.
    pub fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = sync_channel::<Vec<u8>>(LINES_MAX);
        let thread = std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || {
                let mut failed = false;
                for line in queue {
                    let written = out.write_all(&line).and_then(|()| out.flush());
                    if let (Err(error), false) = (&written, failed) {
                        tracing::warn!(%error, "standard output takes nothing; scans are recorded all the same");
                    }
                    failed = written.is_err();
                }
            })?;
        Ok(Self {
            line: Vec::new(),
            lines: Some(lines),
            thread: Some(thread),
        })
    }
}

impl Write for Apart {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "nobody reads standard output; lines are left out",
            )),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.lines = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        let until = Instant::now() + Duration::from_millis(LAST_LINES_MS);
        while !thread.is_finished() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// Words for a person at a terminal.
#[derive(Debug)]
pub struct Console<W>(pub W);

impl<W: Write + Send> Feedback for Console<W> {
    fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()> {
        writeln!(self.0, "[{}] {}", telling.reader, telling.text)?;
        self.0.flush()
    }
}

/// One JSON line a scan.
#[derive(Debug)]
pub struct Lines<W>(pub W);

#[derive(Serialize)]
struct Line<'a> {
    verdict: &'a str,
    entry: Option<u64>,
    reader: &'a str,
    badge: Option<String>,
    text: &'a str,
    provisional: Option<&'a Provisional>,
}

impl<W: Write + Send> Feedback for Lines<W> {
    fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()> {
        let line = Line {
            verdict: match telling.face {
                Face::Result(answer) => answer.verdict.as_str(),
                Face::Time(answer) => answer.code(),
                Face::Staff(answer) => answer.code(),
                Face::NotSetUp => "not_set_up",
                Face::Failure { .. } => "failure",
                Face::Idle { .. } => "idle",
            },
            entry: telling.entry,
            reader: telling.reader.as_str(),
            badge: telling.badge.map(|badge| badge.short()),
            text: telling.text,
            provisional: telling.provisional,
        };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        // One write, so that a line is whole even if the reader of the pipe goes away.
        self.0.write_all(&bytes)?;
        self.0.flush()
    }
}

/// The attendee's screen.
#[derive(Debug)]
pub struct OnScreen(pub watch::Sender<Face>);

impl Feedback for OnScreen {
    fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()> {
        self.0.send_replace(telling.face.clone());
        Ok(())
    }
}

/// All sinks of a kiosk.
pub struct Sinks {
    sinks: Vec<(Box<dyn Feedback>, bool)>,
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks")
            .field("sinks", &self.sinks.len())
            .finish()
    }
}

impl Sinks {
    /// These, in this order.
    pub fn new(sinks: Vec<Box<dyn Feedback>>) -> Self {
        let sinks = sinks.into_iter().map(|sink| (sink, false)).collect();
        Self { sinks }
    }

    /// Tells all of them.
    pub fn tell(&mut self, telling: &Telling<'_>) {
        for (sink, failed) in &mut self.sinks {
            match sink.tell(telling) {
                Ok(()) => *failed = false,
                Err(error) if !*failed => {
                    *failed = true;
                    tracing::warn!(%error, "feedback does not reach its place; scans are recorded all the same");
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use attendance::words::{Direction, Verdict};

    use crate::screen::view::Answer;

    fn told(sink: &mut dyn Feedback, face: &Face, entry: Option<u64>) {
        let reader = ReaderId::new("main-in").unwrap();
        let telling = Telling {
            reader: &reader,
            entry,
            badge: entry.map(|_| BadgeDigest([0xab; 32])),
            face,
            text: "Checked in.",
            provisional: None,
        };
        sink.tell(&telling).unwrap();
    }

    #[test]
    fn a_line_says_what_was_recorded() {
        let mut lines = Lines(Vec::new());
        let face = Face::Result(Answer {
            verdict: Verdict::CheckedIn,
            direction: Direction::In,
            since_ms: None,
            name: None,
            provisional: None,
            language: None,
            short_code: None,
        });
        told(&mut lines, &face, Some(7));
        let failure = Face::Failure {
            code: "disk_full".into(),
        };
        told(&mut lines, &failure, None);
        let text = String::from_utf8(lines.0).unwrap();
        assert_eq!(
            text,
            "{\"verdict\":\"checked_in\",\"entry\":7,\"reader\":\"main-in\",\"badge\":\"abababab\",\"text\":\"Checked in.\",\"provisional\":null}\n\
             {\"verdict\":\"failure\",\"entry\":null,\"reader\":\"main-in\",\"badge\":null,\"text\":\"Checked in.\",\"provisional\":null}\n"
        );
    }

    #[test]
    fn a_person_reads_words() {
        let mut console = Console(Vec::new());
        told(&mut console, &Face::NotSetUp, None);
        assert_eq!(console.0, b"[main-in] Checked in.\n");
    }

    /// A reader of standard output that has stopped.
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Its end is as good as a word.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_does_not_read_holds_up_nobody() {
        let (goes_on, stuck) = std::sync::mpsc::channel();
        let mut apart = Apart::start(Stuck(stuck)).unwrap();
        let mut line = || apart.write_all(b"x\n").and_then(|()| apart.flush());
        let taken = (0..2 * LINES_MAX).filter(|_| line().is_ok()).count();
        assert!((LINES_MAX..=LINES_MAX + 1).contains(&taken), "{taken}");
        drop(goes_on);
    }

    #[test]
    fn the_journal_is_known_by_its_stream() {
        let stat = rustix::fs::fstat(rustix::stdio::stdout()).unwrap();
        assert!(is_stdout(&format!("{}:{}", stat.st_dev, stat.st_ino)));
        assert!(!is_stdout(&format!("{}:{}", stat.st_dev, stat.st_ino + 1)));
        assert!(!is_stdout(""));
    }

    #[test]
    fn nobody_is_named_where_the_system_keeps_the_lines() {
        for (lines, terminal, journalled, expected) in [
            (false, true, false, true),
            (false, false, false, false),
            (false, false, true, false),
            (true, false, false, true),
            (true, false, true, false),
        ] {
            assert_eq!(may_name(lines, terminal, journalled), expected);
        }
    }
}
