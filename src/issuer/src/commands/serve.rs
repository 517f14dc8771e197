//! `serve`: what kiosks call, the pages, and the decisions, until it is told to end.

use std::net::IpAddr;
use std::sync::Arc;

use attendance::UtcMs;

use super::output::{Ended, Exit, Failure};
use super::premises::{Premises, now};
use crate::access::{Access, Limiter};
use crate::api::{self, Api, Clock, Parties};
use crate::config::{Config, Tls};
use crate::feeds;
use crate::push::{self, Push};
use crate::serve::{Service, Work};
use crate::tls::{self, Identity};
use crate::web::{self, Pages};

/// Attempts to enrol at once from an address, and then one every so many milliseconds. A claim's secret cannot be guessed;
/// this keeps those who try from costing anything.
const ENROL_BURST: u32 = 20;
const ENROL_REFILL_MS: u32 = 3_000;
const ENROL_ADDRESSES_MAX: usize = 10_000;

pub(super) fn run(here: &Premises) -> Ended {
    let filter = tracing_subscriber::EnvFilter::new(here.config.log.as_str());
    // Only the first subscriber of a program counts; tests may have set one.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Logs are read by machines as well: colours are for terminals.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // A log that cannot be written must not end what it tells of: by default the failure itself is printed there, which panics.
        .log_internal_errors(false)
        .try_init();
    let identity = identity(&here.config)?;
    let clock: Clock = Arc::new(now);
    let enrolments = Limiter::new(ENROL_BURST, ENROL_REFILL_MS, ENROL_ADDRESSES_MAX);
    let api = Api::new(Parties {
        store: Arc::clone(&here.store),
        objects: Arc::clone(&here.objects),
        keys: Arc::clone(&here.keys),
        issuer: here.config.issuer.clone(),
        pins: identity.iter().map(|own| own.pin.clone()).collect(),
        clock: Arc::clone(&clock),
        clock_error_ms: here.config.clock_error_ms,
        random: Arc::clone(&here.random),
        enrol_limit: Arc::new(move |address: IpAddr, now: UtcMs| {
            enrolments.take(&address.to_string(), now)
        }),
    });
    let is_https = here.config.public_url.starts_with("https://");
    let access = Access::new(
        Arc::clone(&here.store),
        Arc::clone(&here.random),
        Arc::clone(&clock),
        is_https,
        Some(here.config.public_url.clone()),
    );
    let pages = Pages::new(
        Arc::clone(&here.store),
        Arc::clone(&here.objects),
        Arc::clone(&here.keys),
        &here.config.issuer,
        access,
        here.config.clock_error_ms,
    );
    let push = Push::new(here.polls(Arc::clone(&clock)), &here.config.public_url);
    let service = Service {
        listen: here.config.listen,
        tls: identity.map(|own| own.config),
        app: api::router(api)
            .merge(push::router(push))
            .merge(web::router(pages)),
        works: vec![
            ("decisions", decisions(here)),
            ("sources", sources(here, &clock)?),
        ],
        clock,
        store: Arc::clone(&here.store),
    };
    match crate::serve::run(service) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(error.to_string())),
    }
}

/// The decider, a step at a time.
fn decisions(here: &Premises) -> Work {
    let mut decider = here.decider().watching(here.config.signs);
    Box::new(move |now, _| decider.run_once(now).map(|_| ()).map_err(|e| e.to_string()))
}

/// The polls of the configured sources.
fn sources(here: &Premises, clock: &Clock) -> Result<Work, Failure> {
    let polls = here.polls(Arc::clone(clock));
    Ok(feeds::work::polling(polls, here.config.feeds.clone())?)
}

/// What TLS is served with; made where the issuer makes its own.
fn identity(config: &Config) -> Result<Option<Identity>, Failure> {
    let loaded = match &config.tls {
        Tls::None => return Ok(None),
        Tls::Files { certificate, key } => tls::load(certificate, key),
        Tls::Own => {
            make_own(config)?;
            tls::load(&config.own_certificate(), &config.own_certificate_key())
        }
    };
    loaded
        .map(Some)
        .map_err(|error| Failure::failed(error.to_string()))
}

/// Makes the issuer's own certificate, unless there is one.
pub(super) fn make_own(config: &Config) -> Result<(), Failure> {
    let (certificate, key) = (config.own_certificate(), config.own_certificate_key());
    tls::make_own(&certificate, &key, &names(config)).map_err(Failure::failed)
}

/// The names under which the service is reached: the host of its public address, and where it listens.
fn names(config: &Config) -> Vec<String> {
    let host = config
        .public_url
        .split_once("://")
        .map_or("", |(_, rest)| rest);
    let host = match host.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, _)) => v6,
        None => host.split([':', '/']).next().unwrap_or_default(),
    };
    let mut names = vec![host.to_owned(), config.listen.ip().to_string()];
    names.retain(|name| !name.is_empty() && name != "0.0.0.0" && name != "::");
    names.dedup();
    names
}
