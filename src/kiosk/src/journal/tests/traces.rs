//! Chunks beside the entries: committed with them, believed only as part of this log, made again where they are hurt.

use crate::door::Chunk;

use super::*;

/// Entries of a chunk here.
const EVERY: u64 = 10;

/// What was handed on. It packs its entries' indices, so that a chunk says what it is of.
#[derive(Default)]
struct Taken {
    /// Entries known by chunks.
    by_chunk: u64,
    /// Entries that were read.
    read: Vec<u64>,
    waiting: Vec<u64>,
    forgotten: bool,
}

impl Taken {
    fn size(&self) -> u64 {
        self.by_chunk + u64::try_from(self.read.len()).unwrap()
    }
}

fn chunk_of(range: std::ops::Range<u64>) -> Chunk {
    Chunk {
        from: range.start,
        to: range.end,
        bytes: format!("{range:?}").into_bytes(),
    }
}

impl Replay for Taken {
    fn forget(&mut self) {
        *self = Self {
            forgotten: true,
            ..Self::default()
        };
    }

    fn chunk(&mut self, chunk: &Chunk) -> bool {
        assert_eq!(
            *chunk,
            chunk_of(chunk.from..chunk.to),
            "only what was written is handed on"
        );
        assert_eq!(chunk.from, self.by_chunk);
        self.by_chunk = chunk.to;
        true
    }

    fn entry(&mut self, index: u64, _: Option<&[u8]>) {
        assert_eq!(index, self.size());
        self.read.push(index);
        self.waiting.push(index);
    }

    fn due(&mut self) -> Option<Chunk> {
        (self.waiting.len() == usize::try_from(EVERY).unwrap()).then(|| {
            let waiting = std::mem::take(&mut self.waiting);
            chunk_of(waiting[0]..waiting[0] + EVERY)
        })
    }
}

impl Bench {
    /// Opens the journal, reads it, and gives how many entries came by chunks and how many were read.
    fn replayed(&self) -> (Journal, u64, usize) {
        let mut journal = self.open().unwrap();
        let taken = journal.replay(Taken::default()).unwrap();
        assert_eq!(taken.size(), journal.size());
        let read = taken.read.len();
        (journal, taken.by_chunk, read)
    }

    #[track_caller]
    fn check(&self, by_chunk: u64, read: usize) {
        let (_, chunks, entries) = self.replayed();
        assert_eq!((chunks, entries), (by_chunk, read));
    }

    /// A journal of so many entries, written as a kiosk does.
    fn written(entries: u64) -> Self {
        let bench = Self::new();
        let (mut journal, ..) = bench.replayed();
        for end in 1..=entries {
            if end % EVERY == 0 {
                journal.lay_beside(chunk_of(end - EVERY..end));
            }
            journal.append(&lines(end - 1..end)).unwrap();
        }
        bench
    }
}

#[test]
fn a_start_reads_chunks_and_the_entries_after_them() {
    Bench::new().check(0, 0);
    Bench::written(9).check(0, 9);
    Bench::written(10).check(10, 0);
    Bench::written(57).check(50, 7);
}

#[test]
fn a_chunk_is_there_if_and_only_if_its_last_entry_is() {
    for step in [Step::Begin, Step::Commit, Step::Committed] {
        let bench = Bench::written(9);
        let (mut journal, ..) = bench.replayed();
        journal.lay_beside(chunk_of(0..10));
        bench.fail(step, Fault::Io);
        assert!(journal.append(&lines(9..10)).is_err());
        drop(journal);
        match step {
            Step::Committed => bench.check(10, 0),
            _ => bench.check(0, 9),
        }
    }
}

#[test]
fn what_was_hurt_is_read_again_and_made_again() {
    for hurt in [
        "UPDATE traces SET bytes = x'00' WHERE size = 30",
        "UPDATE traces SET bytes = substr(bytes, 2) WHERE size = 30",
        "UPDATE traces SET hash = zeroblob(32) WHERE size = 30",
        "UPDATE traces SET frontier = x'' WHERE size = 30",
        "UPDATE traces SET frontier = (SELECT frontier FROM traces WHERE size = 20) WHERE size = 30",
        "UPDATE traces SET start = 21 WHERE size = 30",
        "UPDATE traces SET size = 31 WHERE size = 30",
        "DELETE FROM traces WHERE size = 30",
    ] {
        let bench = Bench::written(57);
        bench.alter(hurt);
        bench.check(20, 37);
        // That start has kept what it made.
        bench.check(50, 7);
    }
    let bench = Bench::written(57);
    bench.alter("DROP TABLE traces");
    bench.check(0, 57);
    bench.check(50, 7);
}

#[test]
fn chunks_of_another_log_are_not_believed_however_well_they_hang_together() {
    let (bench, other) = (Bench::written(57), Bench::new());
    let (mut journal, ..) = other.replayed();
    journal.append(&lines(100..157)).unwrap();
    drop(journal);
    let folder = bench.folder.path().join("journal.sqlite");
    other.alter(&format!(
        "ATTACH '{}' AS b; DELETE FROM traces; INSERT INTO traces SELECT * FROM b.traces;",
        folder.display()
    ));
    let mut journal = other.open().unwrap();
    let taken = journal.replay(Taken::default()).unwrap();
    assert!(taken.forgotten);
    assert_eq!((taken.by_chunk, taken.read.len()), (0, 57));
    drop(journal);
    // Made anew of its own entries.
    other.check(50, 7);
}

#[test]
fn entries_of_a_program_that_knew_no_chunks_are_the_tail() {
    let bench = Bench::written(20);
    let mut journal = bench.open().unwrap();
    journal.append(&lines(20..45)).unwrap();
    drop(journal);
    bench.check(20, 25);
    bench.check(40, 5);
}

#[test]
fn a_chunk_that_follows_nothing_is_left_out() {
    let bench = Bench::written(20);
    let (mut journal, ..) = bench.replayed();
    for wrong in [chunk_of(21..30), chunk_of(20..29), chunk_of(10..30)] {
        journal.lay_beside(wrong);
        let size = journal.size();
        journal.append(&lines(size..size + 1)).unwrap();
    }
    drop(journal);
    bench.check(20, 3);
}

#[test]
fn a_sealed_log_takes_its_chunks_along_and_the_new_one_begins_its_own() {
    let bench = Bench::written(57);
    let (mut journal, ..) = bench.replayed();
    let at = UtcMs(1_800_000_100_000);
    journal.lay_beside(chunk_of(50..60));
    journal.seal("fork", "proof", at).unwrap();
    for end in 1..=13 {
        if end == EVERY {
            journal.lay_beside(chunk_of(0..EVERY));
        }
        journal.append(&lines(end - 1..end)).unwrap();
    }
    let check = |journal: &Journal| {
        let sealed = journal.replay_sealed(Taken::default()).unwrap();
        assert_eq!((sealed.by_chunk, sealed.read.len()), (50, 7));
    };
    check(&journal);
    drop(journal);
    let (journal, chunks, entries) = bench.replayed();
    assert_eq!((chunks, entries), (10, 3));
    check(&journal);
}

#[test]
fn a_full_disk_keeps_nobody_from_starting() {
    let bench = Bench::written(57);
    bench.alter("DELETE FROM traces");
    bench.free.store(0, Ordering::Relaxed);
    bench.check(0, 57);
    bench.check(0, 57);
    bench.free.store(u64::MAX, Ordering::Relaxed);
    bench.check(0, 57);
    bench.check(50, 7);
}
