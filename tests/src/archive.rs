//! Exports: read whole, compared, altered, packed again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use attendance::words::Verdict;
use protocol::archive::{ARCHIVE_PATH, Archive as Description, LogKind, entries_path};
use protocol::badge::BadgeDigest;
use protocol::entry::{Body, Entry, parse};
use protocol::ledger::{self, LedgerBody};

/// An export's files in memory.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What it says of itself.
    pub description: Description,
}

/// A scan in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanSeen {
    /// The entry's index.
    pub index: u64,
    /// The reader.
    pub reader: String,
    /// The badge.
    pub badge: BadgeDigest,
    /// The verdict.
    pub verdict: Verdict,
}

impl Archive {
    /// Reads a tar file, or the folder it unpacks to.
    ///
    /// # Panics
    /// Where it does not read as an archive.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let mut files = BTreeMap::new();
        if path.is_dir() {
            read_folder(path, "", &mut files);
        } else {
            let mut tar = tar::Archive::new(File::open(path).expect("the export is there"));
            for entry in tar.entries().expect("the export is a tar file") {
                let mut entry = entry.expect("the export is a tar file");
                if !entry.header().entry_type().is_file() {
                    continue;
                }
                let name = entry.path().expect("names are paths").display().to_string();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("the export is whole");
                files.insert(name, bytes);
            }
        }
        let described = files.get(ARCHIVE_PATH).expect("it says what it is");
        let description = serde_json::from_slice(described).expect("it says what it is");
        Self { files, description }
    }

    /// The lines of a log.
    ///
    /// # Panics
    /// Where there is no such log.
    pub fn lines(&self, log: usize) -> Vec<&[u8]> {
        let bytes = self
            .files
            .get(&entries_path(log))
            .expect("the log is there");
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if body.is_empty() {
            return Vec::new();
        }
        body.split(|byte| *byte == b'\n').collect()
    }

    /// The number of a kiosk's log.
    ///
    /// # Panics
    /// Where it is not there.
    #[track_caller]
    pub fn log_of(&self, origin: &str) -> usize {
        let logs = &self.description.logs;
        logs.iter()
            .position(|log| log.origin == origin)
            .unwrap_or_else(|| panic!("{origin} is not among {logs:?}"))
    }

    /// The number of the ledger.
    ///
    /// # Panics
    /// Where it is not there.
    #[track_caller]
    pub fn ledger(&self) -> usize {
        let mut logs = self.description.logs.iter();
        logs.position(|log| log.kind == LogKind::Ledger)
            .expect("an issuer's export has the ledger")
    }

    /// The entries of the ledger.
    ///
    /// # Panics
    /// Where one does not parse.
    pub fn ledger_entries(&self) -> Vec<LedgerBody> {
        let lines = self.lines(self.ledger());
        lines
            .into_iter()
            .map(|line| {
                ledger::parse(line)
                    .expect("the issuer writes what it can read")
                    .body
            })
            .collect()
    }

    /// The scans of a log.
    pub fn scans(&self, log: usize) -> Vec<ScanSeen> {
        let lines = self.lines(log);
        (0_u64..)
            .zip(lines)
            .filter_map(|(index, line)| scan(index, &parse(line).ok()?))
            .collect()
    }

    /// Writes it as a tar file.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn pack(&self, out: &Path) {
        let mut tar = tar::Builder::new(File::create(out).expect("a file to write"));
        for (path, bytes) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, path, bytes.as_slice())
                .expect("a file to write");
        }
        tar.finish().expect("a file to write");
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the export is there") {
        let entry = entry.expect("the export is there");
        let name = format!("{prefix}{}", entry.file_name().display());
        if entry.path().is_dir() {
            read_folder(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(
                name,
                std::fs::read(entry.path()).expect("the export is there"),
            );
        }
    }
}

fn scan(index: u64, entry: &Entry) -> Option<ScanSeen> {
    let Body::Scan(scan) = &entry.body else {
        return None;
    };
    Some(ScanSeen {
        index,
        reader: scan.reader.to_string(),
        badge: scan.badge.digest,
        verdict: scan.verdict,
    })
}
