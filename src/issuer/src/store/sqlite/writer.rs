//! The connection that writes, and how units share a commit.
//!
//! Contract: a unit happens whole or not at all, and is durable when [`Writer::write`] or [`Writer::write_together`] returns `Ok`. Units take
//! turns in the order in which they came. Whoever writes together leaves the transaction open to the next in line that does so too, and the
//! last of them commits for all: when many doors send at once, the disk is waited for once and not by each in turn. A unit that fails
//! takes back only its own part; a commit that fails takes back all of its units, and each is told.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::queue::{Line, Queue};
use super::{Result, StoreError};

/// The most units of one commit: the first of them waits for all.
const UNITS_PER_COMMIT: usize = 8;

/// The inside of a transaction.
pub(super) struct Tx<'a>(&'a Connection);

impl<'a> Tx<'a> {
    /// What happens on the connection from here on must be inside of a transaction.
    pub(super) fn inside(connection: &'a Connection) -> Self {
        debug_assert!(!connection.is_autocommit(), "no transaction is open");
        Self(connection)
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Writer(Queue<Desk>);

#[derive(Debug)]
struct Desk {
    connection: Connection,
    open: Option<Open>,
}

/// A transaction that holds the parts of one unit or several.
#[derive(Debug, Default)]
struct Open {
    units: usize,
    end: Arc<End>,
}

/// How a transaction ended, once it has: the fault, if it did not happen.
#[derive(Debug, Default)]
struct End {
    fault: Mutex<Option<Option<String>>>,
    known: Condvar,
}

impl End {
    fn tell(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        self.known.notify_all();
    }

    fn wait(&self) -> Result<()> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = self
            .known
            .wait_while(fault, |fault| fault.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        match fault.as_ref().and_then(Option::as_ref) {
            None => Ok(()),
            Some(fault) => Err(StoreError::Unavailable(fault.clone())),
        }
    }
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        let open = None;
        Self(Queue::new(Desk { connection, open }))
    }

    /// Runs a unit in a transaction of its own.
    pub(super) fn write<T>(&self, unit: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let (outcome, end) = self.0.with(false, |desk, _| desk.serve(unit, || false));
        end.wait()?;
        outcome
    }

    /// Runs a unit that may share its commit with those next in line. One that is short, since they wait for each other.
    pub(super) fn write_together<T>(&self, unit: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let (outcome, end) = self.0.with(true, |desk, line: &Line<'_>| {
            desk.serve(unit, || line.next_joins())
        });
        // Whatever it says rests on what the units before it wrote.
        end.wait()?;
        outcome
    }

    /// Does something with the connection outside of a unit.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        self.0.with(false, |desk, _| work(&mut desk.connection))
    }
}

impl Desk {
    /// Runs one unit. Its outcome counts only if its transaction ends well.
    fn serve<T>(
        &mut self,
        unit: impl FnOnce(&Tx<'_>) -> Result<T>,
        next_joins: impl FnOnce() -> bool,
    ) -> (Result<T>, Arc<End>) {
        let Self { connection, open } = self;
        let begun = match open.take() {
            Some(begun) => begun,
            None => match connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => Open::default(),
                Err(error) => return (Err(error.into()), ended(None)),
            },
        };
        let end = Arc::clone(&begun.end);
        // The first has nothing before it that must stay.
        let shares = begun.units > 0;
        let part = if shares {
            connection.execute_batch("SAVEPOINT unit")
        } else {
            Ok(())
        };
        let run = AssertUnwindSafe(|| match part {
            Ok(()) => unit(&Tx::inside(connection)),
            Err(error) => Err(error.into()),
        });
        let outcome = catch_unwind(run);
        let kept = if matches!(outcome, Ok(Ok(_))) {
            self.keep(begun, shares, next_joins)
        } else {
            self.take_back(begun, shares, next_joins)
        };
        match (outcome, kept) {
            (Ok(outcome), Kept::Tells) => (outcome, end),
            // It was alone: what it says rests on nothing that could fail.
            (Ok(outcome), Kept::Nothing) => (outcome, ended(None)),
            (Err(panic), _) => resume_unwind(panic),
        }
    }

    fn keep(&mut self, begun: Open, shares: bool, next_joins: impl FnOnce() -> bool) -> Kept {
        if shares && let Err(error) = self.connection.execute_batch("RELEASE unit") {
            self.fail(&begun, &error);
            return Kept::Tells;
        }
        self.go_on(begun, next_joins)
    }

    fn take_back(&mut self, begun: Open, shares: bool, next_joins: impl FnOnce() -> bool) -> Kept {
        // A full or failing disk ends the whole transaction by itself.
        if self.connection.is_autocommit() {
            let fault = "the disk failed while another's part was written";
            begun.end.tell(Some(fault.to_owned()));
            return if shares { Kept::Tells } else { Kept::Nothing };
        }
        if !shares {
            // What fails here leaves a transaction that the next one's BEGIN is refused for, and that says so.
            drop(self.connection.execute_batch("ROLLBACK"));
            return Kept::Nothing;
        }
        if let Err(error) = self
            .connection
            .execute_batch("ROLLBACK TO unit; RELEASE unit")
        {
            self.fail(&begun, &error);
            return Kept::Tells;
        }
        self.go_on(begun, next_joins)
    }

    /// Leaves the transaction to the next, or commits.
    fn go_on(&mut self, mut begun: Open, next_joins: impl FnOnce() -> bool) -> Kept {
        begun.units += 1;
        if begun.units < UNITS_PER_COMMIT && next_joins() {
            self.open = Some(begun);
            return Kept::Tells;
        }
        // After this line the units survive a power cut; before it, nothing of them exists.
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => begun.end.tell(None),
            Err(error) => self.fail(&begun, &error),
        }
        Kept::Tells
    }

    fn fail(&self, begun: &Open, error: &rusqlite::Error) {
        if !self.connection.is_autocommit() {
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        begun.end.tell(Some(error.to_string()));
    }
}

/// Whose word on the end of the transaction a unit waits for.
enum Kept {
    /// That of the last that shares it.
    Tells,
    /// Nobody's: it is rolled back.
    Nothing,
}

fn ended(fault: Option<String>) -> Arc<End> {
    let end = End::default();
    end.tell(fault);
    Arc::new(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::path::{Path, PathBuf};
    use std::thread::ScopedJoinHandle;

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
        writer: Writer,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; CREATE TABLE given (n INTEGER PRIMARY KEY); \
                 CREATE TABLE promised (n INTEGER REFERENCES given (n) DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
        Fixture {
            _folder: folder,
            path,
            writer: Writer::new(connection),
        }
    }

    fn put(tx: &Tx<'_>, number: usize) -> Result<()> {
        tx.execute("INSERT INTO given VALUES (?1)", [number])?;
        Ok(())
    }

    /// What is durable, as another program sees it.
    fn kept(path: &Path) -> Vec<usize> {
        let other = Connection::open(path).unwrap();
        let mut rows = other.prepare("SELECT n FROM given ORDER BY n").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(rusqlite::Result::unwrap).collect()
    }

    type Unit<'a> = Box<dyn FnOnce(&Tx<'_>) -> Result<Vec<usize>> + Send + 'a>;

    /// Lets units wait in this order, then lets them go. What each was told; `None` where it panicked.
    fn in_line<'a>(
        fixture: &'a Fixture,
        units: Vec<(bool, Unit<'a>)>,
    ) -> Vec<Option<Result<Vec<usize>>>> {
        let writer = &fixture.writer;
        std::thread::scope(|scope| {
            let threads = writer.0.with(false, |_, _| {
                let mut threads: Vec<ScopedJoinHandle<'_, _>> = Vec::new();
                for (number, (together, unit)) in units.into_iter().enumerate() {
                    threads.push(scope.spawn(move || {
                        if together {
                            writer.write_together(unit)
                        } else {
                            writer.write(unit)
                        }
                    }));
                    while writer.0.waiting() < number + 2 {
                        std::thread::yield_now();
                    }
                }
                threads
            });
            threads.into_iter().map(|t| t.join().ok()).collect()
        })
    }

    /// A unit that puts a number, and says what was durable then.
    fn puts(fixture: &Fixture, number: usize) -> Unit<'_> {
        Box::new(move |tx| {
            put(tx, number)?;
            Ok(kept(&fixture.path))
        })
    }

    #[test]
    fn who_waits_together_shares_a_commit() {
        let fixture = fixture();
        let units = (0..4).map(|n| (true, puts(&fixture, n))).collect();
        let told: Vec<Vec<usize>> = in_line(&fixture, units)
            .into_iter()
            .map(|told| told.unwrap().unwrap())
            .collect();
        assert_eq!(told, [[0_usize; 0]; 4]);
        assert_eq!(kept(&fixture.path), [0, 1, 2, 3]);
    }

    #[test]
    fn who_writes_alone_neither_joins_nor_is_joined() {
        let fixture = fixture();
        let units = [true, true, false, true, true]
            .into_iter()
            .enumerate()
            .map(|(n, together)| (together, puts(&fixture, n)))
            .collect();
        let told: Vec<Vec<usize>> = in_line(&fixture, units)
            .into_iter()
            .map(|told| told.unwrap().unwrap())
            .collect();
        let expected: [&[usize]; 5] = [&[], &[], &[0, 1], &[0, 1, 2], &[0, 1, 2]];
        assert_eq!(told, expected);
    }

    #[test]
    fn no_more_than_a_few_share() {
        let fixture = fixture();
        let units = (0..=UNITS_PER_COMMIT)
            .map(|n| (true, puts(&fixture, n)))
            .collect();
        let told = in_line(&fixture, units);
        let last = told.into_iter().next_back().unwrap().unwrap().unwrap();
        assert_eq!(last.len(), UNITS_PER_COMMIT);
    }

    #[test]
    fn a_unit_that_fails_takes_back_its_own_part_only() {
        // Each of the three is the one that fails, in both ways.
        for (failing, panics) in [0, 1, 2].into_iter().flat_map(|n| [(n, false), (n, true)]) {
            let fixture = fixture();
            let unit = |number: usize| -> Unit<'_> {
                Box::new(move |tx| {
                    put(tx, number)?;
                    assert!(!(panics && number == failing), "one of them panics");
                    if number == failing {
                        return Err(StoreError::Moved { what: "log" });
                    }
                    Ok(Vec::new())
                })
            };
            let told = in_line(&fixture, (0..3).map(|n| (true, unit(n))).collect());
            for (number, told) in told.into_iter().enumerate() {
                match (number == failing, panics, told) {
                    (false, _, Some(Ok(_)))
                    | (true, true, None)
                    | (true, false, Some(Err(StoreError::Moved { .. }))) => {}
                    (_, _, told) => panic!("unit {number} of which {failing} fails: {told:?}"),
                }
            }
            let rest: Vec<usize> = (0..3).filter(|n| *n != failing).collect();
            assert_eq!(kept(&fixture.path), rest, "{failing} fails");
            fixture.writer.write(|tx| put(tx, 9)).unwrap();
            assert_eq!(kept(&fixture.path).last(), Some(&9));
        }
    }

    #[test]
    fn a_commit_that_fails_is_told_to_all() {
        let fixture = fixture();
        let promise: Unit<'_> = Box::new(|tx| {
            tx.execute("INSERT INTO promised VALUES (77)", [])?;
            Ok(Vec::new())
        });
        let units = vec![
            (true, puts(&fixture, 0)),
            (true, promise),
            (true, puts(&fixture, 1)),
        ];
        for told in in_line(&fixture, units) {
            let told = told.unwrap();
            assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
        }
        assert_eq!(kept(&fixture.path), [0_usize; 0]);
        fixture.writer.write_together(|tx| put(tx, 5)).unwrap();
        assert_eq!(kept(&fixture.path), [5]);
    }
}
