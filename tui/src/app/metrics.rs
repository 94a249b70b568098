//! The counters of the front-end's routes, read from the Prometheus text format.

use std::collections::BTreeMap;
use std::time::Duration;

use common::text;

/// The most routes shown.
const ROUTES_MAX: usize = 128;

/// The counters of one route of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// The service.
    pub service: String,
    /// The method and the path.
    pub route: String,
    /// Answered requests.
    pub requests: u64,
    /// Requests answered with a status of 500 or above.
    pub failed: u64,
    /// The median latency in microseconds, rounded up to a bucket.
    pub p50_us: Option<u64>,
    /// The 99th percentile of the latency in microseconds, rounded up to a bucket.
    pub p99_us: Option<u64>,
}

/// Parses the routes, the busiest first. Lines that it does not understand are skipped.
pub(super) fn parse_routes(metrics: &str) -> Vec<Route> {
    let mut found: BTreeMap<(String, String), (Route, Buckets)> = BTreeMap::new();
    for line in metrics
        .lines()
        .filter(|line| line.starts_with("bookstore_http_request"))
    {
        let Some((name, labels, value)) = parse_sample(line) else {
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

/// Upper bounds in microseconds, and the cumulated number of requests.
type Buckets = Vec<(u64, u64)>;

/// The bound of the bucket in which the percentile lies.
fn quantile(buckets: &[(u64, u64)], percent: u64) -> Option<u64> {
    let all = buckets.last()?.1;
    let wanted = all.saturating_mul(percent).div_ceil(100);
    buckets
        .iter()
        .find(|(_, count)| all > 0 && *count >= wanted)
        .map(|(bound, _)| *bound)
}

/// Seconds in microseconds; `None` for `+Inf`, so that the slowest requests count for the largest finite bound.
fn micros(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.parse().ok()?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|time| u64::try_from(time.as_micros()).ok())
}

type Sample<'a> = (&'a str, Vec<(&'a str, String)>, u64);

/// Parses a line: `name{label="value",…} 12`.
fn parse_sample(line: &str) -> Option<Sample<'_>> {
    let (name, rest) = line.split_once('{')?;
    let mut labels = Vec::new();
    let mut rest = rest;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(value) = rest.strip_prefix('}') {
            return Some((name, labels, parse_count(value.split_whitespace().next()?)?));
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

/// The value of a counter, which is a whole number.
fn parse_count(value: &str) -> Option<u64> {
    value.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_parsed_busiest_first() {
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
        let routes = parse_routes(text);
        assert_eq!(routes.len(), 2);
        assert_eq!(
            (routes[0].route.as_str(), routes[0].requests, routes[0].failed),
            ("/buy", 100, 10)
        );
        assert_eq!((routes[0].p50_us, routes[0].p99_us), (Some(1_000), Some(10_000)));
        assert_eq!(routes[1].p50_us, None);
    }

    #[test]
    fn malformed_lines_are_skipped() {
        for line in [
            "bookstore_http_requests_total{",
            "bookstore_http_requests_total{a=\"\\",
            "bookstore_http_requests_total 1",
        ] {
            assert!(parse_routes(line).is_empty(), "{line:?}");
        }
    }
}
