//! Kiosks and issuers that are broken on purpose, to see that the simulation notices. Nothing of this is in the programs: each is a seam of
//! the simulation around the real code that does not do its part.

/// What is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Broken {
    /// Nothing.
    #[default]
    Nothing,
    /// The disk calls a commit durable before it is: the attendee sees green before the sync.
    GreenBeforeSync,
    /// The issuer takes every batch that comes as new, so that a retry counts twice.
    NotIdempotent,
    /// Every stamp claims that its wall clock is right.
    WallClockTrusted,
    /// Receipts are taken and not journalled.
    ReceiptNotJournalled,
    /// Only what answers a scan is synced, so that heads are signed over entries, and before rows, that a power cut takes away.
    HeadNotPersisted,
}

impl Broken {
    /// All that can be broken.
    pub const ALL: [Self; 5] = [
        Self::GreenBeforeSync,
        Self::NotIdempotent,
        Self::WallClockTrusted,
        Self::ReceiptNotJournalled,
        Self::HeadNotPersisted,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::GreenBeforeSync => "green-before-sync",
            Self::NotIdempotent => "not-idempotent",
            Self::WallClockTrusted => "wall-clock-trusted",
            Self::ReceiptNotJournalled => "receipt-not-journalled",
            Self::HeadNotPersisted => "head-not-persisted",
        }
    }
}

impl std::str::FromStr for Broken {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|broken| broken.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("nothing is broken under the name {text:?}: one of {known}")
        })
    }
}
