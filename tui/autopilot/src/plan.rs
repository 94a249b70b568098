//! The plan of each shopper: a function of the seed, the shopper's number, the mix, the popularity, the quantity and
//! the sample of books, not of any answer.
//!
//! Every operation takes exactly two numbers from the generator, so that a plan can be recomputed by hand.

use std::io::{self, Write};
use std::sync::Arc;

use common::{ItemNumber, Quantity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::Settings;
use super::mix::Mix;
use super::outcome::Verb;
use super::popularity::{Popularity, Ranks};
use super::sample::BookSample;

/// The number of operations of each shopper in a written plan.
pub(super) const WRITTEN_OPERATIONS: u64 = 10_000;

/// An operation of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "operation", rename_all = "lowercase")]
pub enum Operation {
    /// Searches a topic.
    Search {
        /// The topic, as the store spells it.
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

/// The plans of all shoppers of a run.
#[derive(Debug, Clone)]
pub struct Plans {
    seed: u64,
    mix: Mix,
    quantity: Quantity,
    ranks: Option<Ranks>,
    popularity: Popularity,
    sample: Arc<BookSample>,
}

impl Plans {
    /// The plans over a shelf with at least one book.
    pub fn new(settings: &Settings, sample: Arc<BookSample>) -> Self {
        Self {
            seed: settings.seed,
            mix: settings.mix,
            quantity: settings.quantity,
            ranks: Ranks::of(settings.popularity, sample.books.len()),
            popularity: settings.popularity,
            sample,
        }
    }

    /// One shopper's plan.
    pub fn of(&self, shopper: u32) -> Plan<'_> {
        Plan {
            plans: self,
            numbers: numbers(self.seed, u64::from(shopper)),
        }
    }

    /// Writes the first operations of each shopper, one JSON object a line.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn write(&self, mut out: impl Write, shoppers: u32) -> io::Result<()> {
        for shopper in 0..shoppers {
            for (step, operation) in (0..WRITTEN_OPERATIONS).zip(self.of(shopper)) {
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

    /// A short name of everything that the plans depend on: equal names, equal plans.
    pub(super) fn fingerprint(&self) -> String {
        // FNV-1a, 64 bits: tells plans apart; it does not protect against forgery.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut take = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        take(&self.seed.to_le_bytes());
        for verb in Verb::ALL {
            take(&self.mix.weight(verb).to_le_bytes());
        }
        take(&self.quantity.get().to_le_bytes());
        for topic in &self.sample.topics {
            take(topic.as_bytes());
            take(&[0]);
        }
        for book in &self.sample.books {
            take(&book.item.get().to_le_bytes());
        }
        if let Popularity::Zipf(exponent) = self.popularity {
            take(&exponent.to_le_bytes());
        }
        format!("{hash:016x}")
    }
}

/// A stream of numbers of a seed. One key, a stream for each shopper and purpose: the streams of ChaCha never overlap.
pub(super) fn numbers(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(seed.to_le_bytes()) {
        *place = byte;
    }
    let mut numbers = ChaCha8Rng::from_seed(key);
    numbers.set_stream(stream);
    numbers
}

/// One shopper's plan: without an end, the next operation whenever it is asked for.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    plans: &'a Plans,
    numbers: ChaCha8Rng,
}

impl<'a> Plan<'a> {
    fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product (Lemire 2019, without its rejection): the bias is below bound ÷ 2⁶⁴.
        let product = u128::from(self.numbers.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    fn topic(&mut self) -> Option<&'a Arc<str>> {
        let topics = &self.plans.sample.topics;
        let place = self.below(u64::try_from(topics.len()).ok()?);
        topics.get(usize::try_from(place).ok()?)
    }

    fn book(&mut self) -> Option<ItemNumber> {
        let books = &self.plans.sample.books;
        let place = match &self.plans.ranks {
            Some(ranks) => ranks.choose(self.numbers.next_u64()),
            None => usize::try_from(self.below(u64::try_from(books.len()).ok()?)).ok()?,
        };
        books.get(place).map(|book| book.item)
    }
}

impl Iterator for Plan<'_> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let mix = self.plans.mix;
        let point = self.below(mix.sum());
        Some(match mix.choose(point) {
            Verb::Search => Operation::Search {
                topic: self.topic()?.clone(),
            },
            Verb::Lookup => Operation::Lookup { item: self.book()? },
            Verb::Buy => Operation::Buy {
                item: self.book()?,
                quantity: self.plans.quantity,
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

#[cfg(test)]
mod tests {
    use super::super::sample::tests::four_books;
    use super::*;

    fn plans(seed: u64, sample: &BookSample) -> Plans {
        let settings = Settings {
            seed,
            ..Settings::default()
        };
        Plans::new(&settings, Arc::new(sample.clone()))
    }

    fn plan(seed: u64, shopper: u32, sample: &BookSample) -> Vec<Operation> {
        plans(seed, sample).of(shopper).take(1_000).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        let sample = four_books();
        assert_eq!(plan(1, 0, &sample), plan(1, 0, &sample));
        let mut stocked = sample.clone();
        for book in &mut stocked.books {
            book.start = common::Stock::ZERO;
        }
        assert_eq!(plan(1, 0, &sample), plan(1, 0, &stocked), "a stock changed the plan");
    }

    #[test]
    fn another_seed_or_another_shopper_gives_another_plan() {
        let sample = four_books();
        assert_ne!(plan(1, 0, &sample), plan(2, 0, &sample));
        assert_ne!(plan(1, 0, &sample), plan(1, 1, &sample));
    }

    #[test]
    fn verbs_topics_and_books_are_as_likely_as_the_mix_says() {
        let sample = four_books();
        let operations: Vec<_> = plans(7, &sample).of(0).take(30_000).collect();
        for verb in Verb::ALL {
            let count = operations.iter().filter(|operation| operation.verb() == verb).count();
            assert!((9_500..10_500).contains(&count), "{verb:?}: {count}");
        }
        for book in &sample.books {
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
        let sample = four_books();
        let mut out = Vec::new();
        plans(1, &sample).write(&mut out, 2).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 20_000);
        // What a seed means is a promise: these lines may never change.
        let first: Vec<_> = text.lines().take(4).collect();
        insta::assert_snapshot!(first.join("\n"));
    }

    #[test]
    fn different_plans_have_different_fingerprints() {
        let sample = four_books();
        let name = |seed| plans(seed, &sample).fingerprint();
        assert_eq!(name(1), name(1));
        assert_ne!(name(1), name(2));
        let mut popular = plans(1, &sample);
        popular.popularity = Popularity::Zipf(1.0);
        assert_ne!(name(1), popular.fingerprint());
    }

    #[test]
    fn popularity_changes_the_books_and_not_the_verbs() {
        let sample = four_books();
        let settings = Settings {
            seed: 1,
            popularity: Popularity::Zipf(1.0),
            ..Settings::default()
        };
        let popular: Vec<_> = Plans::new(&settings, Arc::new(sample.clone()))
            .of(0)
            .take(1_000)
            .collect();
        let verbs = |plan: &[Operation]| plan.iter().map(Operation::verb).collect::<Vec<_>>();
        assert_eq!(verbs(&popular), verbs(&plan(1, 0, &sample)));
        let wanted = |item| {
            let first =
                |operation: &&Operation| matches!(operation, Operation::Lookup { item: of } if of.get() == item);
            popular.iter().filter(first).count()
        };
        assert!(wanted(1) > wanted(2) && wanted(2) > wanted(4));
    }
}
