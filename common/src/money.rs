//! Money in whole cents, in text a decimal number with two places.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::parse::{self, Error, parse_digits};
use crate::{Quantity, limits};

const EXPECTED: Error = Error("a cost from 0.00 to 9999999.99, like 30 or 30.00");

/// The cost of one copy, 0.00…9,999,999.99. In JSON a string like `"40.00"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, pattern = r"^[0-9]{1,7}\.[0-9]{2}$", example = "40.00")]
pub struct Cost(u32);

impl Cost {
    /// The amount in cents.
    pub fn cents(self) -> u32 {
        self.0
    }

    /// Appends the text of the cost.
    pub fn write_to(self, text: &mut Vec<u8>) {
        Total(u64::from(self.0)).write_to(text);
    }

    /// The total of `quantity` copies.
    pub fn times(self, quantity: Quantity) -> Total {
        Total(u64::from(self.0) * u64::from(quantity.get()))
    }
}

impl TryFrom<u64> for Cost {
    type Error = Error;

    /// The cost of this number of cents.
    fn try_from(cents: u64) -> Result<Self, Error> {
        match u32::try_from(cents) {
            Ok(cents @ 0..=limits::COST_CENTS_MAX) => Ok(Self(cents)),
            _ => Err(EXPECTED),
        }
    }
}

impl FromStr for Cost {
    type Err = Error;

    /// Parses forms like `30`, `30.5` and `30.50`; rejects signs, exponents and a third decimal.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse_cents(text).ok_or(EXPECTED)?.try_into()
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Total(u64::from(self.0)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse::deserialize(deserializer)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Total(u64::from(self.0)).fmt(f)
    }
}

/// The total of an order or of a line. In JSON a string like `"80.00"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, pattern = r"^[0-9]+\.[0-9]{2}$", example = "80.00")]
pub struct Total(u64);

impl Total {
    /// The total of a refused order.
    pub const ZERO: Self = Self(0);

    /// The amount in cents.
    pub fn cents(self) -> u64 {
        self.0
    }

    pub(crate) fn write_to(self, text: &mut Vec<u8>) {
        let cents = (self.0 % 100) as u8;
        text.extend_from_slice(itoa::Buffer::new().format(self.0 / 100).as_bytes());
        text.extend_from_slice(&[b'.', b'0' + cents / 10, b'0' + cents % 10]);
    }
}

impl Sum for Total {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        Self(totals.fold(0, |sum, total| sum.saturating_add(total.0)))
    }
}

impl FromStr for Total {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_cents(text).map(Self).ok_or(EXPECTED)
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse::deserialize(deserializer)
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

fn parse_cents(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction_cents = match fraction.len() {
        1 => parse_digits(fraction)?.checked_mul(10)?,
        2 => parse_digits(fraction)?,
        _ => return None,
    };
    parse_digits(whole)?.checked_mul(100)?.checked_add(fraction_cents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_written_with_two_places() {
        for (text, written) in [
            ("30", "30.00"),
            ("30.5", "30.50"),
            ("0.01", "0.01"),
            ("9999999.99", "9999999.99"),
        ] {
            assert_eq!(
                text.parse::<Cost>().map(|cost| cost.to_string()),
                Ok(written.to_owned())
            );
        }
    }

    #[test]
    fn an_invalid_amount_is_refused() {
        for text in [
            "", ".", "1.", ".5", "1.234", "-1", "+1", "1e3", "10000000", "1,5", " 1", "NaN",
        ] {
            assert!(text.parse::<Cost>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_total_of_any_size_is_written() {
        for (cents, written) in [
            (0, "0.00"),
            (7, "0.07"),
            (100, "1.00"),
            (123_450, "1234.50"),
            (u64::MAX, "184467440737095516.15"),
        ] {
            assert_eq!(Total(cents).to_string(), written);
            assert_eq!(serde_json::to_string(&Total(cents)).unwrap(), format!("\"{written}\""));
        }
        assert_eq!(format!("{:>6}", Total(7)), "  0.07");
    }

    #[test]
    fn the_largest_order_has_a_total() {
        let largest: Cost = "9999999.99".parse().unwrap();
        assert_eq!(
            largest.times(Quantity::try_from(100).unwrap()).to_string(),
            "999999999.00"
        );
    }
}
