//! How hard badge codes are to guess. A door holds each attendee's row sealed under a key made from the badge code, so a
//! stolen door's card gives up the rows whose codes can be tried out, and no others.

use std::collections::BTreeMap;

use super::RegistrationRow;
use super::problem::{Findings, Problem};

/// Codes with fewer bits than this can be tried out by a patient thief with one graphics card.
const MIN_BITS: f64 = 64.0;
/// Numbered codes as dense as one in this many are a series: who knows one knows where to look for the rest.
const SERIES_SPARSENESS: u64 = 10_000;
/// Fewer numbered codes than this are chance.
const MIN_SERIES: usize = 3;

const REVEALED: &str = "Whoever steals a door's card can try such codes out and read what the screen would show of each \
                        attendee (the name, by the event's policy). Use codes of 16 or more random letters and digits if you \
                        can; names on these screens can also be switched off for the event";

/// Adds one warning for each way in which codes of the list can be guessed. `noun` is what `line` counts.
pub(super) fn warn(rows: &[&RegistrationRow], noun: &str, findings: &mut Findings) {
    let in_series = lines_in_series(rows);
    let weak = |row: &&&RegistrationRow| bits(&row.badge) < MIN_BITS;
    let numbers_only = |row: &&&RegistrationRow| row.badge.bytes().all(|b| b.is_ascii_digit());
    let digits: Vec<u64> = rows
        .iter()
        .filter(weak)
        .filter(numbers_only)
        .map(|r| r.line)
        .collect();
    let short: Vec<u64> = rows
        .iter()
        .filter(weak)
        .filter(|r| !numbers_only(r))
        .map(|r| r.line)
        .collect();
    for (lines, what) in [
        (in_series, "numbered one after another"),
        (digits, "digits only"),
        (short, "short"),
    ] {
        if let Some(&first) = lines.first() {
            let badges = if lines.len() == 1 {
                "1 badge code is"
            } else {
                &format!("{} badge codes are", lines.len())
            };
            let message = format!(
                "{badges} {what} (the first in {noun} {first}), so they can be guessed. {REVEALED}"
            );
            findings.warn(if noun == "row" {
                Problem::of_cell(first, "badge", "", message)
            } else {
                Problem::of_file(message)
            });
        }
    }
}

/// An upper bound of a code's entropy: its length times the bits of the classes of characters it uses.
fn bits(code: &str) -> f64 {
    let has = |class: fn(&u8) -> bool| code.bytes().any(|b| class(&b));
    let mut symbols = 0.0;
    for (present, size) in [
        (has(u8::is_ascii_digit), 10.0),
        (has(u8::is_ascii_lowercase), 26.0),
        (has(u8::is_ascii_uppercase), 26.0),
        (!code.is_ascii(), 64.0),
    ] {
        symbols += if present { size } else { 0.0_f64 };
    }
    // Punctuation groups a code; it adds nothing that a thief would not know from one badge.
    let length =
        u32::try_from(code.chars().filter(|c| c.is_alphanumeric()).count()).unwrap_or(u32::MAX);
    f64::from(length) * f64::max(symbols, 2.0).log2()
}

/// Lines of codes that share all but a trailing number, where the numbers lie densely.
fn lines_in_series(rows: &[&RegistrationRow]) -> Vec<u64> {
    let mut series: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for row in rows {
        let stem = row.badge.trim_end_matches(|c: char| c.is_ascii_digit());
        if let Ok(number) = row.badge[stem.len()..].parse::<u64>() {
            series.entry(stem).or_default().push((number, row.line));
        }
    }
    let mut lines = Vec::new();
    for members in series
        .values()
        .filter(|members| members.len() >= MIN_SERIES)
    {
        let lowest = members
            .iter()
            .map(|(number, _)| *number)
            .min()
            .unwrap_or_default();
        let highest = members
            .iter()
            .map(|(number, _)| *number)
            .max()
            .unwrap_or_default();
        let count = u64::try_from(members.len()).unwrap_or(u64::MAX);
        if (highest - lowest) / count < SERIES_SPARSENESS {
            lines.extend(members.iter().map(|(_, line)| *line));
        }
    }
    lines.sort_unstable();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(badges: &[&str], expected: &[&str]) {
        let rows: Vec<_> = badges
            .iter()
            .zip(2..)
            .map(|(badge, line)| row(badge, line))
            .collect();
        let mut findings = Findings::default();
        warn(&rows.iter().collect::<Vec<_>>(), "row", &mut findings);
        let report = findings.finish(()).expect("warnings are no problems");
        let shown: Vec<String> = report.warnings.iter().map(|w| w.message.clone()).collect();
        assert_eq!(shown.len(), expected.len(), "{shown:?}");
        for (message, expected) in shown.iter().zip(expected) {
            assert!(message.starts_with(expected), "{message}");
            assert!(
                badges.iter().all(|badge| !message.contains(badge)),
                "a code is shown: {message}"
            );
        }
    }

    fn row(badge: &str, line: u64) -> RegistrationRow {
        RegistrationRow {
            line,
            badge: badge.to_owned(),
            name: String::new(),
            email: None,
            organisation: None,
            language: None,
            valid_from_utc_ms: None,
            valid_until_utc_ms: None,
            cancelled: false,
        }
    }

    #[test]
    fn guessable_codes_are_named_by_row() {
        check(
            &["K7QX-3MPA-9TZD-WH4E", "dq3dkgfmsb4tqy6fy8cxn9zpmr4bcyjk"],
            &[],
        );
        check(
            &["K7QX3MPA"],
            &["1 badge code is short (the first in row 2)"],
        );
        check(&["839174650021"], &["1 badge code is digits only"]);
        check(&["83917465002183917465"], &[]);
        check(&["83917465002183917461", "83917465002183917462"], &[]);
    }

    #[test]
    fn a_series_is_seen_whatever_its_length() {
        let series = [
            "conference-Badge-of-2026-000101",
            "conference-Badge-of-2026-000102",
            "conference-Badge-of-2026-000140",
        ];
        check(
            &series,
            &["3 badge codes are numbered one after another (the first in row 2)"],
        );
        check(&series[..2], &[]);
    }
}
