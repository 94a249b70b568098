//! Retries of a keyed request until its outcome is known.
//!
//! Every attempt has the same key, so that the request is applied at most once.

use std::future::Future;

use serde_json::Value;

use super::{Error, Response};
use crate::backoff::Backoff;
use crate::{Code, Deadline};

/// The knowledge about a keyed request.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// The request was decided: applied or finally refused.
    Decided(Response),
    /// The request was neither applied nor decided. Holds the last result.
    NotApplied(Result<Response, Error>),
    /// The deadline has passed, and the request may have been applied. Holds the last result.
    Unknown(Result<Response, Error>),
}

/// Sends a request, with retries, until it is decided or the deadline has passed. Returns without a retry if the first
/// attempt was not applied.
pub async fn send_until_decided<F, Sent>(deadline: Deadline, mut send: F) -> Resolution
where
    F: FnMut() -> Sent,
    Sent: Future<Output = Result<Response, Error>>,
{
    let mut backoff = Backoff::RESEND;
    let mut may_be_applied = false;
    loop {
        let result = match resolve(send().await) {
            Resolution::NotApplied(result) if may_be_applied => result,
            Resolution::Unknown(result) => result,
            resolution => return resolution,
        };
        may_be_applied = true;
        let delay = backoff.next_delay();
        if deadline.remaining() <= delay {
            return Resolution::Unknown(result);
        }
        tokio::time::sleep(delay).await;
    }
}

/// 404 `unknown-item`, 409 and 422: decided; other 4xx, 503 and 507: this attempt was not applied (an earlier one may have
/// been); all else: outcome unknown.
fn resolve(result: Result<Response, Error>) -> Resolution {
    let response = match result {
        Ok(response) => response,
        Err(error) if error.is_not_applied() => return Resolution::NotApplied(Err(error)),
        Err(error) => return Resolution::Unknown(Err(error)),
    };
    match response.parse::<Value>() {
        Ok(_) => Resolution::Decided(response),
        Err(Error::Problem(problem)) => match problem.code {
            Code::SoldOut | Code::UnknownItem | Code::KeyReused => Resolution::Decided(response),
            code if code.is_not_applied() => Resolution::NotApplied(Ok(response)),
            _ => Resolution::Unknown(Ok(response)),
        },
        Err(_) if matches!(response.status, 400..=499 | 503 | 507) => Resolution::NotApplied(Ok(response)),
        Err(_) => Resolution::Unknown(Ok(response)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Problem;

    fn problem(code: Code) -> Result<Response, Error> {
        let body = serde_json::to_vec(&Problem::new(code, "x")).unwrap();
        Ok(Response {
            status: code.status(),
            seq: None,
            etag: None,
            replayed: false,
            body: body.into(),
            is_json: true,
            url: "http://shop".to_owned(),
        })
    }

    /// Sends a request with these results of its attempts; returns the resolution and the number of unused results.
    async fn send(timeout: Duration, outcomes: Vec<Result<Response, Error>>) -> (Resolution, usize) {
        let mut outcomes = outcomes.into_iter();
        let sending = send_until_decided(Deadline::after(timeout), || {
            std::future::ready(outcomes.next().expect("one more request than expected"))
        });
        (sending.await, outcomes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_retried_until_it_is_decided() {
        let outcomes = vec![
            Err(Error::lost("http://shop", "closed")),
            // Does not resolve the first attempt.
            problem(Code::Unavailable),
            problem(Code::SoldOut),
            problem(Code::Internal),
        ];
        let (resolution, unused) = send(Duration::from_secs(60), outcomes).await;
        assert!(matches!(resolution, Resolution::Decided(response) if response.status == 409));
        assert_eq!(unused, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_attempt_that_was_not_applied_is_not_retried() {
        for outcome in [
            problem(Code::Unavailable),
            Err(Error::unreachable("http://shop", "refused")),
        ] {
            let (resolution, _) = send(Duration::from_secs(60), vec![outcome]).await;
            assert!(matches!(resolution, Resolution::NotApplied(_)), "{resolution:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_without_a_problem_is_resolved_by_its_status() {
        for (status, expected) in [(404, true), (503, true), (507, true), (200, false), (502, false)] {
            let page = Response {
                status,
                body: "<html>".into(),
                is_json: false,
                ..problem(Code::Internal).unwrap()
            };
            let (resolution, _) = send(Duration::ZERO, vec![Ok(page)]).await;
            let is_not_applied = matches!(resolution, Resolution::NotApplied(_));
            assert_eq!(is_not_applied, expected, "{status}: {resolution:?}");
            assert!(!matches!(resolution, Resolution::Decided(_)), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_deadline_the_outcome_is_unknown() {
        let (resolution, _) = send(Duration::ZERO, vec![problem(Code::Internal)]).await;
        assert!(matches!(resolution, Resolution::Unknown(Ok(response)) if response.status == 500));
    }
}
