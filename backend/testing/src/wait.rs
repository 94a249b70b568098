//! Bounded waiting for a condition.

use std::time::{Duration, Instant};

/// The limit of [`eventually`].
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval between two checks of a condition.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Polls `check` until it returns a value.
///
/// # Panics
/// After [`WAIT_TIMEOUT`]; the message contains `what`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(start.elapsed() < WAIT_TIMEOUT, "not within {WAIT_TIMEOUT:?}: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
