//! Item numbers, quantities and stocks.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits;

/// A number out of range; says what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Error(&'static str);

/// A book's item number, 1…2³²−1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u32")]
#[schema(value_type = u32, minimum = 1, example = 2)]
pub struct ItemNumber(NonZeroU32);

impl ItemNumber {
    const EXPECTED: Error = Error("an item number, a whole number from 1 to 4294967295");

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u64> for ItemNumber {
    type Error = Error;

    fn try_from(number: u64) -> Result<Self, Error> {
        let number = u32::try_from(number).map_err(|_| Self::EXPECTED)?;
        NonZeroU32::new(number).map(Self).ok_or(Self::EXPECTED)
    }
}

impl From<ItemNumber> for u32 {
    fn from(item: ItemNumber) -> u32 {
        item.get()
    }
}

impl FromStr for ItemNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_digits(text).ok_or(Self::EXPECTED)?.try_into()
    }
}

impl fmt::Display for ItemNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The copies of an order, 1…100; 1 unless a request says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u32")]
#[schema(value_type = u32, minimum = 1, maximum = 100, example = 1)]
pub struct Quantity(u32);

impl Quantity {
    /// One copy.
    pub const ONE: Self = Self(1);
    const EXPECTED: Error = Error("a quantity, a whole number from 1 to 100");

    /// The number of copies.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u64> for Quantity {
    type Error = Error;

    fn try_from(number: u64) -> Result<Self, Error> {
        match u32::try_from(number) {
            Ok(copies @ 1..=limits::QUANTITY_MAX) => Ok(Self(copies)),
            _ => Err(Self::EXPECTED),
        }
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> u32 {
        quantity.0
    }
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_digits(text).ok_or(Self::EXPECTED)?.try_into()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The copies of a book in stock, 0…10⁹.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u32")]
#[schema(value_type = u32, maximum = 1_000_000_000, example = 500)]
pub struct Stock(u32);

impl Stock {
    /// No copies.
    pub const ZERO: Self = Self(0);
    const EXPECTED: Error = Error("a stock, a whole number from 0 to 1000000000");

    /// The number of copies.
    pub fn get(self) -> u32 {
        self.0
    }

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

impl TryFrom<u64> for Stock {
    type Error = Error;

    fn try_from(number: u64) -> Result<Self, Error> {
        match u32::try_from(number) {
            Ok(copies @ 0..=limits::STOCK_MAX) => Ok(Self(copies)),
            _ => Err(Self::EXPECTED),
        }
    }
}

impl From<Stock> for u32 {
    fn from(stock: Stock) -> u32 {
        stock.0
    }
}

impl FromStr for Stock {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_digits(text).ok_or(Self::EXPECTED)?.try_into()
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Parses a whole number: digits alone, without sign, blanks or exponent.
pub(crate) fn parse_digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_number_is_a_positive_whole_number_of_32_bits() {
        assert_eq!("4294967295".parse::<ItemNumber>().map(ItemNumber::get), Ok(u32::MAX));
        for text in ["0", "4294967296", "-1", "+1", " 1", "1.0", "", "1e3", "٣"] {
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
    fn a_stock_stays_within_its_range() {
        let full = Stock::try_from(1_000_000_000).unwrap();
        assert_eq!(full.checked_add_signed(1), None);
        assert_eq!(Stock::ZERO.checked_add_signed(-1), None);
        assert_eq!(full.checked_add_signed(-1_000_000_000), Some(Stock::ZERO));
        assert_eq!(full.checked_add_signed(i64::MIN), None);
        assert_eq!(Stock::ZERO.difference_to(full), 1_000_000_000);
    }
}
