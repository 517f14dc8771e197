//! What is wrong with a file, in words a person can act on.

use std::fmt;

/// Most problems (and most warnings) listed one by one; the rest are counted.
pub const MAX_LISTED: usize = 20;
/// Longest excerpt of a value that is shown back, in characters.
const MAX_EXCERPT_CHARS: usize = 40;

/// One thing wrong, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1; none where the place has no line (inside a JSON file `column` is then the path).
    pub row: Option<u64>,
    /// Column by name, a JSON path, or empty where the whole row or file is meant.
    pub column: String,
    /// The start of the offending value; empty for badge codes, addresses and names.
    pub value_excerpt: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem of the file as a whole.
    pub(super) fn of_file(message: impl Into<String>) -> Self {
        Self {
            row: None,
            column: String::new(),
            value_excerpt: String::new(),
            message: message.into(),
        }
    }

    /// A problem of a row as a whole.
    pub(super) fn of_row(row: u64, message: impl Into<String>) -> Self {
        Self {
            row: Some(row),
            ..Self::of_file(message)
        }
    }

    /// A problem of one cell. `value` is shown shortened; pass an empty one for what must stay private.
    pub(super) fn of_cell(row: u64, column: &str, value: &str, message: impl Into<String>) -> Self {
        Self {
            row: Some(row),
            ..Self::at_path(column, value, message)
        }
    }

    /// A problem at a path of a JSON file.
    pub(super) fn at_path(path: &str, value: &str, message: impl Into<String>) -> Self {
        Self {
            column: path.to_owned(),
            value_excerpt: excerpt(value),
            ..Self::of_file(message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = Vec::new();
        if let Some(row) = self.row {
            place.push(format!("row {row}"));
        }
        if !self.column.is_empty() {
            place.push(if self.row.is_some() {
                format!("column {}", self.column)
            } else {
                self.column.clone()
            });
        }
        if !self.value_excerpt.is_empty() {
            place.push(format!("\"{}\"", self.value_excerpt));
        }
        if !place.is_empty() {
            write!(out, "{}: ", place.join(", "))?;
        }
        out.write_str(&self.message)
    }
}

/// Shortens a value for showing; control characters become spaces so that a terminal is not steered by a file.
fn excerpt(value: &str) -> String {
    let mut shown: String = value
        .chars()
        .take(MAX_EXCERPT_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if value.chars().nth(MAX_EXCERPT_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Nothing was imported, and why. The caller shows it and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The first [`MAX_LISTED`] problems, in the order of the file.
    pub problems: Vec<Problem>,
    /// How many there are in all.
    pub total: usize,
}

impl From<Problem> for ImportError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
            total: 1,
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.total == 1 {
            "problem"
        } else {
            "problems"
        };
        write!(out, "nothing was imported: {} {noun}", self.total)?;
        for problem in &self.problems {
            write!(out, "\n  {problem}")?;
        }
        let unlisted = self.total.saturating_sub(self.problems.len());
        if unlisted > 0 {
            write!(out, "\n  and {unlisted} more")?;
        }
        Ok(())
    }
}

impl std::error::Error for ImportError {}

/// What a file holds, and what its owner should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport<T> {
    /// Every row.
    pub import: T,
    /// The first [`MAX_LISTED`] warnings.
    pub warnings: Vec<Problem>,
    /// How many there are in all.
    pub warnings_total: usize,
}

/// Collects problems and warnings while a file is read; bounded, whatever the file holds.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    problems_total: usize,
    warnings: Vec<Problem>,
    warnings_total: usize,
}

impl Findings {
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems_total += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        }
    }

    pub(super) fn warn(&mut self, warning: Problem) {
        self.warnings_total += 1;
        if self.warnings.len() < MAX_LISTED {
            self.warnings.push(warning);
        }
    }

    pub(super) fn has_problems(&self) -> bool {
        self.problems_total > 0
    }

    /// The report if nothing was wrong; otherwise the error, and `import` is dropped.
    pub(super) fn finish<T>(self, import: T) -> Result<ImportReport<T>, ImportError> {
        if self.has_problems() {
            return Err(ImportError {
                problems: self.problems,
                total: self.problems_total,
            });
        }
        Ok(ImportReport {
            import,
            warnings: self.warnings,
            warnings_total: self.warnings_total,
        })
    }
}
