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

use super::{attendance, badges, frames, readers, sources};

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
/// All of them.
pub const TARGETS: &[Target] = &[
    // The dearest come first, so that no worker is left alone with them at the end.
    target("frame-tiled", 1, frames::large, frames::tiled),
    target("frame-codes", 10, frames::codes, frames::drawn),
    target("frame-raw", 20, frames::small, frames::raw),
    target("frame-stream", 40, frames::streams, frames::stream),
    target("badge-text", 300, badges::texts, badges::text),
    target("badge-ticket", 50, badges::payloads, badges::payload),
    target("badge-signed", 50, badges::validities, badges::validity),
    target("reader-hid", 400, readers::devices, readers::device),
    target("reader-keys", 300, readers::strokes, readers::typed),
    target("reader-serial", 400, readers::portions, readers::serial),
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
        || sources::tables(ImportKind::Registrations),
        sources::registrations_csv,
    ),
    target(
        "agenda-csv",
        30,
        || sources::tables(ImportKind::Agenda),
        sources::agenda_csv,
    ),
    target(
        "frab",
        30,
        || vec![sources::FRAB.as_bytes().to_vec()],
        sources::frab,
    ),
    target(
        "frab-xml",
        30,
        || files(&["src/issuer/src/sources/testdata/schedule.xml"]),
        sources::frab_xml,
    ),
    target(
        "ical",
        30,
        || files(&["src/issuer/src/sources/testdata/schedule.ics"]),
        sources::ical,
    ),
    target(
        "pretalx",
        30,
        || vec![sources::PRETALX.as_bytes().to_vec()],
        sources::pretalx,
    ),
    target(
        "pretix",
        30,
        || vec![sources::PRETIX.as_bytes().to_vec()],
        sources::pretix,
    ),
    target(
        "pushed",
        30,
        || vec![sources::PUSHED.as_bytes().to_vec()],
        sources::pushed,
    ),
    target(
        "sent",
        30,
        || vec![sources::SENT.as_bytes().to_vec()],
        sources::sent,
    ),
    target(
        "page-walk",
        20,
        || vec![sources::PAGE.as_bytes().to_vec()],
        sources::page_walk,
    ),
    target(
        "token",
        10,
        || vec![b"Bearer rcs.crm.abc".to_vec()],
        sources::token,
    ),
    target(
        "source-format",
        10,
        sources::source_files,
        sources::source_format,
    ),
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

pub(super) fn file(path: &str) -> Vec<u8> {
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
