//! Every limit that more than one program must agree on, in one table. Units stand last in the names.

use std::time::Duration;

/// The largest number of copies one order may ask for.
pub const QUANTITY_MAX: u32 = 100;
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
/// How much of an oversized body is read and thrown away so that the client can read its 413, in bytes.
pub const DISCARD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest answer a client of ours takes in, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest search text, in bytes.
pub const QUERY_BYTES_MAX: usize = 1_024;

/// Books on a page unless asked otherwise.
pub const PAGE_BOOKS_DEFAULT: usize = 50;
/// The most books on a page.
pub const PAGE_BOOKS_MAX: usize = 100;
/// Entries on a ledger page unless asked otherwise.
pub const LEDGER_PAGE_DEFAULT: usize = 100;
/// The most entries on a ledger page.
pub const LEDGER_PAGE_MAX: usize = 1_000;
/// The most sales or orders in one batch between services.
pub const BATCH_ORDERS_MAX: usize = 1_024;

/// How long a buy may take unless its client says otherwise.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// The longest a buy may take.
pub const DEADLINE_MAX: Duration = Duration::from_secs(30);

/// How often a server sends a comment on a quiet event stream.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// How long an event stream may be silent before its reader calls it dead.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(12);
/// Changes of one book within this window may travel as one event.
pub const COALESCE_WINDOW: Duration = Duration::from_millis(50);
/// A subscriber further behind than this is told to read afresh, in ledger entries.
pub const SUBSCRIBER_LAG_MAX: u64 = 10_000;
/// The most event streams one front-end serves at once.
pub const SUBSCRIBERS_MAX: usize = 16_384;

/// How long a connection attempt may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a read through the services may take.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client keeps an unused connection; below the servers' own limit so that the client closes first.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server waits for a request's headers, which also ends idle connections.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server waits for a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The most connections one service holds at once.
pub const CONNECTIONS_MAX: usize = 20_000;
