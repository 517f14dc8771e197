//! Refusals as RFC 9457 problem documents, `application/problem+json`.

use serde::{Deserialize, Serialize};

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = ($text:literal, $status:literal, $title:literal)),+ $(,)?) => {
        /// What went wrong, as the caller must tell cases apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The code as text.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),+ } }
            /// The HTTP status it travels under.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),+ } }
            /// One line for people.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }
        }
    };
}

codes! {
    /// The batch begins beyond what is held. The problem's `size` says what is.
    Gap = ("gap", 409, "Entries are missing before this batch"),
    /// Entries that are held already differ: proof of a fork. The problem's `checkpoint` is the kiosk's own, over what is held.
    Fork = ("fork", 422, "The log contradicts what is held"),
    /// The batch is not in its form.
    BadBatch = ("bad_batch", 400, "The batch is malformed"),
    /// The checkpoint is not the kiosk's over these entries.
    BadCheckpoint = ("bad_checkpoint", 422, "The checkpoint does not fit the entries"),
    /// The request's signature is missing or wrong.
    BadSignature = ("bad_signature", 401, "The request is not signed by this kiosk"),
    /// The nonce is missing or expired: take the one in this answer and try again.
    StaleNonce = ("stale_nonce", 401, "The nonce has expired"),
    /// No such kiosk.
    UnknownKiosk = ("unknown_kiosk", 404, "No such kiosk"),
    /// The kiosk's enrolment has ended.
    Retired = ("retired", 403, "This enrolment has ended"),
    /// The claim does not exist, was used by another key, or has expired.
    BadClaim = ("bad_claim", 403, "The claim is wrong, used or expired"),
    /// The body is not in its form.
    BadRequest = ("bad_request", 400, "The request is malformed"),
    /// The body is too large.
    TooLarge = ("too_large", 413, "The request is too large"),
    /// Too many requests.
    TooMany = ("too_many", 429, "Too many requests"),
    /// Nothing at this address.
    NotFound = ("not_found", 404, "Nothing is here"),
    /// The issuer cannot store now: try again later, nothing is lost.
    Unavailable = ("unavailable", 503, "The issuer cannot answer now"),
}

impl std::str::FromStr for Code {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| format!("unknown problem code {text:?}"))
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`-free: the code, as a relative reference.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly, and what to do.
    pub detail: String,
    /// With `gap` and `fork`: the size held.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// With `fork`: the kiosk's checkpoint over the entries held, which the refused one contradicts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkpoint: Option<String>,
    /// With `fork`: up to which size the refused branch is kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept: Option<u64>,
}

impl Problem {
    /// The refusal for a code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let kind = code.as_str().to_owned();
        Self {
            kind,
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            size: None,
            checkpoint: None,
            kept: None,
        }
    }

    /// The code, where it is known here.
    pub fn code(&self) -> Option<Code> {
        self.kind.parse().ok()
    }
}
