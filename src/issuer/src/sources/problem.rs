//! What is wrong with a file, in words a person can act on.

use std::collections::BTreeMap;
use std::fmt;

/// Most problems (and most warnings) listed one by one; the rest are counted.
pub const MAX_LISTED: usize = 20;
/// Most rows of a kind that was left out that are named.
const MAX_NAMED: usize = 5;
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

/// Where JSON goes wrong, without what stands there: it may be somebody's.
pub fn json_place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it is cut off",
        serde_json::error::Category::Syntax => "it is no JSON",
        serde_json::error::Category::Data => "its values are of another kind",
        serde_json::error::Category::Io => "it does not read",
    };
    format!("{what}, line {}, column {}", error.line(), error.column())
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
    /// The first [`MAX_LISTED`] rows that are wrong by themselves and were not imported; whom they name stays as they are.
    pub refused: Vec<Problem>,
    /// How many there are in all.
    pub refused_total: usize,
    /// What the file holds beside what was asked for, by reason.
    pub left_out: Vec<LeftOut>,
}

/// Rows that a file holds rightly and that are not imported: test orders, cancelled sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What they are, in the plural.
    pub what: &'static str,
    /// How many.
    pub count: usize,
    /// The first few of them, as the source names them.
    pub first: Vec<String>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.count > self.first.len() {
            ", …"
        } else {
            ""
        };
        let first = self.first.join(", ");
        write!(out, "{} {} ({first}{more})", self.count, self.what)
    }
}

/// Collects problems and warnings while a file is read; bounded, whatever the file holds.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    problems_total: usize,
    warnings: Vec<Problem>,
    warnings_total: usize,
    refused: Vec<Problem>,
    refused_total: usize,
    left_out: Vec<LeftOut>,
    /// The letters of a sheet's columns, by their names in its header.
    letters: BTreeMap<String, String>,
}

impl Findings {
    /// Has problems name the cells of a sheet: letters and names of its columns.
    pub(super) fn name_cells<'a>(&mut self, columns: impl IntoIterator<Item = (String, &'a str)>) {
        let named = columns.into_iter();
        self.letters
            .extend(named.map(|(letters, name)| (name.to_owned(), letters)));
    }

    fn with_cells(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        for problem in &mut problems {
            if let (Some(row), Some(letters)) = (problem.row, self.letters.get(&problem.column)) {
                problem.column = format!("{} (cell {letters}{row})", problem.column);
            }
        }
        problems
    }

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

    /// One row is not imported, and the others are.
    pub(super) fn refuse(&mut self, problem: Problem) {
        self.refused_total += 1;
        if self.refused.len() < MAX_LISTED {
            self.refused.push(problem);
        }
    }

    /// What was wrong so far was wrong with single rows, and the others are imported.
    pub(super) fn problems_refuse_rows(&mut self) {
        let problems = std::mem::take(&mut self.problems);
        let unlisted = self.problems_total.saturating_sub(problems.len());
        for problem in problems {
            self.refuse(problem);
        }
        self.refused_total += unlisted;
        self.problems_total = 0;
    }

    /// One row is not meant to be imported. `what` is one of few.
    pub(super) fn leave_out(&mut self, what: &'static str, which: &str) {
        let place = self.left_out.iter().position(|l| l.what == what);
        let place = place.unwrap_or_else(|| {
            self.left_out.push(LeftOut {
                what,
                count: 0,
                first: Vec::new(),
            });
            self.left_out.len() - 1
        });
        let left_out = &mut self.left_out[place];
        left_out.count += 1;
        if left_out.first.len() < MAX_NAMED {
            left_out.first.push(excerpt(which));
        }
    }

    pub(super) fn has_problems(&self) -> bool {
        self.problems_total > 0
    }

    /// The report if nothing was wrong; otherwise the error, and `import` is dropped.
    pub(super) fn finish<T>(mut self, import: T) -> Result<ImportReport<T>, ImportError> {
        let (problems, warnings, refused) = (
            std::mem::take(&mut self.problems),
            std::mem::take(&mut self.warnings),
            std::mem::take(&mut self.refused),
        );
        if self.has_problems() {
            return Err(ImportError {
                problems: self.with_cells(problems),
                total: self.problems_total,
            });
        }
        Ok(ImportReport {
            import,
            warnings: self.with_cells(warnings),
            warnings_total: self.warnings_total,
            refused: self.with_cells(refused),
            refused_total: self.refused_total,
            left_out: self.left_out,
        })
    }
}
