//! Item numbers, quantities and stocks.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits;
use crate::parse::{Error, parse_digits};

/// Implements a number within a range. Every constructor checks the range; `$parse` returns `None` outside of it.
macro_rules! ranged {
    ($type:ident, $number:ty, $parse:expr, |$inner:ident| $get:expr, $expected:literal) => {
        impl $type {
            /// The number.
            pub fn get(self) -> $number {
                let $inner = self.0;
                $get
            }
        }

        impl TryFrom<u64> for $type {
            type Error = Error;

            fn try_from(number: u64) -> Result<Self, Error> {
                ($parse)(number).map(Self).ok_or(Error($expected))
            }
        }

        impl From<$type> for $number {
            fn from(value: $type) -> $number {
                value.get()
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                parse_digits(text).ok_or(Error($expected))?.try_into()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    };
}

/// A book's item number, 1…2⁵³−1, which includes every ISBN-13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u64")]
#[schema(value_type = u64, format = Int64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 2)]
pub struct ItemNumber(u64);

ranged!(
    ItemNumber,
    u64,
    |number| (1..=limits::ITEM_MAX).contains(&number).then_some(number),
    |number| number,
    "an item number, a whole number from 1 to 9007199254740991"
);

/// The number of ordered copies, 1…100; by default 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u32")]
#[schema(value_type = u32, minimum = 1, maximum = 100, example = 1)]
pub struct Quantity(NonZeroU8);

ranged!(
    Quantity,
    u32,
    |number| {
        let number = u8::try_from(number).ok().and_then(NonZeroU8::new)?;
        (u32::from(number.get()) <= limits::QUANTITY_MAX).then_some(number)
    },
    |number| number.get().into(),
    "a quantity, a whole number from 1 to 100"
);

impl Quantity {
    /// One copy.
    pub const ONE: Self = Self(NonZeroU8::MIN);
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ONE
    }
}

/// The number of copies of a book in stock, 0…10⁹.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u32")]
#[schema(value_type = u32, maximum = 1_000_000_000, example = 500)]
pub struct Stock(u32);

ranged!(
    Stock,
    u32,
    |number| u32::try_from(number).ok().filter(|&number| number <= limits::STOCK_MAX),
    |number| number,
    "a stock, a whole number from 0 to 1000000000"
);

impl Stock {
    /// No copies.
    pub const ZERO: Self = Self(0);

    /// The stock after adding `change`; `None` outside 0…10⁹.
    pub fn checked_add_signed(self, change: i64) -> Option<Self> {
        let sum = i64::from(self.0).checked_add(change)?;
        Self::try_from(u64::try_from(sum).ok()?).ok()
    }

    /// The change from this stock to `other`.
    pub fn difference_to(self, other: Self) -> i64 {
        i64::from(other.0) - i64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_number_is_a_positive_whole_number_that_a_double_holds() {
        for number in [1, 9_780_306_406_157, limits::ITEM_MAX] {
            assert_eq!(
                number.to_string().parse::<ItemNumber>().map(ItemNumber::get),
                Ok(number)
            );
        }
        for text in [
            "0",
            "9007199254740992",
            "18446744073709551617",
            "-1",
            "+1",
            " 1",
            "1.0",
            "",
            "1e3",
            "٣",
        ] {
            assert!(text.parse::<ItemNumber>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_quantity_in_json_is_a_whole_number_from_1_to_100() {
        assert_eq!(
            serde_json::from_str::<Quantity>("100").map(Quantity::get).ok(),
            Some(100)
        );
        for json in [
            "0",
            "101",
            "-1",
            "1e9",
            "1.0",
            "null",
            "\"1\"",
            "true",
            "[1]",
            "18446744073709551616",
        ] {
            assert!(serde_json::from_str::<Quantity>(json).is_err(), "{json} was accepted");
        }
    }

    #[test]
    fn an_optional_quantity_is_one_byte() {
        assert_eq!(size_of::<Option<Quantity>>(), 1);
    }

    #[test]
    fn a_stock_stays_within_its_range() {
        let full = Stock::try_from(1_000_000_000).unwrap();
        assert_eq!(full.checked_add_signed(1), None);
        assert_eq!(Stock::ZERO.checked_add_signed(-1), None);
        assert_eq!(full.checked_add_signed(-1_000_000_000), Some(Stock::ZERO));
        assert_eq!(full.checked_add_signed(i64::MIN), None);
        assert_eq!(Stock::ZERO.difference_to(full), 1_000_000_000);
    }
}
