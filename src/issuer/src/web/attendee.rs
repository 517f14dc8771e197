//! One attendee: registration, timeline, decisions with what doors showed beside them, evidence and certificates.

mod days;
mod evidence;
pub(super) mod granted;
pub(super) mod said;
mod streams;

use askama::Template;
use attendance::eligibility::span_text;
use attendance::time::Bracket;
use attendance::words::AttendeeId;
use attendance::{Decision, UtcMs};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use protocol::agenda::Agenda;
use protocol::badge::BadgeDigest;

use self::days::{DayView, about, anchor, days};
use self::evidence::{Found, Live, PlacedScan};
use self::granted::{Granted, TriedGrant};
use self::said::{Said, Tried};
use super::Pages;
use super::attendees::{outcome_tone, outcome_words, person, record, registration_word};
use super::fault::Fault;
use super::layout::{Frame, html, html_with};
use super::words::{self, Zone};
use crate::access::Signed;
use crate::decisions::difference;
use crate::store::decisions::CertificateFacts;
use crate::store::events::EventFacts;
use crate::store::people::AttendeeFacts;

struct PartRow {
    session: String,
    present: String,
    of: String,
    met: &'static str,
    tone: &'static str,
}

struct Verdict {
    word: String,
    tone: &'static str,
    reason: String,
    explanation: String,
    when: String,
}

struct ProgrammeView {
    title: String,
    /// The decision as it is held, and whether the ledger has it.
    held: Option<Verdict>,
    standing: String,
    /// What it comes to now, where that differs from what is held.
    now: Option<Verdict>,
    shown: Option<Verdict>,
    /// Why the door's answer is another than what is held.
    differs: Option<String>,
    waits: String,
    parts: Vec<PartRow>,
}

struct ScanRow {
    time: String,
    utc: String,
    clock: String,
    quality: String,
    direction: String,
    verdict: String,
    door: String,
    bracket: String,
    log: String,
    index: u64,
    reader: String,
}

struct CertificateRow {
    code: String,
    version: u32,
    programme: String,
    issued: String,
    state: &'static str,
    tone: &'static str,
    ledger: u64,
}

#[derive(Template)]
#[template(path = "attendee.html")]
struct AttendeePage {
    frame: Frame,
    name: String,
    is_erased: bool,
    id: String,
    organisation: String,
    email: String,
    registration: &'static str,
    valid: String,
    badges: Vec<String>,
    days: Vec<DayView>,
    programmes: Vec<ProgrammeView>,
    scans: Vec<ScanRow>,
    is_cut: bool,
    certificates: Vec<CertificateRow>,
    said: Said,
    /// For those alone who grant.
    granted: Option<Granted>,
    /// What was done by the form before.
    done: &'static str,
    /// The token of its forms.
    form: String,
    at: String,
    zone: String,
}

/// What came before a page: what was done, or what was tried and not taken.
#[derive(Default)]
struct After {
    done: &'static str,
    said: Tried,
    granted: TriedGrant,
}

/// What a page that comes after a form says was done.
fn done(code: &str) -> &'static str {
    match code {
        "said" => "It was said, and counts from now on.",
        "known" => "It stood so already; nothing was changed.",
        "back" => "The word was taken back, and counts no more.",
        "granted" => "It is granted, and counts from now on.",
        "ended" => "It is granted no more.",
        _ => "",
    }
}

#[derive(serde::Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    done: String,
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path((event, attendee)): Path<(String, String)>,
    Query(ask): Query<Ask>,
) -> Result<Response, Fault> {
    if !signed.may_see_people() {
        return Err(Fault::Forbidden);
    }
    let page = pages
        .ask(move |pages| {
            let after = After {
                done: done(&ask.done),
                ..After::default()
            };
            view(pages, &signed, &event, &attendee, after)
        })
        .await?;
    html(&page)
}

/// What a form does, with who sent it: the code of what was done, or the page that says why not.
type Done = Result<(Result<&'static str, After>, Signed), Fault>;

/// Does what a form asks, and shows the page again: afresh at a part of it where it was done, else with what was typed and why not.
async fn answer(
    pages: Pages,
    event: String,
    attendee: String,
    part: &'static str,
    act: impl FnOnce(&Pages, &EventFacts, &AttendeeId) -> Done + Send + 'static,
) -> Result<Response, Fault> {
    let answered = pages
        .ask(move |pages| {
            let facts = pages.event(&event)?;
            let missing = |_| Fault::Missing("There is no such attendee.");
            let id: AttendeeId = attendee.parse().map_err(missing)?;
            let (done, signed) = act(pages, &facts, &id)?;
            match done {
                Ok(done) => Ok(Err(format!(
                    "/staff/{}/attendees/{id}?done={done}#{part}",
                    facts.id
                ))),
                Err(after) => view(pages, &signed, &event, &attendee, after).map(Ok),
            }
        })
        .await?;
    match answered {
        Ok(page) => html_with(StatusCode::BAD_REQUEST, &page),
        Err(to) => Ok((StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()),
    }
}

/// The page, after a form.
fn view(
    pages: &Pages,
    signed: &Signed,
    event: &str,
    attendee: &str,
    after: After,
) -> Result<AttendeePage, Fault> {
    let missing = |_| Fault::Missing("There is no such attendee.");
    let (event, attendee, now) = (
        pages.event(event)?,
        attendee.parse().map_err(missing)?,
        pages.now(),
    );
    let facts = pages.store().attendee(&event.id, &attendee)?;
    record(
        pages,
        signed,
        &event.id,
        attendee.as_str(),
        "attendee_timeline",
    )?;
    let zone = Zone::named(&event.zone);
    let person = person(pages, &event.id, &facts)?;
    let found = evidence::find(pages, &event, &facts, now)?;
    let certificates = evidence::certificates(pages, &event, &attendee)?;
    let agenda = found.agenda.as_ref();
    let said = said::view(pages, signed, &event, &facts, agenda, now)?;
    let granted = granted::view(pages, signed, &event, &facts, agenda, now)?;
    let (name, email, organisation) = match person {
        Some(p) => (
            p.name,
            p.email.unwrap_or_default(),
            p.organisation.unwrap_or_default(),
        ),
        None => ("(erased)".to_owned(), String::new(), String::new()),
    };
    Ok(AttendeePage {
        frame: Frame::event(pages, signed, &event, &name, "attendees", now)?,
        is_erased: facts.person.is_none(),
        id: attendee.to_string(),
        registration: registration_word(facts.registration.as_ref(), now),
        valid: validity(&facts, zone, now),
        badges: facts
            .registration
            .iter()
            .flat_map(|r| &r.badges)
            .map(BadgeDigest::short)
            .collect(),
        days: days(&found, zone, now, &name),
        programmes: found
            .programmes
            .iter()
            .map(|live| programme(pages, &event, &facts, &found, live, now))
            .collect::<Result<_, _>>()?,
        scans: found
            .scans
            .iter()
            .map(|scan| scan_row(scan, &found, zone))
            .collect(),
        is_cut: found.is_cut,
        certificates: certificates
            .iter()
            .map(|held| certificate(held, &certificates, zone, now))
            .collect(),
        said: Said {
            tried: after.said,
            ..said
        },
        granted: granted.map(|granted| Granted {
            tried: after.granted,
            ..granted
        }),
        done: after.done,
        form: signed.form_token(),
        at: zone.full(now),
        zone: zone.title(now),
        name,
        email,
        organisation,
    })
}

fn validity(facts: &AttendeeFacts, zone: Zone, now: UtcMs) -> String {
    let Some(registration) = &facts.registration else {
        return String::new();
    };
    match (registration.valid_from, registration.valid_until) {
        (None, None) => "for the whole event".to_owned(),
        (Some(from), None) => format!("from {}", zone.near(from, now)),
        (None, Some(until)) => format!("until {}", zone.near(until, now)),
        (Some(from), Some(until)) => format!(
            "from {} until {}",
            zone.near(from, now),
            zone.near(until, now)
        ),
    }
}

fn verdict_now(decision: &Decision, now: UtcMs, zone: Zone) -> Verdict {
    Verdict {
        word: outcome_words(decision.outcome, decision.credits),
        tone: outcome_tone(decision.outcome),
        reason: words::spoken(decision.reason.as_str()),
        explanation: decision.explanation.clone(),
        when: format!("as of {}", zone.near(now, now)),
    }
}

fn programme(
    pages: &Pages,
    event: &EventFacts,
    facts: &AttendeeFacts,
    found: &Found,
    live: &Live,
    now: UtcMs,
) -> Result<ProgrammeView, Fault> {
    let zone = Zone::named(&event.zone);
    let held = pages
        .store()
        .decision(&event.id, &facts.attendee, &live.id)?;
    let shown = evidence::last_shown(&found.scans, &live.id);
    let standing = match held.as_ref().map(|h| (h.complete, &h.last_final)) {
        Some((true, Some((index, _)))) => format!("Final: entry {index} of the ledger"),
        Some((false, Some((index, _)))) => {
            format!(
                "Open again: newer evidence waits; entry {index} of the ledger was final before"
            )
        }
        Some((_, None)) => {
            "Not final: it can change until every session and door is complete".to_owned()
        }
        None => "Not decided yet".to_owned(),
    };
    let differs_now = match (&held, &live.decision) {
        (Some(held), Some(now)) => {
            (held.outcome, held.credits, held.reason) != (now.outcome, now.credits, now.reason)
        }
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let titles = |door: &attendance::words::DoorId| {
        let known = found
            .agenda
            .as_ref()
            .and_then(|a| a.doors.iter().find(|d| d.id == *door));
        known.map_or_else(|| door.to_string(), |d| d.title.clone())
    };
    let differs = differs(found, live, held.as_ref(), shown);
    Ok(ProgrammeView {
        title: live.title.clone(),
        standing,
        now: live
            .decision
            .as_ref()
            .filter(|_| differs_now)
            .map(|d| verdict_now(d, now, zone)),
        held: held.map(|h| Verdict {
            word: outcome_words(h.outcome, h.credits),
            tone: outcome_tone(h.outcome),
            reason: words::spoken(h.reason.as_str()),
            explanation: h.explanation,
            when: format!("decided {}", zone.near(h.at, now)),
        }),
        shown: shown.map(|(scan, shown)| Verdict {
            word: outcome_words(shown.outcome, shown.credits),
            tone: outcome_tone(shown.outcome),
            reason: words::spoken(shown.reason.as_str()),
            explanation: format!(
                "{} of {} at {}",
                span_text(shown.present_ms),
                span_text(shown.scheduled_ms),
                titles(&scan.scan.door)
            ),
            when: format!("shown {}", zone.near(anchor(scan.placed.at), now)),
        }),
        differs,
        waits: live
            .waits_for
            .iter()
            .map(titles)
            .collect::<Vec<_>>()
            .join(", "),
        parts: live
            .decision
            .iter()
            .flat_map(|d| parts(d, found.agenda.as_ref()))
            .collect(),
    })
}

/// Why what is held differs from what a door showed last.
fn differs(
    found: &Found,
    live: &Live,
    held: Option<&crate::store::decisions::DecisionFacts>,
    shown: Option<(&PlacedScan, &protocol::entry::Provisional)>,
) -> Option<String> {
    let (held, (scan, answer)) = (held?, shown?);
    let agenda = found.agenda.as_ref()?;
    let programme = agenda.programmes.iter().find(|p| p.id == live.id)?;
    let decided = difference::Decided {
        outcome: held.outcome,
        credits: held.credits,
        reason: held.reason,
        rules: programme.rules.as_deref()?,
        evidence: live
            .decision
            .as_ref()
            .map_or(&[], |d| d.evidence.as_slice()),
    };
    let shown = difference::Shown {
        answer,
        log: &scan.kiosk.origin,
    };
    difference::reason_line(shown, decided)
}

fn parts(decision: &Decision, agenda: Option<&Agenda>) -> Vec<PartRow> {
    let title = |id: &attendance::words::SessionId| {
        let known = agenda.and_then(|a| a.sessions.iter().find(|s| s.id == *id));
        known.map_or_else(|| id.to_string(), |s| s.title.clone())
    };
    let rows = decision.parts.iter().map(|part| {
        let (met, tone) = match part.met {
            Some(true) => ("met", "good"),
            Some(false) => ("not met", "plain"),
            None => ("open", "warn"),
        };
        PartRow {
            session: title(&part.session),
            present: about(part.least_ms, part.most_ms),
            of: span_text(part.scheduled_ms),
            met,
            tone,
        }
    });
    rows.collect()
}

fn bracket_text(before: Option<Bracket>, after: Option<Bracket>, zone: Zone) -> String {
    let time = |b: Bracket| {
        let at = UtcMs(
            i64::try_from(b.time_s)
                .unwrap_or(i64::MAX / 1_000)
                .saturating_mul(1_000),
        );
        format!(
            "{} (receipt of {} entries)",
            zone.clock(at),
            words::number(b.covers)
        )
    };
    let before = before.map_or_else(
        || "no receipt before".to_owned(),
        |b| format!("after {}", time(b)),
    );
    let after = after.map_or_else(
        || "no receipt after yet".to_owned(),
        |b| format!("before {}", time(b)),
    );
    format!("{before}; {after}")
}

fn scan_row(scan: &PlacedScan, found: &Found, zone: Zone) -> ScanRow {
    let doors = found.agenda.iter().flat_map(|a| &a.doors);
    let door = doors
        .filter(|d| d.id == scan.scan.door)
        .map(|d| d.title.clone())
        .next();
    let source = scan.scan.direction_source.as_str();
    ScanRow {
        time: zone.interval(scan.placed.at),
        utc: words::utc(anchor(scan.placed.at)),
        clock: zone.clock(scan.wall),
        quality: words::spoken(scan.placed.quality.as_str()),
        direction: format!("{} (by {source})", scan.scan.direction.as_str()),
        verdict: words::sentence(scan.scan.verdict.as_str()),
        door: door.unwrap_or_else(|| scan.scan.door.to_string()),
        bracket: bracket_text(scan.placed.not_before, scan.placed.not_after, zone),
        log: scan.kiosk.kiosk.to_string(),
        index: scan.index,
        reader: scan.scan.reader.to_string(),
    }
}

fn certificate(
    held: &CertificateFacts,
    all: &[CertificateFacts],
    zone: Zone,
    now: UtcMs,
) -> CertificateRow {
    let own = all
        .iter()
        .filter(|c| c.entry.certificate == held.entry.certificate);
    let is_newest = own.map(|c| c.entry.version).max() == Some(held.entry.version);
    let (state, tone) = match (&held.revocation, is_newest) {
        (Some(_), _) => ("revoked", "bad"),
        (None, false) => ("replaced", "plain"),
        (None, true) => ("valid", "good"),
    };
    CertificateRow {
        code: held.entry.certificate.to_string(),
        version: held.entry.version,
        programme: held.entry.programme.to_string(),
        issued: zone.near(held.issued, now),
        state,
        tone,
        ledger: held.ledger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_name_both_receipts_or_their_lack() {
        let zone = Zone::named("UTC");
        let bracket = Bracket {
            journalled_at: 5,
            covers: 1_200,
            time_s: 1_795_421_100,
        };
        assert_eq!(
            bracket_text(None, None, zone),
            "no receipt before; no receipt after yet"
        );
        assert_eq!(
            bracket_text(Some(bracket), None, zone),
            "after 08:05 (receipt of 1,200 entries); no receipt after yet"
        );
    }
}
