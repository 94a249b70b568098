//! Routes: an address template, a method and a handler, made into warp filters.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Buf;
use common::{Code, Seq, limits};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use http::{HeaderMap, Method};
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::{Filter, Rejection};

use super::answer::WarpResponse;
use super::metrics::RouteMetrics;
use super::shortcut::{Lane, Shortcut, Way};
use super::{Answer, Call, Failure, Glance, Outcome, body};

type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// One operation of a service.
#[derive(Clone)]
pub struct Route {
    method: Method,
    template: String,
    body_bytes_max: usize,
    is_safe: bool,
    handler: Handler,
    shortcut: Option<Shortcut>,
    is_direct: bool,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.template)
    }
}

impl Route {
    /// The operation that `P`, made by `#[utoipa::path]`, describes: its method and template stand there and nowhere else.
    /// The handler is a function of the service and the call.
    pub fn of<P, S, F, Done>(service: &Arc<S>, handler: F) -> Self
    where
        P: utoipa::Path,
        S: Send + Sync + 'static,
        F: Fn(Arc<S>, Call) -> Done + Send + Sync + 'static,
        Done: Future<Output = Outcome> + Send + 'static,
    {
        use utoipa::openapi::HttpMethod;
        let method = match P::methods().first() {
            Some(HttpMethod::Post) => Method::POST,
            Some(HttpMethod::Put) => Method::PUT,
            Some(HttpMethod::Delete) => Method::DELETE,
            _ => Method::GET,
        };
        let service = Arc::clone(service);
        Self {
            method,
            template: P::path(),
            body_bytes_max: limits::BODY_BYTES_MAX,
            is_safe: true,
            handler: Arc::new(move |call| handler(Arc::clone(&service), call).boxed()),
            shortcut: None,
            is_direct: false,
        }
    }

    /// With the body limit of a batch.
    #[must_use]
    pub fn of_a_batch(mut self) -> Self {
        self.body_bytes_max = limits::BATCH_BODY_BYTES_MAX;
        self
    }

    /// A `GET` that changes something, against RFC 9110, 9.2.1: at least `HEAD` does not.
    #[must_use]
    pub fn that_changes(mut self) -> Self {
        self.is_safe = false;
        self
    }

    /// With an answer from memory, where there is one, for requests without a body. Only for a template without parameters.
    #[must_use]
    pub fn with_shortcut<S: Send + Sync + 'static>(
        mut self,
        service: &Arc<S>,
        shortcut: fn(&S, &Glance<'_>) -> Option<Answer>,
    ) -> Self {
        let service = Arc::clone(service);
        self.shortcut = Some(Arc::new(move |glance: &Glance<'_>| shortcut(&service, glance)));
        self
    }

    /// Taken up without asking the web framework, whose filters cost as much as a purchase. Only for a template without
    /// parameters.
    #[must_use]
    pub fn directly(mut self) -> Self {
        self.is_direct = true;
        self
    }

    /// Its address template, like `/lookup/{item}`.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Its method, in upper case.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    fn metrics(&self, service: &'static str) -> RouteMetrics {
        RouteMetrics::new(service, format!("{} {}", self.method, self.template))
    }

    fn allows(&self, method: &Method) -> bool {
        self.method == *method || (self.answers_head() && *method == Method::HEAD)
    }

    fn answers_head(&self) -> bool {
        self.method == Method::GET && self.is_safe
    }

    fn matches(&self, path: &str) -> Option<Vec<String>> {
        let mut segments = Vec::new();
        let mut given = path.split('/');
        for expected in self.template.split('/') {
            let segment = given.next()?;
            if expected.starts_with('{') {
                if segment.is_empty() {
                    return None;
                }
                segments.push(segment.to_owned());
            } else if expected != segment {
                return None;
            }
        }
        given.next().is_none().then_some(segments)
    }
}

/// The routes of one service.
#[derive(Clone)]
pub struct Routes {
    service: &'static str,
    routes: Vec<Route>,
    head: Arc<dyn Fn() -> Option<Seq> + Send + Sync>,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.routes).finish()
    }
}

impl Routes {
    /// The routes of `service`, the busiest first. `head` is the last entry of the ledger that the service knows of;
    /// it goes out with every answer that was not read from a certain state.
    pub fn new(
        service: &'static str,
        routes: Vec<Route>,
        head: impl Fn() -> Option<Seq> + Send + Sync + 'static,
    ) -> Self {
        Self {
            service,
            routes,
            head: Arc::new(head),
        }
    }

    /// Method and template of every route.
    pub fn list(&self) -> BTreeSet<(String, String)> {
        self.routes
            .iter()
            .map(|route| (route.method().to_owned(), route.template.clone()))
            .collect()
    }

    /// Every method that any route takes, as `Allow` lists them.
    pub(super) fn methods(&self) -> String {
        allow(&self.routes)
    }

    pub(super) fn lanes(&self) -> Arc<[Lane]> {
        let lane = |route: &Route| {
            let way = match &route.shortcut {
                Some(shortcut) => Way::Shortcut(Arc::clone(shortcut)),
                None if route.is_direct => Way::Direct(Arc::new(Endpoint {
                    route: route.clone(),
                    metrics: route.metrics(self.service),
                    head: Arc::clone(&self.head),
                })),
                None => return None,
            };
            Some(Lane {
                method: route.method.clone(),
                path: route.template.clone(),
                way,
                metrics: Arc::new(route.metrics(self.service)),
            })
        };
        self.routes.iter().filter_map(lane).collect()
    }

    pub(super) fn into_filter(self) -> BoxedFilter<(WarpResponse,)> {
        let Self { service, routes, head } = self;
        let fallback = refuse(routes.clone(), Arc::clone(&head));
        routes
            .into_iter()
            .rev()
            .map(|route| {
                let metrics = route.metrics(service);
                endpoint(route, metrics, Arc::clone(&head))
            })
            .fold(fallback, |later, earlier| earlier.or(later).unify().boxed())
    }
}

type Head = Arc<dyn Fn() -> Option<Seq> + Send + Sync>;

/// A route that is being served.
pub(super) struct Endpoint {
    route: Route,
    metrics: RouteMetrics,
    head: Head,
}

impl Endpoint {
    /// Answers a request whose address and method are the route's.
    pub(super) async fn answer<S, B, E>(
        &self,
        segments: Vec<String>,
        query: String,
        fields: HeaderMap,
        chunks: S,
    ) -> WarpResponse
    where
        S: Stream<Item = Result<B, E>>,
        B: Buf,
    {
        let Self { route, metrics, head } = self;
        let started = Instant::now();
        let body = body::read(&fields, route.body_bytes_max, chunks).await;
        let call = Call {
            segments,
            query,
            fields,
            body,
        };
        let if_none_match = call.if_none_match().map(str::to_owned);
        let response = match handle(route, call).await {
            Ok(answer) => answer.into_response(if_none_match.as_deref(), head()),
            Err(failure) => failure.into_response(head()),
        };
        metrics.record(response.status().as_u16(), started.elapsed());
        response
    }
}

fn endpoint(route: Route, metrics: RouteMetrics, head: Head) -> BoxedFilter<(WarpResponse,)> {
    let endpoint = Arc::new(Endpoint { route, metrics, head });
    let addressed = Arc::clone(&endpoint);
    // Path, then method, then the rest: a rejection here means "another route", never "an error".
    warp::path::full()
        .and(warp::method())
        .and_then(move |path: FullPath, method: Method| {
            let route = &addressed.route;
            let found = route.matches(path.as_str()).filter(|_| route.allows(&method));
            std::future::ready(found.ok_or_else(warp::reject::not_found))
        })
        .and(raw_query())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |segments, query, fields: HeaderMap, chunks| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.answer(segments, query, fields, chunks).await }
        })
        .boxed()
}

async fn handle(route: &Route, call: Call) -> Outcome {
    match AssertUnwindSafe((route.handler)(call)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => {
            tracing::error!(?route, "a handler panicked");
            Err(Failure::new(
                Code::Internal,
                "The service met a fault of its own; it has been logged.",
            ))
        }
    }
}

fn raw_query() -> impl Filter<Extract = (String,), Error = std::convert::Infallible> + Clone {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// The end of the chain: nothing is here, or not under that method.
fn refuse(routes: Vec<Route>, head: Head) -> BoxedFilter<(WarpResponse,)> {
    warp::path::full()
        .and(warp::method())
        .and_then(move |path: FullPath, _: Method| {
            let allowed = allow(routes.iter().filter(|route| route.matches(path.as_str()).is_some()));
            let failure = if allowed.is_empty() {
                Failure::new(Code::NotFound, "See /openapi.json for what this service answers.")
            } else {
                Failure::method_not_allowed(allowed)
            };
            std::future::ready(Ok::<_, Rejection>(failure.into_response(head())))
        })
        .boxed()
}

/// The value of `Allow` for routes: each of their methods once, alphabetically.
fn allow<'a>(routes: impl IntoIterator<Item = &'a Route>) -> String {
    let mut methods = BTreeSet::new();
    for route in routes {
        methods.insert(route.method());
        if route.answers_head() {
            methods.insert("HEAD");
        }
    }
    Vec::from_iter(methods).join(", ")
}
