//! What a code that was read looks like, for people who ask whether a reader reads well, without saying what it says.
//!
//! Contract: of letters and digits only the kind is told, of signs only those that part a code. A scanner that types for another country, one
//! that adds a prefix or blanks, one that cuts codes short: each is seen by the kinds. Nobody is found by them.

use super::{RawScan, symbology};

/// The most characters that are told.
const SHAPE_MAX: usize = 64;

/// A code by the kinds of its characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many characters it has.
    pub characters: usize,
    /// `A` for a large letter, `a` for a small one, `9` for a digit, `#` for a sign, `Ä` for a letter beyond ASCII; what parts a code as it
    /// is; a blank and what is not seen by name.
    pub kinds: String,
    /// The symbology in words with its AIM identifier, where the reader says it.
    pub symbology: Option<String>,
}

impl Shape {
    /// The shape of what was read.
    pub fn of(scan: &RawScan) -> Self {
        let symbology = scan.symbology.as_deref().map(|identifier| {
            symbology::name(identifier).map_or_else(
                || identifier.to_owned(),
                |name| format!("{name}, {identifier}"),
            )
        });
        Self {
            characters: scan.text.chars().count(),
            kinds: kinds(&scan.text),
            symbology,
        }
    }
}

fn kinds(text: &str) -> String {
    let mut kinds = String::with_capacity(text.len().min(SHAPE_MAX));
    for (at, character) in text.chars().enumerate() {
        if at == SHAPE_MAX {
            kinds.push('…');
            break;
        }
        match character {
            'A'..='Z' => kinds.push('A'),
            'a'..='z' => kinds.push('a'),
            '0'..='9' => kinds.push('9'),
            '-' | '.' | ':' | '/' | '_' => kinds.push(character),
            ' ' => kinds.push_str("(blank)"),
            seen if seen.is_ascii_punctuation() => kinds.push('#'),
            letter if letter.is_alphabetic() => kinds.push('Ä'),
            other if other.is_control() || other.is_whitespace() => {
                kinds.push_str(&format!("(U+{:04X})", u32::from(other)));
            }
            _ => kinds.push('#'),
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use attendance::UtcMs;
    use attendance::time::{Stamp, Sync};
    use proptest::prelude::*;

    use super::*;

    fn shape(text: &str, identifier: Option<&str>) -> Shape {
        Shape::of(&RawScan {
            reader: "r".parse().unwrap(),
            symbology: identifier.map(str::to_owned),
            text: text.to_owned(),
            stamp: Stamp {
                wall: UtcMs(0),
                boot: "00000000-0000-0000-0000-000000000000".parse().unwrap(),
                raw_ms: 0,
                sync: Sync::Unset,
                error_ms: None,
            },
        })
    }

    #[test]
    fn kinds_are_told_and_characters_are_not() {
        let check = |text: &str, kinds: &str| assert_eq!(shape(text, None).kinds, kinds, "{text}");
        check("AB12-cd/7", "AA99-aa/9");
        check(" A\u{1d}B\t", "(blank)A(U+001D)A(U+0009)");
        check("+ěšč", "#ÄÄÄ");
        check("日本1", "ÄÄ9");
        check("€", "#");
        check(&"x".repeat(65), &format!("{}…", "a".repeat(64)));
        assert_eq!(shape("日本1", None).characters, 3);
    }

    #[test]
    fn a_symbology_is_named() {
        let check = |identifier, expected: &str| {
            assert_eq!(
                shape("A", Some(identifier)).symbology.as_deref(),
                Some(expected)
            );
        };
        check("]Q1", "QR code, ]Q1");
        check("]?0", "]?0");
    }

    proptest! {
        #[test]
        fn two_codes_of_the_same_kinds_look_alike(text in "[A-Z]{2}[0-9]{4}-[a-z]{3}") {
            prop_assert_eq!(shape(&text, None).kinds, "AA9999-aaa");
        }
    }
}
