//! A keeper that starts anew on a long journal believes what it believed.

use super::*;

impl Bench {
    /// Drops the keeper's state and builds it from the journal, as after a failed commit.
    fn restart(&mut self) {
        self.fail(Some((Step::Begin, Fault::Io)));
        self.scan(&[99]);
        self.fail(None);
        self.keeper.tick();
    }

    fn kept_traces(&self) -> i64 {
        crate::journal::kept_traces(self.keeper.place.folder.path())
    }
}

#[test]
fn a_restart_over_chunks_changes_nothing_that_is_decided() {
    let mut bench = Bench::enrolled();
    let badges: Vec<usize> = (1..60).collect();
    for round in 0..40_u64 {
        bench.ms.store(round * 20_000 + 1, Ordering::Relaxed);
        bench.scan(&badges);
    }
    assert_eq!(bench.kept_traces(), 2);
    bench.restart();
    assert_eq!(bench.kept_traces(), 2, "nothing had to be made again");
    // Even rounds left everybody out, so they come in; whoever comes again at once is a repeat.
    bench.ms.store(41 * 20_000, Ordering::Relaxed);
    assert_eq!(word(&bench.scan(&[1, 1])), ["checked_in", "repeat"]);
    bench.restart();
    assert_eq!(word(&bench.scan(&[1])), ["repeat"]);
    bench.ms.store(42 * 20_000, Ordering::Relaxed);
    let told = bench.scan(&[1]);
    assert_eq!(word(&told), ["checked_out"]);
    let entries = bench.entries();
    let Body::Scan(scan) = &entries[usize::try_from(told[0].1.unwrap()).unwrap()].body else {
        panic!("no scan");
    };
    // The provisional decision rests on scans that came by chunks alone.
    assert!(scan.provisional[0].present_ms > 20 * 20_000 - 60_000);
}
