//! One stream of server-sent events a page: the page's living part whenever it changed, and a beat by which the page knows
//! that it is still heard. Streams are bounded; a page without one polls.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use evidence::{Hash, sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;

use super::{Fault, Pages};
use crate::access::{Signed, off_thread};

/// Beats come this often: a comment would not reach the page, a named event does.
pub(super) const BEAT: Duration = Duration::from_secs(15);
/// How often the living part is looked at.
const LOOK: Duration = Duration::from_secs(3);
/// Streams at a time.
pub(super) const MAX_STREAMS: usize = 200;

/// Streams what `render` gives until the browser leaves, the session ends or the pages close.
pub(super) fn stream(
    pages: Pages,
    streams: &Arc<Semaphore>,
    signed: Signed,
    render: impl Fn(&Pages) -> Result<String, Fault> + Send + Sync + 'static,
) -> Response {
    let Ok(permit) = Arc::clone(streams).try_acquire_owned() else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many pages are open; this one asks now and then instead",
        )
            .into_response();
    };
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(2);
    let render = Arc::new(render);
    tokio::spawn(async move {
        let _permit = permit;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shown: Option<Hash> = None;
        let mut beaten: Option<Instant> = None;
        loop {
            look.tick().await;
            if sender.is_closed() {
                return;
            }
            // A page whose session has ended must not go on showing.
            match pages.access().still_holds(&signed).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(cause) => {
                    tracing::warn!(%cause, "a live page could not be looked at");
                    continue;
                }
            }
            let (own, render) = (pages.clone(), Arc::clone(&render));
            // A failed look sends nothing, not even a beat: the page then says itself that it is not updating.
            let Ok(html) = off_thread(move || render(&own)).await else {
                continue;
            };
            let hash = sha256(html.as_bytes());
            if shown != Some(hash) {
                shown = Some(hash);
                // A carriage return would end the field.
                let event = Event::default().event("page").data(html.replace('\r', " "));
                if sender.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            if beaten.is_none_or(|at| at.elapsed() >= BEAT) {
                beaten = Some(Instant::now());
                if sender
                    .send(Ok(Event::default().event("beat").data("ok")))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    });
    let headers = [("cache-control", "no-store"), ("x-accel-buffering", "no")];
    (headers, Sse::new(ReceiverStream::new(receiver))).into_response()
}
