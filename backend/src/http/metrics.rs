//! Prometheus metrics of the process and of every route.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::latency_histogram::{BOUNDS_US, LatencyHistogram};

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// How often single measurements are folded into the histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder that all services of the process share. Must run within a runtime, before the first metric is
/// registered.
pub(crate) fn install() {
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
        // Fails only if a program that embeds the services installed its own; that one stays.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("another metrics recorder is installed");
        }
        describe_counter!(
            "bookstore_http_requests_total",
            "Requests answered, by service, route and status"
        );
        describe_counter!(
            "bookstore_conflicts_total",
            "Appends that conflicted with those of another catalog on the same database"
        );
        describe_histogram!(
            "bookstore_http_request_duration_seconds",
            metrics::Unit::Seconds,
            "From the request's headers to the response's, by service and route"
        );
        handle
    });
}

/// All metrics in the text format of Prometheus.
pub(super) fn render() -> String {
    RECORDER.get().map_or_else(String::new, |recorder| {
        recorder.run_upkeep();
        recorder.render()
    })
}

/// The metrics of one route, registered once.
#[derive(Debug)]
pub(super) struct RouteMetrics {
    service: &'static str,
    route: String,
    ok: Counter,
    duration: Histogram,
    /// Shown by the service's health; `None` for probes.
    latencies: Option<Arc<LatencyHistogram>>,
}

impl RouteMetrics {
    pub(super) fn new(service: &'static str, route: String, latencies: Option<Arc<LatencyHistogram>>) -> Self {
        Self {
            service,
            ok: counter!("bookstore_http_requests_total", "service" => service, "route" => route.clone(), "status" => "200"),
            duration: histogram!("bookstore_http_request_duration_seconds", "service" => service, "route" => route.clone()),
            route,
            latencies,
        }
    }

    pub(super) fn record(&self, status: u16, latency: Duration) {
        if status == 200 {
            self.ok.increment(1);
        } else {
            counter!(
                "bookstore_http_requests_total",
                "service" => self.service, "route" => self.route.clone(), "status" => status.to_string()
            )
            .increment(1);
        }
        self.duration.record(latency);
        if let Some(latencies) = &self.latencies {
            latencies.record(latency);
        }
    }
}
