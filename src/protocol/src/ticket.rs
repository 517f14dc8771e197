//! Tickets that pretix signed (its scheme `pretix_sig1`), checked against an event's ticket keys without a network.
//!
//! Format: the text is base64 with padding, its characters in reverse order. Its bytes: the version, which is 1; the lengths of payload and
//! signature, two bytes each, big-endian; the payload; and Ed25519 over the payload alone, which is all that binds a ticket to an event.
//! The payload is a protobuf message: a text (1), which makes it one of a kind; the numbers of item, variation and date (2 to 4); and from
//! and until when it holds (5, 6), in seconds since 1970, where 0 and nothing are no bound. Fields of other numbers are stepped over.
//!
//! Promises: reading is total and strict, so that a payload with its signature has one text here, and its badge one digest. Whose ticket it
//! is, and whether it was taken back since, a ticket cannot say.

use attendance::UtcMs;
use evidence::{PublicKey, SIGNATURE_BYTES};

use crate::text::parse_base64;

/// The version of the scheme that is read here.
const VERSION: u8 = 1;
/// The bytes before the payload.
const HEAD_BYTES: usize = 5;
/// The most bytes of a varint.
const VARINT_BYTES: u32 = 10;

/// Why a text is no ticket of this event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not have the form of a signed ticket: most badges do not.
    #[error("it is not a signed ticket")]
    NotOne,
    /// None of the event's ticket keys signed it: it is another event's, or forged.
    #[error("none of the event's ticket keys signed this ticket")]
    Unsigned,
    /// It is signed, and what was signed does not read.
    #[error("the ticket is signed, and what it says does not read")]
    Malformed,
}

/// What a signed ticket says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// From when it holds; always, where it does not say.
    pub valid_from: Option<UtcMs>,
    /// Until when it holds, exclusive; for ever, where it does not say.
    pub valid_until: Option<UtcMs>,
}

/// Reads a ticket that one of the keys signed. `text` is a badge's canonical text.
///
/// # Errors
/// See [`TicketError`].
pub fn open(text: &str, keys: &[PublicKey]) -> Result<Ticket, TicketError> {
    let bytes = bytes_of(text).ok_or(TicketError::NotOne)?;
    let (payload, signature) = parts(&bytes).ok_or(TicketError::NotOne)?;
    if !keys
        .iter()
        .any(|key| key.verify(payload, signature).is_ok())
    {
        return Err(TicketError::Unsigned);
    }
    said(payload).ok_or(TicketError::Malformed)
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let reversed: String = text.chars().rev().collect();
    parse_base64(&reversed)
}

/// Payload and signature.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let length = |at: usize| usize::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let (payload, signature) = rest.split_at_checked(length(1))?;
    let is_whole =
        head[0] == VERSION && length(3) == SIGNATURE_BYTES && signature.len() == SIGNATURE_BYTES;
    is_whole.then_some((payload, signature))
}

/// What a payload says. `None` where it is no message of this kind.
fn said(payload: &[u8]) -> Option<Ticket> {
    let mut rest = payload;
    let mut ticket = Ticket::default();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut rest)?.cast_signed()),
            1 => Value::Bytes(take(&mut rest, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                Value::Bytes(take(&mut rest, length)?)
            }
            5 => Value::Bytes(take(&mut rest, 4)?),
            _ => return None,
        };
        match (tag >> 3, value) {
            (0, _) => return None,
            (1, Value::Bytes(text)) => {
                std::str::from_utf8(text).ok()?;
            }
            (5, Value::Number(at_s)) => ticket.valid_from = bound(at_s),
            (6, Value::Number(at_s)) => ticket.valid_until = bound(at_s),
            _ => {}
        }
    }
    Some(ticket)
}

enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

fn bound(at_s: i64) -> Option<UtcMs> {
    let at = UtcMs(at_s.saturating_mul(1_000));
    (at_s > 0).then_some(at.min(UtcMs::DISTANT_FUTURE))
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(taken)
}

/// Seven bits a byte, the lowest first. Bits beyond 64 are refused.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..VARINT_BYTES {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * place;
        if (bits << shift) >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::text::base64;
    use evidence::SigningKey;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[4; 32])
    }

    /// A ticket's text, of these bytes.
    fn written(bytes: &[u8]) -> String {
        base64(bytes).chars().rev().collect()
    }

    fn signed(payload: &[u8], key: &SigningKey) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [
            &[1],
            length.as_slice(),
            &[0, 64],
            payload,
            &key.sign(payload),
        ]
        .concat()
    }

    #[track_caller]
    fn check(payload: &[u8], expected: Result<Ticket, TicketError>) {
        let text = written(&signed(payload, &key()));
        let other = SigningKey::from_seed(&[5; 32]).public_key();
        assert_eq!(
            open(&text, &[other, key().public_key()]),
            expected,
            "{payload:?}"
        );
        assert_eq!(open(&text, &[other]), Err(TicketError::Unsigned));
        assert_eq!(open(&text, &[]), Err(TicketError::Unsigned));
    }

    #[test]
    fn what_a_payload_says() {
        let between = |from: Option<i64>, until: Option<i64>| {
            Ok(Ticket {
                valid_from: from.map(UtcMs),
                valid_until: until.map(UtcMs),
            })
        };
        check(b"", between(None, None));
        check(
            b"\x0a\x02ab\x10\x07\x28\x05\x30\x80\x01",
            between(Some(5_000), Some(128_000)),
        );
        check(b"\x28\x00\x30\x00", between(None, None));
        check(b"\x28\x05\x28\x06", between(Some(6_000), None));
        // A negative number is no bound, the greatest is as late as anything.
        check(
            b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            between(None, None),
        );
        check(
            b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            between(None, Some(UtcMs::DISTANT_FUTURE.0)),
        );
        // Fields that are not known here, of each kind; a known number of another kind is one of them.
        check(
            b"\x39\0\0\0\0\0\0\0\0\x45\0\0\0\0\x4a\x01x\x50\x01\x2a\x01x",
            between(None, None),
        );
        for malformed in [
            b"\x28".as_slice(),
            b"\x0a\x03ab",
            b"\x0a\x01\xff",
            b"\x00\x01",
            b"\x0b",
            b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            check(malformed, Err(TicketError::Malformed));
        }
    }

    #[test]
    fn what_is_no_ticket_is_told_from_what_is_not_signed() {
        let keys = [key().public_key()];
        let good = signed(b"\x10\x07", &key());
        assert_eq!(open(&written(&good), &keys), Ok(Ticket::default()));
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            open(&written(&bytes), &keys)
        };
        for (at, byte) in [(0, 2), (1, 1), (2, 1), (2, 3), (3, 1), (4, 63), (4, 65)] {
            assert_eq!(with(at, byte), Err(TicketError::NotOne), "{at} {byte}");
        }
        assert_eq!(with(5, 0x18), Err(TicketError::Unsigned));
        assert_eq!(with(good.len() - 1, 0), Err(TicketError::Unsigned));
        let longer = written(&[good.as_slice(), b"x"].concat());
        let text = written(&good);
        for none in [
            "",
            "X1",
            &longer,
            &text[1..],
            &base64(&good),
            &format!("={text}"),
        ] {
            assert_eq!(open(none, &keys), Err(TicketError::NotOne), "{none}");
        }
    }

    proptest! {
        /// Whoever changes a ticket has none.
        #[test]
        fn a_changed_ticket_is_none(payload in proptest::collection::vec(any::<u8>(), 0..60), at in any::<proptest::sample::Index>(), flip in 1_u8..) {
            let bytes = signed(&payload, &key());
            let keys = [key().public_key()];
            prop_assert_ne!(open(&written(&bytes), &keys), Err(TicketError::Unsigned));
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] ^= flip;
            let opened = open(&written(&changed), &keys);
            prop_assert!(matches!(opened, Err(TicketError::NotOne | TicketError::Unsigned)), "{opened:?}");
        }

        /// One payload with its signature has one text.
        #[test]
        fn a_ticket_has_one_text(payload in proptest::collection::vec(any::<u8>(), 0..60), at in any::<proptest::sample::Index>(), other in any::<char>()) {
            let text = written(&signed(&payload, &key()));
            let mut chars: Vec<char> = text.chars().collect();
            let place = at.index(chars.len());
            let kept = std::mem::replace(&mut chars[place], other);
            let changed: String = chars.into_iter().collect();
            let opened = open(&changed, &[key().public_key()]);
            prop_assert!(kept == other || matches!(opened, Err(TicketError::NotOne | TicketError::Unsigned)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = open(&text, &[key().public_key()]);
            let _ = said(&payload);
        }
    }
}
