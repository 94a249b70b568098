//! Test support that the workspace's tests and the benchmark share: external programs, processes, reserved ports, bounded
//! waits. Not part of the bookstore.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod address;
pub mod certificates;
pub mod nginx;
pub mod postgres;
pub mod proc;
mod process;
mod read_only;
mod requirement;
mod small_disk;
mod wait;

pub use address::ReservedAddress;
pub use process::Process;
pub use read_only::ReadOnlyMount;
pub use requirement::{MAY_SKIP, may_skip, skip_or_fail};
pub use small_disk::SmallDisk;
pub use wait::{WAIT_TIMEOUT, eventually};
