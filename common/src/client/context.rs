//! The context that a call to another service carries over from the request that causes it: request id, trace and hops.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::futures::TaskLocalFuture;

use crate::trace::{self, Span, SpanKind};
use crate::{Code, OrderId, Problem, headers, limits};

static HOPS: HeaderName = HeaderName::from_static(headers::HOPS);
static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
static TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);
static SERVICE_TOKEN: HeaderName = HeaderName::from_static(headers::SERVICE_TOKEN);

tokio::task_local! {
    static CAUSE: Arc<dyn CallCause>;
}

/// The request that causes a call, or the batch that several requests share.
pub trait CallCause: Send + Sync {
    /// The request's `X-Request-Id`.
    fn request_id(&self) -> &HeaderValue;

    /// The request's `traceparent`.
    fn traceparent(&self) -> Option<&HeaderValue>;

    /// The number of services that the request came through.
    fn hops(&self) -> u32;
}

/// Runs a future whose calls carry the context of `cause`, except for calls in tasks that it spawns.
pub fn caused_by<F: Future>(cause: Arc<dyn CallCause>, future: F) -> TaskLocalFuture<Arc<dyn CallCause>, F> {
    CAUSE.scope(cause, future)
}

/// The `traceparent` of the current request, if spans are recorded.
pub fn current_traceparent() -> Option<HeaderValue> {
    trace::tracer()?;
    CAUSE.try_with(|cause| cause.traceparent().cloned()).ok().flatten()
}

/// The context of a request that the batch with its purchase carries over.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestContext {
    request_id: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
}

impl RequestContext {
    /// The context of the current request; empty outside of a request.
    pub(super) fn current() -> Self {
        let context = CAUSE.try_with(|cause| Self {
            request_id: Some(cause.request_id().clone()),
            traceparent: cause.traceparent().cloned(),
        });
        context.unwrap_or_default()
    }
}

/// Runs the call that carries a batch of `size` purchases. A batch of one request has its request id and trace. A batch of several has a new id,
/// which is logged with theirs, and the trace of the first; its span links to all traces.
pub(super) async fn call_for_batch<F: Future>(
    name: &str,
    size: usize,
    contexts: Vec<RequestContext>,
    call: F,
) -> F::Output {
    let batch = Arc::new(BatchCause::new(name, size, contexts));
    caused_by(batch, call).await
}

/// The cause of a call that carries a batch of requests.
struct BatchCause {
    request_id: HeaderValue,
    traceparent: Option<HeaderValue>,
    /// The span, which ends with the call.
    _span: Option<Box<dyn Span>>,
}

impl BatchCause {
    fn new(name: &str, size: usize, contexts: Vec<RequestContext>) -> Self {
        let (ids, traces): (Vec<_>, Vec<_>) = contexts
            .into_iter()
            .map(|context| (context.request_id, context.traceparent))
            .unzip();
        let mut ids: Vec<HeaderValue> = ids.into_iter().flatten().collect();
        let traces: Vec<HeaderValue> = traces.into_iter().flatten().collect();
        let request_id = match (ids.len(), ids.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                ids.extend(last);
                let id = OrderId::generate().to_string();
                tracing::debug!(target: "bookstore::batch", batch = id, requests = ?ids, "one call carries several requests");
                HeaderValue::from_str(&id).unwrap_or(const { HeaderValue::from_static("-") })
            }
        };
        let span = trace::tracer().map(|tracer| {
            let mut span = tracer.begin(SpanKind::Client, name, &traces);
            span.set("bookstore.batch.size", i64::try_from(size).unwrap_or(i64::MAX));
            span
        });
        let own = span.as_ref().map(|span| span.traceparent());
        Self {
            request_id,
            traceparent: own.or_else(|| traces.into_iter().next()),
            _span: span,
        }
    }
}

impl CallCause for BatchCause {
    fn request_id(&self) -> &HeaderValue {
        &self.request_id
    }

    fn traceparent(&self) -> Option<&HeaderValue> {
        self.traceparent.as_ref()
    }

    fn hops(&self) -> u32 {
        // A request that came through too many services must not fail the purchases of other requests.
        0
    }
}

/// The source of a token that may change while the process runs.
pub type TokenSource = Arc<dyn Fn() -> Option<Arc<str>> + Send + Sync>;

/// The sender of requests.
#[derive(Clone, Default)]
pub(super) struct Caller {
    /// Whether it is a service, whose calls carry their context, so that loops of services are detected.
    pub(super) is_service: bool,
    /// The token that authenticates it to other services.
    pub(super) service_token: Option<TokenSource>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Omits the token.
        f.debug_struct("Caller")
            .field("is_service", &self.is_service)
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// Adds the header fields of every request of this caller.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if self.is_service {
            write_cause(headers);
        }
        let token = self.service_token.as_ref().and_then(|source| source());
        // A token is visible ASCII, which is a valid header value.
        if let Some(mut value) = token.and_then(|token| HeaderValue::from_str(&token).ok()) {
            value.set_sensitive(true);
            headers.insert(&SERVICE_TOKEN, value);
        }
    }
}

/// Adds the context of the request that causes the call.
fn write_cause(headers: &mut HeaderMap) {
    let _ = CAUSE.try_with(|cause| {
        headers.insert(&REQUEST_ID, cause.request_id().clone());
        if let Some(traceparent) = cause.traceparent() {
            headers.insert(&TRACEPARENT, traceparent.clone());
        }
    });
    headers.insert(&HOPS, HeaderValue::from(hops()));
}

/// The number of services that the call comes through, this one included.
fn hops() -> u32 {
    let before = CAUSE.try_with(|cause| cause.hops());
    before.unwrap_or_default().saturating_add(1)
}

/// Checks that the call does not come through more than [`limits::HOPS_MAX`] services.
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
