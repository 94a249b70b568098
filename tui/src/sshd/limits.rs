//! The limits of the server that no flag sets, in one place; `docs/SSHD.md` lists them.

use std::time::Duration;

/// Rejected requests to log in before the connection is closed.
pub(super) const LOGIN_ATTEMPTS_MAX: usize = 20;
/// A client that does not answer for so long, this often in a row, is gone.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
pub(super) const KEEPALIVES_MAX: usize = 3;
/// A command line, in bytes.
pub(super) const COMMAND_BYTES_MAX: usize = 8 * 1_024;
/// The books of one `search`.
pub(super) const SEARCH_BOOKS_MAX: u32 = 1_000;
/// A paste or an escape sequence, in bytes; a longer one is ignored.
pub(super) const INPUT_BYTES_MAX: usize = 4 * 1_024;
/// The value of a variable, in bytes.
pub(super) const VARIABLE_BYTES_MAX: usize = 256;
/// The cells of a screen; a larger terminal shows the shop in its upper part.
pub(super) const CELLS_MAX: u32 = 20_000;
pub(super) const COLUMNS_MAX: u32 = 500;
/// What a client may send before it is read, in bytes.
pub(super) const RECEIVE_WINDOW_BYTES: u32 = 64 * 1_024;
/// The smallest that every implementation must take (RFC 4253 6.1), in bytes.
pub(super) const PACKET_BYTES_MAX: u32 = 32 * 1_024;
/// Frames, or pieces of output, that wait for a slow reader beside the one that is being written.
pub(super) const QUEUED_CHUNKS_MAX: usize = 1;
/// Packets of them that wait for the connection.
pub(super) const QUEUED_PACKETS_MAX: usize = 2;
/// Batches of events that a session may be behind before it loads everything again.
pub(super) const QUEUED_BATCHES_MAX: usize = 256;
/// How long the last output may take, and the exit code.
pub(super) const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may keep its connection after the session.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sessions have to end when the server stops.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
