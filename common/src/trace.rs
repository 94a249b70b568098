//! Where spans of distributed traces are recorded (W3C Trace Context). Without a tracer a request's `traceparent` is passed
//! on as it came.

use std::fmt::Debug;
use std::sync::OnceLock;

use http::HeaderValue;

/// What a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A request that a service answers.
    Server,
    /// A call of another service.
    Client,
    /// Work within the process.
    Internal,
}

/// Records spans.
pub trait Tracer: Debug + Send + Sync {
    /// Begins a span. It belongs to the trace of the first of `causes`, each a `traceparent`, and links to all of them where
    /// they are several; without a cause it begins a trace.
    fn begin(&self, kind: SpanKind, name: &str, causes: &[HeaderValue]) -> Box<dyn Span>;
}

/// A span, which ends when it is dropped.
pub trait Span: Send + Sync {
    /// The `traceparent` of what the span causes.
    fn traceparent(&self) -> HeaderValue;

    /// Sets an attribute.
    fn set(&mut self, key: &'static str, value: i64);

    /// Marks the work as failed.
    fn fail(&mut self);
}

static TRACER: OnceLock<Box<dyn Tracer>> = OnceLock::new();

/// Installs the tracer of the process; a second one is ignored.
pub fn install(tracer: Box<dyn Tracer>) {
    // Fails for the second one only.
    let _ = TRACER.set(tracer);
}

/// The tracer of the process, if there is one.
pub fn tracer() -> Option<&'static dyn Tracer> {
    TRACER.get().map(|tracer| &**tracer)
}
