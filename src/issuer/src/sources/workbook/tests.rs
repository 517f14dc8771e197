#![allow(clippy::unwrap_used, clippy::panic)]

use chrono_tz::Tz;

use super::testing::{archive, text, texts, xlsx, xlsx_of};
use super::*;
use crate::sources::{ImportKind, SourceFormat, agenda_csv, detect, registrations_csv};

const ZONE: Tz = Tz::America__New_York;

/// What the first shown sheet says, row by row; or what is wrong.
fn check(bytes: &[u8], sheet: Option<&str>, expected: Result<&[(u64, &[&str])], &[&str]>) {
    match (grid(bytes, sheet), expected) {
        (Ok(grid), Ok(expected)) => {
            let expected: Vec<(u64, Vec<String>)> = expected
                .iter()
                .map(|(line, cells)| (*line, cells.iter().map(|c| (*c).to_owned()).collect()))
                .collect();
            assert_eq!(grid.rows, expected);
        }
        (Err(error), Err(expected)) => {
            let shown: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
            assert_eq!(shown.len(), expected.len(), "{shown:#?}");
            for (shown, expected) in shown.iter().zip(expected) {
                assert!(
                    shown.contains(expected),
                    "{shown}\ndoes not say: {expected}"
                );
            }
        }
        (got, expected) => panic!("{got:?} where {expected:?} was expected"),
    }
}

fn cell(attributes: &str, value: &str) -> String {
    format!("<c {attributes}><v>{value}</v></c>")
}

#[test]
fn a_cell_is_what_its_value_says() {
    for (cell, expected) in [
        (cell("", "1.5"), Ok("1.5")),
        (cell("", "1.1000000000000001"), Ok("1.1")),
        (cell("", "7"), Ok("7")),
        (cell("", "1E3"), Ok("1000")),
        (cell("", "999999999999999"), Ok("999999999999999")),
        (
            cell("", "1.2345678901234567E+19"),
            Err("A1: is a number of more than the 15 digits"),
        ),
        (cell("", "1e999"), Err("A1: is no number")),
        (cell("", "NaN"), Err("A1: is no number")),
        (cell(r#"s="1""#, "46326"), Ok("2026-10-31")),
        (cell(r#"s="1""#, "46326.375"), Ok("2026-10-31T09:00:00")),
        (cell(r#"s="2""#, "46326"), Ok("2026-10-31T00:00:00")),
        (
            cell(r#"s="2""#, "46326.375011574077"),
            Ok("2026-10-31T09:00:01"),
        ),
        (
            cell(r#"s="2""#, "-1"),
            Err("A1: is a date that cannot be meant"),
        ),
        (
            cell(r#"s="2""#, "1e300"),
            Err("A1: is a date that cannot be meant"),
        ),
        (cell(r#"s="9999999""#, "46326"), Ok("46326")),
        (
            cell(r#"t="d""#, "2026-10-31T09:00:00"),
            Ok("2026-10-31T09:00:00"),
        ),
        (cell(r#"t="d""#, "yesterday"), Err("A1: is no date")),
        (cell(r#"t="s""#, "0"), Ok("Zoë Łukasik")),
        (cell(r#"t="s""#, "1"), Ok("kept")),
        (
            cell(r#"t="s""#, "2"),
            Err("A1: refers to a text that the workbook lacks"),
        ),
        (cell(r#"t="s""#, "-1"), Err("A1: refers to a text")),
        (cell(r#"t="b""#, "1"), Ok("TRUE")),
        (cell(r#"t="e""#, "#REF!"), Err("A1: holds an error (#REF!)")),
        (
            cell(r#"t="x""#, "1"),
            Err("A1: is of a kind that is not read"),
        ),
        (
            r#"<c t="str"><f>A2</f><v>computed</v></c>"#.to_owned(),
            Ok("computed"),
        ),
        (
            "<c><f>A2+1</f></c>".to_owned(),
            Err("A1: holds a formula that was never computed"),
        ),
        (text("=1+1"), Ok("=1+1")),
        (text(&"x".repeat(1_001)), Err("A1: is 1001 bytes long")),
    ] {
        let texts = "<si><r><t>Zoë </t></r><r><t>Łukasik</t></r><rPh><t>no</t></rPh></si><si><t>kept</t></si>";
        let book = xlsx_of(&format!("<sheetData><row>{cell}</row></sheetData>"), texts);
        match expected {
            Ok(expected) => check(&book, None, Ok(&[(1, &[expected])])),
            Err(expected) => check(&book, None, Err(&[expected])),
        }
    }
}

#[test]
fn cells_find_their_places() {
    let sheet = r#"<sheetData><row r="3"><c r="A3" t="str"><v>a</v></c><c r="B3" t="str"><v>b</v></c></row>
        <row r="7"><c r="B7" t="str"><v>2</v></c></row><row><c t="str"><v>1</v></c></row></sheetData>"#;
    check(
        &xlsx_of(sheet, ""),
        None,
        Ok(&[(3, &["a", "b"]), (7, &["", "2"]), (8, &["1", ""])]),
    );
    for (place, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
        assert_eq!(letters(place), name);
    }
    let cells = r#"<row r="1"><c r="A1" t="str"><v>a</v></c><c r="A1" t="str"><v>b</v></c><c r="XFD1048576" t="str"><v>c</v></c></row>"#;
    check(
        &xlsx_of(&format!("<sheetData>{cells}</sheetData>"), ""),
        None,
        Err(&[
            "A1: the cell is there twice",
            "XFD1048576: the sheet has more than 100 columns",
        ]),
    );
}

#[test]
fn a_sheet_is_the_one_named_or_the_first_that_is_shown() {
    let book = xlsx(&[&text("a")]);
    check(&book, Some("People"), Ok(&[(1, &["a"])]));
    check(&book, Some("Notes"), Ok(&[]));
    let wrong = "sheet, \"Nobody\": the workbook has no such sheet; it has Notes, People";
    check(&book, Some("Nobody"), Err(&[wrong]));
}

const ODS: &str = r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>
<table:table table:name="One"><table:table-header-rows><table:table-row><table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>
<table:table-cell office:value-type="string"><office:annotation><text:p>remark</text:p></office:annotation><text:p>b<text:s/>c</text:p></table:table-cell></table:table-row></table:table-header-rows>
<table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="date" office:date-value="2026-10-31T09:00:00"><text:p>31.10.</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="1.5"/></table:table-row>
<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"#;

#[test]
fn open_documents_read_the_same() {
    let book = archive(&[("content.xml", ODS)]);
    let day: &[&str] = &["2026-10-31T09:00:00", "1.5"];
    check(&book, None, Ok(&[(1, &["a", "b c"]), (2, day), (3, day)]));
    for (from, to, expected) in [
        (
            "repeated=\"2\"",
            "repeated=\"999999\"",
            "A2: stands for 999999 rows",
        ),
        (
            "<table:table-cell office:value-type=\"float\"",
            "<table:table-cell table:number-columns-repeated=\"16384\" office:value-type=\"float\"",
            "CW2: the sheet has more than 100 columns",
        ),
        (
            "\"float\" office:value=\"1.5\"",
            "\"time\"",
            "B2: is a time of day without a date",
        ),
    ] {
        let book = archive(&[("content.xml", &ODS.replace(from, to))]);
        let error = grid(&book, None).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_is_no_workbook_is_refused_whole() {
    let good = xlsx(&[&text("a")]);
    let cut = &good[..good.len() / 2];
    let bomb = format!(
        "<worksheet><!--{}--><sheetData/></worksheet>",
        " ".repeat(70 * 1024 * 1024)
    );
    let bomb = archive(&[("content.xml", bomb.as_str())]);
    assert!(bomb.len() < 200_000, "it is small as it comes");
    let entity = r#"<!DOCTYPE x [<!ENTITY a "aaaa">]><office xmlns="o"><body>&a;</body></office>"#;
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    for (bytes, expected) in [
        (cut.to_vec(), "the workbook is damaged"),
        (b"PK\x03\x04".to_vec(), "the workbook is damaged"),
        (
            archive(&[("word/document.xml", "<w/>")]),
            "neither an .xlsx nor an .ods workbook",
        ),
        (bomb, "inflates to more than the 64 MiB"),
        (
            archive(&[("content.xml", entity)]),
            "content.xml: has a document type",
        ),
        (archive(&[("content.xml", &deep)]), "more than 64 deep"),
        (
            archive(&[("content.xml", "<a><b></a>")]),
            "content.xml: is not whole XML",
        ),
        (
            archive(&[("content.xml", "<a/>")]),
            "content.xml: is no spreadsheet",
        ),
        (
            archive(&[("xl/workbook.xml", "<workbook/>")]),
            "workbook.xml.rels: is missing",
        ),
        (
            archive(&[
                ("xl/workbook.xml", "<workbook/>"),
                ("xl/_rels/workbook.xml.rels", "<r/>"),
            ]),
            "no sheet that is shown",
        ),
    ] {
        check(&bytes, None, Err(&[expected]));
    }
}

#[test]
fn a_cell_that_is_repeated_without_end_costs_nothing() {
    let row = |rows: u32| {
        format!(
            r#"<table:table-row table:number-rows-repeated="{rows}"><table:table-cell table:number-columns-repeated="100" office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>"#
        )
    };
    let table: String = (0..30).map(|_| row(1_000)).collect();
    let start = ODS.find("<table:table-row table").unwrap();
    let end = ODS.find("</table:table>").unwrap();
    let book = archive(&[(
        "content.xml",
        &format!("{}{table}{}", &ODS[..start], &ODS[end..]),
    )]);
    check(&book, None, Err(&["the sheet has more than 2000000 cells"]));
}

#[test]
fn registrations_and_agendas_come_from_sheets() {
    let header = texts(&["badge", "name", "valid_from", "email"]);
    let row = format!(
        "{}{}{}{}",
        text("K7QX-3MPA-9TZD-WH4E"),
        text("Zoë\nŁukasik"),
        cell(r#"s="1""#, "46326"),
        text("zoe@example.org")
    );
    let book = xlsx(&[&header, &row]);
    assert_eq!(
        detect(&book, ImportKind::Registrations),
        SourceFormat::Workbook
    );
    let report = registrations_csv::read(&book, ZONE).unwrap();
    let read = &report.import.rows[0];
    assert_eq!((read.line, read.name.as_str()), (2, "Zoë Łukasik"));
    assert_eq!(read.valid_from_utc_ms, Some(1_793_419_200_000));

    let wrong = row.replace("zoe@example.org", "nobody") + &text("beside");
    let error = registrations_csv::read(&xlsx(&[&header, &row, &wrong]), ZONE).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("row 3: something stands beside the table"),
        "{error}"
    );
    let wrong = row
        .replace("zoe@example.org", "nobody")
        .replace("K7QX", "K8QX");
    let error = registrations_csv::read(&xlsx(&[&header, &row, &wrong]), ZONE).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("row 3, column email (cell D3): is no e-mail"),
        "{error}"
    );

    let header = texts(&["session", "title", "room", "start", "end", "ceredit_value"]);
    let row = format!(
        "{}{}",
        texts(&["s1", "T", "hall"]),
        cell(r#"s="2""#, "46326.375").repeat(2)
    );
    let error = agenda_csv::read(&xlsx(&[&header, &row]), ZONE).unwrap_err();
    assert!(
        error.to_string().contains(
            "row 1, column F, \"ceredit_value\": unknown column, did you mean credit_value?"
        ),
        "{error}"
    );
    let header = header.replace("ceredit", "credit");
    let error = agenda_csv::read(&xlsx(&[&header, &row]), ZONE).unwrap_err();
    assert!(
        error.to_string().contains("row 2, column end (cell E2)"),
        "{error}"
    );
}
