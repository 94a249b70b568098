//! The distribution of purchases over books.

use std::str::FromStr;

/// The distribution of lookups and purchases over books.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Popularity {
    /// Every book is equally likely.
    #[default]
    Uniform,
    /// Zipf's law: the book of rank r (by item number) is 1 ÷ rˢ times as likely as the first.
    Zipf(f64),
}

/// The largest exponent; beyond it only the first book would be chosen.
const EXPONENT_MAX: f64 = 5.0;

impl FromStr for Popularity {
    type Err = &'static str;

    /// `uniform`, `zipf`, or `zipf:0.8` with an exponent.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let exponent = match text {
            "uniform" => return Ok(Self::Uniform),
            "zipf" => Some(1.0),
            _ => text
                .strip_prefix("zipf:")
                .and_then(|exponent| exponent.parse::<f64>().ok()),
        };
        exponent
            .filter(|exponent| (0.0..=EXPONENT_MAX).contains(exponent))
            .map(Self::Zipf)
            .ok_or("expected uniform, zipf, or zipf with an exponent from 0 to 5, like zipf:0.8")
    }
}

impl std::fmt::Display for Popularity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
        }
    }
}

/// The cumulative distribution: for each rank the exclusive upper bound of the 64-bit numbers that select this rank or
/// an earlier one.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranks(Vec<u64>);

impl Ranks {
    /// The distribution over `books` ranks; `None` if it is uniform.
    pub(super) fn of(popularity: Popularity, books: usize) -> Option<Self> {
        let Popularity::Zipf(exponent) = popularity else {
            return None;
        };
        let weight = |rank: u32| match exponent {
            // The usual one needs nothing but a division, which is the same on every machine.
            1.0 => 1.0 / f64::from(rank),
            other => f64::from(rank).powf(-other),
        };
        let ranks = 1..=u32::try_from(books).unwrap_or(u32::MAX);
        let total: f64 = ranks.clone().map(weight).sum();
        let mut sum = 0.0;
        let ends = ranks.map(|rank| {
            sum += weight(rank);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a part of one, spread over 64 bits; the cast saturates"
            )]
            let end = (sum / total * u64::MAX as f64) as u64;
            end
        });
        Some(Self(ends.collect()))
    }

    /// The rank that a random number selects, counted from 0.
    pub(super) fn choose(&self, draw: u64) -> usize {
        let rank = self.0.partition_point(|end| *end <= draw);
        rank.min(self.0.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_popularity_is_read_as_it_is_written() {
        for text in ["uniform", "zipf:0.8", "zipf:1"] {
            assert_eq!(text.parse::<Popularity>().unwrap().to_string(), text);
        }
        for text in ["", "zipf:", "zipf:x", "zipf:-1", "zipf:6", "zipf:NaN", "normal"] {
            assert!(text.parse::<Popularity>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn under_zipf_the_second_book_is_half_as_likely_as_the_first() {
        let ranks = Ranks::of(Popularity::Zipf(1.0), 4).unwrap();
        let mut wanted = [0_u32; 4];
        for step in 0..25_000_u64 {
            wanted[ranks.choose(step * (u64::MAX / 25_000))] += 1;
        }
        // 12 : 6 : 4 : 3 of 25.
        assert!(
            wanted
                .iter()
                .zip([12_000, 6_000, 4_000, 3_000])
                .all(|(is, should)| is.abs_diff(should) < 10),
            "{wanted:?}"
        );
        assert_eq!((ranks.choose(0), ranks.choose(u64::MAX)), (0, 3));
    }
}
