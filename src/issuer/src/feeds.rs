//! Servers that an agenda or registrations are read from again and again: pretix and pretalx.
//!
//! Promises:
//! - What is asked next, how often and when is decided by pure state machines that take `now` ([`attempts`], [`pages`], [`rota`]);
//!   [`client`] alone has sockets and sleeps.
//! - A poll that is killed anywhere leaves what was imported whole, and the next one comes to the same end: imports are idempotent,
//!   and a cursor moves only when every page behind it was imported.
//! - Nothing is asked of another host than the configured one: a link or a redirect elsewhere is refused by name.
//! - Bytes, pages, tries and time are bounded: [`client::PAGE_BYTES_MAX`], [`pages::PAGES_MAX`], [`attempts::TRIES_MAX`],
//!   [`run::POLL_MS_MAX`].
//! - A token is read from its file when it is needed, wiped afterwards, and stands in no log, error or address.
//! - Nothing fails in silence: what went wrong is kept, shown to staff, and raised as an alarm after [`rota::FAILURES_TO_ALARM`]
//!   failures in a row, until one succeeds.

pub mod attempts;
pub mod client;
pub mod pages;
mod pretalx;
mod pretix;
pub mod rota;
pub mod run;
pub mod work;

use attendance::UtcMs;

/// Why a poll came to nothing. Each says what a person has to do; none holds anything secret or personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedFault {
    /// Nobody answers, or not in whole, as often as it was tried. It is tried again at the next poll.
    #[error("{what}, {tries} times over; it is tried again at the next poll")]
    Unreachable {
        /// What happened the last time.
        what: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The server wants to be left alone for longer than a poll waits.
    #[error("the server asks to be left alone for {wait_s} s; it is tried again then")]
    Later {
        /// From when on it may be asked.
        at: UtcMs,
        /// How long that is, in seconds.
        wait_s: i64,
    },
    /// The server does not accept the token.
    #[error(
        "the server refuses the token (status {0}): give `token_file` one that may read this event's orders or schedule"
    )]
    Denied(u16),
    /// Nothing is at the address.
    #[error(
        "there is nothing at {0} (status 404): check `url`, `organizer` and `slug`, and that the token may see the event"
    )]
    NotFound(String),
    /// The server's certificate is not trusted, so nothing was sent to it.
    #[error(
        "the server's certificate is not trusted ({0}): check the host in `url`; where the certificate is your own, name its file, or that of who \
         signed it, as `ca_file`"
    )]
    Untrusted(String),
    /// The server says what cannot be.
    #[error("{0}")]
    Misled(String),
    /// The configuration on this machine: the token's file.
    #[error("{0}")]
    Local(String),
    /// What was read cannot be imported.
    #[error("{0}")]
    Import(String),
    /// The program ends.
    #[error("the program ends; what was imported so far stays, and the next poll goes on")]
    Ended,
}
