//! Clients, the order service between them and the catalogs, and the network between all.

use super::shop::{Shop, Want, is_open};
use super::state::{Answer, Letter, Request, State, WishIndex};

impl Shop {
    pub(crate) fn send(&self, state: &mut State, wish: WishIndex) {
        let left = state.ledger.stock();
        let client = &mut state.clients[wish];
        let request = Request {
            wish,
            send: client.sends,
            attempt: 0,
            deadline: state.tick,
        };
        client.sends += 1;
        client.waits = true;
        client.unchanged = false;
        client.fell_short |= self.is_short(wish, left);
        state.letters.push(match self.wish(wish).want {
            Want::Buy(_) => Letter::Ask(request),
            Want::Restock(_) => Letter::Job(request),
        });
    }

    /// A late order that nobody can have sent before is turned away; any other may have been decided already.
    pub(crate) fn forward(&self, state: &mut State, request: Request) -> Option<()> {
        state.take(Letter::Ask(request))?;
        if request.deadline < state.tick && !self.is_keyed(request) {
            if is_open(state, request) {
                state.clients[request.wish].hear(Answer::TooLate);
            }
        } else {
            state.tasks.push(request);
            state.letters.push(Letter::Job(request));
        }
        Some(())
    }

    pub(crate) fn hear(&self, state: &mut State, request: Request, answer: Answer) -> Option<()> {
        state.take(Letter::Reply(request, answer))?;
        if let Want::Buy(_) = self.wish(request.wish).want {
            if answer == Answer::Unavailable && request.attempt > 0 {
                // An earlier copy may have had its effect: this answer says nothing, the order service asks again.
                return Some(());
            }
            state.take_task(request)?;
        }
        if is_open(state, request) {
            let client = &mut state.clients[request.wish];
            state.flaws.contradicted |= client.hear(answer);
            state.flaws.refused_wrongly |= matches!(answer, Answer::Refused { .. }) && !client.fell_short;
        }
        Some(())
    }

    pub(crate) fn is_short(&self, wish: WishIndex, left: u32) -> bool {
        matches!(self.wish(wish).want, Want::Buy(quantity) if quantity.get() > left)
    }
}

pub(crate) fn duplicate(state: &mut State, letter: Letter) {
    if let Letter::Ask(request) | Letter::Job(request) = letter {
        state.clients[request.wish].duplicated = true;
        state.letters.push(letter);
        state.duplicates += 1;
    }
}
