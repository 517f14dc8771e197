//! Objects: files named by the SHA-256 of their bytes.
//!
//! Promises: an object that [`ObjectStore::put`] has returned for is durable, so a ledger entry may name it; the bytes that
//! [`ObjectStore::get`] returns are the ones of that name, checked each time. Putting the same bytes twice is one object.
//! Objects hold nothing personal; files that do lie in the store, sealed.
//!
//! The local folder keeps `objects/ab/<sha256>`, written beside and renamed into place.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use evidence::Hash;

/// Why an object could not be had or put.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The medium failed, is full or read-only.
    #[error("{path}: {cause}")]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The bytes are not those of the name.
    #[error("{path} does not hold what its name says: it was altered or is damaged")]
    Altered {
        /// The file.
        path: PathBuf,
    },
}

/// Where objects are kept.
pub trait ObjectStore: Send + Sync {
    /// Keeps the bytes, durably, and gives their name.
    ///
    /// # Errors
    /// Where the medium fails; nothing may be thought kept then.
    fn put(&self, bytes: &[u8]) -> Result<Hash, ObjectError>;

    /// The bytes of a name, or `None` where there are none.
    ///
    /// # Errors
    /// Where the medium fails, or the bytes are not those of the name.
    fn get(&self, hash: Hash) -> Result<Option<Vec<u8>>, ObjectError>;
}

/// A local folder of objects.
#[derive(Debug, Clone)]
pub struct FolderObjects {
    root: PathBuf,
}

impl FolderObjects {
    /// The objects in this folder, which is made where it does not exist.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(root: &Path) -> Result<Self, ObjectError> {
        fs::create_dir_all(root).map_err(|cause| unavailable(root, cause))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    fn place(&self, hash: Hash) -> (PathBuf, PathBuf) {
        let name = hash.to_hex();
        let folder = self.root.join(&name[..2]);
        let file = folder.join(name);
        (folder, file)
    }
}

fn unavailable(path: &Path, cause: std::io::Error) -> ObjectError {
    ObjectError::Unavailable {
        path: path.to_owned(),
        cause,
    }
}

impl ObjectStore for FolderObjects {
    fn put(&self, bytes: &[u8]) -> Result<Hash, ObjectError> {
        let hash = evidence::sha256(bytes);
        let (folder, file) = self.place(hash);
        match self.get(hash) {
            Ok(Some(_)) => return Ok(hash),
            // A file that was torn by a crash of an older system is written again.
            Ok(None) | Err(ObjectError::Altered { .. }) => {}
            Err(error) => return Err(error),
        }
        let is_new_folder = !folder.exists();
        fs::create_dir_all(&folder).map_err(|e| unavailable(&folder, e))?;
        // Two writers of one object write the same bytes, so only their half-written files must differ.
        let beside = folder.join(format!(
            ".{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let written = File::create(&beside)
            .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
            .and_then(|()| fs::rename(&beside, &file))
            .and_then(|()| File::open(&folder)?.sync_all());
        if let Err(cause) = written {
            // The failure is what counts; a file left beside is overwritten by the next.
            let _ = fs::remove_file(&beside);
            return Err(unavailable(&file, cause));
        }
        if is_new_folder {
            File::open(&self.root)
                .and_then(|root| root.sync_all())
                .map_err(|e| unavailable(&self.root, e))?;
        }
        Ok(hash)
    }

    fn get(&self, hash: Hash) -> Result<Option<Vec<u8>>, ObjectError> {
        let (_, file) = self.place(hash);
        match fs::read(&file) {
            Ok(bytes) if evidence::sha256(&bytes) == hash => Ok(Some(bytes)),
            Ok(_) => Err(ObjectError::Altered { path: file }),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(unavailable(&file, cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn objects_are_named_by_their_bytes_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let objects = FolderObjects::open(folder.path()).unwrap();
        let hash = objects.put(b"agenda").unwrap();
        assert_eq!(hash, evidence::sha256(b"agenda"));
        assert_eq!(objects.put(b"agenda").unwrap(), hash);
        assert_eq!(objects.get(hash).unwrap().unwrap(), b"agenda");
        assert_eq!(objects.get(evidence::sha256(b"other")).unwrap(), None);
        let (_, file) = objects.place(hash);
        fs::write(&file, b"agendb").unwrap();
        assert!(matches!(
            objects.get(hash),
            Err(ObjectError::Altered { .. })
        ));
        objects.put(b"agenda").unwrap();
        assert_eq!(objects.get(hash).unwrap().unwrap(), b"agenda");
    }
}
