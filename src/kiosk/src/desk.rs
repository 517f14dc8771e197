//! The seam between the thread that owns door, journal and SQLite, and the sync that runs beside it.
//!
//! Promises: sync holds nothing of the journal. It asks at the [`Desk`], one request at a time, and the owning thread answers each through
//! the oneshot in it. How requests reach that thread is the thread's choice: [`Desk::new`] takes any sender. What the log has grown to is
//! published in a watch, so that scans never wait for sync and sync never polls the journal.
//!
//! Limits: a request that the thread does not take at once is [`DeskError::Busy`]; one not answered within [`ANSWER_TIMEOUT`] is
//! [`DeskError::Late`]. Either way sync tries again later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use attendance::UtcMs;
use attendance::words::KioskId;
use evidence::{PublicKey, SigningKey};
use protocol::batch;
use protocol::entry::Clock;
use protocol::presence::PresenceRow;
use protocol::status::KioskStatus;
use tokio::sync::{oneshot, watch};

use crate::journal::{Enrolment, Prepared, SealedBatch};
use crate::sync::verify::{AnswerFault, BundleFault, ForkFault, LedgerFault, Parties};

/// How long sync waits for an answer; taking over a large bundle on a small board needs seconds.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Whose answers are believed, for [`crate::sync::verify`]. `log_key` is the public half of the kiosk's key.
pub fn parties<'a>(enrolment: &'a Enrolment, log_key: &'a PublicKey) -> Parties<'a> {
    Parties {
        origin: &enrolment.origin,
        log_key,
        issuer: &enrolment.issuer,
        issuer_key: &enrolment.issuer_key,
    }
}

/// What sync must know to begin, or to begin again.
#[derive(Clone, Debug)]
pub struct DeskState {
    /// To whom this kiosk belongs; `None` before enrolment.
    pub enrolment: Option<Enrolment>,
    /// The key that signs requests: the log's, which also signs its heads and cosigns the ledger's; while a fresh log waits to be enrolled, the
    /// sealed log's.
    pub key: Option<SigningKey>,
    /// The key of the log that is written.
    pub log_key: Option<SigningKey>,
    /// The kiosk ids of sealed logs that are not wholly delivered, with the keys that sign for their delivery.
    pub sealed: Vec<(KioskId, SigningKey)>,
    /// SHA-256 of the TLS keys (SPKI) that the issuer may show, lower hex: the bundle's, or the claim's where the bundle names none.
    pub pins: Vec<String>,
    /// What the log is now.
    pub standing: Standing,
    /// The size that the newest receipt covers; 0 where there is none.
    pub receipted_size: u64,
    /// The size of the ledger's newest head that was witnessed; 0 where there is none.
    pub ledger_size: u64,
    /// The sequence of the bundle in force.
    pub bundle_sequence: Option<u64>,
    /// The ETag under which the bundle in force was given, where it was.
    pub bundle_etag: Option<String>,
    /// Entries without a receipt.
    pub backlog: u64,
    /// The wall time of the oldest of them.
    pub backlog_oldest: Option<UtcMs>,
}

impl DeskState {
    /// Whether nothing of the backlog starts a batch by itself: all of it is receipts, ledger heads and clock readings.
    pub fn rides_along_only(&self) -> bool {
        self.receipted_size >= self.standing.urgent_size
    }
}

/// What the log has grown to. Published in a watch with every commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the kiosk is enrolled. While it is not, sync asks and sends nothing.
    pub enrolled: bool,
    /// Entries in the log.
    pub log_size: u64,
    /// Entries up to and with the newest one that does not merely ride along ([`protocol::entry::Body::rides_along`]); 0 where there is none.
    /// After a start the log's size is as good.
    pub urgent_size: u64,
    /// Whether the raw clock has an anchor in the segment that is running; a suspend takes it away.
    pub anchored: bool,
    /// Whether the log waits to be enrolled: its entries are not sent yet.
    pub awaits: bool,
    /// Whether a sealed log holds entries that the issuer does not.
    pub sealed_rest: bool,
    /// Rises when the kiosk becomes another to the issuer: sealed, or enrolled anew. Sync then begins again.
    pub generation: u64,
}

/// What became of an answer to a batch that was believed: receipt and ledger head are journalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The size that the newest receipt covers now.
    pub receipted_size: u64,
    /// The size of the ledger's newest head that is witnessed now, or why the one offered is not.
    pub ledger: Result<u64, LedgerFault>,
}

/// Why the desk did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// It has too much before it. Ask again later.
    #[error("the journal is busy")]
    Busy,
    /// It did not answer in time. It may still do it.
    #[error("the journal did not answer in time")]
    Late,
    /// The machine was suspended during a time exchange, which says nothing then. Ask the issuer again.
    #[error("the machine was suspended meanwhile")]
    Suspended,
    /// The kiosk belongs to nobody yet.
    #[error("this kiosk is not enrolled")]
    NotEnrolled,
    /// The kiosk belongs to somebody already.
    #[error(
        "this kiosk is enrolled as {kiosk} already; to enrol it anew, give it an empty data folder and keep the old one"
    )]
    EnrolledAlready {
        /// As whom.
        kiosk: KioskId,
    },
    /// Its thread has ended.
    #[error("the journal is closed")]
    Closed,
    /// The journal cannot be written or read. The words are for the log.
    #[error("the journal failed: {0}")]
    Failed(String),
}

/// How the word of a fork ended at the desk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// It is not proven. Nothing was sealed.
    #[error(transparent)]
    Fault(#[from] ForkFault),
    /// The desk failed.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// How an answer to a batch ended at the desk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptedError {
    /// It is not believed. Nothing was written.
    #[error(transparent)]
    Fault(#[from] AnswerFault),
    /// The desk failed.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// How an offered bundle ended at the desk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// It is refused. The one in force stays.
    #[error(transparent)]
    Fault(#[from] BundleFault),
    /// The desk failed.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// An enrolment to begin with.
#[derive(Clone, Debug)]
pub struct NewEnrolment {
    /// To whom this kiosk belongs from now on.
    pub enrolment: Enrolment,
    /// The key that the issuer knows the kiosk by.
    pub key: SigningKey,
    /// The first bundle's signed bytes, which were checked.
    pub bundle: Vec<u8>,
}

/// What is in force after a bundle was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The bundle's sequence.
    pub sequence: u64,
    /// The pins that hold from now on, as in [`DeskState::pins`].
    pub pins: Vec<String>,
}

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<T>;

/// What sync asks of the thread that owns the journal. A reply that nobody waits for any more is dropped.
pub enum DeskRequest {
    /// The entries from an index on, under a head that is persisted and then signed. `None` where there are none.
    Batch {
        /// The index of the first entry: what the issuer holds.
        from: u64,
        /// The most entries.
        max_entries: usize,
        /// The most bytes of the body; at least one entry goes all the same.
        max_bytes: usize,
        /// The batch.
        reply: Reply<Result<Option<Prepared>, DeskError>>,
    },
    /// The issuer's answer to the batch up to `sent`: to be checked with [`crate::sync::verify`] and journalled.
    Accepted {
        /// The size of the log that was sent.
        sent: u64,
        /// The answer.
        answer: Box<batch::Accepted>,
        /// What became of it.
        reply: Reply<Result<Taken, AcceptedError>>,
    },
    /// The issuer's word that this log forked, with the checkpoint that is to prove it: to be checked with [`crate::sync::verify::fork`]. If it
    /// holds, the log is sealed and a fresh one begun.
    Fork {
        /// The checkpoint's note.
        checkpoint: String,
        /// Whether it was sealed.
        reply: Reply<Result<(), ForkError>>,
    },
    /// The next entries of a sealed log that the issuer does not hold.
    Sealed {
        /// The batch.
        reply: Reply<Result<Option<SealedBatch>, DeskError>>,
    },
    /// The issuer holds a sealed log up to a size.
    Delivered {
        /// The log's number.
        number: u64,
        /// The size.
        size: u64,
        /// Whether that is noted.
        reply: Reply<Result<(), DeskError>>,
    },
    /// A time exchange whose signature was checked: to be journalled, and its issuer's time to raise the floor.
    Time {
        /// The exchange.
        clock: Clock,
        /// Whether it was journalled.
        reply: Reply<Result<(), DeskError>>,
    },
    /// A bundle as the issuer gave it: to be checked with [`crate::sync::verify::bundle`] and adopted.
    Bundle {
        /// Its signed bytes.
        signed: Vec<u8>,
        /// Its ETag, to be kept beside it.
        etag: Option<String>,
        /// What is in force then.
        reply: Reply<Result<InForce, AdoptError>>,
    },
    /// Who is inside, as far as the issuer knows.
    Presence {
        /// One row an attendee.
        rows: Vec<PresenceRow>,
        /// Whether it was taken.
        reply: Reply<Result<(), DeskError>>,
    },
    /// A claim was answered and the answer checked: this kiosk belongs to somebody from now on.
    Enrol {
        /// To whom, with the key that the issuer knows, and the first bundle.
        enrolled: Box<NewEnrolment>,
        /// Whether it is durable, so that scans are taken.
        reply: Reply<Result<(), DeskError>>,
    },
    /// What the kiosk says of itself; sync adds its own alarms.
    Status {
        /// The status.
        reply: Reply<Result<Box<KioskStatus>, DeskError>>,
    },
    /// What sync must know to begin.
    State {
        /// The state.
        reply: Reply<Result<Box<DeskState>, DeskError>>,
    },
}

impl fmt::Debug for DeskRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch { .. } => "Batch",
            Self::Accepted { .. } => "Accepted",
            Self::Fork { .. } => "Fork",
            Self::Sealed { .. } => "Sealed",
            Self::Delivered { .. } => "Delivered",
            Self::Time { .. } => "Time",
            Self::Bundle { .. } => "Bundle",
            Self::Presence { .. } => "Presence",
            Self::Enrol { .. } => "Enrol",
            Self::Status { .. } => "Status",
            Self::State { .. } => "State",
        })
    }
}

type Send = dyn Fn(DeskRequest) -> Result<(), DeskError> + std::marker::Send + std::marker::Sync;

/// Where sync asks. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    send: Arc<Send>,
    standing: watch::Receiver<Standing>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk in front of whatever `send` feeds. `send` never waits: it answers [`DeskError::Busy`] where its bounded queue is full and
    /// [`DeskError::Closed`] where nobody listens. `standing` is what the owning thread publishes.
    pub fn new(
        send: impl Fn(DeskRequest) -> Result<(), DeskError>
        + std::marker::Send
        + std::marker::Sync
        + 'static,
        standing: watch::Receiver<Standing>,
    ) -> Self {
        Self {
            send: Arc::new(send),
            standing,
        }
    }

    /// The log's growth, to be waited for.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    async fn ask<T, E: From<DeskError>>(
        &self,
        request: impl FnOnce(Reply<Result<T, E>>) -> DeskRequest,
    ) -> Result<T, E> {
        let (reply, answer) = oneshot::channel();
        (self.send)(request(reply))?;
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(DeskError::Closed.into()),
            Err(_) => Err(DeskError::Late.into()),
        }
    }

    /// See [`DeskRequest::Batch`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn batch(
        &self,
        from: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Option<Prepared>, DeskError> {
        self.ask(|reply| DeskRequest::Batch {
            from,
            max_entries,
            max_bytes,
            reply,
        })
        .await
    }

    /// See [`DeskRequest::Accepted`].
    ///
    /// # Errors
    /// See [`AcceptedError`].
    pub async fn accepted(
        &self,
        sent: u64,
        answer: Box<batch::Accepted>,
    ) -> Result<Taken, AcceptedError> {
        self.ask(|reply| DeskRequest::Accepted {
            sent,
            answer,
            reply,
        })
        .await
    }

    /// See [`DeskRequest::Fork`].
    ///
    /// # Errors
    /// See [`ForkError`].
    pub async fn fork(&self, checkpoint: String) -> Result<(), ForkError> {
        self.ask(|reply| DeskRequest::Fork { checkpoint, reply })
            .await
    }

    /// See [`DeskRequest::Sealed`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn sealed(&self) -> Result<Option<SealedBatch>, DeskError> {
        self.ask(|reply| DeskRequest::Sealed { reply }).await
    }

    /// See [`DeskRequest::Delivered`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn delivered(&self, number: u64, size: u64) -> Result<(), DeskError> {
        self.ask(|reply| DeskRequest::Delivered {
            number,
            size,
            reply,
        })
        .await
    }

    /// See [`DeskRequest::Time`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn time(&self, clock: Clock) -> Result<(), DeskError> {
        self.ask(|reply| DeskRequest::Time { clock, reply }).await
    }

    /// See [`DeskRequest::Bundle`].
    ///
    /// # Errors
    /// See [`AdoptError`].
    pub async fn bundle(
        &self,
        signed: Vec<u8>,
        etag: Option<String>,
    ) -> Result<InForce, AdoptError> {
        self.ask(|reply| DeskRequest::Bundle {
            signed,
            etag,
            reply,
        })
        .await
    }

    /// See [`DeskRequest::Presence`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn presence(&self, rows: Vec<PresenceRow>) -> Result<(), DeskError> {
        self.ask(|reply| DeskRequest::Presence { rows, reply })
            .await
    }

    /// See [`DeskRequest::Enrol`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn enrol(&self, enrolled: NewEnrolment) -> Result<(), DeskError> {
        let enrolled = Box::new(enrolled);
        self.ask(|reply| DeskRequest::Enrol { enrolled, reply })
            .await
    }

    /// See [`DeskRequest::Status`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn status(&self) -> Result<Box<KioskStatus>, DeskError> {
        self.ask(|reply| DeskRequest::Status { reply }).await
    }

    /// See [`DeskRequest::State`].
    ///
    /// # Errors
    /// See [`DeskError`].
    pub async fn state(&self) -> Result<Box<DeskState>, DeskError> {
        self.ask(|reply| DeskRequest::State { reply }).await
    }
}
