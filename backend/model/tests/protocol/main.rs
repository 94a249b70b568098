//! A model checker explores the protocol of buying: messages arrive in every order, late, twice or never, processes crash and
//! time passes. The decisions come from the program's own code (`backend::catalog::decide`).
//!
//! | in the model | in the program |
//! | --- | --- |
//! | `DecisionBatch`, `DurableState`, `Verdict` | the same types |
//! | `catalog`: decide at the known head; append there; on a conflict catch up and decide again; answer | `catalog/ledger_thread.rs`: `execute`, `decide_and_append`, `catch_up`, `publish`; `catalog/job.rs`: `answer` |
//! | `Ledger`, `Prefix` | the shared store, `catalog/state.rs` and `decision_index.rs`: the ledger only grows, so a catalog knows a prefix of it |
//! | `Step::Reject` | `Job::reject`: eight conflicts, no room, or no store. It may happen at any time before the append |
//! | `Step::TornAppend`, `Process::Catalog` | a crash within `append`, which leaves whole orders from the beginning of the batch; `bootstrap` |
//! | `traffic`: forward, resend marked, receive | `order/sales.rs`, and `frontend/buying.rs`, which sends once |
//! | a restock goes to a catalog directly; only the shopkeeper sends it again | `frontend/mod.rs`: `update_books` |
//! | `Answer::Unavailable` ends an order only if it was not sent before | `is_not_applied() && !resent` |
//!
//! The model simplifies the program where that hides no error. A lost message is one that never arrives. The order service
//! sends each sale alone, because catalogs combine sales into batches anyway. An answer passes order service and front-end in
//! one step, because neither keeps state. A crashed process restarts at once, because one that stays down does less. There are
//! two books, which exist; entries have one time and one price. Not modelled: the filter of old orders, the 24 hours after
//! which a refusal may be forgotten (the newest million ids are exact), the disk, and HTTP.
//!
//! A client may send again at any time, always with the same id; a client without a key then uses the id from the front-end.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints what it found"
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

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use self::rule::Rule;
use self::shop::{Bounds, Operation, OperationKind, Shop};
use self::state::State;
use self::step::Step;

/// The number of states that at least one of the shops must exceed.
const STATES_MIN: usize = 1_000_000;

#[test]
fn every_property_holds_in_every_order_of_events() {
    let mut unseen: BTreeSet<_> = property::coverage().iter().map(|property| property.name).collect();
    let mut largest = 0;
    for (what, bounds) in shops() {
        let shop = Shop { bounds, dropped: None };
        println!("{what} ({})", shop.describe_operations());
        let start = Instant::now();
        let threads = std::thread::available_parallelism().unwrap().get();
        let checker = shop.checker().threads(threads).spawn_bfs().join();
        println!(
            "  {} states, {} different ones, {} steps deep, {:.1} s",
            checker.state_count(),
            checker.unique_state_count(),
            checker.max_depth() - 1,
            start.elapsed().as_secs_f64()
        );
        for (name, path) in checker.discoveries() {
            let is_broken = checker.model().property(name).expectation == Expectation::Always;
            assert!(!is_broken, "violated: {name}\n{}", checker.model().describe_path(path));
            unseen.remove(name);
        }
        assert!(checker.is_done());
        largest = largest.max(checker.unique_state_count());
    }
    assert!(
        unseen.is_empty(),
        "these never happened, so the properties are not tested: {unseen:?}"
    );
    assert!(largest >= STATES_MIN, "the largest shop has only {largest} states");
}

/// The models that are checked completely. Each is large in one respect only, to limit the number of states.
fn shops() -> [(&'static str, Bounds); 7] {
    let keyed = |sends_max| buy("the keyed order", true, sends_max);
    let unkeyed = |sends_max| buy("the un-keyed order", false, sends_max);
    let few = small(1, vec![keyed(1), unkeyed(1), restock(1)]);
    [
        (
            "A client sends again, and a process crashes",
            Bounds {
                operations: vec![keyed(2), unkeyed(1), restock(1)],
                crashes_max: 1,
                ..few.clone()
            },
        ),
        (
            "The order service sends again, and a process crashes",
            Bounds {
                attempts_max: 2,
                crashes_max: 1,
                batch_max: 1,
                ..few.clone()
            },
        ),
        (
            "The network duplicates a message",
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
            "Two processes crash, and an order without a key is sent again under its id",
            Bounds {
                operations: vec![unkeyed(2), restock(1)],
                crashes_max: 2,
                ..few
            },
        ),
        (
            "Orders of two lines over two books, and a process crashes",
            Bounds {
                stocks: [1, 2],
                crashes_max: 1,
                ..small(
                    1,
                    vec![basket("the keyed basket", true, 2), basket("the other basket", true, 1)],
                )
            },
        ),
        (
            "A change of both books while they are sold, and a process crashes",
            Bounds {
                stocks: [1, 2],
                crashes_max: 1,
                ..small(1, vec![basket("the keyed basket", true, 1), describe(2)])
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
fn without_the_resent_mark_a_refused_order_is_sold_later() {
    let bounds = Bounds {
        attempts_max: 2,
        ..small(0, vec![buy("A", false, 1), restock(1)])
    };
    fails_without(Rule::MarkResent, property::REFUSED_FOR_GOOD, bounds);
}

#[test]
fn with_a_new_id_for_a_resent_order_it_is_sold_twice() {
    let bounds = Bounds {
        attempts_max: 2,
        ..small(2, vec![buy("A", true, 1)])
    };
    fails_without(Rule::KeepId, property::DONE_ONCE, bounds);
}

#[test]
fn answered_before_the_append_an_acknowledged_sale_is_not_in_the_ledger() {
    let bounds = small(1, vec![buy("A", true, 1)]);
    fails_without(Rule::AnswerAfterAppend, property::ACKNOWLEDGED_ONCE, bounds);
}

#[test]
fn refused_before_the_append_a_client_is_refused_despite_enough_stock() {
    let bounds = small(1, vec![buy("A", true, 1), buy("B", false, 1)]);
    fails_without(Rule::RefuseAfterAppend, property::REFUSED_RIGHTLY, bounds);
}

#[test]
fn without_an_id_a_resent_restock_is_done_twice() {
    let bounds = small(0, vec![restock(2)]);
    fails_without(Rule::NameRestocks, property::CONSERVED, bounds);
}

#[test]
fn without_a_confirmed_head_a_catalog_refuses_despite_the_restock_of_the_other() {
    let bounds = small(0, vec![buy("A", false, 1), restock(1)]);
    fails_without(Rule::CheckHead, property::REFUSED_RIGHTLY, bounds);
}

#[test]
fn without_comparing_the_head_two_catalogs_sell_the_same_copy() {
    let bounds = small(1, vec![buy("A", true, 1), buy("B", true, 1)]);
    fails_without(Rule::CompareHead, property::CONSERVED, bounds);
}

#[test]
fn with_the_lines_of_an_order_in_two_batches_half_an_order_is_in_the_ledger() {
    let bounds = Bounds {
        stocks: [1, 1],
        crashes_max: 1,
        ..small(1, vec![basket("A", true, 1)])
    };
    fails_without(Rule::AppendWhole, property::WHOLE, bounds);
}

#[test]
fn with_the_lines_of_a_refusal_in_two_batches_half_a_refusal_is_in_the_ledger() {
    let bounds = small(1, vec![basket("A", true, 1)]);
    fails_without(Rule::AppendWhole, property::WHOLE, bounds);
}

#[test]
fn with_the_lines_of_a_change_in_two_batches_half_a_change_is_in_the_ledger() {
    let bounds = small(1, vec![describe(1)]);
    fails_without(Rule::AppendWhole, property::WHOLE, bounds);
}

#[test]
fn without_a_deadline_at_the_catalog_an_order_is_sold_late() {
    let bounds = Bounds {
        tick_last: 1,
        ..small(1, vec![buy("A", true, 1)])
    };
    fails_without(Rule::CompareDeadline, property::IN_TIME, bounds);
}

/// Asserts that a property holds with a rule and fails without it; prints the shortest path to a violation.
fn fails_without(rule: Rule, property: &'static str, bounds: Bounds) {
    let sound = Shop {
        bounds: bounds.clone(),
        dropped: None,
    };
    let broken = Shop {
        bounds,
        dropped: Some(rule),
    };
    assert!(
        path_to_violation(&sound, property, usize::MAX).is_none(),
        "violated even with {rule:?}: {property}"
    );
    let mut shortest = None;
    let mut depth = usize::MAX;
    // The first reported path is rarely the shortest, so search again among shorter paths.
    while let Some(path) = path_to_violation(&broken, property, depth) {
        depth = path.clone().into_states().len();
        shortest = Some(path);
    }
    let path = shortest.unwrap_or_else(|| panic!("holds even without {rule:?}: {property}"));
    println!(
        "without {rule:?} ({}), this is violated: {property}\n{}",
        broken.describe_operations(),
        broken.describe_path(path)
    );
}

/// A path of fewer than `states` states to a violation of a property.
fn path_to_violation(shop: &Shop, property: &'static str, states: usize) -> Option<Path<State, Step>> {
    let checker = shop.clone().checker();
    let checker = checker
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .target_max_depth(states);
    checker.spawn_bfs().join().discovery(property)
}

/// A small model.
fn small(stock: u8, operations: Vec<Operation>) -> Bounds {
    Bounds {
        stocks: [stock, 0],
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
        kind: OperationKind::Buy([1, 0]),
        keyed,
        sends_max,
    }
}

/// An order of two lines.
fn basket(name: &'static str, keyed: bool, sends_max: u8) -> Operation {
    Operation {
        kind: OperationKind::Buy([1, 1]),
        ..buy(name, keyed, sends_max)
    }
}

/// A change of both books.
fn describe(sends_max: u8) -> Operation {
    Operation {
        name: "the change",
        kind: OperationKind::Describe,
        keyed: true,
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
