//! `.ods`: the tables of `content.xml` and what their cells say.

use roxmltree::Node;

use super::values::{self, Shows};
use super::{Archive, Cells, SAVE_AGAIN, attribute, child, children, choose, in_part, short, tree};
use crate::sources::problem::ImportError;

const CONTENT: &str = "content.xml";
/// Most times that a row which holds anything stands for as many.
const MAX_REPEATED: u32 = 1_000;

pub(super) fn read(
    archive: &mut Archive<'_>,
    asked: Option<&str>,
    cells: &mut Cells,
) -> Result<(), ImportError> {
    let text = archive.part(CONTENT)?.unwrap_or_default();
    let tree = tree(&text, CONTENT)?;
    let body = child(tree.root_element(), "body").and_then(|body| child(body, "spreadsheet"));
    let Some(spreadsheet) = body else {
        return Err(in_part(CONTENT, "is no spreadsheet"));
    };
    let tables: Vec<Node<'_, '_>> = children(spreadsheet, "table").collect();
    let named: Vec<(String, bool)> = tables
        .iter()
        .map(|table| {
            (
                attribute(*table, "name").unwrap_or_default().to_owned(),
                true,
            )
        })
        .collect();
    let Some(table) = tables.get(choose(&named, asked)?) else {
        return Ok(());
    };
    let mut row = 0_u32;
    for row_node in table
        .descendants()
        .filter(|node| node.tag_name().name() == "table-row")
    {
        let repeated = repeated(row_node, "number-rows-repeated");
        let texts = texts(row_node);
        if texts
            .iter()
            .any(|(_, text)| !matches!(text, Ok(text) if text.trim().is_empty()))
        {
            let times = repeated.min(MAX_REPEATED);
            if times < repeated {
                let wrong = format!("stands for {repeated} rows that are the same; {SAVE_AGAIN}");
                cells.push(row, 0, Err(wrong))?;
            }
            for time in 0..times {
                for (column, text) in &texts {
                    cells.push(row.saturating_add(time), *column, text.clone())?;
                }
            }
        }
        row = row.saturating_add(repeated);
    }
    Ok(())
}

/// The cells of a row that hold anything, with their columns.
fn texts(row: Node<'_, '_>) -> Vec<(u32, Result<String, String>)> {
    let mut texts = Vec::new();
    let mut column = 0_u32;
    for cell in row.children().filter(Node::is_element) {
        let repeated = repeated(cell, "number-columns-repeated");
        if cell.tag_name().name() == "table-cell" {
            let text = text_of(cell);
            if !matches!(&text, Ok(text) if text.trim().is_empty()) {
                // What is repeated beyond the bound of columns is refused once, by the first column behind it.
                for time in 0..repeated.min(super::MAX_COLUMNS + 1) {
                    texts.push((column.saturating_add(time), text.clone()));
                }
            }
        }
        column = column.saturating_add(repeated);
    }
    texts
}

fn repeated(node: Node<'_, '_>, name: &str) -> u32 {
    let number = attribute(node, name).and_then(|n| n.parse::<u32>().ok());
    number.unwrap_or(1).max(1)
}

fn text_of(cell: Node<'_, '_>) -> Result<String, String> {
    let value = |name| attribute(cell, name).unwrap_or_default();
    let shown = || paragraphs(cell);
    match attribute(cell, "value-type") {
        None | Some("string") => {
            let shown = shown();
            let is_error = shown.starts_with('#') && attribute(cell, "formula").is_some();
            if is_error || shown.starts_with("Err:") && attribute(cell, "formula").is_some() {
                return Err("holds an error; correct the formula".to_owned());
            }
            short(&shown)
        }
        Some("float" | "percentage" | "currency") => {
            values::number(value("value"), Shows::default(), false)
        }
        Some("date") => values::iso_date(value("date-value")),
        Some("time") => Err("is a time of day without a date; write both into the cell".to_owned()),
        Some("boolean") => short(&value("boolean-value").to_ascii_uppercase()),
        Some(_) => Err(format!("is of a kind that is not read; {SAVE_AGAIN}")),
    }
}

/// The paragraphs of a cell, a line each; remarks beside it are left out.
fn paragraphs(cell: Node<'_, '_>) -> String {
    let lines: Vec<String> = children(cell, "p")
        .map(|paragraph| {
            let pieces = paragraph
                .descendants()
                .map(|piece| match piece.tag_name().name() {
                    "s" | "tab" => " ",
                    "line-break" => "\n",
                    _ if piece.is_text() => piece.text().unwrap_or_default(),
                    _ => "",
                });
            pieces.collect()
        })
        .collect();
    lines.join("\n")
}
