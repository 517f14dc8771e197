//! Enrolment: a claim, scanned or typed, becomes an enrolment that is checked and kept.
//!
//! A kiosk whose log was sealed has begun a fresh log under a fresh key, and scans into it. A claim on the same event enrols that key: the
//! issuer gives it a new kiosk id and ends the earlier enrolment of the door, and what was scanned meanwhile keeps its place and is sent.
//!
//! Promises: the kiosk's key is on the disk before the claim is used, so that a lost answer is asked for again under the same key until the
//! claim expires. An answer is kept only if it is from the issuer that the claim names, for a log under this key, with a bundle that this
//! issuer signed. The secret of a claim is neither printed nor kept; the key's file holds its hash.
//!
//! Format of `enrolling.key` in the data folder, readable to its owner only: the SHA-256 of the claim's secret, a blank, the key's seed, both
//! in lower hex, and a newline. It is taken away once the journal holds the key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use evidence::{Hash, SigningKey, check_issuer_name, kiosk_origin};
use protocol::enrol::{self, Claim, ClaimError, EnrolRequest, Enrolled, MAX_CLAIM_BYTES};
use protocol::problem::{Code, Problem};
use protocol::time::TimeAnswer;
use zeroize::Zeroizing;

use crate::desk::{Desk, DeskError, NewEnrolment};
use crate::journal::Enrolment;
use crate::kernel::raw_now_ms;
use crate::sync::clock;
use crate::sync::transport::{AddressFault, Transport};
use crate::sync::verify::{self, BundleFor, Offered};
use crate::sync::words::Failure;

/// The name of the file that holds the key until the journal does.
pub const KEY_FILE: &str = "enrolling.key";
/// The longest such file, in bytes: two hashes' worth of digits, a blank and a newline.
const KEY_FILE_BYTES: u64 = 130;
/// What the kiosk calls itself.
pub const SOFTWARE: &str = concat!("rollcall-kiosk ", env!("CARGO_PKG_VERSION"));

/// Where an enrolment is kept: the journal, or the daemon that owns it.
pub trait EnrolmentStore {
    /// The kiosk's id, where it is enrolled already.
    ///
    /// # Errors
    /// Words for a person where that cannot be read.
    fn enrolled(&self) -> Result<Option<String>, String>;

    /// The key under which a log that was begun after a seal waits to be enrolled; its kiosk is not called enrolled.
    fn waiting(&self) -> Option<SigningKey> {
        None
    }

    /// Keeps the enrolment, key and first bundle, durably and all at once.
    ///
    /// # Errors
    /// Words for a person where that failed; nothing is kept then.
    fn keep(&mut self, enrolled: &NewEnrolment) -> Result<(), String>;
}

/// Why a kiosk was not enrolled. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The text is no claim.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The claim could not be read from standard input.
    #[error("the claim could not be read: {0}")]
    Unread(#[source] io::Error),
    /// The claim's address cannot be used.
    #[error("the claim cannot be used: {0}")]
    Address(#[from] AddressFault),
    /// Nobody answers.
    #[error(
        "the issuer at {url} cannot be reached ({}); check the network and that the issuer runs, then use the same claim again", why.as_str()
    )]
    Unreachable {
        /// The claim's address.
        url: String,
        /// How it failed.
        why: Failure,
    },
    /// Somebody else answers.
    #[error(
        "what answers at {url} is not the issuer that made this claim ({what}); check the address, or make a new claim at the right issuer"
    )]
    Foreign {
        /// The claim's address.
        url: String,
        /// By what it is seen.
        what: &'static str,
    },
    /// The certificate's dates do not hold.
    #[error(
        "the certificate of {url} is not valid at the issuer's own time; have it renewed there"
    )]
    CertificateDates {
        /// The claim's address.
        url: String,
    },
    /// The issuer does not take the claim.
    #[error(
        "the issuer refuses this claim: it is wrong, was used by another kiosk, or has expired; make a new one with `rollcall-issuer claim`"
    )]
    BadClaim,
    /// The issuer refuses for another reason.
    #[error("the issuer refuses: {0}; nothing is enrolled")]
    Refused(String),
    /// The issuer's answer does not hold.
    #[error("the issuer's answer does not hold: {0}; nothing is enrolled, tell the organiser")]
    Answer(String),
    /// The kiosk belongs to somebody already.
    #[error(
        "this kiosk is enrolled as {0} already; to enrol it anew, give it an empty data folder and keep the old one"
    )]
    Already(String),
    /// The key's file cannot be read or written.
    #[error("{}: {cause}; the data folder must exist and belong to the kiosk's user", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The enrolment could not be kept.
    #[error(
        "the enrolment could not be kept: {0}; once that is put right, use the same claim again"
    )]
    Store(String),
}

/// The claim's text from the command line, or one line of standard input where it is `-`.
///
/// # Errors
/// [`EnrolError::Unread`].
pub fn claim_text(argument: &str) -> Result<Zeroizing<String>, EnrolError> {
    if argument != "-" {
        return Ok(Zeroizing::new(argument.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    let most = u64::try_from(MAX_CLAIM_BYTES).unwrap_or(u64::MAX) + 2;
    let mut bounded = io::BufReader::new(io::stdin().lock().take(most));
    io::BufRead::read_line(&mut bounded, &mut text).map_err(EnrolError::Unread)?;
    Ok(text)
}

/// Enrols this kiosk by a claim and keeps the enrolment. Gives what was kept.
///
/// # Errors
/// See [`EnrolError`]. Whatever it is, the same claim can be used again.
pub async fn enrol(
    claim_text: &str,
    data_dir: &Path,
    store: &mut dyn EnrolmentStore,
) -> Result<Enrolment, EnrolError> {
    let claim = Claim::parse(claim_text)?;
    if let Some(kiosk) = store.enrolled().map_err(EnrolError::Store)? {
        return Err(EnrolError::Already(kiosk));
    }
    let key = match store.waiting() {
        Some(key) => key,
        None => pending_key(data_dir, &claim)?,
    };
    let enrolled = ask(&claim, key).await?;
    store.keep(&enrolled).map_err(EnrolError::Store)?;
    forget_key(data_dir);
    Ok(enrolled.enrolment)
}

/// Enrols the running daemon by a claim that was scanned at it.
///
/// # Errors
/// As [`enrol`].
pub async fn enrol_at(
    claim_text: &str,
    data_dir: &Path,
    desk: &Desk,
) -> Result<Enrolment, EnrolError> {
    let claim = Claim::parse(claim_text)?;
    let standing = *desk.standing().borrow();
    let state = || async {
        desk.state()
            .await
            .map_err(|e| EnrolError::Store(e.to_string()))
    };
    let key = if standing.awaits {
        state()
            .await?
            .log_key
            .ok_or_else(|| EnrolError::Store("the fresh log's key cannot be read".to_owned()))?
    } else if standing.enrolled {
        let kiosk = state().await.ok().and_then(|state| state.enrolment);
        let kiosk = kiosk.map_or_else(|| "another".to_owned(), |known| known.kiosk.to_string());
        return Err(EnrolError::Already(kiosk));
    } else {
        pending_key(data_dir, &claim)?
    };
    let enrolled = ask(&claim, key).await?;
    let enrolment = enrolled.enrolment.clone();
    match desk.enrol(enrolled).await {
        Ok(()) => {
            forget_key(data_dir);
            Ok(enrolment)
        }
        Err(DeskError::EnrolledAlready { kiosk }) => Err(EnrolError::Already(kiosk.to_string())),
        Err(error) => Err(EnrolError::Store(error.to_string())),
    }
}

/// Asks the issuer and checks its answer. Keeps nothing.
async fn ask(claim: &Claim, key: SigningKey) -> Result<NewEnrolment, EnrolError> {
    let pins: Vec<String> = claim.tls_pin.iter().cloned().collect();
    let transport = Transport::new(&claim.url, &pins, raw_now_ms)?;
    let failed = |failure| failed(claim, failure);
    let foreign = |what| EnrolError::Foreign {
        url: claim.url.clone(),
        what,
    };
    // The time comes first: without it the certificate's dates cannot be held against anything.
    let (raw, exchange) = transport.ask_time().await.map_err(failed)?;
    let time = serde_json::from_slice::<TimeAnswer>(&raw.body)
        .map_err(|_| foreign("it does not answer as one"))?;
    let time = clock::believe(&time, &exchange, &claim.issuer_key)
        .map_err(|_| foreign("its signing key is another"))?;
    transport.trust(&time);

    let request = EnrolRequest::new(&claim.secret, &key, SOFTWARE);
    let body = serde_json::to_vec(&request).map_err(|e| EnrolError::Answer(e.to_string()))?;
    let raw = transport
        .post_json(enrol::PATH, body)
        .await
        .map_err(failed)?;
    if raw.status != 200 {
        return Err(refused(claim, raw.status, &raw.body));
    }
    let enrolled: Enrolled = serde_json::from_slice(&raw.body)
        .map_err(|e| EnrolError::Answer(format!("it is malformed: {e}")))?;
    check(claim, key, enrolled)
}

fn failed(claim: &Claim, failure: Failure) -> EnrolError {
    let url = claim.url.clone();
    match failure {
        Failure::WrongKey => EnrolError::Foreign {
            url,
            what: "its TLS key is another",
        },
        Failure::CertificateDates => EnrolError::CertificateDates { url },
        why => EnrolError::Unreachable { url, why },
    }
}

fn refused(claim: &Claim, status: u16, body: &[u8]) -> EnrolError {
    let problem = serde_json::from_slice::<Problem>(body).ok();
    match problem.as_ref().and_then(Problem::code) {
        Some(Code::BadClaim) => EnrolError::BadClaim,
        _ if status == 429 || status >= 500 => EnrolError::Unreachable {
            url: claim.url.clone(),
            why: Failure::Broken,
        },
        _ => EnrolError::Refused(problem.map_or_else(
            || format!("HTTP status {status}"),
            |problem| format!("{} ({status})", problem.title),
        )),
    }
}

/// Whether the answer is what the claim promised, for a log under this key: what is kept then.
///
/// # Errors
/// [`EnrolError::Foreign`] and [`EnrolError::Answer`].
pub fn check(claim: &Claim, key: SigningKey, answer: Enrolled) -> Result<NewEnrolment, EnrolError> {
    let wrong = |what: String| EnrolError::Answer(what);
    if answer.issuer_key != claim.issuer_key {
        return Err(EnrolError::Foreign {
            url: claim.url.clone(),
            what: "its signing key is another",
        });
    }
    check_issuer_name(&answer.issuer).map_err(|e| wrong(e.to_string()))?;
    let origin = kiosk_origin(&answer.issuer, answer.kiosk.as_str(), &key.public_key())
        .map_err(|e| wrong(e.to_string()))?;
    if origin != answer.origin {
        return Err(wrong("the log's origin is not of this key".into()));
    }
    let badge_key = answer
        .badge_key()
        .ok_or_else(|| wrong("the badge key has not its length".into()))?;
    let offered = verify::bundle(
        &answer.bundle,
        BundleFor {
            kiosk: &answer.kiosk,
            event: &answer.event,
            issuer: &answer.issuer,
            issuer_key: &claim.issuer_key,
            tls: claim.tls_pin.is_some(),
            held: None,
        },
    );
    match offered {
        Ok(Offered::Newer(..) | Offered::InForce) => {}
        Err(fault) => return Err(wrong(fault.to_string())),
    }
    Ok(NewEnrolment {
        enrolment: Enrolment {
            kiosk: answer.kiosk,
            event: answer.event,
            issuer: answer.issuer,
            issuer_key: claim.issuer_key,
            url: claim.url.clone(),
            tls_pin: claim.tls_pin.clone(),
            origin,
            badge_key,
        },
        key,
        bundle: answer.bundle,
    })
}

/// The key for this claim: the one that is on the disk, or a new one that is on the disk when this returns. A key that waits for another claim
/// gives way; what that claim may have enrolled then stays unused.
fn pending_key(data_dir: &Path, claim: &Claim) -> Result<SigningKey, EnrolError> {
    let path = data_dir.join(KEY_FILE);
    let fault = |cause| EnrolError::KeyFile {
        path: path.clone(),
        cause,
    };
    let claim_hash = evidence::sha256(claim.secret.as_bytes());
    if let Some(seed) = read_key(&path, claim_hash).map_err(fault)? {
        return Ok(SigningKey::from_seed(&seed));
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|e| fault(io::Error::other(e.to_string())))?;
    write_key(data_dir, &path, claim_hash, &seed).map_err(fault)?;
    Ok(SigningKey::from_seed(&seed))
}

/// The key in the file, where there is one for this claim. A file that was cut belongs to no claim that was ever used.
fn read_key(path: &Path, claim: Hash) -> io::Result<Option<Zeroizing<[u8; 32]>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(KEY_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let words = text
        .strip_suffix('\n')
        .and_then(|line| line.split_once(' '));
    let Some((for_claim, seed)) = words else {
        return Ok(None);
    };
    if Hash::from_hex(for_claim) != Ok(claim) {
        return Ok(None);
    }
    Ok(Hash::from_hex(seed).ok().map(|seed| Zeroizing::new(seed.0)))
}

fn write_key(data_dir: &Path, path: &Path, claim: Hash, seed: &[u8; 32]) -> io::Result<()> {
    let draft = path.with_extension("key.new");
    if let Err(error) = fs::remove_file(&draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let line = Zeroizing::new(format!("{claim} {}\n", Hash(*seed)));
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // The name is on the disk as well before the claim is used: a power cut from here on loses nothing.
    File::open(data_dir)?.sync_all()
}

/// The journal holds the key now. A file that stays behind does no harm: it is of a claim that is used up.
fn forget_key(data_dir: &Path) {
    if let Err(error) = fs::remove_file(data_dir.join(KEY_FILE)) {
        tracing::warn!(%error, file = KEY_FILE, "the key's first file stays behind");
    }
}

#[cfg(test)]
mod tests;
