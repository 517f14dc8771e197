//! A connection whose users take turns in the order in which they came.
//!
//! A plain lock may be taken again by the thread that has just let it go, before anybody who waits wakes up: a worker that
//! runs one unit after the other would keep a kiosk's batch out for seconds. Here a batch waits for those before it only.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

#[derive(Debug, Default)]
struct Turns {
    next: u64,
    serving: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    turns: Mutex<Turns>,
    moved: Condvar,
    connection: Mutex<Connection>,
}

/// One's turn, until it is dropped.
struct Turn<'a>(&'a Queue);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock_turns().serving += 1;
        self.0.moved.notify_all();
    }
}

impl Queue {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            turns: Mutex::default(),
            moved: Condvar::new(),
            connection: Mutex::new(connection),
        }
    }

    fn lock_turns(&self) -> MutexGuard<'_, Turns> {
        // Two numbers are whole whatever panicked.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the connection when it is one's turn.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let mut turns = self.lock_turns();
        let mine = turns.next;
        turns.next += 1;
        while turns.serving != mine {
            turns = self
                .moved
                .wait(turns)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(turns);
        let _turn = Turn(self);
        // A unit that panicked was rolled back when its transaction was dropped, so the connection is sound.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection)
    }

    /// How many wait or are served.
    #[cfg(test)]
    fn waiting(&self) -> u64 {
        let turns = self.lock_turns();
        turns.next - turns.serving
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::sync::Arc;

    #[test]
    fn turns_go_in_order_and_outlive_a_panic() {
        let queue = Arc::new(Queue::new(Connection::open_in_memory().unwrap()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiters = queue.with(|_| {
            let mut waiters = Vec::new();
            for number in 0..8_u64 {
                let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
                let before = Arc::clone(&queue);
                waiters.push(std::thread::spawn(move || {
                    queue.with(|_| {
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
        assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<u64>>());
        assert_eq!(queue.with(|_| 1), 1);
    }
}
