//! `export`: the journal, with the logs that it sealed, as an archive that `rollcall verify` reads.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use attendance::words::KioskId;
use protocol::archive::{
    ARCHIVE_PATH, Archive, FORMAT, Log, LogKind, checkpoint_path, entries_path,
};
use protocol::batch::damaged_line;

use super::{Exit, complain, say};
use crate::config::Config;
use crate::journal::{Disk, Folder, Journal, JournalError, SealedLog};
use crate::kernel;
use crate::runtime::SOFTWARE;

/// Files of an archive are for everybody who holds it.
const FILE_MODE: u32 = 0o644;

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{path}: {cause}; choose another name with --out")]
    Out { path: String, cause: io::Error },
    #[error(
        "there is no journal in {0}; check data_dir, and run this as the user that runs the kiosk"
    )]
    NoJournal(String),
}

pub(super) fn export(config: &Config, out: &Path) -> Exit {
    match write(config, out) {
        Ok(exported) => {
            let Exported {
                size,
                sealed,
                damaged,
            } = exported;
            if sealed > 0 {
                say(&format!(
                    "{sealed} sealed {} in it",
                    if sealed == 1 { "log is" } else { "logs are" }
                ));
            }
            if damaged > 0 {
                say(&format!(
                    "{damaged} of {size} entries are damaged; their hashes stand in for them"
                ));
            }
            say(&format!(
                "Exported {size} entries to {}. Check it: rollcall verify {}",
                out.display(),
                out.display()
            ));
            Exit::Done
        }
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}

struct Exported {
    /// Entries of all logs.
    size: u64,
    /// Logs beside the journal's own.
    sealed: usize,
    damaged: u64,
}

/// A log of the archive.
struct Part<'a> {
    /// The one that was sealed; `None` for the journal's own.
    sealed: Option<&'a SealedLog>,
    checkpoint: String,
}

fn write(config: &Config, out: &Path) -> Result<Exported, ExportError> {
    if !Folder::has_journal(&config.data_dir) {
        return Err(ExportError::NoJournal(
            config.data_dir.display().to_string(),
        ));
    }
    let no_out = |cause: io::Error| ExportError::Out {
        path: out.display().to_string(),
        cause,
    };
    if out.exists() {
        return Err(no_out(io::ErrorKind::AlreadyExists.into()));
    }
    let folder = Arc::new(Folder::take(&config.data_dir)?);
    // A full disk is a reason to export, not to refuse it: room for one signed head is found where the journal's own limit is not kept.
    let mut journal = Journal::open(folder, Disk::real(0))?;
    let enrolment = journal
        .enrolment()
        .cloned()
        .ok_or(JournalError::NotEnrolled)?;
    let verified = journal.verify_all()?;
    let door = match journal.bundle_bytes()? {
        Some(signed) => protocol::bundle::open(&signed, &enrolment.issuer_key)
            .ok()
            .map(|(bundle, _)| bundle.door.id),
        None => None,
    };
    // The receipt says more than the kiosk's own word, where it covers everything.
    let checkpoint = match journal.newest_receipt()? {
        Some((size, note)) if size == verified.size => note,
        _ => journal.checkpoint()?,
    };
    let log = |origin: &str, key, kiosk: &KioskId, size| Log {
        kind: LogKind::Journal,
        origin: origin.to_owned(),
        key,
        kiosk: Some(kiosk.clone()),
        door: door.clone(),
        size,
        base: None,
    };
    let own_key = journal.key().public_key();
    let mut logs = vec![log(
        &enrolment.origin,
        own_key,
        &enrolment.kiosk,
        verified.size,
    )];
    let mut parts = vec![Part {
        sealed: None,
        checkpoint,
    }];
    for sealed in journal.sealed() {
        if let Some(checkpoint) = journal.sealed_head(sealed)? {
            let key = sealed.key.public_key();
            logs.push(log(&sealed.origin, key, &sealed.kiosk, sealed.size));
            let sealed = Some(sealed);
            parts.push(Part { sealed, checkpoint });
        }
    }
    let archive = Archive {
        format: FORMAT.to_owned(),
        made: kernel::wall_now(),
        software: SOFTWARE.to_owned(),
        event: enrolment.event.clone(),
        issuer: enrolment.issuer.clone(),
        issuer_key: enrolment.issuer_key,
        logs,
    };
    let described = serde_json::to_vec_pretty(&archive).map_err(|e| no_out(io::Error::other(e)))?;
    let is_tar = out.extension().is_some_and(|extension| extension == "tar");
    let place = if is_tar {
        // The folder is packed from beside the file, where there is room for the one if there is for the other.
        out.with_extension("tar.part")
    } else {
        out.to_owned()
    };
    let damaged = write_folder(&place, &described, &parts, &journal).map_err(|e| e.at(&place))?;
    if is_tar {
        let packed = pack(&place, out, parts.len());
        fs::remove_dir_all(&place).map_err(no_out)?;
        packed.map_err(no_out)?;
    }
    Ok(Exported {
        size: archive.logs.iter().map(|log| log.size).sum(),
        sealed: parts.len() - 1,
        damaged,
    })
}

/// Either side of a copy can fail.
enum CopyError {
    Journal(JournalError),
    Io(io::Error),
}

impl CopyError {
    fn at(self, place: &Path) -> ExportError {
        match self {
            Self::Journal(error) => ExportError::Journal(error),
            Self::Io(cause) => ExportError::Out {
                path: place.display().to_string(),
                cause,
            },
        }
    }
}

impl From<JournalError> for CopyError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the archive's files. How many entries are damaged.
fn write_folder(
    place: &Path,
    described: &[u8],
    parts: &[Part<'_>],
    journal: &Journal,
) -> Result<u64, CopyError> {
    fs::create_dir_all(place)?;
    fs::write(place.join(ARCHIVE_PATH), described)?;
    let mut damaged = 0;
    for (number, part) in parts.iter().enumerate() {
        let entries_at = place.join(entries_path(number));
        fs::create_dir_all(entries_at.parent().unwrap_or(place))?;
        fs::write(place.join(checkpoint_path(number)), &part.checkpoint)?;
        let mut entries = BufWriter::new(File::create(entries_at)?);
        let write = |_, leaf, bytes: Option<&[u8]>| {
            match bytes {
                Some(bytes) => entries.write_all(bytes)?,
                None => {
                    damaged += 1;
                    entries.write_all(damaged_line(leaf).as_bytes())?;
                }
            }
            entries.write_all(b"\n")?;
            Ok::<(), CopyError>(())
        };
        match part.sealed {
            None => journal.for_each(0, write)?,
            Some(sealed) => journal.for_each_sealed(sealed, 0, write)?,
        }
        entries
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
    }
    Ok(damaged)
}

/// Packs a folder so that the same folder gives the same bytes.
fn pack(place: &Path, out: &Path, logs: usize) -> io::Result<()> {
    let mut archive = tar::Builder::new(BufWriter::new(File::create(out)?));
    let of_logs = (0..logs).flat_map(|number| [entries_path(number), checkpoint_path(number)]);
    for path in std::iter::once(ARCHIVE_PATH.to_owned()).chain(of_logs) {
        let mut file = File::open(place.join(&path))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(file.metadata()?.len());
        header.set_mode(FILE_MODE);
        header.set_mtime(0);
        header.set_cksum();
        archive.append_data(&mut header, &path, &mut file)?;
    }
    let written = archive.into_inner()?;
    written
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}
