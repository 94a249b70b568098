//! What the tests inside the backend and those around it need of the outside world. Only tests and the benchmark use it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub mod postgres;
