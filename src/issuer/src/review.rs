//! What a reviewer looks at: the entries of a case and the clock they stand under.
//!
//! Decisions that rest on an admitted case read it through the same two functions, so that both see the same times.

pub mod candidates;
pub mod identities;
pub mod signs;

use attendance::time::ClockHistory;
use audit::derive::{LogKeys, LogView};
use evidence::PublicKey;
use protocol::entry::{self, Entry};
use protocol::ledger::CaseKind;

use crate::store::branches::CaseFacts;
use crate::store::events::{LogEntry, MAX_PAGE};
use crate::store::{Store, StoreError};

/// The entries in question that read, by index.
///
/// # Errors
/// Where the database cannot be read.
pub fn in_question(store: &dyn Store, case: &CaseFacts) -> Result<Vec<(u64, Entry)>, StoreError> {
    let page = |from: u64| match case.branch {
        Some(branch) => store.branch_entries(branch, from, MAX_PAGE),
        None => store.entries(&case.kiosk, from, MAX_PAGE),
    };
    let mut found = Vec::new();
    let mut next = case.base;
    while next < case.size {
        let entries: Vec<LogEntry> = page(next)?;
        let Some(last) = entries.last() else {
            break;
        };
        next = last.index + 1;
        let read = entries.into_iter().filter(|e| e.index < case.size);
        found.extend(read.filter_map(|held| {
            let bytes = held.bytes?;
            Some((held.index, entry::parse(&bytes).ok()?))
        }));
    }
    Ok(found)
}

/// The clock that the entries in question stand under: the log's, of a branch as far as they share it.
///
/// # Errors
/// Where the database cannot be read.
pub fn clock(
    store: &dyn Store,
    case: &CaseFacts,
    issuer: &str,
    issuer_key: PublicKey,
) -> Result<ClockHistory, StoreError> {
    let mut view = LogView::new(LogKeys {
        origin: case.origin.as_str().into(),
        key: case.public_key,
        issuer: issuer.into(),
        issuer_key,
    });
    let shared = match case.about {
        CaseKind::Fork => case.base,
        CaseKind::Late => case.size,
    };
    for held in store.clock_entries(&case.kiosk)? {
        let parsed = held.bytes.as_deref().map(entry::parse);
        if let Some(Ok(parsed)) = parsed
            && held.index < shared
        {
            view.take(held.index, &parsed);
        }
    }
    if case.about == CaseKind::Fork {
        for (index, parsed) in in_question(store, case)? {
            view.take(index, &parsed);
        }
    }
    Ok(view.clock_at(case.size))
}
