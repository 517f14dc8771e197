//! Cases: signs that a badge was not with its holder, with the scans that show them, and what reviewers made of them.
//!
//! Promises: a sign changes no decision; what a reviewer makes of it is a ledger entry with account and reason, and undoing it another. Whoever
//! looks is recorded.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use attendance::words::AttendeeId;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use protocol::badge::BadgeDigest;
use protocol::entry::{self, Body};
use protocol::ledger::{CaseKind, SignKind, SignOutcome};
use serde::Deserialize;

use super::Pages;
use super::attendees::{person, record};
use super::fault::{Fault, Outcome};
use super::layout::{Frame, html, html_with};
use super::words::{self, Zone};
use crate::access::Signed;
use crate::imports::notes::{self, Topic};
use crate::reasons::{self, About, Reason};
use crate::staff_badges;
use crate::store::StoreError;
use crate::store::events::EventFacts;
use crate::store::signs::{SignFacts, SignWord};

/// The most signs that are shown of each kind, and scans of each.
const MAX_SHOWN: usize = 50;
const MAX_SCANS: usize = 16;

#[derive(Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    done: String,
    #[serde(default)]
    sign: String,
}

struct Whose {
    id: String,
    name: String,
}

struct ScanRow {
    when: String,
    whose: String,
    what: String,
    door: String,
    place: String,
}

struct SignRow {
    id: String,
    what: &'static str,
    whose: Vec<Whose>,
    times: u32,
    since: String,
    scans: Vec<ScanRow>,
    closed: String,
    next: String,
}

struct BranchRow {
    id: String,
    what: String,
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    frame: Frame,
    event: String,
    form: String,
    may_say: bool,
    open: Vec<SignRow>,
    closed: Vec<SignRow>,
    branches: Vec<BranchRow>,
    is_cut: bool,
    done: &'static str,
    undo: String,
    undo_times: u32,
    fault: String,
    tried: Tried,
}

impl CasesPage {
    const EXPLANATIONS: &'static [Reason] = About::Explanation.reasons();
    const UPHOLDINGS: &'static [Reason] = About::Upholding.reasons();
    const REOPENINGS: &'static [Reason] = About::Reopening.reasons();
}

/// What a form said.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Tried {
    #[serde(default)]
    form: String,
    #[serde(default)]
    sign: String,
    #[serde(default)]
    times: u32,
    #[serde(default)]
    act: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
    Query(ask): Query<Ask>,
) -> Result<Response, Fault> {
    if !signed.may_see_people() {
        return Err(Fault::Forbidden);
    }
    let page = pages
        .ask(move |pages| {
            let mut page = view(pages, &signed, &event)?;
            page.done = match ask.done.as_str() {
                "explained" => "The sign was explained.",
                "upheld" => {
                    "The sign was upheld. Deny the sessions that do not count on the person's page."
                }
                "reopened" => "The sign is open again, by a further entry.",
                _ => "",
            };
            let last = page.closed.iter().find(|row| row.id == ask.sign);
            if let Some(last) = last.filter(|_| page.may_say) {
                page.undo_times = last.times;
                page.undo = ask.sign;
            }
            Ok(page)
        })
        .await?;
    html(&page)
}

fn view(pages: &Pages, signed: &Signed, event: &str) -> Result<CasesPage, Fault> {
    let (event, now) = (pages.event(event)?, pages.now());
    record(pages, signed, &event.id, "cases", "case_list")?;
    let zone = Zone::named(&event.zone);
    let signs = pages.store().signs(&event.id)?;
    let (open, mut closed): (Vec<SignFacts>, Vec<SignFacts>) =
        signs.into_iter().partition(|sign| sign.closed.is_none());
    closed.sort_by_key(|sign| std::cmp::Reverse(sign.closed.as_ref().map(|closed| closed.ledger)));
    let is_cut = open.len().max(closed.len()) > MAX_SHOWN;
    let whose = open
        .iter()
        .chain(&closed)
        .flat_map(|sign| &sign.found.attendees);
    let whose: BTreeSet<&AttendeeId> = whose.collect();
    for attendee in whose {
        record(pages, signed, &event.id, attendee.as_str(), "case")?;
    }
    let rows = |signs: Vec<SignFacts>| -> Result<Vec<SignRow>, Fault> {
        let shown = signs.into_iter().take(MAX_SHOWN);
        shown.map(|sign| row(pages, &event, sign, zone)).collect()
    };
    let (mut open, closed) = (rows(open)?, rows(closed)?);
    let followers: Vec<String> = open.iter().skip(1).map(|row| row.id.clone()).collect();
    for (row, next) in open.iter_mut().zip(followers) {
        row.next = next;
    }
    let branches = pages.store().cases(&event.id)?.into_iter();
    let branches = branches
        .filter(|case| case.closed.is_none())
        .map(|case| BranchRow {
            what: match case.about {
                CaseKind::Fork => format!(
                    "a branch of {} from entry {} to {}",
                    case.kiosk, case.base, case.size
                ),
                CaseKind::Late => format!(
                    "late entries of {} from {} to {}",
                    case.kiosk, case.base, case.size
                ),
            },
            id: case.id,
        });
    Ok(CasesPage {
        branches: branches.collect(),
        frame: Frame {
            review: true,
            ..Frame::event(pages, signed, &event, "Cases", "cases", now)?
        },
        form: signed.form_token(),
        may_say: signed.may_review(),
        open,
        closed,
        is_cut,
        done: "",
        undo: String::new(),
        undo_times: 0,
        fault: String::new(),
        tried: Tried::default(),
        event: event.id.to_string(),
    })
}

fn row(pages: &Pages, event: &EventFacts, sign: SignFacts, zone: Zone) -> Result<SignRow, Fault> {
    let now = pages.now();
    let mut whose = Vec::new();
    for attendee in &sign.found.attendees {
        let facts = pages.store().attendee(&event.id, attendee)?;
        let person = person(pages, &event.id, &facts)?;
        whose.push(Whose {
            id: attendee.to_string(),
            name: person.map_or_else(|| "(erased)".to_owned(), |p| p.name),
        });
    }
    let closed = sign.closed.as_ref().map(|closed| {
        format!(
            "{} by {}, {}: {}, entry {}",
            closed.outcome.as_str(),
            closed.operator,
            zone.near(closed.at, now),
            reasons::title(&closed.reason),
            closed.ledger
        )
    });
    Ok(SignRow {
        scans: scans(pages, event, &sign, &whose, zone)?,
        what: match sign.found.about {
            SignKind::Pair => "pass a reader seconds apart, again and again",
            SignKind::Places => "in two places at once",
            SignKind::TakenBack => "scanned by mistake, as staff at the door say",
        },
        times: sign.found.times,
        since: match (zone.near(sign.first, now), zone.near(sign.last, now)) {
            (first, last) if first == last => first,
            (first, last) => format!("{first}, last {last}"),
        },
        closed: closed.unwrap_or_default(),
        next: String::new(),
        id: sign.id,
        whose,
    })
}

/// The scans that show a sign, as their kiosks' clocks read them.
fn scans(
    pages: &Pages,
    event: &EventFacts,
    sign: &SignFacts,
    whose: &[Whose],
    zone: Zone,
) -> Result<Vec<ScanRow>, Fault> {
    let names: BTreeMap<&str, &str> = whose
        .iter()
        .map(|one| (one.id.as_str(), one.name.as_str()))
        .collect();
    let kiosks = pages.store().kiosks(&event.id)?;
    let mut rows = Vec::new();
    for (log, index) in sign.found.evidence.iter().take(MAX_SCANS) {
        let Some(kiosk) = kiosks.iter().find(|kiosk| kiosk.origin == *log) else {
            continue;
        };
        let held = pages.store().entries(&kiosk.kiosk, *index, 1)?;
        let bytes = held.into_iter().next().and_then(|held| held.bytes);
        let Some(Ok(parsed)) = bytes.as_deref().map(entry::parse) else {
            continue;
        };
        let scan = match parsed.body {
            Body::Scan(scan) => scan,
            Body::Staff(staff) => {
                let account = staff
                    .badge
                    .and_then(|badge| holder(pages, event, badge.digest));
                let row = ScanRow {
                    when: zone.seconds(parsed.stamp.wall),
                    whose: account.unwrap_or_else(|| "staff".to_owned()),
                    what: "Took it back".to_owned(),
                    door: kiosk.door.to_string(),
                    place: format!("{} #{index}", kiosk.kiosk),
                };
                rows.push((parsed.stamp.wall, row));
                continue;
            }
            _ => continue,
        };
        let attendee = pages.store().attendee_of(&event.id, scan.badge.digest)?;
        let id = attendee.as_ref().map_or("", AttendeeId::as_str);
        let row = ScanRow {
            when: zone.seconds(parsed.stamp.wall),
            whose: (*names.get(id).unwrap_or(&id)).to_owned(),
            what: words::sentence(scan.verdict.as_str()),
            door: scan.door.to_string(),
            place: format!("{} #{index}", kiosk.kiosk),
        };
        rows.push((parsed.stamp.wall, row));
    }
    // Logs lie one behind the other; people read by time.
    rows.sort_by_key(|(wall, _)| *wall);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Whose staff badge it was.
fn holder(pages: &Pages, event: &EventFacts, digest: BadgeDigest) -> Option<String> {
    let keys = pages.desk().keys;
    let badge_key = keys.open_badge_key(&event.id, &event.badge_key)?;
    let accounts = pages.store().accounts().ok()?;
    let holder = staff_badges::holder(keys, &event.id, &badge_key, &accounts, digest);
    holder.map(str::to_owned)
}

pub(super) async fn say(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
    Form(tried): Form<Tried>,
) -> Result<Response, Fault> {
    if !signed.may_review() {
        return Err(Fault::Forbidden);
    }
    signed.check_form(&tried.form)?;
    let answered = pages
        .ask(move |pages| {
            let facts = pages.event(&event)?;
            match act(pages, &signed, &facts, &tried)? {
                Ok(outcome) => {
                    let to = format!(
                        "/staff/{}/cases?done={}&sign={}",
                        facts.id,
                        outcome.as_str(),
                        tried.sign
                    );
                    let is_id = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                    let next = tried.next.as_str();
                    Ok(Err(if !next.is_empty() && next.bytes().all(is_id) {
                        format!("{to}#{next}")
                    } else {
                        to
                    }))
                }
                Err(why) => {
                    let mut page = view(pages, &signed, &event)?;
                    page.fault = why;
                    page.tried = tried;
                    Ok(Ok(page))
                }
            }
        })
        .await?;
    match answered {
        Ok(page) => html_with(StatusCode::BAD_REQUEST, &page),
        Err(to) => Ok((StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()),
    }
}

fn act(pages: &Pages, signed: &Signed, event: &EventFacts, tried: &Tried) -> Outcome<SignOutcome> {
    let (about, outcome) = match tried.act.as_str() {
        "explain" => (About::Explanation, SignOutcome::Explained),
        "uphold" => (About::Upholding, SignOutcome::Upheld),
        "reopen" => (About::Reopening, SignOutcome::Reopened),
        _ => return Ok(Err("it is not said what to do: choose it".to_owned())),
    };
    let reason = match about.reason(&tried.reason, !tried.note.trim().is_empty()) {
        Ok(reason) => reason,
        Err(why) => return Ok(Err(why)),
    };
    let signs = pages.store().signs(&event.id)?;
    let Some(held) = signs.iter().find(|held| held.id == tried.sign) else {
        return Ok(Err("there is no such sign: reload the page".to_owned()));
    };
    let attendee = held.found.attendees.first();
    let note = attendee.map(|attendee| {
        notes::seal(
            pages.desk(),
            &event.id,
            attendee,
            (Topic::Attendance, &tried.note),
        )
    });
    let note = match super::fault::outcome(note.transpose(), Option::flatten)? {
        Ok(note) => note,
        Err(why) => return Ok(Err(why)),
    };
    let word = SignWord {
        times: tried.times,
        outcome,
        reason,
        operator: &signed.account.id,
        note: note.as_ref(),
    };
    let judged = pages
        .store()
        .judge_sign(&event.id, &tried.sign, &word, pages.now());
    match judged {
        Ok(_) => Ok(Ok(outcome)),
        Err(StoreError::Exists { .. }) => {
            Ok(Err("somebody was faster: reload the page".to_owned()))
        }
        Err(StoreError::Moved { .. }) => Ok(Err(
            "it was seen more often since: look at it again".to_owned()
        )),
        Err(fault) => Err(fault.into()),
    }
}
