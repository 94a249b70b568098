//! Names of header fields, in lower case.

/// The order's id, a UUID chosen by the client (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `true` if a response repeats an earlier decision.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// The latest time at which a purchase may be decided, in Unix milliseconds.
pub const DEADLINE: &str = "bookstore-deadline";
/// A position in the ledger. Of a response: the last entry that it reflects. Of a request: an entry that the response must
/// reflect.
pub const SEQ: &str = "bookstore-seq";
/// Whether the response comes from a cache (RFC 9211).
pub const CACHE_STATUS: &str = "cache-status";
/// The time since which this form of a request is deprecated (RFC 9745).
pub const DEPRECATION: &str = "deprecation";
/// The id of the last server-sent event that the client received (HTML standard, section 9.2.4).
pub const LAST_EVENT_ID: &str = "last-event-id";
/// `no` disables the buffering of a response in a reverse proxy (nginx's `X-Accel-Buffering`).
pub const ACCEL_BUFFERING: &str = "x-accel-buffering";
/// The number of services that a request came through, to detect loops of services.
pub const HOPS: &str = "bookstore-hops";
/// The id of a request; calls to other services carry it too.
pub const REQUEST_ID: &str = "x-request-id";
/// The parent span in a distributed trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// The token that authenticates services to catalog and order service.
pub const SERVICE_TOKEN: &str = "bookstore-service-token";
