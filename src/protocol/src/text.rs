//! How values stand in JSON: words and ids as text, instants as RFC 3339 with milliseconds in UTC, bytes as base64.

use attendance::UtcMs;
use chrono::{DateTime, NaiveDateTime, Utc};

/// The form of an instant, always this wide: `2026-11-23T09:05:00.123Z`.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";
/// The length of an instant in bytes.
const INSTANT_BYTES: usize = 24;

/// Why a text is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an instant: write UTC with milliseconds, such as 2026-11-23T09:05:00.000Z")]
pub struct BadInstant(pub String);

/// An instant as text. Instants outside the years 0 to 9999 are held at the ends of what [`UtcMs`] calls distant.
pub fn instant(at: UtcMs) -> String {
    let held = at.clamp(UtcMs::DISTANT_PAST, UtcMs::DISTANT_FUTURE);
    DateTime::<Utc>::from_timestamp_millis(held.0)
        .unwrap_or_default()
        .format(INSTANT)
        .to_string()
}

/// Reads an instant in exactly the form [`instant`] writes.
///
/// # Errors
/// Where the form differs by a character.
pub fn parse_instant(text: &str) -> Result<UtcMs, BadInstant> {
    let bad = || BadInstant(text.chars().take(40).collect());
    if text.len() != INSTANT_BYTES || text.as_bytes().get(19) != Some(&b'.') {
        return Err(bad());
    }
    let parsed = NaiveDateTime::parse_from_str(text, INSTANT).map_err(|_| bad())?;
    let at = UtcMs(parsed.and_utc().timestamp_millis());
    // Leap seconds and the like parse, yet would be written otherwise: one instant has one text.
    if instant(at) == text {
        Ok(at)
    } else {
        Err(bad())
    }
}

/// Base64 of RFC 4648 section 4, with padding.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Reads base64 as [`base64`] writes it.
pub fn parse_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Base64 for addresses and codes: RFC 4648 section 5, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64 as [`base64url`] writes it.
pub fn parse_base64url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .ok()
}

macro_rules! adapter {
    ($(#[$doc:meta])* $name:ident, $ty:ty, $write:expr, $read:expr) => {
        $(#[$doc])*
        pub(crate) mod $name {
            #[allow(unused_imports)]
            use super::*;
            pub(crate) fn serialize<S: serde::Serializer>(value: &$ty, s: S) -> Result<S::Ok, S::Error> {
                #[allow(clippy::redundant_closure_call)]
                s.serialize_str(&($write)(value))
            }
            pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(d: D) -> Result<$ty, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                #[allow(clippy::redundant_closure_call)]
                ($read)(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

adapter!(
    /// An instant.
    as_instant, UtcMs, |at: &UtcMs| instant(*at), |text: &str| parse_instant(text)
);
adapter!(
    /// Bytes.
    as_base64, Vec<u8>, |bytes: &Vec<u8>| base64(bytes),
    |text: &str| parse_base64(text).ok_or("not base64 with padding")
);
adapter!(
    /// A hash.
    as_hash, evidence::Hash, |hash: &evidence::Hash| hash.to_hex(),
    |text: &str| evidence::Hash::from_hex(text).map_err(|e| e.to_string())
);
adapter!(
    /// A public key.
    as_public_key, evidence::PublicKey, |key: &evidence::PublicKey| key.to_base64(),
    |text: &str| evidence::PublicKey::from_base64(text).map_err(|e| e.to_string())
);

/// An instant that may be absent.
pub(crate) mod as_instant_opt {
    use super::*;
    pub(crate) fn serialize<S: serde::Serializer>(
        value: &Option<UtcMs>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(at) => s.serialize_str(&instant(*at)),
            None => s.serialize_none(),
        }
    }
    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        d: D,
    ) -> Result<Option<UtcMs>, D::Error> {
        let text = <Option<String> as serde::Deserialize>::deserialize(d)?;
        text.map(|t| parse_instant(&t))
            .transpose()
            .map_err(serde::de::Error::custom)
    }
}

/// Whatever has one text: ids, words, decimals.
pub(crate) mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;
    pub(crate) fn serialize<T: Display, S: serde::Serializer>(
        value: &T,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
    pub(crate) fn deserialize<'de, T, D>(d: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: serde::Deserializer<'de>,
    {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A list of public keys.
pub(crate) mod as_public_keys {
    use evidence::PublicKey;
    use serde::ser::SerializeSeq as _;
    pub(crate) fn serialize<S: serde::Serializer>(
        keys: &[PublicKey],
        s: S,
    ) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(Some(keys.len()))?;
        for key in keys {
            list.serialize_element(&key.to_base64())?;
        }
        list.end()
    }
    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<PublicKey>, D::Error> {
        let texts = <Vec<String> as serde::Deserialize>::deserialize(d)?;
        texts
            .iter()
            .map(|text| PublicKey::from_base64(text))
            .collect::<Result<_, _>>()
            .map_err(serde::de::Error::custom)
    }
}

/// A text that may be absent.
pub(crate) mod as_text_opt {
    use std::fmt::Display;
    use std::str::FromStr;
    pub(crate) fn serialize<T: Display, S: serde::Serializer>(
        value: &Option<T>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.collect_str(value),
            None => s.serialize_none(),
        }
    }
    pub(crate) fn deserialize<'de, T, D>(d: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: serde::Deserializer<'de>,
    {
        let text = <Option<String> as serde::Deserialize>::deserialize(d)?;
        text.map(|t| t.parse())
            .transpose()
            .map_err(serde::de::Error::custom)
    }
}

/// A list of texts.
pub(crate) mod as_texts {
    use serde::ser::SerializeSeq as _;
    use std::fmt::Display;
    use std::str::FromStr;
    pub(crate) fn serialize<T: Display, S: serde::Serializer>(
        values: &[T],
        s: S,
    ) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&value.to_string())?;
        }
        list.end()
    }
    pub(crate) fn deserialize<'de, T, D>(d: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: serde::Deserializer<'de>,
    {
        let texts = <Vec<String> as serde::Deserialize>::deserialize(d)?;
        texts
            .iter()
            .map(|t| t.parse())
            .collect::<Result<_, _>>()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_instant_has_one_text() {
        assert_eq!(instant(UtcMs(0)), "1970-01-01T00:00:00.000Z");
        for bad in [
            "2026-11-23T09:05:00Z",
            "2026-11-23T09:05:00.0000Z",
            "2026-11-23 09:05:00.000Z",
            "2026-11-23T09:05:60.000Z",
            "2026-02-30T09:05:00.000Z",
        ] {
            assert!(parse_instant(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn instants_round_trip(ms in 0_i64..=253_402_300_799_999) {
            prop_assert_eq!(parse_instant(&instant(UtcMs(ms))).unwrap(), UtcMs(ms));
        }
    }
}
