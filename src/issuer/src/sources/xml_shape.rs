//! What an XML text costs its parser is bounded before it is parsed, and lines are found again behind it.
//!
//! Limits: [`MAX_DEPTH`] elements within each other, [`MAX_ATTRIBUTES`] attributes of an element. Nodes are bounded by each
//! reader, since it knows how many its format needs.

use super::problem::{ImportError, Problem};

/// Most elements within each other; a schedule has six, a sheet some ten.
const MAX_DEPTH: usize = 64;
/// Most attributes of an element; the first of a workbook names some forty spaces of names.
const MAX_ATTRIBUTES: usize = 64;

/// Refuses what costs a parser more than it weighs: elements deep within each other, and elements with so many attributes
/// that comparing each with each takes for ever. What is no XML is left to the parser to name.
///
/// # Errors
/// The line, and `advice`.
pub(super) fn check(text: &str, lines: &Lines, advice: &str) -> Result<(), ImportError> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found;
        let rest = &text[start..];
        let skipped = [
            ("<!--", "-->"),
            ("<![CDATA[", "]]>"),
            ("<?", "?>"),
            ("</", ">"),
        ]
        .iter()
        .find(|(open, _)| rest.starts_with(open));
        if let Some((open, close)) = skipped {
            depth = depth.saturating_sub(usize::from(*open == "</"));
            let Some(end) = rest[open.len()..].find(close) else {
                return Ok(());
            };
            at = start + open.len() + end + close.len();
            continue;
        }
        let (length, attributes) = tag(rest.as_bytes());
        let is_empty = rest.as_bytes().get(length.saturating_sub(2)) == Some(&b'/');
        depth += usize::from(!is_empty);
        let wrong = if depth > MAX_DEPTH {
            format!("elements lie more than {MAX_DEPTH} deep within each other")
        } else if attributes > MAX_ATTRIBUTES {
            format!("an element has more than {MAX_ATTRIBUTES} attributes")
        } else {
            at = start + length;
            continue;
        };
        return Err(Problem::of_row(lines.of(start), format!("{wrong}; {advice}")).into());
    }
    Ok(())
}

/// The length of the tag that begins here, and how many quoted values it has.
fn tag(bytes: &[u8]) -> (usize, usize) {
    let (mut quote, mut values) = (None, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if *byte == b'>' => return (at + 1, values),
            None if matches!(byte, b'"' | b'\'') => (quote, values) = (Some(byte), values + 1),
            None => {}
        }
    }
    (bytes.len(), values)
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn of(&self, at: usize) -> u64 {
        1 + self.0.partition_point(|end| *end < at) as u64
    }
}
