//! What a call to another service carries over from the request that causes it.

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;

use crate::headers;

static HOPS: HeaderName = HeaderName::from_static(headers::HOPS);
static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
static TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);

tokio::task_local! {
    static CONTEXT: CallContext;
}

/// What every call that a request causes carries over. A batch, which is sent for several requests at once, is not caused
/// by one of them.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// The request's `X-Request-Id`.
    pub request_id: Option<HeaderValue>,
    /// The request's `traceparent`.
    pub traceparent: Option<HeaderValue>,
    /// How many services the request came through.
    pub hops: u32,
}

impl CallContext {
    /// Runs a future; the calls that it makes itself, not those of tasks that it spawns, carry this context.
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CONTEXT.scope(self, future)
    }

    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(&HOPS, HeaderValue::from(self.hops.saturating_add(1)));
        if let Some(id) = &self.request_id {
            headers.insert(&REQUEST_ID, id.clone());
        }
        if let Some(traceparent) = &self.traceparent {
            headers.insert(&TRACEPARENT, traceparent.clone());
        }
    }
}

/// Adds the fields that every call between services carries.
pub(super) fn write(headers: &mut HeaderMap) {
    if CONTEXT.try_with(|context| context.write(headers)).is_err() {
        CallContext::default().write(headers);
    }
}
