//! Why a call is refused: what the kiosk is told, and what stands in the issuer's own log.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::batch::BatchError;
use protocol::http_signature::HttpSignatureError;
use protocol::problem::{Code, MEDIA_TYPE, Problem};

use crate::intake::meaning::PrepareError;
use crate::store::enrolment::ClaimFault;
use crate::store::{ObjectError, StoreError};

/// What stands in a response for the log alone: it is not sent.
#[derive(Clone, Debug)]
pub(super) struct Cause(pub(super) String);

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Entries are missing before the batch.
    #[error("the batch begins beyond the {size} entries held")]
    Gap {
        /// The size held.
        size: u64,
    },
    /// The kiosk's key signed two histories.
    #[error("the batch contradicts the {size} entries held")]
    Fork {
        /// The size held.
        size: u64,
        /// The kiosk's checkpoint over what is held.
        note: String,
        /// Up to which size the branch is kept.
        kept: Option<u64>,
    },
    /// The batch's form.
    #[error("{0}")]
    Batch(BatchError),
    /// The checkpoint does not open.
    #[error("{0}")]
    Checkpoint(String),
    /// The request's signature.
    #[error(transparent)]
    Signature(#[from] HttpSignatureError),
    /// The signature is another kiosk's.
    #[error("the request is signed by kiosk {0:?}")]
    OtherKiosk(String),
    /// The nonce.
    #[error("the nonce is not good")]
    Nonce,
    /// No such kiosk.
    #[error("there is no such kiosk")]
    UnknownKiosk,
    /// The enrolment has ended.
    #[error("the kiosk's enrolment has ended")]
    Retired,
    /// The claim.
    #[error("the claim is refused: {0:?}")]
    Claim(ClaimFault),
    /// The body's form.
    #[error("{0}")]
    Form(String),
    /// The body's size.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// Too many calls.
    #[error("too many calls: the next is let through in {0} s")]
    TooMany(u32),
    /// Nothing at this address.
    #[error("nothing at this address")]
    NotFound,
    /// The kiosk has seen more of the ledger than there is here.
    #[error(
        "the kiosk holds a ledger of {seen} entries, this database {size}: it is older than what was signed"
    )]
    LedgerBehind {
        /// The size here.
        size: u64,
        /// The size the kiosk holds.
        seen: u64,
    },
    /// The issuer cannot do it now; the cause is its own business.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ObjectError> for Refusal {
    fn from(error: ObjectError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<PrepareError> for Refusal {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Form(form) => Self::Batch(form),
            PrepareError::Checkpoint(_) | PrepareError::Empty => {
                Self::Checkpoint(error.to_string())
            }
        }
    }
}

impl Refusal {
    /// What the caller is told: code and detail. Causes inside the issuer are not among it.
    fn told(&self) -> (Code, String) {
        let itself = || self.to_string();
        match self {
            Self::Gap { .. } => (Code::Gap, itself()),
            Self::Fork { .. } => (
                Code::Fork,
                "two histories were signed under this key; the issuer keeps both, and a person has to look".to_owned(),
            ),
            Self::Batch(BatchError::TooLarge | BatchError::TooMany) => (Code::TooLarge, itself()),
            Self::Batch(
                BatchError::Head(_) | BatchError::Cut | BatchError::LongLine { .. },
            ) => (Code::BadBatch, itself()),
            Self::Checkpoint(_) => (Code::BadCheckpoint, itself()),
            Self::Signature(_) | Self::OtherKiosk(_) => (
                Code::BadSignature,
                "sign method, path and body with the key of the kiosk in the path".to_owned(),
            ),
            Self::Nonce => (
                Code::StaleNonce,
                "sign again with the nonce of this answer".to_owned(),
            ),
            Self::UnknownKiosk => (Code::UnknownKiosk, itself()),
            Self::Retired => (
                Code::Retired,
                "enrol again with a new claim; entries are still taken".to_owned(),
            ),
            // Nobody learns which of the three it is, or claims could be tried.
            Self::Claim(_) => (
                Code::BadClaim,
                "make a new claim with `rollcall-issuer claim`".to_owned(),
            ),
            Self::Form(_) => (Code::BadRequest, itself()),
            Self::TooLarge(_) => (Code::TooLarge, itself()),
            Self::TooMany(_) => (Code::TooMany, itself()),
            Self::NotFound => (Code::NotFound, itself()),
            Self::LedgerBehind { .. } | Self::Unavailable(_) => (
                Code::Unavailable,
                "try again later; nothing is lost".to_owned(),
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (code, detail) = self.told();
        let mut problem = Problem::new(code, detail);
        match &self {
            Self::Gap { size } => problem.size = Some(*size),
            Self::Fork { size, note, kept } => {
                problem.size = Some(*size);
                problem.checkpoint = Some(note.clone());
                problem.kept = *kept;
            }
            _ => {}
        }
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Self::TooMany(seconds) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Cause(self.to_string()));
        response
    }
}
