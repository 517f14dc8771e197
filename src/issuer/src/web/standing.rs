//! How a kiosk stands, from what it last said and what it delivered. Pure.
//!
//! Contract: the worst of what is known wins, in the order of [`State`]. What a kiosk said long ago is still what is known of
//! it: a kiosk that said it records nothing and then fell silent is not recording, and its numbers are stale.

use attendance::UtcMs;
use protocol::status::KioskStatus;

/// How often a kiosk is to be heard of, in milliseconds.
pub(super) const CHECK_IN_MS: i64 = 60_000;
/// Three check-ins were missed: the kiosk is silent.
pub(super) const SILENT_MS: i64 = 3 * CHECK_IN_MS;
/// A number older than this is stale.
pub(super) const STALE_MS: i64 = CHECK_IN_MS;
/// An entry that waits longer than this has missed its batch.
pub(super) const WAITS_MS: i64 = 60_000;
/// An entry that waits longer than this, in a queue that does not shrink, will not go by itself.
pub(super) const STUCK_MS: i64 = 5 * 60_000;
/// How far back a trend looks, in milliseconds.
pub(super) const TREND_MS: i64 = 5 * 60_000;
/// Less than this tells no trend.
const TREND_LEAST_MS: i64 = 60_000;
/// Alarms under which a kiosk records nothing.
const STOPPED: &[&str] = &[
    "disk_full",
    "disk_failed",
    "journal_damaged",
    "journal_failed",
    "not_set_up",
    "data_in_use",
    "newer_data",
];

/// How a kiosk stands, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    NotRecording,
    ClockUnset,
    QueueGrowing,
    Silent,
    Draining,
    Recording,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::NotRecording => "Not recording",
            Self::ClockUnset => "Clock unset",
            Self::QueueGrowing => "Queue growing",
            Self::Silent => "Silent",
            Self::Draining => "Draining",
            Self::Recording => "Recording",
        }
    }

    /// The colour and icon of the word, as the stylesheet names them.
    pub(super) const fn tone(self) -> &'static str {
        match self {
            Self::NotRecording => "bad",
            Self::ClockUnset | Self::QueueGrowing => "warn",
            Self::Silent => "silent",
            Self::Draining => "busy",
            Self::Recording => "good",
        }
    }

    pub(super) const fn next_step(self) -> &'static str {
        match self {
            Self::NotRecording => {
                "Send people to another door, then run rollcall-kiosk doctor on the kiosk."
            }
            Self::ClockUnset => {
                "Scans are recorded. Give the kiosk network, so that it can take the time from the issuer."
            }
            Self::QueueGrowing => {
                "Scans are safe on the kiosk. Check its network; do not switch it off."
            }
            Self::Silent => "Go and look: the door may still record. Check power, then network.",
            Self::Draining => "Nothing to do: the scans that waited are arriving.",
            Self::Recording => "Nothing to do.",
        }
    }
}

/// Which way a queue went over the last minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trend {
    /// Not watched for long enough.
    Unknown,
    /// By so many a minute, rounded up.
    Growing(u64),
    /// It shrinks, and will be empty in so many milliseconds.
    Shrinking(i64),
    /// Neither.
    Steady,
}

/// The trend of a queue from its lengths, oldest first.
pub(super) fn trend(samples: &[(UtcMs, u64)], now: UtcMs) -> Trend {
    let mut recent = samples.iter().filter(|(at, _)| now.0 - at.0 <= TREND_MS);
    let Some(&(first_at, first)) = recent.next() else {
        return Trend::Unknown;
    };
    let Some(&(last_at, last)) = recent.next_back() else {
        return Trend::Unknown;
    };
    let passed = last_at.0 - first_at.0;
    if passed < TREND_LEAST_MS {
        return Trend::Unknown;
    }
    let minutes =
        |entries: u64| u64::try_from(passed).map_or(0, |p| (entries * 60_000).div_ceil(p));
    match last.cmp(&first) {
        std::cmp::Ordering::Greater => Trend::Growing(minutes(last - first)),
        std::cmp::Ordering::Equal => Trend::Steady,
        std::cmp::Ordering::Less => {
            let left = i64::try_from(last).unwrap_or(i64::MAX);
            let gone = i64::try_from(first - last).unwrap_or(i64::MAX);
            Trend::Shrinking(passed.saturating_mul(left) / gone)
        }
    }
}

/// What is known of a kiosk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// When it was enrolled.
    pub(super) enrolled: UtcMs,
    /// When it last said something, understood or not.
    pub(super) reported: Option<UtcMs>,
    /// What it last said that is understood here, and when that came.
    pub(super) status: Option<(UtcMs, &'a KioskStatus)>,
    /// When its newest entries came.
    pub(super) delivered: Option<UtcMs>,
    /// Which way its queue goes.
    pub(super) trend: Trend,
}

impl Known<'_> {
    /// When anything was last heard of it.
    pub(super) fn heard(&self) -> Option<UtcMs> {
        self.reported.max(self.delivered)
    }
}

/// How a kiosk stands, and why in a few words where the state's own word does not say.
pub(super) fn state(known: &Known<'_>, now: UtcMs) -> (State, String) {
    if let Some((at, status)) = known.status {
        if let Some(why) = stopped_by(status) {
            return (State::NotRecording, why);
        }
        if status.clock == "unset" && !status.anchored {
            return (
                State::ClockUnset,
                "The times of its scans are not known yet.".to_owned(),
            );
        }
        if is_growing(status, known.trend, at) {
            return (State::QueueGrowing, String::new());
        }
    }
    let silent_since = known.heard().unwrap_or(known.enrolled);
    if now.0.saturating_sub(silent_since.0) > SILENT_MS {
        let why = if known.heard().is_some() {
            "Three check-ins were missed."
        } else {
            "It has never reported."
        };
        return (State::Silent, why.to_owned());
    }
    let waits = |at, status: &KioskStatus| status.backlog > 0 && waiting_ms(status, at) > WAITS_MS;
    match known.status {
        Some((at, status)) if waits(at, status) => (State::Draining, String::new()),
        _ => (State::Recording, String::new()),
    }
}

/// How long the oldest entry of a queue has waited.
pub(super) fn waiting_ms(status: &KioskStatus, now: UtcMs) -> i64 {
    status
        .backlog_oldest
        .map_or(0, |oldest| now.0.saturating_sub(oldest.0).max(0))
}

/// By how long the oldest entry had waited when the kiosk said so: that it has said nothing since is another matter.
fn is_growing(status: &KioskStatus, trend: Trend, at: UtcMs) -> bool {
    let waiting = waiting_ms(status, at);
    match trend {
        _ if status.backlog == 0 => false,
        Trend::Growing(_) => waiting > WAITS_MS,
        Trend::Unknown | Trend::Steady => waiting > STUCK_MS,
        Trend::Shrinking(_) => false,
    }
}

fn stopped_by(status: &KioskStatus) -> Option<String> {
    if let Some(alarm) = status
        .alarms
        .iter()
        .find(|alarm| STOPPED.contains(&alarm.as_str()))
    {
        return Some(format!("It says: {}.", super::words::spoken(alarm)));
    }
    let attached = status
        .readers
        .iter()
        .filter(|reader| reader.state == "attached")
        .count();
    match status.readers.as_slice() {
        [] => Some("It has no reader.".to_owned()),
        _ if attached > 0 => None,
        [reader] => Some(format!("Its reader {} is {}.", reader.reader, reader.state)),
        _ => Some("None of its readers answers.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use protocol::status::ReaderStatus;

    const NOW: UtcMs = UtcMs(10_000_000);

    fn reader(state: &str) -> ReaderStatus {
        ReaderStatus {
            reader: "usb".into(),
            kind: "hid".into(),
            state: state.into(),
            scans: 1,
            refused: 0,
        }
    }

    fn well() -> KioskStatus {
        KioskStatus {
            clock: "synced".into(),
            readers: vec![reader("attached")],
            ..KioskStatus::default()
        }
    }

    /// `heard_ms` is how long ago the status came.
    #[track_caller]
    fn check(change: impl FnOnce(&mut KioskStatus), trend: Trend, heard_ms: i64, expected: State) {
        let mut status = well();
        change(&mut status);
        let known = Known {
            enrolled: UtcMs(0),
            reported: Some(NOW.plus_ms(-heard_ms)),
            status: Some((NOW.plus_ms(-heard_ms), &status)),
            delivered: None,
            trend,
        };
        assert_eq!(
            state(&known, NOW).0,
            expected,
            "{status:?} {trend:?} {heard_ms}"
        );
    }

    fn waiting(ms: i64) -> impl Fn(&mut KioskStatus) {
        move |status| {
            status.backlog = 5;
            status.backlog_oldest = Some(NOW.plus_ms(-ms));
        }
    }

    #[test]
    fn the_worst_wins_at_every_boundary() {
        check(|_| {}, Trend::Unknown, 0, State::Recording);
        check(|_| {}, Trend::Unknown, SILENT_MS, State::Recording);
        check(|_| {}, Trend::Unknown, SILENT_MS + 1, State::Silent);

        check(waiting(WAITS_MS), Trend::Unknown, 0, State::Recording);
        check(waiting(WAITS_MS + 1), Trend::Unknown, 0, State::Draining);
        check(waiting(STUCK_MS), Trend::Unknown, 0, State::Draining);
        check(
            waiting(STUCK_MS + 1),
            Trend::Unknown,
            0,
            State::QueueGrowing,
        );
        check(
            waiting(STUCK_MS + 1),
            Trend::Shrinking(1),
            0,
            State::Draining,
        );
        check(waiting(STUCK_MS + 1), Trend::Steady, 0, State::QueueGrowing);
        check(waiting(WAITS_MS), Trend::Growing(3), 0, State::Recording);
        check(
            waiting(WAITS_MS + 1),
            Trend::Growing(3),
            0,
            State::QueueGrowing,
        );
        let long = SILENT_MS + 1;
        check(
            waiting(long + WAITS_MS + 1),
            Trend::Growing(3),
            long,
            State::QueueGrowing,
        );
        check(
            waiting(long + WAITS_MS),
            Trend::Growing(3),
            long,
            State::Silent,
        );
        check(
            waiting(long + STUCK_MS),
            Trend::Unknown,
            long,
            State::Silent,
        );
        check(
            waiting(long + WAITS_MS + 1),
            Trend::Shrinking(1),
            long,
            State::Silent,
        );

        let unset = |status: &mut KioskStatus| status.clock = "unset".into();
        check(unset, Trend::Unknown, 0, State::ClockUnset);
        check(unset, Trend::Unknown, SILENT_MS + 1, State::ClockUnset);
        let anchored = |status: &mut KioskStatus| {
            status.clock = "unset".into();
            status.anchored = true;
        };
        check(anchored, Trend::Unknown, 0, State::Recording);

        for alarm in STOPPED {
            check(
                |status| status.alarms = vec!["other".into(), (*alarm).into()],
                Trend::Unknown,
                0,
                State::NotRecording,
            );
        }
        check(
            |status| status.alarms = vec!["bundle_expired".into()],
            Trend::Unknown,
            0,
            State::Recording,
        );
        check(
            |status| status.readers = vec![],
            Trend::Unknown,
            0,
            State::NotRecording,
        );
        check(
            |status| status.readers = vec![reader("lost")],
            Trend::Unknown,
            0,
            State::NotRecording,
        );
        check(
            |status| status.readers = vec![reader("lost"), reader("attached")],
            Trend::Unknown,
            0,
            State::Recording,
        );
        // Not recording and clock unset together, and silent since: not recording.
        let both = |status: &mut KioskStatus| {
            status.clock = "unset".into();
            status.readers = vec![reader("stalled")];
        };
        check(both, Trend::Unknown, SILENT_MS + 1, State::NotRecording);
    }

    #[test]
    fn a_kiosk_that_never_spoke_is_given_its_first_minutes() {
        let never = |enrolled| Known {
            enrolled,
            reported: None,
            status: None,
            delivered: None,
            trend: Trend::Unknown,
        };
        assert_eq!(
            state(&never(NOW.plus_ms(-SILENT_MS)), NOW).0,
            State::Recording
        );
        let (silent, why) = state(&never(NOW.plus_ms(-SILENT_MS - 1)), NOW);
        assert_eq!(
            (silent, why.as_str()),
            (State::Silent, "It has never reported.")
        );
        let delivered = Known {
            delivered: Some(NOW),
            ..never(UtcMs(0))
        };
        assert_eq!(state(&delivered, NOW).0, State::Recording);
    }

    #[test]
    fn trends_need_a_minute_and_forget_after_five() {
        let at = |s: i64| UtcMs(NOW.0 - s * 1_000);
        let check = |samples: &[(i64, u64)], expected: Trend| {
            let samples: Vec<_> = samples.iter().map(|(s, n)| (at(*s), *n)).collect();
            assert_eq!(trend(&samples, NOW), expected, "{samples:?}");
        };
        check(&[], Trend::Unknown);
        check(&[(10, 5)], Trend::Unknown);
        check(&[(59, 5), (0, 50)], Trend::Unknown);
        check(&[(60, 5), (0, 15)], Trend::Growing(10));
        check(&[(120, 5), (60, 90), (0, 6)], Trend::Growing(1));
        check(&[(120, 5), (0, 5)], Trend::Steady);
        check(&[(120, 30), (0, 10)], Trend::Shrinking(60_000));
        check(&[(120, 30), (0, 0)], Trend::Shrinking(0));
        check(&[(301, 1_000), (300, 10), (0, 20)], Trend::Growing(2));
    }
}
