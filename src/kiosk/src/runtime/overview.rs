//! How the kiosk stands, for its pages and for the issuer.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::time::Sync;
use attendance::words::{Direction, ReaderId};
use protocol::entry::ReaderState;
use protocol::status::{KioskStatus, MAX_LIST, ReaderStatus};

use super::SOFTWARE;
use super::keeper::{Keeper, Recorder, State, clock_word};
use crate::config::{DeviceConfig, ReaderConfig};
use crate::kernel;
use crate::readers::Refusal;
use crate::screen::view::{
    self, Alarm, Backlog, ClockStatus, Dated, DiskStatus, Enrolment, ReceiptStatus, Standing,
    Status, Versions,
};

/// What is known of one reader.
#[derive(Clone, Debug)]
pub(super) struct ReaderFacts {
    pub(super) direction: Option<Direction>,
    kind: &'static str,
    state: ReaderState,
    since: UtcMs,
    pub(super) last_event: Option<UtcMs>,
    pub(super) scans: u64,
    refused: u64,
    /// Refused reads since the last entry of this reader.
    pub(super) refused_since: u64,
    rejected: BTreeMap<String, u64>,
}

impl ReaderFacts {
    pub(super) fn of_config(readers: &[ReaderConfig], now: UtcMs) -> BTreeMap<ReaderId, Self> {
        let facts = |reader: &ReaderConfig| Self {
            direction: reader.direction,
            kind: match reader.device {
                DeviceConfig::Serial(_) => "serial",
                DeviceConfig::Hid(_) => "hid",
                DeviceConfig::Lines(_) => "lines",
            },
            state: ReaderState::Lost,
            since: now,
            last_event: None,
            scans: 0,
            refused: 0,
            refused_since: 0,
            rejected: BTreeMap::new(),
        };
        readers
            .iter()
            .map(|reader| (reader.name.clone(), facts(reader)))
            .collect()
    }

    pub(super) fn reject(&mut self, code: Refusal, count: u32, now: UtcMs) {
        let count = u64::from(count);
        self.refused = self.refused.saturating_add(count);
        self.refused_since = self.refused_since.saturating_add(count);
        let of_code = self.rejected.entry(code.code().to_owned()).or_default();
        *of_code = of_code.saturating_add(count);
        self.last_event = Some(now);
    }

    pub(super) fn turn(&mut self, state: ReaderState, now: UtcMs) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}

fn state_word(state: ReaderState) -> &'static str {
    match state {
        ReaderState::Attached => "attached",
        ReaderState::Lost => "lost",
        ReaderState::Stalled => "stalled",
        ReaderState::Flooding => "flooding",
    }
}

/// Before anything is known.
pub(super) fn unknown() -> Status {
    let at = kernel::wall_now();
    let dated = at.0;
    Status {
        as_of_ms: dated,
        standing: Standing {
            state: view::State::NotRecording,
            since_ms: dated,
        },
        enrolment: None,
        readers: Vec::new(),
        backlog: Dated {
            as_of_ms: dated,
            value: Backlog {
                entries: 0,
                oldest_age_ms: None,
                trend_5min: 0,
                drain_s: None,
            },
        },
        last_receipt: None,
        last_sync: None,
        last_heard_ms: None,
        last_scan_ms: None,
        clock: Dated {
            as_of_ms: dated,
            value: ClockStatus {
                sync: Sync::Unset,
                error_ms: None,
                anchored: false,
                offset_ms: None,
            },
        },
        disk: Dated {
            as_of_ms: dated,
            value: DiskStatus {
                free_bytes: 0,
                journal_bytes: 0,
            },
        },
        versions: Dated {
            as_of_ms: dated,
            value: Versions {
                software: SOFTWARE.to_owned(),
                bundle_sequence: None,
                bundle_issued_ms: None,
                bundle_expires_ms: None,
            },
        },
        scans: Vec::new(),
        alarms: Vec::new(),
    }
}

impl Keeper {
    /// Puts the status page together anew.
    pub(super) fn publish_status(&mut self) {
        let stamp = (self.place.clock)();
        let now_ms = stamp.wall.0;
        let recorder = match &self.state {
            State::Recording(recorder) => Some(recorder.as_ref()),
            State::NotSetUp(_) | State::Down { .. } => None,
        };
        let backlog = recorder.map_or_else(|| unknown().backlog.value, |r| backlog(r, stamp.wall));
        let last_receipt = recorder.and_then(|recorder| {
            let at_s = i64::try_from(recorder.journal.receipted_at_s()?).ok()?;
            Some(ReceiptStatus {
                size: recorder.journal.receipted(),
                at_ms: at_s.saturating_mul(1_000),
            })
        });
        let last_heard_ms = last_receipt.map(|receipt| receipt.at_ms);
        let recording = recorder.is_some();
        let state = view::State::worst(recording, stamp.sync, &backlog, last_heard_ms, now_ms);
        self.shown = self.shown.follow(state, now_ms);
        let enrolment = recorder.and_then(|recorder| {
            let enrolment = recorder.journal.enrolment()?;
            Some(Enrolment {
                event: recorder.in_force.event_title.clone(),
                door: recorder.in_force.door_title.clone(),
                kiosk_id: enrolment.kiosk.to_string(),
            })
        });
        let readers = self.readers.iter();
        let readers = readers.map(|(name, facts)| view::ReaderStatus {
            name: name.to_string(),
            kind: facts.kind.to_owned(),
            state: facts.state,
            since_ms: facts.since.0,
            last_event_ms: facts.last_event.map(|at| at.0),
            rejected: facts.rejected.clone(),
        });
        let status = Status {
            as_of_ms: now_ms,
            standing: self.shown,
            enrolment,
            readers: readers.collect(),
            backlog: Dated {
                as_of_ms: now_ms,
                value: backlog,
            },
            last_receipt,
            last_sync: None,
            last_heard_ms,
            last_scan_ms: self.last_scan.map(|at| at.0),
            clock: Dated {
                as_of_ms: now_ms,
                value: ClockStatus {
                    sync: stamp.sync,
                    error_ms: stamp.error_ms.map(u64::from),
                    anchored: recorder.is_some_and(|recorder| recorder.door.is_anchored()),
                    offset_ms: None,
                },
            },
            disk: Dated {
                as_of_ms: now_ms,
                value: DiskStatus {
                    free_bytes: kernel::free_bytes(self.place.folder.path()).unwrap_or(0),
                    journal_bytes: self.place.folder.journal_bytes(),
                },
            },
            versions: Dated {
                as_of_ms: now_ms,
                value: versions(recorder),
            },
            scans: self.recent.iter().cloned().collect(),
            alarms: self.alarms(now_ms),
        };
        self.outlets.status.send_replace(status);
        self.set_resting();
    }

    fn alarms(&self, now_ms: i64) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        let mut alarm = |code: &str, since_ms: i64, next_step: &str| {
            alarms.push(Alarm {
                code: code.to_owned(),
                since_ms,
                next_step: next_step.to_owned(),
            });
        };
        if let State::Down { code, .. } = &self.state {
            alarm(code, self.shown.since_ms, next_step(code));
        }
        if let State::Recording(recorder) = &self.state {
            if recorder.journal.damaged() > 0 {
                let step = "Export the journal (rollcall-kiosk export) and have the card replaced.";
                alarm("entries_damaged", now_ms, step);
            }
            if recorder.in_force.expires.is_some_and(|at| at.0 < now_ms) {
                let step = "Check the network: no newer bundle has come from the issuer.";
                alarm("bundle_expired", now_ms, step);
            }
        }
        for (name, facts) in &self.readers {
            if facts.state != ReaderState::Attached {
                let step = format!("Check the plug and power of reader {name}.");
                alarm(state_word(facts.state), facts.since.0, &step);
            }
        }
        alarms
    }

    /// What the kiosk says of itself to its issuer.
    pub(super) fn kiosk_status(&self) -> KioskStatus {
        let stamp = (self.place.clock)();
        let recorder = match &self.state {
            State::Recording(recorder) => Some(recorder.as_ref()),
            State::NotSetUp(_) | State::Down { .. } => None,
        };
        let readers = self.readers.iter().take(MAX_LIST);
        let readers = readers.map(|(name, facts)| ReaderStatus {
            reader: name.to_string(),
            kind: facts.kind.to_owned(),
            state: state_word(facts.state).to_owned(),
            scans: facts.scans,
            refused: facts.refused,
        });
        let alarms = self
            .alarms(stamp.wall.0)
            .into_iter()
            .map(|alarm| alarm.code);
        let up_ms = kernel::raw_now_ms().saturating_sub(self.started_raw_ms);
        KioskStatus {
            software: SOFTWARE.to_owned(),
            bundle: recorder.map(|recorder| recorder.in_force.sequence),
            log_size: recorder.map_or(0, |recorder| recorder.journal.size()),
            backlog: recorder.map_or(0, |r| r.journal.size() - r.journal.receipted()),
            backlog_oldest: recorder.and_then(Recorder::backlog_oldest),
            clock: clock_word(&stamp).to_owned(),
            anchored: recorder.is_some_and(|recorder| recorder.door.is_anchored()),
            clock_offset_ms: recorder.and_then(|recorder| offset_ms(recorder, &stamp)),
            disk_free_mib: kernel::free_bytes(self.place.folder.path()).unwrap_or(0) >> 20,
            uptime_s: up_ms / 1_000,
            readers: readers.collect(),
            alarms: alarms.take(MAX_LIST).collect(),
        }
    }
}

/// The wall clock less the anchored time.
fn offset_ms(recorder: &Recorder, stamp: &attendance::time::Stamp) -> Option<i64> {
    if !recorder.door.is_anchored() {
        return None;
    }
    let anchored = recorder.door.estimate(recorder.door.next_index(), stamp);
    stamp.wall.0.checked_sub(anchored.0)
}

fn backlog(recorder: &Recorder, now: UtcMs) -> Backlog {
    let oldest = recorder.backlog_oldest();
    let age_ms = oldest.map(|at| now.0.saturating_sub(at.0).max(0).unsigned_abs());
    Backlog {
        entries: recorder.journal.size() - recorder.journal.receipted(),
        oldest_age_ms: age_ms,
        trend_5min: 0,
        drain_s: None,
    }
}

fn versions(recorder: Option<&Recorder>) -> Versions {
    let in_force = recorder.map(|recorder| &recorder.in_force);
    let in_force = in_force.filter(|in_force| in_force.hash.is_some());
    Versions {
        software: SOFTWARE.to_owned(),
        bundle_sequence: in_force.map(|in_force| in_force.sequence),
        bundle_issued_ms: in_force.and_then(|in_force| in_force.issued).map(|at| at.0),
        bundle_expires_ms: in_force
            .and_then(|in_force| in_force.expires)
            .map(|at| at.0),
    }
}

fn next_step(code: &str) -> &'static str {
    match code {
        "disk_full" => "Free some space on the kiosk's disk; it goes on by itself.",
        "disk_failed" => "Send people to another door; if it does not come back, replace the card.",
        "journal_damaged" => "Keep the card, and set the kiosk up with a new one.",
        _ => "Send people to another door and run rollcall-kiosk doctor on the kiosk.",
    }
}
