//! A log that forked: sealed on proof, gone on from, enrolled anew.

use evidence::Hash;

use super::*;
use crate::desk::ForkError;

/// Another log under the bench's key: the checkpoint of its first `size` entries.
fn other_head(bench: &Bench, size: u64, leaf: u8) -> String {
    let tree: MemoryTree = (0..size)
        .map(|n| evidence::sha256(&[leaf, u8::try_from(n).unwrap()]))
        .collect();
    let head = evidence::Checkpoint::new(&bench.fixture.origin(), size, tree.root()).unwrap();
    sign_checkpoint(&head, &bench.fixture.kiosk)
}

fn fork(bench: &mut Bench, checkpoint: String) -> Result<(), ForkError> {
    bench.ask(|reply| DeskRequest::Fork { checkpoint, reply })
}

#[test]
fn a_fork_is_believed_by_a_checkpoint_alone() {
    let mut bench = Bench::enrolled();
    bench.scan(&[1, 2]);
    let size = bench.journal().size();
    let root = bench.journal().root_at(size).unwrap().unwrap();
    let own = evidence::Checkpoint::new(&bench.fixture.origin(), size, root).unwrap();
    let strangers =
        evidence::Checkpoint::new(&bench.fixture.origin(), size, Hash([7; 32])).unwrap();
    let elsewhere = evidence::Checkpoint::new("x/kiosk/y/z", size, Hash([7; 32])).unwrap();
    let nothing_proven = [
        sign_checkpoint(&own, &bench.fixture.kiosk),
        sign_checkpoint(&strangers, &bench.fixture.issuer),
        sign_checkpoint(&elsewhere, &bench.fixture.kiosk),
        "forked, believe me".to_owned(),
    ];
    for checkpoint in nothing_proven {
        assert!(matches!(
            fork(&mut bench, checkpoint),
            Err(ForkError::Fault(_))
        ));
        assert!(bench.journal().sealed().is_empty());
    }
    for (head, code) in [(size, "forked"), (size + 40, "log_rolled_back")] {
        let mut bench = Bench::enrolled();
        bench.scan(&[1, 2]);
        assert_eq!(bench.journal().size(), size);
        let proof = other_head(&bench, head, 9);
        fork(&mut bench, proof.clone()).unwrap();
        let sealed = &bench.journal().sealed()[0];
        assert_eq!(
            (sealed.code.as_str(), &sealed.proof, sealed.size),
            (code, &proof, size)
        );
    }
}

#[test]
fn a_sealed_kiosk_scans_on_asks_for_staff_and_is_enrolled_anew() {
    let mut bench = Bench::enrolled();
    bench.scan(&[1, 2]);
    let proof = other_head(&bench, 1, 9);
    let before = *bench.watches.standing.borrow();
    fork(&mut bench, proof.clone()).unwrap();
    let after = *bench.watches.standing.borrow();
    assert!(after.generation > before.generation && after.awaits && after.sealed_rest);
    assert_eq!(bench.kinds(), ["boot", "adopt", "note"]);
    // Who was inside still is; green goes on, and the word of the same fork changes nothing more.
    assert_eq!(word(&bench.scan(&[1, 3])), ["checked_out", "checked_in"]);
    fork(&mut bench, proof).unwrap();
    assert_eq!(bench.journal().sealed().len(), 1);
    bench.keeper.tick();
    let alarms = bench.watches.status.borrow().alarms.clone();
    let alarm = alarms
        .iter()
        .find(|alarm| alarm.code == "log_sealed")
        .unwrap();
    assert!(
        alarm.next_step.contains("rollcall-issuer claim --event"),
        "{}",
        alarm.next_step
    );
    assert!(alarms.iter().any(|alarm| alarm.code == "sealed_rest"));
    // After a restart it is so still.
    let journal = Journal::open(
        {
            bench.keeper.state = keeper::State::Down {
                code: "test",
                again_raw_ms: u64::MAX,
            };
            Arc::clone(&bench.keeper.place.folder)
        },
        Disk::with_free(1, |_| Ok(FREE)),
    )
    .unwrap();
    bench.keeper.begin(journal);
    assert_eq!(word(&bench.scan(&[2])), ["checked_out"]);
    // A claim is passed on and is no scan.
    let size = bench.journal().size();
    bench.keeper.record_group(vec![ReaderEvent::Scan(RawScan {
        reader: ReaderId::new(READER).unwrap(),
        symbology: None,
        text: "rollcall1:claim".to_owned(),
        stamp: (bench.keeper.place.clock)(),
    })]);
    assert_eq!(bench.journal().size(), size);
    assert!(bench.claims.try_recv().is_ok());
    // The fresh key is enrolled under another id: entries keep their place, and the door goes on.
    let state = bench.ask(|reply| DeskRequest::State { reply }).unwrap();
    let key = state.log_key.clone().unwrap();
    assert_eq!(
        state.key.clone().unwrap().public_key(),
        bench.fixture.kiosk.public_key()
    );
    assert_eq!(state.sealed.len(), 1);
    let mut enrolment = state.enrolment.unwrap();
    enrolment.kiosk = "hall-2".parse().unwrap();
    enrolment.origin = evidence::kiosk_origin(ISSUER, "hall-2", &key.public_key()).unwrap();
    let bundle = bench.bundle(1);
    let enrolled = Box::new(NewEnrolment {
        enrolment,
        key,
        bundle,
    });
    bench
        .ask(|reply| DeskRequest::Enrol { enrolled, reply })
        .unwrap();
    let standing = *bench.watches.standing.borrow();
    assert!(!standing.awaits && standing.generation > after.generation);
    assert_eq!(
        bench.journal().size(),
        size + 1,
        "with the bundle that came into force"
    );
    let batch = bench.ask(|reply| DeskRequest::Batch {
        from: 0,
        max_entries: 100,
        max_bytes: 1 << 20,
        reply,
    });
    assert_eq!(batch.unwrap().unwrap().end(), size + 1);
    // The sealed log is delivered to its end.
    let batch = bench
        .ask(|reply| DeskRequest::Sealed { reply })
        .unwrap()
        .unwrap();
    let end = batch.prepared.end();
    bench
        .ask(|reply| DeskRequest::Delivered {
            number: batch.number,
            size: end,
            reply,
        })
        .unwrap();
    assert_eq!(bench.ask(|reply| DeskRequest::Sealed { reply }), Ok(None));
    assert!(!bench.watches.standing.borrow().sealed_rest);
}
