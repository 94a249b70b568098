//! Metrics of a service's requests and connections, and the document that it exports.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use common::metrics::{Counter, Histogram, Snapshot};

use super::exposition::Exposition;
use super::{HttpService, process};

/// The commit that the program was built from.
pub(crate) const COMMIT: &str = env!("BOOKSTORE_COMMIT");

/// The statuses that are counted separately, the most frequent first.
const STATUSES: [u16; 22] = [
    200, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 421, 422, 429, 500, 501, 503, 504, 505, 507, 508,
];
/// The label of all other statuses.
const OTHER_STATUS: &str = "other";

/// The metrics of one route.
#[derive(Debug)]
pub(super) struct RouteMetrics {
    route: String,
    /// Whether its requests are the service's work, in contrast to probes and reads of metrics and document.
    is_activity: bool,
    ok: Histogram,
    /// A histogram for each other status that has occurred; the last is for statuses that are not in [`STATUSES`].
    others: [OnceLock<Box<Histogram>>; STATUSES.len()],
}

impl RouteMetrics {
    fn new(route: String, is_activity: bool) -> Self {
        Self {
            route,
            is_activity,
            ok: Histogram::of_durations(),
            others: std::array::from_fn(|_| OnceLock::new()),
        }
    }

    pub(super) fn route(&self) -> &str {
        &self.route
    }

    pub(super) fn is_activity(&self) -> bool {
        self.is_activity
    }

    /// Counts a response. `latency` is the time from the request's head to the response's.
    pub(super) fn record(&self, status: u16, latency: Duration) {
        if status == STATUSES[0] {
            return self.ok.record_duration(latency);
        }
        let place = STATUSES.iter().skip(1).position(|&known| known == status);
        if let Some(histogram) = self.others.get(place.unwrap_or(STATUSES.len() - 1)) {
            histogram
                .get_or_init(|| Box::new(Histogram::of_durations()))
                .record_duration(latency);
        }
    }

    /// The latencies under each status that has occurred.
    fn by_status(&self) -> impl Iterator<Item = (String, Snapshot)> {
        let names = STATUSES.iter().skip(1).map(ToString::to_string);
        let names = names.chain([OTHER_STATUS.to_owned()]);
        let others = names
            .zip(&self.others)
            .filter_map(|(name, histogram)| Some((name, histogram.get()?.snapshot())));
        std::iter::once((STATUSES[0].to_string(), self.ok.snapshot())).chain(others)
    }
}

/// The metrics of one server's connections.
#[derive(Debug, Default)]
pub(super) struct ConnectionMetrics {
    pub(super) open: AtomicUsize,
    pub(super) max: AtomicUsize,
    /// 1 while the limit is reached and a connection waits.
    pub(super) waiting: AtomicUsize,
    pub(super) accepted: Counter,
    /// Idle connections that were closed because another one waited.
    pub(super) closed_idle: Counter,
    /// Failed calls of `accept`.
    pub(super) not_accepted: Counter,
}

/// The metrics of one service.
#[derive(Debug, Default)]
pub(super) struct HttpMetrics {
    routes: Mutex<Vec<Arc<RouteMetrics>>>,
    pub(super) connections: ConnectionMetrics,
}

impl HttpMetrics {
    /// Adds a route.
    pub(super) fn route(&self, route: String, is_activity: bool) -> Arc<RouteMetrics> {
        let metrics = Arc::new(RouteMetrics::new(route, is_activity));
        self.routes().push(Arc::clone(&metrics));
        metrics
    }

    fn routes(&self) -> MutexGuard<'_, Vec<Arc<RouteMetrics>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latencies of all requests that are activity.
    pub(super) fn activity(&self) -> Snapshot {
        let routes = self.routes();
        let active = routes.iter().filter(|route| route.is_activity);
        let snapshots = active.flat_map(|route| route.by_status()).map(|(_, snapshot)| snapshot);
        let none = Histogram::of_durations().snapshot();
        snapshots.fold(none, |sum, snapshot| sum.and(&snapshot))
    }

    /// All metrics of a service.
    pub(super) fn render(&self, service: &dyn HttpService, version: &str) -> String {
        let mut out = Exposition::of(service.kind().as_str());
        let mut build = out.gauge(
            "bookstore_build_info",
            "Version and commit of the program; the value is always 1",
        );
        build.sample(&[("version", version), ("commit", COMMIT)], 1);
        self.write_requests(&mut out);
        self.connections.write(&mut out);
        service.write_metrics(&mut out);
        process::write_metrics(&mut out);
        out.into_text()
    }

    fn write_requests(&self, out: &mut Exposition) {
        let routes = self.routes();
        let all: Vec<_> = routes
            .iter()
            .map(|route| (&*route.route, Vec::from_iter(route.by_status())))
            .collect();
        let mut requests = out.counter(
            "bookstore_http_requests_total",
            "Requests answered, by route and status",
        );
        for (route, by_status) in &all {
            for (status, snapshot) in by_status {
                requests.sample(&[("route", route), ("status", status)], snapshot.count());
            }
        }
        let help = "Time from the header fields of a request to those of its response, by route and status";
        let mut durations = out.histogram("bookstore_http_request_duration_seconds", help);
        for (route, by_status) in &all {
            for (status, snapshot) in by_status.iter().filter(|(_, snapshot)| snapshot.count() > 0) {
                durations.durations(&[("route", route), ("status", status)], snapshot);
            }
        }
    }
}

impl ConnectionMetrics {
    fn write(&self, out: &mut Exposition) {
        let number = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        out.gauge("bookstore_connections", "Open connections")
            .value(number(&self.open));
        let help = "Limit of open connections; further ones wait until they are accepted";
        out.gauge("bookstore_connections_max", help).value(number(&self.max));
        let help = "1 while the limit is reached and a connection waits";
        out.gauge("bookstore_connections_waiting", help)
            .value(number(&self.waiting));
        out.counter("bookstore_connections_accepted_total", "Connections accepted")
            .value(self.accepted.get());
        let help = "Connections that the system refused to accept, and idle ones closed because another one waited";
        let refused = [("system", &self.not_accepted), ("idle", &self.closed_idle)];
        out.counter("bookstore_connections_refused_total", help)
            .counters("reason", refused);
    }
}
