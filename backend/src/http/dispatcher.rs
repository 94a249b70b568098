//! The one warp filter: it finds the route of a request, applies the access rules and calls the handler.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::{Buf, Bytes};
use common::client::{CallCause, caused_by};
use common::trace::{self, Span, SpanKind};
use common::{Code, Incident};
use futures::{FutureExt, Stream};
use http::request::Parts;
use warp::{Filter, Rejection};

use super::access::AccessRules;
use super::access_log::AccessLog;
use super::metrics::RouteMetrics;
use super::request_head::RequestHead;
use super::response::WarpResponse;
use super::route::Handled;
use super::routes::Endpoint;
use super::{ApiError, ApiResult, Request, Response, Route, Routes, body, headers};

static PANICS: LazyLock<Incident> = LazyLock::new(|| Incident::new("a handler panicked"));

/// The routes of a service behind its access rules. One per connection, because a shared reference count would be contended.
pub(super) struct Dispatcher {
    routes: Arc<Routes>,
    rules: Arc<AccessRules>,
    peer: IpAddr,
}

impl Dispatcher {
    pub(super) fn new(routes: &Arc<Routes>, rules: &Arc<AccessRules>, peer: IpAddr) -> Arc<Self> {
        let (routes, rules) = (Arc::clone(routes), Arc::clone(rules));
        Arc::new(Self { routes, rules, peer })
    }

    /// The filter for one request. It carries the head, because warp's own filters would copy it.
    pub(super) fn filter(
        self: &Arc<Self>,
        head: Parts,
        body_bytes: Option<u64>,
    ) -> impl Filter<Extract = (WarpResponse,), Error = Rejection, Future: Send> + Clone + Send + Sync + use<> {
        let (dispatcher, head) = (
            Arc::clone(self),
            Arc::new(RequestHead::new(head, self.peer, body_bytes)),
        );
        warp::body::stream().then(move |chunks| Arc::clone(&dispatcher).dispatch(Arc::clone(&head), chunks))
    }

    /// Each open connection stores this future, and moves it with each request. To keep it small, what a response from memory
    /// does not need is on the heap.
    async fn dispatch<S, B, E>(self: Arc<Self>, mut head: Arc<RequestHead>, chunks: S) -> WarpResponse
    where
        S: Stream<Item = Result<B, E>>,
        B: Buf,
    {
        let started = Instant::now();
        let found = self.routes.find(&head);
        let metrics = found.map_or(&self.routes.unmatched, |endpoint| &endpoint.metrics);
        let log = AccessLog::begin(&head, &self.rules);
        let mut span = begin_span(metrics, &mut head);
        let response = match self.respond_at_once(found, &head) {
            Ok(response) => response,
            Err(route) => Box::pin(self.handle(route, &head, chunks)).await,
        };
        let response = match self.routes.is_closing() {
            true => response.with_connection_close(),
            false => response,
        };
        let response = response.finish(&mut head, || self.routes.service.newest_position());
        let (status, duration) = (response.status().as_u16(), started.elapsed());
        metrics.record(status, duration);
        if let Some(log) = log {
            log.write(metrics.route(), &response, duration);
        }
        if let Some(span) = &mut span {
            span.set("http.response.status_code", i64::from(status));
            if status >= 500 {
                span.fail();
            }
        }
        response
    }

    /// The response of an access rule or of a cache; else the route whose handler must be called.
    fn respond_at_once<'a>(&self, found: Option<&'a Endpoint>, head: &Arc<RequestHead>) -> Result<Response, &'a Route> {
        let route = found.map(|endpoint| &endpoint.route);
        if let Some(refusal) = self.rules.refusal(head, route) {
            return Ok(refusal);
        }
        let Some(route) = route else {
            return Ok(self.routes.no_route(head));
        };
        let cached = route.cached.as_ref().filter(|_| !head.has_body());
        let request = cached.and_then(|_| self.request(route, head, Ok(Bytes::new())).ok());
        let cached = cached.zip(request).and_then(|(cached, request)| cached(&request));
        cached.ok_or(route)
    }

    /// Reads the body and calls the handler.
    async fn handle<S, B, E>(&self, route: &Route, head: &Arc<RequestHead>, chunks: S) -> Response
    where
        S: Stream<Item = Result<B, E>>,
        B: Buf,
    {
        let body = match head.has_body() {
            true => body::read(head.body_bytes, route.body_bytes_max, chunks).await,
            false => Ok(Bytes::new()),
        };
        let is_body_lost = body.is_err();
        let answered = match self.request(route, head, body) {
            Ok(request) => call_handler(route, head, (route.handler)(request)).await,
            Err(error) => Err(error),
        };
        let response = answered.unwrap_or_else(Response::from);
        // The unread rest of a body must not be taken for the next request.
        match is_body_lost {
            true => response.with_connection_close(),
            false => response,
        }
    }

    /// The request that the handler gets; an error if no handler may get it.
    fn request(
        &self,
        route: &Route,
        head: &Arc<RequestHead>,
        body: Result<Bytes, ApiError>,
    ) -> Result<Request, ApiError> {
        let mut request = Request {
            template: route.has_parameters.then(|| Arc::clone(&route.template)),
            is_change: route.is_change,
            is_from_service: route.is_exempt && self.rules.has_service_token(head),
            head: Arc::clone(head),
            body,
        };
        request.check_content_encoding()?;
        request.check_change()?;
        Ok(request)
    }
}

/// Begins the span of a request, if spans are recorded and the route is activity.
fn begin_span(metrics: &RouteMetrics, head: &mut Arc<RequestHead>) -> Option<Box<dyn Span>> {
    let tracer = trace::tracer().filter(|_| metrics.is_activity())?;
    let cause = head.fields.get(&headers::TRACEPARENT).cloned();
    let span = tracer.begin(SpanKind::Server, metrics.route(), cause.as_slice());
    // The head has no other owner yet.
    if let Some(head) = Arc::get_mut(head) {
        head.traceparent = Some(span.traceparent());
    }
    Some(span)
}

async fn call_handler(route: &Route, head: &Arc<RequestHead>, handled: Handled) -> ApiResult {
    let handled = caused_by(Arc::clone(head) as Arc<dyn CallCause>, handled);
    AssertUnwindSafe(handled).catch_unwind().await.unwrap_or_else(|_| {
        PANICS.failed(format_args!("{route:?}, request {:?}", head.request_id));
        let detail = "An internal error occurred; it has been logged.";
        Err(ApiError::new(Code::Internal, detail))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use common::Position;
    use common::wire::ServiceKind;
    use futures::future::BoxFuture;
    use http::header::CONNECTION;
    use tower_service::Service as _;
    use utoipa::openapi::OpenApi;

    use super::*;
    use crate::http::{DependencyStatus, Exposition, HttpService, KnownStore};

    struct Idle;

    impl HttpService for Idle {
        fn kind(&self) -> ServiceKind {
            ServiceKind::Order
        }

        fn newest_position(&self) -> Option<Position> {
            None
        }

        fn known_store(&self) -> KnownStore {
            KnownStore::default()
        }

        fn write_metrics(&self, _out: &mut Exposition) {}

        fn check_dependencies(&self) -> BoxFuture<'_, DependencyStatus> {
            Box::pin(async { DependencyStatus::default() })
        }
    }

    #[tokio::test]
    async fn the_first_response_after_the_begin_of_a_stop_is_503_and_closes_its_connection() {
        let routes = Arc::new(Routes::new(&Arc::new(Idle), Vec::new(), OpenApi::default()));
        let dispatcher = Dispatcher::new(&routes, &Arc::default(), Ipv4Addr::LOCALHOST.into());
        let check_readiness = || async {
            let request = http::Request::get("/readyz").header("host", "localhost");
            let (head, ()) = request.body(()).unwrap().into_parts();
            let mut service = warp::service(dispatcher.filter(head, Some(0)));
            let request = http::Request::new(http_body_util::Empty::<Bytes>::new());
            let response = service.call(request).await.unwrap();
            (response.status().as_u16(), response.headers().get(CONNECTION).cloned())
        };
        assert_eq!(check_readiness().await, (200, None));
        routes.health().begin_stop();
        let (status, connection) = check_readiness().await;
        assert_eq!((status, connection.unwrap().to_str().unwrap()), (503, "close"));
    }
}
