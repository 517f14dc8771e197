//! The attendees of an event, by name. Names are unsealed for the page and kept nowhere.

use std::collections::BTreeMap;

use askama::Template;
use attendance::words::{AttendeeId, EventId};
use attendance::{Decimal, Outcome, UtcMs};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use protocol::agenda::Registration;
use serde::Deserialize;

use super::Pages;
use super::fault::Fault;
use super::layout::{Frame, html};
use super::words;
use crate::access::Signed;
use crate::keys::Person;
use crate::store::accounts::View;
use crate::store::decisions::DecisionFacts;
use crate::store::events::MAX_PAGE;
use crate::store::people::AttendeeFacts;

/// The most attendees that are unsealed for a list.
pub(super) const MAX_LISTED: usize = 20_000;
/// Rows of a page.
const ROWS: usize = 50;
/// The most characters of a search.
const MAX_SEARCH_CHARS: usize = 100;

#[derive(Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: Option<usize>,
}

struct Row {
    id: String,
    name: String,
    organisation: String,
    registration: &'static str,
    outcomes: Vec<OutcomeWord>,
}

struct OutcomeWord {
    word: String,
    /// For which programme, and whether it can still change.
    of: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "attendees.html")]
struct AttendeesPage {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    found: String,
    shown: String,
    is_cut: bool,
    previous: Option<usize>,
    next: Option<usize>,
    event: String,
}

/// Records a look before it is answered.
pub(super) fn record(
    pages: &Pages,
    signed: &Signed,
    event: &EventId,
    subject: &str,
    what: &str,
) -> Result<(), Fault> {
    let view = View {
        at: pages.now(),
        account: signed.account.id.clone(),
        event: event.to_string(),
        subject: subject.to_owned(),
        what: what.to_owned(),
    };
    Ok(pages.store().record_view(&view)?)
}

/// The person behind an attendee; `None` where their data was erased.
pub(super) fn person(
    pages: &Pages,
    event: &EventId,
    facts: &AttendeeFacts,
) -> Result<Option<Person>, Fault> {
    let Some((wrapped, sealed)) = &facts.person else {
        return Ok(None);
    };
    let key = pages.0.keys.data_key(event, &facts.attendee, wrapped);
    let person = key.and_then(|key| Person::open(event, &facts.attendee, &key, sealed));
    let broken = || {
        Fault::Broken(format!(
            "the data of attendee {} does not open",
            facts.attendee
        ))
    };
    person.map(Some).ok_or_else(broken)
}

/// How a registration stands, in a word.
pub(super) fn registration_word(registration: Option<&Registration>, now: UtcMs) -> &'static str {
    match registration {
        None => "none",
        Some(r) if r.cancelled => "cancelled",
        Some(r) if r.valid_until.is_some_and(|until| until <= now) => "ended",
        Some(r) if r.valid_from.is_some_and(|from| now < from) => "not begun",
        Some(_) => "holds",
    }
}

/// The colour of an outcome.
pub(super) const fn outcome_tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Full => "good",
        Outcome::Partial => "partial",
        Outcome::None => "plain",
        Outcome::Review => "warn",
    }
}

/// `Full: 1.5 credits`.
pub(super) fn outcome_words(outcome: Outcome, credits: Option<Decimal>) -> String {
    let word = words::sentence(outcome.as_str());
    match credits.map(|credits| credits.to_string()).as_deref() {
        None | Some("0") => word,
        Some("1") => format!("{word}: 1 credit"),
        Some(credits) => format!("{word}: {credits} credits"),
    }
}

fn all(pages: &Pages, event: &EventId) -> Result<(Vec<AttendeeFacts>, bool), Fault> {
    let mut all: Vec<AttendeeFacts> = Vec::new();
    while all.len() < MAX_LISTED {
        let after = all.last().map(|facts| facts.attendee.clone());
        let wanted = MAX_PAGE.min(MAX_LISTED - all.len());
        let page = pages.store().attendees(event, after.as_ref(), wanted)?;
        if page.is_empty() {
            return Ok((all, false));
        }
        all.extend(page);
    }
    let last = all.last().map(|facts| facts.attendee.clone());
    let is_cut = !pages.store().attendees(event, last.as_ref(), 1)?.is_empty();
    Ok((all, is_cut))
}

/// Whether a name has every word that was asked for, in any order.
fn fits(haystack: &str, asked: &str) -> bool {
    let haystack = haystack.to_lowercase();
    asked
        .to_lowercase()
        .split_whitespace()
        .all(|word| haystack.contains(word))
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
        .ask(move |pages| list(pages, &signed, &event, &ask))
        .await?;
    html(&page)
}

fn list(pages: &Pages, signed: &Signed, event: &str, ask: &Ask) -> Result<AttendeesPage, Fault> {
    let (event, now) = (pages.event(event)?, pages.now());
    record(pages, signed, &event.id, "attendees", "attendee_list")?;
    let q: String = ask.q.trim().chars().take(MAX_SEARCH_CHARS).collect();
    let (facts, is_cut) = all(pages, &event.id)?;
    let mut found: Vec<(String, Option<Person>, AttendeeFacts)> = Vec::new();
    for facts in facts {
        let person = person(pages, &event.id, &facts)?;
        let name = person
            .as_ref()
            .map_or_else(|| "(erased)".to_owned(), |p| p.name.clone());
        if fits(&format!("{name} {}", facts.attendee), &q) {
            found.push((name, person, facts));
        }
    }
    found.sort_by_cached_key(|(name, _, facts)| (name.to_lowercase(), facts.attendee.clone()));
    let last_page = found.len().saturating_sub(1) / ROWS;
    let number = ask.page.unwrap_or(1).saturating_sub(1).min(last_page);
    let mut decisions: BTreeMap<AttendeeId, Vec<DecisionFacts>> = BTreeMap::new();
    for decision in pages.store().decisions(&event.id)? {
        decisions
            .entry(decision.attendee.clone())
            .or_default()
            .push(decision);
    }
    let total = found.len();
    let rows = found
        .into_iter()
        .skip(number * ROWS)
        .take(ROWS)
        .map(|(name, person, facts)| Row {
            name,
            organisation: person.and_then(|p| p.organisation).unwrap_or_default(),
            registration: registration_word(facts.registration.as_ref(), now),
            outcomes: decisions
                .get(&facts.attendee)
                .into_iter()
                .flatten()
                .map(|d| OutcomeWord {
                    word: outcome_words(d.outcome, d.credits),
                    of: format!(
                        "{}{}",
                        d.programme,
                        if d.complete { "" } else { ", so far" }
                    ),
                    tone: outcome_tone(d.outcome),
                })
                .collect(),
            id: facts.attendee.to_string(),
        });
    let rows: Vec<Row> = rows.collect();
    Ok(AttendeesPage {
        frame: Frame::event(pages, signed, &event, "Attendees", "attendees", now)?,
        found: words::number(u64::try_from(total).unwrap_or(u64::MAX)),
        shown: format!(
            "{} to {}",
            (number * ROWS + 1).min(total),
            number * ROWS + rows.len()
        ),
        previous: (number > 0).then_some(number),
        next: (number < last_page).then_some(number + 2),
        q,
        rows,
        is_cut,
        event: event.id.to_string(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_found_by_their_words() {
        for (asked, is_found) in [
            ("", true),
            ("zoë", true),
            ("müller ZOË", true),
            ("zoe", false),
            ("a-17", true),
            ("x", false),
        ] {
            assert_eq!(fits("Zoë Müller a-17", asked), is_found, "{asked}");
        }
    }

    #[test]
    fn outcomes_are_told_with_their_credits() {
        for (credits, words) in [
            (None, "Full"),
            (Some("0"), "Full"),
            (Some("1"), "Full: 1 credit"),
            (Some("1.5"), "Full: 1.5 credits"),
        ] {
            assert_eq!(
                outcome_words(Outcome::Full, credits.map(|c| c.parse().unwrap())),
                words
            );
        }
    }

    #[test]
    fn a_registration_holds_from_its_first_to_before_its_last_moment() {
        let registration = Registration {
            valid_from: Some(UtcMs(100)),
            valid_until: Some(UtcMs(200)),
            ..Registration::plain("a".parse().unwrap(), vec![])
        };
        for (now, word) in [
            (99, "not begun"),
            (100, "holds"),
            (199, "holds"),
            (200, "ended"),
        ] {
            assert_eq!(registration_word(Some(&registration), UtcMs(now)), word);
        }
        let cancelled = Registration {
            cancelled: true,
            ..registration
        };
        assert_eq!(registration_word(Some(&cancelled), UtcMs(150)), "cancelled");
        assert_eq!(registration_word(None, UtcMs(150)), "none");
    }
}
