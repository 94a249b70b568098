//! The state of the services' screen: the rows of the front-end's `/readyz`.

use std::time::Duration;

use common::client::Error;
use common::wire::Health;

use super::remote_data::{LoadState, RemoteData};
use super::sanitize::sanitized;
use crate::effect::{Effect, Request};

/// The time between two requests while the screen is shown.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
const SERVICES_MAX: usize = 16;

#[derive(Debug, Clone, Default)]
pub(crate) struct Services {
    /// The services, the front-end first; its error text while it is not ready.
    pub(crate) health: RemoteData<Result<Vec<Service>, String>>,
    /// When to ask again; `None` for at once.
    pub(crate) poll_at: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Service {
    pub(crate) health: Health,
    /// Requests per second since the report before; `None` for the first report.
    pub(crate) rate: Option<f64>,
    /// When the report arrived.
    pub(crate) at: Duration,
}

impl Services {
    /// Requests the health when it is time.
    pub(super) fn poll(&mut self, now: Duration) -> Vec<Effect> {
        if self.health.is_loading() || self.poll_at.is_some_and(|at| at > now) {
            return Vec::new();
        }
        self.health.start(now);
        self.poll_at = None;
        vec![Effect::Send(Request::Health)]
    }

    pub(super) fn handle_health(&mut self, result: Result<Health, Error>, now: Duration) {
        match result {
            Ok(health) => {
                let services = self.services(&health, now);
                self.health.succeed(Ok(services), now);
            }
            Err(Error::Problem(problem)) => self.health.succeed(Err(sanitized(&problem.detail)), now),
            Err(error) => self.health.fail(&error, now),
        }
        self.poll_at = Some(match self.health.state {
            LoadState::Failed { retry_at, .. } => retry_at,
            _ => now + POLL_INTERVAL,
        });
    }

    /// The services that a report names, with their rates since the report before.
    fn services(&self, report: &Health, now: Duration) -> Vec<Service> {
        let before = match &self.health.value {
            Some(Ok(services)) => services.as_slice(),
            _ => &[],
        };
        let reported = std::iter::once(report).chain(&report.services).take(SERVICES_MAX);
        reported
            .map(|health| {
                let health = without_dependencies(health);
                let before = before.iter().find(|known| known.health.service == health.service);
                Service {
                    rate: before.and_then(|before| rate(before, &health, now)),
                    health,
                    at: now,
                }
            })
            .collect()
    }
}

fn rate(before: &Service, health: &Health, now: Duration) -> Option<f64> {
    // A restarted service counts from zero.
    let requests = health.requests.checked_sub(before.health.requests)?;
    let passed = now.checked_sub(before.at).filter(|passed| !passed.is_zero())?;
    // More than four billion requests between two reports are not real.
    u32::try_from(requests)
        .ok()
        .map(|requests| f64::from(requests) / passed.as_secs_f64())
}

/// The health of one service alone, with sanitized texts.
fn without_dependencies(health: &Health) -> Health {
    Health {
        status: sanitized(&health.status),
        service: sanitized(&health.service),
        version: sanitized(&health.version),
        missing: health.missing.iter().map(sanitized).collect(),
        services: Vec::new(),
        ..*health
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_requests_between_two_reports() {
        let health = |service: &str, requests| Health {
            status: "ok".into(),
            service: service.into(),
            version: "1".into(),
            uptime_s: 1,
            missing: Vec::new(),
            requests,
            p50_us: None,
            p99_us: None,
            head: None,
            services: Vec::new(),
        };
        let with = |requests, order| Health {
            services: vec![health("order", order)],
            ..health("frontend", requests)
        };
        let mut services = Services::default();
        let mut rates = |report: &Health, at_s| {
            services.handle_health(Ok(report.clone()), Duration::from_secs(at_s));
            let Some(Ok(services)) = &services.health.value else {
                panic!("the report was not accepted")
            };
            services.iter().map(|service| service.rate).collect::<Vec<_>>()
        };
        assert_eq!(rates(&with(100, 50), 10), [None, None]);
        assert_eq!(
            rates(&with(150, 3), 12),
            [Some(25.0), None],
            "the order service was restarted"
        );
    }
}
