//! What goes wrong in a plan: each kind with its own chance, at a moment of its own.

use kiosk::journal::{Fault, Step};

use super::disk::Moment;
use super::plan::{MINUTE_MS, Plan, SECOND_MS, Trouble, between, chance, pick};
use crate::random::Random;

/// Draws all troubles of a plan.
pub fn draw(random: &mut Random, plan: &mut Plan) {
    for kiosk in 0..plan.doors.len() {
        for day in 0..plan.days.len() {
            of_a_day(random, plan, kiosk, day);
        }
        card(random, plan, kiosk);
    }
    issuer(random, plan);
    if chance(random, 150) {
        let at = within(random, whole(plan));
        let session = random.index(plan.sessions.len());
        let by = between(random, 1, 6) * 10;
        plan.troubles.push((at, Trouble::AgendaMoves(session, by)));
    }
}

fn whole(plan: &Plan) -> (i64, i64) {
    (plan.days[0].0, plan.end)
}

fn within(random: &mut Random, (from, to): (i64, i64)) -> i64 {
    between(random, from, to)
}

fn of_a_day(random: &mut Random, plan: &mut Plan, kiosk: usize, day: usize) {
    let span = plan.days[day];
    let (from, to) = span;
    let troubles = &mut plan.troubles;
    troubles.push((
        from + between(random, 0, 60 * SECOND_MS),
        Trouble::On(kiosk),
    ));
    ends(random, troubles, kiosk, span);
    links(random, troubles, kiosk, span);
    clocks(random, troubles, kiosk, span);
    if chance(random, 250) {
        let at = within(random, span);
        let asleep = pick(random, &[2, 8, 25, 90, 400]) * SECOND_MS;
        troubles.push((at, Trouble::Suspend(kiosk)));
        let until = at + between(random, 1_000, asleep);
        troubles.push((until, Trouble::Resume(kiosk)));
    }
    if chance(random, 200) {
        let at = within(random, span);
        let until = at + between(random, 1, 60) * SECOND_MS;
        if chance(random, 400) {
            troubles.push((at, Trouble::Full(kiosk, true)));
            troubles.push((until, Trouble::Full(kiosk, false)));
        } else {
            let step = pick(random, &[Step::Begin, Step::Commit, Step::Committed]);
            let fault = pick(random, &[Fault::Full, Fault::Io]);
            troubles.push((at, Trouble::Failing(kiosk, Some((step, fault)))));
            troubles.push((until, Trouble::Failing(kiosk, None)));
        }
    }
    if chance(random, 100) {
        troubles.push((within(random, span), Trouble::Reader(kiosk)));
    }
    // How the day ends: in order, by the plug, or not at all; the network is gone until the next.
    let over = to + between(random, 0, 30 * SECOND_MS);
    troubles.push((over + 2 * MINUTE_MS, Trouble::Link(kiosk, false)));
    match random.below(24) {
        0 => {}
        1..=9 => troubles.push((over, Trouble::PowerCut(kiosk))),
        10..=19 => {
            troubles.push((over, Trouble::Stop(kiosk)));
            troubles.push((over + MINUTE_MS, Trouble::PowerCut(kiosk)));
        }
        _ => {
            let asleep = over + between(random, 1, 60) * MINUTE_MS;
            troubles.push((asleep, Trouble::Suspend(kiosk)));
            let awake = between(random, 1, 20) * 60 * MINUTE_MS;
            troubles.push((asleep + awake, Trouble::Resume(kiosk)));
            let over = asleep + awake + between(random, 0, 10) * MINUTE_MS;
            troubles.push((over, Trouble::PowerCut(kiosk)));
        }
    }
    if chance(random, 80) {
        troubles.push((over + 2 * MINUTE_MS, Trouble::Foreign(kiosk)));
    }
}

/// Kills and cuts of power, each with a start some time after.
fn ends(random: &mut Random, troubles: &mut Vec<(i64, Trouble)>, kiosk: usize, span: (i64, i64)) {
    for _ in 0..pick(random, &[0, 0, 1, 1, 2, 4]) {
        let at = within(random, span);
        let commits = random.below(5);
        let moment = pick(
            random,
            &[
                Moment::Before,
                Moment::During,
                Moment::During,
                Moment::After,
            ],
        );
        let trouble = match random.below(8) {
            0 => Trouble::Stop(kiosk),
            1 => Trouble::Kill(kiosk),
            2 => Trouble::PowerCut(kiosk),
            3 => Trouble::KillWithin(kiosk, commits, moment),
            _ => Trouble::CutWithin(kiosk, commits, moment),
        };
        troubles.push((at, trouble));
        // Ends within a commit wait for it, and start by themselves.
        let again = (at + between(random, 2, 90) * SECOND_MS).min(span.1);
        troubles.push((again, Trouble::On(kiosk)));
    }
}

/// The network of a door: as it should be, gone for a part of the day, or for all of it. Nights it is gone anyway, so that days follow days.
fn links(random: &mut Random, troubles: &mut Vec<(i64, Trouble)>, kiosk: usize, span: (i64, i64)) {
    let (from, to) = span;
    let gone = random.below(10);
    troubles.push((from - SECOND_MS, Trouble::Link(kiosk, gone > 2)));
    if (3..6).contains(&gone) {
        let at = within(random, span);
        troubles.push((at, Trouble::Link(kiosk, false)));
        let until = (at + between(random, 1, 300) * SECOND_MS).min(to);
        troubles.push((until, Trouble::Link(kiosk, true)));
    }
}

fn clocks(random: &mut Random, troubles: &mut Vec<(i64, Trouble)>, kiosk: usize, span: (i64, i64)) {
    let (from, to) = span;
    if chance(random, 600) {
        let at = within(random, (from, from + MINUTE_MS));
        troubles.push((at, Trouble::TimeFound(kiosk)));
        if chance(random, 300) {
            troubles.push((within(random, (at, to.max(at))), Trouble::TimeLost(kiosk)));
        }
    }
    if chance(random, 200) {
        let by = pick(
            random,
            &[1_000, 61_000, 3_600_000, 86_400_000, 31_536_000_000],
        );
        let by = if chance(random, 500) { by } else { -by };
        troubles.push((within(random, span), Trouble::Jump(kiosk, by)));
    }
}

/// A card that is put back to an older copy, or copied into a second machine.
fn card(random: &mut Random, plan: &mut Plan, kiosk: usize) {
    if !chance(random, 60) {
        return;
    }
    let span = whole(plan);
    let copied = within(random, span);
    plan.troubles.push((copied, Trouble::CopyCard(kiosk)));
    let then = within(random, (copied, plan.end));
    plan.troubles.push((
        then,
        if chance(random, 500) {
            Trouble::RestoreCard(kiosk)
        } else {
            Trouble::CloneCard(kiosk)
        },
    ));
}

/// Staff place a door in time by a code on a phone: no trouble, but a help where the network is gone.
pub fn time_codes(random: &mut Random, plan: &mut Plan) {
    for kiosk in 0..plan.doors.len() {
        for day in plan.days.clone() {
            if chance(random, 250) {
                let at = within(random, day);
                let age_ms = between(random, 0, 45_000);
                plan.troubles.push((at, Trouble::TimeCode(kiosk, age_ms)));
            }
        }
    }
}

fn issuer(random: &mut Random, plan: &mut Plan) {
    let span = whole(plan);
    for day in plan.days.clone() {
        if chance(random, 300) {
            let at = within(random, day);
            let trouble = if chance(random, 500) {
                Trouble::IssuerCrash
            } else {
                Trouble::IssuerCrashWithin
            };
            plan.troubles.push((at, trouble));
            let until = at + between(random, 1, 120) * SECOND_MS;
            plan.troubles.push((until, Trouble::IssuerStart));
        }
    }
    if chance(random, 100) {
        let minutes = between(random, 1, 10);
        plan.issuer_off_ms = if chance(random, 500) {
            minutes
        } else {
            -minutes
        } * MINUTE_MS;
        if chance(random, 500) {
            let by = pick(random, &[0, 0, 30_000, -90_000]);
            plan.troubles
                .push((within(random, span), Trouble::IssuerClock(by)));
        }
    }
    if chance(random, 60) {
        let copied = within(random, span);
        plan.troubles.push((copied, Trouble::IssuerBackup));
        let then = within(random, (copied, plan.end));
        plan.troubles.push((then, Trouble::IssuerRestore));
    }
}
