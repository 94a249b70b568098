//! Clients, the order service between them and the catalogs, and the network between all.

use super::shop::{OperationKind, Shop, is_open};
use super::state::{Answer, Message, OperationIndex, Request, State};

impl Shop {
    pub(crate) fn send(&self, state: &mut State, operation: OperationIndex) {
        let left = state.ledger.stock();
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
        client.fell_short |= self.is_short(operation, left);
        state.messages.push(match self.operation(operation).kind {
            OperationKind::Buy(_) => Message::Submit(request),
            OperationKind::Restock(_) => Message::Job(request),
        });
    }

    /// A late order that nobody can have sent before is turned away; any other may have been decided already.
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
                // An earlier copy may have had its effect: this answer says nothing, the order service asks again.
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

    pub(crate) fn is_short(&self, operation: OperationIndex, left: u32) -> bool {
        matches!(self.operation(operation).kind, OperationKind::Buy(quantity) if quantity.get() > left)
    }
}

pub(crate) fn duplicate(state: &mut State, message: Message) {
    if let Message::Submit(request) | Message::Job(request) = message {
        state.clients[request.operation].duplicated = true;
        state.messages.push(message);
        state.duplicates += 1;
    }
}
