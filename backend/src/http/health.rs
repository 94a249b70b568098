//! The routes that every service has: liveness, readiness, metrics and its OpenAPI document.

use std::sync::Arc;
use std::time::Instant;

use common::wire::Health;
use common::{Code, Problem, Seq};
use futures::future::BoxFuture;
use utoipa::openapi::OpenApi;

use super::latency_histogram::{self, LatencyHistogram};
use super::{ApiError, ApiResult, Request, Response, Route};

/// Checks what a service needs.
pub trait ReadinessCheck: Send + Sync + 'static {
    /// Checks now, so that an idle service costs nothing.
    fn check_readiness(&self) -> BoxFuture<'_, Readiness>;
}

/// The result of a readiness check.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// One sentence for each missing need; empty when the service is ready.
    pub missing: Vec<String>,
    /// The newest ledger entry that the service has or knows.
    pub head: Option<Seq>,
    /// The health of each neighbour that responded.
    pub services: Vec<Health>,
}

struct Probes {
    service: &'static str,
    started: Instant,
    readiness: Arc<dyn ReadinessCheck>,
    document: bytes::Bytes,
}

/// The routes `/livez`, `/readyz`, `/metrics` and `/openapi.json` of a service.
pub fn health_routes(service: &'static str, readiness: Arc<dyn ReadinessCheck>, document: &OpenApi) -> Vec<Route> {
    let probes = Arc::new(Probes {
        service,
        started: Instant::now(),
        readiness,
        document: serde_json::to_vec(document).unwrap_or_default().into(),
    });
    let routes = [
        Route::new::<__path_check_liveness, _, _, _>(&probes, check_liveness),
        Route::new::<__path_check_readiness, _, _, _>(&probes, check_readiness),
        Route::new::<__path_get_metrics, _, _, _>(&probes, get_metrics),
        Route::new::<__path_get_openapi, _, _, _>(&probes, get_openapi),
    ];
    routes.map(Route::into_probe).into()
}

/// The OpenAPI document of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(check_liveness, check_readiness, get_metrics, get_openapi),
    components(schemas(Problem))
)]
pub(crate) struct Document;

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
    let found = probes.readiness.check_readiness().await;
    if found.missing.is_empty() {
        return Ok(Response::json(&health(&probes, found)));
    }
    let missing = found.missing;
    Err(ApiError::new(
        Code::Unavailable,
        format!("The {} service waits for: {}.", probes.service, missing.join("; ")),
    ))
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
    let latencies = latency_histogram::of_service(probes.service);
    Health {
        status: "ok".to_owned(),
        service: probes.service.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: probes.started.elapsed().as_secs(),
        missing: found.missing,
        requests: latencies.map_or(0, LatencyHistogram::requests),
        p50_us: latencies.and_then(|latencies| latencies.quantile_us(50)),
        p99_us: latencies.and_then(|latencies| latencies.quantile_us(99)),
        head: found.head,
        services: found.services,
    }
}
