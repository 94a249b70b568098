//! The routes that every service has: liveness, readiness, metrics and its OpenAPI document.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use common::wire::Health;
use common::{Code, Problem, Seq};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use super::latency_histogram::LatencyHistogram;
use super::{ApiError, ApiResult, Request, Response, Route};

/// A service, as far as its routes need it.
pub(crate) trait HttpService: Send + Sync + 'static {
    /// `catalog`, `order` or `frontend`.
    fn name(&self) -> &'static str;

    /// The newest ledger entry that it knows. Every response that names no entry of its own carries it.
    fn newest_seq(&self) -> Option<Seq>;

    /// Checks now what it needs, so that an idle service costs nothing.
    fn check_readiness(&self) -> BoxFuture<'_, Readiness>;
}

/// The result of a readiness check.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// One sentence for each missing need; empty when the service is ready.
    pub(crate) missing: Vec<String>,
    /// The newest ledger entry that the service has or knows.
    pub(crate) head: Option<Seq>,
    /// The health of each upstream service that responded.
    pub(crate) services: Vec<Health>,
}

struct Probes {
    service: Arc<dyn HttpService>,
    started: Instant,
    latencies: Arc<LatencyHistogram>,
    document: Bytes,
    stop_begun: CancellationToken,
}

/// The routes `/livez`, `/readyz`, `/metrics` and `/openapi.json` of a service.
pub(super) fn routes(
    service: &Arc<dyn HttpService>,
    latencies: &Arc<LatencyHistogram>,
    document: &OpenApi,
    stop_begun: &CancellationToken,
) -> [Route; 4] {
    let probes = Arc::new(Probes {
        service: Arc::clone(service),
        started: Instant::now(),
        latencies: Arc::clone(latencies),
        document: serde_json::to_vec(document).unwrap_or_default().into(),
        stop_begun: stop_begun.clone(),
    });
    [
        Route::new::<__path_check_liveness, _, _, _>(&probes, check_liveness).without_rate_limit(),
        Route::new::<__path_check_readiness, _, _, _>(&probes, check_readiness).without_rate_limit(),
        Route::new::<__path_get_metrics, _, _, _>(&probes, get_metrics),
        Route::new::<__path_get_openapi, _, _, _>(&probes, get_openapi),
    ]
    .map(Route::into_probe)
}

/// The OpenAPI document of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(check_liveness, check_readiness, get_metrics, get_openapi),
    components(schemas(Problem))
)]
pub(super) struct Document;

/// Whether the service is up.
#[utoipa::path(get, path = "/livez", tag = "health",
    responses((status = 200, description = "It is up", body = Health)))]
async fn check_liveness(probes: Arc<Probes>, _: Request) -> ApiResult {
    Ok(Response::json(&health(&probes, Readiness::default())))
}

/// Whether the service is ready, and what is missing if not.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "It is ready", body = Health),
    (status = 503, description = "Something is missing", body = Problem, content_type = "application/problem+json")))]
async fn check_readiness(probes: Arc<Probes>, _: Request) -> ApiResult {
    let mut found = probes.service.check_readiness().await;
    if probes.stop_begun.is_cancelled() {
        found.missing.push("a new start, because a stop has begun".to_owned());
    }
    if found.missing.is_empty() {
        return Ok(Response::json(&health(&probes, found)));
    }
    let (service, missing) = (probes.service.name(), found.missing.join("; "));
    let detail = format!("The {service} service waits for: {missing}.");
    Err(ApiError::new(Code::Unavailable, detail))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
async fn get_metrics(_: Arc<Probes>, _: Request) -> ApiResult {
    Ok(Response::metrics(super::metrics::render()))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
async fn get_openapi(probes: Arc<Probes>, _: Request) -> ApiResult {
    Ok(Response::json_bytes(probes.document.clone()))
}

fn health(probes: &Probes, found: Readiness) -> Health {
    Health {
        status: "ok".to_owned(),
        service: probes.service.name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: probes.started.elapsed().as_secs(),
        missing: found.missing,
        requests: probes.latencies.requests(),
        p50_us: probes.latencies.quantile_us(50),
        p99_us: probes.latencies.quantile_us(99),
        head: found.head,
        services: found.services,
    }
}
