//! The calls that need no enrolment: the time, and enrolment itself.

use axum::Json;
use axum::extract::{Request, State};
use protocol::enrol::{EnrolRequest, Enrolled};
use protocol::time::{TimeAnswer, TimeRequest};

use super::{Api, Parties, Refusal, address, read_body};
use crate::bundles;
use crate::keys::random_text;
use crate::store::StoreError;
use crate::store::enrolment::{KioskFacts, Redeemed, Redemption};

/// The most bytes of a request for the time.
const MAX_TIME_BYTES: usize = 1_024;
/// The most bytes of a request to enrol.
const MAX_ENROL_BYTES: usize = 8 * 1_024;
/// The longest name of a program that is kept, in characters.
const MAX_SOFTWARE_CHARS: usize = 100;
/// Letters that tell the kiosks of one door apart.
const SUFFIX_LETTERS: usize = 6;
/// How often another id is tried where one is taken.
const ID_TRIES: usize = 4;

pub(super) async fn time(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<TimeAnswer>, Refusal> {
    let received = api.now();
    let body = read_body(request.into_body(), MAX_TIME_BYTES).await?;
    let asked: TimeRequest =
        serde_json::from_slice(&body).map_err(|error| Refusal::Form(error.to_string()))?;
    if !asked.is_well_formed() {
        let form = "the nonce must be 32 digits of lower hex";
        return Err(Refusal::Form(form.to_owned()));
    }
    let parties = &api.0;
    let answer = |sent| {
        protocol::time::answer(
            &asked,
            received,
            sent,
            parties.clock_error_ms,
            &parties.keys.signing,
        )
    };
    Ok(Json(answer(api.now())))
}

pub(super) async fn enrol(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Enrolled>, Refusal> {
    let (parts, body) = request.into_parts();
    let now = api.now();
    (api.0.enrol_limit)(address(&parts), now).map_err(Refusal::TooMany)?;
    let body = read_body(body, MAX_ENROL_BYTES).await?;
    // The parser's own words could repeat the secret.
    let asked: EnrolRequest = serde_json::from_slice(&body)
        .map_err(|_| Refusal::Form("the request to enrol is malformed".to_owned()))?;
    if !asked.is_proven() {
        let form = "the proof does not show that the sender holds the key";
        return Err(Refusal::Form(form.to_owned()));
    }
    let answer = api
        .off_thread(move |parties| {
            let kiosk = redeem(parties, &asked, now)?;
            welcome(parties, &kiosk, now)
        })
        .await?;
    Ok(Json(answer))
}

fn redeem(
    parties: &Parties,
    asked: &EnrolRequest,
    now: attendance::UtcMs,
) -> Result<KioskFacts, Refusal> {
    let mut last = None;
    for _ in 0..ID_TRIES {
        let redemption = Redemption {
            secret: evidence::sha256(asked.secret.as_bytes()),
            public_key: asked.public_key,
            software: asked.software.chars().take(MAX_SOFTWARE_CHARS).collect(),
            suffix: random_text(&parties.random, SUFFIX_LETTERS),
            issuer: parties.issuer.clone(),
        };
        match parties.store.redeem_claim(&redemption, now) {
            Ok(Redeemed::Kiosk(kiosk)) => return Ok(*kiosk),
            Ok(Redeemed::Refused(fault)) => return Err(Refusal::Claim(fault)),
            Err(error @ StoreError::Moved { .. }) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or(Refusal::NotFound, Refusal::from))
}

fn welcome(
    parties: &Parties,
    kiosk: &KioskFacts,
    now: attendance::UtcMs,
) -> Result<Enrolled, Refusal> {
    let event = parties.store.event(&kiosk.event)?;
    let badge_key = parties
        .keys
        .open_badge_key(&event.id, &event.badge_key)
        .ok_or_else(|| Refusal::Unavailable("the event's badge key does not open".to_owned()))?;
    let (_, bundle) = bundles::current(parties, kiosk, now)?;
    Ok(Enrolled {
        kiosk: kiosk.kiosk.clone(),
        event: event.id,
        issuer: parties.issuer.clone(),
        issuer_key: parties.keys.signing.public_key(),
        badge_key: badge_key.as_bytes().to_vec(),
        origin: kiosk.origin.clone(),
        bundle,
    })
}
