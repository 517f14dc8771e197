//! What each turn of the cascade did over the films: how often it was taken, what it cost, what it found.

use std::collections::BTreeMap;
use std::time::Duration;

use vision::Turn;

/// Sums over turns, by their number and whether they saw a part of the frame.
#[derive(Default)]
pub(crate) struct Turns {
    sums: BTreeMap<(usize, bool), Sum>,
    /// Frames, and the time in them that went into no turn.
    frames: u32,
    else_spent: Duration,
}

#[derive(Clone, Default)]
struct Sum {
    word: String,
    taken: u32,
    spent: Duration,
    read: usize,
    missed: usize,
    /// Films that it read first.
    first: u32,
}

impl Turns {
    /// Takes in a frame: its turns, its time, and whether it read the film's badge.
    pub(crate) fn take(&mut self, turns: &[Turn], spent: Duration, is_read: bool) {
        self.frames += 1;
        let in_turns: Duration = turns.iter().map(|turn| turn.spent).sum();
        self.else_spent += spent.saturating_sub(in_turns);
        let last = turns.iter().rposition(|turn| turn.read > 0);
        for (at, turn) in turns.iter().enumerate() {
            let sum = self.sums.entry((turn.number, turn.is_part)).or_default();
            if sum.taken == 0 {
                sum.word = turn.word();
            }
            sum.taken += 1;
            sum.spent += turn.spent;
            sum.read += turn.read;
            sum.missed += turn.missed;
            sum.first += u32::from(is_read && last == Some(at));
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        for (turn, other) in &other.sums {
            let sum = self.sums.entry(*turn).or_default();
            sum.word.clone_from(&other.word);
            sum.taken += other.taken;
            sum.spent += other.spent;
            sum.read += other.read;
            sum.missed += other.missed;
            sum.first += other.first;
        }
        self.frames += other.frames;
        self.else_spent += other.else_spent;
    }

    pub(crate) fn print(&self) {
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        println!(
            "{:<44} {:<5} {:>7} {:>9} {:>7} {:>6} {:>7} {:>6}",
            "turn", "of", "taken", "CPU ms", "each", "read", "missed", "first"
        );
        for ((_, is_part), sum) in &self.sums {
            println!(
                "{:<44} {:<5} {:>7} {:>9.1} {:>7.2} {:>6} {:>7} {:>6}",
                sum.word,
                if *is_part { "part" } else { "whole" },
                sum.taken,
                ms(sum.spent),
                ms(sum.spent / sum.taken.max(1)),
                sum.read,
                sum.missed,
                sum.first
            );
        }
        let each = ms(self.else_spent / self.frames.max(1));
        println!(
            "{:<44} {:<5} {:>7} {:>9.1} {each:>7.2}",
            "all else",
            "whole",
            self.frames,
            ms(self.else_spent)
        );
    }
}
