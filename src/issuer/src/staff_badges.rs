//! Badges by which the people at the doors tell them what to do: made for an account, told again by their digests, taken back with it.
//!
//! Promises: no list of them is kept. An account has one badge for each thing to do and event, the same each time, so whose one was is told by
//! making them all again. Those of a disabled account stand among the revoked badges of every bundle.

use attendance::words::EventId;
use protocol::badge::{BadgeDigest, BadgeKey};
use protocol::staff_badge::{self, StaffAct};

use crate::keys::Keys;
use crate::store::accounts::Account;

/// The badges of an account, in the order of [`StaffAct::ALL`].
pub fn of(keys: &Keys, event: &EventId, account: &str) -> Vec<(StaffAct, String)> {
    let all = StaffAct::ALL.iter();
    all.map(|act| {
        let text = staff_badge::make(event, *act, account, &keys.signing);
        (*act, text)
    })
    .collect()
}

/// What doors refuse: the badges of accounts that are disabled.
pub fn revoked<'a>(
    keys: &'a Keys,
    event: &'a EventId,
    badge_key: &'a BadgeKey,
    accounts: &'a [Account],
) -> impl Iterator<Item = BadgeDigest> + 'a {
    let disabled = accounts.iter().filter(|account| account.disabled);
    let texts = disabled.flat_map(move |account| of(keys, event, &account.id));
    texts.map(|(_, text)| badge_key.digest(&text))
}

/// The account whose badge has this digest.
pub fn holder<'a>(
    keys: &Keys,
    event: &EventId,
    badge_key: &BadgeKey,
    accounts: &'a [Account],
    digest: BadgeDigest,
) -> Option<&'a str> {
    let is_theirs = |account: &&Account| {
        let badges = of(keys, event, &account.id);
        badges
            .iter()
            .any(|(_, text)| badge_key.digest(text) == digest)
    };
    accounts
        .iter()
        .find(is_theirs)
        .map(|account| account.id.as_str())
}
