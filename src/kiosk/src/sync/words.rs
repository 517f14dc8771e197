//! The words between the core, which decides, and the driver, which does.

use std::sync::Arc;

use protocol::entry::Clock;
use protocol::presence::PresenceRow;
use protocol::problem::Code;
use protocol::status::KioskStatus;

use super::clock::Exchange;
use crate::desk::{AcceptedError, AdoptError, DeskError, ForkError, InForce, Standing, Taken};
use crate::journal::{Prepared, SealedBatch};

/// A reading of the raw clock in milliseconds. Comparable within one boot only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonoMs(pub u64);

impl MonoMs {
    /// This many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since an earlier reading; 0 where it is none.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One of the calls to the issuer, in the order in which they go where several have waited equally long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The time exchange.
    Time,
    /// A batch of entries.
    Entries,
    /// A batch of a sealed log's entries, under the kiosk id of that log.
    Sealed,
    /// The bundle.
    Bundle,
    /// Who is inside.
    Presence,
    /// What the kiosk says of itself.
    Status,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 6] = [
        Self::Time,
        Self::Entries,
        Self::Sealed,
        Self::Bundle,
        Self::Presence,
        Self::Status,
    ];

    /// The HTTP method.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Time | Self::Entries | Self::Sealed | Self::Status => "POST",
            Self::Bundle | Self::Presence => "GET",
        }
    }

    /// The word for it in logs and on the status page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Entries => "entries",
            Self::Sealed => "sealed",
            Self::Bundle => "bundle",
            Self::Presence => "presence",
            Self::Status => "status",
        }
    }

    /// The path, for a kiosk's id.
    pub fn path(self, kiosk: &str) -> String {
        match self {
            Self::Time => protocol::time::PATH.to_owned(),
            Self::Sealed => Self::Entries.path(kiosk),
            Self::Entries | Self::Bundle | Self::Presence | Self::Status => {
                format!("/v1/kiosks/{kiosk}/{}", self.as_str())
            }
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Time => 0,
            Self::Entries => 1,
            Self::Sealed => 2,
            Self::Bundle => 3,
            Self::Presence => 4,
            Self::Status => 5,
        }
    }
}

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number; the answer carries it back, and an answer with another one is ignored.
    pub id: u64,
    /// Which call.
    pub call: Call,
    /// The path.
    pub path: String,
    /// The body. A time exchange's is made where its clock is read.
    pub body: Option<Arc<[u8]>>,
    /// The issuer's nonce to sign with; `None` for the time exchange, which is not signed.
    pub nonce: Option<String>,
    /// For `If-None-Match`.
    pub etag: Option<String>,
}

/// What came back, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The request's number.
    pub id: u64,
    /// The HTTP status.
    pub status: u16,
    /// The issuer's next nonce, where it gave one.
    pub nonce: Option<String>,
    /// The ETag, where there is one.
    pub etag: Option<String>,
    /// `Retry-After` in seconds, where it stands there as a number.
    pub retry_after_s: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
    /// With a time exchange, the kiosk's part of it.
    pub exchange: Option<Exchange>,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Unreachable,
    /// Not in time.
    Timeout,
    /// Whoever answered holds none of the pinned keys.
    WrongKey,
    /// The certificate's dates do not hold at the issuer's own time.
    CertificateDates,
    /// More bytes than the call may answer.
    TooLong,
    /// Not HTTP as it should be.
    Broken,
}

impl Failure {
    /// The code for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::WrongKey => "tls_wrong_key",
            Self::CertificateDates => "tls_certificate_dates",
            Self::TooLong => "answer_too_long",
            Self::Broken => "answer_broken",
        }
    }
}

/// What is asked at the desk: see [`crate::desk::DeskRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A batch.
    Batch {
        /// The index of its first entry.
        from: u64,
        /// The most entries.
        max_entries: usize,
        /// The most bytes.
        max_bytes: usize,
    },
    /// To check and journal the answer to a batch.
    Accepted {
        /// The size of the log that was sent.
        sent: u64,
        /// The answer.
        answer: Box<protocol::batch::Accepted>,
    },
    /// To seal the log, if this checkpoint proves that it forked.
    Fork {
        /// The checkpoint.
        checkpoint: String,
    },
    /// A sealed log's next batch.
    Sealed,
    /// To note how far a sealed log is delivered.
    Delivered {
        /// The log's number.
        number: u64,
        /// What the issuer holds.
        size: u64,
    },
    /// To journal a time exchange.
    Time(Clock),
    /// To adopt a bundle.
    Bundle {
        /// Its signed bytes.
        signed: Vec<u8>,
        /// Its ETag.
        etag: Option<String>,
    },
    /// To take who is inside.
    Presence(Vec<PresenceRow>),
    /// The kiosk's status.
    Status,
}

/// What the desk answered, for each [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskReply {
    /// To [`Ask::Batch`].
    Batch(Result<Option<Prepared>, DeskError>),
    /// To [`Ask::Accepted`].
    Accepted(Result<Taken, AcceptedError>),
    /// To [`Ask::Fork`].
    Fork(Result<(), ForkError>),
    /// To [`Ask::Sealed`].
    Sealed(Result<Option<SealedBatch>, DeskError>),
    /// To [`Ask::Delivered`].
    Delivered(Result<(), DeskError>),
    /// To [`Ask::Time`].
    Time(Result<(), DeskError>),
    /// To [`Ask::Bundle`].
    Bundle(Result<InForce, AdoptError>),
    /// To [`Ask::Presence`].
    Presence(Result<(), DeskError>),
    /// To [`Ask::Status`].
    Status(Result<Box<KioskStatus>, DeskError>),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time went by.
    Tick,
    /// The log grew, or the anchor went.
    Grew(Standing),
    /// A call was answered.
    Answer(Answer),
    /// A call came to nothing.
    Failed {
        /// The request's number.
        id: u64,
        /// Why.
        failure: Failure,
    },
    /// The desk answered.
    Desk(DeskReply),
}

/// What to do next. At most one thing is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make this call and bring back its answer or failure.
    Call(Request),
    /// Ask this at the desk and bring back its reply.
    Ask(Ask),
    /// Nothing until then, unless the log grows.
    WaitUntil(MonoMs),
}

/// What a person should do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The issuer says that this log forked and does not prove it, so nothing is sealed; the batch is offered again.
    ForkUnproven,
    /// The issuer does not take what a sealed log still holds.
    SealedRefused,
    /// The issuer's ledger does not extend what this kiosk witnessed.
    LedgerInconsistent,
    /// The issuer held more of this log before than it does now; it is sent again.
    IssuerBehind,
    /// The issuer's receipt is not one.
    ReceiptRefused,
    /// The issuer refuses the batch.
    BatchRefused,
    /// The issuer refuses one entry by itself as too large.
    EntryTooLarge,
    /// The kiosk refuses the issuer's bundle, or the issuer refuses to give one.
    BundleRefused,
    /// The time answer is not this issuer's.
    TimeRefused,
    /// The issuer refuses to say who is inside.
    PresenceRefused,
    /// The issuer refuses the kiosk's status.
    StatusRefused,
    /// The issuer does not know this kiosk.
    UnknownKiosk,
    /// This enrolment has ended.
    Retired,
    /// The issuer does not take this kiosk's signature.
    BadSignature,
    /// An answer that is none of the protocol's.
    AnswerMalformed,
    /// Whoever answers holds none of the pinned keys.
    WrongKey,
    /// The certificate's dates do not hold.
    CertificateDates,
    /// The journal does not answer sync.
    JournalFailed,
    /// The issuer's address cannot be used.
    AddressUnusable,
}

impl Alarm {
    /// What a refusal of this call under this code means.
    pub(super) fn of_refusal(call: Call, code: Option<Code>) -> Self {
        match (code, call) {
            (Some(Code::Retired), _) => Self::Retired,
            (Some(Code::UnknownKiosk), _) => Self::UnknownKiosk,
            (Some(Code::BadSignature), _) => Self::BadSignature,
            (_, Call::Time) => Self::TimeRefused,
            (_, Call::Entries) => Self::BatchRefused,
            (_, Call::Sealed) => Self::SealedRefused,
            (_, Call::Bundle) => Self::BundleRefused,
            (_, Call::Presence) => Self::PresenceRefused,
            (_, Call::Status) => Self::StatusRefused,
        }
    }

    /// The code, for status and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForkUnproven => "fork_unproven",
            Self::SealedRefused => "sealed_refused",
            Self::LedgerInconsistent => "ledger_inconsistent",
            Self::IssuerBehind => "issuer_behind",
            Self::ReceiptRefused => "receipt_refused",
            Self::BatchRefused => "batch_refused",
            Self::EntryTooLarge => "entry_too_large",
            Self::BundleRefused => "bundle_refused",
            Self::TimeRefused => "time_refused",
            Self::PresenceRefused => "presence_refused",
            Self::StatusRefused => "status_refused",
            Self::UnknownKiosk => "unknown_kiosk",
            Self::Retired => "retired",
            Self::BadSignature => "bad_signature",
            Self::AnswerMalformed => "answer_malformed",
            Self::WrongKey => "tls_wrong_key",
            Self::CertificateDates => "tls_certificate_dates",
            Self::JournalFailed => "journal_failed",
            Self::AddressUnusable => "address_unusable",
        }
    }

    /// What to do, in one sentence.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::ForkUnproven => {
                "Tell the organiser: the issuer says that this log forked, and cannot show it. Scans are kept here."
            }
            Self::SealedRefused => {
                "Keep this card: the sealed log on it holds scans that the issuer does not take. Tell the organiser."
            }
            Self::LedgerInconsistent | Self::IssuerBehind => {
                "Tell the organiser: the issuer was restored from an older copy, or changed."
            }
            Self::ReceiptRefused | Self::TimeRefused | Self::AnswerMalformed => {
                "Tell the organiser: what answers as the issuer is not the one this kiosk was enrolled with."
            }
            Self::BatchRefused
            | Self::EntryTooLarge
            | Self::BundleRefused
            | Self::PresenceRefused
            | Self::StatusRefused
            | Self::BadSignature => {
                "Tell the organiser; scans are kept here and sent once the issuer takes them."
            }
            Self::UnknownKiosk | Self::Retired => {
                "Ask the organiser whether this kiosk should still be in use; scans are kept here."
            }
            Self::WrongKey => {
                "Check the network: something else answers at the issuer's address, or its TLS key changed."
            }
            Self::CertificateDates => "Ask the organiser to renew the issuer's certificate.",
            Self::JournalFailed => "Look at the disk and the kiosk's log.",
            Self::AddressUnusable => "Enrol this kiosk anew with a claim whose address is right.",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered and taken.
    Ok,
    /// No connection, or none in time, or the issuer is overloaded.
    Unreachable,
    /// Somebody answered who is not this kiosk's issuer.
    NotOurIssuer,
    /// The issuer refused, or its answer was refused; the code says why.
    Refused,
    /// The kiosk's own journal did not do its part.
    Journal,
}

impl Outcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unreachable => "unreachable",
            Self::NotOurIssuer => "not_our_issuer",
            Self::Refused => "refused",
            Self::Journal => "journal",
        }
    }
}

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: MonoMs,
    /// Which call.
    pub call: Call,
    /// How it ended.
    pub outcome: Outcome,
    /// The issuer's or the transport's code, where there is one.
    pub code: Option<&'static str>,
}

/// How sync stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncStatus {
    /// The last attempt.
    pub last: Option<Attempt>,
    /// When an attempt last ended well.
    pub last_success: Option<MonoMs>,
    /// When the next attempt is due; `None` while one is under way.
    pub next: Option<MonoMs>,
    /// What the issuer holds of the log, as far as it said.
    pub issuer_size: u64,
    /// Calls made since the start.
    pub calls: u64,
    /// Attempts in a row that reached nobody.
    pub unreachable_in_row: u32,
    /// What a person should do something about, in a fixed order.
    pub alarms: Vec<Alarm>,
}
