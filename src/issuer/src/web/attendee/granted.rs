//! What was granted to an attendee: shown to those alone who grant, who may add to it and end it.
//!
//! Promises: nobody else learns from the page that something is granted; each look is recorded by itself; a form leads to a ledger entry that
//! says no more than that a registration was adjusted.

use attendance::UtcMs;
use attendance::words::AttendeeId;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use protocol::agenda::Agenda;
use serde::Deserialize;

use super::super::Pages;
use super::super::attendees::record;
use super::super::fault::{Fault, Outcome, outcome};
use super::super::words::Zone;
use super::said::{Choice, sessions};
use crate::access::Signed;
use crate::imports::accommodations::{self, Grant, badge_of, grants_of, history};
use crate::imports::said::Because;
use crate::reasons::{About, Reason};
use crate::store::StoreError;
use crate::store::events::EventFacts;
use crate::store::people::AttendeeFacts;

/// What a form said.
#[derive(Clone, Default, Deserialize)]
pub(in super::super) struct TriedGrant {
    #[serde(default)]
    form: String,
    /// `add`, or the number of the grant to end.
    #[serde(default)]
    act: String,
    #[serde(default)]
    pub(super) what: String,
    #[serde(default)]
    pub(super) session: String,
    #[serde(default)]
    pub(super) minutes: String,
    #[serde(default)]
    pub(super) badge: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) note: String,
    #[serde(skip)]
    pub(super) fault: String,
}

pub(super) struct GrantRow {
    pub(super) text: String,
    pub(super) number: usize,
}

pub(super) struct ToldRow {
    pub(super) text: String,
    pub(super) when: String,
    pub(super) entry: u64,
}

pub(super) struct Granted {
    pub(super) path: String,
    pub(super) grants: Vec<GrantRow>,
    pub(super) told: Vec<ToldRow>,
    pub(super) sessions: Vec<Choice>,
    pub(super) tried: TriedGrant,
}

impl Granted {
    pub(super) const GRANTS: &'static [Reason] = About::Grant.reasons();
    pub(super) const ENDS: &'static [Reason] = About::End.reasons();
}

/// Reads what was granted; nothing for whoever may not know.
pub(super) fn view(
    pages: &Pages,
    signed: &Signed,
    event: &EventFacts,
    facts: &AttendeeFacts,
    agenda: Option<&Agenda>,
    now: UtcMs,
) -> Result<Option<Granted>, Fault> {
    if !signed.may_grant() {
        return Ok(None);
    }
    record(
        pages,
        signed,
        &event.id,
        facts.attendee.as_str(),
        "accommodations",
    )?;
    let zone = Zone::named(&event.zone);
    let grants = facts.registration.as_ref().map_or_else(Vec::new, grants_of);
    let told = history(pages.desk(), &event.id, facts);
    let told = told.map_err(|fault| Fault::Broken(fault.to_string()))?;
    let told = told.into_iter().map(|told| ToldRow {
        text: told.text,
        when: zone.near(told.at, now),
        entry: told.entry,
    });
    let rows = grants.iter().enumerate().map(|(number, grant)| GrantRow {
        text: grant.text(),
        number,
    });
    Ok(Some(Granted {
        path: format!("/staff/{}/attendees/{}", event.id, facts.attendee),
        grants: rows.collect(),
        told: told.collect(),
        sessions: agenda.map_or_else(Vec::new, |agenda| sessions(agenda, zone, now, true)),
        tried: TriedGrant::default(),
    }))
}

pub(in super::super) async fn put(
    State(pages): State<Pages>,
    signed: Signed,
    Path((event, attendee)): Path<(String, String)>,
    Form(tried): Form<TriedGrant>,
) -> Result<Response, Fault> {
    if !signed.may_grant() {
        return Err(Fault::Forbidden);
    }
    signed.check_form(&tried.form)?;
    super::answer(
        pages,
        event,
        attendee,
        "granted",
        move |pages, event, attendee| {
            let done = act(pages, &signed, event, attendee, &tried)?;
            let after = |fault: String| super::After {
                granted: TriedGrant {
                    fault,
                    ..tried.clone()
                },
                ..super::After::default()
            };
            Ok((done.map_err(after), signed))
        },
    )
    .await
}

fn act(
    pages: &Pages,
    signed: &Signed,
    event: &EventFacts,
    attendee: &AttendeeId,
    tried: &TriedGrant,
) -> Outcome<&'static str> {
    let desk = pages.desk();
    let because = Because {
        operator: &signed.account.id,
        reason: &tried.reason,
        note: &tried.note,
    };
    if tried.act != "add" {
        let facts = pages.store().attendee(&event.id, attendee)?;
        let grants = facts.registration.as_ref().map_or_else(Vec::new, grants_of);
        // What is named by its number is named by its text as well, lest another stands there by now.
        let number = tried.act.parse::<usize>().ok();
        let meant = number.and_then(|number| grants.into_iter().nth(number));
        let Some(grant) = meant.filter(|grant| grant.text() == tried.what) else {
            return Ok(Err("it is not granted any more: reload the page".to_owned()));
        };
        let ended = accommodations::end(desk, &event.id, attendee, &grant, because);
        return outcome(ended, |_| "ended");
    }
    let grants = match grants_meant(pages, event, tried)? {
        Ok(grants) => grants,
        Err(why) => return Ok(Err(why)),
    };
    let mut done = "known";
    for grant in grants {
        let added = accommodations::add(desk, &event.id, attendee, &grant, because);
        match outcome(added, |version| version.is_some())? {
            Ok(true) => done = "granted",
            Ok(false) => {}
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(done))
}

/// What a form means: one thing, or each badge of somebody registered who assists.
fn grants_meant(pages: &Pages, event: &EventFacts, tried: &TriedGrant) -> Outcome<Vec<Grant>> {
    if tried.what == "assistant"
        && let Ok(assistant) = tried.badge.trim().parse::<AttendeeId>()
    {
        let facts = match pages.store().attendee(&event.id, &assistant) {
            Ok(facts) => facts.registration,
            // It is no pseudonym, so it is a badge.
            Err(StoreError::NotFound { .. }) => None,
            Err(fault) => return Err(fault.into()),
        };
        let badges = facts.map_or_else(Vec::new, |held| held.badges);
        if !badges.is_empty() {
            let badges = badges.into_iter().map(|badge| Grant::Assistant { badge });
            return Ok(Ok(badges.collect()));
        }
    }
    Ok(grant_of(pages, event, tried)?.map(|grant| vec![grant]))
}

fn grant_of(pages: &Pages, event: &EventFacts, tried: &TriedGrant) -> Outcome<Grant> {
    let session = match tried.session.as_str() {
        "" => None,
        id => match id.parse() {
            Ok(id) => Some(id),
            Err(_) => return Ok(Err("no such session is known: choose one".to_owned())),
        },
    };
    match tried.what.as_str() {
        "extra" => Ok(match tried.minutes.trim().parse::<u32>() {
            Ok(minutes) => Ok(Grant::Extra {
                session,
                extra_s: minutes.saturating_mul(60),
            }),
            Err(_) => Err("the minutes are missing: write a whole number".to_owned()),
        }),
        "whole" if session.is_none() => Ok(Err(
            "a session that counts whole is missing: choose one".to_owned(),
        )),
        "whole" => Ok(Ok(Grant::Whole { session })),
        "assistant" => {
            let badge = badge_of(pages.desk(), &event.id, &tried.badge);
            outcome(badge, |badge| Grant::Assistant { badge })
        }
        _ => Ok(Err("it is not chosen what is granted: choose it".to_owned())),
    }
}
