//! The header fields of the bookstore's own and of the standards it follows, in lower case as they are compared.

/// The client's name for its order (draft-ietf-httpapi-idempotency-key-header): a UUID.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `true` where an answer repeats an earlier decision.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// The last moment a purchase may happen, in Unix milliseconds.
pub const DEADLINE: &str = "bookstore-deadline";
/// In an answer: the `seq` of the state it was read from. In a request: the answer must not be older than this.
pub const SEQ: &str = "bookstore-seq";
/// How a cache came by the answer (RFC 9211).
pub const CACHE_STATUS: &str = "cache-status";
/// When a form of a request became outdated (RFC 9745).
pub const DEPRECATION: &str = "deprecation";
/// The last event a reader of server-sent events saw.
pub const LAST_EVENT_ID: &str = "last-event-id";
/// Whether a reverse proxy may hold a response back to fill a buffer (nginx's `X-Accel-Buffering`): `no`.
pub const ACCEL_BUFFERING: &str = "x-accel-buffering";
