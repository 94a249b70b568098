//! The timer that a connection gives to hyper for the time limit of a request's head.
//!
//! hyper creates a sleep for every request and drops it when the head has arrived. Registering each with the runtime's timer
//! wheel, under a lock that all threads share, costs more than reading the head. So a connection has one shared sleep. When it
//! fires, a later request has usually moved the deadline, and the sleep is reset: once per time limit instead of twice per
//! request. The server derives a connection's idle time from the deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use common::limits;
use hyper::rt::{Sleep, Timer};

/// The timer of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The deadline of the next head or the handshake; `None` while a request is open.
    deadline: Option<tokio::time::Instant>,
    /// Whether a head has arrived on the connection.
    has_head: bool,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// The task that the sleep wakes.
    woken: Option<Waker>,
}

impl ConnectionTimer {
    /// The deadline of the next head or the handshake; `None` while a request is open.
    pub(super) fn deadline(&self) -> Option<tokio::time::Instant> {
        self.state().deadline
    }

    /// Begins the wait for a TLS handshake, with the time limit of a head, and returns the deadline.
    pub(super) fn begin_handshake(&self) -> tokio::time::Instant {
        let deadline = tokio::time::Instant::now() + limits::HEADER_TIMEOUT;
        self.state().deadline = Some(deadline);
        deadline
    }

    /// Whether no head has arrived on the connection.
    pub(super) fn is_fresh(&self) -> bool {
        !self.state().has_head
    }

    /// Ends the wait for a head. Only the connection's task may call this, and must poll the connection afterwards.
    pub(super) fn end_wait(&self) {
        let deadline = &mut self.state().deadline;
        *deadline = deadline.map(|_| tokio::time::Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.state().deadline = Some(deadline.into());
        Box::pin(HeadSleep(self.clone()))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// Completes at the connection's deadline, whatever the shared sleep is set to. hyper holds one at a time, while it waits for a
/// head.
#[derive(Debug)]
struct HeadSleep(ConnectionTimer);

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        let State {
            deadline, sleep, woken, ..
        } = &mut *state;
        let Some(deadline) = *deadline else {
            return Poll::Ready(());
        };
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        } else if !sleep.is_elapsed() && woken.as_ref().is_some_and(|woken| woken.will_wake(context.waker())) {
            // The shared sleep is registered already and fires no later.
            return Poll::Pending;
        }
        *woken = Some(context.waker().clone());
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

impl Drop for HeadSleep {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.deadline = None;
        state.has_head = true;
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
