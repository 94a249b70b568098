//! What a call to another service carries over from the request that causes it.

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;

use crate::headers;

static HOPS: HeaderName = HeaderName::from_static(headers::HOPS);
static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
static TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);
static SERVICE_TOKEN: HeaderName = HeaderName::from_static(headers::SERVICE_TOKEN);

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

/// Who sends the requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// Whether it is a service: its calls carry their context, so that a loop of services is noticed.
    pub(super) is_service: bool,
    /// The token by which other services recognize it.
    pub(super) service_token: Option<HeaderValue>,
}

impl Caller {
    /// Adds the fields that every one of its requests carries.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if self.is_service && CONTEXT.try_with(|context| context.write(headers)).is_err() {
            CallContext::default().write(headers);
        }
        if let Some(token) = &self.service_token {
            headers.insert(&SERVICE_TOKEN, token.clone());
        }
    }
}
