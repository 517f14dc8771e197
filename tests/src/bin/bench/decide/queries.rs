//! The control: one query over the same rows, that makes spans of signals, unions those of each attendee and room, and clips them to the
//! sessions. It knows no grace, no missing end, no threshold and no credit.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rusqlite::{Connection, params};

use super::crowd::{BEAT_GAP_S, Crowd};

/// Milliseconds of each attendee in each session they were at.
pub(super) type Minutes = BTreeMap<(u32, u32), i64>;

/// Both databases read this; what they call the lesser and the greater of two is put in.
const QUERY: &str = "
WITH crossing AS (
  SELECT attendee, room, kind, at_ms AS s, lead(at_ms) OVER (PARTITION BY attendee, room, device ORDER BY at_ms) AS e
  FROM signals WHERE kind <> 2
), beat AS (
  SELECT attendee, room, at_ms AS s, lead(at_ms) OVER (PARTITION BY attendee, room, device ORDER BY at_ms) AS e
  FROM signals WHERE kind = 2
), span AS (
  SELECT attendee, room, s, e FROM crossing WHERE kind = 0 AND e IS NOT NULL
  UNION ALL
  SELECT attendee, room, s, e FROM beat WHERE e - s <= GAP_MS
), ahead AS (
  SELECT attendee, room, s, e,
    max(e) OVER (PARTITION BY attendee, room ORDER BY s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held
  FROM span
), piece AS (
  SELECT attendee, room, CASE WHEN held > s THEN held ELSE s END AS s, e FROM ahead WHERE held IS NULL OR held < e
)
SELECT p.attendee, x.id, CAST(sum(LESSER(p.e, x.e) - GREATER(p.s, x.s)) AS BIGINT)
FROM piece p JOIN session x ON x.room = p.room AND p.s < x.e AND x.s < p.e
GROUP BY p.attendee, x.id";

fn query(lesser: &str, greater: &str) -> String {
    QUERY
        .replace("GAP_MS", &(BEAT_GAP_S * 1_000).to_string())
        .replace("LESSER", lesser)
        .replace("GREATER", greater)
}

/// SQLite in memory, its table in the very order that the query asks for, so that nothing need be sorted before the first window.
pub(super) struct Sqlite(Connection);

impl Sqlite {
    pub(super) fn load(crowd: &Crowd) -> Self {
        let db = Connection::open_in_memory().expect("SQLite opens");
        db.execute_batch(
            "CREATE TABLE signals (attendee INTEGER, room INTEGER, device INTEGER, at_ms INTEGER, n INTEGER, kind INTEGER,
               PRIMARY KEY (attendee, room, device, at_ms, n)) WITHOUT ROWID;
             CREATE TABLE session (id INTEGER PRIMARY KEY, room INTEGER, s INTEGER, e INTEGER);
             BEGIN;",
        )
        .expect("tables are made");
        {
            let mut row = db
                .prepare("INSERT INTO signals VALUES (?, ?, ?, ?, ?, ?)")
                .expect("a table");
            for (number, r) in (0_i64..).zip(&crowd.rows) {
                row.execute(params![
                    r.attendee, r.room, r.device, r.at_ms, number, r.kind
                ])
                .expect("a row");
            }
            let mut row = db
                .prepare("INSERT INTO session VALUES (?, ?, ?, ?)")
                .expect("a table");
            for (number, slot) in (0_i64..).zip(&crowd.slots) {
                row.execute(params![number, slot.room, slot.start_ms, slot.end_ms])
                    .expect("a row");
            }
        }
        db.execute_batch("COMMIT; ANALYZE;")
            .expect("the tables are kept");
        Self(db)
    }

    /// Runs the query once, and counts what it finds.
    pub(super) fn run(&self) -> usize {
        let mut query = self.0.prepare(&query("min", "max")).expect("the query");
        let mut rows = query.query([]).expect("the query runs");
        let mut found = 0;
        while rows.next().expect("a row").is_some() {
            found += 1;
        }
        found
    }

    pub(super) fn minutes(&self) -> Minutes {
        let mut query = self.0.prepare(&query("min", "max")).expect("the query");
        let rows = query.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)));
        rows.expect("the query runs")
            .collect::<Result<_, _>>()
            .expect("rows of numbers")
    }
}

/// What runs DuckDB: loads two tables, then runs the query once for each line it is given and answers with the processor's seconds.
const SCRIPT: &str = r#"
import sys, time
import duckdb
folder, query = sys.argv[1], sys.argv[2]
db = duckdb.connect()
db.execute("SET threads = 1")
# Its bar would stand between the answers.
db.execute("SET enable_progress_bar = false")
db.execute("CREATE TABLE signals AS SELECT * FROM read_csv('%s/signals.csv', header = true)" % folder)
db.execute("CREATE TABLE session AS SELECT * FROM read_csv('%s/session.csv', header = true)" % folder)
print(duckdb.__version__, flush=True)
for line in sys.stdin:
    start = time.process_time()
    rows = db.execute(query).fetchnumpy()
    print(time.process_time() - start, flush=True)
    if line.strip() == "keep":
        db.execute("COPY (%s) TO '%s/minutes.csv' (HEADER false)" % (query, folder))
        print("kept", flush=True)
"#;

/// DuckDB with the same rows, on one thread, in a process of its own.
pub(super) struct Duck {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    pub(super) version: String,
}

impl Duck {
    /// Finds or installs DuckDB beside the built programs, and loads it.
    ///
    /// # Errors
    /// Where there is no Python, or DuckDB cannot be had: why, for people.
    pub(super) fn load(crowd: &Crowd) -> Result<Self, String> {
        let python = python()?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        write_tables(folder.path(), crowd).map_err(|e| e.to_string())?;
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .arg(folder.path())
            .arg(query("least", "greatest"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("Python does not start: {e}"))?;
        let to = child.stdin.take().ok_or("no standard input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut duck = Self {
            child,
            to,
            from,
            folder,
            version: String::new(),
        };
        duck.version = duck.line()?;
        Ok(duck)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => Err("DuckDB stopped; its own words stand above".to_owned()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Runs the query once: processor seconds.
    pub(super) fn run(&mut self) -> Result<f64, String> {
        writeln!(self.to, "run").map_err(|e| e.to_string())?;
        self.line()?.parse().map_err(|_| "no number".to_owned())
    }

    pub(super) fn minutes(&mut self) -> Result<Minutes, String> {
        writeln!(self.to, "keep").map_err(|e| e.to_string())?;
        self.line()?;
        match self.line()?.as_str() {
            "kept" => {}
            other => return Err(format!("DuckDB said {other:?} where it keeps a table")),
        }
        let file = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_path(self.folder.path().join("minutes.csv"));
        file.map_err(|e| e.to_string())?
            .deserialize::<(u32, u32, i64)>()
            .map(|row| row.map(|(attendee, session, ms)| ((attendee, session), ms)))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())
    }
}

impl Drop for Duck {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has DuckDB.
fn python() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let target = own
        .ancestors()
        .nth(2)
        .ok_or("no folder of built programs")?;
    let home = target.join("duckdb");
    let python = home.join("bin/python");
    let has_it = |python: &Path| {
        let tried = Command::new(python)
            .args(["-c", "import duckdb, numpy"])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    if has_it(&python) {
        return Ok(python);
    }
    let step = |command: &mut Command, what: &str| match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what} failed ({status})")),
        Err(error) => Err(format!("{what} did not start: {error}")),
    };
    step(
        Command::new("python3").args(["-m", "venv"]).arg(&home),
        "python3 -m venv",
    )?;
    step(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "duckdb", "numpy"]),
        "pip install duckdb",
    )?;
    if has_it(&python) {
        Ok(python)
    } else {
        Err("DuckDB was installed and does not load".to_owned())
    }
}

fn write_tables(folder: &Path, crowd: &Crowd) -> Result<(), csv::Error> {
    let mut file = csv::Writer::from_path(folder.join("signals.csv"))?;
    file.write_record(["attendee", "room", "device", "at_ms", "kind"])?;
    for r in &crowd.rows {
        file.serialize((r.attendee, r.room, r.device, r.at_ms, r.kind))?;
    }
    file.flush()?;
    let mut file = csv::Writer::from_path(folder.join("session.csv"))?;
    file.write_record(["id", "room", "s", "e"])?;
    for (number, slot) in (0_u32..).zip(&crowd.slots) {
        file.serialize((number, slot.room, slot.start_ms, slot.end_ms))?;
    }
    Ok(file.flush()?)
}
