//! What a client gets when the service behind this one refuses or fails.

use common::{Code, Problem, client};

/// The problem for the client of a call that changed nothing.
pub(crate) fn client_problem(error: client::Error) -> Problem {
    match error {
        client::Error::Problem(problem) if concerns_client(problem.code) => *problem,
        // The client of the service, or what watches over the neighbours, has logged the cause.
        _ => Problem::new(Code::Unavailable, "A service of the shop cannot be reached; try again."),
    }
}

/// Whether a refusal is about the client's request. The others say that this service is not set up for the one behind it:
/// a wrong address, another token, a host that is not allowed there.
fn concerns_client(code: Code) -> bool {
    match code {
        Code::InvalidRequest
        | Code::UnknownItem
        | Code::UnknownOrder
        | Code::SoldOut
        | Code::PreconditionFailed
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
        | Code::PayloadTooLarge
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
