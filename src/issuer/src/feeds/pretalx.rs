//! The latest release of a pretalx schedule.
//!
//! A release is a version: while `schedules/latest/` names the one that was imported, nothing more is asked, except that titles and cancelled
//! submissions, which change without a release, are looked for every [`WHOLE_MS`]. The whole comes in one document with rooms and
//! submissions in it, breaks too; where a server leaves them out, as numbers, the lists of slots, rooms and submissions are walked. Names
//! of kinds are in a list of their own. pretalx answers 304 only to an `If-None-Match` without quotes, so the tag is sent so.

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::FeedFault;
use super::client::Client;
use super::pages::{Walk, address};
use super::pretix::{below, whole};
use crate::sources::json_place;

/// How often the whole is asked for although no release was made, in milliseconds.
pub(super) const WHOLE_MS: i64 = 60 * 60 * 1_000;
/// The longest name of a version that is kept, in bytes.
const VERSION_BYTES_MAX: usize = 200;
/// The longest tag that is kept, in bytes.
const ETAG_BYTES_MAX: usize = 200;

/// What is known of the version that was imported.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) etag: Option<&'a str>,
}

/// What a server has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    /// The version that is known.
    Same {
        /// Whether the whole was looked at, not its name alone.
        looked_at: bool,
    },
    /// A version to import.
    Agenda {
        /// Its name, with the number of the schedule.
        version: String,
        /// The tag of the whole.
        etag: Option<String>,
        /// The pages, as the reader of saved pages takes them.
        file: Vec<u8>,
    },
}

#[derive(Deserialize)]
struct Schedule {
    id: Value,
    version: Option<String>,
    slots: Vec<Value>,
}

impl Schedule {
    fn read(body: &[u8], url: &Url) -> Result<Self, FeedFault> {
        let schedule: Self = serde_json::from_slice(body).map_err(|error| {
            FeedFault::Misled(format!(
                "{} does not answer with a schedule ({}): check `url` and `slug`",
                address(url),
                json_place(&error)
            ))
        })?;
        if schedule.version.is_none() {
            return Err(FeedFault::Misled(format!(
                "{} has no release yet: make one in pretalx",
                address(url)
            )));
        }
        Ok(schedule)
    }

    fn name(&self) -> String {
        let version = self.version.as_deref().unwrap_or_default();
        let mut name = format!("{}:{version}", self.id);
        let mut end = name.len().min(VERSION_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name
    }

    /// Whether each slot tells its room and its submission.
    fn is_told_whole(&self) -> bool {
        let told = |slot: &Value, key: &str| {
            matches!(slot.get(key), None | Some(Value::Null | Value::Object(_)))
        };
        let told =
            |slot: &Value| slot.is_object() && told(slot, "room") && told(slot, "submission");
        self.slots.iter().all(told)
    }
}

/// Asks for the latest release. `event` is the address of an event; `whole_due` says that its name alone is not enough.
pub(super) async fn fetch(
    client: &mut Client,
    event: &Url,
    known: Known<'_>,
    whole_due: bool,
) -> Result<Fetched, FeedFault> {
    let latest = below(event, "schedules/latest/")?;
    let answer = client.get(&latest, None).await?;
    let schedule = Schedule::read(&answer.body, &latest)?;
    let is_known = known.version == Some(schedule.name().as_str());
    if is_known && !whole_due {
        return Ok(Fetched::Same { looked_at: false });
    }
    let mut expanded = latest;
    expanded
        .query_pairs_mut()
        .append_pair("expand", "slots.room,slots.submission");
    let tag = known.etag.filter(|_| is_known);
    let answer = client.get(&expanded, tag).await?;
    if answer.status == 304 {
        return Ok(Fetched::Same { looked_at: true });
    }
    let schedule = Schedule::read(&answer.body, &expanded)?;
    let mut etag = answer.etag.as_deref().and_then(unquoted);
    let mut file = answer.body;
    file.push(b'\n');
    if !schedule.is_told_whole() {
        // The tag is of the document alone, and the lists may change without it.
        etag = None;
        for list in ["slots/", "rooms/", "submissions/"] {
            let mut walk = Walk::new(below(event, list)?);
            file.extend_from_slice(&whole(&mut walk, client).await?);
        }
    }
    let mut types = Walk::new(below(event, "submission-types/")?);
    file.extend_from_slice(&whole(&mut types, client).await?);
    Ok(Fetched::Agenda {
        version: schedule.name(),
        etag,
        file,
    })
}

/// A tag without its quotes, as pretalx compares it.
fn unquoted(etag: &str) -> Option<String> {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
    let is_tag =
        (1..=ETAG_BYTES_MAX).contains(&etag.len()) && etag.bytes().all(|b| b.is_ascii_graphic());
    is_tag.then(|| etag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_without_quotes() {
        for (etag, expected) in [
            ("\"abc\"", Some("abc")),
            ("W/\"abc\"", Some("abc")),
            ("abc", Some("abc")),
            ("\"\"", None),
            ("\"a b\"", None),
        ] {
            assert_eq!(unquoted(etag).as_deref(), expected, "{etag}");
        }
    }
}
