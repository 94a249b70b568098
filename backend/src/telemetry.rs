//! Exports spans to a collector: OTLP over HTTP, in protobuf (OpenTelemetry Protocol 1.x).

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use common::trace::{self, SpanKind};
use http::{HeaderValue, Request, Response};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use tokio::runtime::Handle;

/// The time limit for exporting the last spans at a stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Exports the spans of this process to the collector at a base address like `http://127.0.0.1:4318`. Must run within a
/// runtime. Sampling and batches follow the variables `OTEL_…` of the OpenTelemetry SDK.
///
/// # Errors
/// Says what is wrong with the address.
pub(crate) fn export_to(endpoint: &str, role: &str) -> Result<(), String> {
    let http = common::client::HttpClient::for_addresses(endpoint, None).map_err(|error| error.to_string())?;
    let http = http.pool().clone();
    let runtime = Handle::current();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_http_client(Client { http, runtime })
        .build()
        .map_err(|error| error.to_string())?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder()
        .with_service_name(format!("bookstore-{role}"))
        .with_attribute(version);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    let tracer = provider.tracer("bookstore");
    if PROVIDER.set(provider).is_ok() {
        trace::install(Box::new(Otlp(tracer)));
    }
    Ok(())
}

/// Exports the remaining spans. Blocks.
pub(crate) fn flush() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT)
    {
        tracing::warn!(%error, "the last spans were not exported");
    }
}

/// An HTTP client for the exporter's thread, which has no runtime of its own.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Client {
    fn send_bytes<'a: 'b, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> futures::future::BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        Self: 'b,
    {
        let http = self.http.clone();
        let exchange = self.runtime.spawn(async move {
            let response = http.execute(request.try_into()?).await?;
            let status = response.status();
            let mut answer = Response::new(response.bytes().await?);
            *answer.status_mut() = status;
            Ok(answer)
        });
        Box::pin(async move { exchange.await? })
    }
}

#[derive(Debug)]
struct Otlp(SdkTracer);

impl trace::Tracer for Otlp {
    fn begin(&self, kind: SpanKind, name: &str, causes: &[HeaderValue]) -> Box<dyn trace::Span> {
        let causes: Vec<SpanContext> = causes.iter().filter_map(parse).collect();
        let kind = match kind {
            SpanKind::Server => opentelemetry::trace::SpanKind::Server,
            SpanKind::Client => opentelemetry::trace::SpanKind::Client,
            SpanKind::Internal => opentelemetry::trace::SpanKind::Internal,
        };
        let mut builder = self.0.span_builder(name.to_owned()).with_kind(kind);
        if causes.len() > 1 {
            builder = builder.with_links(causes.iter().cloned().map(Link::with_context).collect());
        }
        let parent = causes
            .into_iter()
            .next()
            .map_or_else(Context::new, |first| Context::new().with_remote_span_context(first));
        Box::new(Recorded(builder.start_with_context(&self.0, &parent)))
    }
}

struct Recorded(Span);

impl trace::Span for Recorded {
    fn traceparent(&self) -> HeaderValue {
        let context = self.0.span_context();
        let flags = context.trace_flags().to_u8();
        let text = format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id());
        HeaderValue::from_str(&text).unwrap_or(const { HeaderValue::from_static("") })
    }

    fn set(&mut self, key: &'static str, value: i64) {
        self.0.set_attribute(KeyValue::new(key, value));
    }

    fn fail(&mut self) {
        self.0.set_status(Status::error(""));
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorded")
    }
}

/// Parses a `traceparent` of version 00, or the same fields of a later version.
fn parse(traceparent: &HeaderValue) -> Option<SpanContext> {
    let mut parts = traceparent.to_str().ok()?.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_valid = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let is_lower = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_valid || version == "ff" || ![version, trace, span, flags].into_iter().all(is_lower) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}
