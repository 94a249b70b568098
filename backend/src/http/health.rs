//! The routes that every service has: liveness, readiness, metrics and its OpenAPI document.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::wire::{Activity, Lack, LiveStatus, Liveness, Neighbour, Readiness, ReadyStatus, ServiceKind, StoreHealth};
use common::{Code, Position, Problem, StoreId, Timestamp, client};
use futures::future::BoxFuture;
use http::StatusCode;

use super::metrics::{HttpMetrics, RouteMetrics};
use super::{ApiResult, Exposition, Request, Response, Route};

/// The program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the common routes need from a service.
pub(crate) trait HttpService: Send + Sync + 'static {
    /// Which service it is.
    fn kind(&self) -> ServiceKind;

    /// The newest position that the service knows. It is in every response without a position of its own.
    fn newest_position(&self) -> Option<Position>;

    /// What the service knows of its store, without a request to another service.
    fn known_store(&self) -> KnownStore;

    /// Writes the service's own metrics. Must not block.
    fn write_metrics(&self, out: &mut Exposition);

    /// Probes its dependencies.
    fn check_dependencies(&self) -> BoxFuture<'_, DependencyStatus>;
}

/// What a service knows of its store.
#[derive(Debug, Default)]
pub(crate) struct KnownStore {
    pub(crate) id: Option<StoreId>,
    /// The newest entry that the service knows of this store's ledger.
    pub(crate) head: Option<Position>,
    /// `None` unless the service is a catalog.
    pub(crate) health: Option<StoreHealth>,
}

/// The state of a service's dependencies.
#[derive(Debug, Clone, Default)]
pub(crate) struct DependencyStatus {
    /// The usable services, with their addresses.
    pub(crate) usable: Vec<Neighbour>,
    /// Missing ones that the service can do without.
    pub(crate) degraded: Vec<MissingDependency>,
    /// Missing ones that the service cannot do without; empty if it is ready.
    pub(crate) missing: Vec<MissingDependency>,
}

/// A dependency that is not usable.
#[derive(Debug, Clone)]
pub(crate) struct MissingDependency {
    what: &'static str,
    /// The address of a service.
    url: Option<String>,
    /// The cause, without an address.
    why: String,
}

impl MissingDependency {
    /// A service.
    pub(crate) fn service(kind: ServiceKind, url: String, why: String) -> Self {
        Self {
            what: kind.as_str(),
            url: Some(url),
            why,
        }
    }

    /// A part of the service itself.
    pub(crate) fn own(what: &'static str, why: impl Into<String>) -> Self {
        Self {
            what,
            url: None,
            why: why.into(),
        }
    }

    fn into_lack(self, shows_addresses: bool) -> Lack {
        let what = match self.url {
            Some(url) if shows_addresses => format!("{} at {url}", self.what),
            _ => self.what.to_owned(),
        };
        Lack { what, why: self.why }
    }
}

/// The health of a service, and its OpenAPI document.
pub(crate) struct Health {
    service: Arc<dyn HttpService>,
    started: Instant,
    metrics: Arc<HttpMetrics>,
    /// Metrics of the calls from within the process.
    local: Arc<RouteMetrics>,
    document: Bytes,
    is_stopping: AtomicBool,
}

/// The routes `/livez`, `/readyz`, `/metrics` and `/openapi.json` of a service.
pub(super) fn routes(health: &Arc<Health>) -> [Route; 4] {
    [
        Route::new::<__path_check_liveness, _, _, _>(health, check_liveness).exempt(),
        Route::new::<__path_check_readiness, _, _, _>(health, check_readiness).exempt(),
        Route::new::<__path_get_metrics, _, _, _>(health, get_metrics),
        Route::new::<__path_get_openapi, _, _, _>(health, get_openapi),
    ]
    .map(Route::without_activity)
}

/// The OpenAPI document of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(check_liveness, check_readiness, get_metrics, get_openapi),
    components(schemas(Problem))
)]
pub(super) struct Document;

/// Whether the service is up.
///
/// Makes no request to another service.
#[utoipa::path(get, path = "/livez", tag = "health",
    responses((status = 200, description = "The service is up", body = Liveness)))]
async fn check_liveness(health: Arc<Health>, request: Request) -> ApiResult {
    Ok(Response::json(&health.liveness(request.is_from_service)))
}

/// Whether the service has what it needs.
///
/// And what is missing if not. Asks the services that it needs whether they are up.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "The service is ready", body = Readiness),
    (status = 503, description = "The service is not ready; `missing` says why", body = Readiness)))]
async fn check_readiness(own: Arc<Health>, request: Request) -> ApiResult {
    let DependencyStatus {
        usable: mut neighbours,
        degraded,
        mut missing,
    } = own.service.check_dependencies().await;
    if own.is_stopping() {
        missing.push(MissingDependency::own("service", "the service is stopping"));
    }
    let shows_addresses = request.is_from_service;
    if !shows_addresses {
        neighbours.iter_mut().for_each(|neighbour| neighbour.url = None);
    }
    let lacks =
        |missing: Vec<MissingDependency>| missing.into_iter().map(|one| one.into_lack(shows_addresses)).collect();
    let is_ready = missing.is_empty();
    let response = Response::json(&Readiness {
        status: if is_ready {
            ReadyStatus::Ready
        } else {
            ReadyStatus::NotReady
        },
        service: own.service.kind(),
        version: VERSION.to_owned(),
        head: own.service.known_store().head.map(|head| head.seq),
        neighbours,
        degraded: lacks(degraded),
        missing: lacks(missing),
        activity: own.activity(),
    });
    Ok(if is_ready {
        response
    } else {
        response.into_unavailable()
    })
}

/// Metrics.
///
/// In the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
async fn get_metrics(health: Arc<Health>, _: Request) -> ApiResult {
    Ok(Response::metrics(health.metrics.render(&*health.service, VERSION)))
}

/// This document.
///
/// OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "health",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json")))]
async fn get_openapi(health: Arc<Health>, _: Request) -> ApiResult {
    Ok(Response::json_bytes(health.document.clone()))
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("service", &self.service.kind())
            .finish_non_exhaustive()
    }
}

impl Health {
    pub(super) fn new(service: Arc<dyn HttpService>, metrics: Arc<HttpMetrics>, document: &serde_json::Value) -> Self {
        Self {
            service,
            started: Instant::now(),
            local: metrics.route("local".to_owned(), true),
            metrics,
            document: document.to_string().into(),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// `/readyz` answers 503 from now on, and every response closes its connection. Requests are still served.
    pub(crate) fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// The answer to `GET /livez`. `is_from_service` tells whether the caller sent the service token.
    pub(crate) fn liveness(&self, is_from_service: bool) -> Liveness {
        let KnownStore { id, head, health } = self.service.known_store();
        Liveness {
            status: LiveStatus::Ok,
            service: self.service.kind(),
            version: VERSION.to_owned(),
            at: Timestamp::now(),
            store: id,
            head: head.map(|head| head.seq),
            epoch: head.map(|head| head.epoch).unwrap_or_default(),
            state: health,
            authorized: (!is_from_service).then_some(false),
            activity: self.activity(),
        }
    }

    /// Counts a call from within the process.
    pub(crate) fn record_local(&self, error: Option<&client::Error>, latency: Duration) {
        let status = match error {
            None => StatusCode::OK.as_u16(),
            Some(error) => error.code().unwrap_or(Code::DeadlineExceeded).status(),
        };
        self.local.record(status, latency);
    }

    fn activity(&self) -> Activity {
        let latencies = self.metrics.activity();
        let quantile_us = |percent| latencies.quantile(percent).map(|bound_ns| bound_ns / 1_000);
        Activity {
            uptime_s: self.started.elapsed().as_secs(),
            requests: latencies.count(),
            p50_us: quantile_us(50),
            p99_us: quantile_us(99),
        }
    }
}
