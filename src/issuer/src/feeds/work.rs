//! Polling beside the server: each feed at its time, one after the other.

use super::FeedFault;
use super::run::{Mode, Polls, new_feed, poll};
use crate::config::feeds::FeedConfig;
use crate::serve::Work;
use crate::store::StoreError;

/// Makes the feeds of the configuration known, and polls whichever is due, one a step.
///
/// # Errors
/// Where the database cannot be used.
pub fn polling(polls: Polls, feeds: Vec<FeedConfig>) -> Result<Work, StoreError> {
    let mut known = Vec::new();
    for feed in &feeds {
        match polls.store.declare_feed(&new_feed(feed)) {
            Ok(_) => known.push(feed.id.as_str()),
            Err(StoreError::NotFound { .. }) => {
                let (source, event) = (&feed.id, &feed.event);
                tracing::error!(source, %event, "a source names an event that there is not: it is not polled");
            }
            Err(error) => return Err(error),
        }
    }
    polls.store.keep_feeds(&known)?;
    Ok(Box::new(move |now, ending| {
        let due = polls.store.due_feed(now).map_err(|e| e.to_string())?;
        let Some(feed) = due.and_then(|due| feeds.iter().find(|feed| feed.id == due)) else {
            return Ok(());
        };
        let source = &feed.id;
        let (report, polled) = poll(&polls, feed, Mode::default(), ending.clone());
        match polled {
            Ok(()) => {
                let version = report.version;
                tracing::info!(
                    source,
                    rows = report.rows,
                    version,
                    refused = report.refused_total,
                    "polled"
                );
                Ok(())
            }
            Err(FeedFault::Ended) => Ok(()),
            Err(fault) => {
                tracing::warn!(source, cause = %fault, "a poll failed");
                Ok(())
            }
        }
    }))
}
