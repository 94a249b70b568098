//! Probes of a service's instances.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::{Error, Request, ServiceEndpoint};
use crate::wire::Liveness;
use crate::{Timestamp, limits};

/// A probe of one instance of a service with `GET /livez`.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The instance's base URL.
    pub url: String,
    /// Whether the instance runs in the same process, which logs its failures already.
    pub is_local: bool,
    /// Time of the request, by this machine's clock.
    pub sent_at: Timestamp,
    /// The time until the answer was complete.
    pub round_trip: Duration,
    /// The answer.
    pub answer: Result<Liveness, Error>,
}

impl ServiceEndpoint {
    /// Probes all instances at the same time; the probes are in the order of the list.
    pub async fn probe(&self) -> Vec<Probe> {
        join_all((0..self.urls().len()).map(|instance| self.probe_instance(instance))).await
    }

    async fn probe_instance(&self, instance: usize) -> Probe {
        let url = self.urls().get(instance).cloned().unwrap_or_default();
        let livez = format!("{url}/livez");
        let (sent_at, started) = (Timestamp::now(), Instant::now());
        let answer = self
            .exchange(&livez, &Request::get("/livez"), limits::PROBE_TIMEOUT)
            .await;
        let round_trip = started.elapsed();
        let answer: Result<Liveness, Error> = answer.and_then(|response| response.parse());
        self.log_failure(instance, answer.as_ref().err().cloned());
        Probe {
            url,
            is_local: false,
            sent_at,
            round_trip,
            answer,
        }
    }
}
