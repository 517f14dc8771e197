//! `.xlsx`: which sheets there are, what their cells say.
//!
//! Read are `xl/workbook.xml` and its relations, `sharedStrings.xml`, of `styles.xml` the formats of numbers, and of the one
//! sheet its cells. Names of elements count, their spaces do not: the strict and the usual edition differ only there.

use roxmltree::Node;

use super::values::{self, Shows};
use super::{Archive, Cells, SAVE_AGAIN, attribute, child, children, choose, in_part, short, tree};
use crate::sources::problem::ImportError;

const WORKBOOK: &str = "xl/workbook.xml";
const RELATIONS: &str = "xl/_rels/workbook.xml.rels";

/// What the cells of a workbook refer to.
#[derive(Default)]
struct Book {
    texts: Vec<String>,
    styles: Vec<Shows>,
    is_1904: bool,
}

pub(super) fn read(
    archive: &mut Archive<'_>,
    asked: Option<&str>,
    cells: &mut Cells,
) -> Result<(), ImportError> {
    let missing = |part: &str| in_part(part, "is missing from the workbook");
    let workbook = archive.part(WORKBOOK)?.ok_or_else(|| missing(WORKBOOK))?;
    let relations = archive.part(RELATIONS)?.ok_or_else(|| missing(RELATIONS))?;
    let (sheet, is_1904) = sheet_part(&workbook, &relations, asked)?;
    let mut book = Book {
        is_1904,
        ..Book::default()
    };
    if let Some(text) = archive.part("xl/sharedStrings.xml")? {
        let tree = tree(&text, "xl/sharedStrings.xml")?;
        let texts = children(tree.root_element(), "si").map(text_of);
        book.texts = texts.collect();
    }
    if let Some(text) = archive.part("xl/styles.xml")? {
        book.styles = styles(tree(&text, "xl/styles.xml")?.root_element());
    }
    let text = archive.part(&sheet)?.ok_or_else(|| missing(&sheet))?;
    let tree = tree(&text, &sheet)?;
    let Some(data) = child(tree.root_element(), "sheetData") else {
        return Err(in_part(&sheet, "is no sheet of cells"));
    };
    let mut next_row = 0;
    for row in children(data, "row") {
        let number = attribute(row, "r").and_then(|r| r.parse::<u32>().ok());
        let row_at = number.map_or(next_row, |number| number.saturating_sub(1));
        let mut next_column = 0;
        for cell in children(row, "c") {
            let named = attribute(cell, "r").and_then(position);
            let (at_row, column) = named.unwrap_or((row_at, next_column));
            cells.push(at_row, column, book.text(cell))?;
            next_column = column.saturating_add(1);
        }
        next_row = row_at.saturating_add(1);
    }
    Ok(())
}

/// The part that holds the sheet asked for, and whether the workbook counts days from 1904.
fn sheet_part(
    workbook: &str,
    relations: &str,
    asked: Option<&str>,
) -> Result<(String, bool), ImportError> {
    let tree_of_book = tree(workbook, WORKBOOK)?;
    let root = tree_of_book.root_element();
    let date_1904 = child(root, "workbookPr").and_then(|pr| attribute(pr, "date1904"));
    let is_1904 = matches!(date_1904, Some("1" | "true" | "on"));
    let sheets: Vec<Node<'_, '_>> = child(root, "sheets")
        .map(|sheets| children(sheets, "sheet").collect())
        .unwrap_or_default();
    let named: Vec<(String, bool)> = sheets
        .iter()
        .map(|sheet| {
            let name = attribute(*sheet, "name").unwrap_or_default();
            (
                name.to_owned(),
                matches!(attribute(*sheet, "state"), None | Some("visible")),
            )
        })
        .collect();
    let chosen = choose(&named, asked)?;
    // Beside `r:id` there is `sheetId`, whose name is another.
    let id = sheets.get(chosen).and_then(|sheet| attribute(*sheet, "id"));
    let tree_of_relations = tree(relations, RELATIONS)?;
    let target = children(tree_of_relations.root_element(), "Relationship")
        .find(|relation| attribute(*relation, "Id") == id)
        .and_then(|relation| attribute(relation, "Target"))
        .ok_or_else(|| in_part(RELATIONS, "does not say where the sheet is"))?;
    let part = match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("xl/{target}"),
    };
    Ok((part, is_1904))
}

/// What each style of cells shows of a number.
fn styles(root: Node<'_, '_>) -> Vec<Shows> {
    let number = |node, name| attribute(node, name).and_then(|n| n.parse::<u32>().ok());
    let own: std::collections::BTreeMap<u32, Shows> = child(root, "numFmts")
        .into_iter()
        .flat_map(|formats| children(formats, "numFmt"))
        .filter_map(|format| {
            let code = attribute(format, "formatCode")?;
            Some((number(format, "numFmtId")?, values::of_code(code)))
        })
        .collect();
    child(root, "cellXfs")
        .into_iter()
        .flat_map(|styles| children(styles, "xf"))
        .map(|style| {
            let format = number(style, "numFmtId").unwrap_or_default();
            own.get(&format)
                .copied()
                .unwrap_or_else(|| values::builtin(format))
        })
        .collect()
}

/// The text of an item, in one piece or in several of different fonts; how it is pronounced is left out.
fn text_of(item: Node<'_, '_>) -> String {
    let pieces = item
        .children()
        .filter_map(|piece| match piece.tag_name().name() {
            "t" => Some(piece),
            "r" => child(piece, "t"),
            _ => None,
        });
    pieces
        .flat_map(|piece| piece.children())
        .filter_map(|text| text.text())
        .collect()
}

impl Book {
    fn text(&self, cell: Node<'_, '_>) -> Result<String, String> {
        let value = child(cell, "v").map(|v| v.text().unwrap_or_default());
        let kind = attribute(cell, "t").unwrap_or("n");
        if kind == "inlineStr" {
            return short(&child(cell, "is").map(text_of).unwrap_or_default());
        }
        let Some(value) = value else {
            return if child(cell, "f").is_some() {
                Err(format!(
                    "holds a formula that was never computed; {SAVE_AGAIN}"
                ))
            } else {
                Ok(String::new())
            };
        };
        match kind {
            "s" => {
                let place = value.trim().parse::<usize>().ok();
                let text = place.and_then(|place| self.texts.get(place));
                let missing = || format!("refers to a text that the workbook lacks; {SAVE_AGAIN}");
                short(text.ok_or_else(missing)?)
            }
            "str" => short(value),
            "b" => Ok(if value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned()),
            "d" => values::iso_date(value),
            "e" => Err(format!(
                "holds an error ({}); correct the formula",
                shown_error(value)
            )),
            "n" => {
                let style = attribute(cell, "s").map(str::parse::<usize>);
                let style = style.and_then(Result::ok).unwrap_or_default();
                let shows = self.styles.get(style).copied().unwrap_or_default();
                values::number(value, shows, self.is_1904)
            }
            _ => Err(format!("is of a kind that is not read; {SAVE_AGAIN}")),
        }
    }
}

/// An error as programs show them; anything else could be anything.
fn shown_error(value: &str) -> &str {
    let known = [
        "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!",
    ];
    known
        .into_iter()
        .find(|known| *known == value)
        .unwrap_or("#?")
}

/// Row and column of a name such as `C7`, from 0.
fn position(name: &str) -> Option<(u32, u32)> {
    let digits = name.find(|c: char| c.is_ascii_digit())?;
    let (letters, number) = name.split_at(digits);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let mut column = 0_u32;
    for letter in letters.bytes() {
        let letter = letter.to_ascii_uppercase();
        if !letter.is_ascii_uppercase() {
            return None;
        }
        column = column * 26 + u32::from(letter - b'A') + 1;
    }
    let row = number.parse::<u32>().ok()?.checked_sub(1)?;
    Some((row, column - 1))
}
