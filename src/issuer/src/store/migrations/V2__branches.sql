-- Refused batches of earlier versions are kept as they came.
ALTER TABLE branch RENAME TO refused_batch;

-- A second history under one key: it shares `base` entries with its log, and grows as its sealed log is delivered.
CREATE TABLE branch (
    number   INTEGER PRIMARY KEY,
    log      INTEGER NOT NULL,
    base     INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    note     TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX branch_log ON branch (log);

CREATE TABLE branch_entry (
    branch INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    leaf   BLOB NOT NULL,
    bytes  BLOB,
    PRIMARY KEY (branch, idx)
) STRICT, WITHOUT ROWID;

-- What a log held when its enrolment ended; what comes later is late.
ALTER TABLE log ADD COLUMN retired_size INTEGER;
UPDATE log SET retired_size = coalesce((SELECT max(h.size) FROM head h WHERE h.log = log.number), 0)
WHERE retired_ms IS NOT NULL;

-- Cases that a reviewer closed: of a branch, or of a log's late entries.
CREATE TABLE closed_case (
    event    INTEGER NOT NULL,
    id       TEXT NOT NULL,
    about    TEXT NOT NULL,
    log      INTEGER NOT NULL,
    branch   INTEGER,
    base     INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    root     BLOB NOT NULL,
    note     TEXT,
    outcome  TEXT NOT NULL,
    reason   TEXT NOT NULL,
    operator TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    ledger   INTEGER NOT NULL,
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;

-- A head of the ledger that was signed before and that this database does not hold: nothing is signed until a person has dealt with it.
CREATE TABLE lost_head (
    event      INTEGER PRIMARY KEY,
    size       INTEGER NOT NULL,
    root       BLOB NOT NULL,
    note       TEXT NOT NULL,
    kiosk      TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    settled_ms INTEGER
) STRICT;
