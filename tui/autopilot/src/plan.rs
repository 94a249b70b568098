//! The plan of each shopper: a function of the seed, the shopper's number, the mix, the popularity, the basket, the
//! quantity and the sample of books. It does not depend on answers.
//!
//! Every operation draws a random number for its kind, then a purchase draws one for its number of lines if that is a
//! range, then every operation draws one for its topic or for each of its books.

use std::io::{self, Write};
use std::sync::Arc;

use common::wire::{BuyBody, OrderLine, OrderLines};
use common::{ItemNumber, Quantity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::Settings;
use super::basket::Basket;
use super::fnv::Fnv1a;
use super::mix::Mix;
use super::outcome::OperationKind;
use super::popularity::{Popularity, Ranks};
use super::sample::BookSample;

/// The number of operations of each shopper in a written plan.
const WRITTEN_OPERATIONS: u64 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "operation", rename_all = "lowercase")]
pub(super) enum Operation {
    Search {
        /// The topic in the store's spelling.
        #[serde(serialize_with = "serialize_text")]
        topic: Arc<str>,
    },
    Lookup {
        item: ItemNumber,
    },
    /// A purchase, serialized as the body of its request.
    Buy(#[serde(serialize_with = "serialize_body")] OrderLines),
}

fn serialize_body<S: serde::Serializer>(lines: &OrderLines, serializer: S) -> Result<S::Ok, S::Error> {
    BuyBody::from(lines.clone()).serialize(serializer)
}

fn serialize_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl Operation {
    pub(super) fn kind(&self) -> OperationKind {
        match self {
            Self::Search { .. } => OperationKind::Search,
            Self::Lookup { .. } => OperationKind::Lookup,
            Self::Buy(_) => OperationKind::Buy,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Plans {
    seed: u64,
    mix: Mix,
    basket: Basket,
    quantity: Quantity,
    ranks: Ranks,
    popularity: Popularity,
    sample: Arc<BookSample>,
}

impl Plans {
    /// The plans over a sample of at least one book.
    pub(super) fn new(settings: &Settings, sample: Arc<BookSample>) -> Self {
        Self {
            seed: settings.seed,
            mix: settings.mix,
            basket: settings.basket,
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
                let line = PlanLine {
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

    /// A hash of all inputs of the plans: equal plans have equal fingerprints.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Fnv1a::default();
        let mut add = |bytes: &[u8]| hash.add(bytes);
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
        if self.basket != Basket::ONE {
            add(self.basket.to_string().as_bytes());
        }
        format!("{:016x}", hash.finish())
    }
}

/// The random numbers of one stream of a seed. Each shopper and purpose has its own stream; streams of ChaCha never
/// overlap.
pub(super) fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// The endless plan of one shopper.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    plans: &'a Plans,
    rng: ChaCha8Rng,
}

impl<'a> Plan<'a> {
    /// Draws a number below `bound`, which is at most 2⁶⁴.
    fn below(&mut self, bound: u128) -> u64 {
        // The high half of a product (Lemire 2019, without its rejection): the bias is below bound ÷ 2⁶⁴.
        let product = u128::from(self.rng.next_u64()) * bound;
        u64::try_from(product >> 64).unwrap_or(0)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u128)).unwrap_or(0)
    }

    fn topic(&mut self) -> Option<&'a Arc<str>> {
        let topics = &self.plans.sample.topics;
        topics.get(self.index(topics.len()))
    }

    /// Draws `count` different books, or all if there are fewer.
    fn books(&mut self, count: usize) -> impl Iterator<Item = ItemNumber> + use<'a> {
        let plans = self.plans;
        let ranks = plans.ranks.sample(count, |bound| self.below(bound));
        let books = ranks.into_iter().filter_map(|rank| plans.sample.books.get(rank));
        books.map(|book| book.item)
    }

    fn lines(&mut self) -> Option<OrderLines> {
        let Plans { basket, quantity, .. } = *self.plans;
        let count = match basket.most - basket.least {
            0 => basket.least,
            more => basket.least + self.index(more + 1),
        };
        let lines = self.books(count).map(|item| OrderLine { item, quantity });
        OrderLines::new(lines).ok()
    }
}

impl Iterator for Plan<'_> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let mix = self.plans.mix;
        let point = self.below(mix.sum().into());
        Some(match mix.choose(point) {
            OperationKind::Search => Operation::Search {
                topic: self.topic()?.clone(),
            },
            OperationKind::Lookup => Operation::Lookup {
                item: self.books(1).next()?,
            },
            OperationKind::Buy => Operation::Buy(self.lines()?),
        })
    }
}

#[derive(Serialize)]
struct PlanLine {
    shopper: u32,
    step: u64,
    #[serde(flatten)]
    operation: Operation,
}

#[cfg(test)]
mod tests;
