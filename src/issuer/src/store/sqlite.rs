//! The store in one SQLite file: WAL, `synchronous=FULL`, one connection that writes and one that reads.
//!
//! Contract: a unit is one transaction; it begins `IMMEDIATE` where it writes, so two programs on one file take turns
//! and never deadlock; within one program they take turns in order, and batches that wait for each other share a commit. Statements are prepared once. The file carries the application id [`APPLICATION_ID`]; a file of
//! another program, or of a newer schema, is refused before anything is written to it.
//!
//! Keys of entries are integers: the number of the log or event, then 40 bits of index. So entries of a log lie side by
//! side, and appending touches the end of one tree.

mod accounts;
mod batches;
mod branches;
mod columns;
mod decisions;
mod enrolment;
mod events;
mod ledger;
mod log_reads;
mod notes;
mod people;
mod queue;
mod signals;
mod signs;
mod sources;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use rusqlite::{TransactionBehavior, params};

use super::{OpenError, Result, Store, StoreError};
use queue::Queue;
use writer::{Tx, Writer};

#[allow(missing_docs, unreachable_pub)]
mod schema {
    refinery::embed_migrations!("src/store/migrations");
}

/// The newest schema that this build knows.
pub const SCHEMA_VERSION: i64 = 10;
/// "RCIS": a Rollcall issuer's database.
const APPLICATION_ID: i64 = 0x5243_4953;
/// How long a unit waits for another program's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Memory for the pages that a batch touches: each badge's newest scan and where its holder is, all over the tables. Tens of thousands of
/// people's fit.
const WRITER_CACHE_KIB: i64 = 64 * 1_024;
/// More than there are statements.
const STATEMENTS: usize = 200;
/// Bits of an entry's key that hold its index.
const INDEX_BITS: u32 = 40;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped first, so that the one that may write closes last and leaves no log beside the file.
    reader: Queue<Connection>,
    writer: Writer,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the database of this file, making it or bringing it up to date as needed.
    ///
    /// # Errors
    /// See [`OpenError`]; a database that is refused is untouched.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        refuse_foreign(path)?;
        let unusable = |cause: rusqlite::Error| unusable(path, &cause);
        let mut connection = Connection::open(path).map_err(unusable)?;
        prepare(&mut connection).map_err(unusable)?;
        let migration = |cause: refinery::Error| OpenError::Migration {
            path: path.to_owned(),
            cause: cause.to_string(),
        };
        schema::migrations::runner()
            .run(&mut connection)
            .map_err(migration)?;
        let reader = Connection::open(path)
            .and_then(|reader| prepare_reader(&reader).map(|()| reader))
            .map_err(unusable)?;
        Ok(Self {
            writer: Writer::new(connection),
            reader: Queue::new(reader),
            path: path.to_owned(),
        })
    }

    /// Opens the database of this file where there is one.
    ///
    /// # Errors
    /// [`OpenError::Missing`], and as [`SqliteStore::open`].
    pub fn open_existing(path: &Path) -> std::result::Result<Self, OpenError> {
        if path.exists() {
            Self::open(path)
        } else {
            let path = path.parent().unwrap_or(path).to_owned();
            Err(OpenError::Missing { path })
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a unit that writes. It is durable when this returns `Ok`.
    fn write<T>(&self, unit: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.writer.write(unit)
    }

    /// Runs a short unit that writes, and that may share its commit with others. It is durable when this returns `Ok`.
    fn write_together<T>(&self, unit: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.writer.write_together(unit)
    }

    /// Runs a unit that reads one state of the database.
    fn read<T>(&self, unit: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.reader.with(false, |connection, _| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            unit(&Tx::inside(&transaction))
        })
    }
}

impl Store for SqliteStore {
    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read(|tx| setting(tx, name))
    }

    fn set_once(&self, name: &str, value: &[u8]) -> Result<Vec<u8>> {
        self.write(|tx| {
            tx.prepare_cached("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)")?
                .execute(params![name, value])?;
            setting(tx, name)?.ok_or_else(|| StoreError::Damaged(format!("{name} was not kept")))
        })
    }

    fn scrub(&self) -> Result<()> {
        self.writer.with(|connection| {
            connection.execute_batch("VACUUM")?;
            let is_held: bool =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if is_held {
                return Err(StoreError::Unavailable(
                    "another program reads the database and does not let go of it".to_owned(),
                ));
            }
            Ok(())
        })
    }
}

fn setting(tx: &Tx<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Looks at an existing file without the right to write it.
fn refuse_foreign(path: &Path) -> std::result::Result<(), OpenError> {
    if std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
        return Ok(());
    }
    let unusable = |cause: rusqlite::Error| unusable(path, &cause);
    let connection = open_to_look(path).map_err(unusable)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(unusable)?;
    let id: i64 = connection
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(unusable)?;
    if id != APPLICATION_ID {
        let path = path.to_owned();
        return Err(OpenError::Foreign { path });
    }
    let has_history: bool = connection
        .query_row(
            "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )
        .map_err(unusable)?;
    if !has_history {
        return Ok(());
    }
    let found: i64 = connection
        .query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        )
        .map_err(unusable)?;
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(())
}

/// Opens a database that may be another's. Even who only reads lays a write-ahead log beside a file that has none, unless told that nobody
/// changes it; and while somebody has it open it has one.
fn open_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Some(text) = path.to_str().filter(|_| !Path::new(&log).exists()) else {
        return Connection::open_with_flags(path, read_only);
    };
    let escaped = text
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let address = format!("file:{escaped}?immutable=1");
    Connection::open_with_flags(address, read_only | OpenFlags::SQLITE_OPEN_URI)
}

/// The connection that reads sees what was committed when a unit begins, and never waits for a commit.
fn prepare_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "query_only", true)?;
    plan_once(connection)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Lets a statement keep the plan it was prepared with. Otherwise SQLite plans it anew for each new value that is bound, in the hope of
/// statistics that this database does not keep, and a batch of fifty entries pays for fifty plans.
fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    plan_once(connection)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // What a unit that fails would take back is kept aside while it runs: in memory, not in a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A file or folder that cannot be written shows itself here and not with the first batch.
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)?
        .commit()
}

fn unusable(path: &Path, cause: &rusqlite::Error) -> OpenError {
    let advice = match cause.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the data folder and the files in it must be writable for the user that runs rollcall-issuer"
        }
        Some(ErrorCode::CannotOpen) => {
            "check that `data_dir` exists and is writable for the user that runs rollcall-issuer"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds it; try again when that has finished"
        }
        Some(ErrorCode::DiskFull) => "make room on its disk",
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "it is no database or is damaged; restore the newest backup"
        }
        _ => "check the disk and the rights of the data folder",
    };
    OpenError::Unusable {
        path: path.to_owned(),
        cause: cause.to_string(),
        advice,
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let damaged = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => matches!(
                failure.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch
            ),
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows => true,
            _ => false,
        };
        if damaged {
            Self::Damaged(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

/// The key of an entry.
fn entry_key(number: i64, index: u64) -> Result<i64> {
    let index = i64::try_from(index).unwrap_or(i64::MAX);
    if index >> INDEX_BITS == 0 && number >> (62 - INDEX_BITS) == 0 {
        Ok(number << INDEX_BITS | index)
    } else {
        Err(StoreError::Refused(
            "more entries or logs than a database can number".to_owned(),
        ))
    }
}

/// The number of the log or event, and the index, of an entry's key.
fn entry_place(key: i64) -> (i64, u64) {
    let index = key & ((1 << INDEX_BITS) - 1);
    (key >> INDEX_BITS, u64::try_from(index).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn open_in(folder: &Path) -> std::result::Result<SqliteStore, OpenError> {
        SqliteStore::open(&folder.join("issuer.db"))
    }

    #[test]
    fn keys_hold_number_and_index() {
        for (number, index) in [(0, 0), (1, 0), (7, (1 << 40) - 1), ((1 << 22) - 1, 5)] {
            assert_eq!(
                entry_place(entry_key(number, index).unwrap()),
                (number, index)
            );
        }
        assert!(entry_key(1, 1 << 40).is_err());
        assert!(entry_key(1 << 22, 0).is_err());
        assert!(entry_key(0, u64::MAX).is_err());
    }

    #[test]
    fn the_newest_schema_is_the_known_one() {
        let migrations = schema::migrations::runner();
        let newest = migrations
            .get_migrations()
            .iter()
            .map(refinery::Migration::version)
            .max();
        assert_eq!(newest.map(i64::from), Some(SCHEMA_VERSION));
    }

    /// Two badges' scans in two logs, as the schema before chains kept them.
    #[test]
    fn scans_kept_before_there_were_chains_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.db");
        let mut old = Connection::open(&path).unwrap();
        let before = refinery::Target::Version(3);
        let runner = schema::migrations::runner().set_target(before);
        runner.run(&mut old).unwrap();
        for log in 1..=2_i64 {
            let named = "INSERT INTO log (number, event, kiosk, door, origin, public_key, software, enrolled_ms) \
                 VALUES (?1, 1, 'kiosk-' || ?1, 'door', 'origin-' || ?1, x'', '', 0)";
            old.execute(named, [log]).unwrap();
            for index in 0..6_u8 {
                let key = entry_key(log, u64::from(index)).unwrap();
                let kept = "INSERT INTO entry (id, leaf, bytes, kind) VALUES (?1, x'', ?2, 'scan')";
                old.execute(kept, params![key, [index]]).unwrap();
                let found = "INSERT INTO signal VALUES (1, ?1, ?2)";
                let badge = [u8::from(index % 3 == 0); 32];
                old.execute(found, params![badge, key]).unwrap();
            }
        }
        drop(old);
        let mut migrated = Connection::open(&path).unwrap();
        schema::migrations::runner().run(&mut migrated).unwrap();
        let scans = |badge: u8| -> Vec<(String, u8)> {
            let mut statement = migrated.prepare(log_reads::SCANS_OF_BADGE).unwrap();
            let rows = statement.query_map(params![1, [badge; 32]], |row| {
                Ok((row.get(0)?, row.get::<_, Vec<u8>>(3)?[0]))
            });
            rows.unwrap().map(rusqlite::Result::unwrap).collect()
        };
        let expected = |indices: &[u8]| -> Vec<(String, u8)> {
            let of = |kiosk: &str| -> Vec<(String, u8)> {
                indices.iter().map(|i| (kiosk.to_owned(), *i)).collect()
            };
            [of("kiosk-1"), of("kiosk-2")].concat()
        };
        assert_eq!(scans(1), expected(&[0, 3]));
        assert_eq!(scans(0), expected(&[1, 2, 4, 5]));
    }

    #[test]
    fn a_newer_database_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(folder.path()).unwrap();
        store.writer.with(|connection| {
            let later = "INSERT INTO refinery_schema_history VALUES (999, 'later', '2027-01-01T00:00:00Z', '1')";
            connection.execute(later, []).unwrap();
        });
        drop(store);
        let path = folder.path().join("issuer.db");
        let before = std::fs::read(&path).unwrap();
        let error = open_in(folder.path()).unwrap_err();
        assert!(
            matches!(
                error,
                OpenError::Newer {
                    found: 999,
                    known: SCHEMA_VERSION,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("untouched"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn another_programs_database_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE mine (a)").unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(
            open_in(folder.path()),
            Err(OpenError::Foreign { .. })
        ));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::write(&path, b"no database at all, but a file of some length").unwrap();
        assert!(matches!(
            open_in(folder.path()),
            Err(OpenError::Unusable { .. })
        ));
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.db");
        assert!(matches!(
            SqliteStore::open_existing(&path),
            Err(OpenError::Missing { .. })
        ));
        let error = open_in(&folder.path().join("nowhere")).unwrap_err();
        assert!(error.to_string().contains("data_dir"), "{error}");
    }

    /// What SQLite visits whole to answer, where it should go by key.
    #[test]
    fn one_persons_rows_are_found_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(folder.path()).unwrap();
        let plan = |query: &str| -> Vec<String> {
            store.reader.with(false, |connection, _| {
                let mut plan = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
                    .unwrap();
                let values = vec![1; plan.parameter_count()];
                let steps = plan
                    .query_map(rusqlite::params_from_iter(values), |row| {
                        row.get::<_, String>(3)
                    })
                    .unwrap();
                steps.map(rusqlite::Result::unwrap).collect()
            })
        };
        for query in [
            log_reads::SCANS_OF_ATTENDEE,
            log_reads::SCANS_OF_BADGE,
            decisions::DUE_OF_ATTENDEE,
        ] {
            let steps = plan(query);
            let signals = steps
                .iter()
                .find(|step| step.contains("SEARCH s "))
                .unwrap();
            assert!(signals.contains("event=? AND badge=?"), "{steps:?}");
            let entries: Vec<&String> = steps.iter().filter(|step| step.contains(" e ")).collect();
            let by_key = |step: &&String| step.contains("SEARCH e USING INTEGER PRIMARY KEY");
            assert!(entries.iter().all(by_key), "{steps:?}");
        }
        // A batch asks for open reviews alone, and of each for one badge's scans in one log.
        let steps = plan(decisions::DUE_OF_MARKS);
        for found in [
            "USING COVERING INDEX decision_review (event=?)",
            "SEARCH s USING PRIMARY KEY (event=? AND badge=? AND log=?)",
        ] {
            assert!(steps.iter().any(|step| step.contains(found)), "{steps:?}");
        }
        // Whose another source's rows are, whom an account's change touches, and whom the rows of an entry do.
        for (query, expected) in [
            (
                signals::OBSERVED_OF,
                &[
                    "SEARCH o USING COVERING INDEX observed_attendee (event=? AND attendee=?)",
                    "SEARCH a USING COVERING INDEX listed_account_attendee (event=? AND attendee=?)",
                    "SEARCH o USING PRIMARY KEY (event=? AND subject=?)",
                ][..],
            ),
            (
                signals::SHARING,
                &[
                    "SEARCH a USING PRIMARY KEY (event=? AND subject=?)",
                    "SEARCH o USING PRIMARY KEY (event=? AND subject=?)",
                    "SEARCH p USING COVERING INDEX observed_subject_row (event=? AND entry=? AND row=?)",
                    "SEARCH a USING PRIMARY KEY (event=? AND subject=?)",
                ],
            ),
            (
                signals::NAMED,
                &[
                    "SEARCH o USING PRIMARY KEY (event=? AND entry=?)",
                    "SEARCH o USING COVERING INDEX observed_subject_row (event=? AND entry=?)",
                    "SEARCH a USING PRIMARY KEY (event=? AND subject=?)",
                ],
            ),
        ] {
            let mut steps = plan(query);
            steps.retain(|step| step.starts_with("SEARCH") || step.starts_with("SCAN"));
            assert_eq!(steps, expected, "{query}");
        }
    }

    #[test]
    fn reading_does_not_wait_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(folder.path()).unwrap();
        store.set_once("name", b"before").unwrap();
        let read = store.writer.with(|connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .unwrap();
            let changed = "UPDATE meta SET value = x'00' WHERE key = 'name'";
            assert_eq!(transaction.execute(changed, []).unwrap(), 1);
            let read = store.setting("name").unwrap();
            transaction.commit().unwrap();
            read
        });
        assert_eq!(read.unwrap(), b"before");
        assert_eq!(store.setting("name").unwrap().unwrap(), [0]);
        drop(store);
        assert!(!folder.path().join("issuer.db-wal").exists());
    }

    #[test]
    fn what_was_erased_lies_in_no_file_any_more() {
        use super::super::notes::NewNote;
        use super::super::{EventUnits as _, PeopleUnits as _, SignUnits as _};
        use crate::testing::{
            NOON, attendee, badge_key, event_id, event_with_kiosk, import, register,
        };
        use protocol::ledger::{Erasure, SignKind, SignOutcome};

        const SECRETS: [&str; 6] = [
            "the-wrapped-key-of-ada",
            "the-sealed-name-of-ada",
            "the-row-of-ada-for-the-doors",
            "the-note-about-ada-sealed",
            "the-certificate-of-ada-sealed",
            "the-older-name-of-ada-sealed",
        ];
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(folder.path()).unwrap();
        event_with_kiosk(&store);
        let event = event_id();
        let (ada, digest) = (attendee("X1"), badge_key().digest("X1"));
        register(&store, &["X2"]);
        for (file, sealed) in [("older", SECRETS[5]), ("newer", SECRETS[1])] {
            let change = super::super::people::PersonChange {
                attendee: ada.clone(),
                key: SECRETS[0].into(),
                sealed: sealed.into(),
                badge: (digest, SECRETS[2].into()),
                registration: protocol::agenda::Registration::plain(ada.clone(), vec![digest]),
            };
            let base = store.roster(&event).unwrap().base;
            let entry = import("registrations", file.as_bytes());
            store
                .import_registrations(&event, base, &[change], &entry, NOON)
                .unwrap();
        }
        let hash = evidence::sha256(b"pdf");
        store
            .put_private(&event, &ada, hash, SECRETS[4].as_bytes())
            .unwrap();
        let sign = super::super::signs::NewSign {
            about: SignKind::Places,
            attendees: vec![ada.clone()],
            times: 1,
            evidence: Vec::new(),
        };
        store.put_sign(&event, &sign, NOON).unwrap();
        let id = store.signs(&event).unwrap().remove(0).id;
        let note = NewNote {
            attendee: ada.clone(),
            sealed: SECRETS[3].into(),
        };
        let word = super::super::signs::SignWord {
            times: 1,
            outcome: SignOutcome::Explained,
            reason: "door_fault",
            operator: "rita",
            note: Some(&note),
        };
        store.judge_sign(&event, &id, &word, NOON).unwrap();

        let lies_in_a_file = |secret: &str| {
            let files = std::fs::read_dir(folder.path()).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes())
            })
        };
        assert!(SECRETS.iter().all(|secret| lies_in_a_file(secret)));
        let erasure = Erasure {
            attendee: ada,
            reason: "asked_for".to_owned(),
            operator: "ann".to_owned(),
        };
        store.erase_person(&event, &erasure, NOON).unwrap();
        assert!(
            SECRETS.iter().any(|secret| lies_in_a_file(secret)),
            "a deleted row alone stays in the file"
        );
        store.scrub().unwrap();
        for secret in SECRETS {
            assert!(!lies_in_a_file(secret), "{secret}");
        }
        assert_eq!(store.roster_rows(&event).unwrap().len(), 2);
        assert_eq!(store.events().unwrap().len(), 1);
    }

    #[test]
    fn a_commit_is_one_sync_of_a_write_ahead_log() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(folder.path()).unwrap();
        let text = |pragma: &str| -> String {
            let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            let query = format!("PRAGMA {pragma}");
            let value = store.writer.with(|c| c.query_row(&query, [], read));
            format!("{:?}", value.unwrap())
        };
        assert_eq!(text("journal_mode"), "Text(\"wal\")");
        assert_eq!(text("synchronous"), "Integer(2)");
    }
}
