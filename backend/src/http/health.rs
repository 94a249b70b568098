//! What every service tells of itself: up, ready, metrics, and its document.

use std::sync::Arc;
use std::time::Instant;

use common::wire::Health;
use common::{Code, Problem, Seq};
use futures::future::BoxFuture;
use utoipa::openapi::OpenApi;

use super::traffic::{Traffic, traffic};
use super::{Answer, Call, Failure, Outcome, Route};

/// Says what a service still waits for.
pub trait Ready: Send + Sync + 'static {
    /// Looks now, so that a quiet service costs nothing.
    fn look(&self) -> BoxFuture<'_, Readiness>;
}

/// What a service found when it looked around.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// A sentence for each thing that is missing; none when the service is ready.
    pub missing: Vec<String>,
    /// The newest entry of the ledger that it has or knows, where it keeps any.
    pub head: Option<Seq>,
    /// What the services it relies on said of themselves, those that answered.
    pub services: Vec<Health>,
}

/// The paths of every service's health, which nobody shops at.
pub(super) const PATHS: [&str; 4] = ["/livez", "/readyz", "/metrics", "/openapi.json"];

struct About {
    service: &'static str,
    started: Instant,
    ready: Arc<dyn Ready>,
    document: bytes::Bytes,
}

/// The routes `/livez`, `/readyz`, `/metrics` and `/openapi.json` of a service.
pub fn health_routes(service: &'static str, ready: Arc<dyn Ready>, document: &OpenApi) -> Vec<Route> {
    let about = Arc::new(About {
        service,
        started: Instant::now(),
        ready,
        document: serde_json::to_vec(document).unwrap_or_default().into(),
    });
    vec![
        Route::of::<__path_livez, _, _, _>(&about, livez),
        Route::of::<__path_readyz, _, _, _>(&about, readyz),
        Route::of::<__path_metrics, _, _, _>(&about, metrics),
        Route::of::<__path_openapi, _, _, _>(&about, openapi),
    ]
}

/// The document of the routes that every service has.
#[derive(utoipa::OpenApi)]
#[openapi(paths(livez, readyz, metrics, openapi), components(schemas(Problem)))]
pub(crate) struct Document;

/// Whether the service is up.
#[utoipa::path(get, path = "/livez", tag = "health",
    responses((status = 200, description = "It is up", body = Health)))]
async fn livez(about: Arc<About>, _: Call) -> Outcome {
    Ok(Answer::json(&health(&about, Readiness::default())))
}

/// Whether the service is ready, and what is missing if not.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "It is ready", body = Health),
    (status = 503, description = "Something is missing", body = Problem, content_type = "application/problem+json")))]
async fn readyz(about: Arc<About>, _: Call) -> Outcome {
    let found = about.ready.look().await;
    if found.missing.is_empty() {
        return Ok(Answer::json(&health(&about, found)));
    }
    let missing = found.missing;
    Err(Failure::new(
        Code::Unavailable,
        format!("The {} service waits for: {}.", about.service, missing.join("; ")),
    ))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
async fn metrics(_: Arc<About>, _: Call) -> Outcome {
    Ok(Answer::metrics(super::metrics::render()))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
async fn openapi(about: Arc<About>, _: Call) -> Outcome {
    Ok(Answer::json_bytes(about.document.clone()))
}

fn health(about: &About, found: Readiness) -> Health {
    let traffic = traffic(about.service);
    Health {
        status: "ok".to_owned(),
        service: about.service.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: about.started.elapsed().as_secs(),
        missing: found.missing,
        requests: traffic.map_or(0, Traffic::requests),
        p50_us: traffic.and_then(|traffic| traffic.quantile_us(50)),
        p99_us: traffic.and_then(|traffic| traffic.quantile_us(99)),
        head: found.head,
        services: found.services,
    }
}
