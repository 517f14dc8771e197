//! The events, and the fleet of one: how each door's kiosk stands, worst first.

use std::collections::BTreeMap;

use askama::Template;
use attendance::UtcMs;
use attendance::words::{DoorId, KioskId};
use axum::extract::{Path, State};
use axum::response::Response;
use protocol::status::KioskStatus;

use super::fault::Fault;
use super::layout::{Fact, Frame, html};
use super::standing::{self, Known, STALE_MS, State as Standing, Trend};
use super::watch::Since;
use super::words::{self, Zone};
use super::{Pages, live};
use crate::access::Signed;
use crate::store::batches::AlarmFacts;
use crate::store::enrolment::{BundleFacts, KioskFacts};
use crate::store::events::{DoorFacts, EventFacts};

/// A log's watermark further behind than this is stale: a quiet door moves it every minute.
const WATERMARK_STALE_MS: i64 = 5 * 60_000;
/// Less free space than this is worth a word, in MiB.
const DISK_LOW_MIB: u64 = 512;

/// All that is known of one enrolled kiosk.
pub(super) struct Stand {
    pub(super) kiosk: KioskFacts,
    pub(super) state: Standing,
    why: String,
    since: Since,
    pub(super) status: Option<(UtcMs, KioskStatus)>,
    trend: Trend,
    pub(super) heard: Option<UtcMs>,
    last_scan: Option<UtcMs>,
    delivered: Option<UtcMs>,
    watermark: Option<UtcMs>,
    bundle: Option<BundleFacts>,
}

/// Every enrolled kiosk of an event, worst first.
pub(super) fn stands(pages: &Pages, event: &EventFacts, now: UtcMs) -> Result<Vec<Stand>, Fault> {
    let store = pages.store();
    let statuses = store.statuses(&event.id)?;
    let watermarks: BTreeMap<KioskId, Option<UtcMs>> =
        store.watermarks(&event.id)?.into_iter().collect();
    let mut scans: BTreeMap<KioskId, UtcMs> = BTreeMap::new();
    for seen in store.presence(&event.id)? {
        let newest = scans.entry(seen.kiosk).or_insert(seen.wall);
        *newest = (*newest).max(seen.wall);
    }
    let mut stands = Vec::new();
    for kiosk in store
        .kiosks(&event.id)?
        .into_iter()
        .filter(|k| k.retired.is_none())
    {
        let told = statuses.iter().find(|status| status.kiosk == kiosk.kiosk);
        // A status of another version says nothing here; that the kiosk was heard still counts.
        let status = told.and_then(|told| {
            Some((
                told.at,
                serde_json::from_str::<KioskStatus>(&told.body).ok()?,
            ))
        });
        let queue = status.as_ref().map(|(at, status)| (*at, status.backlog));
        let delivered = kiosk.receipt_s.map(seconds);
        let trend = pages.0.watch.queue(&kiosk.kiosk, queue, now);
        let known = Known {
            enrolled: kiosk.enrolled,
            reported: told.map(|told| told.at),
            status: status.as_ref().map(|(at, status)| (*at, status)),
            delivered,
            trend,
        };
        let heard = known.heard();
        let (state, why) = standing::state(&known, now);
        stands.push(Stand {
            state,
            why,
            since: pages.0.watch.state(&kiosk.kiosk, state, now),
            trend,
            heard,
            last_scan: scans.get(&kiosk.kiosk).copied(),
            delivered,
            watermark: watermarks.get(&kiosk.kiosk).copied().flatten(),
            bundle: store.bundle(&kiosk.kiosk)?,
            status,
            kiosk,
        });
    }
    stands.sort_by(|a, b| {
        (a.state, &a.kiosk.door, &a.kiosk.kiosk).cmp(&(b.state, &b.kiosk.door, &b.kiosk.kiosk))
    });
    Ok(stands)
}

fn seconds(since_1970: u64) -> UtcMs {
    UtcMs(
        i64::try_from(since_1970)
            .unwrap_or(i64::MAX / 1_000)
            .saturating_mul(1_000),
    )
}

/// A kiosk as its card shows it.
struct Card {
    id: String,
    door: String,
    kiosk: String,
    word: &'static str,
    tone: &'static str,
    is_stale: bool,
    since: String,
    why: String,
    step: &'static str,
    lead: Vec<Fact>,
    facts: Vec<Fact>,
    readers: Vec<ReaderLine>,
    alarms: Vec<AlarmLine>,
}

struct ReaderLine {
    name: String,
    kind: String,
    state: String,
    is_well: bool,
    scans: String,
    refused: String,
}

/// The kiosk's word for a log that it has sealed.
const LOG_SEALED: &str = "log_sealed";

struct AlarmLine {
    what: String,
    detail: String,
    last: String,
}

struct Tally {
    word: &'static str,
    tone: &'static str,
    count: usize,
}

struct LostDoor {
    title: String,
    id: String,
}

#[derive(Template)]
#[template(path = "fleet_live.html")]
struct FleetLive {
    at: String,
    tallies: Vec<Tally>,
    cards: Vec<Card>,
    empty_doors: Vec<LostDoor>,
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    live: String,
}

impl Stand {
    fn since(&self, zone: Zone, now: UtcMs) -> String {
        match (self.state, self.heard) {
            (Standing::Silent, Some(heard)) => format!("since {}", zone.near(heard, now)),
            (Standing::Silent, None) => format!("since {}", zone.near(self.kiosk.enrolled, now)),
            _ if self.since.is_exact => format!("since {}", zone.near(self.since.at, now)),
            _ => format!("since {} or earlier", zone.near(self.since.at, now)),
        }
    }

    fn lead(&self, zone: Zone, now: UtcMs) -> Vec<Fact> {
        let fact = |name, at: Option<UtcMs>, none: &str, by: &str| match at {
            Some(at) => Fact::of_now(
                name,
                words::ago(at, now),
                format!("{}{by}", zone.near(at, now)),
            ),
            None => Fact::of_now(name, none, ""),
        };
        vec![
            fact("Last heard", self.heard, "never", ""),
            fact("Last scan", self.last_scan, "none yet", " by its clock"),
            fact("Last change", self.delivered, "none yet", ""),
        ]
    }

    fn facts(&self, zone: Zone, now: UtcMs) -> Vec<Fact> {
        let mut facts = Vec::new();
        let unknown = |name| Fact::of_now(name, "not known", "it has not said");
        match &self.status {
            Some((at, status)) => {
                let told = |name, value: String, note: String| {
                    Fact::told(name, value, note, *at, now, STALE_MS)
                };
                facts.push(told(
                    "Waiting",
                    waiting(status),
                    queue_note(status, self.trend, now),
                ));
                facts.push(told(
                    "Clock",
                    words::spoken(&status.clock),
                    clock_note(status),
                ));
            }
            None => facts.extend([unknown("Waiting"), unknown("Clock")]),
        }
        facts.push(match self.watermark {
            Some(at) => {
                let note = "entries up to then are all here";
                Fact::told(
                    "All held until",
                    zone.near(at, now),
                    note,
                    at,
                    now,
                    WATERMARK_STALE_MS,
                )
            }
            None => Fact::of_now(
                "All held until",
                "not known",
                "no entry has a place in time yet",
            ),
        });
        facts.push(self.bundle_fact(zone, now));
        if let Some((at, status)) = &self.status {
            let told = |name, value: String, note: String| {
                Fact::told(name, value, note, *at, now, STALE_MS)
            };
            let note = if status.disk_free_mib < DISK_LOW_MIB {
                "little: free some"
            } else {
                ""
            };
            facts.push(told(
                "Disk free",
                mebibytes(status.disk_free_mib),
                note.into(),
            ));
            let up = i64::try_from(status.uptime_s).unwrap_or(i64::MAX / 1_000);
            facts.push(told(
                "Software",
                status.software.clone(),
                format!("running for {}", words::span(up * 1_000)),
            ));
        }
        facts
    }

    fn bundle_fact(&self, zone: Zone, now: UtcMs) -> Fact {
        let in_force = self
            .status
            .as_ref()
            .and_then(|(at, status)| Some((*at, status.bundle?)));
        let newest = match &self.bundle {
            Some(bundle) if bundle.expires <= now => {
                format!(
                    "newest is {}, which ran out {}",
                    bundle.sequence,
                    words::ago(bundle.expires, now)
                )
            }
            Some(bundle) => format!(
                "newest is {}, good until {}",
                bundle.sequence,
                zone.near(bundle.expires, now)
            ),
            None => "none was made yet".to_owned(),
        };
        match in_force {
            Some((at, sequence)) => {
                Fact::told("Bundle", sequence.to_string(), newest, at, now, STALE_MS)
            }
            None => Fact::of_now("Bundle", "none in force", newest),
        }
    }

    fn card(
        &self,
        doors: &BTreeMap<DoorId, String>,
        alarms: &[AlarmFacts],
        zone: Zone,
        now: UtcMs,
    ) -> Card {
        let status = self.status.as_ref().map(|(_, status)| status);
        let readers = status.map(|s| s.readers.as_slice()).unwrap_or_default();
        let own = alarms
            .iter()
            .filter(|a| a.cleared.is_none() && a.subject == self.kiosk.kiosk.as_str());
        let mut alarms: Vec<AlarmLine> = own
            .map(|alarm| AlarmLine {
                what: words::sentence(&alarm.code),
                detail: alarm.detail.clone(),
                last: words::ago(alarm.last, now),
            })
            .collect();
        for (at, code) in self
            .status
            .iter()
            .flat_map(|(at, s)| s.alarms.iter().map(move |code| (at, code)))
        {
            let (what, last) = (words::sentence(code), words::ago(*at, now));
            let detail = if code == LOG_SEALED {
                format!(
                    "another log exists under its key; it scans on in a fresh log. To enrol that: rollcall-issuer claim --event {} --door {}",
                    self.kiosk.event, self.kiosk.door
                )
            } else {
                "as the kiosk itself says".to_owned()
            };
            alarms.push(AlarmLine { what, detail, last });
        }
        Card {
            id: self.kiosk.kiosk.to_string(),
            door: doors
                .get(&self.kiosk.door)
                .cloned()
                .unwrap_or_else(|| self.kiosk.door.to_string()),
            kiosk: self.kiosk.kiosk.to_string(),
            word: self.state.word(),
            tone: self.state.tone(),
            is_stale: self.heard.is_none_or(|at| now.0 - at.0 > STALE_MS)
                && self.state != Standing::Silent,
            since: self.since(zone, now),
            why: self.why.clone(),
            step: self.state.next_step(),
            lead: self.lead(zone, now),
            facts: self.facts(zone, now),
            readers: readers
                .iter()
                .map(|reader| ReaderLine {
                    name: reader.reader.clone(),
                    kind: reader.kind.clone(),
                    state: words::spoken(&reader.state),
                    is_well: reader.state == "attached",
                    scans: words::number(reader.scans),
                    refused: words::number(reader.refused),
                })
                .collect(),
            alarms,
        }
    }
}

fn waiting(status: &KioskStatus) -> String {
    words::number(status.backlog)
}

fn queue_note(status: &KioskStatus, trend: Trend, now: UtcMs) -> String {
    if status.backlog == 0 {
        return "everything has arrived".to_owned();
    }
    let oldest = format!("oldest {}", words::span(standing::waiting_ms(status, now)));
    match trend {
        Trend::Unknown => oldest,
        Trend::Steady => format!("{oldest}; neither grows nor shrinks"),
        Trend::Growing(per_min) => {
            format!("{oldest}; grows by {} a minute", words::number(per_min))
        }
        Trend::Shrinking(left) => format!("{oldest}; empty in about {}", words::span(left)),
    }
}

fn clock_note(status: &KioskStatus) -> String {
    match (status.anchored, status.clock_offset_ms) {
        (true, Some(off)) => format!("{} ms off the issuer's", off.abs()),
        (true, None) => "set against the issuer".to_owned(),
        (false, _) => "not compared with the issuer yet".to_owned(),
    }
}

fn mebibytes(mib: u64) -> String {
    if mib < 10 * 1_024 {
        format!("{} MiB", words::number(mib))
    } else {
        format!("{} GiB", words::number(mib / 1_024))
    }
}

fn render(pages: &Pages, event: &EventFacts, now: UtcMs) -> Result<String, Fault> {
    let zone = Zone::named(&event.zone);
    let stands = stands(pages, event, now)?;
    let doors = pages.store().doors(&event.id)?;
    let alarms = pages.store().alarms(&event.id)?;
    let titles: BTreeMap<DoorId, String> = doors
        .iter()
        .map(|d| (d.door.id.clone(), d.door.title.clone()))
        .collect();
    let is_empty =
        |door: &&DoorFacts| !door.lost && stands.iter().all(|s| s.kiosk.door != door.door.id);
    let mut tallies: Vec<Tally> = Vec::new();
    for stand in &stands {
        match tallies.last_mut() {
            Some(last) if last.word == stand.state.word() => last.count += 1,
            _ => tallies.push(Tally {
                word: stand.state.word(),
                tone: stand.state.tone(),
                count: 1,
            }),
        }
    }
    let page = FleetLive {
        at: zone.full(now),
        tallies,
        cards: stands
            .iter()
            .map(|stand| stand.card(&titles, &alarms, zone, now))
            .collect(),
        empty_doors: doors
            .iter()
            .filter(is_empty)
            .map(|door| LostDoor {
                title: door.door.title.clone(),
                id: door.door.id.to_string(),
            })
            .collect(),
    };
    Ok(page.render()?)
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
) -> Result<Response, Fault> {
    let page = pages
        .ask(move |pages| {
            let (event, now) = (pages.event(&event)?, pages.now());
            let mut frame = Frame::event(pages, &signed, &event, "Kiosks", "fleet", now)?;
            frame.live = format!("/staff/{}/live", event.id);
            Ok(FleetPage {
                frame,
                live: render(pages, &event, now)?,
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
    let event = pages.ask(move |pages| pages.event(&event)).await?;
    let streams = std::sync::Arc::clone(&pages.0.streams);
    Ok(live::stream(pages, &streams, signed, move |pages| {
        render(pages, &event, pages.now())
    }))
}

struct EventRow {
    id: String,
    title: String,
    zone: String,
    worst: &'static str,
    tone: &'static str,
    kiosks: String,
    open_alarms: usize,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    events: Vec<EventRow>,
}

pub(super) async fn events(State(pages): State<Pages>, signed: Signed) -> Result<Response, Fault> {
    let page = pages
        .ask(move |pages| {
            let now = pages.now();
            let mut events = Vec::new();
            for event in pages.store().events()? {
                let stands = stands(pages, &event, now)?;
                let alarms = pages.store().alarms(&event.id)?;
                let worst = stands.first().map(|stand| stand.state);
                events.push(EventRow {
                    id: event.id.to_string(),
                    zone: Zone::named(&event.zone).title(now),
                    worst: worst.map_or("No kiosk enrolled", Standing::word),
                    tone: worst.map_or("none", Standing::tone),
                    kiosks: words::count(stands.len(), "kiosk"),
                    open_alarms: alarms.iter().filter(|a| a.cleared.is_none()).count(),
                    title: event.title,
                });
            }
            Ok(EventsPage {
                frame: Frame::staff(pages, &signed, "Events"),
                events,
            })
        })
        .await?;
    html(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_told_with_its_age_and_its_way() {
        let now = UtcMs(10_000_000);
        let mut status = KioskStatus::default();
        assert_eq!(
            (
                waiting(&status).as_str(),
                queue_note(&status, Trend::Unknown, now).as_str()
            ),
            ("0", "everything has arrived")
        );
        status.backlog = 1_204;
        status.backlog_oldest = Some(now.plus_ms(-180_000));
        assert_eq!(waiting(&status), "1,204");
        for (trend, note) in [
            (Trend::Unknown, "oldest 3 min"),
            (Trend::Steady, "oldest 3 min; neither grows nor shrinks"),
            (Trend::Growing(4), "oldest 3 min; grows by 4 a minute"),
            (
                Trend::Shrinking(120_000),
                "oldest 3 min; empty in about 2 min",
            ),
        ] {
            assert_eq!(queue_note(&status, trend, now), note);
        }
        assert_eq!(mebibytes(900), "900 MiB");
        assert_eq!(mebibytes(24_576), "24 GiB");
    }
}
