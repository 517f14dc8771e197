//! AIM symbology identifiers (ISO/IEC 15424): `]`, a letter for the symbology, a character for its options.

/// Characters of an identifier.
const CHARS: usize = 3;

/// Whether `text` is an identifier and nothing else.
pub(super) fn is_identifier(text: &str) -> bool {
    matches!(text.as_bytes(), [b']', letter, option] if letter.is_ascii_alphabetic() && option.is_ascii_alphanumeric())
}

/// A code's text apart from the identifier in front of it, if there is one.
pub(super) fn split(text: &str) -> (Option<&str>, &str) {
    match text.split_at_checked(CHARS) {
        Some((identifier, rest)) if is_identifier(identifier) => (Some(identifier), rest),
        _ => (None, text),
    }
}

/// What identifiers stand for, by their letter.
const NAMES: &[(char, &str)] = &[
    ('A', "Code 39"),
    ('C', "Code 128"),
    ('E', "EAN or UPC"),
    ('G', "Code 93"),
    ('I', "Interleaved 2 of 5"),
    ('L', "PDF417"),
    ('Q', "QR code"),
    ('d', "Data Matrix"),
    ('z', "Aztec"),
];

/// The symbology that an identifier stands for, in words.
pub fn name(identifier: &str) -> Option<&'static str> {
    let letter = identifier.chars().nth(1)?;
    let named = NAMES.iter().find(|(known, _)| *known == letter);
    named.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_taken_off_and_nothing_else_is() {
        for (text, identifier, rest) in [
            ("]Q3BADGE", Some("]Q3"), "BADGE"),
            ("]C0", Some("]C0"), ""),
            ("]d2]Q3", Some("]d2"), "]Q3"),
            ("BADGE", None, "BADGE"),
            ("]1QBADGE", None, "]1QBADGE"),
            ("]Q-BADGE", None, "]Q-BADGE"),
            ("]Q", None, "]Q"),
            ("]\u{e9}x", None, "]\u{e9}x"),
            ("", None, ""),
        ] {
            assert_eq!(split(text), (identifier, rest), "{text:?}");
        }
    }
}
