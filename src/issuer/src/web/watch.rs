//! What the pages have seen of each kiosk since this program started: lengths of its queue, and since when it stands as it
//! does. Kept in memory and bounded; after a restart it begins again, and the pages say so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use attendance::UtcMs;
use attendance::words::KioskId;

use super::standing::{State, TREND_MS, Trend, trend};

/// The most kiosks that are watched.
const MAX_KIOSKS: usize = 5_000;
/// The most lengths kept of one queue.
const MAX_SAMPLES: usize = 64;

#[derive(Debug)]
struct Past {
    samples: VecDeque<(UtcMs, u64)>,
    state: State,
    since: UtcMs,
    /// Whether the change into the state was seen, and not only the state.
    is_exact: bool,
}

/// What was seen of each kiosk.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<HashMap<KioskId, Past>>);

/// Since when a kiosk stands as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) at: UtcMs,
    pub(super) is_exact: bool,
}

impl Watch {
    /// Takes the length of a queue as a kiosk told it, and gives its trend.
    pub(super) fn queue(&self, kiosk: &KioskId, told: Option<(UtcMs, u64)>, now: UtcMs) -> Trend {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, length)) = told else {
            return Trend::Unknown;
        };
        if !known.contains_key(kiosk) && known.len() >= MAX_KIOSKS {
            return Trend::Unknown;
        }
        let past = known.entry(kiosk.clone()).or_insert_with(|| Past {
            samples: VecDeque::new(),
            state: State::Recording,
            since: now,
            is_exact: false,
        });
        if past.samples.back().is_none_or(|(last, _)| *last < at) {
            past.samples.push_back((at, length));
        }
        while past.samples.len() > MAX_SAMPLES
            || past
                .samples
                .front()
                .is_some_and(|(at, _)| now.0 - at.0 > TREND_MS)
        {
            past.samples.pop_front();
        }
        trend(past.samples.make_contiguous(), now)
    }

    /// Takes how a kiosk stands, and gives since when.
    pub(super) fn state(&self, kiosk: &KioskId, state: State, now: UtcMs) -> Since {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !known.contains_key(kiosk);
        if is_new && known.len() >= MAX_KIOSKS {
            return Since {
                at: now,
                is_exact: false,
            };
        }
        let past = known.entry(kiosk.clone()).or_insert_with(|| Past {
            samples: VecDeque::new(),
            state,
            since: now,
            is_exact: false,
        });
        // A kiosk is first seen with its queue, before it is known how it stands.
        let is_first = past.since == now && !past.is_exact;
        if past.state != state {
            past.state = state;
            past.since = now;
            past.is_exact = !is_first;
        }
        Since {
            at: past.since,
            is_exact: past.is_exact,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn since_is_exact_only_where_the_change_was_seen() {
        let watch = Watch::default();
        let kiosk = KioskId::new("k").unwrap();
        let at = |s: i64| UtcMs(1_000_000 + s * 1_000);
        watch.queue(&kiosk, Some((at(0), 0)), at(0));
        assert_eq!(
            watch.state(&kiosk, State::Silent, at(0)),
            Since {
                at: at(0),
                is_exact: false
            }
        );
        assert_eq!(
            watch.state(&kiosk, State::Silent, at(5)),
            Since {
                at: at(0),
                is_exact: false
            }
        );
        assert_eq!(
            watch.state(&kiosk, State::Recording, at(9)),
            Since {
                at: at(9),
                is_exact: true
            }
        );
        assert_eq!(
            watch.state(&kiosk, State::Recording, at(20)),
            Since {
                at: at(9),
                is_exact: true
            }
        );
    }

    #[test]
    fn the_same_status_is_one_sample() {
        let watch = Watch::default();
        let kiosk = KioskId::new("k").unwrap();
        let at = |s: i64| UtcMs(1_000_000 + s * 1_000);
        for s in 0..200 {
            watch.queue(&kiosk, Some((at(0), 7)), at(s));
        }
        assert_eq!(
            watch.queue(&kiosk, Some((at(90), 9)), at(90)),
            Trend::Growing(2)
        );
        assert_eq!(watch.queue(&kiosk, None, at(90)), Trend::Unknown);
        for s in 0..1_000 {
            watch.queue(&kiosk, Some((at(100 + s), 7)), at(100 + s));
        }
        assert!(watch.0.lock().unwrap()[&kiosk].samples.len() <= MAX_SAMPLES);
    }
}
