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
use super::outcome::OperationKind;
use super::popularity::{Popularity, Ranks};
use super::sample::BookSample;

/// Operations of each shopper in a written plan.
const WRITTEN_OPERATIONS: u64 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "operation", rename_all = "lowercase")]
pub(super) enum Operation {
    Search {
        /// As the store spells it.
        #[serde(serialize_with = "serialize_text")]
        topic: Arc<str>,
    },
    Lookup {
        item: ItemNumber,
    },
    Buy {
        item: ItemNumber,
        quantity: Quantity,
    },
}

fn serialize_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl Operation {
    pub(super) fn kind(&self) -> OperationKind {
        match self {
            Self::Search { .. } => OperationKind::Search,
            Self::Lookup { .. } => OperationKind::Lookup,
            Self::Buy { .. } => OperationKind::Buy,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Plans {
    seed: u64,
    mix: Mix,
    quantity: Quantity,
    ranks: Option<Ranks>,
    popularity: Popularity,
    sample: Arc<BookSample>,
}

impl Plans {
    /// The plans over a sample of at least one book.
    pub(super) fn new(settings: &Settings, sample: Arc<BookSample>) -> Self {
        Self {
            seed: settings.seed,
            mix: settings.mix,
            quantity: settings.quantity,
            ranks: Ranks::of(settings.popularity, sample.books.len()),
            popularity: settings.popularity,
            sample,
        }
    }

    pub(super) fn of(&self, shopper: u32) -> Plan<'_> {
        Plan {
            plans: self,
            rng: rng(self.seed, u64::from(shopper)),
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
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        add(&self.seed.to_le_bytes());
        for (_, weight) in self.mix.weights.named() {
            add(&weight.to_le_bytes());
        }
        add(&self.quantity.get().to_le_bytes());
        for topic in &self.sample.topics {
            add(topic.as_bytes());
            add(&[0]);
        }
        for book in &self.sample.books {
            add(&book.item.get().to_le_bytes());
        }
        if let Popularity::Zipf(exponent) = self.popularity {
            add(&exponent.to_le_bytes());
        }
        format!("{hash:016x}")
    }
}

/// The random numbers of one stream of a seed. One key, a stream for each shopper and purpose: the streams of ChaCha
/// never overlap.
pub(super) fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// One shopper's plan, which has no end.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    plans: &'a Plans,
    rng: ChaCha8Rng,
}

impl<'a> Plan<'a> {
    fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product (Lemire 2019, without its rejection): the bias is below bound ÷ 2⁶⁴.
        let product = u128::from(self.rng.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    fn topic(&mut self) -> Option<&'a Arc<str>> {
        let topics = &self.plans.sample.topics;
        let index = self.below(u64::try_from(topics.len()).ok()?);
        topics.get(usize::try_from(index).ok()?)
    }

    fn book(&mut self) -> Option<ItemNumber> {
        let books = &self.plans.sample.books;
        let index = match &self.plans.ranks {
            Some(ranks) => ranks.choose(self.rng.next_u64()),
            None => usize::try_from(self.below(u64::try_from(books.len()).ok()?)).ok()?,
        };
        books.get(index).map(|book| book.item)
    }
}

impl Iterator for Plan<'_> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let mix = self.plans.mix;
        let point = self.below(mix.sum());
        Some(match mix.choose(point) {
            OperationKind::Search => Operation::Search {
                topic: self.topic()?.clone(),
            },
            OperationKind::Lookup => Operation::Lookup { item: self.book()? },
            OperationKind::Buy => Operation::Buy {
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
    fn a_plan_depends_on_seed_and_shopper_and_not_on_stocks() {
        let sample = four_books();
        assert_eq!(plan(1, 0, &sample), plan(1, 0, &sample));
        assert_ne!(plan(1, 0, &sample), plan(2, 0, &sample));
        assert_ne!(plan(1, 0, &sample), plan(1, 1, &sample));
        let mut stocked = sample.clone();
        for book in &mut stocked.books {
            book.stock = common::Stock::ZERO;
        }
        assert_eq!(plan(1, 0, &sample), plan(1, 0, &stocked), "a stock changed the plan");
    }

    #[test]
    fn verbs_topics_and_books_are_as_likely_as_the_mix_says() {
        let sample = four_books();
        let operations: Vec<_> = plans(7, &sample).of(0).take(30_000).collect();
        for kind in OperationKind::ALL {
            let count = operations.iter().filter(|operation| operation.kind() == kind).count();
            assert!((9_500..10_500).contains(&count), "{kind:?}: {count}");
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
    fn popularity_changes_the_books_and_not_the_kinds() {
        let sample = four_books();
        let settings = Settings {
            seed: 1,
            popularity: Popularity::Zipf(1.0),
            ..Settings::default()
        };
        let popular = Plans::new(&settings, Arc::new(sample.clone()));
        let popular: Vec<_> = popular.of(0).take(1_000).collect();
        let kinds = |plan: &[Operation]| plan.iter().map(Operation::kind).collect::<Vec<_>>();
        assert_eq!(kinds(&popular), kinds(&plan(1, 0, &sample)));
        let wanted = |item| {
            let first =
                |operation: &&Operation| matches!(operation, Operation::Lookup { item: of } if of.get() == item);
            popular.iter().filter(first).count()
        };
        assert!(wanted(1) > wanted(2) && wanted(2) > wanted(4));
    }
}
