//! The core driven through simulated time against an issuer, a network and a desk that misbehave by script.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;

use attendance::UtcMs;
use evidence::SigningKey;
use proptest::prelude::*;
use protocol::batch::{self, Leaf};
use protocol::time::{TimeRequest, answer};

use super::*;
use crate::desk::{ForkError, InForce};
use crate::journal::{OwnedLeaf, SealedBatch};
use crate::sync::backoff::BACKOFF_CAP_MS;
use crate::sync::clock::Exchange;
use crate::sync::verify::{BundleFault, ForkFault, LedgerFault};

const HOUR_MS: u64 = 3_600_000;
/// More calls than any of these worlds has reason for: three days offline are some 9,000.
const CALLS_MAX: usize = 20_000;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    RequestLost,
    AnswerLost,
    /// The answer comes after the call was given up, together with that of the next one.
    AnswerLate,
    AnswerTwice,
    StaleNonce,
    Unavailable(u64),
    Stumbles,
    Garbage,
    WrongKey,
    NotFound,
    TooLarge,
    /// The issuer is restored from an older copy first.
    Forgets(usize),
    NonsenseGap,
}

/// What happens at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeskFault {
    None,
    Busy,
    Failed,
    ReceiptRefused,
    OtherBranch,
    /// The checkpoint that comes with the word of a fork proves nothing.
    ForkUnproven,
    LedgerInconsistent,
    BundleRefused,
}

struct World {
    now: MonoMs,
    core: Core,
    key: SigningKey,
    /// The kiosk's log: bytes and whether they merely ride along.
    log: Vec<(Vec<u8>, bool)>,
    receipted: u64,
    /// The issuer's copy.
    held: Vec<Vec<u8>>,
    /// The most it ever held.
    held_most: usize,
    /// More bytes than this in a batch are too large.
    limit_bytes: usize,
    script: VecDeque<Fault>,
    then: Fault,
    desk: DeskFault,
    /// The entries of the sealed log, once there is one, and how many are delivered.
    sealed: Option<(Vec<Vec<u8>>, usize)>,
    /// The refused branch that the issuer keeps.
    branch: Vec<Vec<u8>>,
    /// Whether a refusal carries a checkpoint.
    proves: bool,
    late: Option<Answer>,
    bundle: u64,
    calls: Vec<(MonoMs, Call, Option<String>)>,
    nonces: u64,
}

impl World {
    fn new(script: impl IntoIterator<Item = Fault>) -> Self {
        let key = SigningKey::from_seed(&[9; 32]);
        let core = Core::new(Beginning {
            kiosk: KioskId::new("k1").unwrap(),
            issuer_key: key.public_key(),
            standing: Standing {
                enrolled: true,
                ..Standing::default()
            },
            receipted_size: 0,
            bundle_etag: None,
            seed: 42,
        });
        Self {
            now: MonoMs(1_000),
            core,
            key,
            log: Vec::new(),
            receipted: 0,
            held: Vec::new(),
            held_most: 0,
            limit_bytes: usize::MAX,
            script: script.into_iter().collect(),
            then: Fault::None,
            desk: DeskFault::None,
            sealed: None,
            branch: Vec::new(),
            proves: true,
            late: None,
            bundle: 1,
            calls: Vec::new(),
            nonces: 0,
        }
    }

    fn standing(&self) -> Standing {
        let urgent = self.log.iter().rposition(|(_, rides)| !rides);
        Standing {
            enrolled: true,
            log_size: size(self.log.len()),
            urgent_size: urgent.map_or(0, |last| size(last) + 1),
            anchored: true,
            awaits: self.sealed.is_some(),
            sealed_rest: self
                .sealed
                .as_ref()
                .is_some_and(|(log, delivered)| *delivered < log.len()),
            generation: u64::from(self.sealed.is_some()),
        }
    }

    fn append(&mut self, rides: bool) {
        let number = self.log.len();
        self.log
            .push((format!("{{\"n\":{number}}}").into_bytes(), rides));
    }

    fn scans(&mut self, count: usize) {
        for _ in 0..count {
            self.append(false);
        }
    }

    /// Runs for this long, scanning once at each of the given times.
    fn run(&mut self, for_ms: u64, scans: &[u64]) {
        let end = self.now.plus_ms(for_ms);
        let mut scans: VecDeque<u64> = scans.iter().map(|ms| self.now.0 + ms).collect();
        let mut input = Input::Grew(self.standing());
        while self.now < end {
            input = match self.core.step(self.now, input) {
                None => Input::Tick,
                Some(Effect::Call(request)) => self.network(&request),
                Some(Effect::Ask(ask)) => {
                    self.now = self.now.plus_ms(1);
                    let reply = self.ask(ask);
                    // The thread publishes what the log is before it replies.
                    assert_eq!(self.core.step(self.now, Input::Grew(self.standing())), None);
                    Input::Desk(reply)
                }
                Some(Effect::WaitUntil(until)) => {
                    assert!(until > self.now, "a wait that is over");
                    let next_scan = scans.front().map_or(MonoMs(u64::MAX), |at| MonoMs(*at));
                    if next_scan <= until.min(end) {
                        scans.pop_front();
                        self.now = self.now.max(next_scan);
                        self.append(false);
                        Input::Grew(self.standing())
                    } else {
                        self.now = until.min(end);
                        Input::Tick
                    }
                }
            };
        }
        // What was under way is brought to its end, so that the next run can begin.
        while let Some(effect) = self.core.step(self.now, input) {
            input = match effect {
                Effect::Call(request) => self.network(&request),
                Effect::Ask(ask) => Input::Desk(self.ask(ask)),
                Effect::WaitUntil(_) => break,
            };
        }
    }

    fn network(&mut self, request: &Request) -> Input {
        let nonce = request.nonce.clone();
        self.calls.push((self.now, request.call, nonce));
        assert!(self.calls.len() < CALLS_MAX, "a storm of calls");
        assert_eq!(
            request.nonce.is_none(),
            request.call == Call::Time,
            "all but time is signed"
        );
        let fault = self.script.pop_front().unwrap_or(self.then);
        let id = request.id;
        let sent_raw_ms = self.now.0;
        self.now = self.now.plus_ms(40);
        let lost = |failure| Input::Failed { id, failure };
        if let Some(mut late) = self.late.take() {
            // It must change nothing.
            late.nonce = Some("late".into());
            assert_eq!(self.core.step(self.now, Input::Answer(late)), None);
        }
        let answer = match fault {
            Fault::RequestLost => return lost(Failure::Unreachable),
            Fault::WrongKey => return lost(Failure::WrongKey),
            Fault::StaleNonce => problem(Code::StaleNonce, None),
            Fault::Unavailable(retry_after_s) => Answer {
                retry_after_s: Some(retry_after_s),
                ..problem(Code::Unavailable, None)
            },
            Fault::Stumbles => Answer {
                status: 500,
                ..Answer::default()
            },
            Fault::Garbage => Answer {
                status: 200,
                body: b"<html>".to_vec(),
                ..Answer::default()
            },
            Fault::NotFound => problem(Code::NotFound, None),
            Fault::TooLarge => problem(Code::TooLarge, None),
            Fault::NonsenseGap => problem(Code::Gap, Some(u64::MAX)),
            Fault::Forgets(keep) => {
                self.held.truncate(keep);
                self.issuer(request, sent_raw_ms)
            }
            Fault::None | Fault::AnswerLost | Fault::AnswerLate | Fault::AnswerTwice => {
                self.issuer(request, sent_raw_ms)
            }
        };
        self.nonces += 1;
        let nonce = Some(format!("n{}", self.nonces));
        let answer = Answer {
            id,
            nonce,
            ..answer
        };
        match fault {
            Fault::AnswerLost => lost(Failure::Timeout),
            Fault::AnswerLate => {
                self.late = Some(answer);
                lost(Failure::Timeout)
            }
            Fault::AnswerTwice => {
                self.late = Some(answer.clone());
                Input::Answer(answer)
            }
            _ => Input::Answer(answer),
        }
    }

    fn issuer(&mut self, request: &Request, sent_raw_ms: u64) -> Answer {
        let body = |bytes: Vec<u8>| Answer {
            status: 200,
            body: bytes,
            ..Answer::default()
        };
        match request.call {
            Call::Time => {
                let asked: TimeRequest = clock::request([7; 16]);
                let at = UtcMs(1_800_000_000_000 + i64::try_from(self.now.0).unwrap() - 20);
                let time = answer(&asked, at, at, 1, &self.key);
                Answer {
                    exchange: Some(Exchange {
                        nonce: asked.nonce,
                        sent_raw_ms,
                        received_raw_ms: self.now.0,
                    }),
                    ..body(serde_json::to_vec(&time).unwrap())
                }
            }
            Call::Entries => self.intake(request.body.as_ref().unwrap()),
            Call::Sealed => {
                assert_eq!(request.path, "/v1/kiosks/k0/entries");
                self.intake(request.body.as_ref().unwrap())
            }
            Call::Bundle => {
                let etag = format!("\"{}\"", self.bundle);
                if request.etag.as_ref() == Some(&etag) {
                    return Answer {
                        status: 304,
                        ..Answer::default()
                    };
                }
                Answer {
                    etag: Some(etag),
                    ..body(b"bundle".to_vec())
                }
            }
            Call::Presence => body(br#"{"at":"2026-11-23T09:00:00.000Z","rows":[]}"#.to_vec()),
            Call::Status => {
                let bytes = request.body.as_ref().unwrap();
                serde_json::from_slice::<KioskStatus>(bytes).unwrap();
                Answer {
                    status: 204,
                    ..Answer::default()
                }
            }
        }
    }

    /// Keeps a batch that contradicts what is held, and refuses it with the proof.
    fn keep_branch(&mut self, bytes: &[u8]) -> Answer {
        let batch = batch::read(bytes).unwrap();
        self.branch
            .truncate(usize::try_from(batch.head.start).unwrap());
        for leaf in batch.leaves {
            let Leaf::Entry(entry) = leaf else { panic!() };
            self.branch.push(entry.to_vec());
        }
        let mut refused = Problem::new(Code::Fork, "");
        refused.checkpoint = self.proves.then(|| "held".to_owned());
        refused.kept = Some(size(self.branch.len()));
        Answer {
            status: Code::Fork.status(),
            body: serde_json::to_vec(&refused).unwrap(),
            ..Answer::default()
        }
    }

    fn intake(&mut self, bytes: &[u8]) -> Answer {
        if bytes.len() > self.limit_bytes {
            return problem(Code::TooLarge, None);
        }
        let batch = batch::read(bytes).unwrap();
        let start = usize::try_from(batch.head.start).unwrap();
        if start > self.held.len() && (1..=self.branch.len()).contains(&start) {
            return self.keep_branch(bytes);
        }
        if start > self.held.len() {
            return problem(Code::Gap, Some(size(self.held.len())));
        }
        for (offset, leaf) in batch.leaves.iter().enumerate() {
            let Leaf::Entry(entry) = leaf else { panic!() };
            match self.held.get(start + offset) {
                Some(held) if held != entry => {
                    return self.keep_branch(bytes);
                }
                Some(_) => {}
                None => self.held.push(entry.to_vec()),
            }
        }
        // P2: whatever happened, what is held is the log's beginning, in order, once.
        if self.sealed.is_none() {
            for (held, (own, _)) in self.held.iter().zip(&self.log).skip(start) {
                assert_eq!(held, own);
            }
            assert!(self.held.len() <= self.log.len());
        }
        self.held_most = self.held_most.max(self.held.len());
        let accepted = Accepted {
            size: size(self.held.len()),
            receipt: String::new(),
            ledger: String::new(),
            consistency: Vec::new(),
        };
        Answer {
            status: 200,
            body: serde_json::to_vec(&accepted).unwrap(),
            ..Answer::default()
        }
    }

    fn ask(&mut self, ask: Ask) -> DeskReply {
        let broken = match self.desk {
            DeskFault::Busy => Some(DeskError::Busy),
            DeskFault::Failed => Some(DeskError::Failed("disk".into())),
            _ => None,
        };
        match ask {
            Ask::Batch {
                from,
                max_entries,
                max_bytes,
            } => DeskReply::Batch(
                broken.map_or_else(|| Ok(self.prepare(from, max_entries, max_bytes)), Err),
            ),
            Ask::Accepted { sent, answer } => {
                DeskReply::Accepted(self.accepted(broken, sent, &answer))
            }
            Ask::Fork { .. } if self.desk == DeskFault::ForkUnproven => {
                DeskReply::Fork(Err(ForkError::Fault(ForkFault::Own { size: 1 })))
            }
            Ask::Fork { .. } => {
                if self.sealed.is_none() {
                    let log = std::mem::take(&mut self.log);
                    let entries = log.into_iter().map(|(entry, _)| entry).collect();
                    self.sealed = Some((entries, usize::try_from(self.receipted).unwrap()));
                }
                DeskReply::Fork(Ok(()))
            }
            Ask::Sealed => {
                let batch = self.sealed.as_ref().and_then(|(log, delivered)| {
                    let next = log[*delivered..].iter().take(3);
                    let leaves: Vec<_> = next.cloned().map(OwnedLeaf::Entry).collect();
                    (!leaves.is_empty()).then(|| SealedBatch {
                        number: 1,
                        kiosk: KioskId::new("k0").unwrap(),
                        prepared: Prepared {
                            start: size(*delivered),
                            checkpoint: "c".into(),
                            leaves,
                            ledger_size: 0,
                            ledger: None,
                        },
                    })
                });
                DeskReply::Sealed(broken.map_or(Ok(batch), Err))
            }
            Ask::Delivered { number, size } => {
                assert_eq!(number, 1);
                if let Some((_, delivered)) = &mut self.sealed {
                    *delivered = usize::try_from(size).unwrap();
                }
                DeskReply::Delivered(Ok(()))
            }
            Ask::Time(_) => {
                if broken.is_none() {
                    self.append(true);
                }
                DeskReply::Time(broken.map_or(Ok(()), Err))
            }
            Ask::Bundle { .. } if self.desk == DeskFault::BundleRefused => {
                let fault = BundleFault::Pins("none".into());
                DeskReply::Bundle(Err(fault.into()))
            }
            Ask::Bundle { .. } => DeskReply::Bundle(broken.map_or(
                Ok(InForce {
                    sequence: 1,
                    pins: Vec::new(),
                }),
                |error| Err(error.into()),
            )),
            Ask::Presence(_) => DeskReply::Presence(broken.map_or(Ok(()), Err)),
            Ask::Status => DeskReply::Status(broken.map_or(Ok(Box::default()), Err)),
        }
    }

    fn prepare(&self, from: u64, max_entries: usize, max_bytes: usize) -> Option<Prepared> {
        let start = usize::try_from(from).unwrap();
        let mut bytes = 100;
        let leaves: Vec<OwnedLeaf> = self.log[start..]
            .iter()
            .take(max_entries)
            .enumerate()
            .take_while(|(index, (entry, _))| {
                bytes += entry.len() + 1;
                *index == 0 || bytes <= max_bytes
            })
            .map(|(_, (entry, _))| OwnedLeaf::Entry(entry.clone()))
            .collect();
        (!leaves.is_empty()).then(|| Prepared {
            start: from,
            checkpoint: "c".into(),
            leaves,
            ledger_size: 0,
            ledger: None,
        })
    }

    fn accepted(
        &mut self,
        broken: Option<DeskError>,
        sent: u64,
        answer: &Accepted,
    ) -> Result<Taken, AcceptedError> {
        assert!(sent <= answer.size);
        match self.desk {
            DeskFault::ReceiptRefused => {
                let fault = AnswerFault::Short { receipted: 0, sent };
                return Err(fault.into());
            }
            DeskFault::OtherBranch => {
                return Err(AnswerFault::OtherBranch { size: sent }.into());
            }
            _ => {}
        }
        if let Some(error) = broken {
            return Err(error.into());
        }
        self.receipted = self.receipted.max(answer.size);
        self.append(true);
        self.append(true);
        let ledger = if self.desk == DeskFault::LedgerInconsistent {
            Err(LedgerFault::Inconsistent {
                offered: 1,
                held: 2,
            })
        } else {
            Ok(7)
        };
        Ok(Taken {
            receipted_size: self.receipted,
            ledger,
        })
    }

    fn count(&self, call: Call) -> usize {
        self.calls.iter().filter(|made| made.1 == call).count()
    }

    /// The most calls within any stretch of this length.
    fn densest(&self, within_ms: u64) -> usize {
        let times: Vec<u64> = self.calls.iter().map(|made| made.0.0).collect();
        let ends = times
            .iter()
            .map(|from| times.partition_point(|at| *at < from + within_ms));
        ends.enumerate()
            .map(|(index, end)| end - index)
            .max()
            .unwrap_or(0)
    }

    fn alarms(&self) -> Vec<Alarm> {
        self.core.status().alarms
    }
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

fn problem(code: Code, held: Option<u64>) -> Answer {
    let mut problem = Problem::new(code, "");
    problem.size = held;
    Answer {
        status: code.status(),
        body: serde_json::to_vec(&problem).unwrap(),
        ..Answer::default()
    }
}

#[test]
fn the_first_call_is_for_the_time_and_scans_follow_at_once() {
    let mut world = World::new([]);
    world.scans(3);
    world.run(5_000, &[3_000]);
    let order: Vec<Call> = world.calls.iter().map(|made| made.1).collect();
    use Call::{Bundle, Entries, Presence, Status, Time};
    assert_eq!(order, [Time, Entries, Bundle, Presence, Status, Entries]);
    assert_eq!(world.held.len(), 7, "with the clock entry and the receipt");
    let scanned = world.calls.last().unwrap().0;
    assert!(scanned.0 < 4_000 + 50, "{scanned:?}");
    assert_eq!(world.alarms(), []);
}

#[test]
fn what_rides_along_waits_for_the_beat() {
    let mut world = World::new([]);
    world.scans(1);
    world.run(55_000, &[]);
    assert_eq!(world.count(Call::Entries), 1);
    world.run(HOUR_MS, &[]);
    let batches = world.count(Call::Entries);
    assert!((57..=61).contains(&batches), "{batches}");
    // A scan takes what waits with it and the next beat counts from there.
    world.run(30_000, &[]);
    let before = world.count(Call::Entries);
    world.run(60_000, &[1]);
    assert_eq!(world.count(Call::Entries), before + 1);
}

#[test]
fn a_quiet_hour_is_a_known_number_of_calls() {
    let mut world = World::new([]);
    world.run(HOUR_MS, &[]);
    let made = Call::ALL.map(|call| world.count(call));
    let expected = [60, 60, 0, 120, 240, 240];
    for (made, expected) in made.iter().zip(expected) {
        assert!(made.abs_diff(expected) <= 3, "{made} of {expected}");
    }
}

#[test]
fn days_offline_end_in_order_without_a_storm() {
    let mut world = World::new([]);
    world.run(10_000, &[]);
    world.then = Fault::RequestLost;
    let before = world.calls.len();
    for _ in 0..3 * 24 {
        world.scans(1_000);
        world.run(HOUR_MS, &[]);
    }
    let tries = world.calls.len() - before;
    // Full jitter under a cap of 60 s: one try in 30 s on average.
    assert!((72 * 100..72 * 150).contains(&tries), "{tries}");
    assert!(world.core.status().unreachable_in_row > 1_000);

    world.then = Fault::None;
    let (before, batches) = (world.calls.len(), world.count(Call::Entries));
    world.run(BACKOFF_CAP_MS + 30_000, &[]);
    assert!(world.receipted >= 72_000, "{}", world.receipted);
    let batches = world.count(Call::Entries) - batches;
    assert!((144..=147).contains(&batches), "{batches} of 500 each");
    assert!(world.calls.len() - before < 170);
    // The long way back keeps neither bundle nor status waiting, nor does what they waited for before.
    let since = &world.calls[before..];
    for call in Call::ALL.into_iter().filter(|call| *call != Call::Sealed) {
        let first = since.iter().find(|made| made.1 == call).unwrap().0;
        let after_ms = first.since_ms(since[0].0);
        assert!(after_ms < 1_000, "{call:?} after {after_ms} ms");
    }
    assert_eq!(world.alarms(), []);
}

#[test]
fn every_standing_fault_is_met_with_patience() {
    let faults = [
        (Fault::RequestLost, None),
        (Fault::AnswerLost, None),
        (Fault::AnswerLate, None),
        (Fault::StaleNonce, None),
        (Fault::Unavailable(0), None),
        (Fault::Unavailable(u64::MAX), None),
        (Fault::Stumbles, None),
        (Fault::Garbage, Some(Alarm::AnswerMalformed)),
        (Fault::WrongKey, Some(Alarm::WrongKey)),
        (Fault::NotFound, Some(Alarm::BatchRefused)),
        (Fault::TooLarge, Some(Alarm::EntryTooLarge)),
        (Fault::NonsenseGap, Some(Alarm::AnswerMalformed)),
    ];
    for (fault, alarm) in faults {
        let mut world = World::new([]);
        world.scans(40);
        world.run(45, &[]);
        world.then = fault;
        world.run(HOUR_MS, &[]);
        let calls = world.calls.len();
        // A quiet hour is some 720.
        assert!(calls < 800, "{fault:?}: {calls} calls in an hour");
        assert!(calls > 10, "{fault:?}: it goes on trying");
        let densest = world.densest(10_000);
        assert!(densest <= 20, "{fault:?}: {densest} calls in 10 s");
        if let Some(alarm) = alarm {
            assert!(world.alarms().contains(&alarm), "{fault:?}");
        }
        world.then = Fault::None;
        world.run(400_000, &[]);
        assert!(world.receipted >= 40, "{fault:?}: {}", world.receipted);
        assert_eq!(world.alarms(), [], "{fault:?}: over");
    }
}

#[test]
fn a_stale_nonce_costs_one_more_call_and_no_wait() {
    let mut world = World::new([Fault::None, Fault::StaleNonce]);
    world.scans(1);
    world.run(200, &[]);
    let nonces: Vec<_> = world.calls.iter().take(3).map(|made| &made.2).collect();
    assert_eq!(nonces, [&None, &Some("n1".into()), &Some("n2".into())]);
    assert_eq!(world.held.len(), 2);

    // A second time in a row it waits.
    let mut world = World::new([Fault::None, Fault::StaleNonce, Fault::StaleNonce]);
    world.scans(1);
    world.run(30_000, &[]);
    let order: Vec<Call> = world.calls.iter().take(4).map(|made| made.1).collect();
    use Call::{Bundle, Entries, Time};
    assert_eq!(order, [Time, Entries, Entries, Bundle]);
    assert!(world.receipted >= 1);
}

#[test]
fn a_gap_is_filled_from_what_the_issuer_holds() {
    let mut world = World::new([]);
    world.scans(1_200);
    world.run(5_000, &[]);
    assert!(world.held.len() >= 1_200);
    world.script.push_back(Fault::Forgets(300));
    world.scans(1);
    world.run(30_000, &[]);
    assert!(world.held.len() > 1_200, "{}", world.held.len());
    assert_eq!(world.alarms(), [Alarm::IssuerBehind]);
}

/// A world whose issuer holds another first entry of this log.
fn forked() -> World {
    let mut world = World::new([]);
    world.held = vec![b"another".to_vec()];
    world.scans(8);
    world
}

#[test]
fn a_proven_fork_is_delivered_and_the_fresh_log_waits() {
    let mut world = forked();
    world.run(5_000, &[]);
    let (sealed, delivered) = world.sealed.clone().unwrap();
    assert_eq!(delivered, sealed.len());
    assert_eq!(
        world.branch[..8],
        sealed[..8],
        "every scan is at the issuer"
    );
    // Scans and clock go on in the fresh log, whose entries nobody is sent yet.
    let before = world.count(Call::Entries);
    world.scans(5);
    world.run(HOUR_MS, &[]);
    assert_eq!(world.count(Call::Entries), before);
    assert!(world.log.len() > 5);
    assert!(world.count(Call::Status) > 200);
    assert_eq!(world.held, [b"another".to_vec()]);
}

#[test]
fn a_receipt_over_another_branch_is_taken_to_the_desk() {
    let mut world = World::new([]);
    world.desk = DeskFault::OtherBranch;
    world.scans(2);
    world.run(1_000, &[]);
    assert!(world.sealed.is_some());
}

#[test]
fn a_fork_that_is_not_proven_seals_nothing() {
    let check = |proves: bool, desk: DeskFault| {
        let mut world = forked();
        (world.proves, world.desk) = (proves, desk);
        world.run(HOUR_MS, &[]);
        assert!(world.sealed.is_none());
        assert_eq!(world.alarms(), [Alarm::ForkUnproven]);
        assert!(world.count(Call::Entries) > 10, "it is offered again");
        // Once the word is taken back, all of it arrives.
        world.held.clear();
        world.desk = DeskFault::None;
        world.run(HOUR_MS, &[]);
        assert_eq!(world.alarms(), []);
        assert!(world.held.len() >= 8);
    };
    check(false, DeskFault::None);
    check(true, DeskFault::ForkUnproven);
}

#[test]
fn too_large_is_halved_until_it_fits() {
    let mut world = World::new([]);
    world.scans(500);
    world.limit_bytes = 700;
    world.run(60_000, &[]);
    assert!(world.held.len() >= 500, "{}", world.held.len());
    assert_eq!(world.alarms(), []);
}

#[test]
fn what_is_too_large_is_halved_in_entries_and_in_bytes() {
    let mut world = World::new([]);
    let sent = Sent {
        start: 0,
        size: 9,
        leaves: 9,
        bytes: 701,
        sealed: None,
    };
    world.core.too_large(MonoMs(5), sent);
    assert_eq!((world.core.max_entries, world.core.max_bytes), (4, 350));
}

#[test]
fn gaps_in_a_row_are_met_at_once_and_then_with_patience() {
    let mut world = World::new([]);
    let sent = Sent {
        start: 7,
        size: 9,
        leaves: 2,
        bytes: 10,
        sealed: None,
    };
    let now = MonoMs(1_000_000);
    let mut due = || {
        world.core.gap(now, sent, Some(3));
        world.core.jobs[Call::Entries.index()].due
    };
    for _ in 0..GAPS_IN_ROW {
        assert_eq!(due(), now);
    }
    assert!(due() > now);
}

#[test]
fn a_sealed_batch_goes_on_from_what_is_held_below_it_or_kept_of_it() {
    let sent = |sealed| Sent {
        start: 5,
        size: 9,
        leaves: 4,
        bytes: 10,
        sealed,
    };
    let holds = |sealed, code, held, kept| {
        let ask = sealed::refused(sent(sealed), Some(code), held, kept);
        ask.map(|(_, ask)| match ask {
            Ask::Delivered { number, size } => (number, size),
            other => panic!("{other:?}"),
        })
    };
    for (code, held, kept, expect) in [
        (Code::Gap, Some(4), None, Some((2, 4))),
        (Code::Gap, Some(0), None, Some((2, 0))),
        (Code::Gap, Some(5), None, None),
        (Code::Gap, Some(6), None, None),
        (Code::Fork, None, Some(9), Some((2, 9))),
        (Code::Fork, None, Some(10), Some((2, 10))),
        (Code::Fork, Some(4), Some(8), None),
        (Code::TooLarge, Some(4), Some(9), None),
    ] {
        assert_eq!(
            holds(Some(2), code, held, kept),
            expect,
            "{code:?} {held:?}"
        );
        assert_eq!(holds(None, code, held, kept), None);
    }
}

#[test]
fn what_can_stand_in_a_header_is_told_from_what_cannot() {
    let long = |count| "n".repeat(count);
    for (text, nonce, etag) in [
        (long(1), true, true),
        (long(MAX_NONCE_BYTES), true, true),
        (long(MAX_NONCE_BYTES + 1), false, true),
        (long(ETAG_BYTES_MAX), false, true),
        (long(ETAG_BYTES_MAX + 1), false, false),
        (String::new(), false, false),
        ("a b".into(), false, false),
        ("a\nb".into(), false, false),
        ("\u{fc}".into(), false, false),
        ("a\"b".into(), false, true),
        ("a\\b".into(), false, true),
    ] {
        assert_eq!((is_nonce(&text), is_etag(&text)), (nonce, etag), "{text:?}");
    }
}

#[test]
fn what_the_desk_refuses_is_an_alarm_and_tried_again() {
    let check = |fault: DeskFault, alarm: Option<Alarm>| {
        let mut world = World::new([]);
        world.run(45, &[]);
        world.desk = fault;
        world.bundle += 1;
        world.scans(5);
        world.run(HOUR_MS, &[]);
        assert_eq!(
            world.alarms().into_iter().next(),
            alarm,
            "{fault:?}: {:?}",
            world.alarms()
        );
        assert!(world.calls.len() < 1_000, "{}", world.calls.len());
        world.desk = DeskFault::None;
        world.bundle += 1;
        world.run(200_000, &[]);
        assert_eq!(world.alarms(), [], "{fault:?}");
        assert!(world.receipted >= 5, "{fault:?}");
    };
    check(DeskFault::Busy, None);
    check(DeskFault::Failed, Some(Alarm::JournalFailed));
    check(DeskFault::ReceiptRefused, Some(Alarm::ReceiptRefused));
    check(
        DeskFault::LedgerInconsistent,
        Some(Alarm::LedgerInconsistent),
    );
    check(DeskFault::BundleRefused, Some(Alarm::BundleRefused));
}

#[test]
fn a_refused_bundle_is_fetched_once_and_stays_an_alarm() {
    let mut world = World::new([]);
    world.desk = DeskFault::BundleRefused;
    world.run(HOUR_MS, &[]);
    assert_eq!(world.alarms(), [Alarm::BundleRefused]);
    assert!(world.count(Call::Bundle) >= 100);
    assert_eq!(world.core.seen_etag, Some("\"1\"".into()));
}

#[test]
fn a_lost_anchor_comes_before_anything_else() {
    let mut world = World::new([]);
    world.run(20_000, &[]);
    let before = world.calls.len();
    let woken = Standing {
        anchored: false,
        ..world.standing()
    };
    assert!(world.core.step(world.now, Input::Grew(woken)).is_some());
    world.scans(1);
    world.run(10_000, &[]);
    assert_eq!(world.calls[before].1, Call::Time);
    assert!(world.held.len() > 2);
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => Just(Fault::RequestLost),
        3 => Just(Fault::AnswerLost),
        2 => Just(Fault::AnswerLate),
        2 => Just(Fault::AnswerTwice),
        2 => Just(Fault::StaleNonce),
        1 => (0_u64..400).prop_map(Fault::Unavailable),
        1 => Just(Fault::Stumbles),
        1 => Just(Fault::Garbage),
        1 => Just(Fault::WrongKey),
        1 => Just(Fault::NotFound),
        1 => Just(Fault::TooLarge),
        1 => (0_usize..600).prop_map(Fault::Forgets),
        1 => Just(Fault::NonsenseGap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever network and issuer do for a while, in the end everything is receipted, once and in order (`intake` asserts the order).
    #[test]
    fn everything_is_receipted_in_the_end(
        script in proptest::collection::vec(any_fault(), 0..120),
        backlog in 0_usize..2_000,
        scans in proptest::collection::vec(0_u64..600_000, 0..20),
    ) {
        let mut world = World::new(script);
        world.scans(backlog);
        let mut scans = scans;
        scans.sort_unstable();
        world.run(700_000, &scans);
        // The script is played out within bounded time, and then all is well.
        for _ in 0..48 {
            if world.script.is_empty() {
                break;
            }
            world.run(HOUR_MS / 2, &[]);
        }
        world.run(400_000, &[]);
        prop_assert!(world.script.is_empty());
        let urgent = usize::try_from(world.standing().urgent_size).unwrap();
        prop_assert!(world.held.len() >= urgent, "{} of {urgent}", world.held.len());
        prop_assert!(world.receipted >= size(urgent));
        let behind = world.alarms();
        prop_assert!(behind.iter().all(|alarm| *alarm == Alarm::IssuerBehind), "{behind:?}");
        let densest = world.densest(10_000);
        prop_assert!(densest <= 100, "{densest} calls in 10 s");
    }
}
