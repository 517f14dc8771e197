//! Base32 (RFC 4648 section 6, upper case, no padding) of whole groups of five bytes: what a QR code holds in five and a half bits a digit,
//! and what every keyboard layout types by letters and digits alone.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BITS_A_DIGIT: u32 = 5;

/// The digits of some bytes, whose number is a multiple of five.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 5 * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= BITS_A_DIGIT {
            bits -= BITS_A_DIGIT;
            let digit = (held >> bits) & 31;
            text.push(char::from(ALPHABET[usize::from(digit.to_le_bytes()[0])]));
        }
        held &= (1 << bits) - 1;
    }
    text
}

/// The bytes of exactly as many digits as they have. Whole groups leave no bits over, so no two texts are the same bytes.
pub(crate) fn decode<const BYTES: usize>(digits: &str) -> Option<[u8; BYTES]> {
    const { assert!(BYTES.is_multiple_of(5), "whole groups") };
    if digits.len() != BYTES / 5 * 8 {
        return None;
    }
    let mut bytes = [0; BYTES];
    let (mut held, mut bits, mut at) = (0_u32, 0, 0);
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        held = (held << BITS_A_DIGIT) | u32::try_from(value).ok()?;
        bits += BITS_A_DIGIT;
        if bits >= 8 {
            bits -= 8;
            bytes[at] = (held >> bits).to_le_bytes()[0];
            at += 1;
        }
        held &= (1 << bits) - 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vectors_of_the_rfc_that_are_whole_groups() {
        assert_eq!(encode(b"fooba"), "MZXW6YTB");
        assert_eq!(decode::<5>("MZXW6YTB"), Some(*b"fooba"));
        for bad in [
            "",
            "MZXW6YT",
            "MZXW6YTBA",
            "mzxw6ytb",
            "MZXW6YT1",
            "MZXW6Y\u{c4}",
        ] {
            assert_eq!(decode::<5>(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(bytes: [u8; 10]) {
            prop_assert_eq!(decode::<10>(&encode(&bytes)), Some(bytes));
        }
    }
}
