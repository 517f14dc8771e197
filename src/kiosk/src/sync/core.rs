//! What to send when: sync as a state machine without sockets, files or clocks.
//!
//! Promises, whatever the network and the issuer do:
//! - One thing is under way at a time, and calls that come to nothing are spaced by exponential backoff with full jitter up to
//!   [`super::backoff::BACKOFF_CAP_MS`]: an issuer that comes back is not stormed.
//! - Entries go in order from what the issuer is known to hold. An answer that was lost only means that a batch goes twice, which is harmless.
//!   Nothing is ever dropped because the other side refused it; what is refused raises an alarm and is offered again.
//! - Before anything else, in each run and after each suspend, comes a time exchange: nothing is sent by a clock that nobody vouches for.
//! - The word of a fork is taken to the desk with the checkpoint that is to prove it. If it does, the log is sealed there, and what it still
//!   holds is delivered under its own name while a fresh log goes on; if it does not, an alarm says so and the batch is offered again.
//!
//! Of the calls that are due, the one goes first that has been due the longest, so that days of backlog keep no bundle waiting. Receipts, ledger
//! heads and clock readings start no batch of their own until [`BEAT_MS`] has passed.

use std::sync::Arc;

use attendance::words::KioskId;
use evidence::PublicKey;
use protocol::batch::Accepted;
use protocol::http_signature::MAX_NONCE_BYTES;
use protocol::presence::{MAX_ROWS, Presence};
use protocol::status::{KioskStatus, MAX_LIST};
use protocol::time::TimeAnswer;

use super::backoff::{Jitter, asked_ms};
use super::clock;
use super::verify::AnswerFault;
use super::words::{
    Alarm, Answer, Ask, Attempt, Call, DeskReply, Effect, Failure, Input, MonoMs, Outcome, Request,
    SyncStatus,
};
use crate::desk::{AcceptedError, AdoptError, DeskError, Standing, Taken};
use crate::journal::Prepared;

/// How long entries that merely ride along wait for company, in milliseconds.
pub const BEAT_MS: u64 = 60_000;
/// From one time exchange to the next, in milliseconds.
pub const TIME_EVERY_MS: u64 = 60_000;
/// The shortest time between two exchanges where the anchor is lost, in milliseconds.
pub const TIME_AGAIN_MS: u64 = 5_000;
/// From one look for a newer bundle to the next, in milliseconds.
pub const BUNDLE_EVERY_MS: u64 = 30_000;
/// From one look at who is inside to the next, in milliseconds.
pub const PRESENCE_EVERY_MS: u64 = 15_000;
/// From one status to the next, in milliseconds.
pub const STATUS_EVERY_MS: u64 = 15_000;
/// The most entries of a batch.
pub const BATCH_ENTRIES: usize = 500;
/// The most bytes of a batch, uncompressed.
pub const BATCH_BYTES: usize = 1024 * 1024;
/// How often in a row the issuer may name another size before that counts as a failure.
const GAPS_IN_ROW: u32 = 3;
/// After how many batches in a row that were not too large they may be twice as large again.
const GROW_AFTER: u32 = 4;
/// How long the journal is left alone where it gave nothing although its size says otherwise, in milliseconds.
const NOTHING_THERE_MS: u64 = 1_000;

/// What the core begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The kiosk's id.
    pub kiosk: KioskId,
    /// The issuer's key.
    pub issuer_key: PublicKey,
    /// What the log is.
    pub standing: Standing,
    /// The size that the newest receipt covers.
    pub receipted_size: u64,
    /// The ETag of the bundle in force.
    pub bundle_etag: Option<String>,
    /// Where jitter begins.
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Job {
    due: MonoMs,
    failures: u32,
    alarm: Option<Alarm>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    until: MonoMs,
    failures: u32,
    alarm: Option<Alarm>,
}

/// What is under way.
#[derive(Debug)]
enum Busy {
    Calling(Calling),
    Asking(Asking),
}

#[derive(Debug)]
struct Calling {
    request: Request,
    /// Whether it is the second try after a stale nonce.
    again: bool,
    batch: Option<Sent>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    start: u64,
    size: u64,
    leaves: usize,
    bytes: usize,
    /// The number of the sealed log it is of.
    sealed: Option<u64>,
}

/// A batch that the desk prepared, under the name that it is sent as.
struct Outgoing {
    kiosk: KioskId,
    /// The number of the sealed log it is of.
    sealed: Option<u64>,
    prepared: Prepared,
}

#[derive(Debug)]
enum Asking {
    Batch,
    Accepted { issuer_size: u64, receipt: String },
    Fork,
    Sealed,
    Delivered,
    Time,
    Bundle { etag: Option<String> },
    Presence,
    Status,
}

impl Asking {
    fn call(&self) -> Call {
        match self {
            Self::Batch | Self::Accepted { .. } | Self::Fork => Call::Entries,
            Self::Sealed | Self::Delivered => Call::Sealed,
            Self::Time => Call::Time,
            Self::Bundle { .. } => Call::Bundle,
            Self::Presence => Call::Presence,
            Self::Status => Call::Status,
        }
    }
}

/// The state machine.
#[derive(Debug)]
pub struct Core {
    kiosk: KioskId,
    issuer_key: PublicKey,
    jitter: Jitter,
    jobs: [Job; Call::ALL.len()],
    link: Link,
    busy: Option<Busy>,
    last_id: u64,
    nonce: Option<String>,
    /// Whether the issuer's time is known in this run, since the last suspend.
    timed: bool,
    standing: Standing,
    issuer_size: u64,
    receipted_size: u64,
    riding_since: Option<MonoMs>,
    max_entries: usize,
    max_bytes: usize,
    /// Batches in a row that were not too large.
    fitted: u32,
    gaps: u32,
    ledger_alarm: Option<Alarm>,
    issuer_behind: bool,
    seen_etag: Option<String>,
    /// Whether the bundle under `seen_etag` was refused here.
    bundle_refused: bool,
    status: SyncStatus,
}

impl Core {
    /// A core that has nothing under way; the first [`Input::Tick`] starts it.
    pub fn new(beginning: Beginning) -> Self {
        Self {
            kiosk: beginning.kiosk,
            issuer_key: beginning.issuer_key,
            jitter: Jitter::new(beginning.seed),
            jobs: Default::default(),
            link: Link::default(),
            busy: None,
            last_id: 0,
            nonce: None,
            timed: false,
            standing: beginning.standing,
            issuer_size: beginning.receipted_size,
            receipted_size: beginning.receipted_size,
            riding_since: None,
            max_entries: BATCH_ENTRIES,
            max_bytes: BATCH_BYTES,
            fitted: 0,
            gaps: 0,
            ledger_alarm: None,
            issuer_behind: false,
            seen_etag: beginning.bundle_etag,
            bundle_refused: false,
            status: SyncStatus::default(),
        }
    }

    /// How sync stands.
    pub fn status(&self) -> SyncStatus {
        let sticky = [self.ledger_alarm, self.link.alarm];
        let behind = self.issuer_behind.then_some(Alarm::IssuerBehind);
        let of_jobs = self.jobs.iter().filter_map(|job| job.alarm);
        let mut alarms: Vec<Alarm> = sticky.into_iter().flatten().chain(behind).collect();
        alarms.extend(of_jobs);
        alarms.sort_unstable();
        alarms.dedup();
        SyncStatus {
            alarms,
            issuer_size: self.issuer_size,
            unreachable_in_row: self.link.failures,
            ..self.status.clone()
        }
    }

    /// What to do next, after this happened. `None` while something is under way; otherwise exactly one effect.
    pub fn step(&mut self, now: MonoMs, input: Input) -> Option<Effect> {
        let follows = match input {
            Input::Tick => None,
            Input::Grew(standing) => {
                self.grew(now, standing);
                None
            }
            Input::Answer(answer) => self.answered(now, answer),
            Input::Failed { id, failure } => {
                self.failed(now, id, failure);
                None
            }
            Input::Desk(reply) => self.replied(now, reply),
        };
        if follows.is_some() || self.busy.is_some() {
            return follows;
        }
        self.note_riding(now);
        let (due, call) = self.next_due();
        if due <= now {
            self.status.next = None;
            return Some(self.start(call));
        }
        self.status.next = Some(due);
        Some(Effect::WaitUntil(due))
    }

    fn grew(&mut self, now: MonoMs, standing: Standing) {
        if self.standing.anchored && !standing.anchored {
            self.timed = false;
            let job = &mut self.jobs[Call::Time.index()];
            job.due = job.due.min(now.plus_ms(TIME_AGAIN_MS));
        }
        self.standing = standing;
    }

    fn note_riding(&mut self, now: MonoMs) {
        if self.issuer_size >= self.standing.log_size {
            self.riding_since = None;
        } else {
            self.riding_since.get_or_insert(now);
        }
    }

    // When.

    fn next_due(&self) -> (MonoMs, Call) {
        let time = (self.jobs[Call::Time.index()].due, Call::Time);
        let others = Call::ALL.into_iter().filter(|call| *call != Call::Time);
        let ready = self.timed && self.nonce.is_some();
        let due = others
            .filter(|_| ready)
            .filter_map(|call| Some((self.due(call)?, call)))
            .fold(
                time,
                |first, next| if next.0 < first.0 { next } else { first },
            );
        (due.0.max(self.link.until), due.1)
    }

    fn due(&self, call: Call) -> Option<MonoMs> {
        let due = self.jobs[call.index()].due;
        match call {
            Call::Entries => {}
            Call::Sealed => return self.standing.sealed_rest.then_some(due),
            Call::Time | Call::Bundle | Call::Presence | Call::Status => return Some(due),
        }
        if self.standing.awaits {
            None
        } else if self.issuer_size < self.standing.urgent_size.min(self.standing.log_size) {
            Some(due)
        } else {
            Some(due.max(self.riding_since?.plus_ms(BEAT_MS)))
        }
    }

    fn every_ms(call: Call) -> u64 {
        match call {
            Call::Time => TIME_EVERY_MS,
            Call::Entries | Call::Sealed => 0,
            Call::Bundle => BUNDLE_EVERY_MS,
            Call::Presence => PRESENCE_EVERY_MS,
            Call::Status => STATUS_EVERY_MS,
        }
    }

    // What.

    fn start(&mut self, call: Call) -> Effect {
        match call {
            Call::Time | Call::Bundle | Call::Presence => self.call(call, None),
            Call::Entries => self.ask(
                Asking::Batch,
                Ask::Batch {
                    from: self.issuer_size,
                    max_entries: self.max_entries,
                    max_bytes: self.max_bytes,
                },
            ),
            Call::Sealed => self.ask(Asking::Sealed, Ask::Sealed),
            Call::Status => self.ask(Asking::Status, Ask::Status),
        }
    }

    fn ask(&mut self, asking: Asking, ask: Ask) -> Effect {
        self.busy = Some(Busy::Asking(asking));
        Effect::Ask(ask)
    }

    fn call(&mut self, call: Call, body: Option<Arc<[u8]>>) -> Effect {
        let kiosk = self.kiosk.clone();
        self.call_as(&kiosk, call, body, None)
    }

    fn call_as(
        &mut self,
        kiosk: &KioskId,
        call: Call,
        body: Option<Arc<[u8]>>,
        batch: Option<Sent>,
    ) -> Effect {
        let signed = call != Call::Time;
        let request = Request {
            id: self.next_id(),
            call,
            path: call.path(kiosk.as_str()),
            body,
            nonce: self.nonce.clone().filter(|_| signed),
            etag: self.seen_etag.clone().filter(|_| call == Call::Bundle),
        };
        self.calling(request, false, batch)
    }

    fn calling(&mut self, request: Request, again: bool, batch: Option<Sent>) -> Effect {
        self.status.calls += 1;
        let effect = Effect::Call(request.clone());
        self.busy = Some(Busy::Calling(Calling {
            request,
            again,
            batch,
        }));
        effect
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    // How it ended.

    fn record(&mut self, now: MonoMs, call: Call, outcome: Outcome, code: Option<&'static str>) {
        if outcome == Outcome::Ok {
            self.status.last_success = Some(now);
        }
        self.status.last = Some(Attempt {
            at: now,
            call,
            outcome,
            code,
        });
    }

    fn done(&mut self, now: MonoMs, call: Call) {
        let job = &mut self.jobs[call.index()];
        job.failures = 0;
        job.alarm = None;
        job.due = now.plus_ms(Self::every_ms(call));
        self.record(now, call, Outcome::Ok, None);
    }

    /// The call is put off by its own backoff, at least for `least_ms`.
    fn back_off(&mut self, now: MonoMs, call: Call, least_ms: u64) {
        let job = &mut self.jobs[call.index()];
        job.failures = job.failures.saturating_add(1);
        let wait_ms = self.jitter.wait_ms(job.failures).max(least_ms);
        job.due = now.plus_ms(wait_ms);
    }

    fn alarm(&mut self, now: MonoMs, call: Call, alarm: Alarm, outcome: Outcome) {
        self.jobs[call.index()].alarm = Some(alarm);
        self.back_off(now, call, 0);
        self.record(now, call, outcome, Some(alarm.as_str()));
    }

    fn link_up(&mut self) {
        self.link = Link::default();
    }

    fn link_down(&mut self, now: MonoMs, call: Call, least_ms: u64) {
        self.back_off(now, call, least_ms);
        self.link.failures = self.link.failures.saturating_add(1);
        let wait_ms = self.jitter.wait_ms(self.link.failures).max(least_ms);
        self.link.until = now.plus_ms(wait_ms);
    }

    fn failed(&mut self, now: MonoMs, id: u64, failure: Failure) {
        let Some(calling) = self.take_call(id) else {
            return;
        };
        let call = calling.request.call;
        self.link_down(now, call, 0);
        let (alarm, outcome) = match failure {
            Failure::WrongKey => (Some(Alarm::WrongKey), Outcome::NotOurIssuer),
            Failure::CertificateDates => (Some(Alarm::CertificateDates), Outcome::NotOurIssuer),
            Failure::TooLong | Failure::Broken => (None, Outcome::NotOurIssuer),
            Failure::Unreachable | Failure::Timeout => (None, Outcome::Unreachable),
        };
        self.link.alarm = alarm;
        self.record(now, call, outcome, Some(failure.as_str()));
    }

    /// The call with this number, if it is the one under way.
    fn take_call(&mut self, id: u64) -> Option<Calling> {
        match self.busy.take() {
            Some(Busy::Calling(calling)) if calling.request.id == id => Some(calling),
            other => {
                self.busy = other;
                None
            }
        }
    }

    fn answered(&mut self, now: MonoMs, answer: Answer) -> Option<Effect> {
        let calling = self.take_call(answer.id)?;
        let call = calling.request.call;
        let fresh = answer.nonce.clone().filter(|nonce| is_nonce(nonce));
        if fresh.is_some() {
            self.nonce.clone_from(&fresh);
        }
        match answer.status {
            200..=299 => {
                self.link_up();
                self.granted(now, &calling, answer)
            }
            304 if call == Call::Bundle => {
                self.link_up();
                let refused = self.jobs[call.index()]
                    .alarm
                    .filter(|_| self.bundle_refused);
                self.done(now, call);
                self.jobs[call.index()].alarm = refused;
                None
            }
            // One call that the issuer stumbles over is no reason to leave the others.
            500 | 501 => {
                self.link_up();
                self.back_off(now, call, 0);
                self.record(now, call, Outcome::Refused, Some("issuer_error"));
                None
            }
            429 | 502..=599 => {
                self.link_down(now, call, asked_ms(answer.retry_after_s));
                self.record(now, call, Outcome::Unreachable, Some("unavailable"));
                None
            }
            400..=499 => {
                self.link_up();
                self.refused(now, calling, &answer, fresh)
            }
            _ => {
                self.malformed(now, call);
                None
            }
        }
    }

    fn malformed(&mut self, now: MonoMs, call: Call) {
        self.alarm(now, call, Alarm::AnswerMalformed, Outcome::NotOurIssuer);
    }

    fn granted(&mut self, now: MonoMs, calling: &Calling, answer: Answer) -> Option<Effect> {
        let call = calling.request.call;
        let ask = match call {
            Call::Time => return self.time_answered(now, &answer),
            Call::Entries => serde_json::from_slice::<Accepted>(&answer.body)
                .ok()
                .zip(calling.batch)
                .map(|(accepted, sent)| {
                    let issuer_size = accepted.size;
                    let receipt = accepted.receipt.clone();
                    let answer = Box::new(accepted);
                    let sent = sent.size;
                    (
                        Asking::Accepted {
                            issuer_size,
                            receipt,
                        },
                        Ask::Accepted { sent, answer },
                    )
                }),
            // What a sealed log shares with what is held is answered with a receipt; nothing is journalled in a sealed log any more.
            Call::Sealed => serde_json::from_slice::<Accepted>(&answer.body)
                .ok()
                .zip(calling.batch)
                .filter(|(accepted, sent)| accepted.size >= sent.size)
                .and_then(|(_, sent)| Some(sealed::delivered(sent.sealed?, sent.size))),
            Call::Bundle => {
                let etag = answer.etag.filter(|etag| is_etag(etag));
                let signed = answer.body;
                Some((
                    Asking::Bundle { etag: etag.clone() },
                    Ask::Bundle { signed, etag },
                ))
            }
            Call::Presence => serde_json::from_slice::<Presence>(&answer.body)
                .ok()
                .filter(|presence| presence.rows.len() <= MAX_ROWS)
                .map(|presence| (Asking::Presence, Ask::Presence(presence.rows))),
            Call::Status => {
                self.done(now, call);
                return None;
            }
        };
        let Some((asking, ask)) = ask else {
            self.malformed(now, call);
            return None;
        };
        Some(self.ask(asking, ask))
    }

    fn time_answered(&mut self, now: MonoMs, answer: &Answer) -> Option<Effect> {
        let read = serde_json::from_slice::<TimeAnswer>(&answer.body).ok();
        let Some((time, exchange)) = read.zip(answer.exchange.as_ref()) else {
            self.malformed(now, Call::Time);
            return None;
        };
        match clock::believe(&time, exchange, &self.issuer_key) {
            Ok(_) if self.nonce.is_none() => {
                self.malformed(now, Call::Time);
                None
            }
            Ok(clock) => Some(self.ask(Asking::Time, Ask::Time(clock))),
            Err(_) => {
                self.alarm(now, Call::Time, Alarm::TimeRefused, Outcome::NotOurIssuer);
                None
            }
        }
    }

    // The desk.

    fn replied(&mut self, now: MonoMs, reply: DeskReply) -> Option<Effect> {
        let asking = match self.busy.take() {
            Some(Busy::Asking(asking)) => asking,
            other => {
                self.busy = other;
                return None;
            }
        };
        let call = asking.call();
        match (asking, reply) {
            (Asking::Batch, DeskReply::Batch(Ok(prepared))) => {
                let some = prepared.filter(|prepared| !prepared.leaves.is_empty());
                let own = some.map(|prepared| Outgoing {
                    kiosk: self.kiosk.clone(),
                    sealed: None,
                    prepared,
                });
                return self.send(now, call, own);
            }
            (
                Asking::Accepted {
                    issuer_size,
                    receipt,
                },
                DeskReply::Accepted(result),
            ) => return self.journalled(now, issuer_size, receipt, result),
            (Asking::Fork, DeskReply::Fork(result)) => self.sealed(now, result),
            (Asking::Sealed, DeskReply::Sealed(Ok(batch))) => {
                return self.send(now, call, batch.map(Outgoing::of_sealed));
            }
            (Asking::Delivered, DeskReply::Delivered(Ok(()))) => self.done(now, call),
            (Asking::Time, DeskReply::Time(Ok(()))) => {
                self.timed = true;
                self.standing.anchored = true;
                self.done(now, call);
            }
            (Asking::Bundle { etag }, DeskReply::Bundle(result)) => {
                self.adopted(now, etag, result);
            }
            (Asking::Presence, DeskReply::Presence(Ok(()))) => self.done(now, call),
            (Asking::Status, DeskReply::Status(Ok(report))) => {
                return self.report(now, *report);
            }
            (
                _,
                DeskReply::Batch(Err(error))
                | DeskReply::Sealed(Err(error))
                | DeskReply::Delivered(Err(error))
                | DeskReply::Time(Err(error))
                | DeskReply::Presence(Err(error))
                | DeskReply::Status(Err(error)),
            ) => self.desk_failed(now, call, &error),
            (asking, _) => {
                // A reply to something else: what was asked is still awaited.
                self.busy = Some(Busy::Asking(asking));
            }
        }
        None
    }

    fn desk_failed(&mut self, now: MonoMs, call: Call, error: &DeskError) {
        match error {
            DeskError::Busy | DeskError::Suspended | DeskError::NotEnrolled => {
                self.back_off(now, call, 0);
                self.record(now, call, Outcome::Journal, Some("journal_busy"));
            }
            DeskError::Late
            | DeskError::Closed
            | DeskError::EnrolledAlready { .. }
            | DeskError::Failed(_) => {
                self.alarm(now, call, Alarm::JournalFailed, Outcome::Journal);
            }
        }
    }

    /// Sends a batch, of the kiosk's own log or of a sealed one. Where there is none, it is looked for again later.
    fn send(&mut self, now: MonoMs, call: Call, batch: Option<Outgoing>) -> Option<Effect> {
        let Some(Outgoing {
            kiosk,
            sealed,
            prepared,
        }) = batch
        else {
            self.jobs[call.index()].due = now.plus_ms(NOTHING_THERE_MS);
            return None;
        };
        let Ok(body) = prepared.to_bytes() else {
            self.alarm(now, call, Alarm::JournalFailed, Outcome::Journal);
            return None;
        };
        let sent = Sent {
            start: prepared.start,
            size: prepared.end(),
            leaves: prepared.leaves.len(),
            bytes: body.len(),
            sealed,
        };
        Some(self.call_as(&kiosk, call, Some(body.into()), Some(sent)))
    }

    fn journalled(
        &mut self,
        now: MonoMs,
        issuer_size: u64,
        receipt: String,
        result: Result<Taken, AcceptedError>,
    ) -> Option<Effect> {
        let taken = match result {
            Ok(taken) => taken,
            Err(AcceptedError::Desk(error)) => {
                self.desk_failed(now, Call::Entries, &error);
                return None;
            }
            Err(AcceptedError::Fault(
                AnswerFault::OtherBranch { .. } | AnswerFault::RolledBack { .. },
            )) => {
                let checkpoint = receipt;
                return Some(self.ask(Asking::Fork, Ask::Fork { checkpoint }));
            }
            Err(AcceptedError::Fault(
                AnswerFault::Receipt(_) | AnswerFault::Short { .. } | AnswerFault::Unsigned { .. },
            )) => {
                let refused = Alarm::ReceiptRefused;
                self.alarm(now, Call::Entries, refused, Outcome::NotOurIssuer);
                return None;
            }
        };
        self.done(now, Call::Entries);
        self.issuer_size = issuer_size;
        self.receipted_size = taken.receipted_size;
        self.gaps = 0;
        // What came in since, the receipt itself included, waits from now on.
        self.riding_since = None;
        self.fitted += 1;
        if self.fitted >= GROW_AFTER {
            self.fitted = 0;
            self.max_entries = (self.max_entries * 2).min(BATCH_ENTRIES);
            self.max_bytes = (self.max_bytes * 2).min(BATCH_BYTES);
        }
        self.ledger_alarm = taken.ledger.is_err().then_some(Alarm::LedgerInconsistent);
        None
    }

    fn adopted(
        &mut self,
        now: MonoMs,
        etag: Option<String>,
        result: Result<crate::desk::InForce, AdoptError>,
    ) {
        match result {
            Ok(_) => {
                self.seen_etag = etag;
                self.bundle_refused = false;
                self.done(now, Call::Bundle);
            }
            Err(AdoptError::Fault(_)) => {
                // Remembered all the same, so that a large bundle that is refused is not fetched again and again.
                self.seen_etag = etag;
                self.bundle_refused = true;
                let refused = Alarm::BundleRefused;
                self.alarm(now, Call::Bundle, refused, Outcome::Refused);
            }
            Err(AdoptError::Desk(error)) => self.desk_failed(now, Call::Bundle, &error),
        }
    }

    fn report(&mut self, now: MonoMs, mut report: KioskStatus) -> Option<Effect> {
        let own = self.status().alarms;
        let new = own.iter().map(|alarm| alarm.as_str().to_owned());
        report.alarms.extend(new);
        report.alarms.dedup();
        report.alarms.truncate(MAX_LIST);
        report.readers.truncate(MAX_LIST);
        let Ok(body) = serde_json::to_vec(&report) else {
            self.alarm(now, Call::Status, Alarm::JournalFailed, Outcome::Journal);
            return None;
        };
        Some(self.call(Call::Status, Some(body.into())))
    }
}

/// Whether a nonce can stand in a signature's parameters.
fn is_nonce(text: &str) -> bool {
    let fits = (1..=MAX_NONCE_BYTES).contains(&text.len());
    fits && text
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// The longest ETag that is kept, in bytes.
const ETAG_BYTES_MAX: usize = 200;

/// Whether an ETag can be sent back in a header.
fn is_etag(text: &str) -> bool {
    (1..=ETAG_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

mod refusals;
mod sealed;
#[cfg(test)]
mod tests;
