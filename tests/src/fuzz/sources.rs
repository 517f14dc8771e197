//! What other systems write and send: tables, schedules, orders, rows and signals pushed, pages that lead to the next.

use issuer::sources::ImportKind;

use super::targets::{Answer, file, said};

/// The zone that imports are read in.
const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;

pub(super) const FRAB: &str = r#"{"schedule":{"version":"1.2","base_url":"https://example.org/","conference":{"acronym":"gp","title":"GP","start":"2026-11-23","end":"2026-11-23","daysCount":1,"timeslot_duration":"00:05","time_zone_name":"Europe/Berlin","rooms":[{"name":"Hall"}],"days":[{"index":1,"date":"2026-11-23","day_start":"2026-11-23T09:00:00+01:00","day_end":"2026-11-23T18:00:00+01:00","rooms":{"Hall":[{"id":1,"guid":"6f4a8d5c-1111-4222-8333-0123456789ab","code":"ABCDEF","logo":null,"date":"2026-11-23T09:00:00+01:00","start":"09:00","duration":"01:00","room":"Hall","slug":"opening","title":"Opening","subtitle":"","track":null,"type":"Talk","language":"en","abstract":"","description":"","persons":[{"id":1,"public_name":"A"}],"links":[],"attachments":[]}]}}]}}}"#;

pub(super) const PRETALX: &str = r#"{"count":2,"next":null,"previous":null,"results":[{"id":190,"room":{"id":7,"name":{"en":"Main Hall"},"capacity":12},"start":"2026-10-31T09:00:00-04:00","end":"2026-10-31T10:00:00-04:00","submission":{"code":"F8Q8V3","title":"T","submission_type":{"id":3,"name":{"en":"Talk"},"default_duration":50},"state":"confirmed","slots":[190],"content_locale":"en"},"schedule":4,"description":null},{"id":197,"room":7,"start":"2026-10-31T12:30:00-04:00","end":"2026-10-31T13:30:00-04:00","submission":null,"schedule":4,"description":{"en":"Lunch"}}]}
{"count":1,"results":[{"id":7,"name":{"en":"Main Hall"},"capacity":12}]}
{"id":4,"version":"v1.1","slots":[190,197]}
"#;

pub(super) const PRETIX: &str = r#"{"count":2,"next":null,"previous":null,"results":[{"code":"B0","event":"gp","status":"p","testmode":false,"locale":"de-informal","last_modified":"2026-11-22T20:37:39.304746-05:00","require_approval":false,"valid_if_pending":false,"positions":[{"id":1,"order":"B0","positionid":1,"item":2,"variation":null,"attendee_name":"A B","company":"Org","attendee_email":"a@example.org","secret":"s00000d39xk3r7rsk6diya8atrs78598","addon_to":null,"subevent":null,"canceled":false,"valid_from":"2026-11-22T20:37:39-05:00","valid_until":null,"blocked":null}]}]}
{"count":1,"next":null,"previous":null,"results":[{"id":3,"order":"B1","positionid":1,"item":9,"attendee_name":"C","secret":"s00000d39xk3r7rsk6diya8atrs78599","addon_to":1,"canceled":true,"blocked":["admin"],"order__status":"n"}]}
{"count":1,"results":[{"id":9,"name":{"en":"Shirt"},"admission":false}]}
"#;

/// One of each format that imports know.
pub(super) fn source_files() -> Vec<Vec<u8>> {
    let mut files = tables(ImportKind::Agenda);
    files.extend([FRAB, PRETALX, PRETIX].map(|text| text.as_bytes().to_vec()));
    files.push(file("src/issuer/src/sources/testdata/schedule.xml"));
    files.push(file("src/issuer/src/sources/testdata/schedule.ics"));
    files
}

/// The template of a kind as it is, in UTF-16, and with semicolons.
pub(super) fn tables(kind: ImportKind) -> Vec<Vec<u8>> {
    let text = issuer::sources::template(kind);
    vec![
        text.as_bytes().to_vec(),
        utf16(text),
        text.replace(',', ";").into_bytes(),
    ]
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff_u16).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

pub(super) fn registrations_csv(input: &[u8]) -> Answer {
    said(issuer::sources::registrations_csv::read(input, ZONE))
}

pub(super) fn agenda_csv(input: &[u8]) -> Answer {
    said(issuer::sources::agenda_csv::read(input, ZONE))
}

pub(super) fn frab(input: &[u8]) -> Answer {
    said(issuer::sources::frab::read(input, ZONE))
}

pub(super) fn frab_xml(input: &[u8]) -> Answer {
    said(issuer::sources::frab_xml::read(input, ZONE))
}

pub(super) fn ical(input: &[u8]) -> Answer {
    said(issuer::sources::ical::read(input, ZONE))
}

pub(super) fn pretalx(input: &[u8]) -> Answer {
    said(issuer::sources::pretalx::read(input, ZONE))
}

pub(super) fn pretix(input: &[u8]) -> Answer {
    said(issuer::sources::pretix::read(input, ZONE))
}

pub(super) const PUSHED: &str = r#"{"registrations":[{"id":"c-1","badge":"K7QX-3MPA-9TZD-WH4E","name":"Zoë","valid_from":"2026-10-31T09:00"},{"id":"c-2","badge":"R2VN-8CYB-4JFS-XK6T","name":"Tom","status":"cancelled"}]}"#;

pub(super) fn pushed(input: &[u8]) -> Answer {
    match issuer::sources::pushed::read(input, ZONE) {
        Err(why) => Answer::Refused(why),
        Ok(rows) => {
            let mut ids = std::collections::BTreeSet::new();
            let taken = rows.iter().filter(|row| row.read.is_ok());
            if taken
                .clone()
                .any(|row| row.id.is_empty() || !ids.insert(&row.id))
            {
                return Answer::Contradicts(
                    "two rows of one id, or of none, were taken".to_owned(),
                );
            }
            Answer::Taken(format!("{} of {}", ids.len(), rows.len()))
        }
    }
}

pub(super) const SENT: &str = r#"{"source":"platform","signals":[{"id":"e-1","kind":"in","at":"2026-10-31T09:00:00+01:00","channel":"hopin/main","external":"c-1"},{"id":"e-2","kind":"poll","poll":"q1","at":"2026-10-31T09:00:00.5Z","error_ms":9,"session":"s1","email":"a@b"}]}"#;

pub(super) fn sent(input: &[u8]) -> Answer {
    let now = ::attendance::UtcMs(1_800_000_000_000);
    match issuer::sources::sent::read(input, "hopin", now) {
        Err(why) => Answer::Refused(why),
        Ok((source, rows)) => {
            let mut taken = rows.iter().filter_map(|row| row.read.as_ref().ok());
            if taken.any(|seen| seen.subjects.is_empty() || seen.at.earliest > seen.at.latest) {
                return Answer::Contradicts("a row of nobody, or of no time, was taken".to_owned());
            }
            Answer::Taken(format!("{source:?} {}", rows.len()))
        }
    }
}

pub(super) const PAGE: &str = r#"{"count":2,"next":"https://shop.example/api/orders/?page=2","results":[{"code":"A","last_modified":"2026-11-22T20:53:07-05:00"},{"id":7}]}"#;

pub(super) fn page_walk(input: &[u8]) -> Answer {
    let Ok(first) = reqwest::Url::parse("https://shop.example/api/orders/") else {
        return Answer::Contradicts("the address does not read".to_owned());
    };
    let mut walk = issuer::feeds::pages::Walk::new(first.clone());
    match walk.take(input) {
        Err(fault) => Answer::Refused(fault.to_string()),
        Ok(rows) => match walk.next() {
            Some(next) if next.origin() != first.origin() => {
                Answer::Contradicts(format!("it leads to {next}"))
            }
            next => Answer::Taken(format!("{rows} {}", next.is_some())),
        },
    }
}

pub(super) fn token(input: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    match issuer::tokens::Token::from_header(text) {
        None => Answer::Refused("no token".to_owned()),
        Some(token) if token.source().is_none() => {
            Answer::Contradicts("a token without a source".to_owned())
        }
        Some(token) => Answer::Taken(token.hash().to_string()),
    }
}

pub(super) fn source_format(input: &[u8]) -> Answer {
    let kinds = [ImportKind::Agenda, ImportKind::Registrations];
    let formats = kinds.map(|kind| issuer::sources::detect(input, kind));
    Answer::Taken(format!("{formats:?}"))
}
