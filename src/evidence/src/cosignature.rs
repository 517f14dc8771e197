//! Cosignatures and receipts: C2SP `tlog-cosignature`, `cosignature/v1`.
//!
//! A cosignature says: by this time, this was the largest consistent head of that log which the cosigner
//! had seen. Its line holds the key id, the time as u64 big-endian in seconds since 1970, and an Ed25519
//! signature over `cosignature/v1`, `time <seconds>` and the checkpoint's text. The text it signs can
//! never be a checkpoint's, so a key may sign its own log and cosign others under one name.
//!
//! A receipt is a kiosk's checkpoint with the issuer's cosignature: this log of this size existed then.

use crate::checkpoint::{Checkpoint, open_checkpoint};
use crate::key::{PublicKey, SigningKey};
use crate::note::{self, Kind, NoteError};
use crate::origin::check_key_name;

/// Latest time a cosignature can name, in seconds since 1970 (C2SP: 2^63 - 1).
pub const MAX_COSIGNATURE_TIME_S: u64 = i64::MAX as u64;
const TIME_BYTES: usize = 8;

/// Adds a cosignature to a note, as its last line; an earlier one by the same name and key gives way.
///
/// Whether the log signed the note, and whether its head extends the last one seen, is for the caller to
/// have checked: a cosignature states it. Fails where the note holds no checkpoint, the name is no key
/// name, the time is out of range, or the note would become too long.
pub fn cosign(
    note: &str,
    cosigner_name: &str,
    key: &SigningKey,
    time_s: u64,
) -> Result<String, NoteError> {
    check_key_name(cosigner_name)?;
    if time_s > MAX_COSIGNATURE_TIME_S {
        return Err(NoteError::Time { time_s });
    }
    let mut parts = note::parse(note)?;
    Checkpoint::from_text(parts.text)?;
    let id = note::key_id(cosigner_name, Kind::Cosignature, &key.public_key());
    let mut payload = time_s.to_be_bytes().to_vec();
    payload.extend_from_slice(&key.sign(message(parts.text, time_s).as_bytes()));
    let line = note::line(cosigner_name, id, payload)?;
    parts
        .signatures
        .retain(|old| old.name() != cosigner_name || old.id() != id);
    parts.signatures.push(line);
    note::write(parts.text, &parts.signatures)
}

/// The time of the one cosignature by this name and key on a checkpoint, in seconds since 1970, if it
/// verifies. It says nothing of the log's own signature: see [`open_checkpoint`] and [`Receipt::open`].
pub fn open_cosignature(
    note: &str,
    cosigner_name: &str,
    key: &PublicKey,
) -> Result<u64, NoteError> {
    let parts = note::parse(note)?;
    Checkpoint::from_text(parts.text)?;
    let bad = || NoteError::BadSignature {
        name: cosigner_name.to_owned(),
    };
    let payload = parts.only(
        cosigner_name,
        note::key_id(cosigner_name, Kind::Cosignature, key),
    )?;
    let (time, signature) = payload.split_first_chunk::<TIME_BYTES>().ok_or_else(bad)?;
    let time_s = u64::from_be_bytes(*time);
    if time_s > MAX_COSIGNATURE_TIME_S {
        return Err(NoteError::Time { time_s });
    }
    key.verify(message(parts.text, time_s).as_bytes(), signature)
        .map_err(|_| bad())?;
    Ok(time_s)
}

/// What is signed: two lines of header, then the checkpoint's text with its final newline.
fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// A receipt that was opened: both signatures have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The log's head.
    pub checkpoint: Checkpoint,
    /// When the issuer had seen it, in seconds since 1970, by the issuer's clock.
    pub time_s: u64,
    /// The note, exactly as it was received.
    pub note: String,
}

impl Receipt {
    /// Opens a note that the log of this origin signed and the issuer cosigned; both are needed.
    pub fn open(
        note: &str,
        origin: &str,
        log_key: &PublicKey,
        issuer_name: &str,
        issuer_key: &PublicKey,
    ) -> Result<Receipt, NoteError> {
        let checkpoint = open_checkpoint(note, origin, log_key)?;
        let time_s = open_cosignature(note, issuer_name, issuer_key)?;
        Ok(Receipt {
            checkpoint,
            time_s,
            note: note.to_owned(),
        })
    }
}
