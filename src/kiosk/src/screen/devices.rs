//! The devices that are attached, for the status page: looked for only while somebody looks at the page, and not oftener than
//! [`LOOK_EVERY`]. A driver that hangs keeps one look waiting, not the page: it shows what was seen last and as of when.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::view::{Dated, DeviceRow};

/// Shortest time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a page waits for a look.
const LOOK_WITHIN: Duration = Duration::from_millis(500);
/// The most devices that are shown.
const DEVICES_MAX: usize = 32;

/// Tells what is attached now. May take a while.
#[derive(Clone)]
pub struct Look(Arc<dyn Fn() -> Vec<DeviceRow> + Send + Sync>);

impl Look {
    /// Looks so.
    pub fn new(look: impl Fn() -> Vec<DeviceRow> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// What was seen, and the look that is under way.
pub(super) struct Devices {
    look: Look,
    wall_ms: fn() -> i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Option<(Instant, Arc<Dated<Vec<DeviceRow>>>)>,
    under_way: Option<JoinHandle<Vec<DeviceRow>>>,
}

impl Devices {
    pub(super) fn new(look: Look, wall_ms: fn() -> i64) -> Self {
        Self {
            look,
            wall_ms,
            state: Mutex::default(),
        }
    }

    /// What is attached, as of a moment ago; `None` where no look has come to an end yet.
    pub(super) async fn seen(&self) -> Option<Arc<Dated<Vec<DeviceRow>>>> {
        let mut state = self.state.lock().await;
        let is_fresh = |(at, _): &(Instant, _)| at.elapsed() < LOOK_EVERY;
        if !state.seen.as_ref().is_some_and(is_fresh) {
            state.follow(&self.look, self.wall_ms).await;
        }
        state.seen.as_ref().map(|(_, seen)| Arc::clone(seen))
    }
}

impl State {
    async fn follow(&mut self, look: &Look, wall_ms: fn() -> i64) {
        let under_way = self.under_way.get_or_insert_with(|| {
            let look = look.clone();
            tokio::task::spawn_blocking(move || (look.0)())
        });
        let Ok(ended) = tokio::time::timeout(LOOK_WITHIN, under_way).await else {
            return;
        };
        self.under_way = None;
        // A look that panicked has seen nothing; the next page looks again.
        if let Ok(mut value) = ended {
            value.truncate(DEVICES_MAX);
            let as_of_ms = wall_ms();
            self.seen = Some((Instant::now(), Arc::new(Dated { as_of_ms, value })));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::super::view::DeviceStanding;
    use super::*;

    fn row(nth: usize) -> DeviceRow {
        DeviceRow {
            device: format!("device {nth}"),
            standing: DeviceStanding::Other,
            note: String::new(),
        }
    }

    #[tokio::test]
    async fn a_page_looks_and_the_next_soon_after_does_not() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let look = Look::new(move || vec![row(counted.fetch_add(1, Ordering::Relaxed)); 40]);
        let devices = Devices::new(look, || 7);
        let first = devices.seen().await.unwrap();
        assert_eq!((first.as_of_ms, first.value.len()), (7, DEVICES_MAX));
        assert_eq!(devices.seen().await.unwrap().value[0], row(0));
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        devices.state.lock().await.seen.as_mut().unwrap().0 -= LOOK_EVERY;
        assert_eq!(devices.seen().await.unwrap().value[0], row(1));
    }

    #[tokio::test]
    async fn a_driver_that_hangs_holds_up_one_look_and_no_page() {
        let (answer, answers) = mpsc::channel::<usize>();
        let answers = std::sync::Mutex::new(answers);
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let look = Look::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            vec![row(answers.lock().unwrap().recv().unwrap())]
        });
        let devices = Devices::new(look, || 7);
        for _ in 0..2 {
            assert_eq!(devices.seen().await, None);
        }
        assert_eq!(begun.load(Ordering::Relaxed), 1, "one look waits, not two");
        answer.send(5).unwrap();
        assert_eq!(devices.seen().await.unwrap().value, [row(5)]);
    }
}
