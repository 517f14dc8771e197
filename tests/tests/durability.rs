//! Green after the disk: by its own system calls, a kiosk answers a scan only after a sync of the write-ahead log that holds the entry.
//!
//! The control commits with `synchronous=NORMAL`, which syncs nothing then; the same check must refuse it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use rollcall_tests::programs::run;
use rollcall_tests::skip::skip;
use rollcall_tests::trace::{Judged, can_trace, judge, tracing};
use rollcall_tests::world::{Plan, World, person};

/// Scans of the trace: one by one, and then all at once, so that several share a commit.
const ALONE: usize = 20;
const TOGETHER: usize = 60;
/// Commits of the control.
const COMMITS: usize = 20;

fn cannot(test: &str) -> bool {
    let cannot = !can_trace();
    if cannot {
        skip(
            test,
            "strace is missing or may not trace; apt-get install strace",
        );
    }
    cannot
}

#[test]
fn green_comes_after_the_sync() {
    if cannot("green_comes_after_the_sync") {
        return;
    }
    let mut world = World::new("durability", &Plan::one_long_session(ALONE + TOGETHER));
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&[("main-in", "in"), ("side", "")]);
    let out = world.path("trace");
    let mut daemon = kiosk.start_by(&mut tracing(&out, &kiosk.command(&["run"])));
    daemon.running.signal_its("rollcall-kiosk");
    kiosk.wait_until_attached(&mut daemon);
    for scan in 0..ALONE {
        kiosk.scan(scan % 2, &person(scan));
        assert!(daemon.answer().is_green());
    }
    for scan in ALONE..ALONE + TOGETHER {
        kiosk.scan(scan % 2, &person(scan));
    }
    for _ in ALONE..ALONE + TOGETHER {
        assert!(daemon.answer().is_green());
    }
    daemon.stop();
    let judged = judge(&std::fs::read_to_string(&out).unwrap());
    assert_eq!(judged.faults, [""; 0], "{judged:?}");
    assert_eq!(judged.said, ALONE + TOGETHER);
    assert!(judged.syncs >= ALONE, "{judged:?}");
    println!(
        "durability: {} answers after {} syncs",
        judged.said, judged.syncs
    );
}

fn control(synchronous: &str) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    let (database, out) = (
        folder.path().join("journal.sqlite"),
        folder.path().join("trace"),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_commits"));
    command
        .arg(&database)
        .arg(synchronous)
        .arg(COMMITS.to_string());
    run(&mut tracing(&out, &command), "").ok();
    let judged = judge(&std::fs::read_to_string(&out).unwrap());
    assert_eq!(judged.said, COMMITS);
    judged
}

#[test]
fn the_check_tells_full_from_normal() {
    if cannot("the_check_tells_full_from_normal") {
        return;
    }
    assert_eq!(control("FULL").faults, [""; 0]);
    let normal = control("NORMAL");
    assert_eq!(normal.faults.len(), COMMITS, "{normal:?}");
}
