-- Accounts that reviewers set aside: nobody's, and not asked about any more. Nothing rests on it.
CREATE TABLE aside (
    event    INTEGER NOT NULL,
    subject  BLOB NOT NULL,
    reason   TEXT NOT NULL,
    operator TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (event, subject)
) STRICT, WITHOUT ROWID;

-- How many messages of a system were acknowledged that say nothing of attendance.
ALTER TABLE source ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0;
