//! Accounts, their sessions, and who has looked at what.

use attendance::UtcMs;
use evidence::Hash;

use super::Result;

/// Who somebody is to the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything.
    Administrator,
    /// Events, imports, certificates.
    Organiser,
    /// Cases and timelines.
    Reviewer,
    /// Doors and live counts.
    Door,
    /// Everything, to read.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[
        Self::Administrator,
        Self::Organiser,
        Self::Reviewer,
        Self::Door,
        Self::Auditor,
    ];

    /// The word as it is written and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Organiser => "organiser",
            Self::Reviewer => "reviewer",
            Self::Door => "door",
            Self::Auditor => "auditor",
        }
    }

    /// Whether it may grant accommodations, and see them.
    pub const fn may_grant(self) -> bool {
        match self {
            Self::Administrator => true,
            Self::Organiser | Self::Reviewer | Self::Door | Self::Auditor => false,
        }
    }

    /// Whether it may say of people what counts as evidence: words on attendance, whose an account is, how a case ends.
    pub const fn may_review(self) -> bool {
        match self {
            Self::Administrator | Self::Organiser | Self::Reviewer => true,
            Self::Door | Self::Auditor => false,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let known = || Self::ALL.iter().map(|r| r.as_str()).collect::<Vec<_>>();
        Self::ALL
            .iter()
            .copied()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "{text:?} is not a role: it is one of {}",
                    known().join(", ")
                )
            })
    }
}

/// An account. The password's hash does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id, `[a-z0-9-]{1,64}`: what ledger entries name.
    pub id: String,
    /// Its role.
    pub role: Role,
    /// The password, as an argon2 PHC string.
    pub password: String,
    /// When it was made.
    pub created: UtcMs,
    /// Whether it may no longer sign in.
    pub disabled: bool,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's token: the token itself is not kept.
    pub token: Hash,
    /// The account.
    pub account: String,
    /// When it began.
    pub created: UtcMs,
    /// When it ends.
    pub expires: UtcMs,
}

/// One look at private evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// When.
    pub at: UtcMs,
    /// Who, by account id.
    pub account: String,
    /// The event's id.
    pub event: String,
    /// Whose evidence: an attendee's id, or a code for lists.
    pub subject: String,
    /// What was looked at, as a code.
    pub what: String,
}

/// Accounts, their sessions, and who has looked at what.
///
/// # Errors
/// `Unavailable` or `Damaged` as the database does, and what the unit says.
pub trait AccountUnits {
    /// Makes an account. Fails with `Exists`.
    fn create_account(&self, account: &Account) -> Result<()>;

    /// Sets an account's password, and ends its sessions. Fails with `NotFound`.
    fn set_password(&self, id: &str, password: &str) -> Result<()>;

    /// Says whether an account may no longer sign in, and ends its sessions if so. Fails with `NotFound`.
    fn set_disabled(&self, id: &str, disabled: bool) -> Result<()>;

    /// One account.
    fn account(&self, id: &str) -> Result<Option<Account>>;

    /// Every account, by id.
    fn accounts(&self) -> Result<Vec<Account>>;

    /// Begins a session, and forgets those that have ended by its beginning.
    fn begin_session(&self, session: &Session) -> Result<()>;

    /// The account of a session that has not ended and may sign in.
    fn session_account(&self, token: Hash, now: UtcMs) -> Result<Option<(Session, Account)>>;

    /// Ends a session.
    fn end_session(&self, token: Hash) -> Result<()>;

    /// Records a look at private evidence. It comes before the answer.
    fn record_view(&self, view: &View) -> Result<()>;

    /// The newest looks at an event's private evidence, at a subject's alone where one is given.
    fn views(&self, event: &str, subject: Option<&str>, limit: usize) -> Result<Vec<View>>;
}
