//! Why a page cannot be shown: what people read, and what the log keeps.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use crate::access::Signed;
use crate::certificates::issue::IssueError;
use crate::imports::ImportFault;
use crate::store::StoreError;

/// Why a page cannot be shown.
#[derive(Debug)]
pub(super) enum Fault {
    /// It does not exist.
    Missing(&'static str),
    /// The role does not reach this far.
    Forbidden,
    /// Too many requests; in how many seconds to try again.
    TooMany(u32),
    /// What was sent cannot be used; why.
    Refused(&'static str),
    /// The database cannot be used.
    Store(StoreError),
    /// Something that must be there is not, or does not read; for the log.
    Broken(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::Missing("There is nothing under this address."),
            other => Self::Store(other),
        }
    }
}

impl From<IssueError> for Fault {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Store(error) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// What a form comes to: what was done, or, for people, why it was not.
pub(super) type Outcome<T> = Result<Result<T, String>, Fault>;

/// What came of what a form asked.
pub(super) fn outcome<T, U>(result: Result<T, ImportFault>, done: impl Fn(T) -> U) -> Outcome<U> {
    match result {
        Ok(value) => Ok(Ok(done(value))),
        Err(ImportFault::Refused(why)) => Ok(Err(why)),
        Err(ImportFault::Store(cause)) => Err(cause.into()),
        Err(other) => Err(Fault::Broken(other.to_string())),
    }
}

impl Signed {
    /// Refuses a form that was not made for this session.
    pub(super) fn check_form(&self, token: &str) -> Result<(), Fault> {
        if self.owns_form(token) {
            return Ok(());
        }
        Err(Fault::Refused(
            "This form is of another session. Go back, reload the page and try again.",
        ))
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    version: &'a str,
    title: &'a str,
    text: &'a str,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut wait_s = None;
        let (status, title, text) = match self {
            Self::Missing(text) => (StatusCode::NOT_FOUND, "Not found", text.to_owned()),
            Self::Forbidden => {
                let text =
                    "Your role does not reach this page. Ask an administrator, if you need it.";
                (StatusCode::FORBIDDEN, "Not for your role", text.to_owned())
            }
            Self::TooMany(seconds) => {
                wait_s = Some(seconds);
                let text =
                    format!("Too many requests came from your address. Try again in {seconds} s.");
                (StatusCode::TOO_MANY_REQUESTS, "Please wait", text)
            }
            Self::Refused(text) => (
                StatusCode::BAD_REQUEST,
                "This cannot be used",
                text.to_owned(),
            ),
            Self::Store(cause) => {
                tracing::error!(%cause, "a page could not be shown");
                let text = "The issuer cannot read its database now. Nothing is lost. Try again in a minute.";
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Not available now",
                    text.to_owned(),
                )
            }
            Self::Broken(cause) => {
                tracing::error!(%cause, "a page could not be shown");
                let text = "Something this page needs cannot be read. The issuer's log names it.";
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Cannot be shown",
                    text.to_owned(),
                )
            }
        };
        let page = FaultPage {
            version: assets::version(),
            title,
            text: &text,
        };
        let mut response = match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, text).into_response(),
        };
        if let Some(seconds) = wait_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
