//! Where lists come from: servers that are polled, with their last success, last error and next try, and systems that send.
//! Nothing of attendees.

use askama::Template;
use attendance::UtcMs;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Pages;
use super::fault::Fault;
use super::layout::{Frame, html};
use super::words::{self, Zone};
use crate::access::Signed;
use crate::store::sources::{FeedFacts, SourceFacts};

/// The most refused rows that are listed of a server.
const MAX_REFUSED: usize = 50;

/// How a source stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Warn,
    Plain,
}

struct FeedRow {
    id: String,
    kind: String,
    state: Standing,
    state_text: String,
    succeeded: String,
    next: String,
    version: String,
    error: String,
    report: Vec<String>,
    refused: Vec<String>,
    refused_more: usize,
}

struct SenderRow {
    id: String,
    kind: String,
    is_revoked: bool,
    since: String,
    heard: String,
    ignored: String,
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    frame: Frame,
    feeds: Vec<FeedRow>,
    senders: Vec<SenderRow>,
}

/// When something was or will be.
struct When {
    zone: Zone,
    now: UtcMs,
}

impl When {
    fn was(&self, at: Option<UtcMs>) -> String {
        at.map_or_else(
            || "never".to_owned(),
            |at| {
                format!(
                    "{} ({})",
                    words::ago(at, self.now),
                    self.zone.near(at, self.now)
                )
            },
        )
    }

    fn will_be(&self, at: Option<UtcMs>) -> String {
        match at.filter(|at| *at > self.now) {
            None => "at once".to_owned(),
            Some(at) => self.zone.near(at, self.now),
        }
    }
}

fn feed_row(feed: FeedFacts, when: &When) -> FeedRow {
    let (state, state_text) = match (feed.configured, feed.tried, feed.failures) {
        (false, ..) => (Standing::Plain, "Not in the configuration".to_owned()),
        (true, None, _) => (Standing::Plain, "Not polled yet".to_owned()),
        (true, Some(_), 0) if feed.refused.is_empty() => (Standing::Good, "Good".to_owned()),
        (true, Some(_), 0) => (
            Standing::Warn,
            format!("{} rows refused", feed.refused.len()),
        ),
        (true, Some(_), failures) => (Standing::Warn, format!("Failing, {failures} in a row")),
    };
    FeedRow {
        state,
        state_text,
        succeeded: when.was(feed.succeeded),
        next: if feed.configured {
            when.will_be(feed.next.filter(|_| feed.wanted.is_none()))
        } else {
            "no more".to_owned()
        },
        version: feed.version.unwrap_or_default(),
        error: feed.error.unwrap_or_default(),
        report: feed.report,
        refused_more: feed.refused.len().saturating_sub(MAX_REFUSED),
        refused: feed.refused.into_values().take(MAX_REFUSED).collect(),
        id: feed.id,
        kind: feed.kind,
    }
}

fn sender_row(source: SourceFacts, when: &When) -> SenderRow {
    SenderRow {
        is_revoked: source.revoked.is_some(),
        since: when.was(source.revoked.or(Some(source.created))),
        heard: when.was(source.heard),
        ignored: match source.ignored {
            0 => String::new(),
            count => words::count(usize::try_from(count).unwrap_or(usize::MAX), "message"),
        },
        id: source.id,
        kind: source.kind,
    }
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
) -> Result<Response, Fault> {
    let page = pages
        .ask(move |pages| {
            let (event, now) = (pages.event(&event)?, pages.now());
            let zone = Zone::named(&event.zone);
            let when = When { zone, now };
            let feeds = pages.store().feeds(&event.id)?;
            let senders = pages.store().sources(&event.id)?;
            Ok(SourcesPage {
                frame: Frame::event(pages, &signed, &event, "Sources", "sources", now)?,
                feeds: feeds
                    .into_iter()
                    .map(|feed| feed_row(feed, &when))
                    .collect(),
                senders: senders
                    .into_iter()
                    .map(|source| sender_row(source, &when))
                    .collect(),
            })
        })
        .await?;
    html(&page)
}
