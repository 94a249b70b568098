//! What is answered before the web framework is asked, at a fraction of its cost: answers from memory that need neither a
//! body nor a wait, and the few operations that purchases go through. Everything else goes the usual way.

use std::convert::Infallible;
use std::future::Ready;
use std::sync::Arc;
use std::time::Instant;

use common::client::Freshness;
use common::headers;
use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, IF_NONE_MATCH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request};
use hyper::body::Incoming;
use hyper::service::Service;

use http_body_util::BodyExt;

use super::answer::WarpResponse;
use super::metrics::RouteMetrics;
use super::route::Endpoint;
use super::{Answer, Failure};

/// What can be seen of a request without taking it up.
#[derive(Debug, Clone, Copy)]
pub struct Glance<'a> {
    query: &'a str,
    fields: &'a HeaderMap,
}

impl<'a> Glance<'a> {
    /// The query as it was written.
    pub fn query(&self) -> &'a str {
        self.query
    }

    /// How new the answer must be; nothing where what is said about it makes no sense.
    pub fn freshness(&self) -> Option<Freshness> {
        let seen = match self.fields.get(headers::SEQ) {
            Some(seen) => Some(seen.to_str().ok()?.parse().ok()?),
            None => None,
        };
        // Whatever a client says about caches, the usual way understands it.
        let confirmed = self.fields.contains_key(CACHE_CONTROL);
        Some(Freshness {
            min_seq: seen,
            confirm_head: confirmed,
        })
    }
}

/// An answer from memory, if there is one.
pub(super) type Shortcut = Arc<dyn Fn(&Glance<'_>) -> Option<Answer> + Send + Sync>;

/// How requests at an address get by.
#[derive(Clone)]
pub(super) enum Way {
    /// An answer from memory, if there is one.
    Shortcut(Shortcut),
    /// The operation itself.
    Direct(Arc<Endpoint>),
}

/// A way at its address.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) way: Way,
    pub(super) metrics: Arc<RouteMetrics>,
}

/// The shortcuts in front of everything else.
#[derive(Clone)]
pub(super) struct Front<S> {
    pub(super) lanes: Arc<[Lane]>,
    /// Every method that any route takes, as `Allow` lists them.
    pub(super) methods: Arc<str>,
    pub(super) rest: S,
}

impl<S> Front<S> {
    fn lane(&self, request: &Request<Incoming>) -> Option<&Lane> {
        let path = request.uri().path();
        self.lanes
            .iter()
            .find(|lane| lane.path == path && lane.method == request.method())
    }
}

/// An answer from memory; nothing for a request that brings a body.
fn glance(lane: &Lane, shortcut: &Shortcut, request: &Request<Incoming>) -> Option<WarpResponse> {
    let fields = request.headers();
    if fields.contains_key(CONTENT_LENGTH) || fields.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let started = Instant::now();
    let query = request.uri().query().unwrap_or_default();
    let answer = shortcut(&Glance { query, fields })?;
    let if_none_match = match fields.get(IF_NONE_MATCH) {
        Some(list) => Some(list.to_str().ok()?),
        None => None,
    };
    let response = answer.into_response(if_none_match, None);
    lane.metrics.record(response.status().as_u16(), started.elapsed());
    Some(response)
}

impl<S> Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Incoming>, Response = WarpResponse, Error = Infallible>,
{
    type Response = WarpResponse;
    type Error = Infallible;
    type Future = Either<Either<Ready<Result<WarpResponse, Infallible>>, Direct>, S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // Its target is an authority, not a path, and warp's path filters panic on that.
        if request.method() == Method::CONNECT {
            let refused = Failure::method_not_allowed(self.methods.as_ref().to_owned()).into_response(None);
            return Either::Left(Either::Left(std::future::ready(Ok(refused))));
        }
        match self.lane(&request).map(|lane| (lane, &lane.way)) {
            Some((_, Way::Direct(endpoint))) => {
                let endpoint = Arc::clone(endpoint);
                let (parts, body) = request.into_parts();
                let query = parts.uri.query().unwrap_or_default().to_owned();
                let answer = async move {
                    let chunks = body.into_data_stream();
                    Ok(endpoint.answer(Vec::new(), query, parts.headers, chunks).await)
                };
                Either::Left(Either::Right(answer.boxed()))
            }
            Some((lane, Way::Shortcut(shortcut))) => match glance(lane, shortcut, &request) {
                Some(response) => Either::Left(Either::Left(std::future::ready(Ok(response)))),
                None => Either::Right(self.rest.call(request)),
            },
            None => Either::Right(self.rest.call(request)),
        }
    }
}

type Direct = BoxFuture<'static, Result<WarpResponse, Infallible>>;
