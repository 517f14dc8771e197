//! An archive against itself and against the keys: every check of [`crate::report::Name`].
//!
//! Contract: one pass over each log; the cost is linear in entries, and each basis costs one walk over the scans. Nothing is
//! believed because it stands in the archive: entries by their checkpoint, journals by the ledger's enrolments, the ledger
//! by the issuer's key, objects by their names. The issuer's key itself is the archive's own word unless it is given.
//!
//! Not bound by any signature, and so not checked: the description's `made` and `software`.

mod branches;
mod logs;
mod observed;
mod outcomes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evidence::{Hash, PublicKey, ledger_origin, sha256};
use protocol::archive::{self, Archive, LogKind};

use crate::derive::{LogKeys, Observations, Question};
use crate::files::{Files, read_whole};
use crate::report::{Findings, Name, Place, Report, Trust, malformed};
pub use branches::Branch;
pub use logs::{Book, Journal};

/// What may be asked of a verification.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The issuer's key, known from outside the archive.
    pub issuer_key: Option<PublicKey>,
    /// Whether the report lists each scan with its brackets.
    pub list_scans: bool,
}

/// An archive as it was read, for whoever shows parts of it.
pub struct Opened<'a> {
    /// Its files.
    pub files: &'a dyn Files,
    /// Its description.
    pub archive: Archive,
    /// The key that the issuer is believed under.
    pub issuer_key: PublicKey,
    /// The ledger, where it holds one.
    pub book: Option<Book>,
    /// Its journals, as far as they could be read.
    pub journals: Vec<Journal>,
    /// Its branches, as far as they could be read.
    pub branches: Vec<Branch>,
    /// What other sources than doors saw, as the ledger has it.
    pub observations: Observations,
    /// The questions behind its decisions, by the hash of their basis.
    pub questions: BTreeMap<String, Arc<Question>>,
}

impl Opened<'_> {
    /// An object's bytes, where it is there and hashes to its name.
    pub fn object(&self, hash: Hash) -> Result<Vec<u8>, String> {
        let path = archive::object_path(hash);
        let bytes = read_whole(self.files, &path).map_err(|e| format!("{path}: {e}"))?;
        if sha256(&bytes) == hash {
            Ok(bytes)
        } else {
            Err(format!("{path} does not hash to its name"))
        }
    }

    /// The journal of this origin.
    pub fn journal(&self, origin: &str) -> Option<&Journal> {
        self.journals.iter().find(|j| &**j.view.origin() == origin)
    }
}

/// Checks everything in an archive. `progress` is told the number of entries read so far, now and then.
pub fn verify(files: &dyn Files, options: &Options, progress: &mut dyn FnMut(u64)) -> Report {
    examine(files, options, progress).0
}

/// As [`verify`], and hands over what was read.
pub fn examine<'a>(
    files: &'a dyn Files,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> (Report, Option<Opened<'a>>) {
    let archive = match read_description(files) {
        Ok(archive) => archive,
        Err(reason) => return (malformed(archive::ARCHIVE_PATH, reason), None),
    };
    let mut run = Run {
        files,
        findings: Findings::default(),
        entries: 0,
        progress,
    };
    let issuer_key = options.issuer_key.unwrap_or(archive.issuer_key);
    let trust = Trust {
        issuer: archive.issuer.clone(),
        issuer_key: issuer_key.to_base64(),
        fingerprint: issuer_key.fingerprint(),
        given: options.issuer_key.is_some(),
    };
    let mut opened = Opened {
        files,
        archive,
        issuer_key,
        book: None,
        journals: Vec::new(),
        branches: Vec::new(),
        observations: Observations::default(),
        questions: BTreeMap::new(),
    };
    run.description(&opened);
    run.ledger(&mut opened);
    let described: Vec<(usize, archive::Log)> =
        opened.archive.logs.iter().cloned().enumerate().collect();
    for (number, log) in &described {
        if log.kind == LogKind::Journal {
            run.journal(&mut opened, *number, log);
        }
    }
    for (number, log) in &described {
        if log.kind == LogKind::Branch {
            run.branch(&mut opened, *number, log);
        }
    }
    run.cases(&opened);
    run.heads_of_missing_journals(&opened);
    run.objects(&opened);
    run.sources(&opened);
    run.observations(&mut opened);
    run.decisions(&mut opened);
    run.certificates(&opened);
    run.revocations(&opened);
    let scans = if options.list_scans {
        opened
            .journals
            .iter()
            .flat_map(Journal::scan_lines)
            .collect()
    } else {
        Vec::new()
    };
    let report = run.findings.report(run.entries, trust, scans);
    (report, Some(opened))
}

fn read_description(files: &dyn Files) -> Result<Archive, String> {
    let bytes = read_whole(files, archive::ARCHIVE_PATH).map_err(|e| e.to_string())?;
    let archive: Archive = protocol::strict::from_slice(&bytes).map_err(|e| e.to_string())?;
    if archive.format != archive::FORMAT {
        return Err(format!(
            "the format {:?} is not known here; this build reads {:?}",
            archive.format,
            archive::FORMAT
        ));
    }
    Ok(archive)
}

/// A verification under way.
struct Run<'r> {
    files: &'r dyn Files,
    findings: Findings,
    entries: u64,
    progress: &'r mut dyn FnMut(u64),
}

fn place(path: &str) -> Place {
    Place {
        path: path.to_owned(),
        ..Place::default()
    }
}

impl Run<'_> {
    fn description(&mut self, opened: &Opened<'_>) {
        let archive = &opened.archive;
        let at = || place(archive::ARCHIVE_PATH);
        let names = evidence::check_issuer_name(&archive.issuer).map_err(|e| e.to_string());
        self.findings.take(Name::Archive, at(), names);
        let key = if archive.issuer_key == opened.issuer_key {
            Ok(())
        } else {
            Err(format!(
                "the archive names the issuer key {}, the key given is {}",
                archive.issuer_key.to_base64(),
                opened.issuer_key.to_base64()
            ))
        };
        self.findings.take(Name::Archive, at(), key);
        let own = archive.logs.iter().filter(|l| l.kind != LogKind::Branch);
        let origins: BTreeSet<&str> = own.clone().map(|l| l.origin.as_str()).collect();
        let ledgers = archive.logs.iter().filter(|l| l.kind == LogKind::Ledger);
        let based = |l: &archive::Log| l.base.is_some() == (l.kind == LogKind::Branch);
        let logs = if !archive.logs.iter().all(based) {
            Err("a branch without a base, or a base of what is no branch".to_owned())
        } else if origins.len() != own.count() {
            Err("two logs of the archive have one origin".to_owned())
        } else if ledgers.count() > 1 {
            Err("the archive has more than one ledger".to_owned())
        } else if archive.logs.is_empty() {
            Err("the archive has no log".to_owned())
        } else {
            Ok(())
        };
        self.findings.take(Name::Archive, at(), logs);
        self.strange_files(archive);
    }

    /// Files that nothing speaks of are not evidence of anything; a person should know that they are there.
    fn strange_files(&mut self, archive: &Archive) {
        let mut known: BTreeSet<String> = BTreeSet::from([archive::ARCHIVE_PATH.to_owned()]);
        for number in 0..archive.logs.len() {
            known.insert(archive::entries_path(number));
            known.insert(archive::checkpoint_path(number));
        }
        for path in self.files.paths() {
            if !known.contains(&path) && !path.starts_with("objects/") {
                self.findings
                    .note(format!("{path}: not part of the archive, not looked at"));
            }
        }
    }

    fn objects(&mut self, opened: &Opened<'_>) {
        for path in self.files.paths() {
            let Some(name) = path.strip_prefix("objects/") else {
                continue;
            };
            let held = match Hash::from_hex(name) {
                Ok(hash) => opened.object(hash).map(|_| ()),
                Err(error) => Err(format!("the file's name is no hash: {error}")),
            };
            self.findings.take(Name::Objects, place(&path), held);
        }
    }
}

/// The keys of a journal as the archive describes it.
fn journal_keys(opened: &Opened<'_>, log: &archive::Log) -> LogKeys {
    LogKeys {
        origin: log.origin.as_str().into(),
        key: log.key,
        issuer: opened.archive.issuer.as_str().into(),
        issuer_key: opened.issuer_key,
    }
}

/// The origin that this archive's ledger has.
fn expected_ledger(archive: &Archive) -> Result<String, String> {
    ledger_origin(&archive.issuer, archive.event.as_str()).map_err(|e| e.to_string())
}

#[cfg(test)]
#[path = "verify/adversary_tests.rs"]
mod adversary_tests;
#[cfg(test)]
#[path = "verify/branches_tests.rs"]
mod branches_tests;
#[cfg(test)]
#[path = "verify/edges_tests.rs"]
mod edges_tests;
#[cfg(test)]
#[path = "verify/observed_tests.rs"]
mod observed_tests;
#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
