//! What was done and seen, over one run or many.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Counts of one run or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Faults injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Everything else that is counted, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// The width of each scan's interval, in milliseconds, where it has two ends.
    pub widths_ms: Vec<i64>,
    /// Seeds.
    pub seeds: u64,
}

impl Tally {
    /// A fault was injected.
    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Something was seen this many times.
    pub fn count(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    /// One more run.
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        for (kind, times) in other.faults {
            *self.faults.entry(kind).or_default() += times;
        }
        for (what, times) in other.counts {
            *self.counts.entry(what).or_default() += times;
        }
        self.widths_ms.extend(other.widths_ms);
    }

    /// The median width of a scan's interval, in milliseconds.
    pub fn median_width_ms(&self) -> Option<i64> {
        let mut widths = self.widths_ms.clone();
        widths.sort_unstable();
        widths.get(widths.len() / 2).copied()
    }

    /// A table for people.
    pub fn report(&self) -> String {
        let mut text = format!("seeds run: {}\n", self.seeds);
        let faults: u64 = self.faults.values().sum();
        let _ = writeln!(text, "faults injected: {faults}");
        for (kind, times) in &self.faults {
            let _ = writeln!(text, "  {kind:<32} {times:>9}");
        }
        let _ = writeln!(text, "seen:");
        for (what, times) in &self.counts {
            let _ = writeln!(text, "  {what:<32} {times:>9}");
        }
        let median = self
            .median_width_ms()
            .map_or_else(|| "none".to_owned(), |ms| format!("{ms} ms"));
        let _ = writeln!(
            text,
            "median width of {} intervals with two ends: {median}",
            self.widths_ms.len()
        );
        text
    }
}
