//! `bookstored generate`: a random catalog of any size, determined by its seed.

use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Result;
use clap::Args;
use common::{ArcStr, Cost, Description, ItemNumber, Stock};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::output::{Target, tell};
use super::progress::Progress;
use crate::store::catalog_file::{CatalogRow, CatalogWriter};

// Word lists, separated by commas.
const ADJECTIVES: &str = "Quiet, Distant, Crooked, Golden, Forgotten, Patient, Northern, Paper, Silver, Restless, Borrowed, Hidden, \
    Wandering, Frozen, Copper, Early, Unwritten, Gentle, Broken, Salted, Endless, Narrow, Painted, Hollow, \
    Second, Whispering, Southern, Careful, Burning, Invisible, Ordinary, Last";
const NOUNS: &str = "Harbour, Library, Orchard, Clock, Ferry, Garden, Lighthouse, Map, Kitchen, Mountain, Letter, Bridge, \
    Theatre, River, Compiler, Winter, Island, Station, Mirror, Ledger, Forest, Workshop, Comet, Market, Violin, \
    Archive, Meadow, Engine, Stranger, Atlas, Staircase, Observatory";
const TOPICS: &str = "novels, history, cooking, distributed systems, gardening, poetry, mathematics, travel, music, graduate \
    school, astronomy, crime, philosophy, painting, languages, biology, chess, economics, sailing, architecture, \
    law, chemistry, theatre, railways";
const GIVEN_NAMES: &str =
    "Ada, Bruno, Chiara, Dmitri, Elif, Femi, Greta, Hiro, Ines, Jonas, Kofi, Leila, Mei, Nils, Oona, Pavel";
const FAMILY_NAMES: &str = "Abel, Brandt, Costa, Dahl, Eriksen, Fontaine, Grau, Hale, Ito, Jansen, Keller, Lindqvist, Moreau, Novak, \
    Okoro, Petrov";
/// The word lists, split.
static WORDS: LazyLock<[Vec<&'static str>; 5]> =
    LazyLock::new(|| [ADJECTIVES, NOUNS, TOPICS, GIVEN_NAMES, FAMILY_NAMES].map(|list| list.split(", ").collect()));
/// The cents of a cost.
const CENTS: [u32; 4] = [0, 50, 95, 99];
/// Rows between two updates of the progress bar.
const PROGRESS_ROWS: u32 = 1_000;

/// `bookstored generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Number of books; their item numbers are 1 to N
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    books: u32,
    /// The catalog file to write, or - for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: Target,
    /// Seed of the generator: the same seed gives the same books
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Number of topics; the first has the most books
    #[arg(long, value_name = "T", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    topics: u32,
}

impl Generate {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::counting("generating books", self.books.into());
        self.file.write(|out| {
            let mut writer = CatalogWriter::begin(out, usize::MAX, self.file.path())?;
            let mut generator = Generator::new(self.seed, self.topics);
            for number in 1..=self.books {
                writer.write(&generator.book(number)?)?;
                if number % PROGRESS_ROWS == 0 {
                    progress.add(PROGRESS_ROWS as usize);
                }
            }
            Ok(writer.finish()?)
        })?;
        drop(progress);
        if let Target::File(path) = &self.file {
            tell(&format!("{} books are in {}", self.books, path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Generates one book after the other.
struct Generator {
    random: ChaCha8Rng,
    /// The cumulative probability of each topic.
    topics: Vec<f64>,
}

impl Generator {
    fn new(seed: u64, topics: u32) -> Self {
        // Zipf's law: the second topic has half as many books as the first, the third a third.
        let mut sum = 0.0;
        let sums = Vec::from_iter((1..=topics).map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        }));
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            topics: sums.into_iter().map(|cumulative| cumulative / sum).collect(),
        }
    }

    fn book(&mut self, number: u32) -> Result<CatalogRow> {
        let random = &mut self.random;
        let drawn: f64 = random.random();
        let topic = self.topics.partition_point(|&cumulative| cumulative < drawn);
        let topic = topic.min(self.topics.len().saturating_sub(1));
        let author = (random.random_range(0..12) > 0).then(|| {
            let [.., given_names, family_names] = &*WORDS;
            let given_name = pick(random, given_names);
            format!("{given_name} {}", pick(random, family_names))
        });
        let units =
            4 + random.random_range(0..28) + u64::from(random.random_ratio(1, 16)) * random.random_range(20..160);
        let cents = units * 100 + u64::from(*pick(random, &CENTS));
        let stock = match random.random_range(0..100) {
            0..3 => 0,
            3..60 => random.random_range(1..50),
            60..95 => random.random_range(50..500),
            _ => random.random_range(500..5_000),
        };
        Ok(CatalogRow {
            item: ItemNumber::try_from(u64::from(number))?,
            title: title(number).into(),
            stock: Stock::try_from(stock)?,
            cost: Cost::try_from(cents)?,
            description: Description {
                author: author.map(ArcStr::from),
                ..Description::new(topic_name(topic))
            },
        })
    }
}

fn pick<'a, T>(random: &mut impl Rng, among: &'a [T]) -> &'a T {
    &among[random.random_range(0..among.len())]
}

/// A title that no other number has; consecutive numbers have different adjectives and nouns.
fn title(number: u32) -> String {
    let [adjectives, nouns, ..] = &*WORDS;
    let index = (number - 1) as usize;
    let (noun, round) = (index % nouns.len(), index / nouns.len());
    let adjective = (round + 7 * noun) % adjectives.len();
    let volume = index / (nouns.len() * adjectives.len()) + 1;
    format!("The {} {}, Volume {volume}", adjectives[adjective], nouns[noun])
}

fn topic_name(index: usize) -> String {
    let [_, _, topics, ..] = &*WORDS;
    let name = topics[index % topics.len()];
    match index / topics.len() {
        0 => name.to_owned(),
        round => format!("{name} {}", round + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn titles_are_unique_and_the_first_topic_has_the_most_books() {
        let mut generator = Generator::new(1, 30);
        let books: Vec<CatalogRow> = (1..=10_000).map(|number| generator.book(number).unwrap()).collect();
        let titles: HashSet<_> = books.iter().map(|book| &book.title).collect();
        assert_eq!(titles.len(), books.len());
        let mut counts = HashMap::new();
        for book in &books {
            *counts.entry(book.description.topic.as_str()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 30);
        assert!(counts["novels"] > counts["history"] && counts["history"] > counts["novels 2"]);
        assert_eq!(books[0].title, "The Quiet Harbour, Volume 1");
    }
}
