//! The time code on an organiser's phone, for doors without a network.
//!
//! Promises: every look makes a fresh code, and the page takes the last one away before it is as old as staff vouch for.
//! Without JavaScript the page reloads itself. Whoever has a code sets a door's clock for a minute, so only organisers see one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use askama::Template;
use attendance::time::CODE_AGE_MS;
use axum::extract::{Path, State};
use axum::response::Response;
use protocol::time_code;

use super::fault::Fault;
use super::layout::{Frame, html};
use super::words::Zone;
use super::{Pages, live};
use crate::access::Signed;
use crate::qr::{Drawn, drawn};
use crate::store::events::EventFacts;

/// How long a page that hears nothing shows its last code, in milliseconds.
const SHOWN_MS: u32 = 20_000;
/// How often a page without JavaScript loads itself anew, in seconds.
const RELOAD_S: u32 = 5;

const _: () = assert!(
    SHOWN_MS * 2 <= CODE_AGE_MS,
    "a code that is still shown is fresh enough to be scanned at leisure"
);

#[derive(Template)]
#[template(path = "time_code_live.html")]
struct CodeLive {
    code: String,
    /// Modules across, with the light ones around.
    across: usize,
    /// The dark modules, as the data of an SVG path.
    dark: String,
    time: String,
    day: String,
    error: String,
    shown_ms: u32,
}

#[derive(Template)]
#[template(path = "time_code.html")]
struct CodePage {
    frame: Frame,
    event: String,
    live: String,
    reload_s: u32,
    age_s: u32,
}

fn render(pages: &Pages, event: &EventFacts) -> Result<String, Fault> {
    let inner = &pages.0;
    let number = inner.time_codes.fetch_add(1, Ordering::Relaxed);
    let [_, a, b, c] = number.to_be_bytes();
    let now = pages.now();
    let code = time_code::make(now, inner.clock_error_ms, [a, b, c], &inner.keys.signing);
    let Drawn { across, dark } = drawn(&code)
        .map_err(|cause| Fault::Broken(format!("the time code fits no QR code: {cause}")))?;
    let zone = Zone::named(&event.zone);
    let live = CodeLive {
        across,
        dark,
        time: zone.seconds(now),
        day: zone.day_text(now),
        error: format!("{} ms", inner.clock_error_ms),
        shown_ms: SHOWN_MS,
        code,
    };
    Ok(live.render()?)
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
) -> Result<Response, Fault> {
    if !signed.may_show_time() {
        return Err(Fault::Forbidden);
    }
    let page = pages
        .ask(move |pages| {
            let event = pages.event(&event)?;
            // Without the event's navigation: on a phone the code has to be the first thing, and whole.
            let mut frame = Frame::staff(pages, &signed, "Time code");
            frame.live = format!("/staff/{}/time/live", event.id);
            Ok(CodePage {
                frame,
                event: event.id.to_string(),
                live: render(pages, &event)?,
                reload_s: RELOAD_S,
                age_s: CODE_AGE_MS / 1_000,
            })
        })
        .await?;
    html(&page)
}

pub(super) async fn live(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
) -> Result<Response, Fault> {
    if !signed.may_show_time() {
        return Err(Fault::Forbidden);
    }
    let event = pages.ask(move |pages| pages.event(&event)).await?;
    let streams = Arc::clone(&pages.0.streams);
    Ok(live::stream(pages, &streams, signed, move |pages| {
        render(pages, &event)
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_is_a_small_square_that_a_phone_shows_large() {
        let key = evidence::SigningKey::from_seed(&[1; 32]);
        let code = time_code::make(attendance::UtcMs(0), 250, [0; 3], &key);
        let Drawn { across, dark } = drawn(&code).unwrap();
        // Version 6 with four light modules around: alphanumeric mode took it. Bytes would need version 8.
        assert_eq!(across, 41 + 2 * 4);
        assert!(dark.starts_with("M4 4h7v1h-7z"), "{dark:.40}");
    }
}
