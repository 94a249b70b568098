//! One run: people buy, processes die and come back, and in the end the store itself is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::{JoinSet, block_in_place};

use super::journal::Journal;
use super::people::{BOOKS, Town};
use super::place::Place;
use super::tier::{Tier, Victim};
use crate::shop::eventually;

const BUYERS: usize = 12;
const BUYERS_WITHOUT_KEYS: usize = 4;
/// Purchases that are acknowledged at least, and at most, before the next kill.
const PURCHASES: std::ops::RangeInclusive<usize> = 20..=80;
/// How much later than the last of them it comes.
const MOMENT_MAX: Duration = Duration::from_millis(40);

/// Longer than it takes to sell so many, even right after a kill.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a run is, and what it draws its numbers from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) kills: usize,
    pub(super) seed: u64,
}

impl Plan {
    /// `BOOKSTORE_KILLS` and `BOOKSTORE_SEED`; a quick run unless they are given.
    pub(super) fn or_quick(kills: usize) -> Self {
        let variable = |name| std::env::var(name).ok();
        Self {
            kills: variable("BOOKSTORE_KILLS").map_or(kills, |kills| kills.parse().unwrap()),
            seed: variable("BOOKSTORE_SEED").map_or(1, |seed| seed.parse().unwrap()),
        }
    }
}

/// A shop under load.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) tier: Tier,
    pub(super) town: Arc<Town>,
    people: JoinSet<()>,
    random: StdRng,
    totals: Totals,
}

/// What happened.
#[derive(Debug, Default)]
struct Totals {
    kills: BTreeMap<&'static str, usize>,
    /// Kills that hit while requests were in flight, and how many requests those were.
    hits: usize,
    requests_hit: usize,
    fewest_purchases: Option<usize>,
}

impl Run {
    /// Opens the shop and lets people in.
    pub(super) fn begin(place: Place, copies: usize, seed: u64) -> Self {
        let tier = block_in_place(|| Tier::open(place, copies, BOOKS));
        let journal = Journal::new(&tier.place.beside("acks.jsonl"));
        let town = Arc::new(Town::new(journal, tier.customers()));
        let mut random = StdRng::seed_from_u64(seed);
        let mut people = JoinSet::new();
        for number in 0..BUYERS + BUYERS_WITHOUT_KEYS {
            let (town, own) = (Arc::clone(&town), StdRng::seed_from_u64(random.random()));
            people.spawn(async move { town.keep_buying(own, number < BUYERS).await });
        }
        let (keeper, own) = (Arc::clone(&town), StdRng::seed_from_u64(random.random()));
        people.spawn(async move { keeper.keep_shop(own).await });
        let (customer, own) = (Arc::clone(&town), StdRng::seed_from_u64(random.random()));
        people.spawn(async move { customer.keep_looking(own).await });
        Self {
            tier,
            town,
            people,
            random,
            totals: Totals::default(),
        }
    }

    fn sold(&self) -> usize {
        *self.town.journal.sold.borrow()
    }

    /// Waits until so many more are sold.
    pub(super) async fn sell(&mut self, purchases: usize) {
        let mut sold = self.town.journal.sold.subscribe();
        let enough = self.sold() + purchases;
        let selling = sold.wait_for(|&sold| sold >= enough);
        tokio::select! {
            done = tokio::time::timeout(PATIENCE, selling) => assert!(done.is_ok(), "nothing is sold any more"),
            ended = self.people.join_next() => panic!("somebody gave up: {ended:?}"),
        }
    }

    /// Kills everybody in rounds, each round in an order of its own.
    pub(super) async fn kill_in_rounds(&mut self, kills: usize) {
        let mut round = Vec::new();
        for _ in 0..kills {
            if round.is_empty() {
                round = self.tier.victims();
                round.shuffle(&mut self.random);
            }
            let victim = round.pop().unwrap();
            self.kill(victim).await;
        }
    }

    /// One cycle: some purchases, a random moment, a kill, a new start.
    pub(super) async fn kill(&mut self, victim: Victim) {
        let before = self.sold();
        let purchases = self.random.random_range(PURCHASES);
        self.sell(purchases).await;
        tokio::time::sleep(MOMENT_MAX.mul_f64(self.random.random())).await;
        self.totals.note_purchases(self.sold() - before);
        let (tier, journal) = (&mut self.tier, &self.town.journal);
        block_in_place(|| {
            tier.assert_alive();
            let begun = journal.flying();
            tier.kill(victim);
            let hit = journal.flying().intersection(&begun).count();
            self.totals.note_kill(victim, hit);
            tier.start_again(victim);
        });
        for front in &self.town.fronts {
            eventually("the front-end is ready", || async {
                let ready = crate::shop::try_send(front.request("GET", "/readyz")).await;
                ready.is_ok_and(|reply| reply.status == 200).then_some(())
            })
            .await;
        }
    }

    /// Lets everybody finish, and holds the store against what they were told: after a last `kill -9`, and at rest. Then
    /// falsifies it, which must be noticed. What there is to tell.
    pub(super) async fn end(mut self, seed: u64) -> String {
        self.finish_buying().await;
        block_in_place(|| {
            let tier = &mut self.tier;
            tier.kill(Victim::Catalog(0));
            let journal = &self.town.journal;
            let said = tier.place.check(journal, false);
            said.unwrap_or_else(|said| panic!("after the last kill: {said}"));
            tier.start_again(Victim::Catalog(0));
        });
        // The last entry is a sale that somebody knows of, for the forger.
        self.town.buy(&mut self.random, 1, 2, true).await;
        let (said, controls) = block_in_place(|| {
            self.tier.stop();
            let (place, journal) = (&self.tier.place, &self.town.journal);
            let said = place.check(journal, true);
            let said = said.unwrap_or_else(|said| panic!("at rest: {said}"));
            let controls = ["delete", "double", "edit"].map(|how| {
                let found = match place.check_forged(how, journal) {
                    Err(found) => found,
                    Ok(said) => panic!("the forgery was not noticed: {said}"),
                };
                let first = found.lines().find(|line| line.starts_with("VIOLATION"));
                format!("forged, {how}: {}", first.unwrap())
            });
            (said, controls)
        });
        if self.totals.kills.values().sum::<usize>() > 0 {
            assert!(self.totals.hits > 0, "no kill hit a request in flight");
        }
        format!(
            "{}, seed {seed}: {}\n{}\n{said}{}",
            self.tier.place.name(),
            self.totals,
            Counts(&self.town.journal),
            controls.join("\n"),
        )
    }

    /// Everybody finishes what is begun.
    pub(super) async fn finish_buying(&mut self) {
        self.town.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.people.join_next().await {
            ended.unwrap();
        }
    }
}

impl Totals {
    fn note_purchases(&mut self, purchases: usize) {
        let fewest = self.fewest_purchases.unwrap_or(usize::MAX);
        self.fewest_purchases = Some(fewest.min(purchases));
    }

    fn note_kill(&mut self, victim: Victim, requests: usize) {
        *self.kills.entry(victim.name()).or_default() += 1;
        self.hits += usize::from(requests > 0);
        self.requests_hit += requests;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<_> = self
            .kills
            .iter()
            .map(|(victim, kills)| format!("{kills} {victim}"))
            .collect();
        write!(
            f,
            "{} kills ({}), {} of them with requests in flight ({} requests); at least {} purchases acknowledged before each",
            self.kills.values().sum::<usize>(),
            each.join(", "),
            self.hits,
            self.requests_hit,
            self.fewest_purchases.unwrap_or_default(),
        )
    }
}

/// The journal in one line.
struct Counts<'a>(&'a Journal);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
        let Self(journal) = self;
        write!(
            f,
            "{} purchases acknowledged, {} refused, {} stock changes, {} orders looked after, {} answers unknown",
            *journal.sold.borrow(),
            count(&journal.refused),
            count(&journal.restocks),
            count(&journal.asked),
            count(&journal.unknown),
        )
    }
}
