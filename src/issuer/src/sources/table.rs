//! Bytes of a CSV file become rows with named cells, or problems with the line they are on.
//!
//! UTF-8, with or without byte order mark; comma or semicolon, whichever makes sense of the header; quotes as in
//! RFC 4180. Every column must be one of ours: a misspelt optional column would otherwise be dropped in silence.

use std::collections::BTreeSet;

use super::columns::Column;
use super::problem::{Findings, ImportError, Problem};
use super::{MAX_IMPORT_BYTES, MAX_ROWS, field};

const HOW_TO_SAVE: &str = "save it as CSV in UTF-8 (Excel: \"CSV UTF-8 (Comma delimited)\"; LibreOffice: character set \
                           \"Unicode (UTF-8)\") and import it again";

/// One row: its line and its cells, in the order of the columns asked for; outer spaces removed, empty where absent.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    columns: &'static [Column],
    cells: Vec<String>,
}

impl Row {
    /// The cell of a column; empty if the file has no such column or the cell is empty.
    pub(super) fn cell(&self, column: &str) -> &str {
        let position = self.columns.iter().position(|c| c.name == column);
        position
            .and_then(|p| self.cells.get(p))
            .map_or("", String::as_str)
    }
}

/// A parsed file.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

/// Reads a CSV file. Problems of cells go to `findings` and their rows are left out; `secret` names the columns whose
/// values must not be shown.
///
/// # Errors
/// Where no row can be read at all: encoding, size, header.
pub(super) fn read(
    bytes: &[u8],
    columns: &'static [Column],
    secret: &[&str],
    findings: &mut Findings,
) -> Result<Table, ImportError> {
    let text = text(bytes)?;
    let header_line = text
        .lines()
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let delimiter = delimiter(header_line, columns)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => {
            return Err(Problem::of_row(1, format!("the header cannot be read: {error}")).into());
        }
        None => return Err(Problem::of_file("the file is empty; start from the template").into()),
    };
    let order = header_order(&header, line_of(&header, text), columns)?;
    let mut rows = Vec::new();
    for record in records {
        let record = record
            .map_err(|error| Problem::of_file(format!("the file cannot be read: {error}")))?;
        let line = line_of(&record, text);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.len() >= MAX_ROWS {
            return Err(Problem::of_row(
                line,
                format!("the file has more than {MAX_ROWS} rows; split it"),
            )
            .into());
        }
        if let Some(row) = row(&record, line, &order, columns, secret, findings) {
            rows.push(row);
        }
    }
    if rows.is_empty() && !findings.has_problems() {
        return Err(Problem::of_file(
            "the file has a header but no rows; an empty list would replace what is there",
        )
        .into());
    }
    Ok(Table { rows })
}

fn row(
    record: &csv::StringRecord,
    line: u64,
    order: &[usize],
    columns: &'static [Column],
    secret: &[&str],
    findings: &mut Findings,
) -> Option<Row> {
    if record.len() != order.len() {
        findings.problem(Problem::of_row(
            line,
            format!(
                "{} cells, but the header has {}; put quotes around a value that holds a delimiter, and check that \
                 every quote is closed",
                record.len(),
                order.len()
            ),
        ));
        return None;
    }
    let mut cells = vec![String::new(); columns.len()];
    let mut good = true;
    for (cell, &position) in record.iter().zip(order) {
        let column = &columns[position];
        let cell = cell.trim();
        let shown = if secret.contains(&column.name) {
            ""
        } else {
            cell
        };
        let wrong = if cell.is_empty() && column.required {
            Some(format!(
                "is empty; fill it in (for example {})",
                column.example
            ))
        } else {
            field::text_problem(cell)
        };
        if let Some(wrong) = wrong {
            findings.problem(Problem::of_cell(line, column.name, shown, wrong));
            good = false;
        }
        cells[position] = cell.to_owned();
    }
    good.then_some(Row {
        line,
        columns,
        cells,
    })
}

/// The line on which a record begins, from 1. The parser's own position lies before the blank lines it skipped and
/// before the second half of the last line ending.
fn line_of(record: &csv::StringRecord, text: &str) -> u64 {
    let Some(position) = record.position() else {
        return 1;
    };
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|at| text.as_bytes().get(at..))
        .unwrap_or_default();
    let skipped = rest
        .iter()
        .take_while(|b| matches!(b, b'\n' | b'\r'))
        .filter(|b| **b == b'\n')
        .count();
    position.line() + skipped as u64
}

/// The file as text, without its byte order mark.
fn text(bytes: &[u8]) -> Result<&str, ImportError> {
    if bytes.len() > MAX_IMPORT_BYTES {
        return Err(Problem::of_file(format!(
            "the file has {} MiB, more than the {} MiB that are read at once; split it",
            bytes.len() / (1024 * 1024),
            MAX_IMPORT_BYTES / (1024 * 1024)
        ))
        .into());
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(
            Problem::of_file(format!("this is a spreadsheet, not CSV; {HOW_TO_SAVE}")).into(),
        );
    }
    // Text in UTF-16 has a zero in every other byte wherever it is ASCII, and our headers are.
    let zeros = bytes.iter().take(64).filter(|b| **b == 0).count();
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) || zeros > 8 {
        return Err(Problem::of_file(format!(
            "the file is UTF-16 (\"Unicode text\"); {HOW_TO_SAVE}"
        ))
        .into());
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.split(|b| *b == b'\n').skip(1).count() as u64;
        Problem::of_row(
            line,
            format!("a letter here is not UTF-8, probably Latin-1 or Windows-1252; {HOW_TO_SAVE}"),
        )
        .into()
    })
}

/// The delimiter under which the header names most of our columns.
fn delimiter(header_line: &str, columns: &[Column]) -> Result<u8, ImportError> {
    let known = |delimiter: char| {
        header_line
            .split(delimiter)
            .filter(|name| columns.iter().any(|c| c.name == header_name(name)))
            .count()
    };
    let (commas, semicolons) = (known(','), known(';'));
    if known('\t') > commas.max(semicolons) {
        return Err(Problem::of_row(
            1,
            format!("the columns are separated by tabs; {HOW_TO_SAVE}"),
        )
        .into());
    }
    Ok(if semicolons > commas { b';' } else { b',' })
}

fn header_name(cell: &str) -> String {
    cell.trim().trim_matches('"').trim().to_lowercase()
}

/// For each cell of a row, the position of its column in `columns`.
fn header_order(
    header: &csv::StringRecord,
    line: u64,
    columns: &[Column],
) -> Result<Vec<usize>, ImportError> {
    let mut findings = Findings::default();
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, cell) in header.iter().enumerate() {
        let name = header_name(cell);
        match columns.iter().position(|c| c.name == name) {
            Some(position) if seen.insert(position) => order.push(position),
            Some(_) => findings.problem(Problem::of_cell(
                line,
                &name,
                "",
                "the column is there twice; delete one",
            )),
            None => {
                let message = format!(
                    "{}; known columns: {}",
                    unknown(&name, index, columns),
                    names(columns)
                );
                findings.problem(Problem::of_cell(
                    line,
                    &(index + 1).to_string(),
                    cell.trim(),
                    message,
                ));
            }
        }
    }
    for (position, column) in columns.iter().enumerate() {
        if column.required && !seen.contains(&position) {
            let message = format!("the header lacks this required column. {}", column.meaning);
            findings.problem(Problem::of_cell(line, column.name, "", message));
        }
    }
    findings.finish(order).map(|report| report.import)
}

fn unknown(name: &str, index: usize, columns: &[Column]) -> String {
    let nearest = columns
        .iter()
        .map(|c| (strsim::normalized_levenshtein(c.name, name), c.name))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, nearest)) => format!("unknown column, did you mean {nearest}?"),
        None if index == 0 => {
            "the first line must be the header with the columns' names".to_owned()
        }
        None => "unknown column, delete it or rename it".to_owned(),
    }
}

fn names(columns: &[Column]) -> String {
    columns
        .iter()
        .map(|c| c.name)
        .collect::<Vec<_>>()
        .join(", ")
}
