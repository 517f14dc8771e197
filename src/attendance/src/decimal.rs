//! Exact decimals with six places, for credits, steps and shares. Never a float.

use std::fmt;
use std::str::FromStr;

/// The number of millionths in one.
pub const SCALE: i64 = 1_000_000;

/// An exact decimal, counted in millionths. Ordering and equality are those of the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

/// Why a text is no decimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal: write digits with at most six places, such as 0.5 or 50")]
pub struct BadDecimal(pub String);

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(SCALE);

    /// From a count of millionths.
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// The count of millionths.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, held at the ends of the range instead of wrapping.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let scale = SCALE.unsigned_abs();
        let (whole, part) = (magnitude / scale, magnitude % scale);
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{part:06}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl FromStr for Decimal {
    type Err = BadDecimal;

    fn from_str(text: &str) -> Result<Self, BadDecimal> {
        let bad = || BadDecimal(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(part) || whole.len() > 12 || part.len() > 6 {
            return Err(bad());
        }
        let whole: i64 = whole.parse().map_err(|_| bad())?;
        let part: i64 = format!("{part:0<6}").parse().map_err(|_| bad())?;
        let millionths = whole * SCALE + part;
        Ok(Self(if negative { -millionths } else { millionths }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_forms() {
        for (text, millionths, back) in [
            ("0", 0, "0"),
            ("50", 50_000_000, "50"),
            ("0.5", 500_000, "0.5"),
            ("1.20", 1_200_000, "1.2"),
            ("-0.000001", -1, "-0.000001"),
            (
                "999999999999.999999",
                999_999_999_999_999_999,
                "999999999999.999999",
            ),
        ] {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(value.millionths(), millionths, "{text}");
            assert_eq!(value.to_string(), back);
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1,5",
            "1e3",
            "0.0000001",
            "+1",
            " 1",
            "1234567890123",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sums_stop_at_the_ends() {
        let sum = |a, b| {
            Decimal::from_millionths(a)
                .saturating_add(Decimal::from_millionths(b))
                .millionths()
        };
        assert_eq!(sum(1_500_000, -500_000), 1_000_000);
        assert_eq!(sum(i64::MAX, 1), i64::MAX);
    }

    proptest! {
        #[test]
        fn round_trip(m in -999_999_999_999_i64..=999_999_999_999) {
            let value = Decimal::from_millionths(m);
            prop_assert_eq!(value.to_string().parse::<Decimal>().unwrap(), value);
        }
    }
}
