//! `bookstored generate`: a made-up catalog of any size, the same for the same seed.

use std::process::ExitCode;

use anyhow::Result;
use common::{Cost, ItemNumber, Stock};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::output::{Target, tell};
use super::progress::Progress;
use crate::store::catalog_file::{CatalogRow, CatalogRowRef, CatalogWriter};

const ADJECTIVES: [&str; 32] = [
    "Quiet",
    "Distant",
    "Crooked",
    "Golden",
    "Forgotten",
    "Patient",
    "Northern",
    "Paper",
    "Silver",
    "Restless",
    "Borrowed",
    "Hidden",
    "Wandering",
    "Frozen",
    "Copper",
    "Early",
    "Unwritten",
    "Gentle",
    "Broken",
    "Salted",
    "Endless",
    "Narrow",
    "Painted",
    "Hollow",
    "Second",
    "Whispering",
    "Southern",
    "Careful",
    "Burning",
    "Invisible",
    "Ordinary",
    "Last",
];
const NOUNS: [&str; 32] = [
    "Harbour",
    "Library",
    "Orchard",
    "Clock",
    "Ferry",
    "Garden",
    "Lighthouse",
    "Map",
    "Kitchen",
    "Mountain",
    "Letter",
    "Bridge",
    "Theatre",
    "River",
    "Compiler",
    "Winter",
    "Island",
    "Station",
    "Mirror",
    "Ledger",
    "Forest",
    "Workshop",
    "Comet",
    "Market",
    "Violin",
    "Archive",
    "Meadow",
    "Engine",
    "Stranger",
    "Atlas",
    "Staircase",
    "Observatory",
];
const TOPICS: [&str; 24] = [
    "novels",
    "history",
    "cooking",
    "distributed systems",
    "gardening",
    "poetry",
    "mathematics",
    "travel",
    "music",
    "graduate school",
    "astronomy",
    "crime",
    "philosophy",
    "painting",
    "languages",
    "biology",
    "chess",
    "economics",
    "sailing",
    "architecture",
    "law",
    "chemistry",
    "theatre",
    "railways",
];
const GIVEN: [&str; 16] = [
    "Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Femi", "Greta", "Hiro", "Ines", "Jonas", "Kofi", "Leila", "Mei",
    "Nils", "Oona", "Pavel",
];
const FAMILY: [&str; 16] = [
    "Abel",
    "Brandt",
    "Costa",
    "Dahl",
    "Eriksen",
    "Fontaine",
    "Grau",
    "Hale",
    "Ito",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okoro",
    "Petrov",
];
/// What a copy costs beside whole coins, in cents.
const CENTS: [u32; 4] = [0, 50, 95, 99];
/// Rows between two looks at the bar.
const STRIDE: u32 = 1_000;

/// How many books, and which ones.
#[derive(Debug)]
pub struct Generate {
    /// Their number, which is the last one's, too.
    pub books: u32,
    /// What everything is drawn from.
    pub seed: u64,
    /// How many topics there are; the first one has the most books.
    pub topics: u32,
    /// Where they go.
    pub target: Target,
}

impl Generate {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::counting("making up books", self.books.into());
        self.target.write(|out| {
            let mut writer = CatalogWriter::begin(out, true, self.target.path())?;
            let mut shelf = Shelf::new(self.seed, self.topics);
            for number in 1..=self.books {
                writer.write(CatalogRowRef::from(&shelf.book(number)?))?;
                if number % STRIDE == 0 {
                    progress.add(STRIDE as usize);
                }
            }
            Ok(writer.finish()?)
        })?;
        drop(progress);
        if let Target::File(path) = &self.target {
            tell(&format!("{} books are in {}", self.books, path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Draws one book after the other.
struct Shelf {
    chance: ChaCha8Rng,
    /// The chance that a book's topic is this one or one before, for each.
    topics: Vec<f64>,
}

impl Shelf {
    fn new(seed: u64, topics: u32) -> Self {
        // Zipf's law: the second topic has half as many books as the first, the third a third.
        let weights = (1..=topics).map(|rank| 1.0 / f64::from(rank));
        let mut sum = 0.0;
        let sums: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Self {
            chance: ChaCha8Rng::seed_from_u64(seed),
            topics: sums.into_iter().map(|upto| upto / sum).collect(),
        }
    }

    fn book(&mut self, number: u32) -> Result<CatalogRow> {
        let chance = &mut self.chance;
        let drawn: f64 = chance.random();
        let topic = self.topics.partition_point(|&upto| upto < drawn);
        let topic = topic.min(self.topics.len().saturating_sub(1));
        let author =
            (chance.random_range(0..12) > 0).then(|| format!("{} {}", pick(chance, &GIVEN), pick(chance, &FAMILY)));
        // Most are cheap, a few are dear.
        let coins =
            4 + chance.random_range(0..28) + u64::from(chance.random_ratio(1, 16)) * chance.random_range(20..160);
        let cents = coins * 100 + u64::from(*pick(chance, &CENTS));
        let stock = match chance.random_range(0..100) {
            0..3 => 0,
            3..60 => chance.random_range(1..50),
            60..95 => chance.random_range(50..500),
            _ => chance.random_range(500..5_000),
        };
        Ok(CatalogRow {
            item: ItemNumber::try_from(u64::from(number))?,
            title: title(number),
            stock: Stock::try_from(stock)?,
            cost: Cost::try_from(cents)?,
            topic: topic_name(topic),
            author,
        })
    }
}

fn pick<'a, T>(chance: &mut impl Rng, among: &'a [T]) -> &'a T {
    &among[chance.random_range(0..among.len())]
}

/// No two books have the same, and books that stand together do not look alike.
fn title(number: u32) -> String {
    let place = (number - 1) as usize;
    let (nouns, names) = (NOUNS.len(), NOUNS.len() * ADJECTIVES.len());
    let (noun, turn) = (place % nouns, place / nouns);
    let adjective = (turn + 7 * noun) % ADJECTIVES.len();
    format!(
        "The {} {}, Volume {}",
        ADJECTIVES[adjective],
        NOUNS[noun],
        place / names + 1
    )
}

fn topic_name(place: usize) -> String {
    let name = TOPICS[place % TOPICS.len()];
    match place / TOPICS.len() {
        0 => name.to_owned(),
        round => format!("{name} {}", round + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn no_title_comes_twice_and_the_first_topic_has_the_most_books() {
        let mut shelf = Shelf::new(1, 30);
        let books: Vec<CatalogRow> = (1..=10_000).map(|number| shelf.book(number).unwrap()).collect();
        let titles: HashSet<_> = books.iter().map(|book| &book.title).collect();
        assert_eq!(titles.len(), books.len());
        let mut counts = HashMap::new();
        for book in &books {
            *counts.entry(book.topic.as_str()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 30);
        assert!(counts["novels"] > counts["history"] && counts["history"] > counts["novels 2"]);
        assert_eq!(books[0].title, "The Quiet Harbour, Volume 1");
    }

    #[test]
    fn the_same_seed_gives_the_same_books_and_another_one_others() {
        let books = |seed| {
            let mut shelf = Shelf::new(seed, 5);
            (1..=100).map(|number| shelf.book(number).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(books(1), books(1));
        assert_ne!(books(1), books(2));
    }
}
