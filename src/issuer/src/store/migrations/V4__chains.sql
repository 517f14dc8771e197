-- A badge's scans are found from its newest one in each log backwards, so that to keep a scan costs the same however many there are.
ALTER TABLE signal RENAME TO signal_by_entry;

CREATE TABLE signal (
    event  INTEGER NOT NULL,
    badge  BLOB NOT NULL,
    log    INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    before INTEGER,
    PRIMARY KEY (event, badge, log)
) STRICT, WITHOUT ROWID;
INSERT INTO signal (event, badge, log, newest) SELECT event, badge, entry >> 40, max(entry) FROM signal_by_entry GROUP BY 1, 2, 3;

-- The scan of the same badge before this one in the same log.
ALTER TABLE entry ADD COLUMN earlier INTEGER;
UPDATE entry SET earlier = chain.earlier FROM (
    SELECT entry, lag(entry) OVER (PARTITION BY event, badge, entry >> 40 ORDER BY entry) AS earlier
    FROM signal_by_entry
) AS chain WHERE chain.entry = entry.id AND chain.earlier IS NOT NULL;

DROP TABLE signal_by_entry;
