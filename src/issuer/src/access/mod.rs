//! Who somebody is to the pages: passwords, sessions, forms and limits.
//!
//! Promises:
//! - A session is 32 random bytes in a cookie that scripts cannot read and other sites cannot send; the database holds only
//!   their SHA-256. It ends after [`SESSION_MS`], at sign-out, and when the password changes.
//! - An unknown account, a wrong password and a disabled account get one answer after the same work.
//! - Attempts are limited by address and by account, in bounded memory; passwords are verified a few at a time.
//! - [`Signed`] stands in the arguments of every private page, so a page without it is public by design.
//!
//! Limits: behind a proxy all requests come from one address, and the limit by address is then one for all.

mod csrf;
mod limit;
pub mod password;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use attendance::UtcMs;
use axum::extract::{ConnectInfo, FromRef, FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evidence::sha256;
use tokio::sync::Semaphore;

pub use limit::Limiter;

use crate::keys::Random;
use crate::store::accounts::{Account, Role, Session};
use crate::store::{Store, StoreError};

/// How long a session lasts, in milliseconds.
pub const SESSION_MS: i64 = 12 * 60 * 60 * 1_000;
/// The page on which people sign in.
pub const SIGN_IN_PATH: &str = "/sign-in";
/// Where people land who were going nowhere.
pub const HOME_PATH: &str = "/staff";
/// Passwords that are verified at a time: each takes a core and 19 MiB.
const VERIFIED_AT_ONCE: usize = 2;
/// How long an attempt waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// Names that limits remember.
const MAX_NAMES: usize = 10_000;
/// Attempts at once from an address, and then one every so many milliseconds.
const ADDRESS_BURST: u32 = 10;
const ADDRESS_REFILL_MS: u32 = 30_000;
/// Attempts at once on an account, and then one every so many milliseconds.
const ACCOUNT_BURST: u32 = 10;
const ACCOUNT_REFILL_MS: u32 = 60_000;
/// The most bytes of an address to return to.
const MAX_NEXT_BYTES: usize = 300;

/// What gives the time. The runtime's reads the system clock, tests give their own.
pub type Clock = Arc<dyn Fn() -> UtcMs + Send + Sync>;

/// What the pages need to know who somebody is. Clones share it.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    random: Random,
    clock: Clock,
    is_https: bool,
    public_origin: Option<String>,
    addresses: Limiter,
    accounts: Limiter,
    turns: Semaphore,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Account and password do not fit, or the account is disabled. Nobody is told which.
    #[error("account and password do not fit")]
    Wrong,
    /// Too many attempts.
    #[error("too many attempts: try again in {0} s")]
    TooMany(u32),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Access {
    /// `is_https` says that people reach the pages by HTTPS; `public_origin` is the address they type, such as
    /// `https://verify.example.org`, where a proxy stands before.
    pub fn new(
        store: Arc<dyn Store>,
        random: Random,
        clock: Clock,
        is_https: bool,
        public_origin: Option<String>,
    ) -> Self {
        password::prepare();
        Self(Arc::new(Inner {
            store,
            random,
            clock,
            is_https,
            public_origin,
            addresses: Limiter::new(ADDRESS_BURST, ADDRESS_REFILL_MS, MAX_NAMES),
            accounts: Limiter::new(ACCOUNT_BURST, ACCOUNT_REFILL_MS, MAX_NAMES),
            turns: Semaphore::new(VERIFIED_AT_ONCE),
        }))
    }

    /// Random bytes.
    pub(crate) fn random(&self) -> &Random {
        &self.0.random
    }

    /// The time.
    pub fn now(&self) -> UtcMs {
        (self.0.clock)()
    }

    /// Whether people reach the pages by HTTPS.
    pub fn is_https(&self) -> bool {
        self.0.is_https
    }

    /// A browser takes the first name only with `Secure`, `Path=/` and no domain, so no neighbour can set it.
    fn cookie_name(&self) -> &'static str {
        if self.0.is_https {
            "__Host-rollcall"
        } else {
            "rollcall"
        }
    }

    /// Signs somebody in and gives the `Set-Cookie` of the session.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in(
        &self,
        address: &str,
        account: &str,
        password: String,
    ) -> Result<String, SignInError> {
        let now = self.now();
        self.0
            .addresses
            .take(address, now)
            .map_err(SignInError::TooMany)?;
        self.0
            .accounts
            .take(account, now)
            .map_err(SignInError::TooMany)?;
        let turn = tokio::time::timeout(TURN, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(SignInError::TooMany(1));
        };
        let (inner, account) = (Arc::clone(&self.0), account.to_owned());
        let token = off_thread(move || {
            let found = inner.store.account(&account)?;
            let is_right =
                password::verify_or_pretend(&password, found.as_ref().map(|a| a.password.as_str()));
            let account = match found {
                Some(account) if is_right && !account.disabled => account,
                _ => return Err(SignInError::Wrong),
            };
            let token: [u8; 32] = crate::keys::random(&inner.random);
            inner.store.begin_session(&Session {
                token: sha256(&token),
                account: account.id,
                created: now,
                expires: now.plus_ms(SESSION_MS),
            })?;
            Ok(token)
        })
        .await?;
        Ok(self.cookie(&URL_SAFE_NO_PAD.encode(token), SESSION_MS / 1_000))
    }

    /// Ends a session and gives the `Set-Cookie` that forgets it.
    ///
    /// # Errors
    /// Where the database cannot be used: the session goes on then.
    pub async fn sign_out(&self, signed: &Signed) -> Result<String, StoreError> {
        let (inner, token) = (Arc::clone(&self.0), sha256(&signed.token));
        off_thread(move || inner.store.end_session(token)).await?;
        Ok(self.cookie("", 0))
    }

    fn cookie(&self, value: &str, max_age_s: i64) -> String {
        let secure = if self.0.is_https { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
    }

    fn token_in(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let name = self.cookie_name();
        let cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| URL_SAFE_NO_PAD.decode(value).ok()?.try_into().ok())
    }

    async fn signed(&self, headers: &HeaderMap) -> Result<Option<Signed>, StoreError> {
        let Some(token) = self.token_in(headers) else {
            return Ok(None);
        };
        let (inner, now) = (Arc::clone(&self.0), self.now());
        let found = off_thread(move || inner.store.session_account(sha256(&token), now)).await?;
        Ok(found.map(|(_, account)| Signed { account, token }))
    }

    /// Whether a session still holds: for streams, which outlive the request that began them.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn still_holds(&self, signed: &Signed) -> Result<bool, StoreError> {
        let (inner, now, token) = (Arc::clone(&self.0), self.now(), sha256(&signed.token));
        let found = off_thread(move || inner.store.session_account(token, now)).await?;
        Ok(found.is_some())
    }
}

/// Runs what blocks on a thread for that. A panic there is a panic here.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(fault) => std::panic::resume_unwind(fault.into_panic()),
    }
}

/// Somebody signed in. In a page's arguments it keeps everybody else out.
#[derive(Clone)]
pub struct Signed {
    /// Who.
    pub account: Account,
    token: [u8; 32],
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Signed {
    /// What each form of this session carries.
    pub fn form_token(&self) -> String {
        csrf::token(&self.token)
    }

    /// Whether a form was made for this session.
    pub fn owns_form(&self, token: &str) -> bool {
        csrf::is_token(&self.token, token)
    }

    /// Whether the role may show time codes, which set the clocks of doors.
    pub fn may_show_time(&self) -> bool {
        match self.account.role {
            Role::Administrator | Role::Organiser => true,
            Role::Reviewer | Role::Door | Role::Auditor => false,
        }
    }

    /// Whether the role may say of people what counts as evidence.
    pub fn may_review(&self) -> bool {
        self.account.role.may_review()
    }

    /// Whether the role may grant accommodations, and see them.
    pub fn may_grant(&self) -> bool {
        self.account.role.may_grant()
    }

    /// Whether the role may see names, timelines and evidence. Door staff need none of them.
    pub fn may_see_people(&self) -> bool {
        match self.account.role {
            Role::Administrator | Role::Organiser | Role::Reviewer | Role::Auditor => true,
            Role::Door => false,
        }
    }
}

/// Why a private page is not shown.
#[derive(Debug)]
pub enum NotSigned {
    /// Nobody is signed in: sign in and come back to this address.
    SignIn(String),
    /// It cannot be known now.
    Unavailable(StoreError),
}

impl IntoResponse for NotSigned {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(next) => {
                let to = if next == HOME_PATH || !is_safe_next(&next) {
                    SIGN_IN_PATH.to_owned()
                } else {
                    format!("{SIGN_IN_PATH}?next={}", escape_query(&next))
                };
                (
                    StatusCode::SEE_OTHER,
                    [(LOCATION, to), (CACHE_CONTROL, "no-store".into())],
                )
                    .into_response()
            }
            Self::Unavailable(cause) => {
                tracing::error!(%cause, "a session could not be looked up");
                let text = "The issuer cannot answer now. Try again in a minute.";
                (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            }
        }
    }
}

impl<S> FromRequestParts<S> for Signed
where
    Access: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = NotSigned;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NotSigned> {
        let signed = Access::from_ref(state).signed(&parts.headers).await;
        let next = || match parts.method {
            Method::GET => parts
                .uri
                .path_and_query()
                .map_or(HOME_PATH, |p| p.as_str())
                .to_owned(),
            _ => HOME_PATH.to_owned(),
        };
        signed
            .map_err(NotSigned::Unavailable)?
            .ok_or_else(|| NotSigned::SignIn(next()))
    }
}

/// Whether an address to return to is one of our own staff pages.
pub fn is_safe_next(next: &str) -> bool {
    let is_plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let is_staff = next == HOME_PATH || next.starts_with("/staff/") || next.starts_with("/staff?");
    next.len() <= MAX_NEXT_BYTES && is_plain && is_staff
}

fn escape_query(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Refuses what another site's page sends. Stands before every page.
pub async fn refuse_foreign_forms(
    State(access): State<Access>,
    request: Request,
    next: Next,
) -> Response {
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let has_cookie = access.token_in(request.headers()).is_some();
    if is_reading
        || csrf::is_own_page(
            request.headers(),
            access.0.public_origin.as_deref(),
            has_cookie,
        )
    {
        return next.run(request).await;
    }
    let text = "This form was not sent from a page of this issuer. Go back, reload the page and try again.";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// Where a request comes from, as limits name it: the address, of IPv6 the network of 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

impl Caller {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => {
                let s = v6.segments();
                format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
            }
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(address.map_or_else(
            || Self("unknown".to_owned()),
            |ConnectInfo(a)| Self::of(a.ip()),
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn people_return_to_staff_pages_only() {
        for good in ["/staff", "/staff/e/attendees?q=a%20b", "/staff/e"] {
            assert!(is_safe_next(good), "{good}");
        }
        let long = format!("/staff/{}", "a".repeat(MAX_NEXT_BYTES));
        for bad in [
            "",
            "//evil.example",
            "/staffx",
            "https://evil.example/staff",
            "/staff/\\evil",
            "/c/x",
            "/staff/a\nb",
            &long,
        ] {
            assert!(!is_safe_next(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_to_return_to_survive_a_query() {
        assert_eq!(escape_query("/staff/e?q=a b&x"), "/staff/e%3Fq%3Da%20b%26x");
    }

    #[test]
    fn callers_are_addresses_and_networks() {
        for (address, name) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(Caller::of(address.parse().unwrap()).0, name);
        }
    }
}
