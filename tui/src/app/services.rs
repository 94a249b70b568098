//! What the front-end says of itself: health, and what it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use common::text;
use common::wire::Health;

use super::remote_data::RemoteData;

/// How often it is asked while somebody looks.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// The most routes shown.
const ROUTES_MAX: usize = 128;
/// The most services shown.
const SERVICES_MAX: usize = 16;

/// The services' screen.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// The front-end's health; the error's text where it is up but not ready.
    pub health: RemoteData<Result<Health, String>>,
    /// The services, the front-end first, as they were last told.
    pub list: Vec<Service>,
    /// Its routes.
    pub routes: RemoteData<Vec<Route>>,
    /// When it is asked again.
    pub poll_at: Option<Duration>,
    /// The first row shown.
    pub scroll: usize,
}

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// What it says of itself.
    pub health: Health,
    /// Requests a second since the question before; nothing after the first one.
    pub rate: Option<f64>,
    /// When it said so.
    pub at: Duration,
}

impl Services {
    /// Takes in what the front-end says of itself and of the services behind it.
    pub(super) fn told(&mut self, health: &Health, now: Duration) {
        let told = std::iter::once(health).chain(&health.services).take(SERVICES_MAX);
        let list = told.map(|health| {
            let before = self
                .list
                .iter()
                .find(|known| known.health.service == clean(&health.service));
            Service {
                rate: before.and_then(|before| rate(before, health, now)),
                health: cleaned(health),
                at: now,
            }
        });
        self.list = list.collect();
    }
}

fn rate(before: &Service, health: &Health, now: Duration) -> Option<f64> {
    // One that was started again counts from nothing.
    let requests = health.requests.checked_sub(before.health.requests)?;
    let passed = now.checked_sub(before.at).filter(|passed| !passed.is_zero())?;
    // Nobody answers four billion requests between two questions.
    u32::try_from(requests)
        .ok()
        .map(|requests| f64::from(requests) / passed.as_secs_f64())
}

/// Without the services behind it.
pub(super) fn cleaned(health: &Health) -> Health {
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

/// What one route of one service did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Which service.
    pub service: String,
    /// Its path.
    pub route: String,
    /// Requests answered.
    pub requests: u64,
    /// Those answered with a status from 500 on.
    pub failed: u64,
    /// Half of the requests were answered within this, in microseconds; rounded up to the bucket.
    pub p50_us: Option<u64>,
    /// 99 of 100 were answered within this, in microseconds; rounded up to the bucket.
    pub p99_us: Option<u64>,
}

/// Reads the routes out of the Prometheus text, the busiest first.
pub(super) fn routes(metrics: &str) -> Vec<Route> {
    let mut found: BTreeMap<(String, String), (Route, Buckets)> = BTreeMap::new();
    for line in metrics
        .lines()
        .filter(|line| line.starts_with("bookstore_http_request"))
    {
        let Some((name, labels, value)) = sample(line) else {
            continue;
        };
        let label = |wanted: &str| {
            labels
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value.clone())
        };
        let (Some(service), Some(route)) = (label("service"), label("route")) else {
            continue;
        };
        let key = (service, route);
        if found.len() >= ROUTES_MAX && !found.contains_key(&key) {
            continue;
        }
        let (known, buckets) = found.entry(key).or_default();
        match name {
            "bookstore_http_requests_total" => {
                known.requests = known.requests.saturating_add(value);
                if label("status").is_some_and(|status| status.starts_with('5')) {
                    known.failed = known.failed.saturating_add(value);
                }
            }
            "bookstore_http_request_duration_seconds_bucket" => {
                if let Some(bound_us) = label("le").as_deref().and_then(micros) {
                    buckets.push((bound_us, value));
                }
            }
            _ => {}
        }
    }
    let mut routes: Vec<_> = found
        .into_iter()
        .map(|((service, route), (known, mut buckets))| {
            buckets.sort_unstable();
            Route {
                service: text::sanitize(&service).into_owned(),
                route: text::sanitize(&route).into_owned(),
                p50_us: quantile(&buckets, 50),
                p99_us: quantile(&buckets, 99),
                ..known
            }
        })
        .filter(|route| route.requests > 0)
        .collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.requests));
    routes
}

/// Upper bounds in microseconds, and how many requests were within each.
type Buckets = Vec<(u64, u64)>;

/// The bound of the first bucket that holds that many of a hundred.
fn quantile(buckets: &[(u64, u64)], percent: u64) -> Option<u64> {
    let all = buckets.last()?.1;
    let wanted = all.saturating_mul(percent).div_ceil(100);
    buckets
        .iter()
        .find(|(_, count)| all > 0 && *count >= wanted)
        .map(|(bound, _)| *bound)
}

/// Seconds as Prometheus writes them, in whole microseconds. `+Inf` is none: the slowest requests then count for the
/// largest bound there is.
fn micros(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.parse().ok()?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|time| u64::try_from(time.as_micros()).ok())
}

type Sample<'a> = (&'a str, Vec<(&'a str, String)>, u64);

/// One line of the text format: `name{label="value",…} 12`.
fn sample(line: &str) -> Option<Sample<'_>> {
    let (name, rest) = line.split_once('{')?;
    let mut labels = Vec::new();
    let mut rest = rest;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(value) = rest.strip_prefix('}') {
            return Some((name, labels, count(value.split_whitespace().next()?)?));
        }
        let (label, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(chars.next()?.1),
                (_, c) => value.push(c),
            }
        };
        labels.push((label, value));
        rest = quoted.get(end + 1..)?;
    }
}

/// A counter's value; ours are whole numbers.
fn count(value: &str) -> Option<u64> {
    value.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_out_of_the_metrics_busiest_first() {
        let text = r#"
# TYPE bookstore_http_requests_total counter
bookstore_http_requests_total{service="frontend",route="/topics",status="200"} 3
bookstore_http_requests_total{service="frontend",route="/buy",status="200"} 90
bookstore_http_requests_total{service="frontend",route="/buy",status="503"} 10
bookstore_http_request_duration_seconds_bucket{service="frontend",route="/buy",le="0.001"} 50
bookstore_http_request_duration_seconds_bucket{service="frontend",route="/buy",le="0.01"} 100
bookstore_http_request_duration_seconds_bucket{service="frontend",route="/buy",le="+Inf"} 100
other{x="y"} 1
"#;
        let routes = routes(text);
        assert_eq!(routes.len(), 2);
        assert_eq!(
            (routes[0].route.as_str(), routes[0].requests, routes[0].failed),
            ("/buy", 100, 10)
        );
        assert_eq!((routes[0].p50_us, routes[0].p99_us), (Some(1_000), Some(10_000)));
        assert_eq!(routes[1].p50_us, None);
    }

    #[test]
    fn the_rate_is_what_was_answered_between_two_questions() {
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
        services.told(&with(100, 50), Duration::from_secs(10));
        assert_eq!(rates(&services), [None, None]);
        services.told(&with(150, 3), Duration::from_secs(12));
        assert_eq!(
            rates(&services),
            [Some(25.0), None],
            "the order service was started again"
        );
    }

    #[test]
    fn nonsense_in_the_metrics_is_skipped() {
        for line in [
            "bookstore_http_requests_total{",
            "bookstore_http_requests_total{a=\"\\",
            "bookstore_http_requests_total 1",
        ] {
            assert!(routes(line).is_empty(), "{line:?}");
        }
    }
}
