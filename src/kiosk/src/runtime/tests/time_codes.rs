//! Time codes at a door without network, through the keeper.

use protocol::time_code;

use super::*;

impl Bench {
    fn code(&self, at: UtcMs) -> String {
        time_code::make(at, 250, [0; 3], &self.fixture.issuer)
    }

    fn scan_text(&mut self, text: String) -> Vec<(String, Option<u64>)> {
        let event = self.text(text);
        self.keeper.record_group(vec![event]);
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// What the issuer's clock reads now.
    fn now(&self) -> UtcMs {
        let ms = self.ms.load(Ordering::Relaxed);
        self.start.plus_ms(i64::try_from(ms).unwrap())
    }
}

#[test]
fn a_door_without_time_gets_it_by_a_code_and_keeps_it_over_a_restart() {
    let mut bench = Bench::enrolled();
    bench.unset.store(true, Ordering::Relaxed);
    // Another boot's entries were synchronised; in this one nothing is known after a suspend.
    bench.suspended_ms.store(3_600_000, Ordering::Relaxed);
    bench.ms.store(1_000_000, Ordering::Relaxed);
    bench.keeper.tick();
    assert_eq!(
        bench.watches.status.borrow().standing.state.code(),
        "clock_unset"
    );
    assert_eq!(word(&bench.scan(&[1])), ["checked_in"]);

    bench.ms.store(1_005_000, Ordering::Relaxed);
    let code = bench.code(bench.now());
    let told = bench.scan_text(code.clone());
    assert_eq!(word(&told), ["time_set"]);
    let at = usize::try_from(told[0].1.unwrap()).unwrap();
    let entries = bench.entries();
    assert_eq!(entries[at].body.kind(), "time_code");
    assert_eq!(bench.journal().floor(), bench.now().plus_ms(-250));
    bench.keeper.tick();
    {
        let status = bench.watches.status.borrow();
        assert_ne!(status.standing.state.code(), "clock_unset");
        assert!(status.clock.value.by_time_code && !status.clock.value.anchored);
    }
    // Sync still has to ask for the issuer's time itself.
    assert!(!bench.watches.standing.borrow().anchored);

    // The same code again, at once or after the daemon has started anew, is an old photo of it.
    assert_eq!(word(&bench.scan_text(code.clone())), ["time_code_old"]);
    bench.fail(Some((Step::Begin, Fault::Io)));
    bench.scan(&[2]);
    bench.fail(None);
    bench.keeper.tick();
    assert_eq!(word(&bench.scan_text(code)), ["time_code_old"]);
    let notes: Vec<String> = bench
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Note(note) if note.code.starts_with("time_code") => Some(note.code),
            _ => None,
        })
        .collect();
    assert_eq!(notes, ["time_code_replayed", "time_code_replayed"]);
}

#[test]
fn a_code_and_a_badge_that_wait_together_are_one_commit_in_their_order() {
    let mut bench = Bench::enrolled();
    let code = bench.code(bench.now());
    let group = vec![bench.event(1), bench.text(code), bench.event(2)];
    bench.keeper.record_group(group);
    let told = std::mem::take(&mut *bench.told.lock().unwrap());
    assert_eq!(word(&told), ["checked_in", "time_set", "checked_in"]);
}

#[test]
fn the_floor_rises_with_the_code_only_when_it_is_durable() {
    for step in [Step::Begin, Step::Commit] {
        let mut bench = Bench::enrolled();
        let before = bench.journal().floor();
        let code = bench.code(bench.now().plus_ms(60_000));
        bench.fail(Some((step, Fault::Io)));
        assert_eq!(word(&bench.scan_text(code.clone())), ["disk_failed"]);
        bench.fail(None);
        bench.keeper.tick();
        assert_eq!(bench.journal().floor(), before);
        assert_eq!(word(&bench.scan_text(code)), ["time_set"]);
        assert!(bench.journal().floor() > before);
    }
}

#[test]
fn a_head_is_witnessed_only_where_the_time_is_known() {
    let mut bench = Bench::enrolled();
    bench.unset.store(true, Ordering::Relaxed);
    bench.suspended_ms.store(3_600_000, Ordering::Relaxed);
    bench.keeper.tick();
    let mut ledger = MemoryTree::new();
    ledger.append(evidence::leaf_hash(b"event"));
    let (sent, answer) = bench.accept(&ledger, 0);
    let answer = Box::new(answer);
    let taken = bench.ask(|reply| DeskRequest::Accepted {
        sent,
        answer: answer.clone(),
        reply,
    });
    assert_eq!(taken.unwrap().ledger, Ok(0));
    assert!(!bench.kinds().contains(&"ledger_head"));

    let code = bench.code(bench.now());
    assert_eq!(word(&bench.scan_text(code)), ["time_set"]);
    let taken = bench.ask(|reply| DeskRequest::Accepted {
        sent,
        answer,
        reply,
    });
    assert_eq!(taken.unwrap().ledger, Ok(1));
    assert!(bench.kinds().contains(&"ledger_head"));
}

#[test]
fn the_clocks_are_held_to_the_floor_as_it_rises() {
    let mut bench = Bench::enrolled();
    let clocks = Arc::new(Clocks::open(BUILT_AT).unwrap());
    bench.keeper.place.clocks = Some(Arc::clone(&clocks));
    let code = bench.code(bench.now().plus_ms(86_400_000));
    assert_eq!(word(&bench.scan_text(code)), ["time_set"]);
    assert_eq!(clocks.floor(), bench.journal().floor());
    // A wall clock a day behind what the issuer signed is wrong, whatever the kernel thinks of it.
    assert_eq!(clocks.stamp().sync, Sync::Unset);
}
