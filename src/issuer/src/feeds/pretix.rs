//! Orders of a pretix shop, page by page.
//!
//! Asked for are the orders that changed since the cursor, with cancelled positions, in the order in which they were placed: an order that is
//! changed meanwhile moves no other from page to page. Orders in test mode are not asked for, since they can vanish and move the others.
//! The next cursor is the server's own time when it began to answer (`X-Page-Generated`), or the latest change seen where it does not
//! say; less [`OVERLAP_MS`], since a change is dated before it can be seen. It is never later than our own clock, so that a server
//! whose clock is years ahead hides nothing once it is set right.

use attendance::UtcMs;
use chrono::{DateTime, SecondsFormat};
use reqwest::Url;

use super::FeedFault;
use super::client::Client;
use super::pages::{Walk, instant};

/// How far back of the cursor is asked for again, in milliseconds.
const OVERLAP_MS: i64 = 5 * 60 * 1_000;
/// How many bytes of pages are imported together, at least, where there are as many. With one more page they fit a file.
const PART_BYTES: usize = 6 * 1024 * 1024;
/// Most pages that are imported together.
const PART_PAGES_MAX: usize = 100;

/// Pages that are imported together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The pages of items, which say what is a ticket.
    pub(super) items: Vec<u8>,
    /// The pages of orders.
    pub(super) pages: Vec<Vec<u8>>,
}

impl Part {
    /// As the reader of saved pages takes them.
    pub(super) fn file<'a>(&self, pages: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
        let mut file = self.items.clone();
        for page in pages {
            file.extend_from_slice(page);
            file.push(b'\n');
        }
        file
    }
}

/// The orders on their way here.
pub(super) struct Orders {
    items: Option<Vec<u8>>,
    items_walk: Walk,
    walk: Walk,
    generated: Option<UtcMs>,
    begun: bool,
    fault: Option<FeedFault>,
}

impl Orders {
    /// Those of `event`, the address of an event of the shop; all, or those that changed since.
    pub(super) fn of(event: &Url, since: Option<UtcMs>) -> Result<Self, FeedFault> {
        let mut items = below(event, "items/")?;
        items.query_pairs_mut().append_pair("ordering", "id");
        let mut orders = below(event, "orders/")?;
        orders
            .query_pairs_mut()
            .append_pair("include_canceled_positions", "true")
            .append_pair("ordering", "datetime")
            .append_pair("testmode", "false");
        let since = since.and_then(|since| DateTime::from_timestamp_millis(since.0 - OVERLAP_MS));
        if let Some(since) = since {
            let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
            orders
                .query_pairs_mut()
                .append_pair("modified_since", &since);
        }
        Ok(Self {
            items: None,
            items_walk: Walk::new(items),
            walk: Walk::new(orders),
            generated: None,
            begun: false,
            fault: None,
        })
    }

    /// How many different orders were seen.
    pub(super) fn seen(&self) -> usize {
        self.walk.seen()
    }

    /// From when on the next poll asks, once every part was imported.
    pub(super) fn cursor(&self, now: UtcMs) -> Option<UtcMs> {
        let said = self.generated.or(self.walk.newest())?;
        Some(said.min(now))
    }

    /// The next part; none at the end. Where a page cannot be had, what was read before it still comes, and then the fault.
    pub(super) async fn next(&mut self, client: &mut Client) -> Result<Option<Part>, FeedFault> {
        let mut pages = Vec::new();
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match self.fill(client, &mut pages).await {
            Ok(()) => {}
            Err(fault) if pages.is_empty() || fault == FeedFault::Ended => return Err(fault),
            Err(fault) => self.fault = Some(fault),
        }
        let items = self.items.clone().unwrap_or_default();
        Ok((!pages.is_empty()).then_some(Part { items, pages }))
    }

    async fn fill(
        &mut self,
        client: &mut Client,
        pages: &mut Vec<Vec<u8>>,
    ) -> Result<(), FeedFault> {
        let mut bytes = 0;
        while bytes < PART_BYTES && pages.len() < PART_PAGES_MAX {
            let Some(url) = self.walk.next().cloned() else {
                if self.walk.is_whole() {
                    return Ok(());
                }
                self.walk.again()?;
                continue;
            };
            let answer = client.get(&url, None).await?;
            if !self.begun {
                self.begun = true;
                self.generated = answer.generated.as_deref().and_then(instant);
            }
            if self.walk.take(&answer.body)? == 0 {
                continue;
            }
            if self.items.is_none() {
                // Asked after the first orders, so that a shop in which nothing changed is asked one question.
                self.items = Some(whole(&mut self.items_walk, client).await?);
            }
            bytes += answer.body.len();
            pages.push(answer.body);
        }
        Ok(())
    }
}

/// A whole list, its pages one after another.
pub(super) async fn whole(walk: &mut Walk, client: &mut Client) -> Result<Vec<u8>, FeedFault> {
    let mut bytes = Vec::new();
    loop {
        let Some(url) = walk.next().cloned() else {
            if walk.is_whole() {
                return Ok(bytes);
            }
            walk.again()?;
            continue;
        };
        let answer = client.get(&url, None).await?;
        walk.take(&answer.body)?;
        if bytes.len() + answer.body.len() > super::client::PAGE_BYTES_MAX {
            return Err(FeedFault::Misled(format!(
                "{} has more than {} MiB in all",
                super::pages::address(&url),
                super::client::PAGE_BYTES_MAX / 1024 / 1024
            )));
        }
        bytes.extend_from_slice(&answer.body);
        bytes.push(b'\n');
    }
}

/// An address below another.
pub(super) fn below(base: &Url, path: &str) -> Result<Url, FeedFault> {
    base.join(path)
        .map_err(|_| FeedFault::Local(format!("`url` has nothing at {path}")))
}
