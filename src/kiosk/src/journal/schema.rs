//! The tables, and how rows become values.

use std::path::Path;
use std::sync::Arc;

use attendance::UtcMs;
use evidence::{Frontier, Hash, PublicKey, SigningKey};
use protocol::badge::BadgeKey;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params};
use zeroize::Zeroizing;

use super::{
    Disk, Enrolment, FORCED_CHECKPOINT_PAGES, Folder, HeldBundle, HeldHead, Journal, JournalError,
    NewBundle,
};

/// "RcJ1": names the file as a kiosk's journal.
const APPLICATION_ID: i64 = 0x5263_4a31;
/// The format of the tables below.
const FORMAT: i64 = 2;
/// The size of a page.
pub(super) const PAGE_BYTES: u64 = 4096;

/// What is of one log alone; sealing gives these tables other names and makes new ones.
pub(super) const LOG_TABLES: &str = "
CREATE TABLE entries (
    idx INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32),
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE heads (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL CHECK (length(root) = 32)
) STRICT;
CREATE TABLE receipts (
    size INTEGER PRIMARY KEY,
    time_s INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
";

/// `tip` holds what changes with every append, `log` what seldom does: a commit then writes few pages.
const TABLES: &str = "
CREATE TABLE tip (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    frontier BLOB NOT NULL,
    base BLOB NOT NULL
) STRICT;
CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    receipted BLOB NOT NULL,
    floor_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE enrolment (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    kiosk TEXT NOT NULL,
    event TEXT NOT NULL,
    issuer TEXT NOT NULL,
    issuer_key BLOB NOT NULL,
    url TEXT NOT NULL,
    tls_pin TEXT,
    origin TEXT NOT NULL,
    badge_key BLOB NOT NULL
) STRICT;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    root BLOB NOT NULL CHECK (length(root) = 32),
    note TEXT NOT NULL
) STRICT;
CREATE TABLE bundle (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    etag TEXT,
    signed BLOB NOT NULL
) STRICT;
";

/// What each format adds to the one before, from format 2 on. A new journal goes through all of them as well.
const MIGRATIONS: [&str; 1] = ["
ALTER TABLE enrolment ADD COLUMN awaits INTEGER NOT NULL DEFAULT 0;
CREATE TABLE sealed (
    number INTEGER PRIMARY KEY,
    kiosk TEXT NOT NULL,
    origin TEXT NOT NULL,
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    size INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    code TEXT NOT NULL,
    proof TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE sealed_heads (
    log INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;
"];

/// Where SQLite's file format keeps the numbers that name a file's owner and its format, big-endian.
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER_BYTES: usize = 72;

/// Looks at the file's header alone, before SQLite gets to see it and lays files of its own beside it.
fn check_header(path: &Path) -> Result<(), JournalError> {
    let unreadable = |cause: std::io::Error| JournalError::NotWritable {
        path: path.to_owned(),
        cause: cause.to_string(),
    };
    let mut header = [0_u8; HEADER_BYTES];
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    match std::io::Read::read_exact(&mut file, &mut header) {
        Ok(()) => {}
        // Shorter than a header: empty, or none of ours, which SQLite finds out.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    }
    let number = |at: usize| {
        let mut bytes = [0_u8; 4];
        bytes.copy_from_slice(&header[at..at + 4]);
        i64::from(i32::from_be_bytes(bytes))
    };
    let is_sqlite = header.starts_with(b"SQLite format 3\0");
    match (number(APPLICATION_ID_AT), number(USER_VERSION_AT)) {
        _ if !is_sqlite => Ok(()),
        (0, 0) => Ok(()),
        owned => check_owner(path, owned),
    }
}

fn check_owner(path: &Path, (application, format): (i64, i64)) -> Result<(), JournalError> {
    match (application, format) {
        (APPLICATION_ID, 1..=FORMAT) => Ok(()),
        (APPLICATION_ID, found) if found > FORMAT => Err(JournalError::Newer {
            found,
            known: FORMAT,
        }),
        _ => Err(JournalError::Foreign(path.to_owned())),
    }
}

/// Opens the database and makes sure that it is ours, of this format, and nobody else's now.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    check_header(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    // Until the file is known to be ours, closing it must not move anything either.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.busy_timeout(std::time::Duration::ZERO)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, format) = (number("application_id")?, number("user_version")?);
    let is_empty = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })? == 0;
    if (application, format) != (0, 0) || !is_empty {
        check_owner(path, (application, format))?;
    }
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(JournalError::Io(format!(
            "the file system cannot do without a rollback journal ({mode})"
        )));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "cache_size", -2_048)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", FORCED_CHECKPOINT_PAGES, |_| {
        Ok(())
    })?;
    if is_empty {
        create(&db)?;
    } else {
        migrate(&db, format)?;
    }
    super::traces::open(&db)?;
    Ok(db)
}

/// Brings an older journal up to date, all at once: after a power cut it is of the one format or of the other.
fn migrate(db: &Connection, from: i64) -> Result<(), JournalError> {
    if from == FORMAT {
        return Ok(());
    }
    let tx = db.unchecked_transaction()?;
    add_since(&tx, from)?;
    tx.commit()?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Adds what came after a format, and names the newest.
fn add_since(tx: &Transaction<'_>, format: i64) -> Result<(), JournalError> {
    for (later, added) in (2..).zip(MIGRATIONS) {
        if later > format {
            tx.execute_batch(added)?;
        }
    }
    tx.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

fn create(db: &Connection) -> Result<(), JournalError> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut()).map_err(|e| JournalError::Io(e.to_string()))?;
    let tx = db.unchecked_transaction()?;
    tx.execute_batch(LOG_TABLES)?;
    tx.execute_batch(TABLES)?;
    let empty = Frontier::new().to_bytes();
    tx.execute("INSERT INTO tip VALUES (1, ?1, ?1)", [&empty])?;
    tx.execute(
        "INSERT INTO log VALUES (1, ?1, ?2, 0)",
        params![seed.as_slice(), empty],
    )?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    add_since(&tx, 1)?;
    tx.commit()?;
    // The format is then in the database's own header, where any later program looks first.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Reads everything but entries.
pub(super) fn load(
    db: Connection,
    folder: Arc<Folder>,
    disk: Disk,
) -> Result<Journal, JournalError> {
    let (frontier, base) = db.query_row("SELECT frontier, base FROM tip", [], |row| {
        Ok((read_frontier(row, 0), read_frontier(row, 1)))
    })?;
    let (seed, receipted, floor_ms) =
        db.query_row("SELECT seed, receipted, floor_ms FROM log", [], |row| {
            Ok((
                row.get::<_, [u8; 32]>(0)?,
                read_frontier(row, 1),
                row.get(2)?,
            ))
        })?;
    let seed = Zeroizing::new(seed);
    let receipted = receipted?;
    let receipted_at_s: Option<i64> = db
        .query_row(
            "SELECT time_s FROM receipts WHERE size = ?1",
            [to_sql(receipted.size())?],
            |row| row.get(0),
        )
        .optional()?;
    let ledger = db
        .query_row("SELECT size, root FROM ledger", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
        })
        .optional()?;
    let bundle = db
        .query_row("SELECT sequence, hash, etag FROM bundle", [], |row| {
            Ok(HeldBundle {
                sequence: row.get::<_, i64>(0)?.unsigned_abs(),
                hash: Hash(row.get(1)?),
                etag: row.get(2)?,
            })
        })
        .optional()?;
    let enrolment = load_enrolment(&db)?;
    let awaits = db
        .query_row("SELECT awaits FROM enrolment", [], |row| row.get(0))
        .optional()?
        .unwrap_or(false);
    let sealed = super::seal::load(&db)?;
    Ok(Journal {
        key: SigningKey::from_seed(&seed),
        enrolment,
        frontier: frontier?,
        base: base?,
        receipted,
        receipted_at_s: receipted_at_s.map(i64::unsigned_abs),
        ledger: ledger.map(|(size, root)| HeldHead {
            size: size.unsigned_abs(),
            root: Hash(root),
        }),
        bundle,
        floor: UtcMs(floor_ms),
        damaged: 0,
        sealed,
        awaits,
        trace_tip: None,
        beside: None,
        spent: false,
        db,
        folder,
        disk,
    })
}

fn read_frontier(row: &Row<'_>, column: usize) -> Result<Frontier, JournalError> {
    let bytes: Vec<u8> = row.get(column)?;
    Frontier::from_bytes(&bytes).map_err(|e| JournalError::damaged(&e))
}

fn load_enrolment(db: &Connection) -> Result<Option<Enrolment>, JournalError> {
    let row = db
        .query_row(
            "SELECT kiosk, event, issuer, issuer_key, url, tls_pin, origin, badge_key FROM enrolment",
            [],
            |row| {
                Ok((
                    (row.get::<_, String>(0)?, row.get::<_, String>(1)?),
                    (row.get::<_, String>(2)?, row.get::<_, [u8; 32]>(3)?),
                    (row.get::<_, String>(4)?, row.get::<_, Option<String>>(5)?),
                    (row.get::<_, String>(6)?, row.get::<_, [u8; 32]>(7)?),
                ))
            },
        )
        .optional()?;
    let Some(((kiosk, event), (issuer, issuer_key), (url, tls_pin), (origin, badge_key))) = row
    else {
        return Ok(None);
    };
    Ok(Some(Enrolment {
        kiosk: kiosk.parse().map_err(|e| JournalError::damaged(&e))?,
        event: event.parse().map_err(|e| JournalError::damaged(&e))?,
        issuer,
        issuer_key: PublicKey::from_bytes(&issuer_key).map_err(|e| JournalError::damaged(&e))?,
        url,
        tls_pin,
        origin,
        badge_key: BadgeKey::from_bytes(badge_key),
    }))
}

pub(super) fn insert_enrolment(
    tx: &Transaction<'_>,
    enrolment: &Enrolment,
) -> Result<(), JournalError> {
    tx.execute(
        "INSERT OR REPLACE INTO enrolment (id, kiosk, event, issuer, issuer_key, url, tls_pin, origin, badge_key, awaits)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
        params![
            enrolment.kiosk.as_str(),
            enrolment.event.as_str(),
            enrolment.issuer,
            enrolment.issuer_key.as_bytes(),
            enrolment.url,
            enrolment.tls_pin,
            enrolment.origin,
            enrolment.badge_key.as_bytes(),
        ],
    )?;
    Ok(())
}

pub(super) fn put_bundle(tx: &Transaction<'_>, bundle: NewBundle<'_>) -> Result<(), JournalError> {
    tx.execute(
        "INSERT INTO bundle VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET
         sequence = excluded.sequence, hash = excluded.hash, etag = excluded.etag, signed = excluded.signed",
        params![
            to_sql(bundle.sequence)?,
            bundle.hash.as_bytes(),
            bundle.etag,
            bundle.signed
        ],
    )?;
    Ok(())
}

pub(super) fn put_seed(tx: &Transaction<'_>, key: &SigningKey) -> Result<(), JournalError> {
    tx.execute("UPDATE log SET seed = ?1", [key.seed()])?;
    Ok(())
}

pub(super) fn put_floor(tx: &Transaction<'_>, floor: UtcMs) -> Result<(), JournalError> {
    tx.execute("UPDATE log SET floor_ms = ?1", [floor.0])?;
    Ok(())
}

/// A size or index as SQLite counts.
pub(super) fn to_sql(number: u64) -> Result<i64, JournalError> {
    i64::try_from(number).map_err(|e| JournalError::damaged(&e))
}

pub(super) fn hash(row: &Row<'_>, column: usize) -> Result<Hash, JournalError> {
    Ok(Hash(row.get(column)?))
}
