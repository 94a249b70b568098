//! The clock that a connection gives to hyper, which limits the time that a request's head may take.
//!
//! hyper asks for a new sleep for every request and drops it when the head has come. Entered into the runtime's timers
//! and taken out again, under a lock that all threads share, it would cost more than reading the head. So a connection has
//! one alarm. It is set once and left alone; when it goes off, a later request has most often moved the limit by then, and
//! it is set anew: once in the time of a limit instead of twice a request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

type Alarm = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// One connection's clock.
#[derive(Debug, Default)]
pub(super) struct Clock(Alarm);

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Limit {
            deadline: deadline.into(),
            alarm: Arc::clone(&self.0),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// A moment that a connection waits for.
#[derive(Debug)]
struct Limit {
    deadline: tokio::time::Instant,
    alarm: Alarm,
}

impl Sleep for Limit {}

impl Future for Limit {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline)));
        if alarm.deadline() > self.deadline {
            alarm.as_mut().reset(self.deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if alarm.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.deadline);
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
    async fn each_limit_ends_at_its_own_moment_whatever_the_alarm_was_set_for() {
        let (clock, start) = (Clock::default(), Instant::now());
        let mut first = clock.sleep(LIMIT);
        assert!(first.as_mut().now_or_never().is_none());
        drop(first);
        tokio::time::advance(LIMIT / 2).await;
        let second = clock.sleep(LIMIT);
        second.await;
        assert_eq!(start.elapsed().as_secs(), 45, "the first one's alarm went off before");
        clock.sleep(LIMIT).await;
        assert_eq!(start.elapsed().as_secs(), 75, "the alarm had gone off");
        assert!(clock.sleep(LIMIT).now_or_never().is_none());
        clock.sleep(LIMIT / 3).await;
        assert_eq!(start.elapsed().as_secs(), 85, "the alarm was set for later");
    }
}
