//! The distribution of lookups and purchases over books.

use std::ops::Range;
use std::str::FromStr;

use common::InlineVec;

/// The distribution of lookups and purchases over books.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Popularity {
    /// Every book is equally likely.
    #[default]
    Uniform,
    /// Zipf's law: the book of rank r (by item number) is 1 ÷ rˢ times as likely as the first.
    Zipf(f64),
}

/// The largest exponent. A larger one would select almost only the first book.
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

/// The distribution over the ranks of the books: each rank is selected by a range of numbers below a total.
#[derive(Debug, Clone)]
pub(super) enum Ranks {
    /// The number of ranks; each is selected by one number.
    Uniform(usize),
    /// The exclusive upper bound of each rank's 64-bit numbers; the lower bound is the previous rank's.
    Zipf(Vec<u64>),
}

impl Ranks {
    pub(super) fn of(popularity: Popularity, books: usize) -> Self {
        let Popularity::Zipf(exponent) = popularity else {
            return Self::Uniform(books);
        };
        let weight = |rank: u32| match exponent {
            // A division, unlike `powf`, has the same result on every machine.
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
        Self::Zipf(ends.collect())
    }

    fn len(&self) -> usize {
        match self {
            Self::Uniform(ranks) => *ranks,
            Self::Zipf(ends) => ends.len(),
        }
    }

    /// The number of numbers that select a rank.
    fn total(&self) -> u128 {
        match self {
            Self::Uniform(ranks) => *ranks as u128,
            Self::Zipf(_) => 1 << 64,
        }
    }

    /// The numbers that select a rank.
    fn range(&self, rank: usize) -> Range<u128> {
        match self {
            Self::Uniform(_) => rank as u128..rank as u128 + 1,
            Self::Zipf(ends) => {
                let end = |rank: usize| ends.get(rank).map_or(0, |end| u128::from(*end));
                let start = rank.checked_sub(1).map_or(0, end);
                // The last rank also gets the numbers that rounding leaves over.
                start..if rank + 1 == ends.len() {
                    self.total()
                } else {
                    end(rank)
                }
            }
        }
    }

    /// The rank that a number selects, counted from 0.
    fn choose(&self, number: u64) -> usize {
        let rank = match self {
            Self::Uniform(_) => usize::try_from(number).unwrap_or(usize::MAX),
            Self::Zipf(ends) => ends.partition_point(|end| *end <= number),
        };
        rank.min(self.len().saturating_sub(1))
    }

    /// Draws `count` different ranks, or all if there are fewer, in ascending order. `below` draws a number below a bound,
    /// once for each rank. Each draw has the probabilities of the ranks that are left.
    pub(super) fn sample(&self, count: usize, mut below: impl FnMut(u128) -> u64) -> InlineVec<usize> {
        let mut chosen = InlineVec::new();
        while chosen.len() < count.min(self.len()) {
            let width = |rank: &usize| {
                let Range { start, end } = self.range(*rank);
                end - start
            };
            let left = self.total() - chosen.iter().map(width).sum::<u128>();
            let mut number = u128::from(below(left));
            // Skips the numbers of chosen ranks.
            for rank in &chosen {
                if self.range(*rank).start <= number {
                    number += width(rank);
                }
            }
            let rank = self.choose(u64::try_from(number).unwrap_or(u64::MAX));
            let place = chosen.partition_point(|other| *other < rank);
            chosen.insert(place, rank);
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

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
        let ranks = Ranks::of(Popularity::Zipf(1.0), 4);
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

    #[test]
    fn ranks_are_drawn_without_repetition_and_in_proportion_to_what_is_left() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut below = |bound: u128| u64::try_from((u128::from(rng.next_u64()) * bound) >> 64).unwrap();
        for popularity in [Popularity::Uniform, Popularity::Zipf(1.0), Popularity::Zipf(5.0)] {
            for books in [1, 2, 20, 10_000] {
                let ranks = Ranks::of(popularity, books);
                for count in [1, 2, 20] {
                    let sample = ranks.sample(count, &mut below);
                    assert_eq!(sample.len(), count.min(books), "{popularity} {books} {count}");
                    assert!(sample.is_sorted_by(|a, b| a < b) && sample.iter().all(|rank| *rank < books));
                }
            }
        }
        // Of 12 : 6 : 4 : 3, the pair of the first two is drawn with 12/25 · 6/13 + 6/25 · 12/19.
        let ranks = Ranks::of(Popularity::Zipf(1.0), 4);
        let pairs = (0..25_000)
            .filter(|_| ranks.sample(2, &mut below)[..] == [0, 1])
            .count();
        assert!((9_000..9_660).contains(&pairs), "{pairs}");
    }
}
