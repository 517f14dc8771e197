#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use attendance::UtcMs;
use attendance::time::{Stamp, Sync};
use attendance::words::ReaderId;
use evidence::{MemoryTree, cosign, prove_consistency, sign_checkpoint};
use protocol::batch::Accepted;
use protocol::entry::{Body, Clock as Exchange, Entry, ReaderState, parse};
use protocol::time::{TimeRequest, answer};

use super::*;
use crate::config;
use crate::desk::{AcceptedError, AdoptError, DeskRequest, NewEnrolment};
use crate::feedback::Telling;
use crate::fixture::{Fixture, ISSUER, MINUTE_MS, badge, ticket, ticket_key};
use crate::journal::{Enrolment, Fault, Step};
use crate::readers::{Clock, RawScan};
use crate::sync::verify::{AnswerFault, LedgerFault};

mod board;
mod readers;
mod restart;
mod staff_badges;
mod time_codes;

mod forks;

/// What was told of each scan: verdict or failure, and the entry.
type Told = Arc<Mutex<Vec<(String, Option<u64>)>>>;

struct Listener(Told);

impl Feedback for Listener {
    fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()> {
        let word = match telling.face {
            Face::Result(answer) => answer.verdict.as_str(),
            Face::Failure { code } => code,
            Face::Time(answer) => answer.code(),
            Face::NotSetUp => "not_set_up",
            Face::Staff(answer) => answer.code(),
            Face::Idle { .. } => "idle",
        };
        let told = (word.to_owned(), telling.entry);
        self.0.lock().unwrap().push(told);
        Ok(())
    }
}

/// A keeper on a disk and clocks that do as they are told.
struct Bench {
    keeper: Keeper,
    told: Told,
    fault: Arc<Mutex<Option<(Step, Fault)>>>,
    free: Arc<AtomicU64>,
    suspended_ms: Arc<AtomicU64>,
    ms: Arc<AtomicU64>,
    /// Whether the wall clock was never set.
    unset: Arc<AtomicBool>,
    fixture: Fixture,
    start: UtcMs,
    watches: Watches,
    claims: mpsc::Receiver<Zeroizing<String>>,
    _folder: tempfile::TempDir,
}

const FREE: u64 = 1 << 30;
const READER: &str = "main";

impl Bench {
    fn enrolled() -> Self {
        let mut bench = Self::new();
        bench.enrol().unwrap();
        bench
    }

    fn new() -> Self {
        Self::with_reader("kind = \"lines\"\npath = \"-\"")
    }

    /// One whose reader's block says this.
    fn with_reader(block: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let text = format!(
            "data_dir = {:?}\n[[reader]]\nname = \"{READER}\"\n{block}\n",
            temporary.path()
        );
        let config = config::parse(&text, "test").unwrap();
        let folder = Arc::new(Folder::take(temporary.path()).unwrap());
        let fault: Arc<Mutex<Option<(Step, Fault)>>> = Arc::default();
        let free = Arc::new(AtomicU64::new(FREE));
        let suspended_ms = Arc::new(AtomicU64::new(0));
        let ms = Arc::new(AtomicU64::new(1));
        let unset = Arc::new(AtomicBool::new(false));
        let start = kernel::wall_now();
        let disk = {
            let (fault, free) = (Arc::clone(&fault), Arc::clone(&free));
            move || {
                let (fault, free) = (Arc::clone(&fault), Arc::clone(&free));
                Disk::with_free(1 << 20, move |_| Ok(free.load(Ordering::Relaxed))).failing(
                    move |step| match *fault.lock().unwrap() {
                        Some((at, what)) if at == step => Some(what),
                        _ => None,
                    },
                )
            }
        };
        let boot = Clocks::open(BUILT_AT).unwrap().boot().clone();
        let clock: Clock = {
            let (ms, unset) = (Arc::clone(&ms), Arc::clone(&unset));
            Arc::new(move || {
                let raw_ms = ms.load(Ordering::Relaxed);
                if unset.load(Ordering::Relaxed) {
                    return Stamp {
                        wall: UtcMs::DISTANT_PAST.plus_ms(i64::try_from(raw_ms).unwrap()),
                        boot: boot.clone(),
                        raw_ms,
                        sync: Sync::Unset,
                        error_ms: None,
                    };
                }
                Stamp {
                    wall: start.plus_ms(i64::try_from(raw_ms).unwrap()),
                    boot: boot.clone(),
                    raw_ms,
                    sync: Sync::Synced,
                    error_ms: Some(5),
                }
            })
        };
        let journal = Journal::open(Arc::clone(&folder), disk()).unwrap();
        let (mut outlets, watches, claims) = outlets(&config, None, &Answers::default()).unwrap();
        let told = Told::default();
        outlets.sinks = Sinks::new(vec![Box::new(Listener(Arc::clone(&told)))]);
        let suspended = Arc::clone(&suspended_ms);
        let place = Place {
            folder,
            disk: Box::new(disk),
            clock,
            clocks: None,
            boottime_ms: Box::new(kernel::boottime_ms),
            suspended_ms: Box::new(move || suspended.load(Ordering::Relaxed)),
            built_at: BUILT_AT,
            reopen_ms: 0,
            sync: watches.sync.clone(),
            config,
        };
        let (ready, _) = oneshot::channel();
        Self {
            keeper: Keeper::start(place, outlets, journal, ready),
            told,
            fault,
            free,
            suspended_ms,
            ms,
            unset,
            fixture: Fixture::default(),
            start,
            watches,
            claims,
            _folder: temporary,
        }
    }

    fn ask<T>(&mut self, request: impl FnOnce(crate::desk::Reply<T>) -> DeskRequest) -> T {
        let (reply, mut answer) = oneshot::channel();
        self.keeper.serve(request(reply));
        answer.try_recv().ok().unwrap()
    }

    fn bundle(&self, sequence: u64) -> Vec<u8> {
        let (from, to) = (
            self.start.plus_ms(-MINUTE_MS),
            self.start.plus_ms(60 * MINUTE_MS),
        );
        self.fixture
            .signed(&self.fixture.bundle(sequence, 100, from, to))
    }

    fn enrol(&mut self) -> Result<(), DeskError> {
        let enrolment = Enrolment {
            kiosk: self.fixture.kiosk_id(),
            event: self.fixture.event(),
            issuer: ISSUER.to_owned(),
            issuer_key: self.fixture.issuer.public_key(),
            url: "http://127.0.0.1:9".to_owned(),
            tls_pin: None,
            origin: self.fixture.origin(),
            badge_key: self.fixture.badge_key.clone(),
        };
        let enrolled = Box::new(NewEnrolment {
            enrolment,
            key: self.fixture.kiosk.clone(),
            bundle: self.bundle(1),
        });
        self.ask(|reply| DeskRequest::Enrol { enrolled, reply })
    }

    fn event(&self, number: usize) -> ReaderEvent {
        self.text(badge(number))
    }

    fn text(&self, text: String) -> ReaderEvent {
        ReaderEvent::Scan(RawScan {
            reader: ReaderId::new(READER).unwrap(),
            symbology: None,
            text,
            stamp: (self.keeper.place.clock)(),
        })
    }

    fn scan(&mut self, numbers: &[usize]) -> Vec<(String, Option<u64>)> {
        let group = numbers.iter().map(|number| self.event(*number)).collect();
        self.keeper.record_group(group);
        std::mem::take(&mut self.told.lock().unwrap())
    }

    fn fail(&self, fault: Option<(Step, Fault)>) {
        *self.fault.lock().unwrap() = fault;
    }

    fn journal(&self) -> &Journal {
        match &self.keeper.state {
            keeper::State::Recording(recorder) => &recorder.journal,
            keeper::State::NotSetUp(journal) => journal,
            keeper::State::Down { code, .. } => panic!("down: {code}"),
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.journal()
            .for_each(0, |_, _, bytes| {
                entries.push(parse(bytes.unwrap()).unwrap());
                Ok::<(), JournalError>(())
            })
            .unwrap();
        entries
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.entries()
            .iter()
            .map(|entry| entry.body.kind())
            .collect()
    }

    /// The issuer's answer to everything there is, with the ledger's head.
    fn accept(&mut self, ledger: &MemoryTree, held: u64) -> (u64, Accepted) {
        let batch = self.ask(|reply| DeskRequest::Batch {
            from: 0,
            max_entries: 1_000,
            max_bytes: 1 << 20,
            reply,
        });
        let batch = batch.unwrap().unwrap();
        let time_s = u64::try_from(self.start.0 / 1_000).unwrap();
        let receipt = cosign(&batch.checkpoint, ISSUER, &self.fixture.issuer, time_s).unwrap();
        let head = evidence::Checkpoint::new(&self.fixture.ledger(), ledger.size(), ledger.root())
            .unwrap();
        let proof = prove_consistency(held, ledger.size(), ledger).unwrap();
        let answer = Accepted {
            size: batch.end(),
            receipt,
            ledger: sign_checkpoint(&head, &self.fixture.issuer),
            consistency: proof.0.iter().map(|hash| hash.to_base64()).collect(),
        };
        (batch.end(), answer)
    }
}

fn word(told: &[(String, Option<u64>)]) -> Vec<&str> {
    told.iter().map(|(word, _)| word.as_str()).collect()
}

#[test]
fn a_group_is_one_commit_and_is_answered_in_order() {
    let mut bench = Bench::enrolled();
    let commits = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&commits);
    let told = Arc::clone(&bench.told);
    let fault = Disk::with_free(1, |_| Ok(FREE)).failing(move |step| {
        // Nobody is told anything before the commit is done.
        assert!(told.lock().unwrap().is_empty(), "{step:?}");
        counted.fetch_add(u64::from(step == Step::Committed), Ordering::Relaxed);
        None
    });
    bench.keeper.state = keeper::State::Down {
        code: "test",
        again_raw_ms: u64::MAX,
    };
    let journal = Journal::open(Arc::clone(&bench.keeper.place.folder), fault).unwrap();
    bench.keeper.begin(journal);
    let before = commits.load(Ordering::Relaxed);
    let told = bench.scan(&[1, 2, 3, 1, 4, 200]);
    assert_eq!(commits.load(Ordering::Relaxed), before + 1);
    let expected = [
        "checked_in",
        "checked_in",
        "checked_in",
        "repeat",
        "checked_in",
        "unknown_badge",
    ];
    assert_eq!(word(&told), expected);
    let entries: Vec<u64> = told.iter().map(|(_, entry)| entry.unwrap()).collect();
    assert!(
        entries.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{entries:?}"
    );
}

/// Each step of the commit × each fault: no green, and recovery without a hand.
#[test]
fn a_failed_commit_is_never_green_and_the_kiosk_recovers_by_itself() {
    for (step, persists) in [
        (Step::Begin, false),
        (Step::Commit, false),
        (Step::Committed, true),
    ] {
        for (fault, code) in [(Fault::Full, "disk_full"), (Fault::Io, "disk_failed")] {
            let case = format!("{step:?} {fault:?}");
            let mut bench = Bench::enrolled();
            assert_eq!(word(&bench.scan(&[1])), ["checked_in"]);
            bench.fail(Some((step, fault)));
            let told = bench.scan(&[2, 3]);
            assert_eq!(
                told,
                [(code.to_owned(), None), (code.to_owned(), None)],
                "{case}"
            );
            assert_eq!(
                word(&bench.scan(&[4])),
                [code],
                "{case}: no green meanwhile"
            );
            assert!(!bench.keeper.tick(), "{case}: the disk still fails");
            assert_eq!(word(&bench.scan(&[4])), [code], "{case}");
            bench.fail(None);
            assert!(bench.keeper.tick(), "{case}: it recovers");
            // Who was answered with a failure is asked to come again, and is not turned around.
            let again = if persists { "repeat" } else { "checked_in" };
            assert_eq!(word(&bench.scan(&[2, 4])), [again, "checked_in"], "{case}");
            bench.journal().verify_all().unwrap();
            let entries = bench.entries().into_iter();
            let notes = entries.filter_map(|entry| match entry.body {
                Body::Note(note) => Some(note),
                _ => None,
            });
            let recovered = notes.last().unwrap();
            assert_eq!(recovered.code, "recovered", "{case}");
            assert_eq!(recovered.numbers["unrecorded"], 4, "{case}");
        }
    }
}

#[test]
fn a_disk_that_runs_full_stops_green_and_room_brings_it_back() {
    let mut bench = Bench::enrolled();
    bench.free.store(5, Ordering::Relaxed);
    assert_eq!(word(&bench.scan(&[1])), ["disk_full"]);
    assert!(!bench.keeper.tick());
    assert!(
        matches!(&*bench.watches.resting.borrow(), Face::Failure { code } if code == "disk_full")
    );
    let status = bench.watches.status.borrow().clone();
    assert_eq!(
        status.standing.state,
        crate::screen::view::State::NotRecording
    );
    assert!(
        status.alarms.iter().any(|alarm| alarm.code == "disk_full"),
        "{:?}",
        status.alarms
    );
    bench.free.store(FREE, Ordering::Relaxed);
    assert!(bench.keeper.tick());
    assert_eq!(word(&bench.scan(&[1])), ["checked_in"]);
    assert!(matches!(
        &*bench.watches.resting.borrow(),
        Face::Idle { .. }
    ));
}

#[test]
fn a_disk_that_fills_between_scans_is_noticed_before_the_next() {
    let mut bench = Bench::enrolled();
    bench.free.store(5, Ordering::Relaxed);
    assert!(!bench.keeper.tick());
    assert_eq!(word(&bench.scan(&[1])), ["disk_full"]);
}

#[test]
fn before_enrolment_scans_are_answered_and_not_recorded() {
    let mut bench = Bench::new();
    assert_eq!(bench.scan(&[1]), [("not_set_up".to_owned(), None)]);
    assert_eq!(bench.journal().size(), 0);
    assert!(bench.keeper.tick());
    bench.enrol().unwrap();
    bench.enrol().unwrap();
    assert_eq!(word(&bench.scan(&[1])), ["checked_in"]);
    assert_eq!(bench.kinds(), ["boot", "adopt", "scan"]);
    assert!(bench.watches.standing.borrow().enrolled);
    assert_eq!(bench.watches.info.borrow().kiosk, "Main door");
}

#[test]
fn a_scanned_claim_is_handed_on_and_not_recorded() {
    let mut bench = Bench::new();
    let claim = |bench: &Bench| {
        ReaderEvent::Scan(RawScan {
            text: "rollcall1:abc".to_owned(),
            ..match bench.event(1) {
                ReaderEvent::Scan(scan) => scan,
                other => panic!("{other:?}"),
            }
        })
    };
    bench.keeper.record_group(vec![claim(&bench)]);
    assert_eq!(*bench.claims.try_recv().unwrap(), "rollcall1:abc");
    assert_eq!(bench.journal().size(), 0);
    bench.enrol().unwrap();
    bench.keeper.record_group(vec![claim(&bench)]);
    assert!(bench.claims.try_recv().is_err(), "whose it is stays so");
}

#[test]
fn an_enrolment_that_fails_can_be_made_again() {
    for step in [Step::Begin, Step::Commit, Step::Committed] {
        let mut bench = Bench::new();
        bench.fail(Some((step, Fault::Io)));
        assert!(bench.enrol().is_err());
        assert_eq!(word(&bench.scan(&[1])), ["disk_failed"]);
        bench.fail(None);
        assert!(bench.keeper.tick());
        bench.enrol().unwrap();
        assert_eq!(word(&bench.scan(&[1])), ["checked_in"]);
    }
}

#[test]
fn readers_and_suspends_stand_in_the_journal() {
    let mut bench = Bench::enrolled();
    let reader = ReaderId::new(READER).unwrap();
    let rubbish = |count| ReaderEvent::Rejected {
        reader: reader.clone(),
        code: crate::readers::Refusal::TooLong,
        count,
    };
    let attached = ReaderEvent::Attached {
        reader: reader.clone(),
    };
    bench.keeper.record_group(vec![attached, rubbish(99)]);
    bench.keeper.record_group(vec![rubbish(1)]);
    bench.suspended_ms.store(5_000, Ordering::Relaxed);
    assert!(bench.keeper.tick());
    assert!(bench.keeper.tick());
    assert_eq!(bench.kinds(), ["boot", "adopt", "reader", "reader", "boot"]);
    let states: Vec<(ReaderState, u64)> = bench
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Reader(reader) => Some((reader.state, reader.refused)),
            _ => None,
        })
        .collect();
    assert_eq!(
        states,
        [(ReaderState::Attached, 0), (ReaderState::Flooding, 100)]
    );
}

#[test]
fn nobody_is_named_where_nobody_is_to_be() {
    struct Words(Arc<Mutex<Vec<String>>>);
    impl Feedback for Words {
        fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()> {
            self.0.lock().unwrap().push(telling.text.to_owned());
            Ok(())
        }
    }
    let mut bench = Bench::enrolled();
    let words = Arc::<Mutex<Vec<String>>>::default();
    bench.keeper.outlets.sinks = Sinks::new(vec![Box::new(Words(Arc::clone(&words)))]);
    for (number, names) in [(1, true), (2, false)] {
        bench.keeper.outlets.names = names;
        let event = bench.event(number);
        bench.keeper.record_group(vec![event]);
        let said = words.lock().unwrap().pop().unwrap();
        assert_eq!(said.contains("Ada"), names, "{said}");
    }
}

#[test]
fn a_receipt_and_the_ledger_are_journalled_and_ride_along() {
    let mut bench = Bench::enrolled();
    bench.scan(&[1]);
    let ledger: MemoryTree = (0..5).map(|n: u8| evidence::leaf_hash(&[n])).collect();
    let (sent, answer) = bench.accept(&ledger, 0);
    let answer = Box::new(answer);
    let again = answer.clone();
    let taken = bench.ask(|reply| DeskRequest::Accepted {
        sent,
        answer,
        reply,
    });
    let taken = taken.unwrap();
    assert_eq!((taken.receipted_size, taken.ledger), (3, Ok(5)));
    assert_eq!(
        bench.kinds(),
        ["boot", "adopt", "scan", "receipt", "ledger_head"]
    );
    let state = bench.ask(|reply| DeskRequest::State { reply }).unwrap();
    assert_eq!(
        (state.receipted_size, state.backlog, state.ledger_size),
        (3, 2, 5)
    );
    assert!(state.rides_along_only());
    // The answer that came twice changes nothing.
    let mut again = again;
    again.consistency = Vec::new();
    let taken = bench.ask(|reply| DeskRequest::Accepted {
        sent,
        answer: again,
        reply,
    });
    assert_eq!(taken.unwrap().ledger, Ok(5));
    assert_eq!(bench.kinds().len(), 5);
    bench.scan(&[2]);
    assert!(
        !bench
            .ask(|reply| DeskRequest::State { reply })
            .unwrap()
            .rides_along_only()
    );
    // A ledger that was rewritten is refused, and the receipt beside it stands.
    let other: MemoryTree = (0..9).map(|n: u8| evidence::leaf_hash(&[n, n])).collect();
    let (sent, answer) = bench.accept(&other, 5);
    let answer = Box::new(answer);
    let taken = bench
        .ask(|reply| DeskRequest::Accepted {
            sent,
            answer,
            reply,
        })
        .unwrap();
    assert!(matches!(
        taken.ledger,
        Err(LedgerFault::Inconsistent { .. })
    ));
    assert_eq!(taken.receipted_size, sent);
    assert_eq!(bench.journal().ledger().unwrap().size, 5);
}

#[test]
fn a_receipt_by_somebody_else_is_refused() {
    let mut bench = Bench::enrolled();
    let ledger = MemoryTree::new();
    let (sent, mut answer) = bench.accept(&ledger, 0);
    answer.receipt = answer.receipt.replace(ISSUER, "ce.example.net");
    let answer = Box::new(answer);
    let refused = bench.ask(|reply| DeskRequest::Accepted {
        sent,
        answer,
        reply,
    });
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, AcceptedError::Fault(AnswerFault::Receipt(_))),
        "{refused}"
    );
    assert_eq!(bench.journal().receipted(), 0);
}

#[test]
fn a_newer_bundle_comes_into_force_and_an_older_one_does_not() {
    let mut bench = Bench::enrolled();
    let mut offer = |sequence| {
        let signed = bench.bundle(sequence);
        let etag = Some(format!("e-{sequence}"));
        bench.ask(|reply| DeskRequest::Bundle {
            signed,
            etag,
            reply,
        })
    };
    assert_eq!(offer(3).unwrap().sequence, 3);
    assert_eq!(offer(3).unwrap().sequence, 3);
    assert!(matches!(offer(2), Err(AdoptError::Fault(_))));
    let signed = b"rubbish\n{}".to_vec();
    let refused = bench.ask(|reply| DeskRequest::Bundle {
        signed,
        etag: None,
        reply,
    });
    assert!(matches!(refused, Err(AdoptError::Fault(_))));
    assert_eq!(bench.kinds(), ["boot", "adopt", "adopt"]);
    let state = bench.ask(|reply| DeskRequest::State { reply }).unwrap();
    assert_eq!(state.bundle_sequence, Some(3));
    assert_eq!(state.bundle_etag.as_deref(), Some("e-3"));
    let told = bench.scan(&[1]);
    assert_eq!(word(&told), ["checked_in"]);
    let scan = bench.entries().pop().unwrap();
    assert!(matches!(scan.body, Body::Scan(scan) if scan.bundle == 3));
}

/// Brings into force what a newer issuer made.
fn offer_changed(bench: &mut Bench, change: impl FnOnce(&mut protocol::bundle::Bundle)) {
    let (from, to) = (bench.start, bench.start.plus_ms(60 * MINUTE_MS));
    let mut bundle = bench.fixture.bundle(7, 100, from, to);
    change(&mut bundle);
    let signed = bench.fixture.signed(&bundle);
    let etag = None;
    let adopted = bench.ask(|reply| DeskRequest::Bundle {
        signed,
        etag,
        reply,
    });
    assert_eq!(adopted.unwrap().sequence, 7);
}

#[test]
fn rules_of_a_newer_issuer_are_an_alarm_and_the_rest_of_the_bundle_is_in_force() {
    let mut bench = Bench::enrolled();
    offer_changed(&mut bench, |bundle| {
        let rules = &mut bundle.rules[0];
        rules.text.push_str("newer_key = 1\n");
        rules.hash = evidence::sha256(rules.text.as_bytes()).to_hex();
        bundle.agenda.programmes[0].rules = Some(rules.hash.clone());
    });
    assert_eq!(word(&bench.scan(&[1])), ["checked_in"]);
    let scan = bench.entries().pop().unwrap();
    assert!(
        matches!(scan.body, Body::Scan(scan) if scan.bundle == 7 && scan.provisional.is_empty())
    );
    bench.keeper.tick();
    let alarms = bench.watches.status.borrow().alarms.clone();
    let unread = alarms.iter().find(|alarm| alarm.code == "rules_unread");
    let step = &unread.unwrap().next_step;
    assert!(
        step.contains("day-1") && step.contains("newer_key"),
        "{step}"
    );
    assert_eq!(bench.keeper.kiosk_status().alarms, ["rules_unread", "lost"]);
}

#[test]
fn a_refused_ticket_is_a_scan_and_a_note_in_one_commit() {
    let mut bench = Bench::enrolled();
    offer_changed(&mut bench, |bundle| {
        bundle.tickets = vec![ticket_key().public_key()];
    });
    let other = evidence::SigningKey::from_seed(&[9; 32]);
    let good = bench.text(ticket("one", None, None, &ticket_key()));
    let foreign = bench.text(ticket("one", None, None, &other));
    let size = bench.journal().size();
    let last = bench.event(1);
    bench.keeper.record_group(vec![foreign, good, last]);
    let told = std::mem::take(&mut *bench.told.lock().unwrap());
    let expected = [
        ("unknown_badge", size),
        ("checked_in", size + 2),
        ("checked_in", size + 3),
    ];
    let expected = expected.map(|(word, index)| (word.to_owned(), Some(index)));
    assert_eq!(told, expected);
    let entries = bench.entries();
    let at = usize::try_from(size).unwrap();
    let Body::Note(note) = &entries[at + 1].body else {
        panic!("{:?}", entries[at + 1]);
    };
    assert_eq!(note.code, "ticket_unsigned");
    assert_eq!(note.numbers["scan"], i64::try_from(size).unwrap());
    assert_eq!(entries[at].stamp, entries[at + 1].stamp);
}

#[test]
fn time_is_taken_from_the_issuer_alone() {
    let mut bench = Bench::enrolled();
    let request = TimeRequest {
        nonce: "0".repeat(32),
    };
    let at = bench.start.plus_ms(86_400_000);
    let exchange = |key: &evidence::SigningKey| {
        let answer = answer(&request, at, at, 7, key);
        Exchange {
            nonce: answer.nonce,
            sent_raw_ms: 1,
            issuer_received: answer.received,
            issuer_sent: answer.sent,
            received_raw_ms: 2,
            issuer_error_ms: answer.error_ms,
            signature: answer.signature,
        }
    };
    let forged = exchange(&bench.fixture.kiosk);
    let refused = bench.ask(|reply| DeskRequest::Time {
        clock: forged,
        reply,
    });
    assert!(refused.is_err());
    assert!(bench.journal().floor() < at);
    assert!(!bench.watches.standing.borrow().anchored);
    let clock = exchange(&bench.fixture.issuer);
    bench
        .ask(|reply| DeskRequest::Time { clock, reply })
        .unwrap();
    assert_eq!(bench.journal().floor(), at.plus_ms(-7));
    assert!(bench.watches.standing.borrow().anchored);
    let status = bench.ask(|reply| DeskRequest::Status { reply }).unwrap();
    let offset_ms = status.clock_offset_ms.unwrap();
    assert!(
        (-86_401_000..-86_390_000).contains(&offset_ms),
        "{offset_ms}"
    );
}

#[test]
fn what_is_asked_of_a_failed_journal_is_answered_so() {
    let mut bench = Bench::enrolled();
    bench.fail(Some((Step::Commit, Fault::Io)));
    let batch = bench.ask(|reply| DeskRequest::Batch {
        from: 0,
        max_entries: 9,
        max_bytes: 9_000,
        reply,
    });
    assert!(matches!(batch, Err(DeskError::Failed(_))), "{batch:?}");
    assert_eq!(word(&bench.scan(&[1])), ["disk_failed"]);
    assert!(matches!(
        bench.ask(|reply| DeskRequest::State { reply }),
        Err(DeskError::Failed(_))
    ));
}

#[test]
fn a_door_built_anew_believes_what_was_recorded() {
    let mut bench = Bench::enrolled();
    bench.scan(&[1, 2]);
    bench.ms.store(60_000, Ordering::Relaxed);
    bench.fail(Some((Step::Commit, Fault::Io)));
    // It would have been a check-out; nobody recorded it.
    assert_eq!(word(&bench.scan(&[1])), ["disk_failed"]);
    bench.fail(None);
    assert!(bench.keeper.tick());
    assert_eq!(word(&bench.scan(&[1])), ["checked_out"]);
}

#[tokio::test]
async fn the_resting_face_comes_back_after_an_answer() {
    let (faces, mut face) = watch::channel(Face::NotSetUp);
    let idle = Face::Idle {
        direction: None,
        clock_ok: true,
    };
    let (_resting, resting) = watch::channel(idle.clone());
    tokio::spawn(rest(faces.clone(), resting));
    let failure = Face::Result(crate::screen::view::Answer {
        verdict: attendance::words::Verdict::CheckedIn,
        direction: attendance::words::Direction::In,
        since_ms: None,
        name: None,
        provisional: None,
        language: None,
        short_code: None,
    });
    faces.send_replace(failure);
    face.mark_unchanged();
    face.changed().await.unwrap();
    assert_eq!(*face.borrow(), idle);
}
