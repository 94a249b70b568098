//! What the shop promises, and what the model must be seen to do so that the promises mean something.

use common::Kind;
use rules::LedgerReplay;
use stateright::Property;

use super::shop::{OperationKind, Shop};
use super::state::{Answer, Message, OperationIndex, State};

pub(crate) const ACKNOWLEDGED_ONCE: &str = "what was acknowledged is in the ledger once";
pub(crate) const DONE_ONCE: &str = "no order and no restock is done twice";
pub(crate) const REFUSED_FOR_GOOD: &str = "a refusal that was told is never sold";
pub(crate) const REFUSED_RIGHTLY: &str = "who is refused wanted more than was there at some moment since asking";
pub(crate) const CONSERVED: &str = "the stock is what was there, plus what was put there, less what was sold";
pub(crate) const SAME_ANSWER: &str = "the same order gets the same answer";
pub(crate) const IN_TIME: &str = "nothing is done that was decided after its deadline";
pub(crate) const NOTHING_CHANGED: &str = "a single request that was told 503 changed nothing";

/// All of them.
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
        Property::sometimes("a refusal is recorded and told", |_, state: &State| {
            answered(state).any(|(_, answer)| matches!(answer, Answer::Refused { seq: Some(_), .. }))
        }),
        Property::sometimes("a refusal is told and not recorded", |_, state: &State| {
            answered(state).any(|(_, answer)| matches!(answer, Answer::Refused { seq: None, .. }))
        }),
        Property::sometimes(
            "every order is sold, one after a restock",
            |shop: &Shop, state: &State| {
                let sold = |operation| {
                    matches!(shop.operation(operation).kind, OperationKind::Restock(_))
                        || effects(state, operation) == 1
                };
                (0..state.clients.len()).all(sold) && state.ledger.stock() == 0
            },
        ),
        Property::sometimes("an answer is repeated", |_, state: &State| {
            state.clients.iter().any(|client| client.replayed)
        }),
        Property::sometimes("a catalog finds that the other was faster", |_, state: &State| {
            let mut working = state.catalogs.iter().filter_map(|catalog| catalog.work.as_ref());
            working.any(|work| work.conflicted)
        }),
        Property::sometimes("a request is told that nothing was changed", |_, state: &State| {
            state.clients.iter().any(|client| client.unchanged)
        }),
        Property::sometimes("a decision comes too late", |_, state: &State| {
            let mut messages = state.messages.iter();
            messages.any(|message| matches!(message, Message::Reply(_, Answer::TooLate)))
        }),
        Property::sometimes(
            "a sale whose catalog died is told by its repetition",
            |_, state: &State| {
                let again = state.clients.iter().any(|client| {
                    client.replayed && matches!(client.first_decision, Some(Answer::Done { .. })) && !client.duplicated
                });
                again && state.crashes.catalogs.contains(&true)
            },
        ),
        Property::sometimes("an append is torn by a crash", |_, state: &State| state.crashes.torn),
        Property::sometimes(
            "an order outlives the order service and the front-end",
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

/// How often a operation was done.
fn effects(state: &State, operation: OperationIndex) -> usize {
    state
        .ledger
        .of(operation)
        .filter(|entry| entry.kind != Kind::Refused)
        .count()
}

/// Whether a decision that was told is in the ledger.
fn decided_by(state: &State, operation: OperationIndex, seq: u64, refused: bool) -> bool {
    let entry = state.ledger.get(seq);
    entry.is_some_and(|entry| {
        (entry.kind == Kind::Refused) == refused && state.ledger.of(operation).any(|other| other.seq == entry.seq)
    })
}

/// The ledger breaks no rule, and its last stock is the first one plus the operations that were done.
fn is_conserved(shop: &Shop, state: &State) -> bool {
    let mut replay = LedgerReplay::new();
    if !state
        .ledger
        .entries()
        .iter()
        .all(|entry| replay.apply(entry).is_empty())
    {
        return false;
    }
    let done = (0..state.clients.len()).filter(|&operation| effects(state, operation) > 0);
    let changes = done.map(|operation| match shop.operation(operation).kind {
        OperationKind::Buy(quantity) => -i64::from(quantity.get()),
        OperationKind::Restock(copies) => i64::from(copies),
    });
    let expected = i64::from(shop.bounds.stock.get()) + changes.sum::<i64>();
    let stock = replay.book(Shop::item()).map(|book| i64::from(book.stock.get()));
    stock == Some(expected)
}
