//! `source add`, `source list`, `source revoke`.

use attendance::UtcMs;
use attendance::words::EventId;
use protocol::text::instant;
use zeroize::Zeroizing;

use super::arguments::{Source, SourceKind};
use super::output::{Ended, Exit, Failure, hint, say, table};
use super::premises::{Premises, now};
use crate::feeds::run::new_feed;
use crate::keys::random;
use crate::push::signature::{SECRET_BYTES, secret_text};
use crate::sources::is_id;
use crate::store::StoreError;
use crate::store::sources::{FeedFacts, SourceFacts};
use crate::tokens::Token;

pub(super) fn run(here: &Premises, what: Source) -> Ended {
    match what {
        Source::Add { event, id, kind } => add(here, &event, &id, kind),
        Source::List { event } => list(here, &event),
        Source::Revoke { event, id } => revoke(here, &event, &id),
    }
}

impl SourceKind {
    /// Its name, in the database and in answers.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Registrations => crate::push::REGISTRATIONS,
            Self::Signals => crate::push::SIGNALS,
            Self::Webhook => crate::push::WEBHOOK,
        }
    }
}

fn add(here: &Premises, event: &EventId, id: &str, kind: SourceKind) -> Ended {
    here.event(event)?;
    if !is_id(id) {
        return Err(Failure::usage(format!(
            "--id {id:?}: write 1 to 64 small letters, digits and hyphens"
        )));
    }
    let token = Token::new(id, &here.random);
    let secret = Zeroizing::new(random::<SECRET_BYTES>(&here.random));
    let is_signed = kind == SourceKind::Webhook;
    let sealed = is_signed.then(|| {
        here.keys
            .seal_source_secret(id, secret.as_slice(), &here.random)
    });
    let source = SourceFacts {
        id: id.to_owned(),
        event: event.clone(),
        kind: kind.as_str().to_owned(),
        token: (!is_signed).then(|| token.hash()),
        secret: sealed,
        created: now(),
        revoked: None,
        heard: None,
    };
    match here.store.add_source(&source) {
        Err(StoreError::Exists { .. }) => {
            return Err(Failure::failed(format!(
                "there is a source {id:?} already, perhaps of another event or kind: choose another id, or revoke it first with \
                 `rollcall-issuer source revoke`"
            )));
        }
        other => other?,
    }
    if is_signed {
        say(secret_text(secret.as_slice()).as_str())?;
    } else {
        say(token.text())?;
    }
    hint(format!(
        "{id} may send to {}{}, as {}/v1/openapi.json describes. What was printed is a secret and is not shown again.",
        here.config.public_url,
        crate::push::path(kind.as_str(), id),
        here.config.public_url
    ));
    Ok(Exit::Done)
}

fn revoke(here: &Premises, event: &EventId, id: &str) -> Ended {
    here.event(event)?;
    let known = here.store.source(id)?;
    if !known.is_some_and(|known| known.event == *event && known.revoked.is_none()) {
        return Err(Failure::failed(format!(
            "{event} has no source {id:?} that could be revoked; `rollcall-issuer source list --event {event}` shows them"
        )));
    }
    here.store.revoke_source(id, now())?;
    say(format!("{id} may send no more; what it sent stays."))?;
    Ok(Exit::Done)
}

fn list(here: &Premises, event: &EventId) -> Ended {
    here.event(event)?;
    let at = |at: Option<UtcMs>| at.map_or_else(|| "never".to_owned(), instant);
    let feeds = here.store.feeds(event)?;
    let configured = |id: &str| here.config.feeds.iter().any(|feed| feed.id == id);
    // A server that was never polled is in the configuration alone.
    let unpolled = here
        .config
        .feeds
        .iter()
        .filter(|feed| feed.event == *event && !feeds.iter().any(|known| known.id == feed.id))
        .map(new_feed);
    let mut rows: Vec<[String; 5]> = feeds
        .iter()
        .map(|feed| {
            let state = if configured(&feed.id) {
                state(feed)
            } else {
                "not in the configuration".to_owned()
            };
            let next = feed.next.map_or_else(|| "at once".to_owned(), instant);
            [
                feed.id.clone(),
                feed.kind.clone(),
                state,
                at(feed.succeeded),
                next,
            ]
        })
        .collect();
    rows.extend(unpolled.map(|feed| {
        [
            feed.id,
            feed.kind,
            "never polled".to_owned(),
            "never".to_owned(),
            "at once".to_owned(),
        ]
    }));
    for source in here.store.sources(event)? {
        let state = match source.revoked {
            Some(at) => format!("revoked {}", instant(at)),
            None => "may send".to_owned(),
        };
        rows.push([
            source.id,
            source.kind,
            state,
            at(source.heard),
            String::new(),
        ]);
    }
    if rows.is_empty() {
        say(
            "There are no sources: `rollcall-issuer source add` lets a system send; [sources.…] of the configuration names servers.",
        )?;
        return Ok(Exit::Done);
    }
    table(["source", "kind", "state", "heard", "next"], &rows)?;
    let failing = feeds
        .iter()
        .filter(|feed| configured(&feed.id))
        .filter_map(|feed| Some((&feed.id, feed.error.as_ref()?)));
    let mut exit = Exit::Done;
    for (id, error) in failing {
        hint(format!("{id}: {error}"));
        exit = Exit::Failed;
    }
    for feed in feeds.iter().filter(|feed| !feed.refused.is_empty()) {
        for problem in feed.refused.values() {
            hint(format!("{}: refused: {problem}", feed.id));
        }
    }
    Ok(exit)
}

fn state(feed: &FeedFacts) -> String {
    match (feed.tried, feed.failures) {
        (None, _) => "never polled".to_owned(),
        (Some(_), 0) if feed.refused.is_empty() => "good".to_owned(),
        (Some(_), 0) => format!("good, {} rows refused", feed.refused.len()),
        (Some(_), failures) => format!("failing, {failures} in a row"),
    }
}
