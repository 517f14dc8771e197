//! What an attendee's decisions rest on, read again from the logs on the road that the auditor takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::presence::End;
use attendance::rules::RuleSet;
use attendance::time::{ClockHistory, Placed};
use attendance::words::{AttendeeId, DoorId, ProgrammeId, RoomId, Signal, Source};
use attendance::{Decision, Evidence, Interval, Known, UtcMs, decide};
use audit::derive::{LogKeys, LogView, ledger_signals, signals_of};
use protocol::agenda::{Agenda, Session};
use protocol::entry::{self, Body, Entry, Provisional, Scan};

use super::super::fault::Fault;
use super::super::{Pages, timeline};
use crate::decisions::completeness::{door_watermarks, incomplete_doors};
use crate::store::enrolment::KioskFacts;
use crate::store::events::EventFacts;
use crate::store::people::AttendeeFacts;
use crate::store::signals::ObservedFacts;

/// The most scans that one page shows.
pub(super) const MAX_SCANS: usize = 2_000;

/// The most signals of other sources that one page counts.
const MAX_REPORTED: usize = 20_000;

/// A scan with its place in time.
pub(super) struct PlacedScan {
    pub(super) kiosk: KioskFacts,
    pub(super) index: u64,
    pub(super) scan: Scan,
    /// What the kiosk's own clock read.
    pub(super) wall: UtcMs,
    pub(super) placed: Placed,
}

/// A programme with what it comes to now.
pub(super) struct Live {
    pub(super) id: ProgrammeId,
    pub(super) title: String,
    /// None without a rule set.
    pub(super) decision: Option<Decision>,
    pub(super) waits_for: Vec<DoorId>,
    /// How much its rules let be missing at a session's beginning and at its end, in milliseconds.
    pub(super) grace_ms: (i64, i64),
}

/// All that the logs say of an attendee.
pub(super) struct Found {
    pub(super) agenda: Option<Agenda>,
    /// By the earliest time.
    pub(super) scans: Vec<PlacedScan>,
    pub(super) is_cut: bool,
    /// What other sources than doors saw.
    pub(super) reported: Vec<Signal>,
    pub(super) programmes: Vec<Live>,
}

fn clock(pages: &Pages, kiosk: &KioskFacts) -> Result<ClockHistory, Fault> {
    let mut view = LogView::new(LogKeys {
        origin: kiosk.origin.as_str().into(),
        key: kiosk.public_key,
        issuer: pages.0.issuer.as_str().into(),
        issuer_key: pages.0.keys.signing.public_key(),
    });
    for held in pages.store().clock_entries(&kiosk.kiosk)? {
        // What does not parse is in quarantine and bounds nothing.
        if let Some(Ok(parsed)) = held.bytes.as_deref().map(entry::parse) {
            view.take(held.index, &parsed);
        }
    }
    Ok(view.clock_at(kiosk.size))
}

/// Reads everything.
pub(super) fn find(
    pages: &Pages,
    event: &EventFacts,
    facts: &AttendeeFacts,
    now: UtcMs,
) -> Result<Found, Fault> {
    let agenda = pages.agenda(event)?;
    let mut by_log: BTreeMap<String, Vec<(u64, Entry)>> = BTreeMap::new();
    let held = pages.store().scans_of(&event.id, &facts.attendee)?;
    let is_cut = held.len() > MAX_SCANS;
    for scan in held.into_iter().take(MAX_SCANS) {
        if let Ok(parsed) = entry::parse(&scan.bytes) {
            by_log
                .entry(scan.origin)
                .or_default()
                .push((scan.index, parsed));
        }
    }
    let kiosks = pages.store().kiosks(&event.id)?;
    let (mut scans, mut signals) = (Vec::new(), Vec::new());
    for (origin, entries) in by_log {
        let Some(kiosk) = kiosks.iter().find(|k| k.origin == origin) else {
            continue;
        };
        let clock = clock(pages, kiosk)?;
        if let Some(agenda) = &agenda {
            let log: Arc<str> = origin.as_str().into();
            let given = entries.iter().map(|(index, entry)| (*index, entry));
            signals.extend(signals_of(&log, &clock, agenda, given).map(|(signal, _)| signal));
        }
        for (index, entry) in entries {
            let placed = clock.place(index, &entry.stamp);
            let wall = entry.stamp.wall;
            if let Body::Scan(scan) = entry.body {
                scans.push(PlacedScan {
                    kiosk: kiosk.clone(),
                    index,
                    scan: *scan,
                    wall,
                    placed,
                });
            }
        }
    }
    let reported = match &agenda {
        Some(agenda) => reported(pages, event, &facts.attendee, agenda)?,
        None => Vec::new(),
    };
    signals.extend(reported.iter().cloned());
    scans.sort_by(|a, b| {
        (a.placed.at, &a.kiosk.kiosk, a.index).cmp(&(b.placed.at, &b.kiosk.kiosk, b.index))
    });
    let programmes = match &agenda {
        Some(agenda) => live(pages, event, facts, agenda, &signals, now)?,
        None => vec![],
    };
    Ok(Found {
        agenda,
        scans,
        is_cut,
        reported,
        programmes,
    })
}

/// What other sources saw of an attendee, as far as it was not taken back.
fn reported(
    pages: &Pages,
    event: &EventFacts,
    attendee: &AttendeeId,
    agenda: &Agenda,
) -> Result<Vec<Signal>, Fault> {
    let ledger: Arc<str> = event.ledger.as_str().into();
    let held = pages.store().observed_of(&event.id, attendee)?;
    let counting = held.iter().filter(|seen| seen.retracted.is_none());
    let rows = counting.take(MAX_REPORTED).map(ObservedFacts::observation);
    Ok(ledger_signals(&ledger, agenda, rows).collect())
}

fn live(
    pages: &Pages,
    event: &EventFacts,
    facts: &AttendeeFacts,
    agenda: &Agenda,
    signals: &[Signal],
    now: UtcMs,
) -> Result<Vec<Live>, Fault> {
    let store = pages.store();
    let held = door_watermarks(&store.kiosks(&event.id)?, &store.watermarks(&event.id)?);
    let doors = store.doors(&event.id)?;
    let lost: Vec<DoorId> = doors
        .into_iter()
        .filter(|d| d.lost)
        .map(|d| d.door.id)
        .collect();
    let registration = facts
        .registration
        .as_ref()
        .map(protocol::agenda::Registration::to_domain);
    let mut found = Vec::new();
    for programme in &agenda.programmes {
        let waits_for = incomplete_doors(agenda, &programme.id, &held, &lost);
        let rules = programme
            .rules
            .as_deref()
            .map(|hash| rules(pages, hash))
            .transpose()?;
        let grace_ms = rules.as_ref().map_or((0, 0), |rules| {
            let ms = |seconds: u32| i64::from(seconds) * 1_000;
            (ms(rules.grace_in_s), ms(rules.grace_out_s))
        });
        let decision = match (rules, agenda.programme(&programme.id)) {
            (Some(rules), Some(domain)) => {
                let evidence = Evidence {
                    signals,
                    registration: registration.as_ref(),
                };
                let known = Known {
                    now,
                    incomplete_doors: waits_for.clone(),
                };
                Some(decide(&rules, &domain, evidence, &known))
            }
            _ => None,
        };
        found.push(Live {
            id: programme.id.clone(),
            title: programme.title.clone(),
            decision,
            waits_for,
            grace_ms,
        });
    }
    Ok(found)
}

fn rules(pages: &Pages, hash: &str) -> Result<RuleSet, Fault> {
    let broken = |cause: String| Fault::Broken(format!("the rule set {hash}: {cause}"));
    let name = evidence::Hash::from_hex(hash).map_err(|e| broken(e.to_string()))?;
    let text = String::from_utf8(pages.object_bytes(name)?).map_err(|e| broken(e.to_string()))?;
    protocol::rules::parse(&text).map_err(|e| broken(e.to_string()))
}

/// The newest answer that a door showed for a programme, and when and where.
pub(super) fn last_shown<'a>(
    scans: &'a [PlacedScan],
    programme: &ProgrammeId,
) -> Option<(&'a PlacedScan, &'a Provisional)> {
    scans.iter().rev().find_map(|scan| {
        let shown = scan
            .scan
            .provisional
            .iter()
            .find(|p| p.programme == *programme)?;
        Some((scan, shown))
    })
}

fn edge(end: &End) -> Option<timeline::Edge> {
    let policy = match end {
        End::Inferred { policy, .. } => Some((*policy).to_owned()),
        End::Observed { .. } | End::Missing => None,
    };
    Some(timeline::Edge {
        at: end.at()?,
        policy,
    })
}

/// The stays of all programmes, each once. Where a policy ends a stay it does so session by session, so such a stay is shown
/// for each of its sessions from the end of the one before.
pub(super) fn stays(
    programmes: &[Live],
    agenda: &Agenda,
    title: &dyn Fn(&RoomId) -> String,
) -> Vec<timeline::Stay> {
    let mut found: Vec<timeline::Stay> = Vec::new();
    for part in programmes
        .iter()
        .filter_map(|p| p.decision.as_ref())
        .flat_map(|d| &d.parts)
    {
        let session = agenda.sessions.iter().find(|s| s.id == part.session);
        for stay in &part.stays {
            let mut drawn = timeline::Stay {
                room: title(&stay.room),
                is_scanned: stay.source == Source::Scan,
                start: edge(&stay.start),
                end: edge(&stay.end),
            };
            let is_inferred = drawn.end.as_ref().is_some_and(|end| end.policy.is_some());
            if let (Some(session), true) = (session, is_inferred) {
                carry_on(&mut drawn, before(agenda, session));
            }
            if !found.contains(&drawn) {
                found.push(drawn);
            }
        }
    }
    found
}

/// The end of the session before this one in its room.
fn before(agenda: &Agenda, session: &Session) -> Option<UtcMs> {
    let earlier = agenda
        .sessions
        .iter()
        .filter(|s| s.room == session.room && s.end <= session.start);
    earlier.map(|s| s.end).max()
}

/// Lets a stay begin no earlier than `from`.
fn carry_on(stay: &mut timeline::Stay, from: Option<UtcMs>) {
    if let (Some(start), Some(from)) = (&stay.start, from)
        && start.at.latest < from
    {
        stay.start = Some(timeline::Edge {
            at: Interval::exactly(from),
            policy: Some("carried on".to_owned()),
        });
    }
}

/// The certificates of an attendee, by code and version.
pub(super) fn certificates(
    pages: &Pages,
    event: &EventFacts,
    attendee: &AttendeeId,
) -> Result<Vec<crate::store::decisions::CertificateFacts>, Fault> {
    let mut all = pages.store().certificates(&event.id)?;
    all.retain(|held| held.entry.attendee == *attendee);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inferred_stay_is_carried_on_from_the_session_before() {
        let edge = |at: i64, policy: Option<&str>| {
            Some(timeline::Edge {
                at: Interval::exactly(UtcMs(at)),
                policy: policy.map(str::to_owned),
            })
        };
        for (start, from, expected) in [
            (50, None, edge(50, None)),
            (50, Some(50), edge(50, None)),
            (50, Some(51), edge(51, Some("carried on"))),
        ] {
            let mut stay = timeline::Stay {
                room: "a".into(),
                is_scanned: true,
                start: edge(start, None),
                end: edge(99, Some("p")),
            };
            carry_on(&mut stay, from.map(UtcMs));
            assert_eq!(stay.start, expected);
        }
    }
}
