-- Everything here but people, accounts, keys, files and the queue can be rebuilt from ledgers and journals.
-- Times are milliseconds since 1970 (…_ms) or seconds (…_s); hashes and digests are 32 bytes.
-- Numbers of logs and events are of this database only; entry keys hold them in their upper bits (see sqlite/keys.rs).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    title       TEXT NOT NULL,
    zone        TEXT NOT NULL,
    languages   TEXT NOT NULL,
    names       TEXT NOT NULL,
    repeat_s    INTEGER NOT NULL,
    margin_s    INTEGER NOT NULL,
    badge_key_id TEXT NOT NULL,
    badge_key   BLOB NOT NULL,
    created_ms  INTEGER NOT NULL,
    -- Rises with whatever a door's bundle holds.
    revision    INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger (
    event    INTEGER PRIMARY KEY,
    origin   TEXT NOT NULL UNIQUE,
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL
) STRICT;

CREATE TABLE ledger_entry (
    id    INTEGER PRIMARY KEY,
    leaf  BLOB NOT NULL,
    bytes BLOB NOT NULL,
    kind  TEXT NOT NULL
) STRICT;

CREATE TABLE ledger_node (
    event INTEGER NOT NULL,
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash  BLOB NOT NULL,
    PRIMARY KEY (event, level, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE witness (
    event  INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    log    INTEGER NOT NULL,
    time_s INTEGER NOT NULL,
    note   TEXT NOT NULL,
    PRIMARY KEY (event, size, log)
) STRICT, WITHOUT ROWID;

CREATE TABLE door (
    event INTEGER NOT NULL,
    id    TEXT NOT NULL,
    title TEXT NOT NULL,
    rooms TEXT NOT NULL,
    lost  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE claim (
    secret     BLOB PRIMARY KEY,
    event      INTEGER NOT NULL,
    door       TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    log        INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
    number      INTEGER PRIMARY KEY,
    event       INTEGER NOT NULL,
    kiosk       TEXT NOT NULL UNIQUE,
    door        TEXT NOT NULL,
    origin      TEXT NOT NULL UNIQUE,
    public_key  BLOB NOT NULL,
    software    TEXT NOT NULL,
    enrolled_ms INTEGER NOT NULL,
    retired_ms  INTEGER
) STRICT;
CREATE INDEX log_event ON log (event);

-- One row for each accepted batch: what the log was then, and the receipt it got.
CREATE TABLE head (
    log       INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    root      BLOB NOT NULL,
    frontier  BLOB NOT NULL,
    note      TEXT NOT NULL,
    receipt_s INTEGER NOT NULL,
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    id    INTEGER PRIMARY KEY,
    leaf  BLOB NOT NULL,
    -- NULL where the kiosk's own copy was damaged and only the leaf is left.
    bytes BLOB,
    -- NULL where the meaning could not be taken.
    kind  TEXT
) STRICT;

-- Where a badge's scans lie. By badge, so that a registration that comes late finds them.
CREATE TABLE signal (
    event INTEGER NOT NULL,
    badge BLOB NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (event, badge, entry)
) STRICT, WITHOUT ROWID;

-- The last scan of each badge that says in or out, by the kiosks' own clocks: what doors and pages are told at once.
CREATE TABLE presence (
    event     INTEGER NOT NULL,
    badge     BLOB NOT NULL,
    entry     INTEGER NOT NULL,
    wall_ms   INTEGER NOT NULL,
    room      TEXT,
    direction TEXT NOT NULL,
    PRIMARY KEY (event, badge)
) STRICT, WITHOUT ROWID;

-- The stretches of a log's clock: see attendance::time::ClockHistory.
CREATE TABLE clock_segment (
    log        INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    boot       TEXT NOT NULL,
    lowest_ms  INTEGER NOT NULL,
    highest_ms INTEGER NOT NULL,
    highest    INTEGER NOT NULL,
    PRIMARY KEY (log, number)
) STRICT, WITHOUT ROWID;

-- Indices of the entries that a log's clock history must observe, besides each segment's highest.
CREATE TABLE clock_mark (
    log INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE watermark (
    log   INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE quarantine (
    entry  INTEGER PRIMARY KEY,
    code   TEXT NOT NULL,
    detail TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT;

-- A branch that contradicts what is held, kept whole.
CREATE TABLE branch (
    log      INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    start    INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    note     TEXT NOT NULL,
    leaves   BLOB NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (log, hash)
) STRICT;

CREATE TABLE alarm (
    number     INTEGER PRIMARY KEY,
    event      INTEGER NOT NULL,
    subject    TEXT NOT NULL,
    code       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    cleared_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX alarm_open ON alarm (event, subject, code) WHERE cleared_ms IS NULL;

-- One sealed blob a person; an erased one has neither key nor blob.
CREATE TABLE attendee (
    event  INTEGER NOT NULL,
    id     TEXT NOT NULL,
    key    BLOB,
    sealed BLOB,
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE badge (
    event    INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    attendee TEXT NOT NULL,
    row      BLOB NOT NULL,
    revoked  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (event, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX badge_attendee ON badge (event, attendee);

CREATE TABLE registration (
    event          INTEGER NOT NULL,
    attendee       TEXT NOT NULL,
    valid_from_ms  INTEGER,
    valid_until_ms INTEGER,
    cancelled      INTEGER NOT NULL,
    PRIMARY KEY (event, attendee)
) STRICT, WITHOUT ROWID;

-- Versions of agenda and registrations, as the ledger announced them.
CREATE TABLE version (
    event  INTEGER NOT NULL,
    what   TEXT NOT NULL,
    number INTEGER NOT NULL,
    object BLOB NOT NULL,
    ledger INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (event, what, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE programme (
    event INTEGER NOT NULL,
    id    TEXT NOT NULL,
    title TEXT NOT NULL,
    rules BLOB,
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;

-- Files that hold personal data, sealed under their attendee's key, by the hash of what is inside.
CREATE TABLE private_object (
    event    INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    attendee TEXT NOT NULL,
    sealed   BLOB NOT NULL,
    PRIMARY KEY (event, hash)
) STRICT;

-- The durable queue: whom to decide again.
CREATE TABLE due (
    event     INTEGER NOT NULL,
    attendee  TEXT NOT NULL,
    programme TEXT NOT NULL,
    ticket    INTEGER NOT NULL,
    due_ms    INTEGER NOT NULL,
    tries     INTEGER NOT NULL,
    fault     TEXT,
    PRIMARY KEY (event, attendee, programme)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_when ON due (due_ms);

CREATE TABLE decision (
    event       INTEGER NOT NULL,
    attendee    TEXT NOT NULL,
    programme   TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    credits     TEXT,
    reason      TEXT NOT NULL,
    explanation TEXT NOT NULL,
    complete    INTEGER NOT NULL,
    decision    BLOB NOT NULL,
    basis       BLOB NOT NULL,
    at_ms       INTEGER NOT NULL,
    -- The final decision in the ledger, where there is one; the columns above may be a newer, live one.
    final_index    INTEGER,
    final_decision BLOB,
    PRIMARY KEY (event, attendee, programme)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    code       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    event      INTEGER NOT NULL,
    attendee   TEXT NOT NULL,
    programme  TEXT NOT NULL,
    decision   INTEGER NOT NULL,
    payload    BLOB NOT NULL,
    pdf        BLOB NOT NULL,
    issued_ms  INTEGER NOT NULL,
    ledger     INTEGER NOT NULL,
    PRIMARY KEY (code, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_of ON certificate (event, attendee, programme);

CREATE TABLE revocation (
    code     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    operator TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    ledger   INTEGER NOT NULL,
    PRIMARY KEY (code, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE bundle (
    log        INTEGER PRIMARY KEY,
    sequence   INTEGER NOT NULL,
    content    BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    bytes      BLOB NOT NULL
) STRICT;

CREATE TABLE kiosk_status (
    log   INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    body  TEXT NOT NULL
) STRICT;

CREATE TABLE account (
    id         TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    password   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    disabled   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    token      BLOB PRIMARY KEY,
    account    TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE view_audit (
    number  INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    account TEXT NOT NULL,
    event   TEXT NOT NULL,
    subject TEXT NOT NULL,
    what    TEXT NOT NULL
) STRICT;
CREATE INDEX view_audit_subject ON view_audit (event, subject);
