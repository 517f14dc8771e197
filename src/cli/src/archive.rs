//! Archives on disk: a folder, or a tar file read in place.
//!
//! Bounds: at most [`MAX_FILES`] files of at most [`MAX_FILE_BYTES`] each. Only plain files under plain relative paths are
//! taken; a link, a device, a path that climbs or one that comes twice makes the archive malformed. Nothing is unpacked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use audit::files::Files;
use protocol::archive::{ARCHIVE_PATH, MAX_FILE_BYTES, MAX_FILES};

/// How deep a folder is walked; `logs/<n>/<file>` is the deepest path there is.
const MAX_DEPTH: usize = 4;

/// Why an archive did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// It cannot be read: another path, or other rights, may help.
    #[error("{path}: {error}")]
    Io {
        /// The path.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// It is no archive.
    #[error("{path} is no Rollcall archive: {reason}")]
    Malformed {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Where a file's bytes lie.
enum Source {
    Whole(PathBuf),
    Within { offset: u64, bytes: u64 },
}

/// An archive that was opened.
pub(crate) struct OnDisk {
    path: PathBuf,
    files: BTreeMap<String, Source>,
}

impl Files for OnDisk {
    fn paths(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn open<'a>(&'a self, path: &str) -> io::Result<Option<Box<dyn BufRead + 'a>>> {
        Ok(match self.files.get(path) {
            None => None,
            Some(Source::Whole(path)) => {
                let file = File::open(path)?.take(MAX_FILE_BYTES);
                Some(Box::new(BufReader::new(file)))
            }
            Some(Source::Within { offset, bytes }) => {
                let mut tar = File::open(&self.path)?;
                tar.seek(SeekFrom::Start(*offset))?;
                Some(Box::new(BufReader::new(tar.take(*bytes))))
            }
        })
    }
}

/// Opens an archive: a folder or a tar file.
///
/// # Errors
/// See [`OpenError`].
pub(crate) fn open(path: &Path) -> Result<OnDisk, OpenError> {
    let failed = |error: io::Error| OpenError::Io {
        path: path.display().to_string(),
        error,
    };
    let mut listing = Listing::default();
    let listed = if std::fs::metadata(path).map_err(failed)?.is_dir() {
        listing.folder(path, "", 0)
    } else {
        listing.tar(File::open(path).map_err(failed)?)
    };
    let result = listed.and_then(|()| listing.rooted());
    match result {
        Ok(files) => Ok(OnDisk {
            path: path.to_owned(),
            files,
        }),
        Err(reason) => Err(OpenError::Malformed {
            path: path.display().to_string(),
            reason,
        }),
    }
}

#[derive(Default)]
struct Listing {
    files: BTreeMap<String, Source>,
}

impl Listing {
    fn put(&mut self, path: String, source: Source, bytes: u64) -> Result<(), String> {
        if bytes > MAX_FILE_BYTES {
            return Err(format!("{path} has more than {MAX_FILE_BYTES} bytes"));
        }
        if self.files.len() == MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} files"));
        }
        match self.files.entry(path) {
            Entry::Vacant(place) => {
                place.insert(source);
                Ok(())
            }
            Entry::Occupied(held) => Err(format!("it has {} twice", held.key())),
        }
    }

    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), String> {
        if depth == MAX_DEPTH {
            return Err(format!("{prefix} is deeper than archives are"));
        }
        let failed = |e: io::Error| format!("{}: {e}", folder.display());
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_str().ok_or("a file's name is not UTF-8")?;
            let path = format!("{prefix}{name}");
            // The entry's own kind: links are not followed.
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                self.folder(&entry.path(), &format!("{path}/"), depth + 1)?;
            } else if kind.is_file() {
                let bytes = entry.metadata().map_err(failed)?.len();
                self.put(path, Source::Whole(entry.path()), bytes)?;
            } else {
                return Err(format!("{path} is neither file nor folder"));
            }
        }
        Ok(())
    }

    fn tar(&mut self, file: File) -> Result<(), String> {
        let failed = |e: io::Error| format!("it does not read as a tar file: {e}");
        let length = file.metadata().map_err(failed)?.len();
        let mut tar = tar::Archive::new(file);
        let mut empty = true;
        // Raw: extension headers, which can be of any size, are stepped over instead of read into memory.
        for entry in tar.entries_with_seek().map_err(failed)?.raw(true) {
            let entry = entry.map_err(failed)?;
            empty = false;
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_local_extensions() || kind.is_pax_global_extensions() {
                continue;
            }
            let named = entry.path().map_err(failed)?;
            let path = plain(&named)
                .ok_or_else(|| format!("{} is not a plain relative path", named.display()))?;
            if !kind.is_file() {
                return Err(format!("{path} is neither file nor folder"));
            }
            let (offset, bytes) = (entry.raw_file_position(), entry.size());
            if offset.checked_add(bytes).is_none_or(|end| end > length) {
                return Err(format!("it was cut within {path}"));
            }
            self.put(path, Source::Within { offset, bytes }, bytes)?;
        }
        if empty {
            Err("it is empty".to_owned())
        } else {
            Ok(())
        }
    }

    /// The files from where the description lies: at the top, or in the one folder that was packed.
    fn rooted(&mut self) -> Result<BTreeMap<String, Source>, String> {
        let files = std::mem::take(&mut self.files);
        if files.contains_key(ARCHIVE_PATH) {
            return Ok(files);
        }
        let tail = format!("/{ARCHIVE_PATH}");
        let mut roots = files.keys().filter_map(|p| p.strip_suffix(&tail));
        let (Some(root), None) = (roots.next(), roots.next()) else {
            return Err(format!("it has no {ARCHIVE_PATH}"));
        };
        let root = format!("{root}/");
        let within = files
            .into_iter()
            .filter_map(|(path, source)| Some((path.strip_prefix(&root)?.to_owned(), source)));
        Ok(within.collect())
    }
}

/// A path of plain names, parts separated by `/`.
fn plain(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tar::{Builder, EntryType, Header};

    fn header(kind: EntryType, path: &str, bytes: usize) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(u64::try_from(bytes).unwrap());
        // Past the builder's own care for names.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        header
    }

    fn tarred(files: &[(EntryType, &str, &[u8])]) -> tempfile::NamedTempFile {
        let mut tar = Builder::new(Vec::new());
        for (kind, path, bytes) in files {
            tar.append(&header(*kind, path, bytes.len()), *bytes)
                .unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), tar.into_inner().unwrap()).unwrap();
        file
    }

    fn refused(files: &[(EntryType, &str, &[u8])]) -> String {
        let file = tarred(files);
        match open(file.path()) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    const FILE: EntryType = EntryType::Regular;

    #[test]
    fn hostile_tars_are_refused() {
        for (files, says) in [
            (
                vec![(FILE, "../archive.json", b"{}".as_slice())],
                "plain relative path",
            ),
            (
                vec![(FILE, "/archive.json", b"{}".as_slice())],
                "plain relative path",
            ),
            (
                vec![(FILE, "logs/../archive.json", b"{}".as_slice())],
                "plain relative path",
            ),
            (
                vec![(EntryType::Symlink, "archive.json", b"".as_slice())],
                "neither file nor folder",
            ),
            (
                vec![
                    (FILE, "archive.json", b"{}".as_slice()),
                    (FILE, "./archive.json", b"{}".as_slice()),
                ],
                "twice",
            ),
            (
                vec![(FILE, "other.json", b"{}".as_slice())],
                "no archive.json",
            ),
            (vec![], "empty"),
        ] {
            let reason = refused(&files);
            assert!(reason.contains(says), "{says}: {reason:?}");
        }
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused() {
        let file = tarred(&[(FILE, "archive.json", &[b'x'; 5_000])]);
        let bytes = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &bytes[..3_000]).unwrap();
        assert!(matches!(
            open(file.path()),
            Err(OpenError::Malformed { .. })
        ));
        std::fs::write(file.path(), [b'x'; 2_000]).unwrap();
        assert!(matches!(
            open(file.path()),
            Err(OpenError::Malformed { .. })
        ));
    }

    #[test]
    fn one_packed_folder_is_looked_into() {
        let file = tarred(&[
            (EntryType::XGlobalHeader, "pax", b"30 comment=0123456789\n"),
            (FILE, "./export/archive.json", b"here"),
            (FILE, "./export/objects/x", b""),
        ]);
        let opened = open(file.path()).unwrap();
        assert_eq!(opened.paths(), ["archive.json", "objects/x"]);
        let mut text = String::new();
        opened
            .open("archive.json")
            .unwrap()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "here");
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("archive.json")).unwrap();
        assert!(matches!(
            open(folder.path()),
            Err(OpenError::Malformed { .. })
        ));
    }
}
