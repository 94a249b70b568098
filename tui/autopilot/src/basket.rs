//! The number of lines of a purchase.

use std::fmt;
use std::str::FromStr;

use common::limits;

/// The number of lines of a purchase: fixed or drawn from a range; 1…[`limits::ORDER_LINES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basket {
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Basket {
    /// One line.
    pub const ONE: Self = Self { least: 1, most: 1 };

    /// Whether a purchase can have several lines.
    pub(super) fn is_several(self) -> bool {
        self.most > 1
    }
}

impl FromStr for Basket {
    type Err = &'static str;

    /// `3`, or `1..5` with both ends.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        match [least, most].map(lines) {
            [Some(least), Some(most)] if least <= most => Ok(Self { least, most }),
            _ => Err("expected a number of books from 1 to 20, or a range like 1..5"),
        }
    }
}

fn lines(text: &str) -> Option<usize> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let lines = text.parse().ok().filter(|_| is_number)?;
    (1..=limits::ORDER_LINES_MAX).contains(&lines).then_some(lines)
}

impl fmt::Display for Basket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { least, most } if least == most => write!(f, "{least}"),
            Self { least, most } => write!(f, "{least}..{most}"),
        }
    }
}

/// The counts of purchases that ended and of their lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BasketCounts {
    /// Purchases that ended.
    pub orders: u64,
    /// Lines of these purchases.
    pub lines: u64,
    /// Purchases of several lines of which exactly one had too little stock.
    pub refused_for_one_line: u64,
}

impl BasketCounts {
    pub(super) fn count(&mut self, lines: usize, is_refused_for_one_line: bool) {
        *self += Self {
            orders: 1,
            lines: lines as u64,
            refused_for_one_line: is_refused_for_one_line.into(),
        };
    }

    /// The mean number of lines, rounded to two decimals; 0 without purchases.
    pub fn lines_per_order(self) -> f64 {
        (self.lines as f64 / self.orders.max(1) as f64 * 100.0).round() / 100.0
    }
}

impl std::ops::AddAssign for BasketCounts {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.lines += other.lines;
        self.refused_for_one_line += other.refused_for_one_line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basket_is_read_as_it_is_written() {
        for text in ["1", "20", "1..5", "2..20"] {
            assert_eq!(text.parse::<Basket>().unwrap().to_string(), text);
        }
        assert_eq!("3..3".parse::<Basket>(), "3".parse());
        assert_eq!("1".parse(), Ok(Basket::ONE));
        for text in [
            "", "0", "21", "1..21", "0..2", "5..1", "1..", "..5", "1..=5", "+1", "1.5", "a",
        ] {
            assert!(text.parse::<Basket>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn lines_are_counted_for_each_order() {
        let mut counts = BasketCounts::default();
        assert!(counts.lines_per_order().abs() < f64::EPSILON);
        counts.count(5, true);
        counts.count(1, false);
        counts.count(2, false);
        assert_eq!((counts.orders, counts.lines, counts.refused_for_one_line), (3, 8, 1));
        assert!((counts.lines_per_order() - 2.67).abs() < 1e-9);
    }
}
