//! Servers that are polled and systems that send, in SQLite.

use attendance::UtcMs;
use attendance::words::EventId;
use evidence::Hash;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use super::super::sources::{FeedFacts, NewFeed, SourceFacts, SourceUnits, WANTED_GAP_MS};
use super::columns::{hash_opt, word};
use super::{Result, SqliteStore, StoreError, Tx, events};

/// The columns of a feed, in the order in which [`feed_facts`] reads them.
macro_rules! feeds_where {
    ($condition:literal) => {
        concat!(
            "SELECT f.id, e.id, f.kind, f.configured, f.cursor_ms, f.whole_ms, f.version, f.etag, f.refused, f.report, \
             f.tried_ms, f.succeeded_ms, f.error, f.failures, f.next_ms, f.wanted_ms \
             FROM feed f JOIN event e ON e.number = f.event WHERE ",
            $condition
        )
    };
}

/// The columns of a source, in the order in which [`source_facts`] reads them.
macro_rules! sources_where {
    ($condition:literal) => {
        concat!(
            "SELECT s.id, e.id, s.kind, s.token, s.secret, s.created_ms, s.revoked_ms, s.heard_ms, s.ignored \
             FROM source s JOIN event e ON e.number = s.event WHERE ",
            $condition
        )
    };
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<UtcMs>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(UtcMs))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(error.to_string()))
}

fn feed_facts(row: &Row<'_>) -> rusqlite::Result<FeedFacts> {
    Ok(FeedFacts {
        id: row.get(0)?,
        event: word(row, 1)?,
        kind: row.get(2)?,
        configured: row.get(3)?,
        cursor: time(row, 4)?,
        whole: time(row, 5)?,
        version: row.get(6)?,
        etag: row.get(7)?,
        refused: json(row, 8)?,
        report: json(row, 9)?,
        tried: time(row, 10)?,
        succeeded: time(row, 11)?,
        error: row.get(12)?,
        failures: row.get(13)?,
        next: time(row, 14)?,
        wanted: time(row, 15)?,
    })
}

fn source_facts(row: &Row<'_>) -> rusqlite::Result<SourceFacts> {
    Ok(SourceFacts {
        id: row.get(0)?,
        event: word(row, 1)?,
        kind: row.get(2)?,
        token: hash_opt(row, 3)?,
        secret: row.get(4)?,
        created: UtcMs(row.get(5)?),
        revoked: time(row, 6)?,
        heard: time(row, 7)?,
        ignored: row.get(8)?,
    })
}

fn source(tx: &Tx<'_>, id: &str) -> Result<Option<SourceFacts>> {
    Ok(tx
        .prepare_cached(sources_where!("s.id = ?1"))?
        .query_row([id], source_facts)
        .optional()?)
}

fn exists(id: &str) -> StoreError {
    StoreError::Exists {
        what: "source",
        id: id.to_owned(),
    }
}

impl SourceUnits for SqliteStore {
    fn declare_feed(&self, feed: &NewFeed) -> Result<FeedFacts> {
        self.write(|tx| {
            let event = events::number(tx, &feed.event)?;
            if source(tx, &feed.id)?.is_some() {
                return Err(exists(&feed.id));
            }
            let upstream = feed.upstream.as_bytes();
            tx.prepare_cached(
                "DELETE FROM feed WHERE id = ?1 AND (event <> ?2 OR upstream <> ?3)",
            )?
            .execute(params![feed.id, event, upstream])?;
            tx.prepare_cached(
                "INSERT INTO feed (id, event, kind, upstream, configured, refused, report, failures) \
                 VALUES (?1, ?2, ?3, ?4, 1, '{}', '[]', 0) ON CONFLICT DO NOTHING",
            )?
            .execute(params![feed.id, event, feed.kind, upstream])?;
            Ok(tx
                .prepare_cached(feeds_where!("f.id = ?1"))?
                .query_row([&feed.id], feed_facts)?)
        })
    }

    fn keep_feeds(&self, ids: &[&str]) -> Result<()> {
        let ids = text(&ids)?;
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE feed SET configured = id IN (SELECT value FROM json_each(?1))",
            )?
            .execute([&ids])?;
            Ok(())
        })
    }

    fn feeds(&self, event: &EventId) -> Result<Vec<FeedFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(feeds_where!("f.event = ?1 ORDER BY f.id"))?;
            let rows = statement.query_map([number], feed_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn due_feed(&self, now: UtcMs) -> Result<Option<String>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(
                    "SELECT id FROM feed WHERE configured AND (coalesce(next_ms, 0) <= ?1 \
                     OR (wanted_ms IS NOT NULL AND failures = 0 AND coalesce(tried_ms, 0) <= ?2)) \
                     ORDER BY coalesce(tried_ms, 0), id LIMIT 1",
                )?
                .query_row(params![now.0, now.plus_ms(-WANTED_GAP_MS).0], |row| {
                    row.get(0)
                })
                .optional()?)
        })
    }

    fn put_feed(&self, feed: &FeedFacts, begun: UtcMs) -> Result<()> {
        let (refused, report) = (text(&feed.refused)?, text(&feed.report)?);
        let ms = |at: Option<UtcMs>| at.map(|at| at.0);
        self.write(|tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE feed SET cursor_ms = ?2, whole_ms = ?3, version = ?4, etag = ?5, refused = ?6, report = ?7, \
                     tried_ms = ?8, succeeded_ms = ?9, error = ?10, failures = ?11, next_ms = ?12, \
                     wanted_ms = CASE WHEN wanted_ms > ?13 THEN wanted_ms END WHERE id = ?1",
                )?
                .execute(params![
                    feed.id,
                    ms(feed.cursor),
                    ms(feed.whole),
                    feed.version,
                    feed.etag,
                    refused,
                    report,
                    ms(feed.tried),
                    ms(feed.succeeded),
                    feed.error,
                    feed.failures,
                    ms(feed.next),
                    begun.0
                ])?;
            if changed == 1 {
                Ok(())
            } else {
                Err(StoreError::not_found("source", &feed.id))
            }
        })
    }

    fn want_feed(&self, id: &str, kind: &str, now: UtcMs) -> Result<bool> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE feed SET wanted_ms = ?3 WHERE id = ?1 AND kind = ?2 AND configured",
                )?
                .execute(params![id, kind, now.0])?;
            Ok(changed == 1)
        })
    }

    fn add_source(&self, new: &SourceFacts) -> Result<()> {
        self.write(|tx| {
            let event = events::number(tx, &new.event)?;
            let is_feed: bool = tx
                .prepare_cached("SELECT count(*) > 0 FROM feed WHERE id = ?1 AND configured")?
                .query_row([&new.id], |row| row.get(0))?;
            // One that was revoked may come back, as what it was.
            let held = source(tx, &new.id)?;
            let is_other = held.is_some_and(|held| {
                held.revoked.is_none() || held.event != new.event || held.kind != new.kind
            });
            if is_feed || is_other {
                return Err(exists(&new.id));
            }
            tx.prepare_cached(
                "INSERT INTO source (id, event, kind, token, secret, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT DO UPDATE SET token = excluded.token, secret = excluded.secret, \
                 created_ms = excluded.created_ms, revoked_ms = NULL",
            )?
            .execute(params![
                new.id,
                event,
                new.kind,
                new.token.as_ref().map(Hash::as_bytes),
                new.secret,
                new.created.0
            ])?;
            Ok(())
        })
    }

    fn source(&self, id: &str) -> Result<Option<SourceFacts>> {
        self.read(|tx| source(tx, id))
    }

    fn sources(&self, event: &EventId) -> Result<Vec<SourceFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(sources_where!("s.event = ?1 ORDER BY s.id"))?;
            let rows = statement.query_map([number], source_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn revoke_source(&self, id: &str, now: UtcMs) -> Result<()> {
        self.write(|tx| {
            // What nobody may use any more is not kept.
            let changed = tx
                .prepare_cached(
                    "UPDATE source SET revoked_ms = ?2, token = NULL, secret = NULL \
                     WHERE id = ?1 AND revoked_ms IS NULL",
                )?
                .execute(params![id, now.0])?;
            if changed == 1 {
                Ok(())
            } else {
                Err(StoreError::not_found("source", id))
            }
        })
    }

    fn heard_source(&self, id: &str, ignored: usize, now: UtcMs) -> Result<()> {
        self.write_together(|tx| {
            tx.prepare_cached(
                "UPDATE source SET heard_ms = ?2, ignored = ignored + ?3 WHERE id = ?1",
            )?
            .execute(params![id, now.0, ignored])?;
            Ok(())
        })
    }

    fn knows_source_event(&self, id: &str, key: Hash) -> Result<bool> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(
                    "SELECT count(*) > 0 FROM source_event WHERE source = ?1 AND key = ?2",
                )?
                .query_row(params![id, key.as_bytes()], |row| row.get(0))?)
        })
    }

    fn take_source_event(&self, id: &str, key: Hash, now: UtcMs, forget: UtcMs) -> Result<bool> {
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM source_event WHERE source = ?1 AND at_ms < ?2")?
                .execute(params![id, forget.0])?;
            let added = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO source_event (source, key, at_ms) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![id, key.as_bytes(), now.0])?;
            Ok(added == 1)
        })
    }
}
