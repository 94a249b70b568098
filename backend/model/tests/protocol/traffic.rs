//! Clients, the order service between them and the catalogs, and the network.

use super::ledger::Ledger;
use super::shop::{OperationKind, Shop, is_open};
use super::state::{Answer, Message, OperationIndex, Request, State};

impl Shop {
    pub(crate) fn send(&self, state: &mut State, operation: OperationIndex) {
        let is_short = self.is_short(operation, &state.ledger);
        let client = &mut state.clients[operation];
        let request = Request {
            operation,
            send: client.sends,
            attempt: 0,
            deadline: state.tick,
        };
        client.sends += 1;
        client.waits = true;
        client.unchanged = false;
        client.fell_short |= is_short;
        state.messages.push(match self.operation(operation).kind {
            OperationKind::Buy(_) => Message::Submit(request),
            OperationKind::Restock(_) | OperationKind::Describe => Message::Job(request),
        });
    }

    /// Rejects a late order if no earlier copy can exist; any other may have been decided already.
    pub(crate) fn forward(&self, state: &mut State, request: Request) -> Option<()> {
        state.remove_message(Message::Submit(request))?;
        if request.deadline < state.tick && !self.is_keyed(request) {
            if is_open(state, request) {
                state.clients[request.operation].receive(Answer::TooLate);
            }
        } else {
            state.tasks.push(request);
            state.messages.push(Message::Job(request));
        }
        Some(())
    }

    pub(crate) fn receive(&self, state: &mut State, request: Request, answer: Answer) -> Option<()> {
        state.remove_message(Message::Reply(request, answer))?;
        if let OperationKind::Buy(_) = self.operation(request.operation).kind {
            if answer == Answer::Unavailable && request.attempt > 0 {
                // An earlier copy may have been done, so this answer decides nothing; the order service sends again.
                return Some(());
            }
            state.remove_task(request)?;
        }
        if is_open(state, request) {
            let client = &mut state.clients[request.operation];
            state.flaws.contradicted |= client.receive(answer);
            state.flaws.refused_wrongly |= matches!(answer, Answer::Refused { .. }) && !client.fell_short;
        }
        Some(())
    }

    /// Whether there are too few copies for a line of an order.
    pub(crate) fn is_short(&self, operation: OperationIndex, ledger: &Ledger) -> bool {
        let OperationKind::Buy(copies) = self.operation(operation).kind else {
            return false;
        };
        let lines = Self::lines(copies);
        lines.iter().any(|line| line.quantity.get() > ledger.stock(line.item))
    }
}

pub(crate) fn duplicate(state: &mut State, message: Message) {
    if let Message::Submit(request) | Message::Job(request) = message {
        state.clients[request.operation].duplicated = true;
        state.messages.push(message);
        state.duplicates += 1;
    }
}
