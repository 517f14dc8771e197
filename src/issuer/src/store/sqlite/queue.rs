//! A connection whose users take turns in the order in which they came.
//!
//! A plain lock may be taken again by the thread that has just let it go, before anybody who waits wakes up: a worker that
//! runs one unit after the other would keep a kiosk's batch out for seconds. Here a batch waits for those before it only.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Turns {
    serving: u64,
    /// The one that is served and those behind it: whether each may go on with what the one before it left open.
    line: VecDeque<bool>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue<T> {
    turns: Mutex<Turns>,
    moved: Condvar,
    shared: Mutex<T>,
}

/// One's turn, until it is dropped.
struct Turn<'a> {
    turns: &'a Mutex<Turns>,
    moved: &'a Condvar,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = lock(self.turns);
        turns.serving += 1;
        turns.line.pop_front();
        self.moved.notify_all();
    }
}

/// Those who wait while one is served.
pub(super) struct Line<'a>(&'a Mutex<Turns>);

impl Line<'_> {
    /// Whether somebody waits, and the next of them may go on with what is left open.
    pub(super) fn next_joins(&self) -> bool {
        lock(self.0).line.get(1).copied().unwrap_or(false)
    }
}

fn lock(turns: &Mutex<Turns>) -> MutexGuard<'_, Turns> {
    // Two numbers are whole whatever panicked.
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Queue<T> {
    pub(super) fn new(shared: T) -> Self {
        Self {
            turns: Mutex::default(),
            moved: Condvar::new(),
            shared: Mutex::new(shared),
        }
    }

    /// Does something with what is shared when it is one's turn. `joins` is what those before it see of it in the line.
    pub(super) fn with<R>(&self, joins: bool, work: impl FnOnce(&mut T, &Line<'_>) -> R) -> R {
        let mut turns = lock(&self.turns);
        let mine = turns.serving + turns.line.len() as u64;
        turns.line.push_back(joins);
        let turns = self
            .moved
            .wait_while(turns, |turns| turns.serving != mine)
            .unwrap_or_else(PoisonError::into_inner);
        drop(turns);
        let (turns, moved) = (&self.turns, &self.moved);
        let _turn = Turn { turns, moved };
        // A unit that panicked was rolled back, so the connection is sound.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut shared, &Line(turns))
    }

    /// How many wait or are served.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.turns).line.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::sync::Arc;

    #[test]
    fn turns_go_in_order_and_outlive_a_panic() {
        let queue = Arc::new(Queue::new(()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiters = queue.with(false, |(), _| {
            let mut waiters = Vec::new();
            for number in 0..8_usize {
                let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
                let before = Arc::clone(&queue);
                waiters.push(std::thread::spawn(move || {
                    queue.with(false, |(), _| {
                        order.lock().unwrap().push(number);
                        assert!(number != 3, "one of them fails");
                    });
                }));
                while before.waiting() < number + 2 {
                    std::thread::yield_now();
                }
            }
            waiters
        });
        let failed = waiters.into_iter().filter_map(|w| w.join().err()).count();
        assert_eq!(failed, 1);
        assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<usize>>());
        assert_eq!(queue.with(false, |(), _| 1), 1);
    }
}
