//! One rule everywhere: the door's provisional answer, the issuer's decision and the oracle's count, each on the same evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::agenda::Programme;
use attendance::rules::RuleSet;
use attendance::time::{ClockHistory, Interval, Stamp};
use attendance::words::{AttendeeId, Signal};
use attendance::{Decision, Evidence, Known, Outcome, Reason, UtcMs, decide};
use audit::derive::{LogKeys, LogView, Roll, signals_of};
use protocol::entry::{Body, Entry, Scan, parse};

use super::office::{ISSUER, programme};
use super::oracle;
use super::promises::{Log, hold, view};
use super::world::World;

/// Intervals wider than this say nothing of the time of day, in milliseconds.
const TELLING_WIDTH_MS: i64 = 600_000;
/// Reasons that say what kept somebody from earning more.
const DEFECTS: &[Reason] = &[
    Reason::NotRegistered,
    Reason::RegistrationCancelled,
    Reason::MissingCheckIn,
    Reason::MissingCheckOut,
];
/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;

/// P5: each provisional decision is what the issuer's road makes of what that door knew.
pub(super) fn doors(world: &mut World, logs: &[Log]) -> Result<(), String> {
    let roll = Roll::new(&world.office.registrations());
    for log in logs {
        let view = view(world, log);
        let mut passed: BTreeMap<AttendeeId, Vec<(u64, Entry)>> = BTreeMap::new();
        for (index, entry, scan) in log.scans() {
            let index = u64::try_from(index).unwrap();
            let Some(attendee) = &scan.attendee else {
                continue;
            };
            let known = passed.entry(attendee.clone()).or_default();
            known.push((index, entry.clone()));
            if scan.provisional.is_empty() {
                continue;
            }
            let adopted = log.adopted(index);
            let Some(bundle) = adopted.and_then(|adopted| world.truth.bundles.get(&adopted)) else {
                continue;
            };
            let clock = view.clock_at(index);
            let door = DoorKnows {
                clock: &clock,
                index,
                stamp: &entry.stamp,
                log: &log.origin,
            };
            let agreed = door.agrees(bundle, scan, known, &roll);
            hold!(
                agreed.is_ok(),
                "P5: entry {index} of {log}: {}",
                agreed.unwrap_err()
            );
            world.tally.count("provisional decisions agreed", 1);
        }
    }
    Ok(())
}

/// What a door knew when it decided on one scan.
struct DoorKnows<'a> {
    clock: &'a ClockHistory,
    index: u64,
    stamp: &'a Stamp,
    log: &'a Arc<str>,
}

impl DoorKnows<'_> {
    /// What the issuer had told by then, as the entry states it.
    fn told(&self, index: u64, scan: &Scan, at: Interval, known: &[(u64, Entry)]) -> Vec<Signal> {
        let Some(prior) = &scan.prior else {
            return Vec::new();
        };
        let own = known.iter().find(|(known, _)| Some(*known) == prior.index);
        let own = own.map(|(index, entry)| self.clock.place(*index, &entry.stamp).at);
        protocol::told::from_prior(self.log, index, prior, &scan.rooms, at, own)
    }

    fn agrees(
        &self,
        bundle: &protocol::bundle::Bundle,
        scan: &Scan,
        known: &[(u64, Entry)],
        roll: &Roll,
    ) -> Result<(), String> {
        let attendee = scan.attendee.as_ref().expect("it was looked up");
        // What a door refuses moves nobody there.
        let moved = known.iter().filter(|(_, entry)| match &entry.body {
            Body::Scan(scan) => scan.verdict != attendance::words::Verdict::NotRegistered,
            _ => false,
        });
        let mut signals: Vec<Signal> = Vec::new();
        for (index, entry) in moved {
            let Body::Scan(scan) = &entry.body else {
                continue;
            };
            let made =
                protocol::signals::from_scan(self.log, *index, entry, scan, self.clock, None);
            let Some((signal, placed)) = made else {
                continue;
            };
            signals.extend(self.told(*index, scan, placed.at, known));
            signals.push(signal);
        }
        let at = self.clock.place(self.index, self.stamp).at;
        let now = if at.width_ms() <= TELLING_WIDTH_MS {
            at.earliest.plus_ms(at.width_ms() / 2)
        } else {
            self.stamp.wall.clamp(at.earliest, at.latest)
        };
        for shown in &scan.provisional {
            let text = bundle.rules.iter().find(|rule| rule.hash == shown.rules);
            let text = text.ok_or("its rule set is not in its bundle")?;
            let rules = protocol::rules::parse(&text.text).map_err(|e| e.to_string())?;
            let programme = bundle.agenda.programme(&shown.programme);
            let programme = programme.ok_or("its programme is not in its bundle")?;
            let doors = bundle.agenda.doors_of(&shown.programme).into_iter();
            let others = doors
                .map(|door| door.id.clone())
                .filter(|id| *id != scan.door);
            let evidence = Evidence {
                signals: &signals,
                registration: roll.registration(attendee),
            };
            let known = Known {
                now,
                incomplete_doors: others.collect(),
            };
            let decision = decide(&rules, &programme, evidence, &known);
            let present_ms: i64 = decision.parts.iter().map(|part| part.least_ms).sum();
            let made = (
                decision.outcome,
                decision.credits,
                decision.reason,
                present_ms,
            );
            let told = (shown.outcome, shown.credits, shown.reason, shown.present_ms);
            if made != told {
                return Err(format!(
                    "the door said {told:?}, the issuer's road says {made:?}"
                ));
            }
        }
        Ok(())
    }
}

/// All that the issuer holds of one attendee after everything, and when it really happened.
struct Held {
    attendee: AttendeeId,
    signals: Vec<Signal>,
    /// The same signals at the instants at which they really were.
    truly: Vec<Signal>,
}

/// P5: the issuer's decisions are what its logs come to, and the oracle counts the same. What is certain is compared with the true times.
pub(super) fn issuer(world: &mut World) -> Result<(), String> {
    let agenda = world.office.agenda();
    let registrations = world.office.registrations();
    let roll = Roll::new(&registrations);
    let rules = protocol::rules::parse(&world.plan.rules).expect("the rules read");
    let Some(programme) = agenda.programme(&programme()) else {
        return Err("the agenda has lost its programme".to_owned());
    };
    let decided: BTreeMap<_, _> = world
        .office
        .decisions()
        .into_iter()
        .map(|facts| (facts.attendee.clone(), facts))
        .collect();
    for held in gather(world, &agenda, &roll) {
        let of = |signals: &[Signal]| decision(&rules, &programme, signals, &roll, &held.attendee);
        let derived = of(&held.signals);
        if let Some(facts) = decided.get(&held.attendee)
            && facts.complete
        {
            let said = (facts.outcome, facts.credits, facts.reason);
            let made = (derived.outcome, derived.credits, derived.reason);
            hold!(
                said == made,
                "P5: the issuer decided {said:?} for {}, and its logs come to {made:?}",
                held.attendee
            );
            world.tally.count("final decisions agreed", 1);
        }
        for signals in [outward(&held.signals), outward(&held.truly)] {
            agrees_with_oracle(
                world,
                &rules,
                &programme,
                &signals,
                &of(&signals),
                &roll,
                &held,
            )?;
        }
        let truly = of(&held.truly);
        if derived.outcome == Outcome::Review {
            world.tally.count("decisions left to a person", 1);
        } else if !is_off(world) {
            // Whether what is missing made a difference may be open at the true times as well.
            let is_open = truly.outcome == Outcome::Review && DEFECTS.contains(&derived.reason);
            hold!(
                is_open || (truly.outcome, truly.credits) == (derived.outcome, derived.credits),
                "P4: {} for certain: {} At the true times: {}",
                held.attendee,
                derived.explanation,
                truly.explanation
            );
            world.tally.count("certain decisions that are right", 1);
        }
    }
    Ok(())
}

/// Whether evidence may speak of another time than the true one.
fn is_off(world: &World) -> bool {
    world.truth.issuer_offs_ms.iter().any(|off| *off != 0)
}

fn decision(
    rules: &RuleSet,
    programme: &Programme,
    signals: &[Signal],
    roll: &Roll,
    attendee: &AttendeeId,
) -> Decision {
    let evidence = Evidence {
        signals,
        registration: roll.registration(attendee),
    };
    let known = Known {
        now: UtcMs::DISTANT_FUTURE,
        incomplete_doors: Vec::new(),
    };
    decide(rules, programme, evidence, &known)
}

fn agrees_with_oracle(
    world: &mut World,
    rules: &RuleSet,
    programme: &Programme,
    signals: &[Signal],
    decision: &Decision,
    roll: &Roll,
    held: &Held,
) -> Result<(), String> {
    let registration = roll.registration(&held.attendee);
    let earned = oracle::earned(rules, &programme.sessions, signals, registration);
    let seconds: Vec<(i64, i64)> = decision
        .parts
        .iter()
        .map(|part| (part.least_ms / SECOND_MS, part.most_ms / SECOND_MS))
        .collect();
    let said = (
        decision.outcome == Outcome::Review,
        (decision.range.0.millionths(), decision.range.1.millionths()),
        decision.full_credits.millionths(),
        &seconds,
    );
    let counts = (earned.review, earned.credits, earned.full, &earned.seconds);
    hold!(
        said == counts,
        "P5: {}: the rule says {said:?} ({}), the oracle counts {counts:?}",
        held.attendee,
        decision.explanation
    );
    world.tally.count("attendee-days agreed with the oracle", 1);
    Ok(())
}

/// Every interval grown to whole seconds, and stamped by no clock: what one clock stamped keeps its length to the millisecond.
fn outward(signals: &[Signal]) -> Vec<Signal> {
    let grown = |at: Interval| Interval {
        earliest: UtcMs(at.earliest.0.div_euclid(SECOND_MS) * SECOND_MS),
        latest: UtcMs((at.latest.0 + SECOND_MS - 1).div_euclid(SECOND_MS) * SECOND_MS),
    };
    let one = |signal: &Signal| Signal {
        at: grown(signal.at),
        tick: None,
        ..signal.clone()
    };
    signals.iter().map(one).collect()
}

/// The signals of each attendee in all logs that the issuer holds: of one whose enrolment has ended, what it held then, since
/// nobody here admits what came late.
fn gather(world: &World, agenda: &protocol::agenda::Agenda, roll: &Roll) -> Vec<Held> {
    let mut true_times = BTreeMap::new();
    for scan in &world.truth.scans {
        let stamp = &scan.stamp;
        true_times.insert((stamp.boot.to_string(), stamp.raw_ms, scan.badge), scan.at);
    }
    let mut found: BTreeMap<AttendeeId, Held> = BTreeMap::new();
    for facts in world.office.kiosks() {
        let log: Arc<str> = facts.origin.as_str().into();
        let mut view = LogView::new(LogKeys {
            origin: Arc::clone(&log),
            key: facts.public_key,
            issuer: ISSUER.into(),
            issuer_key: world.office.key(),
        });
        let entries: Vec<(u64, Entry)> = world
            .office
            .entries(&facts.kiosk)
            .into_iter()
            .filter(|entry| facts.retired_size.is_none_or(|size| entry.index < size))
            .filter_map(|entry| Some((entry.index, parse(&entry.bytes?).ok()?)))
            .collect();
        for (index, entry) in &entries {
            view.take(*index, entry);
        }
        let clock = view.clock_at(u64::MAX);
        for (index, entry) in &entries {
            let Body::Scan(scan) = &entry.body else {
                continue;
            };
            let Some(attendee) = roll.holder(&scan.badge) else {
                continue;
            };
            let stamp = &entry.stamp;
            let at = true_times[&(stamp.boot.to_string(), stamp.raw_ms, scan.badge.digest)];
            for (signal, _) in signals_of(&log, &clock, agenda, [(*index, entry)]) {
                let held = found.entry(attendee.clone()).or_insert_with(|| Held {
                    attendee: attendee.clone(),
                    signals: Vec::new(),
                    truly: Vec::new(),
                });
                held.truly.push(Signal {
                    at: Interval::exactly(UtcMs(at)),
                    ..signal.clone()
                });
                held.signals.push(signal);
            }
        }
    }
    found.into_values().collect()
}
