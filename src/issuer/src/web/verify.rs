//! What anybody who holds a certificate may ask: whether it is ours, what it says, whether a file is the one that was issued.
//!
//! No address, no list, no search by name: only who has a code or a file learns anything. Answers are limited by address.

use askama::Template;
use attendance::UtcMs;
use attendance::eligibility::span_text;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use evidence::sha256;
use protocol::certificate::Payload;
use serde::Deserialize;

use super::Pages;
use super::fault::Fault;
use super::layout::{Frame, html, html_with};
use super::upload::{MAX_UPLOAD_BYTES, file};
use super::verify_checks::{
    Check, Content, Verdict, Version, ledger_proof, typed_code, verdict, versions,
};
use super::words::{self, Zone};
use crate::access::Caller;

/// The most characters of a code in an address.
const MAX_CODE_CHARS: usize = 200;

struct Field {
    name: &'static str,
    value: String,
    /// The same time in UTC, or what stands smaller.
    note: String,
}

struct SessionRow {
    title: String,
    local: String,
    utc: String,
    minutes: String,
}

struct Change {
    name: &'static str,
    old: String,
    new: String,
}

struct Correction {
    version: u32,
    successor: u32,
    when: String,
    utc: String,
    reason: String,
    changes: Vec<Change>,
}

struct Revoked {
    when: String,
    utc: String,
    reason: String,
    version: u32,
}

/// What became of an uploaded file.
struct Compared {
    word: &'static str,
    tone: &'static str,
    text: String,
    hash: String,
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    frame: Frame,
    code: String,
    word: &'static str,
    /// The verdict for programs that read the page.
    state: &'static str,
    tone: &'static str,
    lead: String,
    compared: Option<Compared>,
    revoked: Option<Revoked>,
    fields: Vec<Field>,
    sessions: Vec<SessionRow>,
    zone: String,
    corrections: Vec<Correction>,
    checks: Vec<Check>,
    has_proof: bool,
    pdf_hash: String,
    issuer_key: String,
    at: String,
    at_utc: String,
    upload_mib: usize,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    frame: Frame,
    fault: &'static str,
    code: String,
}

#[derive(Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    code: String,
}

fn limit(pages: &Pages, caller: &Caller) -> Result<(), Fault> {
    pages
        .0
        .public
        .take(&caller.0, pages.now())
        .map_err(Fault::TooMany)
}

pub(super) async fn form(
    State(pages): State<Pages>,
    caller: Caller,
    Query(ask): Query<Ask>,
) -> Result<Response, Fault> {
    limit(&pages, &caller)?;
    let mut page = VerifyPage {
        frame: Frame::public(&pages, "Verify a certificate"),
        fault: "",
        code: String::new(),
    };
    if ask.code.trim().is_empty() {
        return html(&page);
    }
    if let Some(code) = typed_code(&ask.code) {
        return Ok((StatusCode::SEE_OTHER, [(LOCATION, format!("/c/{code}"))]).into_response());
    }
    page.fault = "This is not a code: it has 26 letters and digits, as printed on the certificate beside its QR code.";
    page.code = ask.code.chars().take(MAX_CODE_CHARS).collect();
    html_with(StatusCode::BAD_REQUEST, &page)
}

pub(super) async fn page(
    State(pages): State<Pages>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Response, Fault> {
    limit(&pages, &caller)?;
    let (status, page) = pages.ask(move |pages| view(pages, &code, None)).await?;
    html_with(status, &page)
}

pub(super) async fn compare(
    State(pages): State<Pages>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    limit(&pages, &caller)?;
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let (status, page) = pages
        .ask(move |pages| {
            let bytes = file(kind.as_deref(), &body);
            let bytes = bytes.ok_or(Fault::Refused(
                "No file came. Choose the certificate's PDF and send it again.",
            ))?;
            view(pages, &code, Some(&sha256(bytes).to_hex()))
        })
        .await?;
    html_with(status, &page)
}

pub(super) async fn proof(
    State(pages): State<Pages>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Response, Fault> {
    limit(&pages, &caller)?;
    let text = pages
        .ask(move |pages| {
            let versions = versions(pages, &code)?;
            let newest = versions.last().ok_or(Fault::Missing(
                "No certificate of this issuer has this code.",
            ))?;
            let (proof, _) = ledger_proof(pages, &newest.facts)?;
            proof
                .to_text()
                .map_err(|cause| Fault::Broken(cause.to_string()))
        })
        .await?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"certificate.tlog-proof\"",
        ),
    ];
    Ok((headers, text).into_response())
}

fn compared(versions: &[Version], hash: &str) -> Compared {
    let found = versions.iter().find(|v| v.facts.entry.pdf.to_hex() == hash);
    let newest = versions.last().map(|v| v.facts.entry.version);
    let (word, tone, text) = match found {
        None => (
            "Not the file that was issued",
            "bad",
            "These bytes are not those that were issued under this code. The file was altered, saved anew by a program, or \
             is another one."
                .to_owned(),
        ),
        Some(v) if v.facts.revocation.is_some() => {
            ("The file that was issued, since revoked", "bad", format!("These are the bytes of version {}.", v.facts.entry.version))
        }
        Some(v) if Some(v.facts.entry.version) != newest => (
            "The file of an older version",
            "warn",
            format!("These are the bytes of version {}, which was replaced.", v.facts.entry.version),
        ),
        Some(v) => (
            "The file that was issued",
            "good",
            format!("These are, byte for byte, the bytes of version {}.", v.facts.entry.version),
        ),
    };
    Compared {
        word,
        tone,
        text,
        hash: hash.to_owned(),
    }
}

fn view(
    pages: &Pages,
    code: &str,
    uploaded: Option<&str>,
) -> Result<(StatusCode, CertificatePage), Fault> {
    let now = pages.now();
    let versions = versions(pages, code)?;
    let verdict = verdict(&versions);
    let newest = versions.last();
    let payload = newest.and_then(|v| match &v.content {
        Content::Read(payload) => Some(payload.as_ref()),
        Content::Erased | Content::Unreadable(_) => None,
    });
    let zone = Zone::named(payload.map_or("UTC", |p| &p.zone));
    let checks = checks(pages, &versions, uploaded, now)?;
    let (word, tone, lead) = words_of(verdict, newest);
    let status = match verdict {
        Verdict::NotOurs => StatusCode::NOT_FOUND,
        Verdict::Valid | Verdict::Corrected | Verdict::Revoked | Verdict::CouldNotCheck => {
            StatusCode::OK
        }
    };
    let page = CertificatePage {
        frame: Frame::public(pages, &format!("Certificate: {}", word.to_lowercase())),
        code: newest
            .map(|v| v.facts.entry.certificate.to_string())
            .unwrap_or_default(),
        word,
        state: verdict.code(),
        tone,
        lead,
        compared: uploaded
            .filter(|_| newest.is_some())
            .map(|hash| compared(&versions, hash)),
        revoked: newest
            .and_then(|v| v.facts.revocation.as_ref().map(|r| (v, r)))
            .map(|(v, r)| Revoked {
                when: zone.full(r.at),
                utc: words::utc(r.at),
                reason: words::sentence(&r.reason),
                version: v.facts.entry.version,
            }),
        fields: payload.map(|p| fields(p, zone)).unwrap_or_default(),
        sessions: payload.map(|p| sessions(p, zone)).unwrap_or_default(),
        zone: zone.title(now),
        corrections: corrections(&versions, zone),
        checks,
        has_proof: newest.is_some(),
        pdf_hash: newest
            .map(|v| v.facts.entry.pdf.to_hex())
            .unwrap_or_default(),
        issuer_key: pages.0.keys.signing.public_key().to_base64(),
        at: zone.full(now),
        at_utc: words::utc(now),
        upload_mib: MAX_UPLOAD_BYTES >> 20,
    };
    Ok((status, page))
}

fn words_of(verdict: Verdict, newest: Option<&Version>) -> (&'static str, &'static str, String) {
    match verdict {
        Verdict::Valid => (
            "Valid",
            "good",
            "This issuer issued this certificate, and it has not been revoked. Compare it with your copy.".to_owned(),
        ),
        Verdict::Corrected => {
            let version = newest.map_or(0, |v| v.facts.entry.version);
            let lead = format!(
                "This certificate was corrected. Version {version}, shown here, is valid; a copy of an earlier version no \
                 longer is."
            );
            ("Corrected", "changed", lead)
        }
        Verdict::Revoked => (
            "Revoked",
            "bad",
            "This issuer issued this certificate and later revoked it. It must not be relied on.".to_owned(),
        ),
        Verdict::NotOurs => (
            "Not ours",
            "warn",
            "No certificate of this issuer has this code. Check the code, letter by letter; if it is right, the \
             certificate was not issued here."
                .to_owned(),
        ),
        Verdict::CouldNotCheck => {
            let lead = match newest.map(|v| &v.content) {
                Some(Content::Erased) => {
                    "A certificate with this code was issued and not revoked. Its holder had their data erased, so what \
                     it says cannot be compared."
                }
                _ => {
                    "A certificate with this code was issued, and what it says cannot be read now. Try again later; \
                     until then, rely on nothing."
                }
            };
            ("Could not check", "warn", lead.to_owned())
        }
    }
}

fn checks(
    pages: &Pages,
    versions: &[Version],
    uploaded: Option<&str>,
    now: UtcMs,
) -> Result<Vec<Check>, Fault> {
    let mut checks = Vec::new();
    let Some(newest) = versions.last() else {
        checks.push(Check::done(
            "Code",
            false,
            "no certificate of this issuer has it",
            now,
        ));
        return Ok(checks);
    };
    let issued = format!("issued {}", words::utc(newest.facts.issued));
    checks.push(Check::done("Code", true, issued, now));
    checks.push(match &newest.facts.revocation {
        Some(revocation) => Check::done(
            "Revocation",
            false,
            format!("revoked {}", words::utc(revocation.at)),
            now,
        ),
        None => Check::done("Revocation", true, "not revoked", now),
    });
    checks.push(match &newest.content {
        Content::Read(_) => Check::done("Content", true, "its SHA-256 is the one in the issuer's log", now),
        Content::Erased => Check::not_done("Content", "erased at its holder's request"),
        Content::Unreadable(cause) => {
            tracing::error!(%cause, code = %newest.facts.entry.certificate, "a certificate's content does not read");
            Check::done("Content", false, "cannot be read here now", now)
        }
    });
    checks.push(match ledger_proof(pages, &newest.facts) {
        Ok((_, witnesses)) => {
            let by = match witnesses {
                0 => "no kiosk had cosigned the head yet".to_owned(),
                n => format!("head cosigned by {n} of the event's kiosks"),
            };
            Check::done(
                "Issuer's log",
                true,
                format!("entry {} is in it; {by}", newest.facts.ledger),
                now,
            )
        }
        Err(Fault::Store(cause)) => return Err(Fault::Store(cause)),
        Err(fault) => {
            tracing::error!(?fault, "a certificate's proof does not hold");
            Check::done("Issuer's log", false, "its entry could not be proven", now)
        }
    });
    checks.push(match uploaded {
        Some(hash) => {
            let is_issued = versions.iter().any(|v| v.facts.entry.pdf.to_hex() == hash);
            let result = if is_issued {
                "its bytes were issued under this code"
            } else {
                "its bytes were not issued"
            };
            Check::done("Your file", is_issued, result, now)
        }
        None => Check::not_done(
            "Your file",
            "send it below: a code alone says only that the number exists",
        ),
    });
    checks.push(Check::not_done(
        "Attendance itself",
        "scans and decisions are for the sponsor's auditors",
    ));
    checks.push(Check::not_done(
        "Without trusting this page",
        "download the proof and check it yourself, as below",
    ));
    Ok(checks)
}

fn fields(payload: &Payload, zone: Zone) -> Vec<Field> {
    let field = |name, value: &str| Field {
        name,
        value: value.to_owned(),
        note: String::new(),
    };
    let mut fields = vec![
        field("Name", &payload.name),
        field("Programme", &payload.programme_title),
        field("Event", &payload.event_title),
        field("Credits", &payload.credits.to_string()),
        field("Outcome", &words::sentence(payload.outcome.as_str())),
        field("Why", &payload.explanation),
        Field {
            name: "Issued",
            value: zone.full(payload.issued),
            note: words::utc(payload.issued),
        },
        field("Issued by", &payload.issuer),
        field("Certificate", payload.certificate.as_str()),
        field("Version", &payload.version.to_string()),
        Field {
            name: "Rules",
            value: payload.rules_name.clone(),
            note: format!("SHA-256 {}", payload.rules),
        },
        field("Reason code", payload.reason.as_str()),
        field("Decision", &payload.decision),
        field("Attendee's pseudonym", payload.attendee.as_str()),
        field("Address of this page", &payload.verify_at),
    ];
    fields.push(Field {
        name: "Witnesses",
        value: match payload.proof.witnesses {
            0 => "no kiosk had answered when it was issued".to_owned(),
            n => format!("{n} of the event's kiosks had cosigned the issuer's log"),
        },
        note: String::new(),
    });
    fields
}

fn sessions(payload: &Payload, zone: Zone) -> Vec<SessionRow> {
    let utc = Zone::named("UTC");
    let row = |line: &protocol::certificate::SessionLine| SessionRow {
        title: line.title.clone(),
        local: format!(
            "{}, {}",
            zone.day_text(line.start),
            zone.span(line.start, line.end)
        ),
        utc: format!(
            "{}, {}",
            utc.day_text(line.start),
            utc.span(line.start, line.end)
        ),
        minutes: format!(
            "{} of {}",
            span_text(line.present_ms),
            span_text(line.scheduled_ms)
        ),
    };
    payload.sessions.iter().map(row).collect()
}

fn corrections(versions: &[Version], zone: Zone) -> Vec<Correction> {
    let pairs = versions.iter().zip(versions.iter().skip(1));
    let mut found: Vec<Correction> = pairs
        .map(|(old, new)| Correction {
            version: old.facts.entry.version,
            successor: new.facts.entry.version,
            when: zone.full(new.facts.issued),
            utc: words::utc(new.facts.issued),
            reason: old
                .facts
                .revocation
                .as_ref()
                .map(|r| words::sentence(&r.reason))
                .unwrap_or_default(),
            changes: match (&old.content, &new.content) {
                (Content::Read(old), Content::Read(new)) => changes(old, new, zone),
                _ => vec![],
            },
        })
        .collect();
    found.reverse();
    found
}

/// What differs between two versions, of what a certificate says to people.
fn changes(old: &Payload, new: &Payload, zone: Zone) -> Vec<Change> {
    let line = |rows: Vec<SessionRow>| {
        rows.into_iter()
            .map(|r| format!("{}: {}", r.title, r.minutes))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let always = [
        "Certificate",
        "Version",
        "Issued",
        "Witnesses",
        "Decision",
        "Address of this page",
    ];
    let pairs = fields(old, zone).into_iter().zip(fields(new, zone));
    let mut found: Vec<Change> = pairs
        .filter(|(old, new)| old.value != new.value && !always.contains(&old.name))
        .map(|(old, new)| Change {
            name: old.name,
            old: old.value,
            new: new.value,
        })
        .collect();
    let (before, after) = (line(sessions(old, zone)), line(sessions(new, zone)));
    if before != after {
        found.push(Change {
            name: "Sessions",
            old: before,
            new: after,
        });
    }
    found
}
