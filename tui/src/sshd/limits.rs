//! Limits of the server that have no flag; `docs/SSHD.md` lists them.

use std::time::Duration;

/// Rejected login attempts before the connection is closed.
pub(super) const LOGIN_ATTEMPTS_MAX: usize = 20;
/// Time without data from a client after which a keepalive request is sent, and between such requests.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// Consecutive keepalive requests without a reply after which the connection is closed.
pub(super) const KEEPALIVES_MAX: usize = 3;
/// Longest command line, in bytes.
pub(super) const COMMAND_BYTES_MAX: usize = 8 * 1_024;
/// Most books of one `search`.
pub(super) const SEARCH_BOOKS_MAX: u32 = 1_000;
/// Longest paste or escape sequence, in bytes; a longer one is ignored.
pub(super) const INPUT_BYTES_MAX: usize = 4 * 1_024;
/// Longest value of an environment variable, in bytes.
pub(super) const VARIABLE_BYTES_MAX: usize = 256;
/// Most cells of a screen; a larger terminal shows the shop in its upper part.
pub(super) const CELLS_MAX: u32 = 20_000;
/// Most columns of a screen; a wider terminal shows the shop in its left part.
pub(super) const COLUMNS_MAX: u32 = 500;
/// SSH receive window: data that a client may send before the server reads it, in bytes.
pub(super) const RECEIVE_WINDOW_BYTES: u32 = 64 * 1_024;
/// Largest SSH packet, in bytes: the size that every implementation must support (RFC 4253 6.1).
pub(super) const PACKET_BYTES_MAX: u32 = 32 * 1_024;
/// Frames or chunks of output that wait for a slow reader while another one is being written.
pub(super) const QUEUED_CHUNKS_MAX: usize = 1;
/// Packets of output that wait for the connection.
pub(super) const QUEUED_PACKETS_MAX: usize = 2;
/// Batches of events that wait for a slow session. A session that misses a batch loads everything again.
pub(super) const QUEUED_BATCHES_MAX: usize = 256;
/// How long sending the remaining output and the exit code may take.
pub(super) const FINAL_OUTPUT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may keep its connection after the session.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sessions have to end when the server stops.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
