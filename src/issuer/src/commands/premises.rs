//! What every command but `migrate` stands on: configuration, database, objects and keys, opened and checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use attendance::UtcMs;
use attendance::words::EventId;
use protocol::toml_text::nearest;

use super::arguments::CONFIG_DEFAULT;
use super::output::Failure;
use crate::api::Clock;
use crate::config::Config;
use crate::feeds::run::Polls;
use crate::imports::Desk;
use crate::keys::{Keys, Random, system_random};
use crate::store::accounts::Account;
use crate::store::events::EventFacts;
use crate::store::{Documents, FolderObjects, ObjectStore, SqliteStore, Store, StoreError};

/// Under which setting the database keeps the issuer's name.
const ISSUER_NAME: &str = "issuer_name";

/// An issuer, opened.
pub(super) struct Premises {
    pub(super) config: Config,
    /// The configuration's file, as it was typed.
    config_path: PathBuf,
    pub(super) store: Arc<dyn Store>,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) documents: Arc<Documents>,
    pub(super) keys: Arc<Keys>,
    pub(super) random: Random,
}

impl Premises {
    /// Opens what `migrate` has made.
    pub(super) fn open(config: Config, config_path: &Path) -> Result<Self, Failure> {
        let store = SqliteStore::open_existing(&config.database())?;
        let named = store.setting(ISSUER_NAME)?;
        let named = named.ok_or_else(|| {
            Failure::failed(format!(
                "the database in {} has no issuer's name yet: run `rollcall-issuer migrate` first",
                config.data_dir.display()
            ))
        })?;
        same_name(&named, &config)?;
        Self::with(config, config_path, store)
    }

    /// Opens or makes all of it, under a name that the database keeps for life.
    pub(super) fn make(config: Config, config_path: &Path) -> Result<Self, Failure> {
        let store = SqliteStore::open(&config.database())?;
        let named = store.set_once(ISSUER_NAME, config.issuer.as_bytes())?;
        same_name(&named, &config)?;
        Self::with(config, config_path, store)
    }

    fn with(config: Config, config_path: &Path, store: SqliteStore) -> Result<Self, Failure> {
        let random = system_random();
        let keys = Keys::load(&config.master_key, &store, &random)?;
        let objects = FolderObjects::open(&config.objects())?;
        Ok(Self {
            config,
            config_path: config_path.to_owned(),
            store: Arc::new(store),
            objects: Arc::new(objects),
            documents: Arc::default(),
            keys: Arc::new(keys),
            random,
        })
    }

    /// The line that names the next command, fit to be pasted.
    pub(super) fn next(&self, command: &str) -> String {
        if self.config_path == Path::new(CONFIG_DEFAULT) {
            format!("next: rollcall-issuer {command}")
        } else {
            format!(
                "next: rollcall-issuer --config {} {command}",
                self.config_path.display()
            )
        }
    }

    /// Where imports go, now.
    pub(super) fn desk(&self) -> Desk<'_> {
        Desk {
            store: self.store.as_ref(),
            objects: self.objects.as_ref(),
            documents: &self.documents,
            keys: &self.keys,
            random: &self.random,
            now: now(),
        }
    }

    /// What polls of sources work with.
    pub(super) fn polls(&self, clock: Clock) -> Polls {
        Polls {
            store: Arc::clone(&self.store),
            objects: Arc::clone(&self.objects),
            documents: Arc::clone(&self.documents),
            keys: Arc::clone(&self.keys),
            random: Arc::clone(&self.random),
            clock,
        }
    }

    /// An event, or the sentence that says which there are.
    pub(super) fn event(&self, id: &EventId) -> Result<EventFacts, Failure> {
        match self.store.event(id) {
            Err(StoreError::NotFound { .. }) => Err(self.no_event(id)?),
            other => Ok(other?),
        }
    }

    fn no_event(&self, id: &EventId) -> Result<Failure, Failure> {
        let events = self.store.events()?;
        let meant = nearest(id.as_str(), events.iter().map(|e| e.id.as_str()));
        let advice = match meant {
            Some(meant) => {
                format!("did you mean {meant:?}? `rollcall-issuer event list` shows all")
            }
            None if events.is_empty() => "make one with `rollcall-issuer event create`".to_owned(),
            None => "`rollcall-issuer event list` shows those there are".to_owned(),
        };
        Ok(Failure::failed(format!(
            "there is no event \"{id}\"; {advice}"
        )))
    }

    /// Whether an account of this id may stand in evidence as who did something.
    pub(super) fn operator(&self, id: &str) -> Result<(), Failure> {
        self.account(id).map(drop)
    }

    /// Whether an account of this id may say of people what counts as evidence.
    pub(super) fn reviewer(&self, id: &str) -> Result<(), Failure> {
        let account = self.account(id)?;
        if account.role.may_review() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the account {id:?} is of the role {}, which says nothing of attendance: a reviewer, organiser or administrator does",
            account.role
        )))
    }

    /// Whether an account of this id may grant what is private, or do what cannot be undone; `what` says it of an administrator.
    pub(super) fn administrator(&self, id: &str, what: &str) -> Result<(), Failure> {
        let account = self.account(id)?;
        if account.role.may_grant() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the account {id:?} is of the role {}, and only an administrator {what}",
            account.role
        )))
    }

    fn account(&self, id: &str) -> Result<Account, Failure> {
        match self.store.account(id)? {
            Some(account) if !account.disabled => Ok(account),
            Some(_) => Err(Failure::failed(format!(
                "the account {id:?} is disabled, so it cannot be the operator"
            ))),
            None => Err(Failure::failed(format!(
                "there is no account {id:?}, and evidence names who did it: `rollcall-issuer user list` shows them, `user add` adds one"
            ))),
        }
    }
}

fn same_name(held: &[u8], config: &Config) -> Result<(), Failure> {
    if held == config.issuer.as_bytes() {
        return Ok(());
    }
    let held = String::from_utf8_lossy(held);
    Err(Failure::failed(format!(
        "the issuer is called \"{}\" in the configuration, but the database in {} belongs to \"{held}\": a name is for life, since it stands in \
         all evidence; write `issuer = \"{held}\"`, or another `data_dir` for another issuer",
        config.issuer,
        config.data_dir.display()
    )))
}

/// The system's clock.
pub(super) fn now() -> UtcMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UtcMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
