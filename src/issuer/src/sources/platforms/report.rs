//! Reports as text: rows under a header that stands somewhere in the file, and other tables before and behind it.
//!
//! Reports name more columns than are read, in an order that changes with the year; only what is asked for must be there.

use crate::sources::problem::{ImportError, Problem};
use crate::sources::table;
use crate::sources::text;

/// The signs that may part cells; the first under which a header is found is taken.
const DELIMITERS: [u8; 3] = *b"\t,;";
/// Most lines in which a header is looked for.
const MAX_LINES_LOOKED_AT: usize = 100;

/// A report's rows, each with its line.
pub(super) struct Report {
    pub(super) rows: Vec<(u64, Vec<String>)>,
}

/// The columns of a header: names in lower case.
pub(super) struct Columns(Vec<String>);

impl Report {
    /// Reads a report; `is_header` knows a header by its names in lower case.
    ///
    /// # Errors
    /// Encoding, size, quotes; or no such header, which `what` names.
    pub(super) fn read(
        bytes: &[u8],
        is_header: impl Fn(&[String]) -> bool,
        what: &str,
    ) -> Result<Self, ImportError> {
        let text = text::decode(bytes, what)?;
        let Some(delimiter) = delimiter(&text, is_header) else {
            return Err(Problem::of_file(format!(
                "the file has none of the headers that are read; {what}"
            ))
            .into());
        };
        let rows = table::delimited(&text, delimiter)?;
        Ok(Self { rows })
    }
}

/// Whether a text holds such a header within its first lines.
pub(super) fn has_header(text: &str, is_header: impl Fn(&[String]) -> bool) -> bool {
    delimiter(text, is_header).is_some()
}

fn delimiter(text: &str, is_header: impl Fn(&[String]) -> bool) -> Option<u8> {
    DELIMITERS.into_iter().find(|delimiter| {
        let mut lines = text.lines().take(MAX_LINES_LOOKED_AT);
        lines.any(|line| {
            let cells: Vec<&str> = line
                .split(char::from(*delimiter))
                .take(table::MAX_CELLS)
                .collect();
            is_header(&names(&cells))
        })
    })
}

/// Names of columns as they are compared: lower case, without quotes and outer blanks.
pub(super) fn names<T: AsRef<str>>(cells: &[T]) -> Vec<String> {
    let name = |cell: &T| {
        let cell = cell.as_ref().trim().trim_start_matches('\u{FEFF}');
        cell.trim_matches('"').trim().to_lowercase()
    };
    cells.iter().map(name).collect()
}

impl Columns {
    /// The columns of a header.
    pub(super) fn of(header: &[String]) -> Self {
        Self(names(header))
    }

    /// Whether one of these names is there.
    pub(super) fn has(&self, wanted: &[&str]) -> bool {
        self.place(wanted).is_some()
    }

    fn place(&self, wanted: &[&str]) -> Option<usize> {
        wanted
            .iter()
            .find_map(|name| self.0.iter().position(|column| column == name))
    }

    /// The cell of a row under the first of these names that is there; none where it is absent, empty or `--`.
    pub(super) fn cell<'r>(&self, row: &'r [String], wanted: &[&str]) -> Option<&'r str> {
        let cell = row.get(self.place(wanted)?)?.trim();
        Some(cell).filter(|cell| !matches!(*cell, "" | "--" | "-"))
    }
}
