//! Workbooks for tests, made part by part.
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive of these parts.
pub(in crate::sources) fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, text) in parts {
        zip.start_file(*name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook with one sheet of these rows of cells (`<c>…</c>`), whose styles are: 0 general, 1 a day, 2 a date and time.
pub(in crate::sources) fn xlsx(rows: &[&str]) -> Vec<u8> {
    let rows: String = rows
        .iter()
        .map(|cells| format!("<row>{cells}</row>"))
        .collect();
    xlsx_of(&format!("<sheetData>{rows}</sheetData>"), "")
}

/// A workbook whose first sheet is hidden and holds nothing, and whose second holds this.
pub(in crate::sources) fn xlsx_of(sheet: &str, texts: &str) -> Vec<u8> {
    archive(&[
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="Notes" state="hidden" sheetId="1" r:id="rId1"/><sheet name="People" sheetId="2" r:id="rId2"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>"#,
        ),
        (
            "xl/styles.xml",
            r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>"#,
        ),
        ("xl/sharedStrings.xml", &format!("<sst>{texts}</sst>")),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet><sheetData/></worksheet>",
        ),
        (
            "xl/worksheets/sheet2.xml",
            &format!("<worksheet>{sheet}</worksheet>"),
        ),
    ])
}

/// A cell with its text in itself.
pub(in crate::sources) fn text(text: &str) -> String {
    format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#)
}

/// A row of such cells.
pub(in crate::sources) fn texts(cells: &[&str]) -> String {
    cells.iter().map(|cell| text(cell)).collect()
}
