//! The calls of an enrolled kiosk: entries, bundle, presence, status.

use std::collections::BTreeMap;
use std::io::Read as _;

use attendance::UtcMs;
use attendance::words::{AttendeeId, Direction};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::batch::{Accepted, MAX_BATCH_BYTES};
use protocol::presence::{MAX_ROWS, Presence, PresenceRow};
use protocol::status::{KioskStatus, MAX_LIST};

use super::{Api, Parties, Refusal, Signed, read_body};
use crate::bundles;
use crate::intake;

/// The most bytes of a status.
const MAX_STATUS_BYTES: usize = 64 * 1_024;
/// The largest window of a zstd frame that is taken, as a power of two: 8 MiB of memory.
const MAX_ZSTD_WINDOW: u32 = 23;

pub(super) async fn entries(
    State(api): State<Api>,
    Path(kiosk): Path<String>,
    request: Request,
) -> Result<Json<Accepted>, Refusal> {
    let (parts, body) = request.into_parts();
    let encoding = match parts
        .headers
        .get(header::CONTENT_ENCODING)
        .map(HeaderValue::as_bytes)
    {
        None | Some(b"identity") => Encoding::Plain,
        Some(b"zstd") => Encoding::Zstd,
        Some(_) => {
            let form = "the content-encoding is not known here: send zstd, or none";
            return Err(Refusal::Form(form.to_owned()));
        }
    };
    let body = read_body(body, MAX_BATCH_BYTES).await?;
    let signed = Signed::new(kiosk, &parts, body);
    let now = api.now();
    let accepted = api
        .off_thread(move |parties| {
            let kiosk = signed.verify(parties, now)?;
            let plain = match encoding {
                Encoding::Plain => signed.body,
                Encoding::Zstd => decompress(&signed.body)?,
            };
            intake::accept(parties, &kiosk, &plain, now)
        })
        .await?;
    Ok(Json(accepted))
}

#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Zstd,
}

/// Decompresses a body and stops where it becomes larger than a batch may be.
fn decompress(body: &[u8]) -> Result<Bytes, Refusal> {
    let form = |error: std::io::Error| Refusal::Form(format!("the body is not zstd: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(form)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW).map_err(form)?;
    read_bounded(decoder, MAX_BATCH_BYTES).map_err(form)?
}

/// All that a reader gives, if it is no more than the limit; of what is more, one byte is read.
fn read_bounded(
    reader: impl std::io::Read,
    limit: usize,
) -> std::io::Result<Result<Bytes, Refusal>> {
    let mut plain = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut plain)?;
    Ok(if plain.len() > limit {
        Err(Refusal::TooLarge(limit))
    } else {
        Ok(plain.into())
    })
}

pub(super) async fn bundle(
    State(api): State<Api>,
    Path(kiosk): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, 0).await?;
    let held = super::header(&parts.headers, header::IF_NONE_MATCH.as_str()).map(str::to_owned);
    let signed = Signed::new(kiosk, &parts, body);
    let now = api.now();
    api.off_thread(move |parties| {
        let kiosk = signed.verify(parties, now)?;
        if kiosk.retired.is_some() {
            return Err(Refusal::Retired);
        }
        let facts = bundles::refresh(parties, &kiosk, now)?;
        let etag = format!("\"{}\"", facts.sequence);
        let response = if held.as_deref() == Some(etag.as_str()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let (_, bytes) = bundles::current(parties, &kiosk, now)?;
            let octets = HeaderValue::from_static("application/octet-stream");
            ([(header::CONTENT_TYPE, octets)], bytes).into_response()
        };
        Ok(([(header::ETAG, etag)], response).into_response())
    })
    .await
}

pub(super) async fn presence(
    State(api): State<Api>,
    Path(kiosk): Path<String>,
    request: Request,
) -> Result<Json<Presence>, Refusal> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, 0).await?;
    let signed = Signed::new(kiosk, &parts, body);
    let now = api.now();
    let presence = api
        .off_thread(move |parties| {
            let kiosk = signed.verify(parties, now)?;
            if kiosk.retired.is_some() {
                return Err(Refusal::Retired);
            }
            inside(parties, &kiosk.event, now)
        })
        .await?;
    Ok(Json(presence))
}

/// The attendees whose last scan, of whichever of their badges, went in.
fn inside(
    parties: &Parties,
    event: &attendance::words::EventId,
    now: UtcMs,
) -> Result<Presence, Refusal> {
    let mut last: BTreeMap<AttendeeId, (Direction, PresenceRow)> = BTreeMap::new();
    for facts in parties.store.presence(event)? {
        let (Some(attendee), Some(room)) = (facts.attendee, facts.room) else {
            continue;
        };
        let row = PresenceRow {
            attendee: attendee.clone(),
            room,
            since: facts.wall,
        };
        match last.get(&attendee) {
            Some((_, newer)) if newer.since > row.since => {}
            _ => {
                last.insert(attendee, (facts.direction, row));
            }
        }
    }
    let rows = last
        .into_values()
        .filter(|(direction, _)| *direction == Direction::In)
        .map(|(_, row)| row)
        .take(MAX_ROWS)
        .collect();
    Ok(Presence { at: now, rows })
}

pub(super) async fn status(
    State(api): State<Api>,
    Path(kiosk): Path<String>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, MAX_STATUS_BYTES).await?;
    let signed = Signed::new(kiosk, &parts, body);
    let now = api.now();
    api.off_thread(move |parties| {
        let kiosk = signed.verify(parties, now)?;
        let malformed =
            |why: &dyn std::fmt::Display| Refusal::Form(format!("the status is malformed: {why}"));
        let status: KioskStatus =
            serde_json::from_slice(&signed.body).map_err(|error| malformed(&error))?;
        if status.readers.len() > MAX_LIST || status.alarms.len() > MAX_LIST {
            return Err(malformed(&format!("it lists more than {MAX_LIST}")));
        }
        let text = std::str::from_utf8(&signed.body).map_err(|error| malformed(&error))?;
        Ok(parties.store.put_status(&kiosk.kiosk, text, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// Gives zeros for as long as nobody has read more than its limit and one byte.
    struct Endless(usize);

    impl std::io::Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let given = out.len().min(self.0);
            assert!(given > 0, "more was read than the limit and one byte");
            self.0 -= given;
            out[..given].fill(0);
            Ok(given)
        }
    }

    #[test]
    fn no_more_is_read_than_is_taken() {
        let limit = 100_000;
        let read = |bytes: &[u8]| read_bounded(bytes, limit).unwrap();
        assert_eq!(read(&vec![1; limit]).unwrap().len(), limit);
        assert!(matches!(
            read(&vec![1; limit + 1]),
            Err(Refusal::TooLarge(_))
        ));
        let endless = read_bounded(Endless(limit + 1), limit).unwrap();
        assert!(matches!(endless, Err(Refusal::TooLarge(_))));
    }
}
