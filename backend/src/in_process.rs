//! The client of a service in the same process. A call has the limits and metrics of a call over HTTP (loop detection, timeout,
//! the service's metrics), but needs no HTTP, JSON or socket.

use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::client::{self, Error, Probe, ServiceClient};
use common::{Problem, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::http::Health;

pub(crate) struct InProcess<S> {
    pub(crate) service: Arc<S>,
    /// The address at which the service listens.
    url: String,
    health: Arc<Health>,
}

impl<S> InProcess<S> {
    pub(crate) fn new(service: Arc<S>, url: String, health: Arc<Health>) -> Self {
        Self { service, url, health }
    }

    /// Makes a call with the timeout `limit`; without one the call must end by itself. The service completes an accepted job
    /// even if the call is dropped or fails.
    pub(crate) async fn call<T, E: Into<Problem>>(
        &self,
        limit: impl Into<Option<Duration>>,
        call: impl Future<Output = Result<T, E>>,
    ) -> client::Result<T> {
        let started = Instant::now();
        let answered = match (client::check_hops(), limit.into()) {
            (Err(problem), _) => Some(Err(problem)),
            (Ok(()), None) => Some(call.await.map_err(Into::into)),
            (Ok(()), Some(limit)) => {
                let answer = tokio::time::timeout(limit, call).await.ok();
                answer.map(|answer| answer.map_err(Into::into))
            }
        };
        let result = match answered {
            Some(answer) => answer.map_err(|problem| Error::Problem(Box::new(problem))),
            None => Err(Error::Lost {
                url: self.url.clone(),
                why: "no answer in time".to_owned(),
            }),
        };
        self.health.record_local(result.as_ref().err(), started.elapsed());
        result
    }
}

impl<S: Send + Sync> ServiceClient for InProcess<S> {
    fn probe(&self) -> BoxFuture<'_, Vec<Probe>> {
        ready(vec![Probe {
            url: self.url.clone(),
            is_local: true,
            sent_at: Timestamp::now(),
            round_trip: Duration::ZERO,
            answer: Ok(self.health.liveness(true)),
        }])
        .boxed()
    }
}

impl<S> fmt::Debug for InProcess<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
