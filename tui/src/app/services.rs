//! The services' screen: health, version, uptime and request rate of each service, from the front-end's `/readyz`.

use std::time::Duration;

use common::text;
use common::wire::Health;

use super::remote_data::RemoteData;

/// How often the services are polled while their screen is shown.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// The most services shown.
const SERVICES_MAX: usize = 16;

/// The state of the services' screen.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// The services, the front-end first; what is missing if the front-end is not ready.
    pub health: RemoteData<Result<Vec<Service>, String>>,
    /// When they are polled again.
    pub poll_at: Option<Duration>,
}

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its row of the answer, sanitized and without the services behind it.
    pub health: Health,
    /// Requests a second since the previous poll; `None` after the first one and after a restart.
    pub rate: Option<f64>,
    /// When it was polled.
    pub at: Duration,
}

impl Services {
    /// The services that an answer of the front-end names, with their rates since the previous answer.
    pub(super) fn rows(&self, health: &Health, now: Duration) -> Vec<Service> {
        let previous = match &self.health.value {
            Some(Ok(services)) => services.as_slice(),
            _ => &[],
        };
        let rows = std::iter::once(health).chain(&health.services).take(SERVICES_MAX);
        rows.map(|health| {
            let health = sanitized(health);
            let before = previous.iter().find(|service| service.health.service == health.service);
            Service {
                rate: before.and_then(|before| rate(before, health.requests, now)),
                health,
                at: now,
            }
        })
        .collect()
    }
}

fn rate(before: &Service, requests: u64, now: Duration) -> Option<f64> {
    // After a restart the count starts from 0 again.
    let answered = requests.checked_sub(before.health.requests)?;
    let passed = now.checked_sub(before.at).filter(|passed| !passed.is_zero())?;
    // More than u32::MAX requests between two polls cannot be true.
    u32::try_from(answered)
        .ok()
        .map(|answered| f64::from(answered) / passed.as_secs_f64())
}

fn sanitized(health: &Health) -> Health {
    let sanitize = |text: &String| text::sanitize(text).into_owned();
    Health {
        status: sanitize(&health.status),
        service: sanitize(&health.service),
        version: sanitize(&health.version),
        missing: health.missing.iter().map(sanitize).collect(),
        services: Vec::new(),
        ..*health
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_the_requests_between_two_polls() {
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
        let mut rates = |health: &Health, at: u64| {
            let at = Duration::from_secs(at);
            let rows = services.rows(health, at);
            let rates: Vec<_> = rows.iter().map(|service| service.rate).collect();
            services.health.succeed(Ok(rows), at);
            rates
        };
        assert_eq!(rates(&with(100, 50), 10), [None, None]);
        assert_eq!(
            rates(&with(150, 3), 12),
            [Some(25.0), None],
            "the order service was restarted"
        );
    }
}
