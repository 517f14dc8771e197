#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value)]
use proptest::prelude::*;
use serde_json::json;

use super::*;

const ZONE: Tz = Tz::America__New_York;

/// A position with every key that pretix sends; people and codes are made up.
fn position(id: u64, order: &str, name: &str) -> Value {
    json!({
        "id": id, "order": order, "positionid": 1, "item": 1, "variation": null, "price": "495.00",
        "attendee_name": name,
        "attendee_name_parts": {"_scheme": "given_family", "given_name": name, "family_name": "X"},
        "company": "Example Audit Ltd", "street": null, "zipcode": null, "city": null, "country": null, "state": null,
        "discount": null, "attendee_email": format!("p{id}@example.org"), "voucher": null, "tax_rate": "0.00",
        "tax_value": "0.00", "secret": secret(id), "addon_to": null, "subevent": null, "checkins": [],
        "print_logs": [], "downloads": [], "answers": [], "tax_rule": null, "pseudonymization_id": format!("P{id:07}"),
        "seat": null, "canceled": false, "tax_code": null, "valid_from": null, "valid_until": null, "blocked": null,
        "voucher_budget_use": null, "plugin_data": {}
    })
}

fn secret(id: u64) -> String {
    let digest = evidence::sha256(&id.to_be_bytes()).to_hex();
    format!("s{}", &digest[..31])
}

fn order(code: &str, positions: Vec<Value>) -> Value {
    json!({
        "code": code, "event": "summit26", "status": "p", "testmode": false, "secret": "abcdefgh", "email": "buyer@example.org",
        "locale": "de-informal", "datetime": "2026-10-13T21:37:38.268826-04:00", "total": "195.00", "positions": positions,
        "last_modified": "2026-11-22T20:37:39.304746-05:00", "require_approval": false, "valid_if_pending": false,
        "cancellation_date": null
    })
}

/// `value` with other values at some keys.
fn with(mut value: Value, changes: &[(&str, Value)]) -> Value {
    for (key, change) in changes {
        value[*key] = change.clone();
    }
    value
}

fn page(count: usize, results: Vec<Value>) -> Value {
    json!({"count": count, "next": null, "previous": null, "results": results})
}

fn one(order: Value) -> Value {
    page(1, vec![order])
}

fn read_text(text: &str) -> Result<ImportReport<PretixImport>, ImportError> {
    read(text.as_bytes(), ZONE)
}

fn good(document: &Value) -> ImportReport<PretixImport> {
    read_text(&document.to_string()).unwrap()
}

/// What is said of each kind: warnings, refusals, rows left out.
fn said(report: &ImportReport<PretixImport>) -> [Vec<String>; 3] {
    [
        report.warnings.iter().map(ToString::to_string).collect(),
        report.refused.iter().map(ToString::to_string).collect(),
        report.left_out.iter().map(ToString::to_string).collect(),
    ]
}

fn check_refused(text: &str, expected: &str) {
    let shown = read_text(text).unwrap_err().to_string();
    assert!(
        shown.contains(expected),
        "{shown}\ndoes not say: {expected}"
    );
}

#[test]
fn a_position_is_a_person_with_their_badge() {
    let report = good(&one(order(
        "B00000",
        vec![position(7, "B00000", "Zoë Łukasik")],
    )));
    assert_eq!(said(&report), [vec![], vec![], Vec::<String>::new()]);
    let row = &report.import.rows[0];
    assert_eq!((row.position, row.order.as_str()), (7, "B00000"));
    let person = &row.registration;
    assert_eq!(person.badge, secret(7));
    assert_eq!(person.name, "Zoë Łukasik");
    assert_eq!(person.email.as_deref(), Some("p7@example.org"));
    assert_eq!(person.organisation.as_deref(), Some("Example Audit Ltd"));
    // A tone of voice is no language.
    assert_eq!(person.language.as_deref(), Some("de"));
    assert!(!person.cancelled);
    let page = one(order("B00000", vec![position(7, "B00000", "Zoë Łukasik")]));
    let recorded = json!({"request": {"body": null}, "response": {"status": 200, "body": page}});
    assert_eq!(good(&recorded), report);
    let kind = crate::sources::ImportKind::Registrations;
    for document in [&page, &recorded, &page["results"]] {
        let format = crate::sources::detect(document.to_string().as_bytes(), kind);
        assert_eq!(format, crate::sources::SourceFormat::Pretix, "{document}");
    }
    let shown = format!("{report:?}");
    for private in ["Zoë", "p7@", &secret(7)] {
        assert!(!shown.contains(private), "{shown}");
    }
}

#[test]
fn what_counts_is_paid_and_not_cancelled() {
    let of = |on_order: &[(&str, Value)], on_position: &[(&str, Value)]| {
        let position = with(position(1, "A", "Ann"), on_position);
        let report = good(&one(with(order("A", vec![position]), on_order)));
        !report.import.rows[0].registration.cancelled
    };
    for (on_order, on_position, counts) in [
        (vec![], vec![], true),
        (vec![("status", json!("n"))], vec![], false),
        (
            vec![("status", json!("n")), ("valid_if_pending", json!(true))],
            vec![],
            true,
        ),
        (
            vec![
                ("status", json!("n")),
                ("valid_if_pending", json!(true)),
                ("require_approval", json!(true)),
            ],
            vec![],
            false,
        ),
        (vec![("status", json!("e"))], vec![], false),
        (vec![("status", json!("c"))], vec![], false),
        (vec![], vec![("canceled", json!(true))], false),
        (vec![], vec![("blocked", json!(["admin"]))], false),
        (vec![], vec![("blocked", json!([]))], true),
    ] {
        assert_eq!(
            of(&on_order, &on_position),
            counts,
            "{on_order:?} {on_position:?}"
        );
    }
}

#[test]
fn pages_come_in_every_way_they_are_saved() {
    let orders = |from: u64| -> Vec<Value> {
        let order = |id| {
            order(
                &format!("B{id}"),
                vec![position(id, &format!("B{id}"), "Ann")],
            )
        };
        (from..from + 3).map(order).collect()
    };
    let (first, second) = (page(6, orders(1)), page(6, orders(4)));
    let all = [orders(1), orders(4)].concat();
    let files = [
        format!("{first}\n{second}"),
        format!("\u{FEFF}{first}{second}\n"),
        Value::Array(vec![first, second]).to_string(),
        Value::Array(all.clone()).to_string(),
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
        serde_json::to_string_pretty(&page(6, all)).unwrap(),
    ];
    let expected = read_text(&files[0]).unwrap();
    assert_eq!(expected.import.rows.len(), 6);
    for file in &files {
        assert_eq!(read_text(file).as_ref(), Ok(&expected), "{file}");
    }
}

#[test]
fn positions_alone_say_that_they_do_not_say_whether_they_are_paid() {
    let report = good(&page(
        4900,
        vec![position(1, "A", "Ann"), position(2, "B", "Bo")],
    ));
    assert_eq!(report.import.rows.len(), 2);
    assert!(report.import.orders.is_empty());
    let [warnings, ..] = said(&report);
    assert!(warnings[0].contains("2 of 4900 positions"), "{warnings:?}");
    assert!(
        warnings[1].contains("do not say whether their order is paid"),
        "{warnings:?}"
    );
    // Of a check-in list, positions say it.
    let states = [
        ("order__status", json!("n")),
        ("order__locale", json!("pt-br")),
    ];
    let report = good(&page(1, vec![with(position(1, "A", "Ann"), &states)]));
    assert_eq!(report.warnings, vec![]);
    assert!(report.import.rows[0].registration.cancelled);
    assert_eq!(
        report.import.rows[0].registration.language.as_deref(),
        Some("pt-br")
    );
}

#[test]
fn a_page_that_is_not_all_is_told() {
    let report = good(&page(5000, vec![order("A", vec![position(1, "A", "Ann")])]));
    let [warnings, ..] = said(&report);
    assert!(warnings[0].contains("1 of 5000 orders"), "{warnings:?}");
}

#[test]
fn what_is_no_person_is_left_out_and_counted() {
    let addon = with(
        position(2, "A", "Ann"),
        &[("addon_to", json!(1)), ("positionid", json!(2))],
    );
    let shirt = with(
        position(3, "A", "Ann"),
        &[("item", json!(9)), ("positionid", json!(3))],
    );
    let test = with(
        order("T", vec![position(4, "T", "Test")]),
        &[("testmode", json!(true))],
    );
    let items = page(
        1,
        vec![json!({"id": 9, "name": {"en": "T-shirt"}, "admission": false, "active": true})],
    );
    let orders = page(
        2,
        vec![
            order("A", vec![position(1, "A", "Ann"), addon, shirt]),
            test,
        ],
    );
    let report = read_text(&format!("{orders}{items}")).unwrap();
    assert_eq!(report.import.rows.len(), 1);
    let [warnings, refused, left_out] = said(&report);
    assert_eq!((warnings, refused), (vec![], vec![]));
    assert_eq!(
        left_out,
        [
            "1 add-ons, which go with the badge of the position they were added to (A-2)",
            "1 positions of items that admit nobody (A-3)",
            "1 positions of orders in test mode (T-1)",
        ]
    );
}

#[test]
fn one_bad_name_stops_nobody_else() {
    for (key, value, says) in [
        (
            "attendee_name",
            json!("Ann\u{202E}"),
            "A-1.attendee_name: holds an invisible character",
        ),
        (
            "attendee_name",
            json!("x".repeat(1001)),
            "is 1001 bytes long",
        ),
        ("attendee_name", json!(null), "a certificate needs a name"),
        (
            "attendee_name",
            json!({"given": "Ann"}),
            "is an object where a text should be",
        ),
        ("secret", json!(null), "A-1.secret: is missing"),
        (
            "secret",
            json!("a\u{7}b"),
            "A-1.secret: the badge text holds a control character",
        ),
        (
            "secret",
            json!("RCT1AAAAAAAAAAAAAAAA"),
            "begins as time codes do",
        ),
        (
            "valid_from",
            json!("soon"),
            "A-1.valid_from: this is no date and time",
        ),
    ] {
        let bad = with(position(1, "A", "Ann"), &[(key, value)]);
        let orders = vec![
            order("A", vec![bad]),
            order("B", vec![position(2, "B", "Bo")]),
        ];
        let report = good(&page(2, orders));
        let [_, refused, _] = said(&report);
        assert_eq!(
            (report.import.rows.len(), report.refused_total),
            (1, 1),
            "{says}"
        );
        assert!(refused[0].contains(says), "{refused:?}");
        assert!(!refused[0].contains("Ann"), "{refused:?}");
        // Refused is not gone: the importer must not take it for that.
        assert!(report.import.positions.contains(&1));
    }
    let bad = with(
        position(1, "A", "Ann"),
        &[("attendee_email", json!("ann(at)example"))],
    );
    let report = good(&one(order("A", vec![bad])));
    assert_eq!(report.import.rows[0].registration.email, None);
    assert!(said(&report)[0][0].contains("A-1.attendee_email: is no e-mail address"));
}

#[test]
fn the_newest_of_a_position_that_is_there_twice_counts() {
    let at = |at: &str, name: &str| {
        with(
            order("A", vec![position(1, "A", name)]),
            &[("last_modified", json!(at))],
        )
    };
    let (old, new) = (
        at("2026-11-22T20:00:00-05:00", "Ann"),
        at("2026-11-23T01:00:00.000001Z", "Anna"),
    );
    let later = at("2026-11-22T20:00:00.100-05:00", "Anna");
    for (orders, expected) in [
        (vec![old.clone(), later.clone()], "Anna"),
        (vec![later, old.clone()], "Anna"),
        // Of one millisecond the one that comes later in the file.
        (vec![new.clone(), old.clone()], "Ann"),
        (vec![old, new], "Anna"),
    ] {
        let report = good(&page(2, orders));
        assert_eq!(report.import.rows.len(), 1);
        assert_eq!(report.import.rows[0].registration.name, expected);
    }
}

#[test]
fn a_file_that_is_wrong_as_a_whole_is_refused_whole() {
    let whole = one(order("A", vec![position(1, "A", "Ann")])).to_string();
    check_refused(&whole[..whole.len() - 20], "row 1: this is not whole JSON");
    check_refused(
        &format!("{whole}{}", &whole[..30]),
        "what follows document 1 is not whole JSON",
    );
    check_refused("", "the file is empty");
    check_refused("[]", "neither orders nor positions");
    check_refused("7", "is a number where a page");
    check_refused(
        "{\"detail\": \"Invalid token.\"}",
        "\"Invalid token.\": is no page but a refusal",
    );
    check_refused(
        "{\"results\": {}}",
        "results: is an object where a list should be",
    );
    check_refused("[{\"results\": 1}]", "[0].results: is a number");
    check_refused(
        "{\"results\": [{\"code\": \"x\"}]}",
        "results[0]: is neither an order nor a position",
    );
    check_refused(
        "{\"code\": \"A\", \"status\": \"p\", \"positions\": 3}",
        "the document.positions: is a number",
    );
    check_refused(
        &whole.replace("\"status\":\"p\"", "\"status\":\"q\""),
        "results[0].status, \"q\": is no state",
    );
    check_refused(
        &whole.replace("\"id\":1,", ""),
        "results[0].positions[0].id: the position has no id",
    );
    let two = page(
        2,
        vec![
            order("A", vec![position(1, "A", "Ann")]),
            with(order("B", vec![]), &[("event", json!("other"))]),
        ],
    );
    check_refused(&two.to_string(), "several pretix events (other, summit26)");
    let same = with(position(2, "B", "Bo"), &[("secret", json!(secret(1)))]);
    let two = page(
        2,
        vec![
            order("A", vec![position(1, "A", "Ann")]),
            order("B", vec![same]),
        ],
    );
    check_refused(&two.to_string(), "B-1.secret: has the same secret as A-1");
    check_refused(&"[".repeat(100_000), "not whole JSON");
    let latin: Vec<u8> = whole
        .replace("Ann", "Zo\u{1}")
        .bytes()
        .map(|b| if b == 1 { 0xEB } else { b })
        .collect();
    assert!(
        read(&latin, ZONE)
            .unwrap_err()
            .to_string()
            .contains("not UTF-8")
    );
}

proptest! {
    #[test]
    fn no_bytes_and_no_damage_panic(at in 0_usize..3_000, length in 0_usize..60, text in "\\PC{0,20}|[0-9{}\\[\\]\",:a-z]{0,12}") {
        let _ = read(text.as_bytes(), ZONE);
        let orders = vec![order("A", vec![position(1, "A", "Ann")]), order("B", vec![position(2, "B", "Bo")])];
        let mut bytes = page(2, orders).to_string().into_bytes();
        let from = at.min(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, text.bytes());
        if let Ok(report) = read(&bytes, ZONE) {
            prop_assert!(report.import.rows.iter().all(|r| report.import.positions.contains(&r.position)));
            prop_assert!(report.import.rows.iter().all(|r| field::badge_problem(&r.registration.badge).is_none()));
        }
    }
}
