-- Signs that a badge was not with its holder: what the scans show, and how a reviewer closed it. One that grows after it was closed is a new one.
CREATE TABLE sign (
    event     INTEGER NOT NULL,
    id        TEXT NOT NULL,
    about     TEXT NOT NULL,
    -- One attendee's id, or two joined by a comma.
    attendees TEXT NOT NULL,
    times     INTEGER NOT NULL,
    -- The scans: a JSON list of log and index.
    evidence  TEXT NOT NULL,
    first_ms  INTEGER NOT NULL,
    last_ms   INTEGER NOT NULL,
    outcome   TEXT,
    reason    TEXT,
    operator  TEXT,
    closed_ms INTEGER,
    -- The ledger's newest entry about it.
    ledger    INTEGER,
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_about ON sign (event, about, attendees);
