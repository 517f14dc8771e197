//! Where lists and signals come from: servers that are polled, and systems that send.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::EventId;
use evidence::Hash;

use super::Result;

/// How long after a poll another is made because somebody asks for it, in milliseconds.
pub const WANTED_GAP_MS: i64 = 10_000;

/// A server as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFeed {
    /// Its id, `[a-z0-9-]{1,64}`.
    pub id: String,
    /// The event that its lists are of.
    pub event: EventId,
    /// What it is, such as `pretix`.
    pub kind: String,
    /// A digest of what is asked for there.
    pub upstream: Hash,
}

/// A server and what was heard of it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFacts {
    /// Its id.
    pub id: String,
    /// The event that its lists are of.
    pub event: EventId,
    /// What it is.
    pub kind: String,
    /// Whether the configuration names it.
    pub configured: bool,
    /// Up to which time of the server everything was imported.
    pub cursor: Option<UtcMs>,
    /// When everything was asked for last, not only what changed.
    pub whole: Option<UtcMs>,
    /// The version that was imported.
    pub version: Option<String>,
    /// The tag of that version.
    pub etag: Option<String>,
    /// Rows that wait for a correction at their source, by their number there, with the reason.
    pub refused: BTreeMap<u64, String>,
    /// What the last poll that told something told, a line each.
    pub report: Vec<String>,
    /// When it was polled last.
    pub tried: Option<UtcMs>,
    /// When that succeeded last.
    pub succeeded: Option<UtcMs>,
    /// Why the last poll failed; none where it did not.
    pub error: Option<String>,
    /// How many failed in a row.
    pub failures: u32,
    /// When it is polled next; none for at once.
    pub next: Option<UtcMs>,
    /// Since when somebody asks that it be polled sooner.
    pub wanted: Option<UtcMs>,
}

/// A system that sends by itself. Its secrets do not print.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Its id, `[a-z0-9-]{1,64}`, unique at this issuer.
    pub id: String,
    /// The event it sends for.
    pub event: EventId,
    /// What it sends.
    pub kind: String,
    /// SHA-256 of its token; none where it signs instead.
    pub token: Option<Hash>,
    /// The secret that its signatures are checked with, sealed under the master key; none where it has a token.
    pub secret: Option<Vec<u8>>,
    /// When it was made.
    pub created: UtcMs,
    /// When it was revoked.
    pub revoked: Option<UtcMs>,
    /// When it was heard last.
    pub heard: Option<UtcMs>,
    /// How many of its messages were acknowledged that say nothing of attendance.
    pub ignored: u64,
}

impl std::fmt::Debug for SourceFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceFacts")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

/// Servers that are polled, and systems that send.
///
/// # Errors
/// `Unavailable` or `Damaged` as the database does, and what the unit says.
pub trait SourceUnits {
    /// Makes a server known, and gives what is known of it. Where something else is asked for there than before, what was heard is
    /// forgotten. Fails with `NotFound` for an unknown event.
    fn declare_feed(&self, feed: &NewFeed) -> Result<FeedFacts>;

    /// Says which servers the configuration names: the others are polled no more.
    fn keep_feeds(&self, ids: &[&str]) -> Result<()>;

    /// The servers of an event, by id. Fails with `NotFound` for an unknown event.
    fn feeds(&self, event: &EventId) -> Result<Vec<FeedFacts>>;

    /// The id of the server that should have been polled longest ago: its time has come, or somebody asks for it and it neither
    /// fails nor was polled within [`WANTED_GAP_MS`].
    fn due_feed(&self, now: UtcMs) -> Result<Option<String>>;

    /// Keeps what a poll that began at `begun` came to. What somebody asked for before that is done with. Fails with `NotFound`.
    fn put_feed(&self, feed: &FeedFacts, begun: UtcMs) -> Result<()>;

    /// Asks that a server be polled soon. Whether there is such a one that is polled at all.
    fn want_feed(&self, id: &str, kind: &str, now: UtcMs) -> Result<bool>;

    /// Makes a system that sends, or gives one that was revoked another token or secret. Fails with `Exists`, and with `NotFound` for
    /// an unknown event.
    fn add_source(&self, source: &SourceFacts) -> Result<()>;

    /// One system that sends, revoked or not.
    fn source(&self, id: &str) -> Result<Option<SourceFacts>>;

    /// Those of an event, by id. Fails with `NotFound` for an unknown event.
    fn sources(&self, event: &EventId) -> Result<Vec<SourceFacts>>;

    /// Lets a system send no more. Fails with `NotFound` where there is none, or it was revoked.
    fn revoke_source(&self, id: &str, now: UtcMs) -> Result<()>;

    /// Notes that a system was heard, and how many of its messages say nothing of attendance.
    fn heard_source(&self, id: &str, ignored: usize, now: UtcMs) -> Result<()>;

    /// Whether an event of a signed webhook was taken.
    fn knows_source_event(&self, id: &str, key: Hash) -> Result<bool>;

    /// Remembers an event of a signed webhook, and forgets those before `forget`. Whether it is new.
    fn take_source_event(&self, id: &str, key: Hash, now: UtcMs, forget: UtcMs) -> Result<bool>;
}
