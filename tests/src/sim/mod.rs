//! The whole of it under a simulator: kiosks, an issuer and people, with everything that can go wrong, in a time that passes as fast as it can.
//!
//! One number is one run: a [`plan::Plan`] is drawn from it, [`world::World`] plays the plan with the real code, and [`promises`] are then held
//! against what really happened. The same number plays the same run again, to the last message: nothing here reads a clock, an address or a
//! random number that does not come from it.
//!
//! - Real: the keeper with door, desk and journal on SQLite; the sync core; signing and checking of every message; the issuer's routes, intake,
//!   ledger, store, decider and export; the auditor's verification. Simulated: disks below SQLite ([`disk`]), clocks ([`clock`]), the network,
//!   power and people.
//! - [`oracle`] counts each attendee's seconds again, by an algorithm of its own.
//! - [`broken`]: what is broken on purpose, to see that the simulation notices.
//!
//! Not simulated: threads, sockets, TLS, readers and pages; they have tests of their own against the real programs.

mod agree;
pub mod broken;
pub mod clock;
pub mod disk;
pub mod kiosk;
pub mod office;
pub mod oracle;
pub mod plan;
pub mod promises;
pub mod tally;
pub mod troubles;
pub mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use broken::Broken;
use tally::Tally;
use world::World;

thread_local! {
    static LAST_PANIC: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// From now on a panic is kept for [`run`] to tell, and prints nothing.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        LAST_PANIC.set(info.to_string());
    }));
}

/// What came of one seed.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What was done and seen.
    pub tally: Tally,
    /// The promise that did not hold, and where.
    pub violation: Option<String>,
    /// What happened, where it was asked for.
    pub trace: Vec<String>,
}

/// Plays one seed and holds the promises against it.
pub fn run(seed: u64, broken: Broken, traced: bool) -> Outcome {
    let mut kept = None;
    let played = catch_unwind(AssertUnwindSafe(|| {
        let world = kept.insert(World::new(seed, broken, traced));
        world.play();
        promises::check(world)
    }));
    let violation = match played {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken),
        Err(_) => Some(format!("panic: {}", LAST_PANIC.take())),
    };
    let (tally, trace) = kept.map_or_else(Default::default, |world| {
        (world.tally, world.trace.unwrap_or_default())
    });
    Outcome {
        seed,
        tally,
        violation,
        trace,
    }
}
