//! What everything is compared with: the same rows in bare SQLite, with the same promise (WAL, `synchronous=FULL`) and nothing around it.
//!
//! Hashes, frontiers and bytes are made before the clock starts. What is timed is a transaction of prepared statements and its commit.

use std::path::Path;
use std::time::{Duration, Instant};

use evidence::{Frontier, leaf_hash};
use rusqlite::{Connection, params};

/// After how many entries a journal keeps its frontier a second time.
const BASE_EVERY: u64 = 1_024;

fn open(path: &Path, tables: &str) -> Connection {
    let db = Connection::open(path).expect("a file to write");
    let pragmas =
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
    db.execute_batch(pragmas).expect("a file to write");
    db.execute_batch(tables).expect("a file to write");
    db
}

/// A journal's rows: an entry with its leaf, and the frontier.
#[derive(Debug)]
pub(crate) struct BareJournal {
    db: Connection,
    frontier: Frontier,
    base: Frontier,
    first: u64,
}

impl BareJournal {
    /// A new file whose frontiers are as long as those of a log that goes on from `frontier`.
    pub(crate) fn new(path: &Path, frontier: Frontier) -> Self {
        let tables = "
            CREATE TABLE entries (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;
            CREATE TABLE tip (id INTEGER PRIMARY KEY, frontier BLOB NOT NULL, base BLOB NOT NULL) STRICT;
            INSERT INTO tip VALUES (1, x'', x'');";
        Self {
            db: open(path, tables),
            base: frontier.clone(),
            first: frontier.size(),
            frontier,
        }
    }

    /// Commits one entry. How long that took.
    pub(crate) fn commit(&mut self, bytes: &[u8]) -> Duration {
        let index = self.frontier.size() - self.first;
        let leaf = leaf_hash(bytes);
        self.frontier.append(leaf);
        if self.frontier.size().is_multiple_of(BASE_EVERY) {
            self.base = self.frontier.clone();
        }
        let (frontier, base) = (self.frontier.to_bytes(), self.base.to_bytes());
        let start = Instant::now();
        let tx = self.db.transaction().expect("a transaction");
        tx.prepare_cached("INSERT INTO entries (idx, leaf, bytes) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![index, leaf.as_bytes(), bytes]))
            .expect("an entry is kept");
        tx.prepare_cached("UPDATE tip SET frontier = ?1, base = ?2")
            .and_then(|mut update| update.execute(params![frontier, base]))
            .expect("a frontier is kept");
        tx.commit().expect("the disk takes it");
        start.elapsed()
    }
}

/// The rows of one entry at the issuer.
#[derive(Debug)]
pub(crate) struct EntryRow<'a> {
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// The badge's digest.
    pub(crate) badge: [u8; 32],
    /// The attendee's pseudonym.
    pub(crate) attendee: &'a str,
    /// Which way.
    pub(crate) direction: &'a str,
}

/// An issuer's rows: entries, where each badge's scans lie, who is where, whom to decide again, the log's head and clock, the ledger.
#[derive(Debug)]
pub(crate) struct BareIntake {
    db: Connection,
    log: Frontier,
    ledger: Frontier,
    origin: String,
}

const INTAKE_TABLES: &str = "
    CREATE TABLE entry (id INTEGER PRIMARY KEY, leaf BLOB NOT NULL, bytes BLOB, kind TEXT, earlier INTEGER) STRICT;
    CREATE TABLE signal (event INTEGER NOT NULL, badge BLOB NOT NULL, log INTEGER NOT NULL, newest INTEGER NOT NULL, before INTEGER,
        PRIMARY KEY (event, badge, log)) STRICT, WITHOUT ROWID;
    CREATE TABLE presence (event INTEGER NOT NULL, badge BLOB NOT NULL, entry INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        room TEXT, direction TEXT NOT NULL, PRIMARY KEY (event, badge)) STRICT, WITHOUT ROWID;
    CREATE TABLE due (event INTEGER NOT NULL, attendee TEXT NOT NULL, programme TEXT NOT NULL, ticket INTEGER NOT NULL,
        due_ms INTEGER NOT NULL, tries INTEGER NOT NULL, fault TEXT, PRIMARY KEY (event, attendee, programme)) STRICT, WITHOUT ROWID;
    CREATE INDEX due_when ON due (due_ms);
    CREATE TABLE clock_segment (log INTEGER NOT NULL, number INTEGER NOT NULL, boot TEXT NOT NULL, lowest_ms INTEGER NOT NULL, highest_ms INTEGER NOT NULL,
        highest INTEGER NOT NULL, PRIMARY KEY (log, number)) STRICT, WITHOUT ROWID;
    CREATE TABLE head (log INTEGER NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, frontier BLOB NOT NULL, note TEXT NOT NULL,
        receipt_s INTEGER NOT NULL, PRIMARY KEY (log, size)) STRICT, WITHOUT ROWID;
    CREATE TABLE ledger_entry (id INTEGER PRIMARY KEY, leaf BLOB NOT NULL, bytes BLOB NOT NULL, kind TEXT NOT NULL) STRICT;
    CREATE TABLE ledger_node (event INTEGER NOT NULL, level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL,
        PRIMARY KEY (event, level, place)) STRICT, WITHOUT ROWID;
    CREATE TABLE ledger (event INTEGER PRIMARY KEY, size INTEGER NOT NULL, frontier BLOB NOT NULL) STRICT;
    INSERT INTO ledger VALUES (1, 0, x'');";

impl BareIntake {
    /// A new file.
    pub(crate) fn new(path: &Path, origin: &str) -> Self {
        Self {
            db: open(path, INTAKE_TABLES),
            log: Frontier::new(),
            ledger: Frontier::new(),
            origin: origin.to_owned(),
        }
    }

    /// Commits one batch under its checkpoint. How long that took.
    pub(crate) fn commit(&mut self, rows: &[EntryRow<'_>], note: &str) -> Duration {
        let start = self.log.size();
        let leaves: Vec<_> = rows.iter().map(|row| leaf_hash(row.bytes)).collect();
        self.log.append_all(leaves.iter().copied());
        let root = self.log.root();
        let ledger_line = format!(
            "{{\"v\":1,\"kind\":\"kiosk_head\",\"at\":\"2026-01-01T00:00:00.000Z\",\"body\":{{\"log\":\"{}\",\"from\":{start},\
             \"size\":{},\"root\":\"{}\",\"receipt_s\":1767225600}}}}",
            self.origin,
            self.log.size(),
            root.to_hex()
        );
        let ledger_leaf = leaf_hash(ledger_line.as_bytes());
        let ledger_index = self.ledger.size();
        let mut nodes = Vec::new();
        self.ledger.append_with(ledger_leaf, |level, place, hash| {
            nodes.push((level, place, hash));
        });
        let (log, ledger) = (self.log.to_bytes(), self.ledger.to_bytes());

        let clock = Instant::now();
        let tx = self.db.transaction().expect("a transaction");
        let kept = || -> rusqlite::Result<()> {
            let mut entry =
                tx.prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, 'scan', ?4)")?;
            let mut signal = tx.prepare_cached(
                "INSERT INTO signal VALUES (1, ?1, 1, ?2, NULL) ON CONFLICT DO UPDATE SET \
                 before = newest, newest = excluded.newest RETURNING before",
            )?;
            for ((index, row), leaf) in (start..).zip(rows).zip(&leaves) {
                let earlier: Option<u64> =
                    signal.query_row(params![row.badge, index], |row| row.get(0))?;
                entry.execute(params![index, leaf.as_bytes(), row.bytes, earlier])?;
            }
            let mut presence = tx.prepare_cached(
                "INSERT INTO presence VALUES (1, ?1, ?2, 1767225600000, 'hall', ?3) ON CONFLICT DO UPDATE SET \
                 entry = excluded.entry, wall_ms = excluded.wall_ms, direction = excluded.direction",
            )?;
            let mut due = tx.prepare_cached(
                "INSERT INTO due VALUES (1, ?1, 'main-track', ?2, 1767225600000, 0, NULL) ON CONFLICT DO UPDATE SET \
                 ticket = excluded.ticket",
            )?;
            for (index, row) in (start..).zip(rows) {
                presence.execute(params![row.badge, index, row.direction])?;
                due.execute(params![row.attendee, ledger_index])?;
            }
            tx.prepare_cached(
                "INSERT INTO clock_segment VALUES (1, 0, '0b1f2c3d-0000-4000-8000-00000000e2e0', 0, ?1, ?1) \
                 ON CONFLICT DO UPDATE SET highest_ms = excluded.highest_ms, highest = excluded.highest",
            )?
            .execute([self.log.size()])?;
            tx.prepare_cached("INSERT INTO head VALUES (1, ?1, ?2, ?3, ?4, 1767225600)")?
                .execute(params![self.log.size(), root.as_bytes(), log, note])?;
            tx.prepare_cached("INSERT INTO ledger_entry VALUES (?1, ?2, ?3, 'kiosk_head')")?
                .execute(params![
                    ledger_index,
                    ledger_leaf.as_bytes(),
                    ledger_line.as_bytes()
                ])?;
            let mut node = tx.prepare_cached("INSERT INTO ledger_node VALUES (1, ?1, ?2, ?3)")?;
            for (level, place, hash) in nodes.iter().filter(|(level, ..)| *level > 0) {
                node.execute(params![level, place, hash.as_bytes()])?;
            }
            tx.prepare_cached("UPDATE ledger SET size = ?1, frontier = ?2")?
                .execute(params![self.ledger.size(), ledger])?;
            Ok(())
        };
        kept().expect("the rows are kept");
        tx.commit().expect("the disk takes it");
        let took = clock.elapsed();
        // Whoever is due is decided before the next batch, here as there; else these would be changes of rows and not inserts.
        self.db
            .execute("DELETE FROM due", [])
            .expect("the disk takes it");
        took
    }
}
