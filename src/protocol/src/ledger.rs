//! An event's ledger: one line of JSON an entry, as journals have them, with the issuer's time.
//!
//! Bodies that would be longer than an entry may be lie in the object store and stand here by hash.

use attendance::words::{AttendeeId, CertificateId, DoorId, EventId, KioskId, ProgrammeId, RoomId};
use attendance::{Decimal, Outcome, Reason, UtcMs};
use evidence::{Hash, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::entry::{EntryError, MAX_ENTRY_BYTES, VERSION};
use crate::text::{as_hash, as_instant, as_public_key, as_text, as_text_opt, as_texts};

/// One entry of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The issuer's clock when it was written.
    pub at: UtcMs,
    /// What happened.
    pub body: LedgerBody,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $variant:ident = $kind:literal),+ $(,)?) => {
        /// What happened to the event.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum LedgerBody { $($(#[$doc])* $variant($variant)),+ }

        impl LedgerBody {
            /// The kind as it stands in entries.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind),+ }
            }

            fn write(&self, at: UtcMs) -> Result<Vec<u8>, EntryError> {
                match self { $(Self::$variant(body) => line(at, $kind, body)),+ }
            }

            fn read(kind: &str, body: &str) -> Result<Self, EntryError> {
                let malformed = |e: serde_json::Error| EntryError::Malformed(e.to_string());
                Ok(match kind {
                    $($kind => Self::$variant(crate::strict::from_str(body).map_err(malformed)?),)+
                    other => return Err(EntryError::UnknownKind(other.chars().take(40).collect())),
                })
            }
        }
    };
}

bodies! {
    /// The event begins: always entry 0.
    Event = "event",
    /// A door and the rooms it serves.
    Door = "door",
    /// A kiosk was enrolled at a door.
    Kiosk = "kiosk",
    /// A kiosk's enrolment ended.
    Retirement = "retirement",
    /// A door's missing entries were given up.
    DoorLost = "door_lost",
    /// A source was imported.
    Import = "import",
    /// A rule set came into force for a programme.
    Rules = "rules",
    /// A batch was accepted.
    KioskHead = "kiosk_head",
    /// An entry was taken whose meaning could not be.
    Quarantine = "quarantine",
    /// Attendance was decided.
    Decision = "decision",
    /// A certificate was issued.
    Certificate = "certificate",
    /// A certificate was revoked.
    Revocation = "revocation",
    /// A reviewer closed a case.
    Case = "case",
    /// The issuer goes on although a head that it signed before is lost.
    Recovery = "recovery",
    /// Signals of another source than doors were accepted.
    Signals = "signals",
    /// Signals count no longer.
    Retraction = "retraction",
    /// A reviewer said what a sign that a badge was not with its holder comes to.
    Sign = "sign",
    /// What was known of a person was destroyed.
    Erasure = "erasure",
}

/// The event begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its id.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// Its title.
    pub title: String,
    /// Its IANA time zone.
    pub zone: String,
    /// The issuer's name.
    pub issuer: String,
    /// The issuer's signing key.
    #[serde(with = "as_public_key")]
    pub issuer_key: PublicKey,
    /// The id of the event's badge key.
    pub badge_key: String,
}

/// A door and the rooms it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// Its id.
    #[serde(with = "as_text")]
    pub door: DoorId,
    /// Its name.
    pub title: String,
    /// The rooms it serves.
    #[serde(with = "as_texts")]
    pub rooms: Vec<RoomId>,
}

/// A kiosk was enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kiosk {
    /// Its id.
    #[serde(with = "as_text")]
    pub kiosk: KioskId,
    /// Its door.
    #[serde(with = "as_text")]
    pub door: DoorId,
    /// The origin of its log.
    pub log: String,
    /// Its public key.
    #[serde(with = "as_public_key")]
    pub public_key: PublicKey,
}

/// The reason of a retirement whose door was enrolled anew.
pub const REPLACED: &str = "replaced";

/// A kiosk's enrolment ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retirement {
    /// Its id.
    #[serde(with = "as_text")]
    pub kiosk: KioskId,
    /// Why, as a code; [`REPLACED`] where another enrolment of the door took its place.
    pub reason: String,
    /// Who, by account id; with [`REPLACED`], the kiosk that took its place.
    pub operator: String,
}

/// A door's missing entries were given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorLost {
    /// Its id.
    #[serde(with = "as_text")]
    pub door: DoorId,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

/// A source was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// What: `agenda` or `registrations`.
    pub what: String,
    /// From which format.
    pub format: String,
    /// SHA-256 of the object that is in force from here: see [`crate::agenda`].
    #[serde(with = "as_hash")]
    pub object: Hash,
    /// SHA-256 of the file as it was given.
    #[serde(with = "as_hash")]
    pub file: Hash,
    /// How many rows it had.
    pub rows: u64,
    /// Who, by account id, where it follows a person's word and no file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operator: Option<String>,
    /// Why, as a code, where it follows a person's word.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A rule set came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The programme.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// SHA-256 of the rule set's text.
    #[serde(with = "as_hash")]
    pub rules: Hash,
    /// Its name.
    pub name: String,
    /// SHA-256 of the agenda's object that names it.
    #[serde(with = "as_hash")]
    pub agenda: Hash,
}

/// A batch was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KioskHead {
    /// The log.
    pub log: String,
    /// Its size before.
    pub from: u64,
    /// Its size now.
    pub size: u64,
    /// Its root now.
    #[serde(with = "as_hash")]
    pub root: Hash,
    /// The time of the receipt that was given, in whole seconds since 1970.
    pub receipt_s: u64,
}

/// An entry was taken whose meaning could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// The log.
    pub log: String,
    /// The entry's index.
    pub index: u64,
    /// Its leaf hash.
    #[serde(with = "as_hash")]
    pub leaf: Hash,
    /// Why, as a code.
    pub code: String,
}

/// Attendance was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whose.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// For what.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// What it comes to.
    #[serde(with = "as_text")]
    pub outcome: Outcome,
    /// The credits; null under review.
    #[serde(with = "as_text_opt")]
    pub credits: Option<Decimal>,
    /// Why.
    #[serde(with = "as_text")]
    pub reason: Reason,
    /// SHA-256 of the decision's object: see [`crate::decision`].
    #[serde(with = "as_hash")]
    pub decision: Hash,
    /// SHA-256 of the basis' object.
    #[serde(with = "as_hash")]
    pub basis: Hash,
    /// The ledger index of the decision it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<u64>,
}

/// A certificate was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its public code.
    #[serde(with = "as_text")]
    pub certificate: CertificateId,
    /// Its version, from 1.
    pub version: u32,
    /// Whose.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// For what.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// The ledger index of the decision it rests on.
    pub decision: u64,
    /// SHA-256 of the payload's object: see [`crate::certificate`].
    #[serde(with = "as_hash")]
    pub payload: Hash,
    /// SHA-256 of the PDF.
    #[serde(with = "as_hash")]
    pub pdf: Hash,
}

/// A certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Its public code.
    #[serde(with = "as_text")]
    pub certificate: CertificateId,
    /// The version it ends.
    pub version: u32,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// A branch that was refused because it contradicts the log.
    Fork,
    /// Entries that came after the log's enrolment had ended.
    Late,
}

impl CaseKind {
    /// The word as it stands in entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Late => "late",
        }
    }
}

/// How a case was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseOutcome {
    /// Its scans count as signals from here on.
    Admitted,
    /// They do not count.
    Denied,
}

impl CaseOutcome {
    /// The word as it stands in entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Denied => "denied",
        }
    }
}

/// A reviewer closed a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its id.
    pub case: String,
    /// What it is about.
    pub about: CaseKind,
    /// The log.
    pub log: String,
    /// Of a fork, how many entries the branch shares with the log; of late entries, the log's size when its enrolment ended.
    pub base: u64,
    /// The size of the branch, or of the log with its late entries.
    pub size: u64,
    /// The root of so many entries, the shared ones included.
    #[serde(with = "as_hash")]
    pub root: Hash,
    /// How it was closed.
    pub outcome: CaseOutcome,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

impl Case {
    /// The name under which decisions rest on an admitted branch; late entries go under their log's.
    pub fn name(&self) -> String {
        match self.about {
            CaseKind::Fork => branch_name(&self.log, self.root),
            CaseKind::Late => self.log.clone(),
        }
    }
}

/// The name of a branch: its log's origin and the root over the branch, the shared entries included.
pub fn branch_name(origin: &str, root: Hash) -> String {
    format!("{origin}/branch/{}", root.to_hex())
}

/// The issuer goes on although a head of this ledger that it signed before is lost: it was restored from an older copy, or its ledger was
/// changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The size of the lost head.
    pub size: u64,
    /// Its root.
    #[serde(with = "as_hash")]
    pub root: Hash,
    /// The kiosk that showed it.
    #[serde(with = "as_text")]
    pub kiosk: KioskId,
    /// Why it goes on, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

/// Signals of another source than doors were accepted: an import, a batch of webhooks, a person's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// The system that they come from, such as `zoom`.
    pub source: String,
    /// SHA-256 of the object that holds them: see [`crate::signals::Signals`].
    #[serde(with = "as_hash")]
    pub object: Hash,
    /// SHA-256 of the file or request as it was given.
    #[serde(with = "as_hash")]
    pub file: Hash,
    /// How many rows the object has.
    pub rows: u64,
    /// Who, by account id, where a person answers for them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operator: Option<String>,
    /// Why, as a code, where a person answers for them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Signals count no longer: those of a whole entry, or one row of it. They stay where they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retraction {
    /// The ledger index of the `signals` entry.
    pub entry: u64,
    /// The row in its object, from 0; every row, where none is named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<u32>,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

/// What was known of a person was destroyed: name, address, notes, and the content of their certificates. Nothing rests on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Whose.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

/// The most scans that a [`Sign`] names.
pub const MAX_SIGN_EVIDENCE: usize = 12;

/// What a sign is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignKind {
    /// Two badges that passed a reader together again and again.
    Pair,
    /// One person's badges in two places.
    Places,
    /// Staff at the door took scans back, as made by mistake.
    TakenBack,
}

impl SignKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Pair, Self::Places, Self::TakenBack];

    /// The word as it stands in entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Places => "places",
            Self::TakenBack => "taken_back",
        }
    }
}

/// What a reviewer makes of a sign. No decision rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignOutcome {
    /// There is a good reason for it.
    Explained,
    /// A badge was not with its holder.
    Upheld,
    /// It is open again.
    Reopened,
}

impl SignOutcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = &[Self::Explained, Self::Upheld, Self::Reopened];

    /// The word as it stands in entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explained => "explained",
            Self::Upheld => "upheld",
            Self::Reopened => "reopened",
        }
    }
}

/// A scan that shows a sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignScan {
    /// The log, or the name of a branch.
    pub log: String,
    /// The entry's index there.
    pub index: u64,
}

/// A reviewer said what a sign that a badge was not with its holder comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// Its id.
    pub sign: String,
    /// What it is of.
    pub about: SignKind,
    /// How many times it was seen.
    pub times: u32,
    /// The first scans that show it, at most [`MAX_SIGN_EVIDENCE`].
    pub evidence: Vec<SignScan>,
    /// What it comes to.
    pub outcome: SignOutcome,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
}

#[derive(Serialize)]
struct Out<'a, T> {
    v: u32,
    kind: &'static str,
    #[serde(with = "as_instant")]
    at: UtcMs,
    body: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    v: u32,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(with = "as_instant")]
    at: UtcMs,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn line<T: Serialize>(at: UtcMs, kind: &'static str, body: &T) -> Result<Vec<u8>, EntryError> {
    let out = Out {
        v: VERSION,
        kind,
        at,
        body,
    };
    let bytes = serde_json::to_vec(&out).map_err(|e| EntryError::Malformed(e.to_string()))?;
    if bytes.len() > MAX_ENTRY_BYTES {
        Err(EntryError::TooLong(bytes.len()))
    } else {
        Ok(bytes)
    }
}

/// The bytes of an entry: one line, without the line's end.
///
/// # Errors
/// Where they would be longer than [`MAX_ENTRY_BYTES`].
pub fn encode(entry: &LedgerEntry) -> Result<Vec<u8>, EntryError> {
    entry.body.write(entry.at)
}

/// Reads an entry's bytes.
///
/// # Errors
/// See [`EntryError`]; nothing is guessed.
pub fn parse(bytes: &[u8]) -> Result<LedgerEntry, EntryError> {
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(EntryError::TooLong(bytes.len()));
    }
    if bytes.contains(&b'\n') || bytes.contains(&b'\r') {
        return Err(EntryError::NotOneLine);
    }
    let line: Line<'_> =
        crate::strict::from_slice(bytes).map_err(|e| EntryError::Malformed(e.to_string()))?;
    if line.v != VERSION {
        return Err(EntryError::UnknownVersion(line.v));
    }
    Ok(LedgerEntry {
        at: line.at,
        body: LedgerBody::read(&line.kind, line.body.get())?,
    })
}
