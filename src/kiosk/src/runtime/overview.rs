//! How the kiosk stands, for its pages and for the issuer.

use std::collections::VecDeque;

use attendance::time::{Stamp, Sync};
use protocol::status::{KioskStatus, MAX_LIST};

use super::SOFTWARE;
use super::keeper::{Keeper, State, clock_word};
use super::recorder::Recorder;
use crate::config::ReaderConfig;
use crate::gpio::Watch;
use crate::kernel;
use crate::readers::{Part, survey};
use crate::screen::view::{
    self, Alarm, Backlog, ClockStatus, Dated, DeviceRow, DeviceStanding, DiskStatus, Enrolment,
    ReceiptStatus, Standing, Status, SyncAttempt, SyncOutcome, Versions,
};
use crate::sync::words::{Alarm as SyncAlarm, MonoMs, Outcome};

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
                by_time_code: false,
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
        gpio: None,
        alarms: Vec::new(),
    }
}

/// What is attached and what the configuration makes of it.
pub(super) fn device_rows(readers: &[ReaderConfig]) -> Vec<DeviceRow> {
    let surveyed = match survey(readers) {
        Ok(surveyed) => surveyed,
        Err(loss) => {
            return vec![DeviceRow {
                device: "USB devices".to_owned(),
                standing: DeviceStanding::Blocked,
                note: loss.detail,
            }];
        }
    };
    let rows = surveyed.into_iter().map(|found| DeviceRow {
        standing: match &found.part {
            Part::OneOfSeveral(_) => DeviceStanding::Blocked,
            Part::Of(readers) if readers.len() > 1 || found.refused.is_some() => {
                DeviceStanding::Blocked
            }
            Part::Of(_) | Part::OtherWay => DeviceStanding::Read,
            Part::Nobody { is_scanner, .. } if *is_scanner => DeviceStanding::Unread,
            Part::Nobody { .. } => DeviceStanding::Other,
        },
        note: found.note(),
        device: found.device,
    });
    rows.collect()
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
        let backlog = match recorder {
            Some(recorder) => backlog(recorder, &mut self.trend, &stamp),
            None => unknown().backlog.value,
        };
        let last_receipt = recorder.and_then(|recorder| {
            let at_s = i64::try_from(recorder.journal.receipted_at_s()?).ok()?;
            Some(ReceiptStatus {
                size: recorder.journal.receipted(),
                at_ms: at_s.saturating_mul(1_000),
            })
        });
        let sync = self.place.sync.borrow().clone();
        // What the raw clock read then, on the wall clock of now.
        let raw_ms = stamp.raw_ms;
        let wall_ms = |at: MonoMs| {
            let ago_ms = i64::try_from(raw_ms.saturating_sub(at.0)).unwrap_or(i64::MAX);
            now_ms.saturating_sub(ago_ms)
        };
        let last_heard_ms = sync.last_success.map(wall_ms);
        let last_sync = sync.last.and_then(|last| {
            Some(SyncAttempt {
                at_ms: wall_ms(last.at),
                outcome: sync_outcome(last.outcome)?,
                code: last.code.map(str::to_owned),
            })
        });
        let recording = recorder.is_some();
        let by_time_code = recorder.is_some_and(Recorder::is_timed_by_code);
        let timed = stamp.sync != Sync::Unset || by_time_code;
        let state = view::State::worst(recording, timed, &backlog, last_heard_ms, now_ms);
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
        let readers = readers.map(|(name, facts)| facts.shown(name));
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
            last_sync,
            last_heard_ms,
            last_scan_ms: self.last_scan.map(|at| at.0),
            clock: Dated {
                as_of_ms: now_ms,
                value: ClockStatus {
                    sync: stamp.sync,
                    error_ms: stamp.error_ms.map(u64::from),
                    anchored: recorder.is_some_and(|recorder| recorder.door.is_anchored()),
                    by_time_code,
                    offset_ms: recorder
                        .and_then(|recorder| offset_ms(recorder, &stamp))
                        .map(|ahead_ms| -ahead_ms),
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
            gpio: self.gpio_status(),
            alarms: self.alarms(now_ms, &sync.alarms),
        };
        self.outlets.status.send_replace(status);
        self.set_resting();
    }

    fn alarms(&self, now_ms: i64, of_sync: &[SyncAlarm]) -> Vec<Alarm> {
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
            let step = recorder
                .journal
                .enrol_anew(Some(recorder.door.door().as_str()));
            if let Some((step, sealed)) = step.zip(recorder.journal.sealed().last()) {
                let step = format!("Keep scanning: {step}.");
                alarm("log_sealed", sealed.at.0, &step);
            }
            if recorder.sealed_rest() {
                let step = "Keep this card: a sealed log on it holds scans that have not reached the issuer yet.";
                alarm("sealed_rest", now_ms, step);
            }
            for unread in recorder.door.unread_rules() {
                let step = format!(
                    "Update this kiosk's program: it cannot read the rules of programme {} ({}), so it tells nobody their credit there. The issuer decides it all the same.",
                    unread.programme, unread.why
                );
                alarm("rules_unread", now_ms, &step);
            }
            if recorder.in_force.expires.is_some_and(|at| at.0 < now_ms) {
                let step = "Check the network: no newer bundle has come from the issuer.";
                alarm("bundle_expired", now_ms, step);
            }
        }
        if let Some(trouble) = &*self.outlets.claim_trouble.borrow()
            && self.takes_claims()
        {
            let step = format!("Ask the organiser for a new set-up code: {}.", trouble.why);
            alarm("claim_refused", trouble.since_ms, &step);
        }
        for code in of_sync {
            let step = "Tell whoever runs the issuer; scans are recorded here all the same.";
            alarm(code.as_str(), now_ms, step);
        }
        for (name, facts) in &self.readers {
            if let Some((code, since, step)) = facts.alarm(name) {
                alarm(code, since.0, &step);
            }
        }
        for (name, since) in self.open_tampers() {
            let step = format!("Look at the kiosk: its tamper switch {name} is open.");
            alarm("tamper_open", since.0, &step);
        }
        let board = self.outlets.board.iter();
        for (lines, standing) in board.flat_map(Watch::standings) {
            if let Some(trouble) = standing.trouble() {
                let step =
                    format!("Scanning goes on without them. The board's {lines}: {trouble}.");
                alarm("gpio_failed", now_ms, &step);
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
        let readers = readers.map(|(name, facts)| facts.told(name));
        let alarms = self
            .alarms(stamp.wall.0, &[])
            .into_iter()
            .map(|alarm| alarm.code);
        let up_ms = stamp.raw_ms.saturating_sub(self.started_raw_ms);
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

/// How an attempt ended, for the page; one that this kiosk's own journal ended is shown as an alarm.
fn sync_outcome(outcome: Outcome) -> Option<SyncOutcome> {
    Some(match outcome {
        Outcome::Ok => SyncOutcome::Ok,
        Outcome::Unreachable => SyncOutcome::Unreachable,
        Outcome::NotOurIssuer => SyncOutcome::NotOurIssuer,
        Outcome::Refused => SyncOutcome::Refused,
        Outcome::Journal => return None,
    })
}

/// The wall clock less the anchored time.
fn offset_ms(recorder: &Recorder, stamp: &Stamp) -> Option<i64> {
    if !recorder.door.is_anchored() {
        return None;
    }
    let anchored = recorder.door.estimate(recorder.door.next_index(), stamp);
    stamp.wall.0.checked_sub(anchored.0)
}

/// How much waited over the last five minutes.
#[derive(Debug, Default)]
pub(super) struct Trend {
    /// Raw time and entries, at most one each [`TREND_STEP_MS`], oldest first.
    samples: VecDeque<(u64, u64)>,
}

/// How far back the trend looks.
const TREND_MS: u64 = 5 * 60 * 1_000;
/// How often it looks.
const TREND_STEP_MS: u64 = 10_000;

impl Trend {
    /// How many more entries wait than five minutes ago, or than when this began, and over how many milliseconds.
    fn follow(&mut self, raw_ms: u64, entries: u64) -> (i64, u64) {
        let is_due = |&(at, _): &(u64, u64)| raw_ms.saturating_sub(at) >= TREND_STEP_MS;
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((raw_ms, entries));
        }
        while self.samples.len() > 1 && raw_ms.saturating_sub(self.samples[0].0) > TREND_MS {
            self.samples.pop_front();
        }
        let (since_ms, before) = self.samples.front().copied().unwrap_or((raw_ms, entries));
        let count = |entries: u64| i64::try_from(entries).unwrap_or(i64::MAX);
        let more = count(entries).saturating_sub(count(before));
        (more, raw_ms.saturating_sub(since_ms))
    }
}

fn backlog(recorder: &Recorder, trend: &mut Trend, now: &Stamp) -> Backlog {
    let oldest = recorder.backlog_oldest();
    let age_ms = oldest.map(|at| now.wall.0.saturating_sub(at.0).max(0).unsigned_abs());
    let entries = recorder.journal.size() - recorder.journal.receipted();
    let (more, over_ms) = trend.follow(now.raw_ms, entries);
    let drained = more.min(0).unsigned_abs();
    Backlog {
        entries,
        oldest_age_ms: age_ms,
        trend_5min: more,
        drain_s: match entries {
            0 => Some(0),
            _ => entries.saturating_mul(over_ms / 1_000).checked_div(drained),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trend_looks_five_minutes_back() {
        let mut trend = Trend::default();
        assert_eq!(trend.follow(0, 10), (0, 0));
        assert_eq!(trend.follow(5_000, 12), (2, 5_000));
        assert_eq!(trend.follow(200_000, 40), (30, 200_000));
        assert_eq!(trend.follow(300_000, 50), (40, 300_000));
        assert_eq!(trend.follow(310_000, 30), (-10, 110_000));
        for second in 0..10_000 {
            trend.follow(400_000 + second * 1_000, 0);
        }
        assert!(trend.samples.len() <= 32, "{}", trend.samples.len());
    }
}
