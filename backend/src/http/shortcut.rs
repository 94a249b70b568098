//! Shortcuts: answers from memory that need neither a body nor a wait. They are given before the web framework is asked, at
//! a fraction of its cost; whatever they do not know goes the usual way.

use std::convert::Infallible;
use std::future::Ready;
use std::sync::Arc;
use std::time::Instant;

use common::client::Freshness;
use common::headers;
use futures::future::Either;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, IF_NONE_MATCH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request};
use hyper::body::Incoming;
use hyper::service::Service;

use super::Answer;
use super::answer::WarpResponse;
use super::metrics::RouteMetrics;

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
        Some(Freshness { seen, confirmed })
    }
}

/// An answer from memory, if there is one.
pub(super) type Shortcut = Arc<dyn Fn(&Glance<'_>) -> Option<Answer> + Send + Sync>;

/// A shortcut at its address.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) path: String,
    pub(super) shortcut: Shortcut,
    pub(super) metrics: Arc<RouteMetrics>,
}

/// The shortcuts in front of everything else.
#[derive(Clone)]
pub(super) struct Front<S> {
    pub(super) lanes: Arc<[Lane]>,
    pub(super) rest: S,
}

impl<S> Front<S> {
    fn glance(&self, request: &Request<Incoming>) -> Option<WarpResponse> {
        let fields = request.headers();
        if request.method() != Method::GET
            || fields.contains_key(CONTENT_LENGTH)
            || fields.contains_key(TRANSFER_ENCODING)
        {
            return None;
        }
        let path = request.uri().path();
        let lane = self.lanes.iter().find(|lane| lane.path == path)?;
        let started = Instant::now();
        let query = request.uri().query().unwrap_or_default();
        let answer = (lane.shortcut)(&Glance { query, fields })?;
        let if_none_match = match fields.get(IF_NONE_MATCH) {
            Some(list) => Some(list.to_str().ok()?),
            None => None,
        };
        let response = answer.into_response(if_none_match, None);
        lane.metrics.record(response.status().as_u16(), started.elapsed());
        Some(response)
    }
}

impl<S> Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Incoming>, Response = WarpResponse, Error = Infallible>,
{
    type Response = WarpResponse;
    type Error = Infallible;
    type Future = Either<Ready<Result<WarpResponse, Infallible>>, S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        match self.glance(&request) {
            Some(response) => Either::Left(std::future::ready(Ok(response))),
            None => Either::Right(self.rest.call(request)),
        }
    }
}
