//! What a call to another service carries over from the request that causes it.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;

use crate::headers;

static HOPS: HeaderName = HeaderName::from_static(headers::HOPS);
static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
static TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);

tokio::task_local! {
    static CAUSE: Arc<dyn CallCause>;
}

/// The request that causes a call. A batch, which is sent for several requests at once, is not caused by one of them.
pub trait CallCause: Send + Sync {
    /// The request's `X-Request-Id`.
    fn request_id(&self) -> &HeaderValue;

    /// The request's `traceparent`.
    fn traceparent(&self) -> Option<&HeaderValue>;

    /// How many services the request came through.
    fn hops(&self) -> u32;
}

/// Runs a future; the calls that it makes itself, not those of tasks that it spawns, carry over what `cause` has.
pub fn caused_by<F: Future>(cause: Arc<dyn CallCause>, future: F) -> TaskLocalFuture<Arc<dyn CallCause>, F> {
    CAUSE.scope(cause, future)
}

/// Adds the fields that every call between services carries.
pub(super) fn write(headers: &mut HeaderMap) {
    let hops = CAUSE.try_with(|cause| {
        headers.insert(&REQUEST_ID, cause.request_id().clone());
        if let Some(traceparent) = cause.traceparent() {
            headers.insert(&TRACEPARENT, traceparent.clone());
        }
        cause.hops()
    });
    headers.insert(&HOPS, HeaderValue::from(hops.unwrap_or_default().saturating_add(1)));
}
