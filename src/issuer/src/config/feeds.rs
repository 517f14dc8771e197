//! The `[sources.…]` tables of `issuer.toml`: servers that lists are read from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use attendance::words::{EventId, ProgrammeId};
use reqwest::Url;
use serde::Deserialize;

use super::Fault;
use crate::sources::is_id;

/// How often a server is polled unless told otherwise, in seconds.
pub const INTERVAL_S_DEFAULT: u32 = 300;
/// The shortest interval, in seconds: nobody's shop is for polling only.
pub const INTERVAL_S_MIN: u32 = 30;
/// The longest, in seconds: a day.
pub const INTERVAL_S_MAX: u32 = 86_400;
/// Most servers of one issuer.
pub const FEEDS_MAX: usize = 100;
/// Longest part of a path.
const PART_BYTES_MAX: usize = 100;

/// A server that an agenda or registrations are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedConfig {
    /// Its id, the table's name: `[a-z0-9-]{1,64}`.
    pub id: String,
    /// Whose lists they become.
    pub event: EventId,
    /// What it is, and what is read there.
    pub kind: FeedKind,
    /// The address that its paths are under, ending in a slash.
    pub url: Url,
    /// The file with the token; none for what is public.
    pub token_file: Option<PathBuf>,
    /// A file with certificates, PEM, that are trusted beside the system's; none for those alone.
    pub ca_file: Option<PathBuf>,
    /// Seconds between two polls.
    pub interval_s: u32,
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedKind {
    /// A ticket shop: registrations.
    Pretix {
        /// The organizer's short form there.
        organizer: String,
        /// The event's short form there.
        slug: String,
    },
    /// A schedule: an agenda.
    Pretalx {
        /// The event's short form there.
        slug: String,
        /// Which programme credits which kind of session; all of them the event's own where absent.
        programmes: Option<BTreeMap<String, ProgrammeId>>,
    },
}

impl FeedKind {
    /// Its name, as in the file.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pretix { .. } => "pretix",
            Self::Pretalx { .. } => "pretalx",
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindText {
    Pretix,
    Pretalx,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedText {
    kind: Option<KindText>,
    event: String,
    url: String,
    organizer: Option<String>,
    slug: String,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    interval_s: Option<u32>,
    programmes: Option<BTreeMap<String, String>>,
}

/// Checks the tables, by id.
pub(super) fn check(written: BTreeMap<String, FeedText>) -> Result<Vec<FeedConfig>, Fault> {
    if written.len() > FEEDS_MAX {
        let message = format!("has more than {FEEDS_MAX} tables");
        return Err(Fault::new("sources", message));
    }
    written
        .into_iter()
        .map(|(id, text)| feed(id, text))
        .collect()
}

fn feed(id: String, written: FeedText) -> Result<FeedConfig, Fault> {
    let wrong = |key: &str, what: &str| {
        Err(Fault::new(
            "sources",
            format!("[sources.{id}] {key}: {what}"),
        ))
    };
    if !is_id(&id) {
        return wrong(
            "",
            "its name is no id: write 1 to 64 small letters, digits and hyphens",
        );
    }
    let kind = match (written.kind, id.as_str()) {
        (Some(kind), _) => kind,
        (None, "pretix") => KindText::Pretix,
        (None, "pretalx") => KindText::Pretalx,
        (None, _) => return wrong("kind", "is missing: \"pretix\" or \"pretalx\""),
    };
    let Ok(event) = written.event.parse() else {
        return wrong(
            "event",
            "is no id of an event; `rollcall-issuer event list` shows them",
        );
    };
    if !is_part(&written.slug) {
        return wrong(
            "slug",
            "is no short form of an event: letters, digits, '.', '_' and '-'",
        );
    }
    let slug = written.slug;
    let kind = match (kind, written.organizer, written.programmes) {
        (KindText::Pretix, Some(organizer), None) if is_part(&organizer) => {
            FeedKind::Pretix { organizer, slug }
        }
        (KindText::Pretix, Some(_), None) => {
            return wrong(
                "organizer",
                "is no short form: letters, digits, '.', '_' and '-'",
            );
        }
        (KindText::Pretix, None, _) => {
            return wrong(
                "organizer",
                "is missing, and pretix has events by organizer",
            );
        }
        (KindText::Pretix, _, Some(_)) => {
            return wrong("programmes", "is for agendas; pretix has registrations");
        }
        (KindText::Pretalx, Some(_), _) => {
            return wrong("organizer", "is for pretix; pretalx has none");
        }
        (KindText::Pretalx, None, named) => FeedKind::Pretalx {
            slug,
            programmes: named.map(|named| programmes(&id, named)).transpose()?,
        },
    };
    let interval_s = written.interval_s.unwrap_or(INTERVAL_S_DEFAULT);
    if !(INTERVAL_S_MIN..=INTERVAL_S_MAX).contains(&interval_s) {
        return wrong(
            "interval_s",
            &format!("is not within {INTERVAL_S_MIN} and {INTERVAL_S_MAX}"),
        );
    }
    let url = match address(&written.url) {
        Ok(url) => url,
        Err(what) => return wrong("url", &what),
    };
    Ok(FeedConfig {
        id,
        event,
        kind,
        url,
        token_file: written.token_file,
        ca_file: written.ca_file,
        interval_s,
    })
}

fn programmes(
    id: &str,
    written: BTreeMap<String, String>,
) -> Result<BTreeMap<String, ProgrammeId>, Fault> {
    let one = |(kind, programme): (String, String)| match programme.parse() {
        Ok(programme) if is_id(&kind) => Ok((kind, programme)),
        _ => Err(Fault::new(
            "sources",
            format!(
                "[sources.{id}] programmes: {kind:?} = {programme:?} is not a kind of session and a programme's id, such as \
                 workshop = \"ethics\""
            ),
        )),
    };
    written.into_iter().map(one).collect()
}

/// A part of a path that needs no escaping and leads nowhere else.
fn is_part(text: &str) -> bool {
    (1..=PART_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.bytes().all(|b| b == b'.')
}

fn address(written: &str) -> Result<Url, String> {
    let shape = "is no address: write scheme and host, such as \"https://pretix.eu\"";
    let mut url = Url::parse(written).map_err(|_| shape.to_owned())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain || url.host_str().is_none() || url.cannot_be_a_base() {
        return Err(shape.to_owned());
    }
    let is_here = url.host_str().is_some_and(super::is_this_machine);
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        "http" => return Err("would send the token in the clear; write https".to_owned()),
        _ => return Err(shape.to_owned()),
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}
