-- Servers that lists are read from again and again, and what was heard of them last. A cursor moves only when all behind it was imported.
CREATE TABLE feed (
    id           TEXT PRIMARY KEY,
    event        INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    -- What is asked for; where that changes, nothing of what follows counts.
    upstream     BLOB NOT NULL,
    -- Whether the configuration names it.
    configured   INTEGER NOT NULL,
    cursor_ms    INTEGER,
    whole_ms     INTEGER,
    version      TEXT,
    etag         TEXT,
    -- Rows that wait for a correction at their source, by number: a JSON object of reasons.
    refused      TEXT NOT NULL,
    -- What the last poll told, a JSON list of lines.
    report       TEXT NOT NULL,
    tried_ms     INTEGER,
    succeeded_ms INTEGER,
    error        TEXT,
    failures     INTEGER NOT NULL,
    next_ms      INTEGER,
    -- Since when somebody asks that it be polled sooner.
    wanted_ms    INTEGER
) STRICT, WITHOUT ROWID;

-- Systems that send by themselves. A token is kept as its hash; a secret that signatures are checked with is sealed.
CREATE TABLE source (
    id         TEXT PRIMARY KEY,
    event      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    token      BLOB,
    secret     BLOB,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    heard_ms   INTEGER
) STRICT, WITHOUT ROWID;

-- Events of signed webhooks that were taken: none is taken twice.
CREATE TABLE source_event (
    source TEXT NOT NULL,
    key    BLOB NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
