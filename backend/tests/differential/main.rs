//! The same random history on every store: the same answers, the same books, and ledgers equal to the last byte.
//!
//! The real deciding code decides each batch on what a store itself says, and on nothing else. Moments and ids are part
//! of the history, so that two stores have no reason to differ. A history is data: one that fails is made shorter until
//! every step of it is needed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod history;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use backend::catalog::Verdict;
use backend::catalog::decide::{Batch, DurableState, StockAndPrice};
use common::wire::Book;
use common::{Entry, OrderId, Seq, Timestamp};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use store::conformance::ALL_SEQS;
use store::{EditPolicy, Error, Store, StoreState, csv, postgres, sqlite};

use self::history::{Asked, Driver, Step};

/// Histories of one run; `PROPTEST_CASES` asks for more.
const HISTORIES: u32 = 32;

/// One store under test, closed and opened again as a history wants it.
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

/// What a store did with a step; equal for all of them.
#[derive(Debug, PartialEq)]
enum Answer {
    Decided(Vec<Verdict>),
    Done,
    Conflict,
    CatalogFile,
}

/// The durable state as one store tells it.
struct Said<'a> {
    store: &'a dyn Store,
    loaded: StoreState,
}

impl DurableState for Said<'_> {
    type Error = Error;

    fn head(&self) -> Seq {
        self.loaded.head
    }

    fn stock_and_price(&self, item: common::ItemNumber) -> Option<StockAndPrice> {
        let book = self.loaded.books.iter().find(|book| book.item == item)?;
        Some(StockAndPrice {
            stock: book.stock,
            cost: book.cost,
        })
    }

    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, Error> {
        self.store.find(order, ALL_SEQS)
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

    fn said(&self) -> Said<'_> {
        Said {
            store: self.store(),
            loaded: self.store().load().unwrap(),
        }
    }

    /// The process ends without a word, and another one begins.
    fn restart(&mut self) {
        self.store = None;
        self.store = Some((self.open)().unwrap());
    }

    fn decide(&self, asked: &[Asked], now: Timestamp) -> (Seq, Vec<Entry>, Vec<Verdict>) {
        let said = self.said();
        let mut batch = Batch::new(&said, now);
        let verdicts = asked.iter().map(|asked| match asked {
            Asked::Sale(sale) => batch.sell(sale).unwrap(),
            Asked::UpdateStock(change) => batch.update_stock(change).unwrap(),
        });
        let verdicts = verdicts.collect();
        (said.loaded.head, batch.into_entries(), verdicts)
    }

    fn answer(&mut self, act: &history::Act) -> Answer {
        match act {
            history::Act::Decide(asked, now) => {
                let (head, entries, verdicts) = self.decide(asked, *now);
                match self.store().append(head, &entries) {
                    Ok(()) => Answer::Decided(verdicts),
                    error => told(error),
                }
            }
            history::Act::DecideLate(asked, now) => {
                let (head, entries, _) = self.decide(asked, *now);
                told(self.store().append(head.next(), &entries))
            }
            history::Act::Import(head, entries, books) => told(self.store().import(*head, entries, books)),
            history::Act::Checkpoint => {
                let loaded = self.store().load().unwrap();
                told(self.store().checkpoint(&loaded.books, loaded.head))
            }
            history::Act::Restart => {
                self.restart();
                Answer::Done
            }
        }
    }

    /// The ledger as the catalog hands it on, in bytes.
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

fn told(done: Result<(), Error>) -> Answer {
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

/// Holds every store to what the first one says.
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

/// Lets all stores live through a history.
fn live(
    tested: &mut [Tested],
    steps: &[Step],
    seen: &RefCell<BTreeMap<&'static str, u32>>,
) -> Result<(), TestCaseError> {
    let mut driver = Driver::default();
    for step in std::iter::once(&history::filling()).chain(steps) {
        let first = tested[0].store().load().unwrap();
        let act = driver.act(step, &first);
        let mut answers = tested.iter_mut().map(|tested| (tested.name, tested.answer(&act)));
        let (_, expected) = answers.next().unwrap();
        for (name, answer) in answers {
            same!(name, format!("the answer to {act:?}"), expected, answer);
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
        // The usual four for each case can end before the shortest history is found.
        max_shrink_iters: 20_000,
        ..Config::default()
    })
}

#[test]
fn one_history_makes_one_ledger_whatever_keeps_it() {
    let server = testing::postgres::Server::shared();
    let seen = RefCell::default();
    let lived = runner(HISTORIES).run(&history::steps(), |steps| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (database, few, many) = (path("books.db"), path("few"), path("many"));
        let mut tested = vec![
            Tested::new("SQLite", move || Ok(Box::new(sqlite::Store::open(&database)?))),
            Tested::new("CSV", move || Ok(Box::new(csv::Store::open(&few, EditPolicy::Refuse)?))),
            Tested::new("CSV in many files", move || {
                Ok(Box::new(csv::Store::open_with_small_segments(&many)?))
            }),
        ];
        if let Some(server) = &server {
            let address = server.url().parse().unwrap();
            tested.push(Tested::new("PostgreSQL", move || {
                Ok(Box::new(postgres::Store::open(&address)?))
            }));
        }
        live(&mut tested, &steps, &seen)
    });
    if let Err(error) = lived {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    eprintln!("{seen:?}");
    for what in [
        "sold",
        "sold-out",
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

/// Forgets the orders of its past lives.
#[derive(Debug)]
struct Forgetful(Box<dyn Store>, Seq);

impl Store for Forgetful {
    fn load(&self) -> Result<StoreState, Error> {
        self.0.load()
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        self.0.read(after, limit)
    }

    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Option<Entry>, Error> {
        Ok(self.0.find(order, among)?.filter(|entry| entry.seq > self.1))
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.0.append(head, entries)
    }

    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error> {
        self.0.import(head, entries, books)
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        self.0.checkpoint(books, at)
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.0.restore(head, entries)
    }

    fn put_blob(&self, name: &str, note: &[u8]) -> Result<(), Error> {
        self.0.put_blob(name, note)
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get_blob(name)
    }
}

#[test]
fn a_store_that_forgets_is_found_out_by_a_history_without_a_needless_step() {
    let seen = RefCell::default();
    let lived = runner(200).run(&history::steps(), |steps| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (sound, sick) = (path("sound"), path("sick"));
        let mut tested = [
            Tested::new("sound", move || {
                Ok(Box::new(csv::Store::open(&sound, EditPolicy::Refuse)?))
            }),
            Tested::new("sick", move || {
                let store = csv::Store::open(&sick, EditPolicy::Refuse)?;
                let head = store.load()?.head;
                Ok(Box::new(Forgetful(Box::new(store), head)))
            }),
        ];
        live(&mut tested, &steps, &seen)
    });
    let Err(TestError::Fail(why, steps)) = lived else {
        panic!("it was not found out");
    };
    eprintln!("{why}\n{steps:?}");
    // An order, and a restart.
    assert!(
        matches!(&steps[..], [Step::Decide(asked), Step::Restart] if asked.len() == 1),
        "{steps:?}"
    );
}
