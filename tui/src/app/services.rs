//! The state of the services' screen: the front-end's `/readyz`.

use std::time::Duration;

use common::Seq;
use common::client::Error;
use common::wire::{Activity, Lack, Neighbour, Readiness, ReadyStatus, ServiceKind};

use super::remote_data::{LoadState, RemoteData};
use super::sanitize::sanitized;
use crate::effect::{Effect, Request};

/// The time between two requests while the screen is shown.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Most services and most sentences of a report.
const LINES_MAX: usize = 16;

#[derive(Debug, Clone, Default)]
pub(crate) struct Services {
    pub(crate) health: RemoteData<Report>,
    /// When the next poll is due; `None` for now.
    pub(crate) poll_at: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// The front-end, and the services that it can use.
    pub(crate) services: Vec<ServiceReport>,
    /// A sentence for each service that the front-end cannot use.
    pub(crate) lacks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceReport {
    pub(crate) service: ServiceKind,
    pub(crate) state: ServiceState,
    pub(crate) version: String,
    pub(crate) head: Option<Seq>,
    pub(crate) activity: Activity,
    /// Requests per second since the report before; `None` for the first report.
    pub(crate) rate: Option<f64>,
    /// The address, if the front-end shows it.
    url: Option<String>,
    /// When the report arrived.
    at: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceState {
    /// The front-end reports that it is ready.
    Ready,
    /// The front-end reports that it is not ready.
    NotReady,
    /// The front-end can use this service.
    Up,
}

impl Services {
    /// Requests the health if a poll is due.
    pub(super) fn poll(&mut self, now: Duration) -> Vec<Effect> {
        if self.health.is_loading() || self.poll_at.is_some_and(|at| at > now) {
            return Vec::new();
        }
        self.health.start(now);
        self.poll_at = None;
        vec![Effect::Send(Request::Health)]
    }

    pub(super) fn handle_health(&mut self, result: Result<Readiness, Error>, now: Duration) {
        match result {
            Ok(readiness) => {
                let report = self.report(readiness, now);
                self.health.succeed(report, now);
            }
            Err(error) => self.health.fail(&error, now),
        }
        self.poll_at = Some(match self.health.state {
            LoadState::Failed { retry_at, .. } => retry_at,
            _ => now + POLL_INTERVAL,
        });
    }

    /// Converts a front-end's report, with the request rates since the previous one.
    fn report(&self, readiness: Readiness, now: Duration) -> Report {
        let lacks = readiness.missing.iter().chain(&readiness.degraded);
        let lacks = lacks
            .take(LINES_MAX)
            .map(|Lack { what, why }| sanitized(&format!("{what}: {why}")));
        let lacks = lacks.collect();
        let own = Neighbour {
            url: None,
            service: readiness.service,
            version: readiness.version,
            head: readiness.head,
            activity: readiness.activity,
        };
        let own_state = match readiness.status {
            ReadyStatus::Ready => ServiceState::Ready,
            ReadyStatus::NotReady => ServiceState::NotReady,
        };
        let neighbours = readiness
            .neighbours
            .into_iter()
            .map(|neighbour| (neighbour, ServiceState::Up));
        let services = std::iter::once((own, own_state)).chain(neighbours).take(LINES_MAX);
        Report {
            services: services
                .map(|(found, state)| self.service_report(found, state, now))
                .collect(),
            lacks,
        }
    }

    fn service_report(&self, found: Neighbour, state: ServiceState, now: Duration) -> ServiceReport {
        let before = self.health.value.iter().flat_map(|report| &report.services);
        let mut before = before.filter(|before| before.service == found.service && before.url == found.url);
        ServiceReport {
            rate: before.next().and_then(|before| rate(before, &found.activity, now)),
            service: found.service,
            state,
            version: sanitized(&found.version),
            head: found.head,
            activity: found.activity,
            url: found.url,
            at: now,
        }
    }
}

fn rate(before: &ServiceReport, activity: &Activity, now: Duration) -> Option<f64> {
    // A restarted service counts from zero.
    let requests = activity.requests.checked_sub(before.activity.requests)?;
    let passed = now.checked_sub(before.at).filter(|passed| !passed.is_zero())?;
    // More than four billion requests between two reports are an error.
    u32::try_from(requests)
        .ok()
        .map(|requests| f64::from(requests) / passed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::catalog::{neighbour, readiness};

    /// The report of a front-end with an order service, each with this number of requests.
    fn reported(requests: u64, order: u64) -> Readiness {
        readiness(requests, [neighbour(ServiceKind::Order, order)])
    }

    #[test]
    fn the_rate_is_the_requests_between_two_reports() {
        let mut services = Services::default();
        let mut rates = |readiness, at_s| {
            services.handle_health(Ok(readiness), Duration::from_secs(at_s));
            let Some(report) = &services.health.value else {
                panic!("the report was not accepted")
            };
            report.services.iter().map(|service| service.rate).collect::<Vec<_>>()
        };
        assert_eq!(rates(reported(100, 50), 10), [None, None]);
        assert_eq!(
            rates(reported(150, 3), 12),
            [Some(25.0), None],
            "the order service was restarted"
        );
    }

    #[test]
    fn what_is_missing_is_told_first_and_without_control_characters() {
        let lack = |what: &str| Lack {
            what: what.into(),
            why: "it is\u{1b}[2J away".into(),
        };
        let readiness = Readiness {
            status: ReadyStatus::NotReady,
            degraded: vec![lack("order")],
            missing: vec![lack("catalog")],
            ..reported(1, 1)
        };
        let mut services = Services::default();
        services.handle_health(Ok(readiness), Duration::ZERO);
        let report = services.health.value.unwrap();
        assert_eq!(report.services[0].state, ServiceState::NotReady);
        assert!(report.lacks[0].starts_with("catalog: it is"), "{:?}", report.lacks);
        assert!(report.lacks[1].starts_with("order: "), "{:?}", report.lacks);
        assert!(!report.lacks.concat().contains('\u{1b}'));
    }
}
