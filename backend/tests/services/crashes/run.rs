//! One crash test: clients buy, processes are killed and restarted, and in the end the store is checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use testing::eventually;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::{JoinSet, block_in_place};

use super::checks::{check, check_forged};
use super::journal::Journal;
use super::topology::{KillTarget, Topology};
use super::workload::{BOOKS, Workload};
use crate::client::try_send;
use crate::fixture::StoreFixture;

const BUYERS: usize = 12;
const BUYERS_WITHOUT_KEYS: usize = 4;
/// The number of purchases that are acknowledged before each kill.
const PURCHASES: std::ops::RangeInclusive<usize> = 20..=80;
/// The maximum time between the last acknowledged purchase and the kill.
const KILL_DELAY_MAX: Duration = Duration::from_millis(40);
/// The timeout for the purchases before a kill, including the recovery from the last kill.
const PURCHASES_TIMEOUT: Duration = Duration::from_secs(90);

/// The forgeries of `backend/checks/forge.py`.
const FORGERIES: [&str; 8] = ["delete", "double", "line", "half", "price", "title", "stock", "rename"];

/// The number of kills of a run, and the seed of its random numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) kills: usize,
    pub(super) seed: u64,
}

impl Plan {
    /// Reads `BOOKSTORE_KILLS` (default `kills`) and `BOOKSTORE_SEED` (default 1).
    pub(super) fn from_environment(kills: usize) -> Self {
        let variable = |name| std::env::var(name).ok();
        Self {
            kills: variable("BOOKSTORE_KILLS").map_or(kills, |kills| kills.parse().unwrap()),
            seed: variable("BOOKSTORE_SEED").map_or(1, |seed| seed.parse().unwrap()),
        }
    }
}

/// Serializes the runs: the clients of one run saturate the cores, so that concurrent runs take longer.
static TURN: Mutex<()> = Mutex::const_new(());

/// Services under load.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) topology: Topology,
    workload: Arc<Workload>,
    clients: JoinSet<()>,
    random: StdRng,
    totals: Totals,
    _turn: MutexGuard<'static, ()>,
}

/// Counts of a run.
#[derive(Debug, Default)]
struct Totals {
    kills: BTreeMap<&'static str, usize>,
    /// Kills while requests were in flight, and the number of those requests.
    hits: usize,
    requests_hit: usize,
    fewest_purchases: Option<usize>,
}

impl Run {
    /// Waits for the end of any other run, then starts the services and the clients.
    pub(super) async fn start(fixture: StoreFixture, instances: usize, seed: u64) -> Self {
        let turn = TURN.lock().await;
        let topology = block_in_place(|| Topology::start(fixture, instances, BOOKS));
        let journal = Journal::new(&topology.fixture.path("acks.jsonl"));
        let workload = Arc::new(Workload::new(journal, topology.clients("frontend")));
        let mut random = StdRng::seed_from_u64(seed);
        let mut clients = JoinSet::new();
        for number in 0..BUYERS + BUYERS_WITHOUT_KEYS {
            let (workload, own) = (Arc::clone(&workload), StdRng::seed_from_u64(random.random()));
            clients.spawn(async move { workload.run_buyer(own, number < BUYERS).await });
        }
        let (shopkeeper, own) = (Arc::clone(&workload), StdRng::seed_from_u64(random.random()));
        clients.spawn(async move { shopkeeper.run_shopkeeper(own).await });
        let (reader, own) = (Arc::clone(&workload), StdRng::seed_from_u64(random.random()));
        clients.spawn(async move { reader.run_reader(own).await });
        Self {
            topology,
            workload,
            clients,
            random,
            totals: Totals::default(),
            _turn: turn,
        }
    }

    fn sold(&self) -> usize {
        *self.workload.journal.sold.borrow()
    }

    /// Waits for `purchases` further purchases.
    pub(super) async fn wait_for_purchases(&mut self, purchases: usize) {
        let mut sold = self.workload.journal.sold.subscribe();
        let enough = self.sold() + purchases;
        let selling = sold.wait_for(|&sold| sold >= enough);
        tokio::select! {
            done = tokio::time::timeout(PURCHASES_TIMEOUT, selling) => assert!(done.is_ok(), "purchases have stopped"),
            ended = self.clients.join_next() => panic!("a client ended: {ended:?}"),
        }
    }

    /// Kills every target in rounds, each round in a random order.
    pub(super) async fn kill_in_rounds(&mut self, kills: usize) {
        let mut round = Vec::new();
        for _ in 0..kills {
            if round.is_empty() {
                round = self.topology.targets();
                round.shuffle(&mut self.random);
            }
            let target = round.pop().unwrap();
            self.kill(target).await;
        }
    }

    /// One cycle: purchases, a random delay, a kill, a restart.
    pub(super) async fn kill(&mut self, target: KillTarget) {
        let before = self.sold();
        let purchases = self.random.random_range(PURCHASES);
        self.wait_for_purchases(purchases).await;
        tokio::time::sleep(KILL_DELAY_MAX.mul_f64(self.random.random())).await;
        self.totals.add_purchases(self.sold() - before);
        let (topology, journal) = (&mut self.topology, &self.workload.journal);
        block_in_place(|| {
            topology.assert_running();
            let in_flight = journal.in_flight();
            topology.kill(target);
            let hit = journal.in_flight().intersection(&in_flight).count();
            self.totals.add_kill(target, hit);
            topology.restart(target);
        });
        for frontend in &self.workload.frontends {
            eventually("the front-end is ready", || async {
                let ready = try_send(frontend.request("GET", "/readyz")).await;
                ready.is_ok_and(|reply| reply.status == 200).then_some(())
            })
            .await;
        }
    }

    /// Stops the clients and checks the store twice, after a last `kill -9` and after a clean stop. Then falsifies copies of
    /// the store, which the check must detect. Returns the results as text.
    pub(super) async fn finish(mut self, seed: u64) -> String {
        self.finish_clients().await;
        block_in_place(|| {
            let topology = &mut self.topology;
            let catalog = KillTarget::Service("catalog", 0);
            topology.kill(catalog);
            let checked = check(&topology.fixture, &self.workload.journal, false);
            checked.unwrap_or_else(|violation| panic!("after the last kill: {violation}"));
            topology.restart(catalog);
        });
        // The forgeries change the last entries, which must be a sale of several lines that is in the journal.
        self.workload
            .buy(&mut self.random, &[(1, 2), (2, 1), (3, 3)], true)
            .await;
        let (checked, controls) = block_in_place(|| {
            self.topology.stop();
            let (fixture, journal) = (&self.topology.fixture, &self.workload.journal);
            let checked = check(fixture, journal, true);
            let checked = checked.unwrap_or_else(|violation| panic!("after a clean stop: {violation}"));
            let controls = FORGERIES.map(|how| {
                let found = match check_forged(fixture, how, journal) {
                    Err(found) => found,
                    Ok(text) => panic!("the forgery was not detected: {text}"),
                };
                let first = found.lines().find(|line| line.starts_with("VIOLATION"));
                format!("forged, {how}: {}", first.unwrap())
            });
            (checked, controls)
        });
        if self.totals.kills.values().sum::<usize>() > 0 {
            assert!(self.totals.hits > 0, "no kill hit a request in flight");
        }
        let several = self.workload.journal.sold_of_several_lines.load(Ordering::Relaxed);
        assert!(
            several * 10 > self.sold(),
            "only {several} of the sold orders have several lines"
        );
        format!(
            "{}, seed {seed}: {}\n{}\n{checked}{}",
            self.topology.fixture.engine(),
            self.totals.summary(),
            self.workload.journal.summary(),
            controls.join("\n"),
        )
    }

    /// Stops the clients after their current order is decided.
    pub(super) async fn finish_clients(&mut self) {
        self.workload.is_stopped.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
    }
}

impl Totals {
    fn add_purchases(&mut self, purchases: usize) {
        let fewest = self.fewest_purchases.unwrap_or(usize::MAX);
        self.fewest_purchases = Some(fewest.min(purchases));
    }

    fn add_kill(&mut self, target: KillTarget, requests: usize) {
        *self.kills.entry(target.name()).or_default() += 1;
        self.hits += usize::from(requests > 0);
        self.requests_hit += requests;
    }

    fn summary(&self) -> String {
        let kills = self.kills.iter().map(|(target, kills)| format!("{kills} {target}"));
        format!(
            "{} kills ({}), {} of them with requests in flight ({} requests); at least {} purchases acknowledged before each",
            self.kills.values().sum::<usize>(),
            kills.collect::<Vec<_>>().join(", "),
            self.hits,
            self.requests_hit,
            self.fewest_purchases.unwrap_or_default(),
        )
    }
}
