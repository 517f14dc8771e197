//! What the two pages show, as plain values.
//!
//! No clock and no I/O: whoever fills these in passes the times. Every time is Unix time in milliseconds,
//! UTC, and ends in `_ms`. [`Face`] may hold an attendee's name and goes to the attendee's screen only;
//! [`Status`] holds nobody's data and is also what `GET /status` answers, as JSON.

use std::collections::BTreeMap;

use attendance::Decimal;
use attendance::time::Sync;
use attendance::words::{Direction, Verdict};
use protocol::entry::ReaderState;
use serde::{Deserialize, Serialize};

/// How long a success stays on the attendee's screen.
pub const SUCCESS_HOLD_MS: u64 = 2_500;
/// How long a state that asks the attendee for something stays.
pub const ATTENTION_HOLD_MS: u64 = 5_000;
/// How long the screen asks for the badge whose scan is taken back: as long as the reader waits for it, so that nobody else scans into it.
pub const STAFF_SCAN_HOLD_MS: u64 = 20_000;
/// The most characters of a name that are sent to the page.
pub const NAME_MAX_CHARS: usize = 80;
/// The most scans the status page lists.
pub const RECENT_SCANS_MAX: usize = 20;
/// Past this age a figure of the kiosk's own is called stale.
pub const STALE_AFTER_MS: i64 = 60_000;
/// How often a kiosk checks in with its issuer when nothing is to be sent.
pub const CHECK_IN_MS: i64 = 60_000;
/// Three missed check-ins make a kiosk silent.
pub const SILENT_AFTER_MS: i64 = 3 * CHECK_IN_MS;
/// An entry that waits longer than this was not merely on its way.
pub const WAITING_LONG_MS: u64 = 60_000;

/// Where the attendee stands, as far as this door knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provisional {
    /// Presence in the session that is on; `None` when unknown, and then nothing is shown of it.
    pub minutes: Option<Minutes>,
    /// What can honestly be said of credit.
    pub credit: Credit,
}

/// Whole minutes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minutes {
    /// Those that count so far.
    pub present: u32,
    /// All of them.
    pub of: u32,
}

/// What can honestly be said of credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {
    /// Nothing for certain.
    Unsaid,
    /// So much for certain, to whoever stays until the session's end.
    OnTrack(Decimal),
    /// So much by now.
    SoFar(Decimal),
    /// So much by now, and no more can come.
    Capped(Decimal),
    /// None by now; more can come.
    NotYet,
    /// None, and it is over.
    None,
    /// What is left of the session is too short.
    OutOfReach,
    /// A person will look at it.
    Person,
}

/// The answer to one scan. Shown only once its entry is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the door made of the scan.
    pub verdict: Verdict,
    /// Which way it counted; for a repeat, where the attendee already is.
    pub direction: Direction,
    /// For a repeat, since when the attendee is in or out.
    pub since_ms: Option<i64>,
    /// The name the event's policy allows on the screen, already shortened by that policy.
    pub name: Option<String>,
    /// Where the attendee stands.
    pub provisional: Option<Provisional>,
    /// The attendee's language as a BCP 47 tag.
    pub language: Option<String>,
    /// The short code by which staff find this scan.
    pub short_code: Option<String>,
}

/// The answer to a time code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeAnswer {
    /// It was journalled, and the door knows the time by it.
    Set {
        /// What the time is now, as well as can be said.
        at_ms: i64,
    },
    /// It was scanned here before, or is too old.
    Old,
    /// This kiosk's issuer did not sign it.
    NotOurs,
    /// Only a part of it was read.
    Unreadable,
}

impl TimeAnswer {
    /// The word that stands in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Set { .. } => "time_set",
            Self::Old => "time_code_old",
            Self::NotOurs => "time_code_not_ours",
            Self::Unreadable => "time_code_unreadable",
        }
    }
}

/// The answer to a staff badge, or to the badge that was scanned after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaffAnswer {
    /// Readers without a direction of their own let people in now.
    In,
    /// They let people out.
    Out,
    /// They do both by turns.
    Either,
    /// The badge whose scan was a mistake is to be scanned.
    ScanBadge,
    /// Its scan was taken back.
    TakenBack,
    /// It has no scan here that could be.
    NothingToTakeBack,
    /// The staff badge is of another event, or was taken back.
    Refused,
}

impl StaffAnswer {
    /// Every answer.
    pub const ALL: &'static [Self] = &[
        Self::In,
        Self::Out,
        Self::Either,
        Self::ScanBadge,
        Self::TakenBack,
        Self::NothingToTakeBack,
        Self::Refused,
    ];

    /// The word that stands in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::In => "staff_in",
            Self::Out => "staff_out",
            Self::Either => "staff_either",
            Self::ScanBadge => "staff_scan_badge",
            Self::TakenBack => "staff_taken_back",
            Self::NothingToTakeBack => "staff_nothing",
            Self::Refused => "staff_refused",
        }
    }
}

/// What the attendee's screen shows.
///
/// Whoever sets it puts a resting face back after [`Face::hold_ms`]; the page does the same by itself, so
/// that a name never outstays its time. A different badge interrupts at once: it is set over this one. The
/// same held badge is not set again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// Not enrolled: nothing is recorded.
    NotSetUp,
    /// Ready for the next badge.
    Idle {
        /// What this door does, shown as the large word; `None` where it does both.
        direction: Option<Direction>,
        /// Whether the clock may be shown.
        clock_ok: bool,
    },
    /// The answer to a scan.
    Result(Answer),
    /// The answer to a time code, for staff.
    Time(TimeAnswer),
    /// The answer to a staff badge.
    Staff(StaffAnswer),
    /// "Not working, please use another door".
    Failure {
        /// A short code that staff can look up.
        code: String,
    },
}

impl Face {
    /// The same without whose badge it was.
    #[must_use]
    pub fn without_name(&self) -> Self {
        let mut face = self.clone();
        if let Self::Result(answer) = &mut face {
            answer.name = None;
        }
        face
    }

    /// How long it stays before the resting face returns; `None` for faces that rest.
    #[must_use]
    pub fn hold_ms(&self) -> Option<u64> {
        match self {
            Self::Result(answer) => Some(match answer.verdict {
                Verdict::CheckedIn | Verdict::CheckedOut | Verdict::Repeat => SUCCESS_HOLD_MS,
                Verdict::UnknownBadge
                | Verdict::RevokedBadge
                | Verdict::NotRegistered
                | Verdict::NoSession => ATTENTION_HOLD_MS,
            }),
            Self::Staff(StaffAnswer::ScanBadge) => Some(STAFF_SCAN_HOLD_MS),
            Self::Time(_) | Self::Staff(_) => Some(ATTENTION_HOLD_MS),
            Self::NotSetUp | Self::Idle { .. } | Self::Failure { .. } => None,
        }
    }
}

/// A figure and the moment it was true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated<T> {
    /// When it was measured.
    pub as_of_ms: i64,
    /// What was measured.
    #[serde(flatten)]
    pub value: T,
}

/// The kiosk's state in one word, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No scan can be recorded.
    NotRecording,
    /// Scans are recorded without a trustworthy time.
    ClockUnset,
    /// Entries arrive faster than they leave.
    QueueGrowing,
    /// The issuer has not answered for three check-ins.
    Silent,
    /// A backlog is on its way out.
    Draining,
    /// All is well.
    Recording,
}

impl State {
    /// Every state, worst first.
    pub const ALL: [Self; 6] = [
        Self::NotRecording,
        Self::ClockUnset,
        Self::QueueGrowing,
        Self::Silent,
        Self::Draining,
        Self::Recording,
    ];

    /// The worst state that holds.
    ///
    /// `recording` is whether a scan would be committed now; `timed` whether its time would be known; `last_heard_ms` is the last answer from the
    /// issuer, or since when one is awaited.
    #[must_use]
    pub fn worst(
        recording: bool,
        timed: bool,
        backlog: &Backlog,
        last_heard_ms: Option<i64>,
        now_ms: i64,
    ) -> Self {
        let waiting_long = backlog
            .oldest_age_ms
            .is_some_and(|age| age > WAITING_LONG_MS);
        let silent = last_heard_ms.is_none_or(|at| now_ms.saturating_sub(at) > SILENT_AFTER_MS);
        if !recording {
            Self::NotRecording
        } else if !timed {
            Self::ClockUnset
        } else if waiting_long && backlog.trend_5min > 0 {
            Self::QueueGrowing
        } else if silent {
            Self::Silent
        } else if waiting_long {
            Self::Draining
        } else {
            Self::Recording
        }
    }

    /// The word that stands in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotRecording => "not_recording",
            Self::ClockUnset => "clock_unset",
            Self::QueueGrowing => "queue_growing",
            Self::Silent => "silent",
            Self::Draining => "draining",
            Self::Recording => "recording",
        }
    }
}

/// A state and since when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The state.
    pub state: State,
    /// Since when.
    pub since_ms: i64,
}

impl Standing {
    /// The standing after looking again: `since_ms` moves only when the state does.
    #[must_use]
    pub fn follow(self, state: State, now_ms: i64) -> Self {
        if self.state == state {
            self
        } else {
            Self {
                state,
                since_ms: now_ms,
            }
        }
    }
}

/// One reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderStatus {
    /// Its name in the configuration.
    pub name: String,
    /// `serial`, `hid`, `lines`, …
    pub kind: String,
    /// How it is.
    pub state: ReaderState,
    /// Since when.
    pub since_ms: i64,
    /// The last time anything came from it.
    pub last_event_ms: Option<i64>,
    /// What was refused since the daemon started, counted by reason code.
    pub rejected: BTreeMap<String, u64>,
    /// What the last of these means and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub advice: Option<String>,
    /// Where it cannot be read from, or reads what it should not: what is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// What the last code that it read looked like.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_read: Option<LastRead>,
}

/// A code that was read, by its looks: whose it is cannot be told from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRead {
    /// When, by the kiosk's wall clock.
    pub at_ms: i64,
    /// How many characters it has.
    pub characters: usize,
    /// Its characters by their kinds, as [`Shape`](crate::readers::Shape) has them.
    pub kinds: String,
    /// Its symbology, where the reader says it.
    pub symbology: Option<String>,
}

/// A device that is attached and may be a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Which it is.
    pub device: String,
    /// What is made of it.
    pub standing: DeviceStanding,
    /// What that means here: the readers that it is, or what to do.
    pub note: String,
}

/// What is made of an attached device, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceStanding {
    /// The configuration names it and the program may not open it, or several blocks name it.
    Blocked,
    /// It says that it is a scanner, and no block names it.
    Unread,
    /// A reader's.
    Read,
    /// No block names it, and it may well be something else.
    Other,
}

/// What waits to be sent to the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Entries without a receipt.
    pub entries: u64,
    /// Age of the oldest of them.
    pub oldest_age_ms: Option<u64>,
    /// How many more (or fewer) than five minutes ago.
    pub trend_5min: i64,
    /// Estimated time until all are sent; `None` when that cannot be said.
    pub drain_s: Option<u64>,
}

/// The last receipt: the issuer holds this log up to `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptStatus {
    /// Entries it covers.
    pub size: u64,
    /// When it was given.
    pub at_ms: i64,
}

/// How an attempt to reach the issuer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncOutcome {
    /// Answered and taken.
    Ok,
    /// No connection, or none in time.
    Unreachable,
    /// Somebody answered who is not this kiosk's issuer.
    NotOurIssuer,
    /// The issuer refused; the code says why.
    Refused,
}

/// One attempt to reach the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAttempt {
    /// When it ended.
    pub at_ms: i64,
    /// How it ended.
    pub outcome: SyncOutcome,
    /// The issuer's code or the transport's, if there is one.
    pub code: Option<String>,
}

/// The clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// How the wall clock stands.
    #[serde(with = "as_text")]
    pub sync: Sync,
    /// Bound on its error; `None` when there is none.
    pub error_ms: Option<u64>,
    /// Whether this boot is tied to the issuer's clock.
    pub anchored: bool,
    /// Whether it is so by a time code alone.
    #[serde(default)]
    pub by_time_code: bool,
    /// The issuer's clock minus ours at the last exchange.
    pub offset_ms: Option<i64>,
}

/// The disk the journal lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskStatus {
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// Bytes the journal takes.
    pub journal_bytes: u64,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Version of this program.
    pub software: String,
    /// Sequence of the adopted bundle.
    pub bundle_sequence: Option<u64>,
    /// When the issuer made it.
    pub bundle_issued_ms: Option<i64>,
    /// When it runs out.
    pub bundle_expires_ms: Option<i64>,
}

/// Where this kiosk belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The event's title.
    pub event: String,
    /// The door it stands at.
    pub door: String,
    /// Its id at the issuer.
    pub kiosk_id: String,
}

/// One scan without anything about its attendee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRow {
    /// When, by the kiosk's wall clock.
    pub at_ms: i64,
    /// Which reader.
    pub reader: String,
    /// What the door made of it.
    #[serde(with = "as_text")]
    pub verdict: Verdict,
    /// Its entry's number in the journal.
    pub entry: u64,
    /// The code the attendee was shown, if any.
    pub short_code: Option<String>,
}

/// Some of the board's lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesStatus {
    /// `outputs` or `inputs`.
    pub lines: String,
    /// `working`, `starting`, or what is wrong as a code.
    pub state: String,
    /// What is wrong and what to do, where something is.
    pub trouble: Option<String>,
}

/// A tamper switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TamperStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it is open.
    pub open: bool,
    /// Since when.
    pub since_ms: i64,
}

/// The board's lights, buzzer, relays, button and tamper switches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpioStatus {
    /// How the lines stand.
    pub lines: Vec<LinesStatus>,
    /// The tamper switches that were heard of.
    pub tampers: Vec<TamperStatus>,
}

/// Something a person should do something about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its code.
    pub code: String,
    /// Since when.
    pub since_ms: i64,
    /// What to do next, as one sentence.
    pub next_step: String,
}

/// Everything the status page shows and `GET /status` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When this was put together.
    pub as_of_ms: i64,
    /// The kiosk's state.
    pub standing: Standing,
    /// Where it belongs; `None` before enrolment.
    pub enrolment: Option<Enrolment>,
    /// Its readers.
    pub readers: Vec<ReaderStatus>,
    /// What waits.
    pub backlog: Dated<Backlog>,
    /// The last receipt.
    pub last_receipt: Option<ReceiptStatus>,
    /// The last attempt to reach the issuer.
    pub last_sync: Option<SyncAttempt>,
    /// The last time the issuer answered.
    pub last_heard_ms: Option<i64>,
    /// The last scan.
    pub last_scan_ms: Option<i64>,
    /// The clock.
    pub clock: Dated<ClockStatus>,
    /// The disk.
    pub disk: Dated<DiskStatus>,
    /// What is in force.
    pub versions: Dated<Versions>,
    /// The last scans, newest first; only the first [`RECENT_SCANS_MAX`] are shown.
    pub scans: Vec<ScanRow>,
    /// The board's lines; `None` where the kiosk has none.
    #[serde(default)]
    pub gpio: Option<GpioStatus>,
    /// What a person should act on.
    pub alarms: Vec<Alarm>,
}

/// Words of the vocabulary, as they stand in entries.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(word: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(word)
    }

    pub(super) fn deserialize<'de, T, D>(d: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Backlog = Backlog {
        entries: 0,
        oldest_age_ms: None,
        trend_5min: 0,
        drain_s: None,
    };
    const GROWING: Backlog = Backlog {
        entries: 90,
        oldest_age_ms: Some(WAITING_LONG_MS + 1),
        trend_5min: 40,
        drain_s: None,
    };
    const FALLING: Backlog = Backlog {
        trend_5min: -40,
        ..GROWING
    };

    #[test]
    fn the_worst_state_wins() {
        let now = 1_000_000_000;
        let check = |recording, timed, backlog: Backlog, heard_ago, expected: State| {
            let got = State::worst(recording, timed, &backlog, Some(now - heard_ago), now);
            assert_eq!(got, expected, "{recording} {timed} {backlog:?} {heard_ago}");
        };
        let long = SILENT_AFTER_MS + 1;
        check(false, false, GROWING, long, State::NotRecording);
        check(true, false, GROWING, long, State::ClockUnset);
        check(true, true, GROWING, long, State::QueueGrowing);
        check(true, true, FALLING, long, State::Silent);
        check(true, true, QUIET, long, State::Silent);
        check(true, true, QUIET, SILENT_AFTER_MS, State::Recording);
        check(true, true, FALLING, 0, State::Draining);
        let just_on_its_way = Backlog {
            oldest_age_ms: Some(WAITING_LONG_MS),
            ..GROWING
        };
        check(true, true, just_on_its_way, 0, State::Recording);
        // A clock that jumped back leaves the last answer in the future: that is no silence.
        check(true, true, QUIET, -5_000, State::Recording);
        let mut sorted = State::ALL;
        sorted.sort_unstable();
        assert_eq!(sorted, State::ALL, "listed worst first");
        assert_eq!(
            State::worst(true, true, &QUIET, None, now),
            State::Silent,
            "never heard from"
        );
    }

    #[test]
    fn since_moves_with_the_state_only() {
        let start = Standing {
            state: State::Recording,
            since_ms: 10,
        };
        assert_eq!(start.follow(State::Recording, 99), start);
        assert_eq!(start.follow(State::Silent, 99).since_ms, 99);
    }

    #[test]
    fn attention_stays_longer_than_success() {
        for verdict in Verdict::ALL {
            let answer = Answer {
                verdict: *verdict,
                direction: Direction::In,
                since_ms: None,
                name: None,
                provisional: None,
                language: None,
                short_code: None,
            };
            let success = matches!(
                verdict,
                Verdict::CheckedIn | Verdict::CheckedOut | Verdict::Repeat
            );
            let expected = if success { 2_500 } else { 5_000 };
            assert_eq!(Face::Result(answer).hold_ms(), Some(expected));
        }
        for state in State::ALL {
            assert_eq!(
                serde_json::to_value(state).unwrap_or_default(),
                state.code()
            );
        }
        assert_eq!(Face::NotSetUp.hold_ms(), None);
        let asks = Face::Staff(StaffAnswer::ScanBadge);
        assert_eq!(asks.hold_ms(), Some(STAFF_SCAN_HOLD_MS));
    }
}
