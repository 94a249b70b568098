//! What a call to another service carries over from the request that causes it.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;

use crate::{Code, Problem, headers, limits};

static HOPS: HeaderName = HeaderName::from_static(headers::HOPS);
static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
static TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);
static SERVICE_TOKEN: HeaderName = HeaderName::from_static(headers::SERVICE_TOKEN);

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
        if self.is_service {
            write_cause(headers);
        }
        let token = self.service_token.as_ref().and_then(|source| source());
        // A token is visible ASCII, which every header field may contain.
        if let Some(mut value) = token.and_then(|token| HeaderValue::from_str(&token).ok()) {
            value.set_sensitive(true);
            headers.insert(&SERVICE_TOKEN, value);
        }
    }
}

/// Adds what the request that causes the call carries on.
fn write_cause(headers: &mut HeaderMap) {
    let _ = CAUSE.try_with(|cause| {
        headers.insert(&REQUEST_ID, cause.request_id().clone());
        if let Some(traceparent) = cause.traceparent() {
            headers.insert(&TRACEPARENT, traceparent.clone());
        }
    });
    headers.insert(&HOPS, HeaderValue::from(hops()));
}

/// How many services the call comes through, itself included.
fn hops() -> u32 {
    let before = CAUSE.try_with(|cause| cause.hops());
    before.unwrap_or_default().saturating_add(1)
}

/// Checks that the request which causes a call has not come through too many services already.
///
/// # Errors
/// [`Code::LoopDetected`].
pub fn check_hops() -> Result<(), Problem> {
    match hops() <= limits::HOPS_MAX {
        true => Ok(()),
        false => Err(Problem::new(
            Code::LoopDetected,
            "The request came through too many services.",
        )),
    }
}
