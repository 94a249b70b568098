//! The same random history gives the same answers, the same books and byte-equal ledgers in every store.
//!
//! The production code decides each batch on the state that a store returns. Times and ids are part of the history,
//! so that the stores do not differ by chance. A history is data: proptest shrinks a failing one until every step is
//! needed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod forgetful;
mod history;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use backend::catalog::Verdict;
use backend::catalog::decide::{CurrentBook, DecisionBatch, DurableState};
use common::{Entry, Epoch, InlineVec, ItemNumber, OrderId, Seq, Timestamp};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use store::conformance::ALL_SEQS;
use store::{EditPolicy, Error, Store, StoreState, csv, postgres, sqlite};

use self::forgetful::Forgetful;
use self::history::{Command, Driver, Step};

/// Number of histories of one run, unless `PROPTEST_CASES` sets another.
const HISTORIES: u32 = 32;

/// A store under test, which a history may restart.
struct Tested {
    name: &'static str,
    open: Box<dyn Fn() -> Result<Box<dyn Store>, Error>>,
    store: Option<Box<dyn Store>>,
}

impl fmt::Debug for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A store's answer to a step; equal for all stores.
#[derive(Debug, PartialEq)]
enum Answer {
    Decided(Vec<Verdict>),
    Done,
    Conflict,
    CatalogFile,
}

/// The durable state that a store returns.
struct Snapshot<'a> {
    store: &'a dyn Store,
    loaded: StoreState,
}

impl DurableState for Snapshot<'_> {
    type Error = Error;

    fn head(&self) -> Seq {
        self.loaded.head
    }

    fn epoch(&self) -> Epoch {
        Epoch::FIRST
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let book = self.loaded.books.iter().find(|book| book.item == item)?;
        Some(CurrentBook {
            title: book.title.clone(),
            stock: book.stock,
            cost: book.cost,
            seq: book.seq,
        })
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, Error> {
        Ok(self.store.find(order, ALL_SEQS)?.into())
    }
}

impl Tested {
    fn new(name: &'static str, open: impl Fn() -> Result<Box<dyn Store>, Error> + 'static) -> Self {
        let store = Some(open().unwrap());
        let open = Box::new(open);
        Self { name, open, store }
    }

    fn store(&self) -> &dyn Store {
        &**self.store.as_ref().unwrap()
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            store: self.store(),
            loaded: self.store().load().unwrap(),
        }
    }

    /// Simulates a crash: drops the store without a checkpoint and opens it again.
    fn restart(&mut self) {
        self.store = None;
        self.store = Some((self.open)().unwrap());
    }

    fn decide(&self, commands: &[Command], now: Timestamp) -> (Seq, Vec<Entry>, Vec<Verdict>) {
        let snapshot = self.snapshot();
        let mut batch = DecisionBatch::new(&snapshot, now);
        let verdicts = commands.iter().map(|command| match command {
            Command::Sale(sale) => batch.sell(sale).unwrap(),
            Command::Update(update) => batch.update_books(update).unwrap(),
        });
        let verdicts = verdicts.collect();
        (snapshot.loaded.head, batch.into_entries(), verdicts)
    }

    fn answer(&mut self, action: &history::Action) -> Answer {
        match action {
            history::Action::Decide(commands, now) => {
                let (head, entries, verdicts) = self.decide(commands, *now);
                match self.store().append(head, &entries) {
                    Ok(()) => Answer::Decided(verdicts),
                    error => answer_of(error),
                }
            }
            history::Action::DecideAtWrongHead(commands, now) => {
                let (head, entries, _) = self.decide(commands, *now);
                answer_of(self.store().append(head.next(), &entries))
            }
            history::Action::Import(head, entries) => answer_of(self.store().append(*head, entries)),
            history::Action::Checkpoint => {
                let loaded = self.store().load().unwrap();
                answer_of(self.store().checkpoint(&loaded.books, loaded.head))
            }
            history::Action::Restart => {
                self.restart();
                Answer::Done
            }
        }
    }

    /// The ledger as the catalog serves it, in bytes.
    fn ledger(&self) -> Vec<u8> {
        let (mut bytes, mut after) = (Vec::new(), Seq::ZERO);
        loop {
            let page = self.store().read(after, 7).unwrap();
            let Some(last) = page.last() else { return bytes };
            after = last.seq;
            for entry in &page {
                bytes.extend(serde_json::to_vec(entry).unwrap());
                bytes.push(b'\n');
            }
        }
    }
}

fn answer_of(done: Result<(), Error>) -> Answer {
    match done {
        Ok(()) => Answer::Done,
        Err(Error::Conflict) => Answer::Conflict,
        Err(Error::CatalogFile(_)) => Answer::CatalogFile,
        Err(error) => panic!("{error}"),
    }
}

macro_rules! same {
    ($name:expr, $what:expr, $one:expr, $other:expr) => {
        if $one != $other {
            let why = format!("{} differs in {}: {:?} is not {:?}", $name, $what, $other, $one);
            return Err(TestCaseError::fail(why));
        }
    };
}

/// Compares every store with the first one.
fn compare(tested: &[Tested], orders: &[OrderId]) -> Result<(), TestCaseError> {
    let [first, others @ ..] = tested else { return Ok(()) };
    let (ledger, loaded) = (first.ledger(), first.store().load().unwrap());
    let found: Vec<_> = orders
        .iter()
        .map(|&order| first.store().find(order, ALL_SEQS).unwrap())
        .collect();
    for other in others {
        same!(
            other.name,
            "the ledger",
            String::from_utf8_lossy(&ledger),
            String::from_utf8_lossy(&other.ledger())
        );
        let there = other.store().load().unwrap();
        same!(other.name, "the head", loaded.head, there.head);
        same!(other.name, "the books", loaded.books, there.books);
        for (order, exact) in orders.iter().zip(&found) {
            same!(
                other.name,
                "an order",
                *exact,
                other.store().find(*order, ALL_SEQS).unwrap()
            );
        }
    }
    Ok(())
}

/// Runs a history on all stores.
fn run_history(
    tested: &mut [Tested],
    steps: &[Step],
    seen: &RefCell<BTreeMap<&'static str, u32>>,
) -> Result<(), TestCaseError> {
    let mut driver = Driver::default();
    for step in std::iter::once(&history::filling()).chain(steps) {
        let first = tested[0].store().load().unwrap();
        let action = driver.action(step, &first);
        let mut answers = tested.iter_mut().map(|tested| (tested.name, tested.answer(&action)));
        let (_, expected) = answers.next().unwrap();
        for (name, answer) in answers {
            same!(name, format!("the answer to {action:?}"), expected, answer);
        }
        note(&expected, step, &mut seen.borrow_mut());
        if matches!(step, Step::Restart) {
            compare(tested, &driver.orders())?;
        }
    }
    compare(tested, &driver.orders())
}

fn note(answer: &Answer, step: &Step, seen: &mut BTreeMap<&'static str, u32>) {
    let mut note = |what| *seen.entry(what).or_default() += 1;
    match answer {
        Answer::Decided(verdicts) => verdicts.iter().for_each(|verdict| note(history::name_of(verdict))),
        Answer::Conflict => note("conflicts"),
        Answer::CatalogFile => note("imports refused"),
        Answer::Done => note(match step {
            Step::Import(_) => "imports",
            Step::Checkpoint => "checkpoints",
            _ => "restarts",
        }),
    }
}

fn runner(histories: u32) -> TestRunner {
    TestRunner::new(Config {
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(histories),
        failure_persistence: None,
        // The default of four for each case can end before the shortest history is found.
        max_shrink_iters: 20_000,
        ..Config::default()
    })
}

#[test]
fn one_history_gives_the_same_ledger_in_every_store() {
    let server = testing::postgres::Server::shared();
    let seen = RefCell::default();
    let outcome = runner(HISTORIES).run(&history::steps(), |steps| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (database, few, many) = (path("books.db"), path("few"), path("many"));
        let mut tested = vec![
            Tested::new("SQLite", move || Ok(Box::new(sqlite::SqliteStore::open(&database)?))),
            Tested::new("CSV", move || {
                Ok(Box::new(csv::CsvStore::open(&few, EditPolicy::Refuse)?))
            }),
            Tested::new("CSV in many files", move || {
                Ok(Box::new(csv::CsvStore::open_with_small_segments(&many)?))
            }),
        ];
        if let Some(server) = &server {
            let address = server.url().parse().unwrap();
            tested.push(Tested::new("PostgreSQL", move || {
                Ok(Box::new(postgres::PostgresStore::open(&address)?))
            }));
        }
        run_history(&mut tested, &steps, &seen)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    eprintln!("{seen:?}");
    for what in [
        "sold",
        "sold-out",
        "baskets sold",
        "baskets refused",
        "replayed",
        "key-reused",
        "expired",
        "restarts",
        "imports",
        "conflicts",
    ] {
        assert!(seen.get(what).is_some_and(|&count| count > 5), "hardly any {what}");
    }
}

/// The history without each of its commands in turn.
fn without_one_command(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut histories = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Step::Decide(commands) = step else { continue };
        for removed in 0..commands.len() {
            let (mut fewer, mut rest) = (steps.to_vec(), commands.clone());
            rest.remove(removed);
            fewer[index] = Step::Decide(rest);
            histories.push(fewer);
        }
    }
    histories
}

#[test]
fn a_forgetful_store_is_found_by_a_minimal_history() {
    let seen = RefCell::default();
    let compare = |steps: Vec<Step>| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (sound, sick) = (path("sound"), path("sick"));
        let mut tested = [
            Tested::new("sound", move || {
                Ok(Box::new(csv::CsvStore::open(&sound, EditPolicy::Refuse)?))
            }),
            Tested::new("sick", move || {
                let store = csv::CsvStore::open(&sick, EditPolicy::Refuse)?;
                let head = store.load()?.head;
                Ok(Box::new(Forgetful(Box::new(store), head)))
            }),
        ];
        run_history(&mut tested, &steps, &seen)
    };
    let Err(TestError::Fail(why, mut steps)) = runner(200).run(&history::steps(), compare) else {
        panic!("the forgetful store was not found");
    };
    // Commands are removed before the others are simplified, so a needless command may be left.
    let fails = |steps: &Vec<Step>| compare(steps.clone()).is_err();
    while let Some(fewer) = without_one_command(&steps).into_iter().find(fails) {
        steps = fewer;
    }
    eprintln!("{why}\n{steps:?}");
    // A step without commands is not always removed.
    steps.retain(|step| !matches!(step, Step::Decide(commands) if commands.is_empty()));
    // The minimal history is an order and a restart.
    assert!(
        matches!(&steps[..], [Step::Decide(commands), Step::Restart] if commands.len() == 1),
        "{steps:?}"
    );
}
