//! The core in a small world: simulated time, an issuer, a network and a desk that misbehave by script.

use std::collections::VecDeque;

use attendance::UtcMs;
use evidence::SigningKey;
use protocol::batch::{self, Leaf};
use protocol::problem::{Code, Problem};
use protocol::time::{TimeRequest, answer};

use super::super::*;
use crate::desk::{ForkError, InForce};
use crate::journal::{OwnedLeaf, SealedBatch};
use crate::sync::clock::Exchange;
use crate::sync::verify::{BundleFault, ForkFault, LedgerFault};

/// More calls than any of these worlds has reason for: three days offline are some 9,000.
pub(super) const CALLS_MAX: usize = 20_000;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
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
    /// All is well, and the answer brings no nonce for the next call.
    NoNonce,
    NotFound,
    TooLarge,
    /// The issuer is restored from an older copy first.
    Forgets(usize),
    NonsenseGap,
}

/// What happens at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeskFault {
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

pub(super) struct World {
    pub(super) now: MonoMs,
    pub(super) core: Core,
    pub(super) key: SigningKey,
    /// The kiosk's log: bytes and whether they merely ride along.
    pub(super) log: Vec<(Vec<u8>, bool)>,
    pub(super) receipted: u64,
    /// The issuer's copy.
    pub(super) held: Vec<Vec<u8>>,
    /// The most it ever held.
    pub(super) held_most: usize,
    /// More bytes than this in a batch are too large.
    pub(super) limit_bytes: usize,
    pub(super) script: VecDeque<Fault>,
    pub(super) then: Fault,
    pub(super) desk: DeskFault,
    /// The entries of the sealed log, once there is one, and how many are delivered.
    pub(super) sealed: Option<(Vec<Vec<u8>>, usize)>,
    /// The refused branch that the issuer keeps.
    pub(super) branch: Vec<Vec<u8>>,
    /// Whether a refusal carries a checkpoint.
    pub(super) proves: bool,
    pub(super) late: Option<Answer>,
    pub(super) bundle: u64,
    pub(super) calls: Vec<(MonoMs, Call, Option<String>)>,
    pub(super) nonces: u64,
}

impl World {
    pub(super) fn new(script: impl IntoIterator<Item = Fault>) -> Self {
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

    pub(super) fn standing(&self) -> Standing {
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

    pub(super) fn append(&mut self, rides: bool) {
        let number = self.log.len();
        self.log
            .push((format!("{{\"n\":{number}}}").into_bytes(), rides));
    }

    pub(super) fn scans(&mut self, count: usize) {
        for _ in 0..count {
            self.append(false);
        }
    }

    /// Runs for this long, scanning once at each of the given times.
    pub(super) fn run(&mut self, for_ms: u64, scans: &[u64]) {
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
            Fault::None
            | Fault::NoNonce
            | Fault::AnswerLost
            | Fault::AnswerLate
            | Fault::AnswerTwice => self.issuer(request, sent_raw_ms),
        };
        self.nonces += 1;
        let nonce = (fault != Fault::NoNonce).then(|| format!("n{}", self.nonces));
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

    pub(super) fn count(&self, call: Call) -> usize {
        self.calls.iter().filter(|made| made.1 == call).count()
    }

    /// The most calls within any stretch of this length.
    pub(super) fn densest(&self, within_ms: u64) -> usize {
        let times: Vec<u64> = self.calls.iter().map(|made| made.0.0).collect();
        let ends = times
            .iter()
            .map(|from| times.partition_point(|at| *at < from + within_ms));
        ends.enumerate()
            .map(|(index, end)| end - index)
            .max()
            .unwrap_or(0)
    }

    pub(super) fn alarms(&self) -> Vec<Alarm> {
        self.core.status().alarms
    }
}

pub(super) fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

pub(super) fn problem(code: Code, held: Option<u64>) -> Answer {
    let mut problem = Problem::new(code, "");
    problem.size = held;
    Answer {
        status: code.status(),
        body: serde_json::to_vec(&problem).unwrap(),
        ..Answer::default()
    }
}
