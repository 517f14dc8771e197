//! Alarms, and entries whose meaning was put aside. Nothing of attendees.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Pages;
use super::fault::Fault;
use super::layout::{Frame, html};
use super::words::{self, Zone};
use crate::access::Signed;
use crate::store::batches::AlarmFacts;

/// The most rows of each list.
const MAX_ROWS: usize = 500;

struct AlarmRow {
    what: String,
    subject: String,
    detail: String,
    first: String,
    last: String,
    count: String,
    is_open: bool,
    cleared: String,
}

struct AsideRow {
    kiosk: String,
    index: String,
    what: String,
    detail: String,
    came: String,
}

#[derive(Template)]
#[template(path = "alarms.html")]
struct AlarmsPage {
    frame: Frame,
    alarms: Vec<AlarmRow>,
    aside: Vec<AsideRow>,
    cut: bool,
}

fn row(alarm: AlarmFacts, zone: Zone, now: attendance::UtcMs) -> AlarmRow {
    let time = |at| format!("{} ({})", words::ago(at, now), zone.near(at, now));
    AlarmRow {
        what: words::sentence(&alarm.code),
        subject: alarm.subject,
        detail: alarm.detail,
        first: time(alarm.first),
        last: time(alarm.last),
        count: words::number(alarm.count),
        is_open: alarm.cleared.is_none(),
        cleared: alarm.cleared.map(time).unwrap_or_default(),
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
            let mut alarms = pages.store().alarms(&event.id)?;
            let mut aside = pages.store().quarantined(&event.id)?;
            let cut = alarms.len() > MAX_ROWS || aside.len() > MAX_ROWS;
            alarms.truncate(MAX_ROWS);
            aside.sort_by_key(|entry| std::cmp::Reverse(entry.at));
            aside.truncate(MAX_ROWS);
            let aside = aside.into_iter().map(|entry| AsideRow {
                kiosk: entry.kiosk.to_string(),
                index: words::number(entry.index),
                what: words::sentence(&entry.code),
                detail: entry.detail,
                came: format!(
                    "{} ({})",
                    words::ago(entry.at, now),
                    zone.near(entry.at, now)
                ),
            });
            Ok(AlarmsPage {
                frame: Frame::event(pages, &signed, &event, "Alarms", "alarms", now)?,
                alarms: alarms
                    .into_iter()
                    .map(|alarm| row(alarm, zone, now))
                    .collect(),
                aside: aside.collect(),
                cut,
            })
        })
        .await?;
    html(&page)
}
