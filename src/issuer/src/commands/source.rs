//! `source add`, `source list`, `source revoke`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

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
use crate::push::{HookKind, MAX_SECRET_BYTES};
use crate::sources::is_id;
use crate::store::StoreError;
use crate::store::sources::{FeedFacts, SourceFacts};
use crate::tokens::Token;

pub(super) fn run(here: &Premises, what: Source) -> Ended {
    match what {
        Source::Add {
            event,
            id,
            kind,
            secret_file,
        } => add(here, &event, &id, kind, secret_file.as_deref()),
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
            Self::Webhook => HookKind::Standard.as_str(),
            Self::Zoom => HookKind::Zoom.as_str(),
            Self::BigBlueButton => HookKind::BigBlueButton.as_str(),
        }
    }
}

/// How a source shows that it is itself.
enum Shows {
    Token(Token),
    /// A secret that is made here and shown once.
    Secret(Zeroizing<Vec<u8>>),
    /// A secret that the platform made.
    PlatformSecret(Zeroizing<Vec<u8>>),
}

impl Shows {
    fn of(
        here: &Premises,
        id: &str,
        kind: SourceKind,
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        match (kind, file) {
            (SourceKind::Zoom | SourceKind::BigBlueButton, Some(file)) => {
                Ok(Self::PlatformSecret(platform_secret(file)?))
            }
            (SourceKind::Zoom | SourceKind::BigBlueButton, None) => Err(Failure::usage(
                "the platform makes the secret: put it into a file and name that with --secret-file",
            )),
            (_, Some(_)) => Err(Failure::usage(
                "--secret-file is for platforms that make the secret themselves; of this kind it is made here",
            )),
            (SourceKind::Webhook, None) => {
                let secret = random::<SECRET_BYTES>(&here.random);
                Ok(Self::Secret(Zeroizing::new(secret.to_vec())))
            }
            (SourceKind::Registrations | SourceKind::Signals, None) => {
                Ok(Self::Token(Token::new(id, &here.random)))
            }
        }
    }

    fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) => Some(token),
            Self::Secret(_) | Self::PlatformSecret(_) => None,
        }
    }

    fn secret(&self) -> Option<&[u8]> {
        match self {
            Self::Token(_) => None,
            Self::Secret(secret) | Self::PlatformSecret(secret) => Some(secret),
        }
    }
}

/// The secret of a file, without the line's end. What is wrong with it is said without it.
fn platform_secret(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // One byte beyond shows that it is too long; a line's end may follow.
    let bound = u64::try_from(MAX_SECRET_BYTES + 3).unwrap_or(u64::MAX);
    let mut bytes = Zeroizing::new(Vec::new());
    let outcome = if file == Path::new("-") {
        std::io::stdin().lock().take(bound).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|opened| opened.take(bound).read_to_end(&mut bytes))
    };
    outcome.map_err(|cause| {
        Failure::failed(format!(
            "{}: {cause}; check the path given with --secret-file",
            file.display()
        ))
    })?;
    let secret = Zeroizing::new(bytes.trim_ascii().to_vec());
    let is_secret =
        (1..=MAX_SECRET_BYTES).contains(&secret.len()) && secret.iter().all(u8::is_ascii_graphic);
    if is_secret {
        return Ok(secret);
    }
    Err(Failure::malformed(format!(
        "{}: a secret is one word of 1 to {MAX_SECRET_BYTES} letters, digits and signs: copy it again, alone",
        file.display()
    )))
}

fn add(
    here: &Premises,
    event: &EventId,
    id: &str,
    kind: SourceKind,
    secret_file: Option<&Path>,
) -> Ended {
    here.event(event)?;
    if !is_id(id) {
        return Err(Failure::usage(format!(
            "--id {id:?}: write 1 to 64 small letters, digits and hyphens"
        )));
    }
    let shows = Shows::of(here, id, kind, secret_file)?;
    let seal = |secret| here.keys.seal_source_secret(id, secret, &here.random);
    let source = SourceFacts {
        id: id.to_owned(),
        event: event.clone(),
        kind: kind.as_str().to_owned(),
        token: shows.token().map(Token::hash),
        secret: shows.secret().map(seal),
        created: now(),
        revoked: None,
        heard: None,
        ignored: 0,
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
    let public_url = &here.config.public_url;
    let address = format!("{public_url}{}", crate::push::path(kind.as_str(), id));
    match &shows {
        Shows::PlatformSecret(_) => {
            say(&address)?;
            hint(format!(
                "{id} may send to the address that was printed. Its secret is sealed here: the file is needed no more."
            ));
            return Ok(Exit::Done);
        }
        Shows::Secret(secret) => say(secret_text(secret).as_str())?,
        Shows::Token(token) => say(token.text())?,
    }
    hint(format!(
        "{id} may send to {address}, as {public_url}/v1/openapi.json describes. What was printed is a secret and is not shown again."
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
