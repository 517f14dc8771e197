//! Bytes of a table become rows with named cells, or problems with the line they are on.
//!
//! A sheet of a workbook as [`super::workbook`] reads it, or text as [`super::text`] decodes it; comma, semicolon or tab, whichever makes sense of the header; quotes as in RFC 4180,
//! strictly: a quote that is never closed, or that stands in the middle of a value, would swallow the rows behind it. A
//! line break within quotes is a space where the column holds a text for people, and refused anywhere else. Every column
//! must be one of ours: a misspelt optional column would otherwise be dropped in silence.

use std::collections::BTreeSet;

use super::columns::Column;
use super::problem::{Findings, ImportError, Problem};
use super::text::{self, HOW_TO_SAVE};
use super::{MAX_ROWS, field, workbook};

/// Most cells of a row: reports of platforms have some fifty, with questions and answers some hundreds.
pub(super) const MAX_CELLS: usize = 1_000;
/// Columns whose texts may be wrapped over lines in a spreadsheet.
const WRAPPED: &[&str] = &["title", "room_title", "name", "organisation"];

/// A table of texts: each row with its line. The first is the header.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) rows: Vec<(u64, Vec<String>)>,
    /// Whether it was a sheet, whose cells have names.
    pub(super) is_sheet: bool,
}

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

/// Reads delimited text, or a sheet of a workbook (the one named, else the first), into a grid.
///
/// # Errors
/// Where no row can be read at all: encoding, size, quotes, a damaged workbook, a sheet that is not there.
pub(super) fn grid(
    bytes: &[u8],
    sheet: Option<&str>,
    columns: &[Column],
) -> Result<Grid, ImportError> {
    if workbook::is_archive(bytes) {
        return workbook::grid(bytes, sheet);
    }
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(Problem::of_file(format!(
            "this is a spreadsheet of an old format (.xls), or one with a password; save it as .xlsx without a password, or \
             {HOW_TO_SAVE}"
        ))
        .into());
    }
    if let Some(sheet) = sheet {
        let message = "this is a table as text, which has no sheets; leave the sheet's name out";
        return Err(Problem::at_path("sheet", sheet, message).into());
    }
    let text = text::decode(bytes, HOW_TO_SAVE)?;
    let header_line = text
        .lines()
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let rows = delimited(&text, delimiter(header_line, columns))?;
    Ok(Grid {
        rows,
        is_sheet: false,
    })
}

/// The rows of a text with their lines.
///
/// # Errors
/// Quotes that swallow rows, more rows than are read, more cells of a row.
pub(super) fn delimited(text: &str, delimiter: u8) -> Result<Vec<(u64, Vec<String>)>, ImportError> {
    check_quotes(text.as_bytes(), delimiter)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record
            .map_err(|error| Problem::of_file(format!("the file cannot be read: {error}")))?;
        let line = line_of(&record, text);
        if record.len() > MAX_CELLS {
            let message = format!("more than {MAX_CELLS} cells; is this the file that was meant?");
            return Err(Problem::of_row(line, message).into());
        }
        push_bounded(&mut rows, line, record.iter().map(str::to_owned).collect())?;
    }
    Ok(rows)
}

/// Adds a row to a grid; the header counts as none.
pub(super) fn push_bounded(
    rows: &mut Vec<(u64, Vec<String>)>,
    line: u64,
    cells: Vec<String>,
) -> Result<(), ImportError> {
    if !rows.is_empty() && cells.iter().all(|cell| cell.trim().is_empty()) {
        return Ok(());
    }
    check_count(rows.len(), line)?;
    rows.push((line, cells));
    Ok(())
}

/// Whether one more row fits behind so many, the header among them.
pub(super) fn check_count(rows: usize, line: u64) -> Result<(), ImportError> {
    if rows > MAX_ROWS {
        let message = format!("the file has more than {MAX_ROWS} rows; split it");
        return Err(Problem::of_row(line, message).into());
    }
    Ok(())
}

/// Gives a grid's rows by the names of its header. Problems of cells go to `findings` and their rows are left out; `secret`
/// names the columns whose values must not be shown.
///
/// # Errors
/// Where no row can be read at all: a header that is not ours, or no rows.
pub(super) fn rows(
    grid: Grid,
    columns: &'static [Column],
    secret: &[&str],
    findings: &mut Findings,
) -> Result<Table, ImportError> {
    let is_sheet = grid.is_sheet;
    let mut grid = grid.rows.into_iter();
    let Some((header_line, header)) = grid.next() else {
        return Err(Problem::of_file("the file is empty; start from the template").into());
    };
    let order = header_order(&header, header_line, columns, is_sheet)?;
    if is_sheet {
        let names = order.iter().map(|position| columns[*position].name);
        findings.name_cells((0..).map(workbook::letters).zip(names));
    }
    let rows: Vec<Row> = grid
        .filter_map(|(line, cells)| row(is_sheet, &cells, line, &order, columns, secret, findings))
        .collect();
    if rows.is_empty() && !findings.has_problems() {
        return Err(Problem::of_file(
            "the file has a header but no rows; an empty list would replace what is there",
        )
        .into());
    }
    Ok(Table { rows })
}

fn row(
    is_sheet: bool,
    record: &[String],
    line: u64,
    order: &[usize],
    columns: &'static [Column],
    secret: &[&str],
    findings: &mut Findings,
) -> Option<Row> {
    if is_sheet && record.len() > order.len() {
        let message = "something stands beside the table, in a column without a header; delete it, or give its column a header";
        findings.problem(Problem::of_row(line, message));
        return None;
    }
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
        let cell = unwrapped(cell.trim(), column.name);
        let shown = if secret.contains(&column.name) {
            ""
        } else {
            &cell
        };
        let wrong = if cell.is_empty() && column.required {
            Some(format!(
                "is empty; fill it in (for example {})",
                column.example
            ))
        } else {
            field::text_problem(&cell)
        };
        if let Some(wrong) = wrong {
            findings.problem(Problem::of_cell(line, column.name, shown, wrong));
            good = false;
        }
        cells[position] = cell;
    }
    good.then_some(Row {
        line,
        columns,
        cells,
    })
}

/// A text for people on one line.
fn unwrapped(cell: &str, column: &str) -> String {
    if !WRAPPED.contains(&column) || !cell.contains(['\n', '\r']) {
        return cell.to_owned();
    }
    let lines = cell.split(['\n', '\r']).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// Refuses quotes that the reader would take for something, but not for what was meant.
fn check_quotes(text: &[u8], delimiter: u8) -> Result<(), ImportError> {
    let (mut at, mut line, mut begins) = (0, 1, true);
    while let Some(&byte) = text.get(at) {
        if begins && byte == b'"' {
            let opened = line;
            at += 1;
            loop {
                match (text.get(at), text.get(at + 1)) {
                    (None, _) => {
                        let message = "the quote that opens here is never closed; close it, or the rest of the file is one value";
                        return Err(Problem::of_row(opened, message).into());
                    }
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"'), next) => {
                        if next.is_some_and(|b| ![delimiter, b'\n', b'\r'].contains(b)) {
                            let message = format!(
                                "a quote that was opened in row {opened} is closed here in the middle of a value; write a \
                                 quote within quotes twice (\"\")"
                            );
                            return Err(Problem::of_row(line, message).into());
                        }
                        at += 1;
                        break;
                    }
                    (Some(b'\n'), _) => (at, line) = (at + 1, line + 1),
                    (Some(_), _) => at += 1,
                }
            }
            begins = false;
        } else {
            begins = byte == delimiter || byte == b'\n' || byte == b'\r';
            line += u64::from(byte == b'\n');
            at += 1;
        }
    }
    Ok(())
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

/// The delimiter under which the header names most of our columns.
fn delimiter(header_line: &str, columns: &[Column]) -> u8 {
    let known = |delimiter: u8| {
        header_line
            .split(char::from(delimiter))
            .filter(|name| columns.iter().any(|c| c.name == header_name(name)))
            .count()
    };
    // Of equals the last: a comma where nothing is known.
    let candidates = [b'\t', b';', b','];
    candidates
        .into_iter()
        .max_by_key(|candidate| known(*candidate))
        .unwrap_or(b',')
}

fn header_name(cell: &str) -> String {
    cell.trim().trim_matches('"').trim().to_lowercase()
}

/// For each cell of a row, the position of its column in `columns`.
fn header_order(
    header: &[String],
    line: u64,
    columns: &[Column],
    is_sheet: bool,
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
                let number = if is_sheet {
                    u32::try_from(index).map_or_else(|_| String::new(), workbook::letters)
                } else {
                    (index + 1).to_string()
                };
                findings.problem(Problem::of_cell(line, &number, cell.trim(), message));
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
