//! The protocol of buying, model-checked: every order in which messages arrive, late, twice or never, processes die and
//! time passes, with the program's own deciding code (`backend::catalog::decide`) in the middle.
//!
//! | in the model | in the program |
//! | --- | --- |
//! | `Batch`, `DurableState`, `Verdict` | themselves |
//! | `catalog`: decide at the head that is known; append there; on a conflict catch up and decide again; answer | `catalog/ledger.rs`: `carry_out`, `decide`, `catch_up`, `publish`, `replies` |
//! | `Ledger`, `Prefix` | the shared store, `catalog/state.rs` and `recent.rs`: since the ledger only grows, what a catalog knows is a prefix of it |
//! | `Step::Reject` | `Undone`: eight conflicts, no room, or the store away. It may happen at any time before the append |
//! | `Step::TornAppend`, `Process::Catalog` | a crash within `append`, which leaves a prefix of the batch; `recall` |
//! | `traffic`: forward, resend marked, hear | `order/sales.rs`: `carry_out`, and `frontend/buying.rs`, which sends once |
//! | a restock goes to a catalog and is not sent again but by the shopkeeper | `frontend/mod.rs`: `change_stock` |
//! | `Answer::Unavailable` ends an order only where it was not sent before | `is_definite() && !resent` |
//!
//! Left out, and why that hides nothing: a lost message is one that never arrives, and nothing ever must. A sale travels
//! alone from the order service, for catalogs join what they like into batches. An answer passes the order service and the
//! front-end in one step, for neither keeps anything. A process that died is back at once, for one that stays away does less.
//! There is one book; it exists; entries have no date and one price. The filter of old orders and the 24 hours after which a
//! refusal may be forgotten are not here (the newest million ids are exact), and neither are the disk and HTTP.
//!
//! A client may send again whenever it likes, always under the same id; one without a key then uses the id it was given.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it found"
)]

mod catalog;
mod ledger;
mod property;
mod report;
mod rule;
mod shop;
mod state;
mod step;
mod traffic;

use std::collections::BTreeSet;
use std::time::Instant;

use common::{Quantity, Stock};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use self::rule::Rule;
use self::shop::{Bounds, Operation, OperationKind, Shop};
use self::state::State;
use self::step::Step;

/// States that at least one of the shops must have.
const STATES_MIN: usize = 1_000_000;

#[test]
fn every_promise_is_kept_whatever_happens() {
    let mut unseen: BTreeSet<_> = property::coverage().iter().map(|property| property.name).collect();
    let mut largest = 0;
    for (what, bounds) in shops() {
        let shop = Shop { bounds, dropped: None };
        println!("{what} ({})", shop.describe_operations());
        let start = Instant::now();
        let checker = shop.checker().spawn_bfs().join();
        println!(
            "  {} states, {} different ones, {} steps deep, {:.1} s",
            checker.state_count(),
            checker.unique_state_count(),
            checker.max_depth() - 1,
            start.elapsed().as_secs_f64()
        );
        for (name, path) in checker.discoveries() {
            let is_broken = checker.model().property(name).expectation == Expectation::Always;
            assert!(!is_broken, "not so: {name}\n{}", checker.model().describe_path(path));
            unseen.remove(name);
        }
        assert!(checker.is_done());
        largest = largest.max(checker.unique_state_count());
    }
    assert!(
        unseen.is_empty(),
        "these never happened, so their promises mean nothing: {unseen:?}"
    );
    assert!(largest >= STATES_MIN, "the largest shop has only {largest} states");
}

/// What is checked whole. All of it at once would be too much: each is large in one respect.
fn shops() -> [(&'static str, Bounds); 5] {
    let keyed = |sends_max| buy("the keyed order", true, sends_max);
    let unkeyed = |sends_max| buy("the un-keyed order", false, sends_max);
    let few = small(1, vec![keyed(1), unkeyed(1), restock(1)]);
    [
        (
            "A client sends again, and a process dies",
            Bounds {
                operations: vec![keyed(2), unkeyed(1), restock(1)],
                crashes_max: 1,
                ..few.clone()
            },
        ),
        (
            "The order service sends again, and a process dies",
            Bounds {
                attempts_max: 2,
                crashes_max: 1,
                batch_max: 1,
                ..few.clone()
            },
        ),
        (
            "The network makes a copy",
            Bounds {
                operations: vec![keyed(2), unkeyed(1), restock(1)],
                duplicates_max: 1,
                batch_max: 1,
                ..few.clone()
            },
        ),
        (
            "Deadlines pass",
            Bounds {
                operations: vec![keyed(2), unkeyed(1), restock(1)],
                tick_last: 1,
                batch_max: 1,
                ..few.clone()
            },
        ),
        (
            "Two processes die, and an order without a key is asked for again under its id",
            Bounds {
                operations: vec![unkeyed(2), restock(1)],
                crashes_max: 2,
                ..few
            },
        ),
    ]
}

#[test]
fn without_recorded_refusals_of_keyed_orders_a_refused_one_is_sold_later() {
    let bounds = small(0, vec![buy("A", true, 2), restock(1)]);
    fails_without(Rule::RecordKeyedRefusals, property::REFUSED_FOR_GOOD, bounds);
}

#[test]
fn without_marks_on_what_is_sent_again_a_refused_order_is_sold_later() {
    let bounds = Bounds {
        attempts_max: 2,
        ..small(0, vec![buy("A", false, 1), restock(1)])
    };
    fails_without(Rule::MarkResent, property::REFUSED_FOR_GOOD, bounds);
}

#[test]
fn with_a_new_id_for_what_is_sent_again_an_order_is_sold_twice() {
    let bounds = Bounds {
        attempts_max: 2,
        ..small(2, vec![buy("A", true, 1)])
    };
    fails_without(Rule::KeepId, property::DONE_ONCE, bounds);
}

#[test]
fn answered_before_the_append_a_sale_that_was_acknowledged_is_not_in_the_ledger() {
    let bounds = small(1, vec![buy("A", true, 1)]);
    fails_without(Rule::AnswerAfterAppend, property::ACKNOWLEDGED_ONCE, bounds);
}

#[test]
fn refused_on_what_is_not_durable_a_client_is_sent_away_from_a_full_shelf() {
    let bounds = small(1, vec![buy("A", true, 1), buy("B", false, 1)]);
    fails_without(Rule::RefuseAfterAppend, property::REFUSED_RIGHTLY, bounds);
}

#[test]
fn without_an_id_a_restock_that_is_sent_again_is_done_twice() {
    let bounds = small(0, vec![restock(2)]);
    fails_without(Rule::NameRestocks, property::CONSERVED, bounds);
}

#[test]
fn without_a_confirmed_head_a_catalog_refuses_what_the_other_has_on_the_shelf() {
    let bounds = small(0, vec![buy("A", false, 1), restock(1)]);
    fails_without(Rule::ConfirmHead, property::REFUSED_RIGHTLY, bounds);
}

#[test]
fn without_comparing_the_head_two_catalogs_sell_the_same_copy() {
    let bounds = small(1, vec![buy("A", true, 1), buy("B", true, 1)]);
    fails_without(Rule::CompareHead, property::CONSERVED, bounds);
}

#[test]
fn without_a_deadline_at_the_catalog_an_order_is_sold_late() {
    let bounds = Bounds {
        tick_last: 1,
        ..small(1, vec![buy("A", true, 1)])
    };
    fails_without(Rule::CompareDeadline, property::IN_TIME, bounds);
}

/// A shop that keeps its promises with a rule breaks one without it; prints the shortest way there.
fn fails_without(rule: Rule, promise: &'static str, bounds: Bounds) {
    let sound = Shop {
        bounds: bounds.clone(),
        dropped: None,
    };
    let broken = Shop {
        bounds,
        dropped: Some(rule),
    };
    assert!(
        path_to_violation(&sound, promise, usize::MAX).is_none(),
        "{promise}: not even with {rule:?}"
    );
    let mut shortest = None;
    let mut depth = usize::MAX;
    // The first that the checker reports is seldom the shortest; look again where only shorter ones are.
    while let Some(path) = path_to_violation(&broken, promise, depth) {
        depth = path.clone().into_states().len();
        shortest = Some(path);
    }
    let path = shortest.unwrap_or_else(|| panic!("without {rule:?} it is still so: {promise}"));
    println!(
        "without {rule:?} ({}) it is not so that {promise}:\n{}",
        broken.describe_operations(),
        broken.describe_path(path)
    );
}

/// A path of fewer states than that to one in which a promise is broken.
fn path_to_violation(shop: &Shop, promise: &'static str, states: usize) -> Option<Path<State, Step>> {
    let checker = shop.clone().checker();
    let checker = checker
        .finish_when(HasDiscoveries::AnyOf([promise].into()))
        .target_max_depth(states);
    checker.spawn_bfs().join().discovery(promise)
}

/// A shop in which little happens.
fn small(stock: u64, operations: Vec<Operation>) -> Bounds {
    Bounds {
        stock: Stock::try_from(stock).unwrap(),
        operations,
        attempts_max: 1,
        duplicates_max: 0,
        crashes_max: 0,
        tick_last: 0,
        batch_max: 2,
    }
}

fn buy(name: &'static str, keyed: bool, sends_max: u8) -> Operation {
    Operation {
        name,
        kind: OperationKind::Buy(Quantity::ONE),
        keyed,
        sends_max,
    }
}

fn restock(sends_max: u8) -> Operation {
    Operation {
        name: "the restock",
        kind: OperationKind::Restock(1),
        keyed: true,
        sends_max,
    }
}
