//! Accounts that are nobody's yet: who they may be, and what reviewers said of them.
//!
//! Promises: whoever looks is recorded, for each account that is shown; names and addresses are opened for the page and kept nowhere. A match
//! or its opposite is a ledger entry with account and reason; undoing one is another entry. Nobody is matched by a name.

use std::collections::BTreeMap;

use askama::Template;
use attendance::words::AttendeeId;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use protocol::subject::SubjectDigest;
use serde::Deserialize;

use super::Pages;
use super::attendees::record;
use super::fault::{Fault, Outcome, outcome};
use super::layout::{Frame, html, html_with};
use super::words::{self, Zone};
use crate::access::Signed;
use crate::imports::notes::Topic;
use crate::imports::observed::By;
use crate::imports::{identity, notes};
use crate::reasons::{self, ASIDES, About, Reason, UNDONE};
use crate::review::candidates::Candidate;
use crate::review::identities::{Waiting, people, waiting, with_candidates};
use crate::store::StoreError;
use crate::store::events::EventFacts;
use crate::store::signals::{AccountWord, SetAside};

/// Accounts of a page.
const ROWS: usize = 10;
/// The most words of reviewers that are shown, the newest first.
const MAX_WORDS: usize = 100;
/// The most attendees that a form that undoes names.
const MAX_OWNERS: usize = 50;

#[derive(Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    page: Option<usize>,
    #[serde(default)]
    done: String,
    /// What an undo is about: the account, and whose it was.
    #[serde(default)]
    subject: String,
    #[serde(default)]
    was: String,
}

struct CandidateRow {
    id: String,
    name: String,
    email: String,
    organisation: String,
    why: String,
}

struct AccountRow {
    subject: String,
    short: String,
    shown: String,
    email: String,
    system: String,
    seen: String,
    places: String,
    /// Whether several registrations list it.
    is_several: bool,
    candidates: Vec<CandidateRow>,
    /// The one candidate for whom an id or an address speaks; empty where there is none, or several.
    likely: String,
    /// The account after it on the page.
    next: String,
}

struct WordRow {
    subject: String,
    short: String,
    attendee: String,
    is_theirs: bool,
    why: String,
    by: String,
}

struct AsideRow {
    subject: String,
    short: String,
    why: String,
    by: String,
}

struct Undo {
    subject: String,
    was: String,
}

#[derive(Template)]
#[template(path = "identity.html")]
struct IdentityPage {
    frame: Frame,
    event: String,
    form: String,
    may_say: bool,
    total: String,
    rows: Vec<AccountRow>,
    words: Vec<WordRow>,
    asides: Vec<AsideRow>,
    done: String,
    undo: Option<Undo>,
    fault: String,
    tried: Tried,
    page: usize,
    previous: Option<usize>,
    following: Option<usize>,
}

impl IdentityPage {
    const MATCHES: &'static [Reason] = About::Match.reasons();
    const NO_MATCHES: &'static [Reason] = About::NoMatch.reasons();
    const ASIDES: &'static [Reason] = ASIDES;
}

/// What a form said.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Tried {
    #[serde(default)]
    form: String,
    #[serde(default)]
    subject: String,
    /// Whom the reviewer chose among the candidates.
    #[serde(default)]
    attendee: String,
    /// Whom they named instead.
    #[serde(default)]
    other: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
    /// `match`, `refuse`, `aside`, `back` or `undo`.
    #[serde(default)]
    act: String,
    #[serde(default)]
    was: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    page: usize,
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
            let number = ask.page.unwrap_or(1);
            let mut page = view(pages, &signed, &event, number)?;
            page.done = done(&ask).to_owned();
            page.undo = (!ask.subject.is_empty() && page.may_say).then_some(Undo {
                subject: ask.subject,
                was: ask.was,
            });
            Ok(page)
        })
        .await?;
    html(&page)
}

fn done(ask: &Ask) -> &'static str {
    match ask.done.as_str() {
        "matched" => "The account was matched. Whom it touches is decided again.",
        "refused" => "It was said that the account is not theirs.",
        "aside" => "The account was set aside. It is listed below, where it can be taken back.",
        "back" => "The account was taken back.",
        "undone" => "That was undone by a further entry.",
        "known" => "It stood so already; nothing was changed.",
        _ => "",
    }
}

fn view(pages: &Pages, signed: &Signed, event: &str, number: usize) -> Result<IdentityPage, Fault> {
    let (event, now) = (pages.event(event)?, pages.now());
    record(pages, signed, &event.id, "accounts", "identity_list")?;
    let zone = Zone::named(&event.zone);
    let store = pages.store();
    let open = waiting(store, &event.id)?;
    let words = store.account_words(&event.id)?;
    let last_page = open.len().saturating_sub(1) / ROWS;
    let number = number.saturating_sub(1).min(last_page);
    let total = open.len();
    let shown: Vec<_> = open.into_iter().skip(number * ROWS).take(ROWS).collect();
    let people = if shown.is_empty() {
        Vec::new()
    } else {
        people(store, &pages.0.keys, &event.id)?
    };
    let mut rows = Vec::with_capacity(shown.len());
    for facts in shown {
        record(
            pages,
            signed,
            &event.id,
            &facts.subject.to_string(),
            "identity_account",
        )?;
        let waiting = with_candidates(&pages.0.keys, &event.id, facts, &people, &words);
        rows.push(row(pages, &event, waiting, &people, zone)?);
    }
    let followers: Vec<String> = rows.iter().skip(1).map(|row| row.short.clone()).collect();
    for (row, next) in rows.iter_mut().zip(followers) {
        row.next = next;
    }
    Ok(IdentityPage {
        frame: Frame {
            review: true,
            ..Frame::event(pages, signed, &event, "Identity", "identity", now)?
        },
        form: signed.form_token(),
        may_say: signed.may_review(),
        total: words::count(total, "account"),
        rows,
        words: word_rows(words, zone, now),
        asides: aside_rows(pages, &event, zone, now)?,
        done: String::new(),
        undo: None,
        fault: String::new(),
        tried: Tried::default(),
        page: number + 1,
        previous: (number > 0).then_some(number),
        following: (number < last_page).then_some(number + 2),
        event: event.id.to_string(),
    })
}

fn row(
    pages: &Pages,
    event: &EventFacts,
    waiting: Waiting,
    people: &[(AttendeeId, crate::keys::Person)],
    zone: Zone,
) -> Result<AccountRow, Fault> {
    let now = pages.now();
    let is_several = !waiting.listed().is_empty();
    let facts = waiting.facts;
    let label = waiting.label.unwrap_or_default();
    let observed = pages
        .store()
        .observed_of_subject(&event.id, facts.subject)?;
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for seen in &observed {
        let row = &seen.row;
        let place = row.channel.clone();
        let place = place.or_else(|| row.room.as_ref().map(ToString::to_string));
        let place = place.or_else(|| row.session.as_ref().map(ToString::to_string));
        *places.entry(place.unwrap_or_default()).or_default() += 1;
    }
    let first = observed.iter().map(|seen| seen.row.earliest).min();
    let last = observed.iter().map(|seen| seen.row.latest).max();
    let seen = match (first, last) {
        (Some(first), Some(last)) => {
            format!("{} to {}", zone.near(first, now), zone.near(last, now))
        }
        _ => String::new(),
    };
    let speaks = |candidate: &&Candidate| candidate.signs.iter().any(|sign| sign.is_of_account());
    let mut likely = waiting.candidates.iter().filter(speaks);
    let likely = match (likely.next(), likely.next()) {
        (Some(one), None) => one.attendee.to_string(),
        _ => String::new(),
    };
    let candidates = waiting.candidates.into_iter().map(|candidate| {
        let person = people.iter().find(|(id, _)| *id == candidate.attendee);
        let person = person.map(|(_, person)| person);
        let signs: Vec<&str> = candidate.signs.iter().map(|sign| sign.as_str()).collect();
        CandidateRow {
            id: candidate.attendee.to_string(),
            name: person.map_or_else(String::new, |p| p.name.clone()),
            email: person.and_then(|p| p.email.clone()).unwrap_or_default(),
            organisation: person
                .and_then(|p| p.organisation.clone())
                .unwrap_or_default(),
            why: signs.join("; "),
        }
    });
    Ok(AccountRow {
        subject: facts.subject.to_string(),
        short: facts.subject.short(),
        shown: label.name.clone().unwrap_or_default(),
        email: label.email.clone().unwrap_or_default(),
        system: facts.system,
        seen,
        places: places
            .into_iter()
            .map(|(place, rows)| format!("{place} ({})", words::count(rows, "observation")))
            .collect::<Vec<_>>()
            .join(", "),
        is_several,
        candidates: candidates.collect(),
        likely,
        next: String::new(),
    })
}

fn word_rows(mut words: Vec<AccountWord>, zone: Zone, now: attendance::UtcMs) -> Vec<WordRow> {
    words.sort_by_key(|word| std::cmp::Reverse((word.at, word.subject, word.attendee.clone())));
    let rows = words.into_iter().take(MAX_WORDS).map(|word| WordRow {
        subject: word.subject.to_string(),
        short: word.subject.short(),
        attendee: word.attendee.to_string(),
        is_theirs: word.is_theirs,
        why: if word.reason == UNDONE {
            "What was said before was undone".to_owned()
        } else {
            reasons::title(&word.reason).to_owned()
        },
        by: format!("{}, {}", word.operator, zone.near(word.at, now)),
    });
    rows.collect()
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
                Ok(query) => {
                    let page = tried.page.max(1);
                    let to = format!("/staff/{}/identity?page={page}&{query}", facts.id);
                    Ok(Err(match tried.next.as_str() {
                        next if next.bytes().all(|b| b.is_ascii_hexdigit()) && !next.is_empty() => {
                            format!("{to}#s-{next}")
                        }
                        _ => to,
                    }))
                }
                Err(why) => {
                    let mut page = view(pages, &signed, &event, tried.page)?;
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

/// Does what a form asks. Gives the query of the page that follows.
fn act(pages: &Pages, signed: &Signed, event: &EventFacts, tried: &Tried) -> Outcome<String> {
    let Ok(subject) = tried.subject.parse::<SubjectDigest>() else {
        return Ok(Err("this is no account: reload the page".to_owned()));
    };
    match pages.store().subject(&event.id, subject) {
        Ok(Some(_)) => {}
        Ok(None) | Err(StoreError::NotFound { .. }) => {
            return Ok(Err("this is no account: reload the page".to_owned()));
        }
        Err(fault) => return Err(fault.into()),
    }
    if matches!(tried.act.as_str(), "aside" | "back") {
        return set_aside(pages, signed, event, subject, tried);
    }
    let before = listing(pages, event, subject)?;
    if tried.act == "undo" {
        return undo(pages, signed, event, subject, tried);
    }
    let named = if tried.other.trim().is_empty() {
        tried.attendee.as_str()
    } else {
        tried.other.trim()
    };
    let Ok(attendee) = named.parse::<AttendeeId>() else {
        return Ok(Err(
            "nobody is chosen: choose a candidate, or write a pseudonym".to_owned(),
        ));
    };
    let (about, is_match) = match tried.act.as_str() {
        "match" => (About::Match, true),
        "refuse" => (About::NoMatch, false),
        _ => return Ok(Err("it is not said what to do: choose it".to_owned())),
    };
    let has_note = !tried.note.trim().is_empty();
    let reason = match about.reason(&tried.reason, has_note) {
        Ok(reason) => reason,
        Err(why) => return Ok(Err(why)),
    };
    let desk = pages.desk();
    let said = notes::seal(desk, &event.id, &attendee, (Topic::Attendance, &tried.note)).and_then(
        |note| {
            let by = By {
                operator: &signed.account.id,
                reason,
                note: note.as_ref(),
            };
            if is_match {
                identity::match_subject(desk, &event.id, (subject, &attendee), by)
            } else {
                identity::unmatch_subject(desk, &event.id, (subject, &attendee), by)
            }
        },
    );
    let was: Vec<&str> = before.iter().map(AttendeeId::as_str).collect();
    outcome(said, |version| match (version, is_match) {
        (None, _) => "done=known".to_owned(),
        (Some(_), true) => format!("done=matched&subject={subject}&was={}", was.join(",")),
        (Some(_), false) => format!("done=refused&subject={subject}&was={}", was.join(",")),
    })
}

/// Sets an account aside, or takes it back. That it was done, and by whom, stands among the recorded looks.
fn set_aside(
    pages: &Pages,
    signed: &Signed,
    event: &EventFacts,
    subject: SubjectDigest,
    tried: &Tried,
) -> Outcome<String> {
    let (store, is_back) = (pages.store(), tried.act == "back");
    let done = if is_back {
        store.take_back(&event.id, subject)
    } else {
        let reason = match reasons::of(ASIDES, &tried.reason) {
            Ok(reason) => reason,
            Err(why) => return Ok(Err(why)),
        };
        let aside = SetAside {
            subject,
            reason: reason.to_owned(),
            operator: signed.account.id.clone(),
            at: pages.now(),
        };
        store.set_aside(&event.id, &aside)
    };
    match done {
        Ok(()) => {
            let what = if is_back {
                "identity_back"
            } else {
                "identity_aside"
            };
            record(pages, signed, &event.id, &subject.to_string(), what)?;
            Ok(Ok(format!("done={}", tried.act)))
        }
        Err(StoreError::Exists { .. } | StoreError::NotFound { .. }) => {
            Ok(Ok("done=known".to_owned()))
        }
        Err(fault) => Err(fault.into()),
    }
}

fn aside_rows(
    pages: &Pages,
    event: &EventFacts,
    zone: Zone,
    now: attendance::UtcMs,
) -> Result<Vec<AsideRow>, Fault> {
    let mut asides = pages.store().set_asides(&event.id)?;
    asides.sort_by_key(|aside| std::cmp::Reverse((aside.at, aside.subject)));
    let rows = asides.into_iter().take(MAX_WORDS).map(|aside| AsideRow {
        subject: aside.subject.to_string(),
        short: aside.subject.short(),
        why: reasons::title(&aside.reason).to_owned(),
        by: format!("{}, {}", aside.operator, zone.near(aside.at, now)),
    });
    Ok(rows.collect())
}

/// Those whose registrations list an account.
fn listing(
    pages: &Pages,
    event: &EventFacts,
    subject: SubjectDigest,
) -> Result<Vec<AttendeeId>, Fault> {
    let facts = pages.store().subject(&event.id, subject)?;
    let accounts = facts.map_or_else(Vec::new, |facts| facts.accounts);
    let own = accounts
        .into_iter()
        .find(|(account, _)| *account == subject);
    Ok(own.map_or_else(Vec::new, |(_, by)| by))
}

fn undo(
    pages: &Pages,
    signed: &Signed,
    event: &EventFacts,
    subject: SubjectDigest,
    tried: &Tried,
) -> Outcome<String> {
    let named = tried.was.split(',').filter(|id| !id.is_empty());
    let owners: Result<Vec<AttendeeId>, _> = named.map(str::parse).collect();
    let Some(owners) = owners.ok().filter(|owners| owners.len() <= MAX_OWNERS) else {
        return Ok(Err("whose it was does not read: reload the page".to_owned()));
    };
    let by = By {
        operator: &signed.account.id,
        reason: UNDONE,
        note: None,
    };
    let undone = identity::restore_subject(pages.desk(), &event.id, subject, &owners, by);
    outcome(undone, |version| match version {
        Some(_) => "done=undone".to_owned(),
        None => "done=known".to_owned(),
    })
}
