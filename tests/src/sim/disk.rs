//! A disk between the program and the files: what it holds when the power goes, and when it is full or fails.
//!
//! The files are real ones, written by the real SQLite. What a disk may hold after a power cut is known at two moments: before a commit it is
//! the files as they are, since the commit before was synced; after a commit it is the files as they are then. Cut within a commit, the disk
//! holds the first and any of the sectors that differ, in whatever order they were written, the last of them torn. One barrier is kept, as
//! SQLite keeps it: a write-ahead log that begins anew has its header synced before its frames are written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kiosk::journal::{Disk, Fault, Step};

use crate::random::Random;

/// What is written whole or, at the worst, in part.
const SECTOR: usize = 512;
/// The header of a write-ahead log.
const WAL_HEADER: usize = 32;
/// Bytes that are free where nothing is wrong.
const FREE: u64 = 1 << 30;
/// Bytes that have to be free.
const MIN_FREE: u64 = 1 << 20;

/// A database's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    database: Vec<u8>,
    wal: Vec<u8>,
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn read(path: &Path) -> Vec<u8> {
    match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

impl Image {
    /// The files of this database as they are.
    pub fn of(path: &Path) -> Self {
        Self {
            database: read(path),
            wal: read(&beside(path, "-wal")),
        }
    }

    /// Puts the files back as they were. Nobody may have them open.
    pub fn restore(&self, path: &Path) {
        for end in ["-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(beside(path, end));
        }
        std::fs::write(path, &self.database).unwrap();
        if !self.wal.is_empty() {
            std::fs::write(beside(path, "-wal"), &self.wal).unwrap();
        }
    }

    /// What a disk may hold that was to go from one image to the other.
    pub fn torn(before: &Self, after: &Self, random: &mut Random) -> Self {
        if before.database != after.database {
            // A checkpoint: the write-ahead log was synced before, and begins anew or is cut only after the database was synced.
            let database = mixed(&before.database, &after.database, 0, random);
            if database == after.database && random.below(2) == 0 {
                let wal = after.wal.clone();
                return Self { database, wal };
            }
            let wal = before.wal.clone();
            return Self { database, wal };
        }
        let database = after.database.clone();
        let headers_differ = before.wal.get(..WAL_HEADER) != after.wal.get(..WAL_HEADER);
        if !headers_differ {
            let wal = mixed(&before.wal, &after.wal, 0, random);
            return Self { database, wal };
        }
        let mut wal = before.wal.clone();
        if random.below(4) == 0 {
            return Self { database, wal };
        }
        wal.resize(wal.len().max(WAL_HEADER.min(after.wal.len())), 0);
        let header = WAL_HEADER.min(after.wal.len());
        wal[..header].copy_from_slice(&after.wal[..header]);
        let wal = mixed(&wal, &after.wal, header, random);
        Self { database, wal }
    }
}

/// The first bytes with some of the sectors of the second, from an offset on.
fn mixed(before: &[u8], after: &[u8], from: usize, random: &mut Random) -> Vec<u8> {
    let mut held = before.to_vec();
    // From hardly anything to nearly everything.
    let share = 1 + random.below(9);
    let all = random.below(8) == 0;
    for start in (0..after.len()).step_by(SECTOR) {
        let end = (start + SECTOR).min(after.len());
        let start = start.max(from);
        if start >= end || before.get(start..end) == Some(&after[start..end]) {
            continue;
        }
        if !all && random.below(10) >= share {
            continue;
        }
        let torn = !all && random.below(16) == 0;
        let written = if torn {
            start + random.index(end - start)
        } else {
            end
        };
        if held.len() < end {
            // A file that grew by blocks that were never written reads as zeroes there.
            held.resize(end, 0);
        }
        held[start..written].copy_from_slice(&after[start..written]);
    }
    if all && after.len() < held.len() {
        held.truncate(after.len());
    }
    held
}

/// At which moment of a commit everything ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing is written.
    Before,
    /// In the middle.
    During,
    /// All is durable, and nobody was told.
    After,
}

/// A disk that is broken on purpose: what it calls durable is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// It tells the truth.
    None,
    /// No commit is synced; now and then everything is.
    Commits,
    /// Only commits that answer a scan are synced.
    AllButScans,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    random: Random,
    free: u64,
    failing: Option<(Step, Fault)>,
    /// In how many commits, from the next one on, everything ends.
    planned: Option<(u64, Moment)>,
    before: Option<Image>,
    ended: Option<Image>,
    lies: Lies,
    /// What is really durable, where the disk lies.
    synced: Option<Image>,
    faults: u64,
}

/// A machine's disk. Clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// The disk that holds this database.
    pub fn new(path: &Path, random: Random, lies: Lies) -> Self {
        Self(Arc::new(Mutex::new(State {
            path: path.to_owned(),
            random,
            free: FREE,
            failing: None,
            planned: None,
            before: None,
            ended: None,
            lies,
            synced: None,
            faults: 0,
        })))
    }

    /// The journal's side of it.
    pub fn disk(&self) -> Disk {
        let (free, steps) = (self.clone(), self.clone());
        Disk::with_free(MIN_FREE, move |_| Ok(free.0.lock().unwrap().free))
            .failing(move |step| steps.0.lock().unwrap().step(step))
    }

    /// How much is free: next to nothing, or enough.
    pub fn set_full(&self, full: bool) {
        self.0.lock().unwrap().free = if full { 1_000 } else { FREE };
    }

    /// From now on this step fails so, until told otherwise.
    pub fn set_failing(&self, failing: Option<(Step, Fault)>) {
        self.0.lock().unwrap().failing = failing;
    }

    /// Everything ends within the commit that comes after this many.
    pub fn plan_end(&self, commits: u64, moment: Moment) {
        let mut state = self.0.lock().unwrap();
        // Nothing ends in a commit that was over before.
        (state.planned, state.before) = (Some((commits, moment)), None);
    }

    /// Whether everything has ended within a commit.
    pub fn has_ended(&self) -> bool {
        self.0.lock().unwrap().ended.is_some()
    }

    /// How often a step was made to fail.
    pub fn faults(&self) -> u64 {
        self.0.lock().unwrap().faults
    }

    /// What the disk holds when everything ends now, between commits; or held when it ended within one.
    pub fn image_at_end(&self) -> Image {
        let mut state = self.0.lock().unwrap();
        state.planned = None;
        let ended = state.ended.take();
        let image = match ended {
            Some(image) => image,
            None => state.image_now(),
        };
        if state.lies != Lies::None {
            state.synced = Some(image.clone());
        }
        image
    }

    /// The files as a process that is killed leaves them: what it wrote is the kernel's, and the kernel lives on.
    pub fn image_at_kill(&self) -> Image {
        let mut state = self.0.lock().unwrap();
        state.planned = None;
        state.ended.take().unwrap_or_else(|| Image::of(&state.path))
    }

    /// Everything written so far is durable, whatever the disk otherwise says: a while has passed.
    pub fn settle(&self) {
        let mut state = self.0.lock().unwrap();
        if state.lies != Lies::None {
            state.synced = Some(Image::of(&state.path));
        }
    }

    /// A commit that answered scans is over.
    pub fn scans_answered(&self) {
        let mut state = self.0.lock().unwrap();
        if state.lies == Lies::AllButScans {
            state.synced = Some(Image::of(&state.path));
        }
    }
}

impl State {
    fn image_now(&mut self) -> Image {
        let now = Image::of(&self.path);
        match &self.synced {
            Some(synced) => Image::torn(synced, &now, &mut self.random),
            None => now,
        }
    }

    fn step(&mut self, step: Step) -> Option<Fault> {
        if self.ended.is_some() {
            return Some(Fault::Io);
        }
        if let Some((at, fault)) = self.failing
            && at == step
        {
            self.faults += 1;
            if matches!(step, Step::Committed | Step::Tidied) {
                self.before = None;
            }
            return Some(fault);
        }
        let moment = match step {
            Step::Begin | Step::Tidy => {
                let (left, moment) = self.planned?;
                if left > 0 {
                    self.planned = Some((left - 1, moment));
                    return None;
                }
                let now = Image::of(&self.path);
                self.before = Some(now);
                moment
            }
            Step::Committed | Step::Tidied => {
                let before = self.before.take()?;
                let (_, moment) = self.planned?;
                let after = self.image_now();
                self.ended = Some(match moment {
                    Moment::During if self.synced.is_none() => {
                        Image::torn(&before, &after, &mut self.random)
                    }
                    Moment::Before | Moment::During | Moment::After => after,
                });
                return Some(Fault::Io);
            }
            Step::Commit => return None,
        };
        if moment == Moment::Before {
            self.before = None;
            let image = self.image_now();
            self.ended = Some(image);
            return Some(Fault::Io);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rows a database holds that was left with these files.
    fn rows(image: &Image) -> Vec<i64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        image.restore(&path);
        let db = rusqlite::Connection::open(&path).unwrap();
        let mut rows = db.prepare("SELECT n FROM t ORDER BY n").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn what_a_cut_leaves_is_always_before_or_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (n INTEGER, fill BLOB)",
        )
        .unwrap();
        let mut random = Random::from_seed(7);
        let (mut old, mut new, mut grown) = (0, 0, Vec::new());
        for n in 0..60_i64 {
            let before = Image::of(&path);
            match n % 20 {
                19 => db.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap(),
                _ => {
                    db.execute("INSERT INTO t VALUES (?1, randomblob(3000))", [n])
                        .unwrap();
                }
            }
            let after = Image::of(&path);
            let held_before = grown.clone();
            if n % 20 != 19 {
                grown.push(n);
            }
            for _ in 0..8 {
                let found = rows(&Image::torn(&before, &after, &mut random));
                assert!(found == held_before || found == grown, "{n}: {found:?}");
                old += u32::from(found == held_before);
                new += u32::from(found == grown);
            }
        }
        assert!(old > 50 && new > 50, "{old} before, {new} after");
    }
}
