//! Who is inside, as far as the issuer knows: `GET /v1/kiosks/{id}/presence`.
//!
//! It lets a door know who came in at another one. It is not journalled and proves nothing: each scan carries the prior
//! presence it used, and the issuer decides on entries alone. Only attendees who are believed to be somewhere are listed.

use attendance::UtcMs;
use attendance::words::{AttendeeId, RoomId};
use serde::{Deserialize, Serialize};

use crate::text::{as_instant, as_text};

/// The most rows of one answer.
pub const MAX_ROWS: usize = 50_000;
/// The most bytes of one answer.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Where one attendee is believed to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceRow {
    /// Who.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// In which room.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// Since when, as far as is known.
    #[serde(with = "as_instant")]
    pub since: UtcMs,
}

/// Who is inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// The issuer's clock when it looked.
    #[serde(with = "as_instant")]
    pub at: UtcMs,
    /// The attendees who are inside, one row each.
    pub rows: Vec<PresenceRow>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn has_one_form() {
        let presence = Presence {
            at: UtcMs(0),
            rows: vec![PresenceRow {
                attendee: AttendeeId::new("a-1").unwrap(),
                room: RoomId::new("hall").unwrap(),
                since: UtcMs(1),
            }],
        };
        let text = r#"{"at":"1970-01-01T00:00:00.000Z","rows":[{"attendee":"a-1","room":"hall","since":"1970-01-01T00:00:00.001Z"}]}"#;
        assert_eq!(serde_json::to_string(&presence).unwrap(), text);
        assert_eq!(serde_json::from_str::<Presence>(text).unwrap(), presence);
        let strange = text.replace("\"room\"", "\"place\"");
        assert!(serde_json::from_str::<Presence>(&strange).is_err());
    }
}
