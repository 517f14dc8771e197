//! One attendee: registration, timeline, decisions with what doors showed beside them, evidence and certificates.

mod evidence;

use askama::Template;
use attendance::eligibility::span_text;
use attendance::time::{Bracket, Interval};
use attendance::words::RoomId;
use attendance::{Decision, UtcMs};
use axum::extract::{Path, State};
use axum::response::Response;
use protocol::agenda::{Agenda, Session};
use protocol::badge::BadgeDigest;

use self::evidence::{Found, Live, PlacedScan};
use super::Pages;
use super::attendees::{outcome_tone, outcome_words, person, record, registration_word};
use super::fault::Fault;
use super::layout::{Frame, html};
use super::timeline::{Day, Ink, Labels, Mark, Piece, Window, draw};
use super::words::{self, Zone};
use crate::access::Signed;
use crate::decisions::difference;
use crate::store::decisions::CertificateFacts;
use crate::store::events::EventFacts;
use crate::store::people::AttendeeFacts;

/// Lengths that differ by less are one to people.
const SAME_MS: i64 = 2_000;

struct DayView {
    title: String,
    svg: String,
    rows: Vec<TimelineRow>,
}

struct TimelineRow {
    room: String,
    what: String,
    when: String,
    length: String,
    how: String,
    is_session: bool,
}

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
    at: String,
    zone: String,
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path((event, attendee)): Path<(String, String)>,
) -> Result<Response, Fault> {
    if !signed.may_see_people() {
        return Err(Fault::Forbidden);
    }
    let page = pages
        .ask(move |pages| view(pages, &signed, &event, &attendee))
        .await?;
    html(&page)
}

fn view(
    pages: &Pages,
    signed: &Signed,
    event: &str,
    attendee: &str,
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

fn room_title(agenda: Option<&Agenda>, room: &RoomId) -> String {
    let found = agenda.and_then(|a| a.rooms.iter().find(|r| r.id == *room));
    found.map_or_else(|| room.to_string(), |r| r.title.clone())
}

/// The room a scan is drawn in: the first of its door.
fn scan_room(found: &Found, scan: &PlacedScan) -> String {
    let agenda = found.agenda.as_ref();
    let door = agenda.and_then(|a| a.doors.iter().find(|d| d.id == scan.scan.door));
    let room = door
        .and_then(|d| d.rooms.first())
        .or_else(|| scan.scan.rooms.first());
    room.map_or_else(
        || scan.scan.door.to_string(),
        |room| room_title(agenda, room),
    )
}

/// When something is drawn: the earliest it may have been, or the latest where no earliest is known.
fn anchor(at: Interval) -> UtcMs {
    if at.earliest <= UtcMs::DISTANT_PAST {
        at.latest
    } else {
        at.earliest
    }
}

fn days(found: &Found, zone: Zone, now: UtcMs, name: &str) -> Vec<DayView> {
    let agenda = found.agenda.as_ref();
    let stays =
        agenda.map(|a| evidence::stays(&found.programmes, a, &|room| room_title(agenda, room)));
    let mut by_day: std::collections::BTreeMap<chrono::NaiveDate, Day> =
        std::collections::BTreeMap::new();
    for scan in &found.scans {
        let mark = Mark {
            room: scan_room(found, scan),
            at: scan.placed.at,
            label: scan.scan.direction.as_str().to_owned(),
        };
        by_day
            .entry(zone.day(anchor(scan.placed.at)))
            .or_default()
            .marks
            .push(mark);
    }
    for stay in stays.into_iter().flatten() {
        let edge = stay.start.as_ref().or(stay.end.as_ref());
        if let Some(edge) = edge {
            by_day
                .entry(zone.day(anchor(edge.at)))
                .or_default()
                .stays
                .push(stay);
        }
    }
    let sessions = agenda.map(|a| a.sessions.as_slice()).unwrap_or_default();
    // Only rooms in which somebody was seen are drawn, or the picture would be the whole agenda.
    for (date, day) in &mut by_day {
        let rooms: Vec<String> = day.rooms().into_iter().map(str::to_owned).collect();
        let mut own: Vec<&Session> = sessions
            .iter()
            .filter(|s| zone.day(s.start) == *date)
            .collect();
        own.sort_by_key(|s| (s.start, &s.id));
        for session in own {
            let room = room_title(agenda, &session.room);
            if rooms.contains(&room) {
                let (start, end) = (
                    session.actual_start.unwrap_or(session.start),
                    session.actual_end.unwrap_or(session.end),
                );
                day.windows.push(Window {
                    title: session.title.clone(),
                    room,
                    start,
                    end,
                });
            }
        }
    }
    let many = by_day.into_values().enumerate();
    many.map(|(number, day)| day_view(&day, number, zone, now, name))
        .collect()
}

fn day_view(day: &Day, number: usize, zone: Zone, now: UtcMs, name: &str) -> DayView {
    let title = day
        .extent(now)
        .map_or_else(String::new, |(from, _)| zone.day_text(from));
    let desc = format!(
        "{} in {}, {} and {}. The table below says the same.",
        words::count(day.windows.len(), "session"),
        words::count(day.rooms().len(), "room"),
        words::count(day.stays.len(), "stretch of presence")
            .replace("stretch of presences", "stretches of presence"),
        words::count(day.marks.len(), "scan"),
    );
    let labels = Labels {
        title: &format!("Presence of {name} on {title}"),
        desc: &desc,
        number,
        clock: &|at| zone.clock(at),
    };
    DayView {
        svg: draw(day, now, &labels),
        rows: table(day, zone, now),
        title,
    }
}

/// The same as the picture, as rows.
fn table(day: &Day, zone: Zone, now: UtcMs) -> Vec<TimelineRow> {
    let mut rows = Vec::new();
    for room in day.rooms() {
        let mut timed: Vec<(UtcMs, TimelineRow)> = Vec::new();
        for window in day.windows.iter().filter(|w| w.room == room) {
            timed.push((
                window.start,
                TimelineRow {
                    room: room.to_owned(),
                    what: window.title.clone(),
                    when: zone.span(window.start, window.end),
                    length: span_text(window.end.0 - window.start.0),
                    how: "session".to_owned(),
                    is_session: true,
                },
            ));
        }
        for stay in day.stays.iter().filter(|s| s.room == room) {
            let (what, when, length, how) = stay_words(stay, zone);
            let at = stay
                .start
                .as_ref()
                .or(stay.end.as_ref())
                .map_or(now, |edge| anchor(edge.at));
            timed.push((
                at,
                TimelineRow {
                    room: room.to_owned(),
                    what,
                    when,
                    length,
                    how,
                    is_session: false,
                },
            ));
        }
        for Piece { from, until, .. } in day
            .lane(room, now)
            .into_iter()
            .filter(|p| p.ink == Ink::Gap)
        {
            timed.push((
                from,
                TimelineRow {
                    room: room.to_owned(),
                    what: "Away".to_owned(),
                    when: format!("{} to {}", zone.clock(from), zone.clock(until)),
                    length: about(until.0 - from.0, until.0 - from.0),
                    how: "no presence shown".to_owned(),
                    is_session: false,
                },
            ));
        }
        timed.sort_by_key(|(at, row)| (*at, !row.is_session));
        rows.extend(timed.into_iter().map(|(_, row)| row));
    }
    rows
}

/// A length that is known from here to there; to the second where that says enough.
fn about(least_ms: i64, most_ms: i64) -> String {
    if most_ms - least_ms < SAME_MS {
        let middle = least_ms + (most_ms - least_ms) / 2;
        return span_text((middle + 500).div_euclid(1_000) * 1_000);
    }
    format!("{} to {}", span_text(least_ms), span_text(most_ms))
}

fn stay_words(stay: &super::timeline::Stay, zone: Zone) -> (String, String, String, String) {
    let edge = |edge: &Option<super::timeline::Edge>| {
        edge.as_ref()
            .map_or_else(|| "not known".to_owned(), |edge| zone.interval(edge.at))
    };
    let how = |name: &str, edge: &Option<super::timeline::Edge>| match edge {
        None => format!("{name} missing"),
        Some(edge) => match &edge.policy {
            Some(policy) => format!("{name} inferred ({})", words::spoken(policy)),
            None => format!("{name} scanned"),
        },
    };
    let length = match (&stay.start, &stay.end) {
        (Some(start), Some(end)) => {
            let least = end.at.earliest.0.saturating_sub(start.at.latest.0).max(0);
            let most = end.at.latest.0.saturating_sub(start.at.earliest.0).max(0);
            about(least, most)
        }
        _ => "not known".to_owned(),
    };
    let when = format!("{} to {}", edge(&stay.start), edge(&stay.end));
    (
        "Present".to_owned(),
        when,
        length,
        format!("{}, {}", how("start", &stay.start), how("end", &stay.end)),
    )
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
    use super::super::timeline::{Edge, Stay};
    use super::*;

    #[test]
    fn a_stay_is_told_with_its_doubt() {
        let zone = Zone::named("UTC");
        let base = 1_795_421_100_000;
        let edge = |a: i64, b: i64, policy: Option<&str>| {
            let at = Interval {
                earliest: UtcMs(base + a),
                latest: UtcMs(base + b),
            };
            Some(Edge {
                at,
                policy: policy.map(str::to_owned),
            })
        };
        let check = |start, end, length: &str, how: &str| {
            let (_, _, found, told) = stay_words(
                &Stay {
                    room: "a".into(),
                    start,
                    end,
                },
                zone,
            );
            assert_eq!((found.as_str(), told.as_str()), (length, how));
        };
        check(
            edge(0, 0, None),
            edge(600_000, 600_000, None),
            "10 min",
            "start scanned, end scanned",
        );
        check(
            edge(0, 120_000, None),
            edge(600_000, 600_000, None),
            "8 min to 10 min",
            "start scanned, end scanned",
        );
        check(
            edge(0, 0, None),
            edge(600_000, 600_000, Some("session_end")),
            "10 min",
            "start scanned, end inferred (session end)",
        );
        check(
            edge(0, 0, None),
            None,
            "not known",
            "start scanned, end missing",
        );
    }

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
