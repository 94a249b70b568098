//! Sending a request that must happen once, until it is known what became of it.
//!
//! The same order is asked for again, with the same key, whenever an answer leaves it open whether it happened. Nothing
//! here ever draws a second key.

use std::future::Future;

use serde_json::Value;

use super::{Error, Response};
use crate::backoff::Backoff;
use crate::{Code, Deadline};

/// How a keyed request ended.
#[derive(Debug, Clone)]
pub enum Settled {
    /// A decision: done, refused or not found. It is final.
    Decided(Response),
    /// It was never taken up and nothing happened.
    NotTaken(Result<Response, Error>),
    /// The time is up, and it may have happened. The last that was heard.
    Unknown(Result<Response, Error>),
}

/// What one answer to a keyed request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Decision,
    NothingHappened,
    Unknown,
}

/// Sends until there is a decision or the deadline has passed. A first answer that says "nothing happened" ends it, too:
/// it is for the caller to come back later.
pub async fn settle<F, Sent>(deadline: Deadline, mut send: F) -> Settled
where
    F: FnMut() -> Sent,
    Sent: Future<Output = Result<Response, Error>>,
{
    let mut backoff = Backoff::RESEND;
    let mut may_have_happened = false;
    loop {
        let outcome = send().await;
        match (meaning(&outcome), outcome) {
            (Meaning::Decision, Ok(answer)) => return Settled::Decided(answer),
            (Meaning::NothingHappened, outcome) if !may_have_happened => return Settled::NotTaken(outcome),
            (_, outcome) => {
                may_have_happened = true;
                let pause = backoff.next_pause();
                if deadline.remaining() <= pause {
                    return Settled::Unknown(outcome);
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// DESIGN.md rule 8: 404 of the book, 409 and 422 are decisions; other 4xx, 429, 503 and 507 say that this sending
/// changed nothing; of everything else nobody knows.
fn meaning(outcome: &Result<Response, Error>) -> Meaning {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error) if error.is_definite() => return Meaning::NothingHappened,
        Err(_) => return Meaning::Unknown,
    };
    match answer.parse::<Value>() {
        Ok(_) => Meaning::Decision,
        Err(Error::Problem(problem)) => match problem.code {
            Code::SoldOut | Code::UnknownItem | Code::KeyReused => Meaning::Decision,
            code if code.is_definite() => Meaning::NothingHappened,
            _ => Meaning::Unknown,
        },
        Err(_) if matches!(answer.status, 400..=499 | 503 | 507) => Meaning::NothingHappened,
        Err(_) => Meaning::Unknown,
    }
}
