//! Refusals of what other systems send, as problem documents.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::problem::MEDIA_TYPE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Refusal;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No token that is known.
    #[error("no token that is known here")]
    Token,
    /// The signature.
    #[error("{0}")]
    Signature(String),
    /// The token is for something else.
    #[error("the token is of a source of {0}")]
    Kind(String),
    /// No such source.
    #[error("there is no such source")]
    NoSource,
    /// The body's form.
    #[error("{0}")]
    Form(String),
    /// The body's size.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// Too many requests.
    #[error("too many requests: the next is let through in {0} s")]
    TooMany(u32),
    /// The issuer cannot do it now; the cause is its own business.
    #[error("{0}")]
    Unavailable(String),
}

/// A refusal, as RFC 9457 has it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"type": "bad_token", "title": "The token is not known", "status": 401,
    "detail": "send `Authorization: Bearer rcs.…` with a token that `rollcall-issuer source add` made and nobody revoked"}))]
pub struct PushProblem {
    /// What went wrong, as a code: `bad_token`, `bad_signature`, `wrong_source`, `not_found`, `bad_request`, `too_large`, `too_many` or `unavailable`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly, and what to do.
    pub detail: String,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge(limit) => Self::TooLarge(limit),
            other => Self::Form(other.to_string()),
        }
    }
}

impl Refused {
    /// Code, status, title and detail.
    fn told(&self) -> (&'static str, u16, &'static str, String) {
        let itself = self.to_string();
        match self {
            Self::Token => (
                "bad_token",
                401,
                "The token is not known",
                "send `Authorization: Bearer rcs.…` with a token that `rollcall-issuer source add` made and nobody revoked"
                    .to_owned(),
            ),
            Self::Signature(_) => ("bad_signature", 401, "The signature does not hold", itself),
            Self::Kind(_) => (
                "wrong_source",
                403,
                "The token is for something else",
                format!("{itself}; make one of the kind that is sent here"),
            ),
            Self::NoSource => (
                "not_found",
                404,
                "Nothing is here",
                "the configuration has no such source: the last part of the address is the name of its table".to_owned(),
            ),
            Self::Form(_) => ("bad_request", 400, "The request is malformed", itself),
            Self::TooLarge(_) => ("too_large", 413, "The request is too large", format!("{itself}; send less at a time")),
            Self::TooMany(_) => ("too_many", 429, "Too many requests", itself),
            Self::Unavailable(_) => (
                "unavailable",
                503,
                "The issuer cannot answer now",
                "send it again later; nothing was taken".to_owned(),
            ),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (code, status, title, detail) = self.told();
        match &self {
            Self::Unavailable(cause) => tracing::error!(code, cause, "a request was refused"),
            _ => tracing::warn!(code, "a request was refused"),
        }
        let problem = PushProblem {
            kind: code.to_owned(),
            title: title.to_owned(),
            status,
            detail,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        match self {
            Self::TooMany(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Token => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
