//! The desk: how everything else asks the one thread that owns door and journal.
//!
//! Promises: a request is answered once, after whatever it changes is durable, or with why not. Whoever asks does no checking that
//! matters: receipts, ledger heads, time answers and bundles are verified beside the step that persists them, under the keys of the
//! enrolment. A request waits behind the scans that came before it.
//!
//! Deliberately absent: anything that could take an entry back.

use attendance::UtcMs;
use attendance::words::{AttendeeId, RoomId};
use evidence::{Checkpoint, Hash, SigningKey};
use protocol::batch::Accepted;
use protocol::bundle::BundleError;
use protocol::entry::Clock;
use tokio::sync::{mpsc, oneshot};

use crate::journal::{Enrolment, Prepared};

/// Where an answer goes. An answer that nobody waits for any more is dropped.
pub type Reply<T> = oneshot::Sender<T>;

/// What can be asked of the thread that owns door and journal.
#[derive(Debug)]
pub enum DeskRequest {
    /// Entries to send. `Ok(None)` before enrolment.
    Batch {
        /// The index of the first entry; `None` for the first without a receipt. The issuer names one when it holds less (409).
        from: Option<u64>,
        /// Most entries.
        max_entries: usize,
        /// Most bytes of entries.
        max_bytes: usize,
        /// The batch, under a checkpoint that was persisted before it was signed.
        reply: Reply<Result<Option<Prepared>, DeskError>>,
    },
    /// The issuer took a batch. Journals the receipt, and the ledger's head if it grew.
    Accepted {
        /// The answer as it came.
        answer: Accepted,
        /// What of it was taken.
        reply: Reply<Result<Taken, DeskError>>,
    },
    /// A time exchange. Journals it and raises the floor of time.
    Time {
        /// The exchange, with the issuer's signature.
        exchange: Clock,
        /// Whether it is journalled.
        reply: Reply<Result<(), DeskError>>,
    },
    /// A bundle as it came. Adopts and journals it.
    Bundle {
        /// The signed bytes.
        signed: Vec<u8>,
        /// The sequence that is in force now.
        reply: Reply<Result<u64, DeskError>>,
    },
    /// Who is inside, as far as the issuer knows. Replaces what it said before; not journalled.
    Presence {
        /// One row an attendee.
        rows: Vec<Told>,
        /// Whether it is in force.
        reply: Reply<Result<(), DeskError>>,
    },
    /// A claim was answered: this kiosk now belongs to somebody.
    Enrol {
        /// To whom.
        enrolment: Box<Enrolment>,
        /// The first bundle, signed.
        bundle: Vec<u8>,
        /// Whether it is durable and scans are taken from now on.
        reply: Reply<Result<(), DeskError>>,
    },
    /// How things stand.
    State {
        /// The answer.
        reply: Reply<DeskState>,
    },
}

/// One attendee's presence, as the issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who.
    pub attendee: AttendeeId,
    /// Where; nowhere, where absent.
    pub room: Option<RoomId>,
    /// Since when.
    pub since: UtcMs,
}

/// What became of an accepted batch's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The size of the log that has a receipt now.
    pub receipted: u64,
    /// The size of the ledger whose head is held now.
    pub ledger: u64,
}

/// Why the desk did not do it. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The kiosk belongs to nobody yet.
    #[error("this kiosk is not enrolled")]
    NotEnrolled,
    /// The kiosk belongs to somebody else already.
    #[error(
        "this kiosk is enrolled as {kiosk} already; to enrol it anew, start it with an empty data folder and keep the old one"
    )]
    EnrolledAlready {
        /// As whom.
        kiosk: String,
    },
    /// The journal cannot be written now. It recovers by itself; try again later.
    #[error("the journal cannot be written now: {0}")]
    NotRecording(String),
    /// The receipt is not one: not signed by this kiosk or by its issuer.
    #[error("the receipt does not verify: {0}")]
    BadReceipt(evidence::NoteError),
    /// The receipt, or a batch asked for, is about entries that this journal does not hold. The card was restored from a copy, or cloned.
    #[error("the issuer holds {claimed} entries of this log that contradict it or go beyond it")]
    ForeignHistory {
        /// The size of the log that it speaks of.
        claimed: u64,
    },
    /// The ledger's checkpoint is not signed by the issuer.
    #[error("the ledger's checkpoint does not verify: {0}")]
    BadLedger(evidence::NoteError),
    /// The ledger does not extend the one that this kiosk has witnessed. The issuer was rewritten or restored from a copy.
    #[error("the ledger of {offered} entries does not extend the {held} entries witnessed before")]
    LedgerInconsistent {
        /// The size witnessed before.
        held: u64,
        /// The size offered.
        offered: u64,
    },
    /// The time answer is not signed by the issuer.
    #[error("the time answer is not signed by this kiosk's issuer")]
    BadTime,
    /// The bundle is not for this kiosk, older, or broken.
    #[error(transparent)]
    BadBundle(#[from] BundleError),
    /// The daemon is ending.
    #[error("the daemon is ending")]
    Closed,
}

/// How things stand.
#[derive(Clone, Debug)]
pub struct DeskState {
    /// To whom the kiosk belongs; `None` before enrolment.
    pub enrolment: Option<Enrolment>,
    /// The kiosk's key: signs its checkpoints, its requests and its enrolment.
    pub key: Option<SigningKey>,
    /// Whether scans are answered green now; if not, why, as a code.
    pub recording: Result<(), &'static str>,
    /// Entries in the log.
    pub log_size: u64,
    /// Entries that have a receipt.
    pub receipted: u64,
    /// When the newest receipt was given, in seconds since 1970.
    pub receipted_at_s: Option<u64>,
    /// The ledger's newest head that was witnessed.
    pub ledger: Option<LedgerHeld>,
    /// The bundle in force.
    pub bundle: Option<BundleHeld>,
    /// Entries without a receipt.
    pub backlog: u64,
    /// The wall time of the oldest of them, by the kiosk's clock.
    pub backlog_oldest: Option<UtcMs>,
    /// Whether all of them may wait for company: receipts, ledger heads and time exchanges.
    pub rides_along_only: bool,
    /// Whether the raw clock has an anchor in this segment.
    pub anchored: bool,
    /// The last scan's wall time.
    pub last_scan: Option<UtcMs>,
    /// The floor of time.
    pub floor: UtcMs,
    /// Entries whose bytes are damaged, found so far.
    pub damaged: u64,
}

/// A ledger's head that was witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerHeld {
    /// The head.
    pub checkpoint: Checkpoint,
}

/// The bundle in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeld {
    /// Its sequence.
    pub sequence: u64,
    /// SHA-256 of its signed bytes, which is also its ETag.
    pub hash: Hash,
    /// When it was made.
    pub issued: UtcMs,
    /// When staff should worry.
    pub expires: UtcMs,
    /// The pins in it.
    pub pins: Vec<String>,
    /// The event's title.
    pub event_title: String,
    /// The door's name for people.
    pub door_title: String,
    /// The event's languages.
    pub languages: Vec<String>,
    /// The event's IANA time zone.
    pub zone: String,
}

/// A handle for asking. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    requests: mpsc::Sender<DeskRequest>,
}

impl Desk {
    /// A desk whose requests go here.
    pub fn new(requests: mpsc::Sender<DeskRequest>) -> Self {
        Self { requests }
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> DeskRequest) -> Result<T, DeskError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(request(reply)).await;
        sent.map_err(|_| DeskError::Closed)?;
        answer.await.map_err(|_| DeskError::Closed)
    }

    /// See [`DeskRequest::Batch`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn batch(
        &self,
        from: Option<u64>,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Option<Prepared>, DeskError> {
        self.ask(|reply| DeskRequest::Batch {
            from,
            max_entries,
            max_bytes,
            reply,
        })
        .await?
    }

    /// See [`DeskRequest::Accepted`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn accepted(&self, answer: Accepted) -> Result<Taken, DeskError> {
        self.ask(|reply| DeskRequest::Accepted { answer, reply })
            .await?
    }

    /// See [`DeskRequest::Time`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn time(&self, exchange: Clock) -> Result<(), DeskError> {
        self.ask(|reply| DeskRequest::Time { exchange, reply })
            .await?
    }

    /// See [`DeskRequest::Bundle`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn bundle(&self, signed: Vec<u8>) -> Result<u64, DeskError> {
        self.ask(|reply| DeskRequest::Bundle { signed, reply })
            .await?
    }

    /// See [`DeskRequest::Presence`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn presence(&self, rows: Vec<Told>) -> Result<(), DeskError> {
        self.ask(|reply| DeskRequest::Presence { rows, reply })
            .await?
    }

    /// See [`DeskRequest::Enrol`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn enrol(&self, enrolment: Enrolment, bundle: Vec<u8>) -> Result<(), DeskError> {
        let enrolment = Box::new(enrolment);
        self.ask(|reply| DeskRequest::Enrol {
            enrolment,
            bundle,
            reply,
        })
        .await?
    }

    /// See [`DeskRequest::State`].
    ///
    /// # Errors
    /// [`DeskError::Closed`].
    pub async fn state(&self) -> Result<DeskState, DeskError> {
        self.ask(|reply| DeskRequest::State { reply }).await
    }
}
