//! The responses and problems that a service returns to its client, also after a call of a dependency.

use common::client::UpdateAnswer;
use common::{Code, ItemNumber, OrderId, Problem, client};

use crate::http::Response;

/// The response to a shopkeeper's change: the book, if one book was changed and still exists; otherwise all changed books.
pub(crate) fn update_response(is_one: bool, answer: UpdateAnswer) -> Response {
    let UpdateAnswer {
        result,
        replayed,
        position,
    } = answer;
    let response = match result {
        Ok(changed) => match &changed.books[..] {
            [book] if is_one => Response::json(book).with_etag(position.at(book.seq)),
            _ => Response::json(&changed),
        },
        Err(problem) => Response::from(client_problem(client::Error::Problem(problem))),
    };
    response.with_seq(Some(position)).with_replayed(replayed)
}

/// The problem for the client of a call that changed nothing.
pub(crate) fn client_problem(error: client::Error) -> Problem {
    match error {
        client::Error::Problem(problem) if concerns_client(problem.code) => *problem,
        // The service's client, or the probes of the dependencies, logged the cause.
        _ => Problem::new(Code::Unavailable, "A service of the shop cannot be reached; try again."),
    }
}

/// The outcome of an order is unknown: it may have been sold.
pub(crate) fn unknown_outcome(order: Option<OrderId>) -> Problem {
    let detail = "There was no decision in time. Send the same key again, or look the order up, to learn the outcome.";
    Problem::new(Code::DeadlineExceeded, detail).with_order(order)
}

pub(crate) fn unknown_order(order: OrderId) -> Problem {
    Problem::new(Code::UnknownOrder, "No order is known under that id.").with_order(Some(order))
}

pub(crate) fn unknown_item(item: ItemNumber) -> Problem {
    Problem::new(Code::UnknownItem, format!("No book has the number {item}.")).with_item(item)
}

/// Whether a refusal concerns the client's request. The others mean that this service's settings do not fit its
/// dependency: a wrong address, another token, a forbidden host.
fn concerns_client(code: Code) -> bool {
    match code {
        Code::InvalidRequest
        | Code::UnknownItem
        | Code::UnknownOrder
        | Code::SoldOut
        | Code::PreconditionFailed
        | Code::PayloadTooLarge
        | Code::KeyReused
        | Code::TooManyRequests
        | Code::Internal
        | Code::Unavailable
        | Code::DeadlineExceeded
        | Code::StorageFull
        | Code::LoopDetected => true,
        Code::Unauthorized
        | Code::ForbiddenOrigin
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::RequestTimeout
        | Code::UnsupportedMediaType
        | Code::Misdirected => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_sees_refusals_of_its_request_and_no_mistakes_between_the_services() {
        for (code, expected) in [
            (Code::UnknownOrder, Code::UnknownOrder),
            (Code::StorageFull, Code::StorageFull),
            (Code::NotFound, Code::Unavailable),
            (Code::Unauthorized, Code::Unavailable),
            (Code::Misdirected, Code::Unavailable),
        ] {
            let error = client::Error::Problem(Box::new(Problem::new(code, "x")));
            assert_eq!(client_problem(error).code, expected);
        }
    }
}
