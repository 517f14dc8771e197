//! Signals that other systems send, with a token, and what came of them.

use attendance::UtcMs;
use axum::Json;
use axum::extract::{Request, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BODY_BYTES_MAX, Push, PushProblem, Refused, address, read};
use crate::feeds::run::Polls;
use crate::imports::observed::take;
use crate::sources::observed::ObservedBatch;
use crate::sources::pushed::RowFault;
use crate::sources::sent::{self, SignalsBody};
use crate::store::sources::SourceFacts;

/// The kind of sources that send signals with a token.
pub const SIGNALS: &str = "signals";

/// What came of signals.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct SignalsTaken {
    /// How many are new.
    pub taken: usize,
    /// How many were held already.
    pub unchanged: usize,
    /// How many were refused.
    pub refused: usize,
    /// How many of the new ones are nobody's yet: a reviewer says whose.
    pub unmatched: usize,
    /// Places that the agenda does not know: signals there are kept, and count nowhere until it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_places: Vec<String>,
    /// Of a platform's message: how much of it says nothing of attendance.
    pub ignored: usize,
    /// The rows that were refused, each with its reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RefusedSignal>,
    /// Of a signed webhook: this event was taken before, so nothing was done.
    pub repeated: bool,
}

/// One row that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedSignal {
    /// The sender's id; empty where it has none that reads.
    pub id: String,
    /// Why.
    pub fault: RowFault,
}

/// Send signals
///
/// Observations of people at places of the agenda. Each is known by the sender's id, so a request can be sent again at any time. Whoever it is
/// is told by an id, never by a name. At most 1,000 rows and 2 MiB a request, 60 requests at once and then one a second.
#[utoipa::path(
    post,
    path = "/v1/signals",
    tag = "push",
    request_body(content = SignalsBody, content_type = "application/json"),
    responses(
        (status = 200, description = "What came of them; some may be refused", body = SignalsTaken,
            example = json!({"taken": 1, "unchanged": 0, "refused": 1, "unmatched": 0, "ignored": 0, "repeated": false, "rows": [
                {"id": "join-83c2", "fault": {"field": "at", "reason": "is no time with an offset: write it as 2026-10-31T09:00:00+01:00 or with a Z; a zone is never guessed"}}]})),
        (status = 400, description = "The body is malformed; nothing was taken", body = PushProblem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is wrong or revoked", body = PushProblem, content_type = "application/problem+json"),
        (status = 403, description = "The token is for something else", body = PushProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 2 MiB", body = PushProblem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests: wait as long as `Retry-After` says", body = PushProblem, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 503, description = "The issuer cannot store now: send it again later", body = PushProblem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub(super) async fn signals(
    State(push): State<Push>,
    request: Request,
) -> Result<Json<SignalsTaken>, Refused> {
    let (parts, body) = request.into_parts();
    let source = push
        .source(&parts.headers, address(&parts), SIGNALS)
        .await?;
    let body = read(body, BODY_BYTES_MAX).await?;
    let now = push.now();
    let taken = push
        .off_thread(move |inner| taken(&inner.parties, &source, &body, now))
        .await?;
    Ok(Json(taken))
}

pub(super) fn taken(
    parties: &Polls,
    source: &SourceFacts,
    body: &[u8],
    now: UtcMs,
) -> Result<SignalsTaken, Refused> {
    let (kind, rows) = sent::read(body, &source.id, now).map_err(Refused::Form)?;
    let mut answer = SignalsTaken::default();
    let mut ids = Vec::new();
    let mut batch = ObservedBatch {
        source: kind,
        system: source.id.clone(),
        rows: Vec::new(),
        refused: Vec::new(),
        refused_total: 0,
    };
    for row in rows {
        match row.read {
            Ok(seen) => {
                ids.push((seen.row.path.clone(), row.id));
                batch.rows.push(seen);
            }
            Err(fault) => answer.rows.push(RefusedSignal { id: row.id, fault }),
        }
    }
    answer.refused = answer.rows.len();
    if !batch.rows.is_empty() {
        let file = evidence::sha256(body);
        let taken = take(parties.desk(now), &source.event, &batch, file, None, false)?;
        answer.taken = taken.added;
        answer.unchanged = taken.known;
        answer.unmatched = taken.unmatched;
        answer.unknown_places = taken.unplaced.into_keys().collect();
        answer.refused += taken.refused_total;
        answer.rows.extend(taken.refused.into_iter().map(|problem| {
            let id = ids.iter().find(|(path, _)| *path == problem.column);
            RefusedSignal {
                id: id.map_or_else(String::new, |(_, id)| id.clone()),
                fault: RowFault {
                    field: String::new(),
                    reason: problem.message,
                },
            }
        }));
    }
    parties.store.heard_source(&source.id, 0, now)?;
    let (taken, unchanged, refused) = (answer.taken, answer.unchanged, answer.refused);
    tracing::info!(
        source = source.id,
        taken,
        unchanged,
        refused,
        unmatched = answer.unmatched,
        "signals were sent"
    );
    Ok(answer)
}
