//! Watching for signs that a badge was not with its holder: the scans that are new are read once, and what a sign comes to is kept as a case.
//!
//! What staff at a door took back as a mistake is one of them: it counts until a reviewer corrects it, since whoever has a kiosk's key could say so
//! of any scan.
//!
//! Promises: nobody's decision depends on it. Each entry of a log is read once while a decider lives; a new one reads them again and finds the
//! same. What is found again changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, RoomId, Signal};
use protocol::agenda::Agenda;
use protocol::entry::{self, Body, Scan, Staff};
use protocol::ledger::SignKind;

use super::Decider;
use crate::review::signs::{Limits, MAX_EVIDENCE, Pair, Passing, Sign, places};
use crate::store::StoreError;
use crate::store::enrolment::KioskFacts;
use crate::store::events::{LogEntry, MAX_PAGE};
use crate::store::signs::NewSign;

/// The most entries that one run reads.
pub(super) const MAX_READ_PER_RUN: usize = 20_000;

impl Decider {
    /// The same, which also watches for signs.
    #[must_use]
    pub fn watching(mut self, limits: Limits) -> Self {
        self.watch = Some(limits);
        self
    }

    /// Reads the passings that are new, at most `left` entries of them, and keeps the signs that they make. Of a log whose enrolment has
    /// ended it reads what was held then; the rest is with a reviewer anyway.
    pub(super) fn watch_pairs(
        &mut self,
        event: &EventId,
        left: &mut usize,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        let Some(limits) = self.watch else {
            return Ok(());
        };
        let mut touched: BTreeSet<Pair> = BTreeSet::new();
        for kiosk in self.store.kiosks(event)? {
            let mut next = self.read.get(&kiosk.kiosk).copied().unwrap_or(0);
            let end = kiosk.retired_size.unwrap_or(kiosk.size);
            while next < end && *left > 0 {
                let page = self
                    .store
                    .entries(&kiosk.kiosk, next, MAX_PAGE.min(*left))?;
                let Some(last) = page.last() else { break };
                next = last.index + 1;
                *left = left.saturating_sub(page.len());
                for held in page {
                    if let Some(sign) = self.taken_back(event, &kiosk, &held)? {
                        self.keep(event, sign, now)?;
                    }
                    if let Some(passing) = self.passing(event, &kiosk, &held)? {
                        let pairs = self.pairs.entry(event.clone()).or_default();
                        touched.extend(pairs.take(passing, limits));
                    }
                }
            }
            self.read.insert(kiosk.kiosk, next);
        }
        let Some(pairs) = self.pairs.get(event) else {
            return Ok(());
        };
        for pair in &touched {
            if let Some(sign) = pairs.sign(pair, limits)
                && !self.is_assisted(event, pair)?
            {
                self.keep(event, sign, now)?;
            }
        }
        Ok(())
    }

    /// The sign that an entry makes by which staff took a scan back.
    fn taken_back(
        &mut self,
        event: &EventId,
        kiosk: &KioskFacts,
        held: &LogEntry,
    ) -> Result<Option<Sign>, StoreError> {
        let Some(Ok(parsed)) = held.bytes.as_deref().map(entry::parse) else {
            return Ok(None);
        };
        let Body::Staff(Staff {
            action,
            index: Some(scan),
            ..
        }) = parsed.body
        else {
            return Ok(None);
        };
        if action != "taken_back" || scan >= held.index {
            return Ok(None);
        }
        let page = self.store.entries(&kiosk.kiosk, scan, 1)?;
        let Some(of) = page.first() else {
            return Ok(None);
        };
        let Some(passing) = self.passing(event, kiosk, of)? else {
            return Ok(None);
        };
        let said = [passing.id_of(scan), passing.id_of(held.index)];
        let whose = (event.clone(), passing.attendee.clone());
        let all = self.taken_back.entry(whose).or_default();
        let times = u32::try_from(all.len() / 2 + 1).unwrap_or(u32::MAX);
        if all.len() < MAX_EVIDENCE {
            all.extend(said);
        }
        Ok(Some(Sign {
            about: SignKind::TakenBack,
            attendees: vec![passing.attendee],
            times,
            evidence: all.clone(),
        }))
    }

    fn passing(
        &self,
        event: &EventId,
        kiosk: &KioskFacts,
        held: &LogEntry,
    ) -> Result<Option<Passing>, StoreError> {
        // What does not parse is in quarantine and is no scan.
        let Some(Ok(parsed)) = held.bytes.as_deref().map(entry::parse) else {
            return Ok(None);
        };
        let Body::Scan(scan) = &parsed.body else {
            return Ok(None);
        };
        if !scan.verdict.is_presence() {
            return Ok(None);
        }
        let Scan {
            badge, direction, ..
        } = scan.as_ref();
        let whose = self.store.attendee_of(event, badge.digest)?;
        Ok(whose.map(|attendee| Passing {
            attendee,
            log: Arc::from(kiosk.origin.as_str()),
            index: held.index,
            boot: parsed.stamp.boot.clone(),
            raw_ms: parsed.stamp.raw_ms,
            direction: *direction,
        }))
    }

    /// Whether one of them was granted a badge of the other as an assistant's.
    fn is_assisted(&self, event: &EventId, pair: &Pair) -> Result<bool, StoreError> {
        let registration = |attendee| -> Result<_, StoreError> {
            Ok(self.store.attendee(event, attendee)?.registration)
        };
        let (Some(one), Some(other)) = (registration(&pair.0)?, registration(&pair.1)?) else {
            return Ok(false);
        };
        let assists = |a: &protocol::agenda::Registration, b: &protocol::agenda::Registration| {
            a.assistants.iter().any(|badge| b.badges.contains(badge))
        };
        Ok(assists(&one, &other) || assists(&other, &one))
    }

    /// Keeps the sign that one person's scans make of two places. Whoever has an assistant's badge as well may well be in two.
    pub(super) fn watch_places(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        signals: &[Signal],
        agenda: &Agenda,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        let Some(limits) = self.watch else {
            return Ok(());
        };
        let related = |a: &RoomId, b: &RoomId| is_within(agenda, a, b) || is_within(agenda, b, a);
        let Some(sign) = places(attendee, signals, &related, limits) else {
            return Ok(());
        };
        let registration = self.store.attendee(event, attendee)?.registration;
        if registration.is_some_and(|held| !held.assistants.is_empty()) {
            return Ok(());
        }
        self.keep(event, sign, now)
    }

    fn keep(&self, event: &EventId, sign: Sign, now: UtcMs) -> Result<(), StoreError> {
        let new = NewSign {
            about: sign.about,
            attendees: sign.attendees,
            times: sign.times,
            evidence: sign
                .evidence
                .into_iter()
                .map(|id| (id.log.to_string(), id.index))
                .collect(),
        };
        self.store.put_sign(event, &new, now).map(drop)
    }
}

/// Whether a room is another, or a part of it.
fn is_within(agenda: &Agenda, part: &RoomId, whole: &RoomId) -> bool {
    let mut at = Some(part);
    // No room is a part of more rooms than there are.
    for _ in 0..=agenda.rooms.len() {
        match at {
            Some(room) if room == whole => return true,
            Some(room) => {
                let held = agenda.rooms.iter().find(|held| held.id == *room);
                at = held.and_then(|held| held.part_of.as_ref());
            }
            None => return false,
        }
    }
    false
}
