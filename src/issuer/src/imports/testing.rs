//! An issuer with one event and nothing in it: for this module's tests.
#![allow(clippy::unwrap_used)]

use attendance::UtcMs;
use attendance::words::EventId;
use protocol::badge::BadgeKey;
use protocol::bundle::NamePolicy;

use super::{Desk, Source};
use crate::keys::{Keys, Random, system_random};
use crate::store::events::NewEvent;
use crate::store::{Documents, FolderObjects, ObjectStore, SqliteStore, Store};

pub(crate) const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"Test\"\nminutes_per_credit = \"60\"\nstep = \"0.5\"\nthreshold = { share = \"0.8\" }\n";

pub(crate) fn event_id() -> EventId {
    EventId::new("gp-2026").unwrap()
}

pub(crate) struct Office {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Box<dyn Store>,
    pub(crate) objects: Box<dyn ObjectStore>,
    pub(crate) documents: Documents,
    pub(crate) keys: Keys,
    pub(crate) random: Random,
    pub(crate) now: UtcMs,
}

impl Office {
    pub(crate) fn new() -> Self {
        Self::with_names(NamePolicy::First)
    }

    pub(crate) fn with_names(names: NamePolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Box<dyn Store> =
            Box::new(SqliteStore::open(&folder.path().join("issuer.db")).unwrap());
        let objects = Box::new(FolderObjects::open(&folder.path().join("objects")).unwrap());
        let random = system_random();
        let keys = Keys::load(&folder.path().join("master.key"), store.as_ref(), &random).unwrap();
        let badge_key = BadgeKey::from_bytes([7; 32]);
        let event = NewEvent {
            zone: "Europe/Vienna".to_owned(),
            names,
            badge_key_id: badge_key.id(),
            badge_key: keys.seal_badge_key(&event_id(), &badge_key, &random),
            ..crate::testing::new_event()
        };
        let now = crate::testing::NOON;
        store.create_event(&event, now).unwrap();
        Self {
            folder,
            store,
            objects,
            documents: Documents::default(),
            keys,
            random,
            now,
        }
    }

    pub(crate) fn badge_key(&self) -> BadgeKey {
        BadgeKey::from_bytes([7; 32])
    }

    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk {
            store: self.store.as_ref(),
            objects: self.objects.as_ref(),
            documents: &self.documents,
            keys: &self.keys,
            random: &self.random,
            now: self.now,
        }
    }

    pub(crate) fn source(&self, bytes: &[u8]) -> Source<'static> {
        Source {
            format: "csv",
            file: evidence::sha256(bytes),
            rows: 1,
        }
    }
}
