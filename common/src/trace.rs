//! The recording of spans of distributed traces (W3C Trace Context). Without a tracer a request's `traceparent` is forwarded
//! unchanged.

use std::fmt::Debug;
use std::sync::OnceLock;

use http::HeaderValue;

/// The kind of work of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Handling of a request.
    Server,
    /// Call of another service.
    Client,
    /// Work within the process.
    Internal,
}

/// Records spans.
pub trait Tracer: Debug + Send + Sync {
    /// Begins a span. `causes` are `traceparent` values: the span belongs to the trace of the first one, and links to all if
    /// there are several. Without a cause it begins a trace.
    fn begin(&self, kind: SpanKind, name: &str, causes: &[HeaderValue]) -> Box<dyn Span>;
}

/// A span; dropping it ends it.
pub trait Span: Send + Sync {
    /// The `traceparent` of work that the span causes.
    fn traceparent(&self) -> HeaderValue;

    /// Sets an attribute.
    fn set(&mut self, key: &'static str, value: i64);

    /// Marks the work as failed.
    fn fail(&mut self);
}

static TRACER: OnceLock<Box<dyn Tracer>> = OnceLock::new();

/// Installs the tracer of the process. A second call has no effect.
pub fn install(tracer: Box<dyn Tracer>) {
    // Fails only at a second call.
    let _ = TRACER.set(tracer);
}

/// The tracer of the process, if there is one.
pub fn tracer() -> Option<&'static dyn Tracer> {
    TRACER.get().map(|tracer| &**tracer)
}
