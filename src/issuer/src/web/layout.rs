//! What stands around every page.

use askama::Template;
use attendance::UtcMs;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::fault::Fault;
use super::words::{self, Zone};
use super::{Pages, assets};
use crate::access::Signed;
use crate::store::events::EventFacts;

/// What stands around a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) version: &'static str,
    pub(super) issuer: String,
    pub(super) account: Option<Who>,
    pub(super) event: Option<Place>,
    /// The part of the navigation that is shown as current.
    pub(super) here: &'static str,
    /// The stream that keeps the page fresh; empty for pages that stand still.
    pub(super) live: String,
    /// Whether the page is worked through by keyboard.
    pub(super) review: bool,
}

/// Who is signed in.
pub(super) struct Who {
    pub(super) id: String,
    pub(super) role: &'static str,
    pub(super) form_token: String,
    pub(super) may_see_people: bool,
    pub(super) may_show_time: bool,
}

/// The event a page is of.
pub(super) struct Place {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) zone: String,
    pub(super) open_alarms: usize,
    pub(super) open_signs: usize,
}

impl Frame {
    /// For pages that anybody may see.
    pub(super) fn public(pages: &Pages, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            version: assets::version(),
            issuer: pages.0.issuer.clone(),
            account: None,
            event: None,
            here: "",
            live: String::new(),
            review: false,
        }
    }

    /// For pages of somebody signed in.
    pub(super) fn staff(pages: &Pages, signed: &Signed, title: &str) -> Self {
        let account = Who {
            id: signed.account.id.clone(),
            role: signed.account.role.as_str(),
            form_token: signed.form_token(),
            may_see_people: signed.may_see_people(),
            may_show_time: signed.may_show_time(),
        };
        Self {
            account: Some(account),
            ..Self::public(pages, title)
        }
    }

    /// For pages of an event.
    pub(super) fn event(
        pages: &Pages,
        signed: &Signed,
        event: &EventFacts,
        title: &str,
        here: &'static str,
        now: UtcMs,
    ) -> Result<Self, Fault> {
        let alarms = pages.store().alarms(&event.id)?;
        let place = Place {
            id: event.id.to_string(),
            title: event.title.clone(),
            zone: Zone::named(&event.zone).title(now),
            open_alarms: alarms
                .iter()
                .filter(|alarm| alarm.cleared.is_none())
                .count(),
            open_signs: pages.store().open_signs(&event.id)?,
        };
        Ok(Self {
            event: Some(place),
            here,
            ..Self::staff(pages, signed, title)
        })
    }
}

/// One number or fact with the time it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    /// The fact itself, first.
    pub(super) value: String,
    /// What belongs to it.
    pub(super) note: String,
    /// `as of 12 s ago`; empty where the fact is of now.
    pub(super) as_of: String,
    pub(super) is_stale: bool,
}

impl Fact {
    /// A fact of now.
    pub(super) fn of_now(
        name: &'static str,
        value: impl Into<String>,
        note: impl Into<String>,
    ) -> Self {
        Self {
            name,
            value: value.into(),
            note: note.into(),
            ..Self::default()
        }
    }

    /// A fact of an earlier time, stale after `limit_ms`.
    pub(super) fn told(
        name: &'static str,
        value: impl Into<String>,
        note: impl Into<String>,
        at: UtcMs,
        now: UtcMs,
        limit_ms: i64,
    ) -> Self {
        Self {
            as_of: format!("as of {}", words::ago(at, now)),
            is_stale: now.0.saturating_sub(at.0) > limit_ms,
            ..Self::of_now(name, value, note)
        }
    }
}

/// A rendered page.
pub(super) fn html(page: &impl Template) -> Result<Response, Fault> {
    Ok(Html(page.render()?).into_response())
}

/// A rendered page under another status.
pub(super) fn html_with(status: StatusCode, page: &impl Template) -> Result<Response, Fault> {
    Ok((status, Html(page.render()?)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_stale_past_their_limit() {
        let now = UtcMs(1_000_000);
        let told = |ms: i64| Fact::told("Waiting", "3", "", now.plus_ms(-ms), now, 60_000);
        assert!(!told(60_000).is_stale);
        assert!(told(60_001).is_stale);
        assert_eq!(told(60_001).as_of, "as of 1 min ago");
        assert!(!Fact::of_now("Waiting", "3", "").is_stale);
    }
}
