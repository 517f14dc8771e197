//! Bytes of a text file become text: UTF-8 with or without a byte order mark, UTF-16 of either order with one.
//!
//! Nothing is repaired and nothing guessed: a file in another encoding, or cut off within a letter, is refused with the
//! line, since a lost letter in a name ends up on a certificate.

use std::borrow::Cow;

use super::MAX_IMPORT_BYTES;
use super::problem::{ImportError, Problem};

/// How to save a table so that it can be read.
pub(super) const HOW_TO_SAVE: &str = "save it as CSV in UTF-8 (Excel: \"CSV UTF-8 (Comma delimited)\"; LibreOffice: character \
                                      set \"Unicode (UTF-8)\") and import it again";

/// Refuses what is larger than is read at once.
pub(super) fn bounded(bytes: &[u8]) -> Result<(), ImportError> {
    if bytes.len() > MAX_IMPORT_BYTES {
        return Err(Problem::of_file(format!(
            "the file is larger than the {} MiB that are read at once; split it",
            MAX_IMPORT_BYTES / (1024 * 1024)
        ))
        .into());
    }
    Ok(())
}

/// The text of a file, without its byte order mark.
///
/// # Errors
/// Too large, or not the encoding it must be; `how_to_save` says what to do then.
pub(super) fn decode<'a>(bytes: &'a [u8], how_to_save: &str) -> Result<Cow<'a, str>, ImportError> {
    bounded(bytes)?;
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => {
            Err(Problem::of_file(format!("the file is UTF-32; {how_to_save}")).into())
        }
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes, how_to_save).map(Cow::Owned),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes, how_to_save).map(Cow::Owned),
        _ => utf8(bytes, how_to_save).map(Cow::Borrowed),
    }
}

fn utf8<'a>(bytes: &'a [u8], how_to_save: &str) -> Result<&'a str, ImportError> {
    // UTF-16 has a zero in every other byte wherever the text is ASCII, and every format read here begins so.
    let zeros = bytes.iter().take(64).filter(|b| **b == 0).count();
    if zeros > 8 {
        return Err(Problem::of_file(format!(
            "the file is UTF-16 without a byte order mark, so the order of its bytes is not known; {how_to_save}"
        ))
        .into());
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let message = if error.error_len().is_none() {
            "the file ends in the middle of a letter: it was cut off; copy or download it again"
                .to_owned()
        } else {
            format!("a letter here is not UTF-8, probably Latin-1 or Windows-1252; {how_to_save}")
        };
        Problem::of_row(line_at(bytes, error.valid_up_to()), message).into()
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, how_to_save: &str) -> Result<String, ImportError> {
    let pairs = bytes.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let mut text = String::with_capacity(bytes.len() / 2);
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    for letter in char::decode_utf16(units) {
        let Ok(letter) = letter else {
            let message = format!(
                "a letter here is half of a UTF-16 pair: the file is damaged; {how_to_save}"
            );
            return Err(Problem::of_row(line_at(text.as_bytes(), text.len()), message).into());
        };
        text.push(letter);
    }
    if odd {
        let message = "the file ends in the middle of a UTF-16 letter: it was cut off; copy or download it again";
        return Err(Problem::of_row(line_at(text.as_bytes(), text.len()), message).into());
    }
    Ok(text)
}

/// The line of a byte, from 1.
pub(super) fn line_at(bytes: &[u8], at: usize) -> u64 {
    let before = bytes.get(..at).unwrap_or(bytes);
    1 + before.iter().filter(|b| **b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let got = decode(bytes, "save it again").map_err(|error| error.to_string());
        let good = match (&got, expected) {
            (Ok(text), Ok(expected)) => text == expected,
            (Err(said), Err(expected)) => said.contains(expected),
            _ => false,
        };
        assert!(good, "{got:?} where {expected:?} was expected");
    }

    fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn encodings_with_their_marks() {
        let text = "\u{FEFF}Zoë, 山田 👩‍🔬\n";
        let plain = text.trim_start_matches('\u{FEFF}');
        check(text.as_bytes(), Ok(plain));
        check(plain.as_bytes(), Ok(plain));
        check(&units(text, u16::to_le_bytes), Ok(plain));
        check(&units(text, u16::to_be_bytes), Ok(plain));
        check(b"", Ok(""));
        check(&[0xFF, 0xFE], Ok(""));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line() {
        check(
            &units("name,badge\n", u16::to_le_bytes),
            Err("without a byte order mark"),
        );
        check(b"a\nb\nZo\xEB\n", Err("row 3: a letter here is not UTF-8"));
        check(
            "a\nZoë".as_bytes().split_last().unwrap().1,
            Err("row 2: the file ends in the middle"),
        );
        let mut cut = units("\u{FEFF}a\nb", u16::to_le_bytes);
        cut.pop();
        check(
            &cut,
            Err("row 2: the file ends in the middle of a UTF-16 letter"),
        );
        check(
            &[0xFF, 0xFE, b'a', 0, b'\n', 0, 0x3D, 0xD8, b'b', 0],
            Err("row 2: a letter here is half"),
        );
        check(&[0xFF, 0xFE, 0, 0, b'a', 0, 0, 0], Err("UTF-32"));
        check(&vec![b'x'; MAX_IMPORT_BYTES + 1], Err("split it"));
    }
}
