//! One sheet of a workbook (`.xlsx`, `.ods`) becomes the same grid of texts that a table as text becomes.
//!
//! A cell is what its value says, not how it looks: a date is written as `2026-10-31T09:00:00` (a day alone as
//! `2026-10-31`), a number without needless digits, a formula as the value that was computed for it last. Refused by its
//! cell, since a wrong text would be taken for a right one: an error, a formula without a value, and a number longer than
//! the 15 digits that spreadsheets keep. Hidden rows count: they are in the file.
//!
//! Nothing is inflated beyond [`MAX_INFLATED_BYTES`], whatever the archive claims; no document type is read. Further limits:
//! [`MAX_NODES`] nodes of one part, [`MAX_CELLS`] cells, [`MAX_COLUMNS`] columns, [`MAX_ROWS`](super::MAX_ROWS) rows, and those of
//! [`super::xml_shape`].

mod ods;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
mod values;
mod xlsx;

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use roxmltree::{Document, Error, Node, ParsingOptions};
use zip::ZipArchive;
use zip::result::ZipError;

use super::MAX_FIELD_BYTES;
use super::problem::{Findings, ImportError, Problem};
use super::table::{self, Grid};
use super::text::bounded;
use super::xml_shape::{self, Lines};

/// Most bytes of all parts that are read, inflated: a sheet of 100,000 rows with eight cells each fits.
const MAX_INFLATED_BYTES: u64 = 64 * 1024 * 1024;
/// Most nodes of one part: three a cell.
const MAX_NODES: u32 = 4_000_000;
/// Most cells of a sheet that hold anything.
const MAX_CELLS: usize = 2_000_000;
/// Most columns of a sheet that hold anything.
const MAX_COLUMNS: u32 = 100;
/// Most sheets of a workbook that are named in a message.
const MAX_NAMED: usize = 20;
const SAVE_AGAIN: &str = "open it in a spreadsheet program, save it as .xlsx again, without a password, or as CSV in UTF-8, \
                          and import that";

/// Whether the bytes are an archive, as every workbook is.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads one sheet: the one named, else the first that is not hidden.
///
/// # Errors
/// No workbook, damaged, too large, no such sheet, or cells that cannot be taken as they are.
pub(super) fn grid(bytes: &[u8], sheet: Option<&str>) -> Result<Grid, ImportError> {
    bounded(bytes)?;
    let mut archive = Archive::open(bytes)?;
    let mut cells = Cells::default();
    if archive.holds("xl/workbook.xml") || archive.holds("_rels/.rels") {
        xlsx::read(&mut archive, sheet, &mut cells)?;
    } else if archive.holds("content.xml") {
        ods::read(&mut archive, sheet, &mut cells)?;
    } else {
        return Err(Problem::of_file(format!(
            "this is an archive, but neither an .xlsx nor an .ods workbook; {SAVE_AGAIN}"
        ))
        .into());
    }
    cells.grid()
}

/// The parts of a workbook, inflated as they are asked for and never beyond the bound.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    left_bytes: u64,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
        Ok(Self {
            zip,
            left_bytes: MAX_INFLATED_BYTES,
        })
    }

    fn holds(&self, part: &str) -> bool {
        self.zip.index_for_name(part).is_some()
    }

    /// A part as text; none where the archive has no such part.
    fn part(&mut self, name: &str) -> Result<Option<String>, ImportError> {
        let part = match self.zip.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(damaged(&error)),
        };
        let mut bytes = Vec::new();
        let read = part
            .take(self.left_bytes.saturating_add(1))
            .read_to_end(&mut bytes);
        read.map_err(|error| damaged(&error))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(left) = self.left_bytes.checked_sub(length) else {
            return Err(Problem::of_file(format!(
                "the workbook inflates to more than the {} MiB that are read at once; delete what is no table from it, or split it",
                MAX_INFLATED_BYTES / (1024 * 1024)
            ))
            .into());
        };
        self.left_bytes = left;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| in_part(name, "is not UTF-8"))
    }
}

fn damaged(error: &dyn std::fmt::Display) -> ImportError {
    Problem::of_file(format!("the workbook is damaged: {error}; {SAVE_AGAIN}")).into()
}

fn in_part(part: &str, wrong: &str) -> ImportError {
    Problem::at_path(part, "", format!("{wrong}; {SAVE_AGAIN}")).into()
}

/// The tree of a part's text.
fn tree<'t>(text: &'t str, part: &str) -> Result<Document<'t>, ImportError> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    xml_shape::check(text, &Lines::new(text), SAVE_AGAIN)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| match error {
        Error::DtdDetected => in_part(part, "has a document type, which is not read"),
        Error::NodesLimitReached => Problem::at_path(
            part,
            "",
            format!("has more than {MAX_NODES} nodes; split the table"),
        )
        .into(),
        other => in_part(part, &format!("is not whole XML: {other}")),
    })
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// An attribute by its name alone: its space is another in each edition of the formats.
fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = node.attributes();
    attributes.find(|a| a.name() == name).map(|a| a.value())
}

/// A text as it may stand in a cell: how often it is referred to or repeated is not bounded by the file's size.
fn short(text: &str) -> Result<String, String> {
    if text.len() > MAX_FIELD_BYTES {
        return Err(format!(
            "is {} bytes long, more than {MAX_FIELD_BYTES}; shorten it",
            text.len()
        ));
    }
    Ok(text.to_owned())
}

/// Which sheet is meant, by its place among those there are.
fn choose(sheets: &[(String, bool)], asked: Option<&str>) -> Result<usize, ImportError> {
    let named = |name: &str| {
        sheets
            .iter()
            .position(|(sheet, _)| sheet.trim() == name.trim())
    };
    let found = match asked {
        Some(name) => named(name),
        None => sheets.iter().position(|(_, is_shown)| *is_shown),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = sheets
            .iter()
            .map(|(name, _)| name.as_str())
            .take(MAX_NAMED)
            .collect();
        let message = match asked {
            Some(_) => format!(
                "the workbook has no such sheet; it has {}",
                names.join(", ")
            ),
            None => format!("the workbook has no sheet that is shown; {SAVE_AGAIN}"),
        };
        Problem::at_path("sheet", asked.unwrap_or_default(), message).into()
    })
}

/// The name of a cell as spreadsheets write it: `C7`. Both count from 0.
fn cell_name(row: u32, column: u32) -> String {
    format!("{}{}", letters(column), u64::from(row) + 1)
}

/// The letters of a column, from 0: `A`, `Z`, `AA`.
pub(super) fn letters(column: u32) -> String {
    let (mut text, mut left) = (Vec::new(), u64::from(column) + 1);
    while left > 0 {
        let digit = u8::try_from((left - 1) % 26).unwrap_or_default();
        text.push(char::from(b'A' + digit));
        left = (left - 1) / 26;
    }
    text.iter().rev().collect()
}

/// The cells of a sheet that hold anything, by row and column from 0.
#[derive(Default)]
struct Cells {
    cells: BTreeMap<(u32, u32), String>,
    findings: Findings,
}

impl Cells {
    /// Takes a cell's text, or what is wrong with it; an empty text is no cell.
    ///
    /// # Errors
    /// More cells than are read at all.
    fn push(
        &mut self,
        row: u32,
        column: u32,
        text: Result<String, String>,
    ) -> Result<(), ImportError> {
        let wrong = match text {
            Ok(text) if text.trim().is_empty() => return Ok(()),
            Ok(_) if self.cells.len() >= MAX_CELLS => {
                let message = format!("the sheet has more than {MAX_CELLS} cells; split it");
                return Err(Problem::of_file(message).into());
            }
            Ok(_) if column >= MAX_COLUMNS => {
                format!(
                    "the sheet has more than {MAX_COLUMNS} columns; delete what is no part of the table"
                )
            }
            Ok(text) => match self.cells.insert((row, column), text) {
                None => return Ok(()),
                Some(_) => format!("the cell is there twice; {SAVE_AGAIN}"),
            },
            Err(wrong) => wrong,
        };
        self.findings
            .problem(Problem::at_path(&cell_name(row, column), "", wrong));
        Ok(())
    }

    /// The rows, each as wide as the header, and wider where something stands beside the table.
    fn grid(self) -> Result<Grid, ImportError> {
        self.findings.finish(())?;
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        for ((row, column), text) in self.cells {
            let line = u64::from(row) + 1;
            if rows.last().is_none_or(|(last, _)| *last != line) {
                let width = rows.first().map_or(0, |(_, header)| header.len());
                table::check_count(rows.len(), line)?;
                rows.push((line, vec![String::new(); width]));
            }
            let place = usize::try_from(column).unwrap_or(usize::MAX);
            let Some((_, cells)) = rows.last_mut() else {
                continue;
            };
            if cells.len() <= place {
                cells.resize(place.saturating_add(1), String::new());
            }
            if let Some(cell) = cells.get_mut(place) {
                *cell = text;
            }
        }
        Ok(Grid {
            rows,
            is_sheet: true,
        })
    }
}
