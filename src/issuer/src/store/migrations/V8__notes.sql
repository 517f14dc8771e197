-- What somebody wrote beside a word, a match or a grant, in their own words: sealed under the data key of whom it is about, so that it goes
-- with them. The ledger's entry says what was done, by whom and why as a code.
CREATE TABLE note (
    event    INTEGER NOT NULL,
    entry    INTEGER NOT NULL,
    attendee TEXT NOT NULL,
    sealed   BLOB NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (event, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX note_attendee ON note (event, attendee);
