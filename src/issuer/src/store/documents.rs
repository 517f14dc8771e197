//! What objects say, read once: agendas, registrations and rule sets by their names.
//!
//! Contract: an object never changes under its name, so what was read of one holds for as long as the program runs. Of each kind the
//! [`MAX_HELD`] that were asked for last are held; any other is read again, and what does not read is not held. So one late signal costs
//! what it weighs, however large the agenda and the registrations are. Clones of the [`Arc`]s that are given out stay valid.

use std::sync::{Arc, Mutex, PoisonError};

use attendance::rules::RuleSet;
use audit::derive::Roll;
use evidence::Hash;
use protocol::agenda::{Agenda, Registrations};
use serde::de::DeserializeOwned;

use super::{ObjectError, ObjectStore};

/// How many documents of each kind are held: those in force of a few events that run at a time.
pub const MAX_HELD: usize = 4;

/// Why a document cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The object store.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// There is no such object.
    #[error("the {what} {hash} is not in the object store: restore it")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Its name.
        hash: Hash,
    },
    /// It is not what it should be.
    #[error("the {what} {hash} does not read: {cause}")]
    Unread {
        /// What it is.
        what: &'static str,
        /// Its name.
        hash: Hash,
        /// Why, for people.
        cause: String,
    },
}

/// Documents that were read. Threads share it.
#[derive(Debug, Default)]
pub struct Documents {
    agendas: Shelf<Agenda>,
    rolls: Shelf<Roll>,
    rules: Shelf<RuleSet>,
}

impl Documents {
    /// An agenda.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn agenda(
        &self,
        objects: &dyn ObjectStore,
        hash: Hash,
    ) -> Result<Arc<Agenda>, DocumentError> {
        self.agendas
            .get(hash, || from_json(objects, hash, "agenda"))
    }

    /// Registrations, ready to say whose a badge or an account is.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn roll(&self, objects: &dyn ObjectStore, hash: Hash) -> Result<Arc<Roll>, DocumentError> {
        self.rolls.get(hash, || {
            let document: Registrations = from_json(objects, hash, "registrations")?;
            Ok(Roll::new(&document))
        })
    }

    /// A rule set.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn rules(
        &self,
        objects: &dyn ObjectStore,
        hash: Hash,
    ) -> Result<Arc<RuleSet>, DocumentError> {
        const WHAT: &str = "rule set";
        self.rules.get(hash, || {
            let unread = |cause| DocumentError::Unread {
                what: WHAT,
                hash,
                cause,
            };
            let text = String::from_utf8(bytes(objects, hash, WHAT)?)
                .map_err(|_| unread("it is not UTF-8".to_owned()))?;
            protocol::rules::parse(&text).map_err(|error| unread(error.to_string()))
        })
    }
}

/// Reads a document that is asked for once and therefore not held.
///
/// # Errors
/// See [`DocumentError`].
pub fn from_json<T: DeserializeOwned>(
    objects: &dyn ObjectStore,
    hash: Hash,
    what: &'static str,
) -> Result<T, DocumentError> {
    serde_json::from_slice(&bytes(objects, hash, what)?).map_err(|error| DocumentError::Unread {
        what,
        hash,
        cause: error.to_string(),
    })
}

fn bytes(
    objects: &dyn ObjectStore,
    hash: Hash,
    what: &'static str,
) -> Result<Vec<u8>, DocumentError> {
    objects
        .get(hash)?
        .ok_or(DocumentError::Missing { what, hash })
}

/// Documents of one kind, the one that was asked for last at the end; at most [`MAX_HELD`].
#[derive(Debug)]
struct Shelf<T>(Mutex<Vec<(Hash, Arc<T>)>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Shelf<T> {
    fn get(
        &self,
        hash: Hash,
        read: impl FnOnce() -> Result<T, DocumentError>,
    ) -> Result<Arc<T>, DocumentError> {
        if let Some(held) = self.place_last(hash, None) {
            return Ok(held);
        }
        // Read without the lock: who wants another document does not wait, and two who want this one read the same.
        let document = Arc::new(read()?);
        Ok(self.place_last(hash, Some(&document)).unwrap_or(document))
    }

    /// The document that is held, asked for last from now on; `new` takes its place where it is not.
    fn place_last(&self, hash: Hash, new: Option<&Arc<T>>) -> Option<Arc<T>> {
        // A thread that panicked has left a whole list: each change of it is one step.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.iter().position(|(name, _)| *name == hash);
        let document = match (known, new) {
            (Some(at), _) => held.remove(at).1,
            (None, Some(new)) => Arc::clone(new),
            (None, None) => return None,
        };
        held.push((hash, Arc::clone(&document)));
        let surplus = held.len().saturating_sub(MAX_HELD);
        held.drain(..surplus);
        Some(document)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::CountedObjects;
    use protocol::decision::object_bytes;

    fn objects() -> (tempfile::TempDir, CountedObjects) {
        let folder = tempfile::tempdir().unwrap();
        let objects = CountedObjects::open(folder.path());
        (folder, objects)
    }

    #[test]
    fn a_document_is_read_once_while_it_is_held() {
        let (_folder, objects) = objects();
        let documents = Documents::default();
        let zones: Vec<String> = (0..=MAX_HELD).map(|n| format!("Zone/{n}")).collect();
        let put = |zone: &String| objects.put(&object_bytes(&Agenda::empty(zone))).unwrap();
        let names: Vec<Hash> = zones.iter().map(put).collect();
        objects.take_reads();
        let check = |number: usize, is_read: bool| {
            let found = documents.agenda(&objects, names[number]).unwrap();
            assert_eq!(found.zone, zones[number]);
            let reads = objects.take_reads();
            assert_eq!(reads.len(), usize::from(is_read), "{number}: {reads:?}");
        };
        for number in 0..MAX_HELD {
            check(number, true);
        }
        // What was asked for longest ago makes room, and being asked for counts.
        check(0, false);
        check(MAX_HELD, true);
        check(0, false);
        check(1, true);
        assert_eq!(documents.agendas.0.lock().unwrap().len(), MAX_HELD);
    }

    #[test]
    fn what_does_not_read_is_named_and_asked_for_again() {
        let (_folder, objects) = objects();
        let documents = Documents::default();
        let missing = evidence::sha256(b"nothing");
        let other = objects.put(b"{}").unwrap();
        let latin = objects.put(&[0xFF]).unwrap();
        objects.take_reads();
        let said = |hash, what| {
            let found = match what {
                "agenda" => documents.agenda(&objects, hash).map(|_| ()),
                "registrations" => documents.roll(&objects, hash).map(|_| ()),
                _ => documents.rules(&objects, hash).map(|_| ()),
            };
            found.unwrap_err().to_string()
        };
        for what in ["agenda", "registrations", "rule set"] {
            let check = |hash, words: &str| {
                let said = said(hash, what);
                assert!(said.contains(&format!("the {what} {hash}")), "{said}");
                assert!(said.contains(words), "{said}");
                assert_eq!(objects.take_reads().len(), 1);
            };
            check(missing, "is not in the object store: restore it");
            check(missing, "is not in the object store: restore it");
            check(other, "does not read: ");
            check(latin, "does not read: ");
        }
    }
}
