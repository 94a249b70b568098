use std::sync::Mutex;

use common::{Cost, Entry, Quantity, Seq, Timestamp};

use super::*;

const LOST: fn() -> Result<Decisions, Error> = || {
    Err(Error::Lost {
        url: "http://catalog".to_owned(),
        why: "the connection closed".to_owned(),
    })
};

fn sale(keyed: bool, deadline: Deadline) -> Sale {
    Sale {
        id: OrderId::generate(),
        item: ItemNumber::try_from(2).unwrap(),
        quantity: Quantity::ONE,
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
        entry: Some(Entry {
            seq: Seq(5 + index as u64),
            at: Timestamp::from_micros(0),
            kind: Kind::Sold,
            item: sale.item,
            quantity: Some(1),
            change: -1,
            stock_after: Some(Stock::ZERO),
            order: Some(sale.id),
            unit_cost: Some(Cost::default()),
            reason: None,
        }),
        title: None,
        reason: None,
        stock: None,
    };
    Ok(Decisions {
        decisions: sales.iter().enumerate().map(decide).collect(),
        head: Seq(9),
    })
}

fn problem(code: Code) -> Result<Decisions, Error> {
    Err(Error::Problem(Box::new(Problem::new(code, "refused"))))
}

/// Sells a batch through a catalog that responds to each call with `respond`; returns the outcomes, the calls and the head.
async fn sell(
    batch: Vec<Sale>,
    respond: impl Fn(usize, &SaleBatch) -> Result<Decisions, Error>,
) -> (Vec<OrderOutcome>, Vec<Vec<Sale>>, u64) {
    let (calls, head) = (Mutex::new(Vec::new()), Arc::<AtomicU64>::default());
    let catalog = |batch: SaleBatch, _: Deadline| {
        let mut calls = calls.lock().unwrap();
        let response = respond(calls.len(), &batch);
        calls.push(batch.sales);
        std::future::ready(response)
    };
    let outcomes = sell_batch(catalog, batch, Arc::clone(&head)).await;
    (outcomes, calls.into_inner().unwrap(), head.load(Ordering::Relaxed))
}

fn code(outcome: &OrderOutcome) -> Option<Code> {
    outcome.result.as_ref().err().map(|problem| problem.code)
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_and_marked_after_a_lost_response() {
    let deadline = Deadline::after(Duration::from_secs(5));
    let batch = vec![sale(true, deadline), sale(false, deadline)];
    let respond = |call, batch: &SaleBatch| if call < 2 { LOST() } else { sold(batch) };
    let (outcomes, calls, head) = sell(batch.clone(), respond).await;
    let receipts: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.result.as_ref().unwrap().order)
        .collect();
    assert_eq!(receipts, [batch[0].id, batch[1].id]);
    let marked = Vec::from_iter(batch.iter().map(|sale| Sale {
        resent: true,
        ..sale.clone()
    }));
    assert_eq!(calls, [batch, marked.clone(), marked]);
    assert_eq!(head, 9);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_until_its_deadline_and_then_its_outcome_is_unknown() {
    let batch = vec![sale(true, Deadline::after(Duration::from_millis(50)))];
    let (outcomes, calls, _) = sell(batch.clone(), |_, _| LOST()).await;
    let problem = outcomes[0].result.as_ref().unwrap_err();
    assert_eq!(
        (problem.code, problem.order),
        (Code::DeadlineExceeded, Some(batch[0].id))
    );
    assert!(batch[0].deadline.has_passed() && calls.len() > 1);
    assert!(calls[1..].iter().flatten().all(|sale| sale.resent));
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_not_sent_again() {
    for (refusal, expected) in [
        (Code::StorageFull, Code::StorageFull),
        (Code::TooManyRequests, Code::TooManyRequests),
        (Code::Unavailable, Code::Unavailable),
    ] {
        let batch = vec![sale(true, Deadline::after(Duration::from_secs(5)))];
        let (outcomes, calls, _) = sell(batch, |_, _| problem(refusal)).await;
        assert_eq!((code(&outcomes[0]), calls.len()), (Some(expected), 1));
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
    let (outcomes, calls, _) = sell(batch, respond).await;
    assert_eq!((code(&outcomes[0]), calls.len()), (None, 3));
}

#[tokio::test(start_paused = true)]
async fn a_late_sale_is_sent_only_if_its_key_may_have_been_decided() {
    let late = Deadline::from_millis(1);
    let batch = vec![sale(false, late), sale(true, late)];
    let keyed = batch[1].clone();
    let (outcomes, calls, _) = sell(batch, |_, batch| sold(batch)).await;
    assert_eq!(
        outcomes.iter().map(code).collect::<Vec<_>>(),
        [Some(Code::DeadlineExceeded), None]
    );
    assert_eq!(calls, [[keyed]]);
}
