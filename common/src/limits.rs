//! The limits that several programs must agree on, with their units.

use std::time::Duration;

/// The largest item number, 2⁵³−1: every whole number up to it is exact in a JSON reader that uses doubles.
pub const ITEM_MAX: u64 = (1 << 53) - 1;
/// The largest number of copies one line of an order may ask for.
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
/// The part of an oversized body that is read and discarded so that the client can read its 413, in bytes.
pub const DISCARD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest response body, and the largest server-sent event, that our clients accept, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest search text, in bytes.
pub const QUERY_BYTES_MAX: usize = 1_024;

/// The books on a page unless the request says otherwise.
pub const PAGE_BOOKS_DEFAULT: usize = 50;
/// The most books on a page.
pub const PAGE_BOOKS_MAX: usize = 100;
/// The entries on a ledger page unless the request says otherwise. A page is extended to the end of its last group.
pub const LEDGER_PAGE_DEFAULT: usize = 100;
/// The most entries on a ledger page.
pub const LEDGER_PAGE_MAX: usize = 1_000;
/// The most lines of the sales or orders in one batch between services.
pub const BATCH_LINES_MAX: usize = 1_024;

/// The most refusals that a catalog records in a second, in ledger entries; more are answered 503 and not recorded.
pub const RECORDED_REFUSALS_MAX: usize = 1_000;

/// The shortest token in a token file, in characters.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The largest token file, in bytes.
pub const TOKEN_FILE_BYTES_MAX: u64 = 4_096;

/// The time for a purchase unless the client sets a deadline.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// The longest time for a purchase.
pub const DEADLINE_MAX: Duration = Duration::from_secs(30);

/// The interval of a server's comments on an event stream without events.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// The longest silence of an event stream; after it the reader closes the connection.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(12);
/// Changes of one book within this window may be sent as one event.
pub const COALESCE_WINDOW: Duration = Duration::from_millis(50);
/// A subscriber that is further behind than this must read everything again, in ledger entries.
pub const SUBSCRIBER_LAG_MAX: u64 = 10_000;
/// The most event streams one front-end serves at once.
pub const SUBSCRIBERS_MAX: usize = 16_384;

/// The limit on opening a connection.
pub const HTTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The limit on a read request through the services.
pub const HTTP_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client keeps an unused connection: less than [`HEADER_TIMEOUT`], so that the client closes it first.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server waits for the head of a request, which also limits idle connections and TLS handshakes.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a service looks whether its TLS certificate has been replaced.
pub const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long a server that stops waits for the first request of a connection.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a server waits for a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The limit on asking another service whether it is up.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the services that another one needs are asked while all of them are usable.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How often while one of them is not.
pub const PROBE_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The largest difference of two services' clocks.
pub const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(1);
/// A larger difference counts when it was measured so many times in a row.
pub const CLOCK_MEASUREMENTS: u32 = 3;
/// How many services a request may come through.
pub const HOPS_MAX: u32 = 3;
/// The largest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 128 * 1024;
/// How long a server's write may be blocked by a client that reads nothing.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most connections to one service at the same time.
pub const CONNECTIONS_MAX: usize = 20_000;
