//! Webhooks whose senders show that they are theirs: as the Standard Webhooks specification has it, as Zoom and as BigBlueButton do.
//!
//! Contract: who sends is checked before a body is read as anything, in the way of the source's kind and under its secret, compared in
//! constant time. What a request shows says which check is made, so an unknown source, one of another kind, a revoked one and a wrong
//! secret get one answer after the same work. A message that is too old for its platform is refused; within that time, and where a
//! platform knows no such time, it may come again and adds nothing: an event of the specification is remembered by its id, observations
//! of the platforms are known by what these call them. What is durable is acknowledged; so is what says nothing of attendance, and counted.
//!
//! | kind | shown | old after |
//! |---|---|---|
//! | `webhook` | [`signature`] | [`signature::WINDOW_S`] |
//! | `zoom` | `x-zm-signature`, `x-zm-request-timestamp` | [`zoom::SIGNATURE_WINDOW_S`] |
//! | `bigbluebutton` | `checksum` in the address, over address, body and secret; or `Authorization: Bearer` with the secret | never |

use attendance::UtcMs;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use zeroize::Zeroizing;

use super::signals::{RefusedSignal, SignalsTaken, taken};
use super::signature::{self, Signed};
use super::{BODY_BYTES_MAX, Push, PushProblem, Refused, address, read};
use crate::feeds::run::Polls;
use crate::imports::observed;
use crate::sources::platforms::bigbluebutton::{self, Proves};
use crate::sources::platforms::{AttendanceFormat, Reading, zoom};
use crate::sources::pushed::RowFault;
use crate::sources::sent::SignalsBody;
use crate::store::sources::SourceFacts;

/// How long events of webhooks are remembered, in milliseconds: twice the window on either side of our clock.
const REMEMBERED_MS: i64 = 4 * signature::WINDOW_S * 1_000;
/// The longest secret of a platform, in bytes.
pub const MAX_SECRET_BYTES: usize = 256;
/// An alarm that a message raises where some of it was refused: no sender reads our answer.
const REFUSED: &str = "rows_refused";
/// The query by which BigBlueButton hands its checksum over.
const CHECKSUM: &str = "checksum=";

/// The kinds of sources whose webhooks are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Signals in our own form, signed as the Standard Webhooks specification has it.
    Standard,
    /// Zoom's messages.
    Zoom,
    /// BigBlueButton's messages.
    BigBlueButton,
}

impl HookKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Zoom, Self::BigBlueButton];

    /// Its name, in the database, in commands and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "webhook",
            Self::Zoom => zoom::SYSTEM,
            Self::BigBlueButton => bigbluebutton::SYSTEM,
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a request shows of its sender.
enum Shown<'a> {
    Standard(Signed<'a>),
    Zoom {
        timestamp: &'a str,
        signature: &'a str,
    },
    Checksum(&'a str),
    Bearer(&'a str),
}

impl<'a> Shown<'a> {
    fn of(headers: &'a HeaderMap, uri: &'a Uri) -> Self {
        let bearer = text(headers, header::AUTHORIZATION.as_str()).strip_prefix("Bearer ");
        let checksum = uri.query().and_then(|query| {
            query
                .split('&')
                .find_map(|part| part.strip_prefix(CHECKSUM))
        });
        let is_zoom = ["x-zm-signature", "x-zm-request-timestamp"]
            .iter()
            .any(|name| headers.contains_key(*name));
        match (is_zoom, bearer, checksum) {
            (true, _, _) => Self::Zoom {
                timestamp: text(headers, "x-zm-request-timestamp"),
                signature: text(headers, "x-zm-signature"),
            },
            (false, Some(token), _) => Self::Bearer(token),
            (false, None, Some(checksum)) => Self::Checksum(checksum),
            (false, None, None) => Self::Standard(Signed {
                id: text(headers, "webhook-id"),
                timestamp: text(headers, "webhook-timestamp"),
                signature: text(headers, "webhook-signature"),
            }),
        }
    }

    fn kind(&self) -> HookKind {
        match self {
            Self::Standard(_) => HookKind::Standard,
            Self::Zoom { .. } => HookKind::Zoom,
            Self::Checksum(_) | Self::Bearer(_) => HookKind::BigBlueButton,
        }
    }

    /// The refusal of what was made under another secret.
    fn wrong(&self) -> Refused {
        Refused::Signature(match self {
            Self::Standard(_) => signature::SignatureFault::Wrong.to_string(),
            Self::Zoom { .. } => zoom::SignatureFault::Wrong.to_string(),
            Self::Checksum(_) | Self::Bearer(_) => CHECKSUM_WRONG.to_owned(),
        })
    }

    /// Whether it is shown under a secret. `address` is where BigBlueButton was told to send to.
    fn check(&self, secret: &[u8], address: &str, body: &[u8], now: UtcMs) -> Result<(), Refused> {
        let refused = |why: &dyn ToString| Refused::Signature(why.to_string());
        // A secret that is no text is nobody's there.
        let secret_text = std::str::from_utf8(secret).unwrap_or_default();
        match self {
            Self::Standard(signed) => {
                signature::check(secret, *signed, body, now).map_err(|fault| refused(&fault))
            }
            Self::Zoom {
                timestamp,
                signature,
            } => zoom::check_signature(secret, timestamp, signature, body, now)
                .map_err(|fault| refused(&fault)),
            Self::Checksum(sum) => {
                match bigbluebutton::check_sum(secret_text, address, body, sum) {
                    Some(Proves::Body) => Ok(()),
                    Some(Proves::Address) => Err(refused(&ADDRESS_ALONE)),
                    None => Err(self.wrong()),
                }
            }
            Self::Bearer(token) if bigbluebutton::is_bearer(secret_text, token) => Ok(()),
            Self::Bearer(_) => Err(self.wrong()),
        }
    }
}

const ADDRESS_ALONE: &str = "the checksum covers the address alone, so anybody who saw it could send anything: update bbb-webhooks, or set its \
                             `auth2_0` so that it shows the secret in a header";
const CHECKSUM_WRONG: &str = "neither checksum nor token holds: check the shared secret, and that the hook was registered under the \
                              address that `source add` printed";

/// Send signals in a signed webhook
///
/// For a source of the kind `webhook`: the body of `/v1/signals`, signed as the Standard Webhooks specification has it, with `webhook-id`,
/// `webhook-timestamp` (within 5 minutes) and `webhook-signature`, HMAC-SHA-256 under the secret that `rollcall-issuer source add --kind
/// webhook` printed. An event is taken once. For the kind `zoom`: Zoom's messages as it sends them, with `x-zm-signature` and
/// `x-zm-request-timestamp` (within 5 minutes); `endpoint.url_validation` is answered with `plainToken` and `encryptedToken`. For the kind
/// `bigbluebutton`: its forms, with `checksum` in the address or the shared secret in `Authorization: Bearer`. Messages that say nothing of
/// attendance are acknowledged and counted as `ignored`.
#[utoipa::path(
    post,
    path = "/v1/hooks/{source}",
    tag = "push",
    params(
        ("source" = String, Path, description = "The source's id", example = "hopin"),
        ("webhook-id" = Option<String>, Header, description = "The event's id, the same at every try", example = "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp" = Option<u64>, Header, description = "When this try was made, in seconds since 1970", example = 1614265330),
        ("webhook-signature" = Option<String>, Header, description = "`v1,` and the signature in base64; several are parted by spaces",
            example = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("x-zm-request-timestamp" = Option<u64>, Header, description = "Of Zoom: when it was sent, in seconds since 1970", example = 1805014931),
        ("x-zm-signature" = Option<String>, Header, description = "Of Zoom: `v0=` and the signature in hex",
            example = "v0=50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"),
        ("checksum" = Option<String>, Query, description = "Of BigBlueButton: the hash over address, body and shared secret, in hex"),
    ),
    request_body(content(
        (SignalsBody = "application/json"),
        (String = "application/x-www-form-urlencoded"),
    )),
    responses(
        (status = 200, description = "What came of them; some may be refused", body = SignalsTaken),
        (status = 400, description = "The body is malformed; nothing was taken", body = PushProblem, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing or wrong, out of its time, or of no source", body = PushProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 2 MiB", body = PushProblem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests: wait as long as `Retry-After` says", body = PushProblem, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 503, description = "The issuer cannot store now: send it again later", body = PushProblem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn hook(
    State(push): State<Push>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let now = push.now();
    let stranger = address(&parts).to_string();
    // Nobody is known before what they show holds, and that takes the whole body.
    push.0
        .hooks
        .take(&stranger, now)
        .map_err(Refused::TooMany)?;
    let body = read(body, BODY_BYTES_MAX).await?;
    push.off_thread(move |inner| {
        let parties = &inner.parties;
        let shown = Shown::of(&parts.headers, &parts.uri);
        let address = registered(&inner.public_url, &parts.uri);
        let (source, secret) = sender(parties, &id, &shown, &address, &body, now)?;
        inner
            .sources
            .take(&source.id, now)
            .map_err(Refused::TooMany)?;
        let taken = match &shown {
            Shown::Standard(signed) => once(parties, &source, signed.id, &body, now)?,
            Shown::Zoom { .. } => {
                if let Some(answer) = zoom::url_validation(&secret, &body) {
                    parties.store.heard_source(&source.id, 0, now)?;
                    return Ok(Json(answer).into_response());
                }
                of_platform(parties, &source, AttendanceFormat::Zoom, &body, now)?
            }
            Shown::Checksum(_) | Shown::Bearer(_) => of_platform(
                parties,
                &source,
                AttendanceFormat::BigBlueButton,
                &body,
                now,
            )?,
        };
        Ok(Json(taken).into_response())
    })
    .await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The address as its owner registered it: what was asked for, without the checksum that BigBlueButton adds at its end.
fn registered(public_url: &str, uri: &Uri) -> String {
    let asked = uri
        .path_and_query()
        .map_or(uri.path(), |whole| whole.as_str());
    let end = asked
        .rfind(CHECKSUM)
        .filter(|at| asked[..*at].ends_with(['?', '&']))
        .map_or(asked.len(), |at| at - 1);
    format!("{public_url}{}", &asked[..end])
}

/// The source that sent a message, and its secret. One that is unknown is refused as one whose signature is wrong.
fn sender(
    parties: &Polls,
    id: &str,
    shown: &Shown<'_>,
    address: &str,
    body: &[u8],
    now: UtcMs,
) -> Result<(SourceFacts, Zeroizing<Vec<u8>>), Refused> {
    let kind = shown.kind();
    let held = parties.store.source(id)?;
    let held = held.filter(|held| held.kind == kind.as_str() && held.revoked.is_none());
    let sealed = held.as_ref().and_then(|held| held.secret.as_deref());
    let secret = sealed
        .map(|sealed| {
            let opened = parties.keys.open_source_secret(id, sealed);
            opened.ok_or_else(|| Refused::Unavailable(format!("the secret of {id} does not open")))
        })
        .transpose()?;
    // Whoever is unknown is checked as well, under a secret of nobody, so that time tells nothing.
    let key = secret.as_ref().map_or(&[][..], |secret| secret.as_slice());
    shown.check(key, address, body, now)?;
    held.zip(secret).ok_or_else(|| shown.wrong())
}

/// Takes an event of the specification once, by its id.
fn once(
    parties: &Polls,
    source: &SourceFacts,
    id: &str,
    body: &[u8],
    now: UtcMs,
) -> Result<SignalsTaken, Refused> {
    let event = evidence::sha256(id.as_bytes());
    if parties.store.knows_source_event(&source.id, event)? {
        return Ok(SignalsTaken {
            repeated: true,
            ..SignalsTaken::default()
        });
    }
    let taken = taken(parties, source, body, now)?;
    // What it says is durable here; until here the same event may come again and changes nothing.
    let forget = now.plus_ms(-REMEMBERED_MS);
    parties
        .store
        .take_source_event(&source.id, event, now, forget)?;
    Ok(taken)
}

/// Takes what a platform's message says.
fn of_platform(
    parties: &Polls,
    source: &SourceFacts,
    format: AttendanceFormat,
    body: &[u8],
    now: UtcMs,
) -> Result<SignalsTaken, Refused> {
    let report = format
        .read(body, &Reading::plain(now))
        .map_err(|error| Refused::Form(error.to_string()))?;
    let batch = &report.import.batch;
    let file = evidence::sha256(body);
    let taken = observed::take(parties.desk(now), &source.event, batch, file, None, false)?;
    if let Some(first) = taken.refused.first() {
        let count = taken.refused_total;
        let detail = format!("{count} rows of a message were refused; the first: {first}");
        parties
            .store
            .raise_alarm(&source.event, &source.id, REFUSED, &detail, now)?;
    }
    let ignored = report.left_out.iter().map(|left_out| left_out.count).sum();
    parties.store.heard_source(&source.id, ignored, now)?;
    let refused = taken.refused.into_iter().map(|problem| RefusedSignal {
        id: String::new(),
        fault: RowFault {
            field: problem.column,
            reason: problem.message,
        },
    });
    let answer = SignalsTaken {
        taken: taken.added,
        unchanged: taken.known,
        refused: taken.refused_total,
        unmatched: taken.unmatched,
        unknown_places: taken.unplaced.into_keys().collect(),
        ignored,
        rows: refused.collect(),
        repeated: false,
    };
    tracing::info!(
        source = source.id,
        taken = answer.taken,
        unchanged = answer.unchanged,
        refused = answer.refused,
        unmatched = answer.unmatched,
        ignored = answer.ignored,
        "a platform sent a message"
    );
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_address_is_the_one_that_was_registered() {
        let check = |asked: &str, expected: &str| {
            let uri: Uri = asked.parse().unwrap();
            assert_eq!(registered("https://ce.example.org", &uri), expected);
        };
        let address = "https://ce.example.org/v1/hooks/bbb";
        check("/v1/hooks/bbb", address);
        check("/v1/hooks/bbb?checksum=ab12", address);
        check("/v1/hooks/bbb?a=1&checksum=ab12", &format!("{address}?a=1"));
        check(
            "/v1/hooks/bbb?nochecksum=1",
            &format!("{address}?nochecksum=1"),
        );
    }
}
