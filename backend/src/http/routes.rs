//! The table of a service's routes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::Code;
use http::Method;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::health::{self, Health, HttpService};
use super::metrics::{ConnectionMetrics, HttpMetrics, RouteMetrics};
use super::request_head::RequestHead;
use super::{ApiError, Response, Route, document};

/// The routes of one service.
pub(crate) struct Routes {
    pub(super) service: Arc<dyn HttpService>,
    endpoints: Vec<Endpoint>,
    health: Arc<Health>,
    metrics: Arc<HttpMetrics>,
    /// Metrics of the requests without a route.
    pub(super) unmatched: Arc<RouteMetrics>,
    /// Whether a connection waits until another one ends.
    is_connection_waiting: AtomicBool,
    #[cfg(test)]
    pub(super) document: OpenApi,
}

/// A route with its metrics.
pub(super) struct Endpoint {
    pub(super) route: Route,
    pub(super) metrics: Arc<RouteMetrics>,
}

impl Routes {
    /// Adds the routes that every service has to `routes`, which `document` describes. The busiest should come first: they are
    /// searched in order.
    pub(crate) fn new<S: HttpService>(service: &Arc<S>, mut routes: Vec<Route>, mut document: OpenApi) -> Self {
        document.merge(health::Document::openapi());
        let complete = document::complete(&document, service.kind(), |path, method| {
            let matches =
                |route: &Route| *route.template == *path && route.method.as_str().eq_ignore_ascii_case(method);
            routes.iter().any(|route| route.is_change && matches(route))
        });
        let service = Arc::clone(service) as Arc<dyn HttpService>;
        let metrics = Arc::<HttpMetrics>::default();
        let (known, counted) = (Arc::clone(&service), Arc::clone(&metrics));
        let health = Arc::new(Health::new(known, counted, &complete));
        routes.extend(health::routes(&health));
        let endpoint = |route: Route| Endpoint {
            metrics: metrics.route(format!("{route:?}"), route.is_activity),
            route,
        };
        Self {
            endpoints: routes.into_iter().map(endpoint).collect(),
            service,
            health,
            unmatched: metrics.route("unmatched".to_owned(), false),
            metrics,
            is_connection_waiting: AtomicBool::new(false),
            #[cfg(test)]
            document,
        }
    }

    pub(crate) fn service_name(&self) -> &'static str {
        self.service.kind().as_str()
    }

    pub(super) fn connection_metrics(&self) -> &ConnectionMetrics {
        &self.metrics.connections
    }

    /// `is_waiting` tells whether a connection waits until another one ends.
    pub(super) fn set_connection_waiting(&self, is_waiting: bool) {
        self.is_connection_waiting.store(is_waiting, Ordering::Relaxed);
        self.metrics
            .connections
            .waiting
            .store(usize::from(is_waiting), Ordering::Relaxed);
    }

    /// Whether every response closes its connection.
    pub(super) fn is_closing(&self) -> bool {
        self.is_connection_waiting.load(Ordering::Relaxed) || self.health.is_stopping()
    }

    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Method and template of every route.
    #[cfg(test)]
    pub(super) fn list(&self) -> BTreeSet<(String, String)> {
        let routes = self.endpoints.iter().map(|endpoint| &endpoint.route);
        routes
            .map(|route| (route.method.to_string(), route.template.to_string()))
            .collect()
    }

    pub(super) fn find(&self, head: &RequestHead) -> Option<&Endpoint> {
        let path = head.uri.path();
        let mut endpoints = self.endpoints.iter();
        endpoints.find(|endpoint| endpoint.route.allows(&head.method) && endpoint.route.matches(path))
    }

    /// 404 if no route has the path, else 405.
    pub(super) fn no_route(&self, head: &RequestHead) -> Response {
        // `CONNECT` is not allowed anywhere: its target is an authority, not a path.
        let is_connect = head.method == Method::CONNECT;
        let routes = self.endpoints.iter().map(|endpoint| &endpoint.route);
        let mut allowed = BTreeSet::new();
        for route in routes.filter(|route| is_connect || route.matches(head.uri.path())) {
            allowed.insert(route.method.as_str());
            if route.answers_head {
                allowed.insert("HEAD");
            }
        }
        if allowed.is_empty() {
            let detail = "No such address; /openapi.json lists those of this service.";
            return ApiError::new(Code::NotFound, detail).into();
        }
        // In alphabetical order, each method once.
        Response::method_not_allowed(Vec::from_iter(allowed).join(", "))
    }
}
