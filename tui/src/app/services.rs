//! The state of the services' screen: the health of the services and the counters of their routes.

use std::time::Duration;

use common::client::Error;
use common::text;
use common::wire::Health;

use super::metrics::{Route, parse_routes};
use super::remote_data::{LoadState, RemoteData};
use crate::effect::Effect;

/// The time between two requests while the screen is shown.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The most services shown.
const SERVICES_MAX: usize = 16;

/// The services' screen.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// The front-end's health, or its own error text while it is not ready.
    pub health: RemoteData<Result<Health, String>>,
    /// The services, the front-end first.
    pub list: Vec<Service>,
    /// The routes, the busiest first.
    pub routes: RemoteData<Vec<Route>>,
    /// When to ask again; `None` for at once.
    pub poll_at: Option<Duration>,
    /// The first row shown.
    pub scroll: usize,
}

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its health report.
    pub health: Health,
    /// Requests per second since the report before; `None` for the first report.
    pub rate: Option<f64>,
    /// When the report arrived.
    pub at: Duration,
}

impl Services {
    /// Asks for health and counters when it is time.
    pub(super) fn poll(&mut self, now: Duration) -> Vec<Effect> {
        if self.health.is_loading() || self.poll_at.is_some_and(|at| at > now) {
            return Vec::new();
        }
        self.health.start(now);
        self.routes.start(now);
        self.poll_at = None;
        vec![Effect::LoadServices]
    }

    pub(super) fn handle_health(&mut self, result: Result<Health, Error>, now: Duration) {
        match result {
            Ok(health) => {
                self.update_list(&health, now);
                self.health.succeed(Ok(without_dependencies(&health)), now);
            }
            Err(Error::Problem(problem)) => self.health.succeed(Err(clean(&problem.detail)), now),
            Err(error) => self.health.fail(clean(&error.to_string()), now),
        }
        self.poll_at = Some(match self.health.state {
            LoadState::Failed { retry_at, .. } => retry_at,
            _ => now + POLL_INTERVAL,
        });
    }

    pub(super) fn handle_metrics(&mut self, result: Result<String, Error>, now: Duration) {
        match result {
            Ok(metrics) => self.routes.succeed(parse_routes(&metrics), now),
            Err(error) => self.routes.fail(clean(&error.to_string()), now),
        }
    }

    pub(super) fn scroll_to(&mut self, to: impl Fn(usize) -> usize) {
        let routes = self.routes.value.as_ref().map_or(0, Vec::len);
        self.scroll = to(self.scroll).min(routes.saturating_sub(1));
    }

    fn update_list(&mut self, health: &Health, now: Duration) {
        let reported = std::iter::once(health).chain(&health.services).take(SERVICES_MAX);
        let list = reported.map(|health| {
            let before = self
                .list
                .iter()
                .find(|known| known.health.service == clean(&health.service));
            Service {
                rate: before.and_then(|before| rate(before, health, now)),
                health: without_dependencies(health),
                at: now,
            }
        });
        self.list = list.collect();
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
        status: clean(&health.status),
        service: clean(&health.service),
        version: clean(&health.version),
        missing: health.missing.iter().map(|missing| clean(missing)).collect(),
        services: Vec::new(),
        ..*health
    }
}

fn clean(text: &str) -> String {
    text::sanitize(text).into_owned()
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
        let rates = |services: &Services| services.list.iter().map(|service| service.rate).collect::<Vec<_>>();
        services.update_list(&with(100, 50), Duration::from_secs(10));
        assert_eq!(rates(&services), [None, None]);
        services.update_list(&with(150, 3), Duration::from_secs(12));
        assert_eq!(rates(&services), [Some(25.0), None], "the order service was restarted");
    }
}
