-- What other sources than doors saw. A row lies in the object that its ledger entry names; here it is found by its person.
CREATE TABLE observed_batch (
    event     INTEGER NOT NULL,
    entry     INTEGER NOT NULL,
    object    BLOB NOT NULL,
    source    TEXT NOT NULL,
    system    TEXT NOT NULL,
    file      BLOB NOT NULL,
    rows      INTEGER NOT NULL,
    operator  TEXT,
    reason    TEXT,
    at_ms     INTEGER NOT NULL,
    -- The ledger entry that took back the whole batch.
    retracted INTEGER,
    PRIMARY KEY (event, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE observed (
    event     INTEGER NOT NULL,
    entry     INTEGER NOT NULL,
    row       INTEGER NOT NULL,
    attendee  TEXT,
    -- The row as the object has it.
    body      TEXT NOT NULL,
    -- The ledger entry that took it back, alone or with its batch.
    retracted INTEGER,
    PRIMARY KEY (event, entry, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX observed_attendee ON observed (event, attendee) WHERE attendee IS NOT NULL;

CREATE TABLE observed_subject (
    event   INTEGER NOT NULL,
    subject BLOB NOT NULL,
    entry   INTEGER NOT NULL,
    row     INTEGER NOT NULL,
    PRIMARY KEY (event, subject, entry, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX observed_subject_row ON observed_subject (event, entry, row);

-- What makes a row one observation, digested: a row that is read again is known by it.
CREATE TABLE observed_key (
    event INTEGER NOT NULL,
    key   BLOB NOT NULL,
    PRIMARY KEY (event, key)
) STRICT, WITHOUT ROWID;

-- People as sources know them, by the first account of their rows; the label is sealed.
CREATE TABLE subject (
    event    INTEGER NOT NULL,
    subject  BLOB NOT NULL,
    system   TEXT NOT NULL,
    -- All accounts of its rows, in order of trust, 32 bytes each.
    accounts BLOB NOT NULL,
    label    BLOB,
    rows     INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (event, subject)
) STRICT, WITHOUT ROWID;

-- The accounts that the registrations in force list.
CREATE TABLE listed_account (
    event    INTEGER NOT NULL,
    subject  BLOB NOT NULL,
    attendee TEXT NOT NULL,
    PRIMARY KEY (event, subject, attendee)
) STRICT, WITHOUT ROWID;
CREATE INDEX listed_account_attendee ON listed_account (event, attendee);

-- What reviewers said of accounts, which outlives every import.
CREATE TABLE account_word (
    event    INTEGER NOT NULL,
    subject  BLOB NOT NULL,
    attendee TEXT NOT NULL,
    matched  INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    operator TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (event, subject, attendee)
) STRICT, WITHOUT ROWID;

-- Badges of others that count for an attendee as well.
CREATE TABLE assistant (
    event    INTEGER NOT NULL,
    badge    BLOB NOT NULL,
    attendee TEXT NOT NULL,
    PRIMARY KEY (event, badge, attendee)
) STRICT, WITHOUT ROWID;
CREATE INDEX assistant_attendee ON assistant (event, attendee);

-- Session ids joined by commas; adjustments as the registrations' object has them.
ALTER TABLE registration ADD COLUMN speaks TEXT NOT NULL DEFAULT '';
ALTER TABLE registration ADD COLUMN accommodations TEXT NOT NULL DEFAULT '[]';

-- How many entries of the ledger hold every signal and retraction so far.
ALTER TABLE ledger ADD COLUMN signals INTEGER NOT NULL DEFAULT 0;
