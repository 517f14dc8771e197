//! How commands end and what they print.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use crate::certificates::issue::IssueError;
use crate::config::ConfigError;
use crate::decisions::DecideError;
use crate::export::ExportError;
use crate::imports::ImportFault;
use crate::keys::KeyFileError;
use crate::sources::ImportError;
use crate::store::{ObjectError, OpenError, StoreError};

/// What a command ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Failed,
    Usage,
    Partly,
    Malformed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partly => 3,
            Exit::Malformed => 4,
        })
    }
}

/// Why a command ended early, for people.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
}

impl Failure {
    /// It was tried and failed.
    pub(super) fn failed(text: impl Display) -> Self {
        let text = text.to_string();
        Self {
            exit: Exit::Failed,
            text,
        }
    }

    /// What was given does not read.
    pub(super) fn malformed(text: impl Display) -> Self {
        let text = text.to_string();
        Self {
            exit: Exit::Malformed,
            text,
        }
    }

    /// What was typed makes no sense.
    pub(super) fn usage(text: impl Display) -> Self {
        let text = text.to_string();
        Self {
            exit: Exit::Usage,
            text,
        }
    }
}

pub(super) type Ended = Result<Exit, Failure>;

macro_rules! failed {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::failed(error)
            }
        }
    )+};
}

failed!(
    DecideError,
    ExportError,
    IssueError,
    KeyFileError,
    ObjectError,
    OpenError
);

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { .. } => Self::failed(error),
            ConfigError::TooLong { .. } | ConfigError::Text(_) | ConfigError::Fault { .. } => {
                Self::malformed(error)
            }
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::malformed(error)
    }
}

impl From<ImportFault> for Failure {
    fn from(fault: ImportFault) -> Self {
        match fault {
            ImportFault::Store(error) => error.into(),
            ImportFault::Object(_) | ImportFault::Missing(_) | ImportFault::Refused(_) => {
                Self::failed(fault)
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let advice = match &error {
            StoreError::NotFound { what: "event", .. } => {
                "; `rollcall-issuer event list` shows them"
            }
            StoreError::NotFound { what: "door", .. } => "; `rollcall-issuer door list` shows them",
            StoreError::Unavailable(_) => "; nothing was changed: see to the disk and try again",
            StoreError::Damaged(_) => "; stop the service and restore the newest backup",
            StoreError::NotFound { .. }
            | StoreError::Exists { .. }
            | StoreError::Moved { .. }
            | StoreError::LostHead { .. }
            | StoreError::Refused(_) => "",
        };
        Self::failed(format!("{error}{advice}"))
    }
}

/// One sentence on standard error: what is wrong and what to do.
#[allow(clippy::print_stderr, reason = "this is what standard error is for")]
pub(super) fn complain(what: &dyn Display) {
    eprintln!("rollcall-issuer: {what}");
}

/// A line that is not the result.
#[allow(clippy::print_stderr, reason = "this is what standard error is for")]
pub(super) fn hint(what: impl Display) {
    eprintln!("{what}");
}

/// One line of the result.
pub(super) fn say(what: impl Display) -> Result<(), Failure> {
    print(&format!("{what}\n"))
}

/// The result, or a part of it, as it is. Whoever reads no further wants no more: that is no failure of the command.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Rows under a head, columns aligned by spaces.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let mut widths = head.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(head);
    for row in rows {
        text.push_str(&line(row.each_ref().map(String::as_str)));
    }
    print(&text)
}

/// `1 door`, `2 doors`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Words that a person gives a reason by: they stand in evidence, so no free text.
pub(super) fn reason_code(text: &str) -> Result<(), Failure> {
    const MAX_BYTES: usize = 64;
    let is_code = (1..=MAX_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_code {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--reason {text:?} is not a code: write 1 to {MAX_BYTES} of a-z, 0-9 and '_', such as kiosk_stolen or issued_in_error"
    )))
}
