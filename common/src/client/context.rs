//! What a call to another service carries over from the request that causes it.

use std::fmt;
use std::sync::Arc;

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

/// The token in force, which may change while a service runs.
pub type TokenSource = Arc<dyn Fn() -> Option<Arc<str>> + Send + Sync>;

/// Who sends the requests.
#[derive(Clone, Default)]
pub(super) struct Caller {
    /// Whether it is a service: its calls carry their context, so that a loop of services is noticed.
    pub(super) is_service: bool,
    /// The token by which other services recognize it.
    pub(super) service_token: Option<TokenSource>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("Caller")
            .field("is_service", &self.is_service)
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// Adds the fields that every one of its requests carries.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if self.is_service && CONTEXT.try_with(|context| context.write(headers)).is_err() {
            CallContext::default().write(headers);
        }
        let token = self.service_token.as_ref().and_then(|source| source());
        // A token is visible ASCII, which every header field may contain.
        if let Some(mut value) = token.and_then(|token| HeaderValue::from_str(&token).ok()) {
            value.set_sensitive(true);
            headers.insert(&SERVICE_TOKEN, value);
        }
    }
}
