//! Claims, kiosks, their bundles and what they say of themselves.

use attendance::UtcMs;
use attendance::words::{DoorId, EventId, KioskId};
use evidence::{Hash, PublicKey};

use super::Result;

/// A claim to be made.
#[derive(Clone, Debug)]
pub struct NewClaim {
    /// SHA-256 of its secret: the secret itself is not kept.
    pub secret: Hash,
    /// Its event.
    pub event: EventId,
    /// Its door.
    pub door: DoorId,
    /// Until when it can be redeemed.
    pub expires: UtcMs,
}

/// A kiosk that redeems a claim.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// SHA-256 of the claim's secret.
    pub secret: Hash,
    /// The kiosk's public key.
    pub public_key: PublicKey,
    /// Program and version.
    pub software: String,
    /// Random text that makes the new kiosk's id unlike all others: the id is the door's, cut, and this.
    pub suffix: String,
    /// The issuer's name, for the origin of the kiosk's log.
    pub issuer: String,
}

/// What came of a redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// A kiosk, new or the same as before.
    Kiosk(Box<KioskFacts>),
    /// No such claim, or another key's, or expired. The caller tells nobody which.
    Refused(ClaimFault),
}

/// Why a claim is refused; for the issuer's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimFault {
    /// There is no such claim.
    Unknown,
    /// It has expired.
    Expired,
    /// Another key has redeemed it.
    Used,
}

/// A kiosk as it is held. Its log has the number of entries that its newest head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KioskFacts {
    /// Its id.
    pub kiosk: KioskId,
    /// Its event.
    pub event: EventId,
    /// Its door.
    pub door: DoorId,
    /// The origin of its log.
    pub origin: String,
    /// Its public key.
    pub public_key: PublicKey,
    /// Program and version at enrolment.
    pub software: String,
    /// When it was enrolled.
    pub enrolled: UtcMs,
    /// When its enrolment ended, if it has.
    pub retired: Option<UtcMs>,
    /// The entries held then; what came later is late.
    pub retired_size: Option<u64>,
    /// The entries held.
    pub size: u64,
    /// When its newest entries were accepted, in seconds since 1970.
    pub receipt_s: Option<u64>,
}

/// The newest bundle of a kiosk, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleFacts {
    /// Its sequence.
    pub sequence: u64,
    /// A hash of what it holds, sequence and times aside.
    pub content: Hash,
    /// When it expires.
    pub expires: UtcMs,
}

/// What a kiosk last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusFacts {
    /// The kiosk.
    pub kiosk: KioskId,
    /// When it came.
    pub at: UtcMs,
    /// The document, as it came: see [`protocol::status`].
    pub body: String,
}

/// Claims, kiosks, their bundles and what they say of themselves.
///
/// # Errors
/// `NotFound` for an unknown event, door or kiosk; `Unavailable` or `Damaged` as the database does.
pub trait EnrolmentUnits {
    /// Makes a claim on a door.
    fn put_claim(&self, claim: &NewClaim) -> Result<()>;

    /// Redeems a claim: the kiosk's row, its log and a `kiosk` entry, before it a `retirement` for each kiosk that the door had. The same
    /// claim and the same key give the same
    /// kiosk until the claim expires.
    fn redeem_claim(&self, redemption: &Redemption, now: UtcMs) -> Result<Redeemed>;

    /// One kiosk.
    fn kiosk(&self, kiosk: &KioskId) -> Result<KioskFacts>;

    /// The kiosks of an event, retired ones too, by id.
    fn kiosks(&self, event: &EventId) -> Result<Vec<KioskFacts>>;

    /// Ends a kiosk's enrolment: its row and a `retirement` entry. What it still delivers is kept.
    fn retire_kiosk(&self, kiosk: &KioskId, reason: &str, operator: &str, now: UtcMs)
    -> Result<()>;

    /// The newest bundle of a kiosk, without its bytes.
    fn bundle(&self, kiosk: &KioskId) -> Result<Option<BundleFacts>>;

    /// The bytes of the newest bundle of a kiosk.
    fn bundle_bytes(&self, kiosk: &KioskId) -> Result<Option<(BundleFacts, Vec<u8>)>>;

    /// Keeps a new bundle. Fails with `Moved` where its sequence does not follow the newest.
    fn put_bundle(&self, kiosk: &KioskId, facts: &BundleFacts, bytes: &[u8]) -> Result<()>;

    /// Keeps what a kiosk says of itself; only the newest is kept.
    fn put_status(&self, kiosk: &KioskId, body: &str, now: UtcMs) -> Result<()>;

    /// What the kiosks of an event last said of themselves, by kiosk.
    fn statuses(&self, event: &EventId) -> Result<Vec<StatusFacts>>;
}
