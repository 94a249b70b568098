//! What every service tells of itself: up, ready, metrics, and its document.

use std::sync::Arc;
use std::time::Instant;

use common::wire::Health;
use common::{Code, Problem};
use utoipa::openapi::OpenApi;

use super::{Answer, Failure, Outcome, Route, metrics};

/// Says what a service still waits for.
pub trait Ready: Send + Sync + 'static {
    /// A sentence for each thing that is missing; none when the service is ready.
    fn missing(&self) -> Vec<String>;
}

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
    let (live, readiness, openapi) = (Arc::clone(&about), Arc::clone(&about), about);
    vec![
        Route::of::<__path_livez, _, _>(move |_| std::future::ready(Ok(livez(&live)))),
        Route::of::<__path_readyz, _, _>(move |_| std::future::ready(readyz(&readiness))),
        Route::of::<__path_metrics_text, _, _>(|_| std::future::ready(Ok(metrics_text()))),
        Route::of::<__path_openapi_json, _, _>(move |_| std::future::ready(Ok(openapi_json(&openapi)))),
    ]
}

/// The document of the routes that every service has.
#[derive(utoipa::OpenApi)]
#[openapi(paths(livez, readyz, metrics_text, openapi_json), components(schemas(Problem)))]
pub(crate) struct Document;

/// Whether the service is up.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health",
    responses((status = 200, description = "It is up", body = Health)))]
fn livez(about: &About) -> Answer {
    Answer::json(&health(about, Vec::new()))
}

/// Whether the service is ready, and what is missing if not.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", responses(
    (status = 200, description = "It is ready", body = Health),
    (status = 503, description = "Something is missing", body = Problem, content_type = "application/problem+json")))]
fn readyz(about: &About) -> Outcome {
    let missing = about.ready.missing();
    if missing.is_empty() {
        return Ok(Answer::json(&health(about, missing)));
    }
    Err(Failure::new(
        Code::Unavailable,
        format!("The {} service waits for: {}.", about.service, missing.join("; ")),
    ))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
fn metrics_text() -> Answer {
    Answer::metrics(metrics::render())
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
fn openapi_json(about: &About) -> Answer {
    Answer::json_bytes(about.document.clone())
}

fn health(about: &About, missing: Vec<String>) -> Health {
    Health {
        status: "ok".to_owned(),
        service: about.service.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: about.started.elapsed().as_secs(),
        missing,
    }
}
