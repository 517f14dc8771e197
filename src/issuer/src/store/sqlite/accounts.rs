//! Accounts, sessions and views, in SQLite.

use attendance::UtcMs;
use evidence::Hash;
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::accounts::{Account, AccountUnits, Session, View};
use super::super::events::MAX_PAGE;
use super::columns::{hash, word};
use super::{Result, SqliteStore, StoreError};

fn account(row: &Row<'_>, first: usize) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get(first)?,
        role: word(row, first + 1)?,
        password: row.get(first + 2)?,
        created: UtcMs(row.get(first + 3)?),
        disabled: row.get(first + 4)?,
    })
}

impl AccountUnits for SqliteStore {
    fn create_account(&self, account: &Account) -> Result<()> {
        self.write(|tx| {
            let added = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO account (id, role, password, created_ms, disabled) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    account.id,
                    account.role.as_str(),
                    account.password,
                    account.created.0,
                    account.disabled
                ])?;
            if added == 1 {
                Ok(())
            } else {
                Err(StoreError::Exists {
                    what: "account",
                    id: account.id.clone(),
                })
            }
        })
    }

    fn set_password(&self, id: &str, password: &str) -> Result<()> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached("UPDATE account SET password = ?2 WHERE id = ?1")?
                .execute(params![id, password])?;
            if changed == 0 {
                return Err(StoreError::not_found("account", id));
            }
            tx.prepare_cached("DELETE FROM session WHERE account = ?1")?
                .execute([id])?;
            Ok(())
        })
    }

    fn set_disabled(&self, id: &str, disabled: bool) -> Result<()> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached("UPDATE account SET disabled = ?2 WHERE id = ?1")?
                .execute(params![id, disabled])?;
            if changed == 0 {
                return Err(StoreError::not_found("account", id));
            }
            if disabled {
                tx.prepare_cached("DELETE FROM session WHERE account = ?1")?
                    .execute([id])?;
            }
            Ok(())
        })
    }

    fn account(&self, id: &str) -> Result<Option<Account>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(
                    "SELECT id, role, password, created_ms, disabled FROM account WHERE id = ?1",
                )?
                .query_row([id], |row| account(row, 0))
                .optional()?)
        })
    }

    fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, role, password, created_ms, disabled FROM account ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| account(row, 0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn begin_session(&self, session: &Session) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM session WHERE expires_ms <= ?1")?
                .execute([session.created.0])?;
            tx.prepare_cached(
                "INSERT INTO session (token, account, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                session.token.as_bytes(),
                session.account,
                session.created.0,
                session.expires.0
            ])?;
            Ok(())
        })
    }

    fn session_account(&self, token: Hash, now: UtcMs) -> Result<Option<(Session, Account)>> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached(
                    "SELECT s.token, s.account, s.created_ms, s.expires_ms, \
                     a.id, a.role, a.password, a.created_ms, a.disabled \
                     FROM session s JOIN account a ON a.id = s.account \
                     WHERE s.token = ?1 AND s.expires_ms > ?2 AND a.disabled = 0",
                )?
                .query_row(params![token.as_bytes(), now.0], |row| {
                    let session = Session {
                        token: hash(row, 0)?,
                        account: row.get(1)?,
                        created: UtcMs(row.get(2)?),
                        expires: UtcMs(row.get(3)?),
                    };
                    Ok((session, account(row, 4)?))
                })
                .optional()?)
        })
    }

    fn end_session(&self, token: Hash) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM session WHERE token = ?1")?
                .execute([token.as_bytes()])?;
            Ok(())
        })
    }

    fn record_view(&self, view: &View) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached(
                "INSERT INTO view_audit (at_ms, account, event, subject, what) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                view.at.0,
                view.account,
                view.event,
                view.subject,
                view.what
            ])?;
            Ok(())
        })
    }

    fn views(&self, event: &str, subject: Option<&str>, limit: usize) -> Result<Vec<View>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT at_ms, account, event, subject, what FROM view_audit \
                 WHERE event = ?1 AND (?2 IS NULL OR subject = ?2) ORDER BY number DESC LIMIT ?3",
            )?;
            let rows =
                statement.query_map(params![event, subject, limit.min(MAX_PAGE)], |row| {
                    Ok(View {
                        at: UtcMs(row.get(0)?),
                        account: row.get(1)?,
                        event: row.get(2)?,
                        subject: row.get(3)?,
                        what: row.get(4)?,
                    })
                })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
