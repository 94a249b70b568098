use std::sync::Mutex;

use common::wire::OrderLines;
use common::{Entry, Epoch, GroupPosition, InlineVec, ItemNumber, OrderId, Quantity, Seq, Stock, StoreId};

use super::*;
use crate::fixture;

const LOST: fn() -> Result<Decisions, Error> = || {
    Err(Error::Lost {
        url: "http://catalog".to_owned(),
        why: "the connection closed".to_owned(),
    })
};

fn sale(keyed: bool, deadline: Deadline) -> Sale {
    Sale {
        id: OrderId::generate(),
        lines: OrderLines::one(fixture::item(2), Quantity::ONE),
        keyed,
        resent: false,
        deadline,
    }
}

fn sold(SaleBatch { sales }: &SaleBatch) -> Result<Decisions, Error> {
    let decide = |(index, sale): (usize, &Sale)| Decision {
        order: sale.id,
        outcome: Outcome::Sold,
        replayed: false,
        entries: InlineVec::from_buf([Entry {
            order: Some(sale.id),
            ..fixture::sold(5 + index as u64, sale.lines[0].item.get(), 0)
        }]),
        refused: InlineVec::new(),
    };
    Ok(Decisions {
        decisions: sales.iter().enumerate().map(decide).collect(),
        head: Seq(9),
        epoch: Epoch::FIRST,
        store: StoreId::generate(),
    })
}

fn problem(code: Code) -> Result<Decisions, Error> {
    Err(Error::Problem(Box::new(Problem::new(code, "refused"))))
}

/// Sells a batch through a catalog that responds to each call with `respond`; returns the results, the calls and the head.
async fn sell(
    batch: Vec<Sale>,
    respond: impl Fn(usize, &SaleBatch) -> Result<Decisions, Error>,
) -> (Vec<OrderResult>, Vec<Vec<Sale>>, u64) {
    let (calls, position) = (Mutex::new(Vec::new()), Arc::<LedgerPosition>::default());
    let catalog = |batch: SaleBatch, _: Deadline| {
        let mut calls = calls.lock().unwrap();
        let response = respond(calls.len(), &batch);
        calls.push(batch.sales);
        std::future::ready(response)
    };
    let sold = sell_batch(catalog, batch, Timestamp::now(), Arc::clone(&position)).await;
    (
        sold.results.into_vec(),
        calls.into_inner().unwrap(),
        position.head().seq.0,
    )
}

/// The problem's code; `None` for a receipt.
fn code(result: &OrderResult) -> Option<Code> {
    match result {
        OrderResult::Receipt(_) => None,
        OrderResult::Problem(BatchProblem { problem, .. }) => Some(problem.code),
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_and_marked_after_a_lost_response() {
    let deadline = Deadline::after(Duration::from_secs(5));
    let batch = vec![sale(true, deadline), sale(false, deadline)];
    let start = tokio::time::Instant::now();
    let respond = |call, batch: &SaleBatch| {
        assert_eq!(
            start.elapsed() > Duration::ZERO,
            call > 0,
            "the batch is sent again after a delay"
        );
        if call < 2 { LOST() } else { sold(batch) }
    };
    let (results, calls, head) = sell(batch.clone(), respond).await;
    for (result, sale) in results.iter().zip(&batch) {
        assert!(
            matches!(result, OrderResult::Receipt(sold) if sold.receipt.order == sale.id),
            "{result:?}"
        );
    }
    let mut marked = batch.clone();
    marked.iter_mut().for_each(|sale| sale.resent = true);
    assert_eq!(calls, [batch, marked.clone(), marked]);
    assert_eq!(head, 9);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_until_its_deadline_and_then_its_outcome_is_unknown() {
    let batch = vec![sale(true, Deadline::after(Duration::from_millis(50)))];
    let (results, calls, _) = sell(batch.clone(), |_, _| LOST()).await;
    assert_eq!(results, [unknown(batch[0].id)]);
    assert!(batch[0].deadline.has_passed_at(Timestamp::now()) && calls.len() > 1);
    assert!(calls[1..].iter().flatten().all(|sale| sale.resent));
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_not_sent_again() {
    for (refusal, expected) in [
        (Code::StorageFull, Code::StorageFull),
        (Code::TooManyRequests, Code::TooManyRequests),
        (Code::Unavailable, Code::Unavailable),
        // The client is not at fault if the services are misconfigured.
        (Code::Unauthorized, Code::Unavailable),
    ] {
        let batch = vec![sale(true, Deadline::after(Duration::from_secs(5)))];
        let (results, calls, _) = sell(batch, |_, _| problem(refusal)).await;
        assert_eq!((code(&results[0]), calls.len()), (Some(expected), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_response_says_nothing_about_the_first_attempt() {
    let batch = vec![sale(false, Deadline::after(Duration::from_secs(5)))];
    let respond = |call, batch: &SaleBatch| match call {
        0 => LOST(),
        1 => problem(Code::Unavailable),
        _ => sold(batch),
    };
    let (results, calls, _) = sell(batch, respond).await;
    assert_eq!((code(&results[0]), calls.len()), (None, 3));
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_decision_for_each_sale_is_a_lost_one() {
    let deadline = Deadline::after(Duration::from_secs(5));
    let batch = vec![sale(false, deadline), sale(false, deadline)];
    let respond = |call, batch: &SaleBatch| {
        let mut decided = sold(batch)?;
        decided.decisions.truncate(call + 1);
        Ok(decided)
    };
    let (results, calls, _) = sell(batch, respond).await;
    assert_eq!(
        (results.iter().map(code).collect::<Vec<_>>(), calls.len()),
        (vec![None; 2], 2)
    );
    assert!(calls[1].iter().all(|sale| sale.resent));
}

#[tokio::test]
async fn even_a_sale_after_its_deadline_has_time_for_its_answer() {
    let catalog = |batch: SaleBatch, attempt: Deadline| {
        assert!(attempt.remaining() > SALE_TIMEOUT_MIN / 2);
        std::future::ready(sold(&batch))
    };
    let late = sale(true, Deadline::from_millis(1));
    let sold = sell_batch(catalog, [late], Timestamp::now(), Arc::default()).await;
    assert_eq!(code(&sold.results[0]), None);
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_the_entries_that_it_added_to_the_ledger_of_its_last_answer() {
    let stores = [StoreId::generate(), StoreId::generate()];
    // After a lost answer, the next one leaves the third sale undecided, so it is sent once more.
    for last in stores {
        let calls = Mutex::new(0);
        let catalog = |batch: SaleBatch, _: Deadline| {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            let mut decisions = sold(&batch).unwrap();
            match *calls {
                1 => return std::future::ready(LOST()),
                2 => {
                    decisions.store = stores[0];
                    decisions.decisions[0].entries[0].seq = Seq(7);
                    decisions.decisions[1].replayed = true;
                    decisions.decisions[2].outcome = Outcome::StorageFull;
                    decisions.decisions[2].entries.clear();
                }
                _ => decisions.store = last,
            }
            std::future::ready(Ok(decisions))
        };
        let deadline = Deadline::after(Duration::from_secs(5));
        let batch = [(); 3].map(|()| sale(true, deadline));
        let ids = batch.each_ref().map(|sale| Some(sale.id));
        let sold = sell_batch(catalog, batch, Timestamp::now(), Arc::default()).await;
        let orders: Vec<_> = sold.entries.iter().map(|entry| entry.order).collect();
        assert_eq!(sold.store, Some(last));
        match last == stores[0] {
            true => assert_eq!(orders, [ids[2], ids[0]], "in the order of the ledger"),
            false => assert_eq!(orders, [ids[2]], "entries of another store"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sale_after_its_deadline_is_sent_only_if_its_key_may_have_been_decided() {
    let late = Deadline::from_millis(1);
    let batch = vec![sale(false, late), sale(true, late)];
    let keyed = batch[1].clone();
    let (results, calls, _) = sell(batch, |_, batch| sold(batch)).await;
    assert_eq!(
        [0, 1].map(|index| code(&results[index])),
        [Some(Code::DeadlineExceeded), None]
    );
    assert_eq!(calls, [[keyed]]);
}

fn undecided(SaleBatch { sales }: &SaleBatch, outcome: Outcome) -> Result<Decisions, Error> {
    let decide = |sale: &Sale| Decision {
        order: sale.id,
        outcome,
        replayed: false,
        entries: InlineVec::new(),
        refused: InlineVec::new(),
    };
    Ok(Decisions {
        decisions: sales.iter().map(decide).collect(),
        head: Seq(9),
        epoch: Epoch::FIRST,
        store: StoreId::generate(),
    })
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_was_left_undecided_is_not_sent_again() {
    for (outcome, expected) in [
        (Outcome::TooManyRefusals, Code::Unavailable),
        (Outcome::StorageFull, Code::StorageFull),
    ] {
        let batch = vec![sale(true, Deadline::after(Duration::from_secs(5)))];
        let (results, calls, _) = sell(batch, |_, batch| undecided(batch, outcome)).await;
        assert_eq!((code(&results[0]), calls.len()), (Some(expected), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sale_left_undecided_after_a_lost_response_is_sent_again_because_the_first_request_may_be_decided() {
    for outcome in [Outcome::TooManyRefusals, Outcome::StorageFull] {
        let batch = vec![sale(true, Deadline::after(Duration::from_secs(5)))];
        let respond = |call, batch: &SaleBatch| match call {
            0 => LOST(),
            1 => undecided(batch, outcome),
            _ => sold(batch),
        };
        let (results, calls, _) = sell(batch, respond).await;
        assert_eq!((code(&results[0]), calls.len()), (None, 3));
    }
}

/// The problem of a refused sale of three lines: one is sold out, and one unknown if `is_unknown`.
fn refused_basket(is_unknown: bool, is_recorded: bool) -> Problem {
    let numbers = if is_unknown { [2, 4, 9] } else { [2, 3, 4] };
    let line = |number| OrderLine {
        item: fixture::item(number),
        quantity: Quantity::try_from(3).unwrap(),
    };
    let sale = Sale {
        lines: OrderLines::new(numbers.map(line)).unwrap(),
        ..sale(is_recorded, Deadline::after(Duration::from_secs(5)))
    };
    let reason = |item: ItemNumber| match item.get() {
        9 => Reason::UnknownItem,
        4 => Reason::SoldOut,
        _ => Reason::WithOthers,
    };
    let stock = |item: ItemNumber| Stock::try_from(1).ok().filter(|_| item.get() != 9);
    let entry = |(line, &OrderLine { item, .. }): (GroupPosition, &OrderLine)| Entry {
        kind: Kind::Refused,
        line,
        item,
        reason: Some(reason(item)),
        stock_after: stock(item),
        ..fixture::sold(5, item.get(), 0)
    };
    let entries = GroupPosition::of_group(3).zip(&*sale.lines).map(entry);
    let refused = sale.lines.iter().filter(|line| reason(line.item) != Reason::WithOthers);
    let refused = refused.map(|line| RefusedLine {
        item: line.item,
        reason: reason(line.item),
        stock: stock(line.item),
    });
    let decision = Decision {
        order: sale.id,
        outcome: Outcome::Refused,
        replayed: false,
        entries: entries.filter(|_| is_recorded).collect(),
        refused: refused.filter(|_| !is_recorded).collect(),
    };
    match result(&sale, &decision) {
        OrderResult::Problem(BatchProblem { problem, .. }) => problem,
        receipt => panic!("{receipt:?}"),
    }
}

#[test]
fn the_problem_of_a_refused_sale_names_its_book_and_what_is_left() {
    let sale = sale(false, Deadline::after(Duration::from_secs(5)));
    for (reason, stock, expected, detail) in [
        (
            Reason::UnknownItem,
            None,
            Code::UnknownItem,
            "No book has the number 2.",
        ),
        (Reason::SoldOut, Stock::try_from(0).ok(), Code::SoldOut, "None is left."),
        (Reason::SoldOut, Stock::try_from(1).ok(), Code::SoldOut, "Only 1 left."),
    ] {
        let item = fixture::item(2);
        let problem = refusal(&sale, &[RefusedLine { item, reason, stock }]).unwrap();
        assert_eq!(
            (problem.code, problem.item, problem.stock),
            (expected, Some(item), stock)
        );
        assert_eq!(&*problem.detail, detail);
        assert!(problem.lines.is_empty() && problem.items.is_empty());
    }
    assert_eq!(refusal(&sale, &[]), None);
}

#[test]
fn the_problem_of_a_refused_basket_names_the_lines_that_are_the_reason() {
    for is_recorded in [false, true] {
        let sold_out = refused_basket(false, is_recorded);
        let short = ShortLine {
            item: fixture::item(4),
            stock: Stock::try_from(1).unwrap(),
            wanted: Quantity::try_from(3).unwrap(),
        };
        assert_eq!((sold_out.code, sold_out.lines), (Code::SoldOut, vec![short]));
        let unknown = refused_basket(true, is_recorded);
        assert_eq!(
            (unknown.code, unknown.items),
            (Code::UnknownItem, vec![fixture::item(9)])
        );
        assert_eq!(unknown.order.is_some(), is_recorded);
    }
}
