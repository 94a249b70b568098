//! The properties that must always hold, and the events that must happen at least once so that the properties are meaningful.

use common::{Kind, entry};
use rules::LedgerChecker;
use stateright::Property;

use super::shop::{OperationKind, Shop};
use super::state::{Answer, Message, OperationIndex, State};

pub(crate) const ACKNOWLEDGED_ONCE: &str = "an acknowledged operation is in the ledger once";
pub(crate) const DONE_ONCE: &str = "no order and no restock is done twice";
pub(crate) const WHOLE: &str = "all lines of an order are in the ledger, sold or refused together, or none";
pub(crate) const REFUSED_FOR_GOOD: &str = "an order whose refusal was answered is never sold";
pub(crate) const REFUSED_RIGHTLY: &str = "a refused order exceeded the stock at some moment since it was sent";
pub(crate) const CONSERVED: &str = "the stock is the first stock plus the restocks minus the sales";
pub(crate) const SAME_ANSWER: &str = "the same order gets the same answer";
pub(crate) const IN_TIME: &str = "no operation is done that was decided after its deadline";
pub(crate) const NOTHING_CHANGED: &str = "a single request that was answered 503 changed nothing";

/// All properties.
pub(crate) fn all() -> Vec<Property<Shop>> {
    let mut properties = guarantees();
    properties.extend(coverage());
    properties
}

fn guarantees() -> Vec<Property<Shop>> {
    vec![
        Property::always(ACKNOWLEDGED_ONCE, |_, state: &State| {
            answered(state).all(|(operation, answer)| match answer {
                Answer::Done { seq, .. } => effects(state, operation) == 1 && decided_by(state, operation, seq, false),
                _ => true,
            })
        }),
        Property::always(DONE_ONCE, |_, state: &State| {
            (0..state.clients.len()).all(|operation| effects(state, operation) <= 1)
        }),
        Property::always(WHOLE, |_, state: &State| {
            entry::groups(state.ledger.entries()).all(|group| {
                group.len() == usize::from(group[0].line.count()) && group.iter().all(|line| line.kind == group[0].kind)
            })
        }),
        Property::always(REFUSED_FOR_GOOD, |_, state: &State| {
            answered(state).all(|(operation, answer)| match answer {
                Answer::Refused { seq, .. } => {
                    effects(state, operation) == 0 && seq.is_none_or(|seq| decided_by(state, operation, seq, true))
                }
                _ => true,
            })
        }),
        Property::always(REFUSED_RIGHTLY, |_, state: &State| !state.flaws.refused_wrongly),
        Property::always(CONSERVED, is_conserved),
        Property::always(SAME_ANSWER, |_, state: &State| !state.flaws.contradicted),
        Property::always(IN_TIME, |_, state: &State| !state.flaws.done_late),
        Property::always(NOTHING_CHANGED, |_, state: &State| {
            let unchanged = |(operation, client): (_, &super::state::Client)| {
                !client.unchanged || state.ledger.of(operation).next().is_none()
            };
            state.clients.iter().enumerate().all(unchanged)
        }),
    ]
}

pub(crate) fn coverage() -> Vec<Property<Shop>> {
    vec![
        Property::sometimes("a sale is acknowledged, and a restock", |shop: &Shop, state: &State| {
            let done = |buys: bool| {
                answered(state).any(|(operation, answer)| {
                    matches!(answer, Answer::Done { .. })
                        && buys == matches!(shop.operation(operation).kind, OperationKind::Buy(_))
                })
            };
            done(true) && done(false)
        }),
        Property::sometimes("a recorded refusal is answered", |_, state: &State| {
            answered(state).any(|(_, answer)| matches!(answer, Answer::Refused { seq: Some(_), .. }))
        }),
        Property::sometimes("an unrecorded refusal is answered", |_, state: &State| {
            answered(state).any(|(_, answer)| matches!(answer, Answer::Refused { seq: None, .. }))
        }),
        Property::sometimes(
            "every order is sold, one after a restock",
            |shop: &Shop, state: &State| {
                let sold = |operation| {
                    !matches!(shop.operation(operation).kind, OperationKind::Buy(_)) || effects(state, operation) == 1
                };
                (0..state.clients.len()).all(sold)
                    && Shop::items().into_iter().all(|item| state.ledger.stock(item) == 0)
            },
        ),
        Property::sometimes("an answer is replayed", |_, state: &State| {
            state.clients.iter().any(|client| client.replayed)
        }),
        Property::sometimes("an append conflicts with the other catalog", |_, state: &State| {
            let mut working = state.catalogs.iter().filter_map(|catalog| catalog.work.as_ref());
            working.any(|work| work.conflicted)
        }),
        Property::sometimes("a request is answered with 503, unchanged", |_, state: &State| {
            state.clients.iter().any(|client| client.unchanged)
        }),
        Property::sometimes("a decision is made after the deadline", |_, state: &State| {
            let mut messages = state.messages.iter();
            messages.any(|message| matches!(message, Message::Reply(_, Answer::TooLate)))
        }),
        Property::sometimes(
            "a sale whose catalog crashed is answered by a replay",
            |_, state: &State| {
                let again = state.clients.iter().any(|client| {
                    client.replayed && matches!(client.first_decision, Some(Answer::Done { .. })) && !client.duplicated
                });
                again && state.crashes.catalogs.contains(&true)
            },
        ),
        Property::sometimes("an order of two lines is sold, and one refused", |_, state: &State| {
            let basket = |kind| {
                let mut entries = state.ledger.entries().iter();
                entries.any(|entry| entry.line.count() == 2 && entry.kind == kind)
            };
            basket(Kind::Sold) && basket(Kind::Refused)
        }),
        Property::sometimes("an append is torn by a crash", |_, state: &State| state.crashes.torn),
        Property::sometimes(
            "an order is done although order service and front-end crashed",
            |_, state: &State| {
                let done = answered(state).any(|(_, answer)| matches!(answer, Answer::Done { .. }));
                done && state.crashes.order && state.crashes.frontend
            },
        ),
    ]
}

fn answered(state: &State) -> impl Iterator<Item = (OperationIndex, Answer)> {
    let clients = state.clients.iter().enumerate();
    clients.filter_map(|(operation, client)| Some((operation, client.first_decision?)))
}

/// The number of times that an operation was done.
fn effects(state: &State, operation: OperationIndex) -> usize {
    state
        .ledger
        .of(operation)
        .filter(|entry| entry.kind != Kind::Refused && entry.line.is_first())
        .count()
}

/// Whether the entry of an answered decision decided this operation.
fn decided_by(state: &State, operation: OperationIndex, seq: u64, refused: bool) -> bool {
    let entry = state.ledger.get(seq);
    entry.is_some_and(|entry| {
        (entry.kind == Kind::Refused) == refused && state.ledger.of(operation).any(|other| other.seq == entry.seq)
    })
}

/// Whether the ledger breaks no rule, and its last stocks are the first stocks plus the effects of the operations done.
fn is_conserved(shop: &Shop, state: &State) -> bool {
    let mut checker = LedgerChecker::new();
    if !state
        .ledger
        .entries()
        .iter()
        .all(|entry| checker.apply(entry).is_empty())
    {
        return false;
    }
    let mut expected = shop.bounds.stocks.map(i64::from);
    for operation in (0..state.clients.len()).filter(|&operation| effects(state, operation) > 0) {
        match shop.operation(operation).kind {
            OperationKind::Buy(copies) => {
                for (stock, copies) in expected.iter_mut().zip(copies) {
                    *stock -= i64::from(copies);
                }
            }
            OperationKind::Restock(copies) => expected[0] += i64::from(copies),
            OperationKind::Describe => {}
        }
    }
    let stocks = Shop::items().map(|item| checker.book(item).map(|book| i64::from(book.stock.get())));
    stocks == expected.map(Some)
}
