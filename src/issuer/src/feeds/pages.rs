//! A list that a server gives in pages, followed by their `next` links.
//!
//! Contract: [`Walk::next`] is the address to ask, [`Walk::take`] is given each answer's body. A link must stay on the host, and at the
//! list, it came from, and a walk ends: after [`PAGES_MAX`] pages, or at a link that it followed before. Pages may repeat each other and come
//! in any order: a list is whole once as many different values were seen as it says it has. Where a walk ends before that, pages
//! moved while they were read, and [`Walk::again`] begins anew, keeping what was seen, [`WALKS_MAX`] times in all. Pure.

use std::collections::BTreeSet;

use attendance::UtcMs;
use chrono::DateTime;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::FeedFault;
use super::attempts::shown;
use crate::sources::json_place;

/// Most pages of one walk: 200,000 orders.
pub const PAGES_MAX: usize = 4_000;
/// How often a list is walked until it is whole.
pub const WALKS_MAX: usize = 3;

/// One page as far as walking needs it.
#[derive(Deserialize)]
struct Page {
    count: Option<u64>,
    next: Option<String>,
    results: Vec<Row>,
}

/// One value of a page.
#[derive(Deserialize)]
struct Row {
    code: Option<Value>,
    id: Option<Value>,
    last_modified: Option<String>,
}

/// A list on its way here.
#[derive(Clone, Debug)]
pub struct Walk {
    first: Url,
    next: Option<Url>,
    followed: BTreeSet<String>,
    seen: BTreeSet<String>,
    count: Option<u64>,
    pages: usize,
    walks: usize,
    newest: Option<UtcMs>,
}

impl Walk {
    /// Of the list at this address.
    pub fn new(first: Url) -> Self {
        Self {
            next: Some(first.clone()),
            first,
            followed: BTreeSet::new(),
            seen: BTreeSet::new(),
            count: None,
            pages: 0,
            walks: 1,
            newest: None,
        }
    }

    /// The address to ask; none where the walk has ended.
    pub fn next(&self) -> Option<&Url> {
        self.next.as_ref()
    }

    /// How many different values were seen.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// The latest `last_modified` that was seen.
    pub fn newest(&self) -> Option<UtcMs> {
        self.newest
    }

    /// Takes the page that was asked for. How many values are on it.
    ///
    /// # Errors
    /// Where it is no page, or leads elsewhere, or for ever.
    pub fn take(&mut self, body: &[u8]) -> Result<usize, FeedFault> {
        let Some(asked) = self.next.take() else {
            return Ok(0);
        };
        let page: Page = serde_json::from_slice(body).map_err(|error| {
            FeedFault::Misled(format!(
                "{} does not answer with a page of a list ({}): check `url`, or try again later",
                address(&asked),
                json_place(&error)
            ))
        })?;
        self.followed.insert(asked.to_string());
        self.pages += 1;
        self.count = page.count.or(self.count);
        for row in &page.results {
            let name = row.code.as_ref().or(row.id.as_ref());
            self.seen.extend(name.map(ToString::to_string));
            let modified = row.last_modified.as_deref().and_then(instant);
            self.newest = self.newest.max(modified);
        }
        if let Some(next) = page.next.as_deref() {
            self.next = Some(self.link(&asked, next)?);
        }
        Ok(page.results.len())
    }

    /// Whether as many different values were seen as the list says it has.
    pub fn is_whole(&self) -> bool {
        let seen = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        self.next.is_none() && self.count.is_none_or(|count| seen >= count)
    }

    /// Walks again, because the list is not whole.
    ///
    /// # Errors
    /// Where it was walked often enough.
    pub fn again(&mut self) -> Result<(), FeedFault> {
        if self.walks >= WALKS_MAX {
            return Err(FeedFault::Misled(format!(
                "{} says that it has {} values and gave {} of them in {} walks; what it gave was imported, and the next poll asks \
                 again",
                address(&self.first),
                self.count.unwrap_or(0),
                self.seen.len(),
                self.walks
            )));
        }
        self.walks += 1;
        self.pages = 0;
        self.followed.clear();
        self.next = Some(self.first.clone());
        Ok(())
    }

    fn link(&self, asked: &Url, next: &str) -> Result<Url, FeedFault> {
        let wrong = |what: String| Err(FeedFault::Misled(what));
        let Ok(link) = asked.join(next) else {
            return wrong(format!(
                "{} leads to {:?}, which is no address",
                address(asked),
                shown(next)
            ));
        };
        if link.origin() != self.first.origin() || link.path() != self.first.path() {
            return wrong(format!(
                "{} leads to {}, and no other place is asked than {}: where that is the same server, write its own address as `url`",
                address(asked),
                address(&link),
                address(&self.first)
            ));
        }
        if self.followed.contains(link.as_str()) {
            return wrong(format!(
                "{} leads back to a page that was read: its pages go round in a circle",
                address(asked)
            ));
        }
        if self.pages >= PAGES_MAX {
            return wrong(format!(
                "{} has more than {PAGES_MAX} pages",
                address(&self.first)
            ));
        }
        Ok(link)
    }
}

/// An address without its query, as it may stand in messages.
pub(super) fn address(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // An address that cannot have a user name has none to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    shown(url.as_str())
}

/// A time with an offset, as servers write it.
pub(super) fn instant(text: &str) -> Option<UtcMs> {
    let at = DateTime::parse_from_rfc3339(text.trim()).ok()?;
    Some(UtcMs(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LIST: &str = "https://shop.example/api/orders/";

    fn walk() -> Walk {
        Walk::new(Url::parse(&format!("{LIST}?a=b")).unwrap())
    }

    fn page(count: u64, next: Option<&str>, codes: &[&str]) -> Vec<u8> {
        let rows: Vec<Value> = codes
            .iter()
            .map(|code| serde_json::json!({"code": code, "last_modified": "2026-11-22T20:53:07.116448-05:00"}))
            .collect();
        serde_json::to_vec(&serde_json::json!({"count": count, "next": next, "results": rows}))
            .unwrap()
    }

    #[test]
    fn links_are_followed_until_there_is_none() {
        let mut walk = walk();
        let second = format!("{LIST}?a=b&page=2");
        assert_eq!(walk.take(&page(3, Some(&second), &["A", "B"])), Ok(2));
        assert_eq!(walk.next().unwrap().as_str(), second);
        assert!(!walk.is_whole());
        assert_eq!(walk.take(&page(3, None, &["C"])), Ok(1));
        assert!(walk.is_whole());
        assert_eq!(walk.newest(), Some(UtcMs(1_795_398_787_116)));
    }

    #[test]
    fn a_list_that_moved_is_walked_again_and_then_given_up() {
        let mut walk = walk();
        // A page that repeats the one before, so that C is never shown.
        let second = format!("{LIST}?page=2");
        for _ in 1..WALKS_MAX {
            walk.take(&page(3, Some(&second), &["A", "B"])).unwrap();
            walk.take(&page(3, None, &["B"])).unwrap();
            assert!(!walk.is_whole());
            walk.again().unwrap();
        }
        walk.take(&page(3, Some(&second), &["B", "C"])).unwrap();
        walk.take(&page(3, None, &["C"])).unwrap();
        assert!(walk.is_whole(), "what earlier walks saw counts");
        let said = walk.again().unwrap_err().to_string();
        assert!(said.contains("3 walks"), "{said}");
    }

    #[test]
    fn a_link_elsewhere_is_refused_by_name() {
        let check = |next: &str, words: &str| {
            let said = walk()
                .take(&page(2, Some(next), &["A"]))
                .unwrap_err()
                .to_string();
            assert!(said.contains(words), "{said}");
        };
        check("https://evil.example/api/orders/?page=2", "evil.example");
        check(
            "http://shop.example/api/orders/?page=2",
            "http://shop.example",
        );
        check("https://shop.example:8443/api/orders/", ":8443");
        check("https://shop.example/api/users/?page=2", "/api/users/");
        check("//evil.example/api/orders/", "evil.example");
        check("file:///etc/passwd", "file:///etc/passwd");
        check(&format!("{LIST}?a=b"), "circle");
        check("http://[", "no address");
        // Secrets of a link are not repeated.
        let said = walk()
            .take(&page(2, Some("https://u:pw@evil.example/?token=t"), &[]))
            .unwrap_err();
        assert!(
            !said.to_string().contains("pw") && !said.to_string().contains("token=t"),
            "{said}"
        );
    }

    #[test]
    fn what_is_no_page_is_said_to_be_none() {
        for (body, words) in [
            ("<html><body>Maintenance</body></html>", "no JSON"),
            ("", "cut off"),
            ("{\"count\": 1, \"results\": [{\"code\": \"A\"", "cut off"),
            ("{\"count\": 1}", "another kind"),
            ("{\"count\": \"many\", \"results\": []}", "another kind"),
            ("{\"results\": [7]}", "another kind"),
            ("{\"results\": {}}", "another kind"),
            ("[]", "another kind"),
        ] {
            let said = walk().take(body.as_bytes()).unwrap_err().to_string();
            assert!(
                said.contains(words) && said.contains(LIST),
                "{body}: {said}"
            );
        }
    }

    #[test]
    fn a_walk_ends() {
        let mut walk = walk();
        for number in 2_usize.. {
            let next = format!("{LIST}?page={number}");
            if let Err(fault) = walk.take(&page(1, Some(&next), &["A"])) {
                assert_eq!(number, PAGES_MAX + 1);
                assert!(fault.to_string().contains("more than"), "{fault}");
                return;
            }
        }
    }
}
