//! What is decoded, and what its answers must satisfy.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::LazyLock;

use audit::files::Memory;
use evidence::{Frontier, PublicKey, Receipt, SigningKey, TlogProof};
use issuer::sources::ImportKind;
use protocol::toml_text;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attendance;

/// What a decoder said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It took the input; what it is, in short.
    Taken(String),
    /// It refused the input; why.
    Refused(String),
    /// It said something that cannot be.
    Contradicts(String),
}

/// One decoder.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Well-formed inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Decodes one.
    pub decode: fn(&[u8]) -> Answer,
    /// How many of a thousand inputs of a whole run it gets.
    pub share: u64,
}

/// The name under which the golden notes were cosigned.
const ISSUER: &str = "ce.example.org";
/// The zone that imports are read in.
const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;

/// All of them.
pub const TARGETS: &[Target] = &[
    target(
        "entry",
        80,
        || lines("src/protocol/golden/entries.ndjson"),
        entry,
    ),
    target(
        "ledger-entry",
        80,
        || lines("src/protocol/golden/ledger.ndjson"),
        ledger_entry,
    ),
    target(
        "batch",
        60,
        || files(&["src/protocol/golden/batch.ndjson"]),
        batch,
    ),
    target(
        "bundle",
        40,
        || files(&["src/protocol/golden/bundle.txt"]),
        bundle,
    ),
    target(
        "bundle-json",
        40,
        bundle_bodies,
        json::<protocol::bundle::Bundle>,
    ),
    target(
        "checkpoint",
        40,
        || files(&["src/evidence/golden/checkpoint.txt"]),
        checkpoint,
    ),
    target(
        "receipt",
        40,
        || files(&["src/evidence/golden/receipt.txt"]),
        receipt,
    ),
    target(
        "tlog-proof",
        40,
        || files(&["src/evidence/golden/tlog-proof.txt"]),
        tlog_proof,
    ),
    target("frontier", 20, frontiers, frontier),
    target(
        "claim",
        30,
        || files(&["src/protocol/golden/claim.txt"]),
        claim,
    ),
    target(
        "enrol-request",
        20,
        || files(&["src/protocol/golden/enrol-request.json"]),
        parsed::<protocol::enrol::EnrolRequest>,
    ),
    target(
        "enrolled",
        20,
        || files(&["src/protocol/golden/enrolled.json"]),
        parsed::<protocol::enrol::Enrolled>,
    ),
    target(
        "time-request",
        20,
        || files(&["src/protocol/golden/time-request.json"]),
        json::<protocol::time::TimeRequest>,
    ),
    target(
        "time-answer",
        20,
        || files(&["src/protocol/golden/time-answer.json"]),
        json::<protocol::time::TimeAnswer>,
    ),
    target(
        "status",
        30,
        || {
            files(&[
                "src/protocol/golden/status.json",
                "src/protocol/golden/status-empty.json",
            ])
        },
        json::<protocol::status::KioskStatus>,
    ),
    target(
        "presence",
        20,
        || vec![PRESENCE.as_bytes().to_vec()],
        json::<protocol::presence::Presence>,
    ),
    target(
        "problem",
        10,
        || files(&["src/protocol/golden/problem.json"]),
        json::<protocol::problem::Problem>,
    ),
    target(
        "accepted",
        20,
        || files(&["src/protocol/golden/accepted.json"]),
        json::<protocol::batch::Accepted>,
    ),
    target(
        "agenda",
        30,
        || files(&["src/protocol/golden/agenda.json"]),
        json::<protocol::agenda::Agenda>,
    ),
    target(
        "registrations",
        30,
        || files(&["src/protocol/golden/registrations.json"]),
        json::<protocol::agenda::Registrations>,
    ),
    target(
        "basis",
        20,
        || files(&["src/protocol/golden/basis.json"]),
        json::<protocol::decision::Basis>,
    ),
    target(
        "decision",
        30,
        || files(&["src/protocol/golden/decision.json"]),
        json::<protocol::decision::DecisionDoc>,
    ),
    target(
        "certificate",
        30,
        || files(&["src/protocol/golden/certificate.json"]),
        json::<protocol::certificate::Payload>,
    ),
    target(
        "archive-index",
        20,
        || files(&["src/protocol/golden/archive.json"]),
        json::<protocol::archive::Archive>,
    ),
    target("archive", 1, archives, archive),
    target(
        "http-signature",
        30,
        || lines("src/protocol/golden/http-signature.txt"),
        http_signature,
    ),
    target(
        "badge-text",
        20,
        || {
            vec![
                b"X1".to_vec(),
                "Zo\u{eb} 42".as_bytes().to_vec(),
                b"ABC-123-def".to_vec(),
            ]
        },
        badge_text,
    ),
    target(
        "rules",
        50,
        || {
            files(&[
                "src/protocol/golden/rules.toml",
                "config/rules/fifty-minutes.toml",
            ])
        },
        rules,
    ),
    target(
        "kiosk-config",
        40,
        || files(&["config/kiosk.toml"]),
        kiosk_config,
    ),
    target(
        "issuer-config",
        40,
        || files(&["config/issuer.toml"]),
        issuer_config,
    ),
    target("toml", 10, || files(&["config/issuer.toml"]), any_toml),
    target(
        "registrations-csv",
        40,
        || tables(ImportKind::Registrations),
        registrations_csv,
    ),
    target("agenda-csv", 30, || tables(ImportKind::Agenda), agenda_csv),
    target("frab", 30, || vec![FRAB.as_bytes().to_vec()], frab),
    target(
        "frab-xml",
        30,
        || files(&["src/issuer/src/sources/testdata/schedule.xml"]),
        frab_xml,
    ),
    target(
        "ical",
        30,
        || files(&["src/issuer/src/sources/testdata/schedule.ics"]),
        ical,
    ),
    target("pretalx", 30, || vec![PRETALX.as_bytes().to_vec()], pretalx),
    target("pretix", 30, || vec![PRETIX.as_bytes().to_vec()], pretix),
    target("pushed", 30, || vec![PUSHED.as_bytes().to_vec()], pushed),
    target("sent", 30, || vec![SENT.as_bytes().to_vec()], sent),
    target(
        "page-walk",
        20,
        || vec![PAGE.as_bytes().to_vec()],
        page_walk,
    ),
    target("token", 10, || vec![b"Bearer rcs.crm.abc".to_vec()], token),
    target("source-format", 10, source_files, source_format),
    target("workbook", 30, attendance::sheets, attendance::sheet),
    target(
        "zoom-report",
        30,
        attendance::zoom_reports,
        attendance::zoom,
    ),
    target("zoom-pages", 30, attendance::zoom_pages, attendance::zoom),
    target("zoom-hook", 10, attendance::hooks, attendance::hook),
    target("teams", 30, attendance::teams_reports, attendance::teams),
    target(
        "platforms",
        30,
        attendance::other_platforms,
        attendance::others,
    ),
    target(
        "pretix-log",
        30,
        attendance::pretix_logs,
        attendance::pretix,
    ),
    target(
        "attendance-tables",
        20,
        attendance::own_tables,
        attendance::tables,
    ),
    target(
        "serial-framing",
        30,
        || vec![b"X1\r\nX2\nX3\r".to_vec(), b"\x02ABC\x03".to_vec()],
        framing,
    ),
];

const fn target(
    name: &'static str,
    share: u64,
    seeds: fn() -> Vec<Vec<u8>>,
    decode: fn(&[u8]) -> Answer,
) -> Target {
    Target {
        name,
        seeds,
        decode,
        share,
    }
}

const PRESENCE: &str = r#"{"at":"2026-11-23T09:00:00.000Z","rows":[{"attendee":"a-0001","room":"hall","since":"2026-11-23T08:59:00.000Z"}]}"#;

const FRAB: &str = r#"{"schedule":{"version":"1.2","base_url":"https://example.org/","conference":{"acronym":"gp","title":"GP","start":"2026-11-23","end":"2026-11-23","daysCount":1,"timeslot_duration":"00:05","time_zone_name":"Europe/Berlin","rooms":[{"name":"Hall"}],"days":[{"index":1,"date":"2026-11-23","day_start":"2026-11-23T09:00:00+01:00","day_end":"2026-11-23T18:00:00+01:00","rooms":{"Hall":[{"id":1,"guid":"6f4a8d5c-1111-4222-8333-0123456789ab","code":"ABCDEF","logo":null,"date":"2026-11-23T09:00:00+01:00","start":"09:00","duration":"01:00","room":"Hall","slug":"opening","title":"Opening","subtitle":"","track":null,"type":"Talk","language":"en","abstract":"","description":"","persons":[{"id":1,"public_name":"A"}],"links":[],"attachments":[]}]}}]}}}"#;

const PRETALX: &str = r#"{"count":2,"next":null,"previous":null,"results":[{"id":190,"room":{"id":7,"name":{"en":"Main Hall"},"capacity":12},"start":"2026-10-31T09:00:00-04:00","end":"2026-10-31T10:00:00-04:00","submission":{"code":"F8Q8V3","title":"T","submission_type":{"id":3,"name":{"en":"Talk"},"default_duration":50},"state":"confirmed","slots":[190],"content_locale":"en"},"schedule":4,"description":null},{"id":197,"room":7,"start":"2026-10-31T12:30:00-04:00","end":"2026-10-31T13:30:00-04:00","submission":null,"schedule":4,"description":{"en":"Lunch"}}]}
{"count":1,"results":[{"id":7,"name":{"en":"Main Hall"},"capacity":12}]}
{"id":4,"version":"v1.1","slots":[190,197]}
"#;

const PRETIX: &str = r#"{"count":2,"next":null,"previous":null,"results":[{"code":"B0","event":"gp","status":"p","testmode":false,"locale":"de-informal","last_modified":"2026-11-22T20:37:39.304746-05:00","require_approval":false,"valid_if_pending":false,"positions":[{"id":1,"order":"B0","positionid":1,"item":2,"variation":null,"attendee_name":"A B","company":"Org","attendee_email":"a@example.org","secret":"s00000d39xk3r7rsk6diya8atrs78598","addon_to":null,"subevent":null,"canceled":false,"valid_from":"2026-11-22T20:37:39-05:00","valid_until":null,"blocked":null}]}]}
{"count":1,"next":null,"previous":null,"results":[{"id":3,"order":"B1","positionid":1,"item":9,"attendee_name":"C","secret":"s00000d39xk3r7rsk6diya8atrs78599","addon_to":1,"canceled":true,"blocked":["admin"],"order__status":"n"}]}
{"count":1,"results":[{"id":9,"name":{"en":"Shirt"},"admission":false}]}
"#;

/// One of each format that imports know.
fn source_files() -> Vec<Vec<u8>> {
    let mut files = tables(ImportKind::Agenda);
    files.extend([FRAB, PRETALX, PRETIX].map(|text| text.as_bytes().to_vec()));
    files.push(file("src/issuer/src/sources/testdata/schedule.xml"));
    files.push(file("src/issuer/src/sources/testdata/schedule.ics"));
    files
}

/// The template of a kind as it is, in UTF-16, and with semicolons.
fn tables(kind: ImportKind) -> Vec<Vec<u8>> {
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

fn file(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn files(paths: &[&str]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| file(path)).collect()
}

fn lines(path: &str) -> Vec<Vec<u8>> {
    file(path)
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// A refusal, or that it was taken.
pub(super) fn said<T>(read: Result<T, impl std::fmt::Display>) -> Answer {
    match read {
        Ok(_) => Answer::Taken("taken".to_owned()),
        Err(error) => Answer::Refused(error.to_string()),
    }
}

/// What was read, written and read again is the same.
fn same<T: PartialEq + Debug>(first: &T, again: Result<T, impl std::fmt::Display>) -> Answer {
    match again {
        Ok(again) if again == *first => Answer::Taken("taken".to_owned()),
        Ok(again) => Answer::Contradicts(format!("read again it is {again:?}, before {first:?}")),
        Err(error) => Answer::Contradicts(format!("what it writes it does not read: {error}")),
    }
}

fn parsed<T: DeserializeOwned>(input: &[u8]) -> Answer {
    said(serde_json::from_slice::<T>(input))
}

fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(input: &[u8]) -> Answer {
    match serde_json::from_slice::<T>(input) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(read) => match serde_json::to_vec(&read) {
            Ok(written) => same(&read, serde_json::from_slice(&written)),
            Err(error) => Answer::Contradicts(format!("it reads what it cannot write: {error}")),
        },
    }
}

fn entry(input: &[u8]) -> Answer {
    match protocol::entry::parse(input) {
        Err(error) => Answer::Refused(format!("{} {error}", error.code())),
        Ok(read) => match protocol::entry::encode(&read) {
            Ok(written) => same(&read, protocol::entry::parse(&written)),
            // What is near the largest size may become larger when it is written with all that may be left out.
            Err(error) => Answer::Taken(format!("taken, and not written: {error}")),
        },
    }
}

fn ledger_entry(input: &[u8]) -> Answer {
    match protocol::ledger::parse(input) {
        Err(error) => Answer::Refused(format!("{} {error}", error.code())),
        Ok(read) => match protocol::ledger::encode(&read) {
            Ok(written) => same(&read, protocol::ledger::parse(&written)),
            Err(error) => Answer::Taken(format!("taken, and not written: {error}")),
        },
    }
}

fn batch(input: &[u8]) -> Answer {
    match protocol::batch::read(input) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(read) => match protocol::batch::write(&read.head, &read.leaves) {
            Err(error) => Answer::Contradicts(format!("it reads what it cannot write: {error}")),
            Ok(written) => match protocol::batch::read(&written) {
                Ok(again) if again.head == read.head && hashes(&again) == hashes(&read) => {
                    Answer::Taken("taken".to_owned())
                }
                _ => Answer::Contradicts("a batch written again is another".to_owned()),
            },
        },
    }
}

fn hashes(batch: &protocol::batch::Batch<'_>) -> Vec<evidence::Hash> {
    batch
        .leaves
        .iter()
        .map(protocol::batch::Leaf::hash)
        .collect()
}

fn key(seed: u8) -> PublicKey {
    SigningKey::from_seed(&[seed; 32]).public_key()
}

/// The golden text of this name.
fn golden(path: &str) -> String {
    String::from_utf8(file(path)).expect("golden files are text")
}

/// The kiosk's origin in the golden notes.
fn origin() -> String {
    static ORIGIN: LazyLock<String> = LazyLock::new(|| {
        evidence::kiosk_origin(ISSUER, "hall-1", &key(1)).expect("it is an origin")
    });
    ORIGIN.clone()
}

fn bundle(input: &[u8]) -> Answer {
    static FIRST: LazyLock<protocol::bundle::Bundle> = LazyLock::new(|| {
        let golden = file("src/protocol/golden/bundle.txt");
        let opened = protocol::bundle::open(&golden, &key(2));
        opened.expect("the golden bundle opens").0
    });
    match protocol::bundle::open(input, &key(2)) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok((bundle, _)) if bundle == *FIRST => Answer::Taken("taken".to_owned()),
        Ok(_) => Answer::Contradicts("a signature holds over another bundle".to_owned()),
    }
}

fn bundle_bodies() -> Vec<Vec<u8>> {
    // The signature is the first line.
    lines("src/protocol/golden/bundle.txt").split_off(1)
}

fn checkpoint(input: &[u8]) -> Answer {
    static FIRST: LazyLock<evidence::Checkpoint> = LazyLock::new(|| {
        let golden = golden("src/evidence/golden/checkpoint.txt");
        evidence::open_checkpoint(&golden, &origin(), &key(1)).expect("the golden head opens")
    });
    let Ok(text) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    let bare = evidence::Checkpoint::from_text(text);
    match evidence::open_checkpoint(text, &origin(), &key(1)) {
        Err(error) => Answer::Refused(format!("{error} {}", bare.is_ok())),
        Ok(read) if read == *FIRST => Answer::Taken("taken".to_owned()),
        Ok(read) => Answer::Contradicts(format!("a signature holds over {read:?}")),
    }
}

fn receipt(input: &[u8]) -> Answer {
    static FIRST: LazyLock<Receipt> = LazyLock::new(|| {
        let golden = golden("src/evidence/golden/receipt.txt");
        Receipt::open(&golden, &origin(), &key(1), ISSUER, &key(2))
            .expect("the golden receipt opens")
    });
    let Ok(text) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    match Receipt::open(text, &origin(), &key(1), ISSUER, &key(2)) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(read) if (&read.checkpoint, read.time_s) == (&FIRST.checkpoint, FIRST.time_s) => {
            Answer::Taken("taken".to_owned())
        }
        Ok(read) => Answer::Contradicts(format!("signatures hold over {read:?}")),
    }
}

fn tlog_proof(input: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    match TlogProof::parse(text) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(read) => {
            let proven = read.verify(
                evidence::leaf_hash(b"no entry of this log"),
                &origin(),
                &key(1),
            );
            if proven.is_ok() {
                return Answer::Contradicts(
                    "a proof holds for an entry that is not in the log".to_owned(),
                );
            }
            match read.to_text() {
                Ok(written) => same(&read, TlogProof::parse(&written)),
                Err(error) => {
                    Answer::Contradicts(format!("it reads what it cannot write: {error}"))
                }
            }
        }
    }
}

fn frontiers() -> Vec<Vec<u8>> {
    let text = golden("src/evidence/golden/frontier.txt");
    vec![hex::decode(text.trim_end()).expect("it is hex")]
}

fn frontier(input: &[u8]) -> Answer {
    match Frontier::from_bytes(input) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(read) if read.to_bytes() == input => {
            let _ = read.root();
            Answer::Taken("taken".to_owned())
        }
        Ok(_) => Answer::Contradicts("it is written with other bytes".to_owned()),
    }
}

fn claim(input: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    match protocol::enrol::Claim::parse(text) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(read) => match protocol::enrol::Claim::parse(&read.to_text()) {
            Ok(again) if again == read => Answer::Taken("taken".to_owned()),
            // A claim is a secret and is not shown.
            _ => Answer::Contradicts("a claim written again is another".to_owned()),
        },
    }
}

fn archives() -> Vec<Vec<u8>> {
    let archive = audit::testing::World::finished().archive();
    vec![pack(&archive)]
}

/// One line for each file: its path, a space, its bytes with line ends and backslashes escaped. Only for the changes to work on.
fn pack(files: &Memory) -> Vec<u8> {
    let mut packed = Vec::new();
    for (path, bytes) in files {
        packed.extend_from_slice(path.as_bytes());
        packed.push(b' ');
        for byte in bytes {
            match byte {
                b'\n' => packed.extend_from_slice(b"\\n"),
                b'\\' => packed.extend_from_slice(b"\\\\"),
                other => packed.push(*other),
            }
        }
        packed.push(b'\n');
    }
    packed
}

fn unpack(packed: &[u8]) -> Memory {
    let mut files = Memory::new();
    for line in packed.split(|byte| *byte == b'\n') {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else {
            continue;
        };
        let mut bytes = Vec::with_capacity(line.len());
        let mut rest = line[space + 1..].iter();
        while let Some(byte) = rest.next() {
            bytes.push(match (*byte, rest.as_slice().first()) {
                (b'\\', Some(b'n')) => {
                    rest.next();
                    b'\n'
                }
                (b'\\', Some(b'\\')) => {
                    rest.next();
                    b'\\'
                }
                (other, _) => other,
            });
        }
        files.insert(String::from_utf8_lossy(&line[..space]).into_owned(), bytes);
    }
    files
}

fn archive(input: &[u8]) -> Answer {
    let options = audit::verify::Options::default();
    let report = audit::verify::verify(&unpack(input), &options, &mut |_| ());
    let said: Vec<String> = report
        .checks
        .iter()
        .filter_map(|check| check.first_failure.as_ref())
        .map(|failure| failure.reason.clone())
        .collect();
    Answer::Refused(said.join(" "))
}

fn http_signature(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input).into_owned();
    let value = text
        .split_once(": ")
        .map_or(text.as_str(), |(_, value)| value);
    let claimed =
        protocol::http_signature::claimed(value).map(|(id, nonce)| (id.len(), nonce.len()));
    let headers = protocol::http_signature::SignedHeaders {
        content_digest: value.to_owned(),
        signature_input: value.to_owned(),
        signature: value.to_owned(),
    };
    match protocol::http_signature::verify(
        "POST",
        "/v1/kiosks/hall-1/status",
        b"{}",
        &headers,
        &key(2),
    ) {
        Ok(()) => Answer::Contradicts("one text is digest, input and signature".to_owned()),
        Err(error) => Answer::Refused(format!("{error} {}", claimed.is_ok())),
    }
}

fn badge_text(input: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    match protocol::badge::canonical(text) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(canonical) => match protocol::badge::canonical(canonical) {
            Ok(again) if again == canonical => Answer::Taken("taken".to_owned()),
            _ => Answer::Contradicts(format!("the canonical text of {canonical:?} is another")),
        },
    }
}

fn text_of(input: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(input)
}

fn rules(input: &[u8]) -> Answer {
    said(protocol::rules::parse(&text_of(input)))
}

fn kiosk_config(input: &[u8]) -> Answer {
    said(kiosk::config::parse(&text_of(input), "kiosk.toml"))
}

fn issuer_config(input: &[u8]) -> Answer {
    said(issuer::config::parse(&text_of(input), "issuer.toml"))
}

fn any_toml(input: &[u8]) -> Answer {
    said(toml_text::parse::<toml::Table>(&text_of(input), "a file"))
}

fn registrations_csv(input: &[u8]) -> Answer {
    said(issuer::sources::registrations_csv::read(input, ZONE))
}

fn agenda_csv(input: &[u8]) -> Answer {
    said(issuer::sources::agenda_csv::read(input, ZONE))
}

fn frab(input: &[u8]) -> Answer {
    said(issuer::sources::frab::read(input, ZONE))
}

fn frab_xml(input: &[u8]) -> Answer {
    said(issuer::sources::frab_xml::read(input, ZONE))
}

fn ical(input: &[u8]) -> Answer {
    said(issuer::sources::ical::read(input, ZONE))
}

fn pretalx(input: &[u8]) -> Answer {
    said(issuer::sources::pretalx::read(input, ZONE))
}

fn pretix(input: &[u8]) -> Answer {
    said(issuer::sources::pretix::read(input, ZONE))
}

const PUSHED: &str = r#"{"registrations":[{"id":"c-1","badge":"K7QX-3MPA-9TZD-WH4E","name":"Zoë","valid_from":"2026-10-31T09:00"},{"id":"c-2","badge":"R2VN-8CYB-4JFS-XK6T","name":"Tom","status":"cancelled"}]}"#;
const PAGE: &str = r#"{"count":2,"next":"https://shop.example/api/orders/?page=2","results":[{"code":"A","last_modified":"2026-11-22T20:53:07-05:00"},{"id":7}]}"#;

fn pushed(input: &[u8]) -> Answer {
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

const SENT: &str = r#"{"source":"platform","signals":[{"id":"e-1","kind":"in","at":"2026-10-31T09:00:00+01:00","channel":"hopin/main","external":"c-1"},{"id":"e-2","kind":"poll","poll":"q1","at":"2026-10-31T09:00:00.5Z","error_ms":9,"session":"s1","email":"a@b"}]}"#;

fn sent(input: &[u8]) -> Answer {
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

fn page_walk(input: &[u8]) -> Answer {
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

fn token(input: &[u8]) -> Answer {
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

fn source_format(input: &[u8]) -> Answer {
    let kinds = [ImportKind::Agenda, ImportKind::Registrations];
    let formats = kinds.map(|kind| issuer::sources::detect(input, kind));
    Answer::Taken(format!("{formats:?}"))
}

/// However the bytes are cut into reads, the codes are the same.
fn framing(input: &[u8]) -> Answer {
    use kiosk::config::Terminator;
    use kiosk::readers::framing::Framer;
    let mut said = String::new();
    for terminator in [Terminator::Line, Terminator::Tab, Terminator::Etx] {
        let frame = |cut: usize| {
            let (mut framer, mut framed) = (Framer::new(terminator, None), Vec::new());
            for part in input.chunks(cut) {
                framer.push(part, 0, &mut framed);
            }
            framer.finish(&mut framed);
            framed
        };
        let (whole, bytewise) = (frame(input.len().max(1)), frame(1));
        if whole != bytewise {
            return Answer::Contradicts(format!("{whole:?} at once, {bytewise:?} byte by byte"));
        }
        for code in &whole {
            said.push_str(
                code.as_ref()
                    .map_or_else(|refusal| refusal.code(), |_| "code "),
            );
        }
    }
    Answer::Refused(said)
}
