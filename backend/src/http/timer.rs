//! The timer that a connection gives to hyper for the time limit of a request's head.
//!
//! hyper creates a sleep for every request and drops it when the head has arrived. Registering each with the runtime's
//! timer wheel, under a lock that all threads share, costs more than reading the head. So a connection has one shared
//! sleep: when it fires, a later request has usually moved the deadline, and it is reset then; once per time limit instead
//! of twice per request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

type SharedSleep = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// The timer of one connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionTimer(SharedSleep);

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(DeadlineSleep {
            deadline: deadline.into(),
            shared: Arc::clone(&self.0),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// Ends at its own deadline, whatever the shared sleep was last set to.
#[derive(Debug)]
struct DeadlineSleep {
    deadline: tokio::time::Instant,
    shared: SharedSleep,
}

impl Sleep for DeadlineSleep {}

impl Future for DeadlineSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline)));
        if sleep.deadline() > self.deadline {
            sleep.as_mut().reset(self.deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn each_sleep_ends_at_its_own_deadline() {
        let (timer, start) = (ConnectionTimer::default(), Instant::now());
        let mut first = timer.sleep(LIMIT);
        assert!(first.as_mut().now_or_never().is_none());
        drop(first);
        tokio::time::advance(LIMIT / 2).await;
        let second = timer.sleep(LIMIT);
        second.await;
        assert_eq!(
            start.elapsed().as_secs(),
            45,
            "the shared sleep was set for the first one, earlier"
        );
        timer.sleep(LIMIT).await;
        assert_eq!(start.elapsed().as_secs(), 75, "the shared sleep had fired");
        assert!(timer.sleep(LIMIT).now_or_never().is_none());
        timer.sleep(LIMIT / 3).await;
        assert_eq!(start.elapsed().as_secs(), 85, "the shared sleep was set for later");
    }
}
