use std::convert::Infallible;

use common::wire::{BookAction, BookChanges, OrderLine, OrderLines, StockChange};
use common::{Deadline, Epoch, ItemNumber, OrderId, Quantity, Reason, Seq, StoreId, Timestamp};

use super::super::decide::CurrentBook;
use super::super::decision_index::Lookup;
use super::*;
use crate::fixture::{book, item};
use crate::store::StoreState;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

impl DurableState for State {
    type Error = Infallible;

    fn head(&self) -> Seq {
        self.head
    }

    fn epoch(&self) -> Epoch {
        self.position().epoch
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        self.current_book(item)
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, Infallible> {
        match self.decisions.lookup(order) {
            Lookup::Found(entries) => Ok(entries),
            _ => Ok(InlineVec::new()),
        }
    }
}

/// A catalog of the books 1 and 2, with 3 copies each, whose history was replaced once.
fn catalog() -> State {
    State::new(StoreState {
        store: StoreId::generate(),
        epoch: Epoch(1),
        head: Seq(4),
        books: vec![book(1, 3, 1), book(2, 3, 2)],
    })
}

fn sale(number: u64, quantity: u64) -> Sale {
    Sale {
        id: OrderId::generate(),
        lines: OrderLines::one(item(number), Quantity::try_from(quantity).unwrap()),
        keyed: true,
        resent: false,
        deadline: Deadline::from_millis(u64::MAX),
    }
}

/// An order of one copy of each book.
fn basket() -> Sale {
    let lines = [1, 2].map(|number| OrderLine {
        item: item(number),
        quantity: Quantity::ONE,
    });
    Sale {
        lines: OrderLines::new(lines).unwrap(),
        ..sale(1, 1)
    }
}

fn update(change: i64) -> CatalogUpdate {
    CatalogUpdate {
        id: OrderId::generate(),
        changes: BookChanges::one(item(1), BookAction::Stock(StockChange::By(change))),
        keyed: false,
        if_match: None,
        if_none_match: None,
        deadline: Deadline::from_millis(u64::MAX),
    }
}

/// The receiver of a job's reply.
type Answer<T> = oneshot::Receiver<Result<T, Error>>;

fn sell(sales: Vec<Sale>) -> (Job, Answer<Decisions>) {
    let (reply, answer) = Reply::new();
    (Job::Sell(Pending::new(sales, reply)), answer)
}

fn change_stock(update: CatalogUpdate) -> (Job, Answer<UpdateDecision>) {
    let (reply, answer) = Reply::new();
    (Job::UpdateBooks(Pending::new(update, reply)), answer)
}

/// Decides jobs together, applies their entries, and answers them.
fn run(catalog: &mut State, has_disk_space: bool, mut jobs: Vec<Job>) {
    let refusals_max = if has_disk_space { 1 } else { usize::MAX };
    let batch = DecisionBatch::new(&*catalog, NOW)
        .with_disk_space(has_disk_space)
        .with_refusals_max(refusals_max);
    let entries = decide(&mut jobs, batch).unwrap();
    catalog.apply(entries);
    reply::send_all(jobs.into_iter().filter_map(|job| job.answer(catalog)));
}

fn outcomes(decisions: &Decisions) -> Vec<(Outcome, bool, usize)> {
    let decisions = decisions.decisions.iter();
    decisions
        .map(|decision| (decision.outcome, decision.replayed, decision.entries.len()))
        .collect()
}

#[test]
fn each_sale_gets_its_decision_and_the_head_after_the_batch() {
    let mut catalog = catalog();
    let (sold, refused) = (sale(1, 2), sale(1, 2));
    let unkeyed = Sale {
        keyed: false,
        ..sale(2, 9)
    };
    let late = Sale {
        deadline: Deadline::from_millis(0),
        ..sale(1, 1)
    };
    let other_content = Sale {
        id: sold.id,
        ..sale(2, 1)
    };
    let again = sold.clone();
    let sales = vec![sold, refused, unkeyed, late, other_content, basket(), again, sale(1, 9)];
    let ids: Vec<_> = sales.iter().map(|sale| sale.id).collect();
    let (job, mut answer) = sell(sales);
    run(&mut catalog, true, vec![job]);
    let decisions = answer.try_recv().unwrap().unwrap();
    let expected = [
        (Outcome::Sold, false, 1),
        (Outcome::Refused, false, 1),
        (Outcome::Refused, false, 0),
        (Outcome::Expired, false, 0),
        (Outcome::KeyReused, false, 0),
        (Outcome::Sold, false, 2),
        (Outcome::Sold, true, 1),
        (Outcome::TooManyRefusals, false, 0),
    ];
    assert_eq!(outcomes(&decisions), expected);
    let orders: Vec<_> = decisions.decisions.iter().map(|decision| decision.order).collect();
    assert_eq!(orders, ids);
    let reasons: Vec<_> = decisions.decisions[2].refused.iter().map(|line| line.reason).collect();
    assert_eq!(reasons, [Reason::SoldOut]);
    assert_eq!(decisions.position(), "8.1".parse().unwrap());
    assert_eq!(decisions.store, catalog.store);
}

#[test]
fn a_change_is_answered_with_the_book_right_after_it() {
    let mut catalog = catalog();
    let (first, mut restocked) = change_stock(update(5));
    let (second, _sold) = sell(vec![sale(1, 1)]);
    let (third, mut refused) = change_stock(update(-99));
    run(&mut catalog, true, vec![first, second, third]);
    let restocked = restocked.try_recv().unwrap().unwrap();
    let book = restocked.changed.unwrap().books.pop().unwrap();
    assert_eq!((book.stock.get(), book.seq), (8, Seq(5)));
    assert_eq!(restocked.head, "6.1".parse().unwrap());
    let refused = refused.try_recv().unwrap().unwrap();
    assert!(matches!(refused.verdict, Verdict::RefusedUnrecorded(_)) && refused.changed.is_none());
}

#[test]
fn a_change_of_several_books_is_answered_with_each_and_the_withdrawn_ones() {
    let mut catalog = catalog();
    let body = r#"{"set":[{"item":1,"title":"Anew","topic":"t","cost":"9.00"}],"withdraw":[2]}"#;
    let (first, mut restocked) = change_stock(update(5));
    let (second, mut changed) = change_stock(CatalogUpdate {
        changes: serde_json::from_str(body).unwrap(),
        ..update(0)
    });
    run(&mut catalog, true, vec![first, second]);
    // Both changes are applied before the answer, which has the price right after its own change.
    let book = restocked.try_recv().unwrap().unwrap().changed.unwrap().books.remove(0);
    assert_eq!((book.cost, book.seq), ("40".parse().unwrap(), Seq(5)));
    let changed = changed.try_recv().unwrap().unwrap().changed.unwrap();
    let [book] = &changed.books[..] else {
        panic!("{changed:?}");
    };
    assert_eq!(
        (book.cost, &*book.title, book.seq),
        ("9".parse().unwrap(), "Anew", Seq(6))
    );
    assert_eq!((changed.withdrawn, changed.seq), (vec![item(2)], Seq(7)));
}

#[test]
fn on_a_full_disk_earlier_decisions_are_answered_beside_new_sales() {
    let mut catalog = catalog();
    let sold = sale(1, 1);
    let (job, _) = sell(vec![sold.clone()]);
    run(&mut catalog, true, vec![job]);
    let (mixed, mut some) = sell(vec![sale(1, 1), sold, sale(2, 9)]);
    let (needy, mut none) = sell(vec![sale(1, 1), sale(2, 9)]);
    let (empty, mut nothing) = sell(Vec::new());
    let (changing, mut changed) = change_stock(update(1));
    run(&mut catalog, false, vec![mixed, needy, empty, changing]);
    let full = (Outcome::StorageFull, false, 0);
    let decisions = some.try_recv().unwrap().unwrap();
    assert_eq!(outcomes(&decisions), [full, (Outcome::Sold, true, 1), full]);
    assert!(matches!(none.try_recv().unwrap(), Err(Error::Full)));
    assert_eq!(outcomes(&nothing.try_recv().unwrap().unwrap()), []);
    assert_eq!(changed.try_recv().unwrap().unwrap().verdict, Verdict::DiskFull);
    assert_eq!(catalog.head, Seq(5));
}

#[test]
fn a_rejected_job_gets_the_error_and_a_checked_head_an_answer() {
    let (selling, mut sold) = sell(vec![sale(1, 1)]);
    let (changing, mut changed) = change_stock(update(1));
    let (reply, mut checked) = Reply::new();
    for job in [selling, changing, Job::CheckHead(reply)] {
        job.reject(Error::Full);
    }
    assert!(matches!(sold.try_recv().unwrap(), Err(Error::Full)));
    assert!(matches!(changed.try_recv().unwrap(), Err(Error::Full)));
    assert!(matches!(checked.try_recv().unwrap(), Err(Error::Full)));
    let (reply, mut checked) = Reply::new();
    run(&mut catalog(), true, vec![Job::CheckHead(reply)]);
    assert!(checked.try_recv().unwrap().is_ok());
}

#[test]
fn decisions_and_orders_that_were_not_decided_are_counted() {
    let catalog = catalog();
    let counted = |tally: &Tally| format!("{tally:?}");
    let (selling, _) = sell(vec![sale(1, 2), sale(2, 9)]);
    let (changing, _) = change_stock(update(5));
    let mut jobs = vec![selling, changing];
    decide(&mut jobs, DecisionBatch::new(&catalog, NOW)).unwrap();
    let mut tally = Tally::default();
    jobs.iter().for_each(|job| job.tally(&mut tally));
    let decided = "Tally { sold: 1, copies: 2, revenue_cents: 8000, replayed: 0, refused: [1, 0, 0, 0, 0, 0, 0] }";
    assert_eq!(counted(&tally), decided);
    let mut tally = Tally::default();
    for job in &jobs {
        job.tally_rejected(&Error::Full, &mut tally);
        job.tally_rejected(&Error::CONTENDED, &mut tally);
    }
    let rejected = "Tally { sold: 0, copies: 0, revenue_cents: 0, replayed: 0, refused: [0, 0, 0, 0, 0, 2, 2] }";
    assert_eq!(counted(&tally), rejected);
}

#[test]
fn a_job_has_the_trace_of_its_request_and_the_latest_deadline_of_its_orders() {
    let trace = HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let at = |millis| Sale {
        deadline: Deadline::from_millis(millis),
        ..sale(1, 1)
    };
    let (mut selling, _) = sell(vec![at(2), at(3), at(1)]);
    let (mut changing, _) = change_stock(update(5));
    assert_eq!([selling.trace(), changing.trace()], [None; 2]);
    if let (Job::Sell(selling), Job::UpdateBooks(changing)) = (&mut selling, &mut changing) {
        selling.trace = Some(trace.clone());
        changing.trace = Some(trace.clone());
    }
    assert_eq!([selling.trace(), changing.trace()], [Some(&trace); 2]);
    let deadlines = [3, u64::MAX].map(|millis| Some(Deadline::from_millis(millis)));
    assert_eq!([selling.deadline(), changing.deadline()], deadlines);
    let (reply, _confirmed) = Reply::new();
    assert_eq!(Job::CheckHead(reply).deadline(), None);
}

#[test]
fn a_job_adds_its_lines_to_a_batch() {
    assert_eq!(sell(vec![basket(), sale(1, 9)]).0.lines(), 3);
    assert_eq!(change_stock(update(5)).0.lines(), 1);
    // A job without lines counts 1, so that the queue is bounded; `Close` counts 0.
    assert_eq!(sell(Vec::new()).0.lines(), 1);
    assert_eq!(Job::CheckHead(Reply::new().0).lines(), 1);
    assert_eq!(Job::Close(oneshot::channel().0).lines(), 0);
}
