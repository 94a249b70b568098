//! The mix of operations.

use std::str::FromStr;

use super::outcome::{ByOperation, OperationKind};

/// The largest weight, in thousandths.
const WEIGHT_MAX: u32 = 1_000_000_000;

/// The relative frequency of each kind of operation, as integer weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Its name in reports.
    pub name: &'static str,
    /// The weights.
    pub weights: ByOperation<u32>,
}

impl Mix {
    /// The mix of the original client: every kind of operation is equally likely.
    pub const RANDOM: Self = Self::of("random", 1, 1, 1);
    /// Modeled on TPC-W's browsing mix: 95 % of the interactions browse.
    pub const BROWSING: Self = Self::of("browsing", 740, 240, 7);
    /// Modeled on TPC-W's shopping mix: 80 % of the interactions browse.
    pub const SHOPPING: Self = Self::of("shopping", 630, 350, 12);
    /// Modeled on TPC-W's ordering mix: half of the interactions order.
    pub const ORDERING: Self = Self::of("ordering", 380, 520, 100);
    /// The named mixes.
    pub const NAMED: [Self; 4] = [Self::RANDOM, Self::BROWSING, Self::SHOPPING, Self::ORDERING];

    const fn of(name: &'static str, search: u32, lookup: u32, buy: u32) -> Self {
        let weights = ByOperation { search, lookup, buy };
        Self { name, weights }
    }

    /// The sum of all weights.
    pub fn sum(&self) -> u64 {
        let weights = self.weights.named();
        weights.into_iter().map(|(_, weight)| u64::from(*weight)).sum()
    }

    /// The share of a kind in all operations, 0 to 1.
    pub fn share(&self, kind: OperationKind) -> f64 {
        f64::from(self.weights[kind]) / self.sum().max(1) as f64
    }

    /// The kind that a number below the sum selects.
    pub(super) fn choose(&self, mut point: u64) -> OperationKind {
        for kind in [OperationKind::Search, OperationKind::Lookup] {
            let weight = u64::from(self.weights[kind]);
            if point < weight {
                return kind;
            }
            point -= weight;
        }
        OperationKind::Buy
    }
}

impl FromStr for Mix {
    type Err = String;

    /// Parses a name, or three weights with at most three decimals like `74:24:0.7`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(named) = Self::NAMED.into_iter().find(|mix| mix.name == text) {
            return Ok(named);
        }
        let expected = || "expected random, browsing, shopping, ordering or weights like 74:24:0.7".to_owned();
        let weights: Vec<u32> = text
            .split(':')
            .map(|weight| thousandths(weight).ok_or_else(expected))
            .collect::<Result<_, _>>()?;
        let &[search, lookup, buy] = weights.as_slice() else {
            return Err(expected());
        };
        let divisor = [search, lookup, buy].into_iter().fold(0, gcd);
        if divisor == 0 {
            return Err("expected at least one weight above 0".to_owned());
        }
        Ok(Self::of("custom", search / divisor, lookup / divisor, buy / divisor))
    }
}

fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    let weight = whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(part)?;
    (weight <= WEIGHT_MAX).then_some(weight)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_with_decimals_and_brought_to_their_lowest_terms() {
        assert_eq!("74:24:0.7".parse(), Ok(Mix::of("custom", 740, 240, 7)));
        assert_eq!("2:2:2".parse(), Ok(Mix::of("custom", 1, 1, 1)));
        assert_eq!("shopping".parse(), Ok(Mix::SHOPPING));
        for text in [
            "",
            "1:2",
            "1:2:3:4",
            "0:0:0",
            "-1:1:1",
            "a:1:1",
            "1:1:0.0001",
            "5000000:1:1",
        ] {
            assert!(text.parse::<Mix>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn the_named_mixes_browse_as_often_as_they_say() {
        for (mix, buys) in [(Mix::BROWSING, 0.0071), (Mix::SHOPPING, 0.0121), (Mix::ORDERING, 0.1)] {
            assert!((mix.share(OperationKind::Buy) - buys).abs() < 0.0001, "{mix:?}");
        }
    }
}
