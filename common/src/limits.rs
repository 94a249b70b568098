//! The limits that several programs must agree on, with their units.

use std::time::Duration;

/// The largest item number, 2⁵³−1: JSON parsers that use doubles represent every integer up to it exactly.
pub const ITEM_MAX: u64 = (1 << 53) - 1;
/// The largest quantity of one line of an order, in copies.
pub const QUANTITY_MAX: u32 = 100;
/// The most lines of one order.
pub const ORDER_LINES_MAX: usize = 20;
/// The most entries of one group: a shopkeeper's change of many books.
pub const GROUP_LINES_MAX: u16 = 1_000;
/// The largest stock of one book, in copies.
pub const STOCK_MAX: u32 = 1_000_000_000;
/// The largest cost of one copy, in cents (9,999,999.99).
pub const COST_CENTS_MAX: u32 = 999_999_999;
/// The longest title, author or topic, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 1_024;

/// The largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// The largest body of a batch between services, in bytes.
pub const BATCH_BODY_BYTES_MAX: usize = 1024 * 1024;
/// The part of an oversized body that a server reads and discards so that the client can read the 413, in bytes.
pub const DISCARD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest response body, and the largest server-sent event, that a client accepts, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest search text, in bytes.
pub const QUERY_BYTES_MAX: usize = 1_024;

/// The default number of books on a page.
pub const PAGE_BOOKS_DEFAULT: usize = 50;
/// The most books on a page.
pub const PAGE_BOOKS_MAX: usize = 100;
/// The default number of entries on a ledger page. A page is extended to the end of its last group.
pub const LEDGER_PAGE_DEFAULT: usize = 100;
/// The most entries on a ledger page.
pub const LEDGER_PAGE_MAX: usize = 1_000;
/// The most lines of the sales or orders in one batch between services.
pub const BATCH_LINES_MAX: usize = 1_024;

/// The most refusals that a catalog records in a second, in ledger entries; further ones get 503 and are not recorded.
pub const RECORDED_REFUSALS_MAX: usize = 1_000;

/// The shortest token in a token file, in characters.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The largest token file, in bytes.
pub const TOKEN_FILE_BYTES_MAX: u64 = 4_096;

/// The default time from the receipt of a purchase to its deadline.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// The longest time from the receipt of a purchase to its deadline.
pub const DEADLINE_MAX: Duration = Duration::from_secs(30);

/// Interval of a server's comments on an event stream without events.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// The longest silence of an event stream; then the reader closes the connection.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(12);
/// Changes of one book within this window may be sent as one event.
pub const COALESCE_WINDOW: Duration = Duration::from_millis(50);
/// The largest lag of a subscriber, in ledger entries; beyond it the subscriber must reload everything.
pub const SUBSCRIBER_LAG_MAX: u64 = 10_000;
/// The most concurrent event streams of a front-end.
pub const SUBSCRIBERS_MAX: usize = 16_384;

/// The timeout of opening a connection.
pub const HTTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The timeout of a read request through the services.
pub const HTTP_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest idle time of a client's connection: less than [`HEADER_TIMEOUT`], so that the client closes it first.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The timeout of a request's head; it also limits idle connections and TLS handshakes.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval of a service's checks for a replaced TLS certificate.
pub const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The timeout of a connection's first request once the server stops.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// The timeout of a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The timeout of a probe of another service.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Probe interval while all dependencies are usable.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Probe interval while a dependency is unusable.
pub const PROBE_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The largest clock skew between two services.
pub const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(1);
/// Consecutive measurements before clock skew is a fault.
pub const CLOCK_MEASUREMENTS: u32 = 3;
/// The most services that a request may come through.
pub const HOPS_MAX: u32 = 3;
/// The largest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 128 * 1024;
/// The timeout of a server's write to a client that does not read.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most concurrent connections to one service.
pub const CONNECTIONS_MAX: usize = 20_000;
