//! What each shopper will do, decided beforehand: a function of the seed, the shopper's number, the mix, the quantity and
//! the shelf as it was at the start, and of nothing that the store answers.
//!
//! Every operation takes exactly two numbers from the generator, so that a plan can be followed by hand.

use std::io::{self, Write};
use std::sync::Arc;

use common::{ItemNumber, Quantity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::outcome::Verb;
use super::shelf::Shelf;

/// How many operations of each shopper are written to a plan's file.
pub(super) const WRITTEN_OPERATIONS: u64 = 10_000;

/// How often each verb is chosen, as whole weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Its name in reports.
    pub name: &'static str,
    /// Weight of searching a topic.
    pub search: u32,
    /// Weight of looking a book up.
    pub lookup: u32,
    /// Weight of buying.
    pub buy: u32,
}

impl Mix {
    /// The original client's: each verb equally likely.
    pub const RANDOM: Self = Self {
        name: "random",
        search: 1,
        lookup: 1,
        buy: 1,
    };

    /// A verb's weight.
    pub fn weight(&self, verb: Verb) -> u32 {
        match verb {
            Verb::Search => self.search,
            Verb::Lookup => self.lookup,
            Verb::Buy => self.buy,
        }
    }

    /// All weights together.
    pub fn sum(&self) -> u64 {
        Verb::ALL.iter().map(|verb| u64::from(self.weight(*verb))).sum()
    }

    fn choose(&self, mut point: u64) -> Verb {
        for verb in [Verb::Search, Verb::Lookup] {
            let weight = u64::from(self.weight(verb));
            if point < weight {
                return verb;
            }
            point -= weight;
        }
        Verb::Buy
    }
}

/// One thing that a shopper does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "operation", rename_all = "lowercase")]
pub enum Operation {
    /// Searches a topic.
    Search {
        /// The topic, as the shelf spells it.
        #[serde(serialize_with = "as_text")]
        topic: Arc<str>,
    },
    /// Looks a book up.
    Lookup {
        /// The book.
        item: ItemNumber,
    },
    /// Buys a book.
    Buy {
        /// The book.
        item: ItemNumber,
        /// How many copies.
        quantity: Quantity,
    },
}

fn as_text<S: serde::Serializer>(topic: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(topic)
}

impl Operation {
    /// What kind of operation it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Search { .. } => Verb::Search,
            Self::Lookup { .. } => Verb::Lookup,
            Self::Buy { .. } => Verb::Buy,
        }
    }
}

/// One shopper's plan: without an end, the next operation whenever it is asked for.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    mix: Mix,
    quantity: Quantity,
    shelf: &'a Shelf,
    numbers: ChaCha8Rng,
}

impl<'a> Plan<'a> {
    /// The plan of one shopper over a shelf with at least one book.
    pub fn new(seed: u64, shopper: u32, mix: Mix, quantity: Quantity, shelf: &'a Shelf) -> Self {
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(seed.to_le_bytes()) {
            *place = byte;
        }
        // One key, a stream for each shopper: the streams of ChaCha never overlap.
        let mut numbers = ChaCha8Rng::from_seed(key);
        numbers.set_stream(u64::from(shopper));
        Self {
            mix,
            quantity,
            shelf,
            numbers,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product (Lemire 2019, without its rejection): the bias is below bound ÷ 2⁶⁴.
        let product = u128::from(self.numbers.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    fn pick<T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(from.len()).ok()?);
        from.get(usize::try_from(place).ok()?)
    }
}

impl Iterator for Plan<'_> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let point = self.below(self.mix.sum());
        Some(match self.mix.choose(point) {
            Verb::Search => Operation::Search {
                topic: self.pick(&self.shelf.topics)?.clone(),
            },
            Verb::Lookup => Operation::Lookup {
                item: self.pick(&self.shelf.books)?.item,
            },
            Verb::Buy => Operation::Buy {
                item: self.pick(&self.shelf.books)?.item,
                quantity: self.quantity,
            },
        })
    }
}

#[derive(Serialize)]
struct Written {
    shopper: u32,
    step: u64,
    #[serde(flatten)]
    operation: Operation,
}

/// Writes the first operations of each shopper, one JSON object a line.
///
/// # Errors
/// The writer's.
pub(super) fn write<'a>(mut out: impl Write, shoppers: u32, plan: impl Fn(u32) -> Plan<'a>) -> io::Result<()> {
    for shopper in 0..shoppers {
        for (step, operation) in (0..WRITTEN_OPERATIONS).zip(plan(shopper)) {
            let line = Written {
                shopper,
                step,
                operation,
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}

/// A short name of everything that the plans of a run depend on: equal names, equal plans.
pub(super) fn fingerprint(seed: u64, mix: Mix, quantity: Quantity, shelf: &Shelf) -> String {
    // FNV-1a, 64 bits: made for exactly this, telling texts apart where nobody forges them.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    take(&seed.to_le_bytes());
    for verb in Verb::ALL {
        take(&mix.weight(verb).to_le_bytes());
    }
    take(&quantity.get().to_le_bytes());
    for topic in &shelf.topics {
        take(topic.as_bytes());
        take(&[0]);
    }
    for book in &shelf.books {
        take(&book.item.get().to_le_bytes());
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::super::shelf::tests::four_books;
    use super::*;

    fn plan(seed: u64, shopper: u32, shelf: &Shelf) -> Vec<Operation> {
        Plan::new(seed, shopper, Mix::RANDOM, Quantity::ONE, shelf)
            .take(1_000)
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        let shelf = four_books();
        assert_eq!(plan(1, 0, &shelf), plan(1, 0, &shelf));
        let mut stocked = shelf.clone();
        for book in &mut stocked.books {
            book.start = common::Stock::NONE;
        }
        assert_eq!(plan(1, 0, &shelf), plan(1, 0, &stocked), "a stock changed the plan");
    }

    #[test]
    fn another_seed_or_another_shopper_gives_another_plan() {
        let shelf = four_books();
        assert_ne!(plan(1, 0, &shelf), plan(2, 0, &shelf));
        assert_ne!(plan(1, 0, &shelf), plan(1, 1, &shelf));
    }

    #[test]
    fn every_verb_and_every_subject_is_as_likely_as_the_mix_says() {
        let shelf = four_books();
        let operations: Vec<_> = Plan::new(7, 0, Mix::RANDOM, Quantity::ONE, &shelf)
            .take(30_000)
            .collect();
        for verb in Verb::ALL {
            let count = operations.iter().filter(|operation| operation.verb() == verb).count();
            assert!((9_500..10_500).contains(&count), "{verb:?}: {count}");
        }
        for book in &shelf.books {
            let buy = Operation::Buy {
                item: book.item,
                quantity: Quantity::ONE,
            };
            let count = operations.iter().filter(|operation| **operation == buy).count();
            assert!((2_250..2_750).contains(&count), "{buy:?}: {count}");
        }
    }

    #[test]
    fn a_written_plan_names_shopper_step_and_operation() {
        let shelf = four_books();
        let mut out = Vec::new();
        write(&mut out, 2, |shopper| {
            Plan::new(1, shopper, Mix::RANDOM, Quantity::ONE, &shelf)
        })
        .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 20_000);
        // What a seed means is a promise: these lines may never change.
        let first: Vec<_> = text.lines().take(4).collect();
        insta::assert_snapshot!(first.join("\n"));
    }

    #[test]
    fn a_fingerprint_tells_plans_apart() {
        let shelf = four_books();
        let name = |seed| fingerprint(seed, Mix::RANDOM, Quantity::ONE, &shelf);
        assert_eq!(name(1), name(1));
        assert_ne!(name(1), name(2));
    }
}
