//! Figures: what was measured, against what, and whether that meets its goal.

use std::time::Duration;

use serde::Serialize;

/// Commits faster than this are not on any disk yet, in milliseconds.
pub(crate) const HONEST_COMMIT_MIN_MS: f64 = 0.1;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// Its name.
    pub(crate) name: String,
    /// What was measured.
    pub(crate) value: f64,
    /// In what.
    pub(crate) unit: &'static str,
    /// What it is compared with, measured in the same run.
    pub(crate) control: Option<f64>,
    /// The value in controls.
    pub(crate) ratio: Option<f64>,
    /// The goal in words, or why there is none.
    pub(crate) goal: String,
    /// Whether the goal is met; nothing where it was not judged.
    pub(crate) met: Option<bool>,
}

impl Figure {
    /// A figure without a goal.
    pub(crate) fn new(name: &str, value: f64, unit: &'static str, control: Option<f64>) -> Self {
        Self {
            name: name.to_owned(),
            value: rounded(value),
            unit,
            control: control.map(rounded),
            ratio: control.map(|control| rounded(value / control)),
            goal: "none".to_owned(),
            met: None,
        }
    }

    /// With a goal, judged or not.
    pub(crate) fn judged(mut self, goal: &str, met: bool, judged: bool) -> Self {
        goal.clone_into(&mut self.goal);
        self.met = judged.then_some(met);
        self
    }

    /// As it is, but not judged where the disk does not keep what it is asked to keep.
    pub(crate) fn on_disk(mut self, commit_ms: f64) -> Self {
        if commit_ms < HONEST_COMMIT_MIN_MS {
            self.met = None;
            self.goal = format!(
                "{}; not judged: this disk is unsuitable, it commits in {commit_ms:.3} ms and so does not honour syncs",
                self.goal
            );
        }
        self
    }
}

/// Three decimals say all that a measurement here can.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A duration in milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The value in the middle of those measured: of an even number, the upper one.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 50)
}

/// The value below which this many percent of those measured lie.
pub(crate) fn quantile(values: &[f64], percent: usize) -> f64 {
    assert!(!values.is_empty(), "something was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// A count as a number that can be divided.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("what is counted here fits 32 bits"))
}

/// One JSON object a line.
pub(crate) fn lines(figures: &[Figure]) -> String {
    let line = |figure| serde_json::to_string(figure).expect("a figure serialises") + "\n";
    figures.iter().map(line).collect()
}

/// A table for people.
pub(crate) fn table(figures: &[Figure]) -> String {
    let head = ["figure", "value", "control", "ratio", "goal", "met"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(figures.iter().map(row));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (place, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Names and words stand to the left, numbers to the right.
            let cell = match place {
                1..=3 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            };
            line.push_str(&cell);
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(figure: &Figure) -> [String; 6] {
    let Figure {
        name,
        value,
        unit,
        control,
        ratio,
        goal,
        met,
    } = figure;
    let met = match met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    [
        name.clone(),
        format!("{value} {unit}"),
        control.map_or_else(|| "-".to_owned(), |control| format!("{control} {unit}")),
        ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        goal.clone(),
        met.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_tails_are_found() {
        let values: Vec<f64> = (1..=200_u32).rev().map(f64::from).collect();
        assert_eq!(median(&values).to_bits(), 101_f64.to_bits());
        assert_eq!(quantile(&values, 99).to_bits(), 199_f64.to_bits());
        assert_eq!(median(&[3.0]).to_bits(), 3_f64.to_bits());
    }

    #[test]
    fn what_a_disk_does_not_keep_is_not_judged() {
        let figure = Figure::new("f", 2.0, "ms", Some(1.0)).judged("at most 1 ms", false, true);
        assert_eq!(figure.clone().on_disk(0.1).met, Some(false));
        let unjudged = figure.on_disk(0.099);
        assert_eq!(unjudged.met, None);
        assert!(unjudged.goal.contains("unsuitable"), "{}", unjudged.goal);
    }

    #[test]
    fn a_line_has_every_member() {
        let figure = Figure::new("f", 1.0 / 3.0, "ms", None).judged("at most 1 ms", true, true);
        assert_eq!(
            lines(&[figure]),
            "{\"name\":\"f\",\"value\":0.333,\"unit\":\"ms\",\"control\":null,\"ratio\":null,\
             \"goal\":\"at most 1 ms\",\"met\":true}\n"
        );
    }
}
