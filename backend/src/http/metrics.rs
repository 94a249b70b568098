//! Prometheus metrics of the process and of every route.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::traffic::{BOUNDS_US, Traffic, traffic};

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// How often what was measured is folded into the histograms; until then every single measurement is kept.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts recording; the services of one process share the recorder. Must run before the first metric is named, within a
/// runtime.
pub fn install() {
    RECORDER.get_or_init(|| {
        tokio::spawn(async {
            let mut due = tokio::time::interval(UPKEEP);
            loop {
                due.tick().await;
                if let Some(recorder) = RECORDER.get() {
                    recorder.run_upkeep();
                }
            }
        });
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BOUNDS_US.map(|bound_us| Duration::from_micros(bound_us).as_secs_f64()))
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        // Another recorder can only be there if a program that embeds the services brought one; theirs then wins.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("metrics are recorded elsewhere");
        }
        describe_counter!(
            "bookstore_http_requests_total",
            "Requests answered, by service, route and status"
        );
        describe_histogram!(
            "bookstore_http_request_duration_seconds",
            metrics::Unit::Seconds,
            "From the request's headers to the answer's, by service and route"
        );
        handle
    });
}

/// The text that Prometheus scrapes.
pub(super) fn render() -> String {
    RECORDER
        .get()
        .map(|recorder| {
            recorder.run_upkeep();
            recorder.render()
        })
        .unwrap_or_default()
}

/// The metrics of one route, with their names looked up once.
#[derive(Debug)]
pub(super) struct RouteMetrics {
    service: &'static str,
    route: String,
    ok: Counter,
    duration: Histogram,
    /// What the service's health tells; nothing for the routes of its health.
    traffic: Option<&'static Traffic>,
}

impl RouteMetrics {
    pub(super) fn new(service: &'static str, route: String) -> Self {
        Self {
            service,
            ok: counter!("bookstore_http_requests_total", "service" => service, "route" => route.clone(), "status" => "200"),
            duration: histogram!("bookstore_http_request_duration_seconds", "service" => service, "route" => route.clone()),
            traffic: traffic(service).filter(|_| !super::health::PATHS.iter().any(|path| route.ends_with(path))),
            route,
        }
    }

    pub(super) fn record(&self, status: u16, took: Duration) {
        if status == 200 {
            self.ok.increment(1);
        } else {
            counter!(
                "bookstore_http_requests_total",
                "service" => self.service, "route" => self.route.clone(), "status" => status.to_string()
            )
            .increment(1);
        }
        self.duration.record(took);
        if let Some(traffic) = self.traffic {
            traffic.record(took);
        }
    }
}
