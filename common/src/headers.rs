//! Names of header fields, in lower case.

/// The order's id, a UUID chosen by the client (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `true` if a response repeats an earlier decision.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// The last time at which a purchase may happen, in Unix milliseconds.
pub const DEADLINE: &str = "bookstore-deadline";
/// In a response: the `seq` of the state that it was read from. In a request: the `seq` that the response must have reached.
pub const SEQ: &str = "bookstore-seq";
/// How a cache produced the response (RFC 9211).
pub const CACHE_STATUS: &str = "cache-status";
/// Since when this form of a request is deprecated (RFC 9745).
pub const DEPRECATION: &str = "deprecation";
/// The id of the last server-sent event that the client received (HTML standard, section 9.2.4).
pub const LAST_EVENT_ID: &str = "last-event-id";
/// Whether a reverse proxy may hold a response back to fill a buffer (nginx's `X-Accel-Buffering`): `no`.
pub const ACCEL_BUFFERING: &str = "x-accel-buffering";
/// How many services a request came through; a loop of services is recognized by it.
pub const HOPS: &str = "bookstore-hops";
/// The id of a request, which calls to other services repeat.
pub const REQUEST_ID: &str = "x-request-id";
/// The position in a distributed trace (W3C Trace Context), which calls to other services repeat.
pub const TRACEPARENT: &str = "traceparent";
/// The token by which catalog and order service recognize the other services.
pub const SERVICE_TOKEN: &str = "bookstore-service-token";
