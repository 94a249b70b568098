//! Waiting for a database on a thread that may block.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of a store's own, which moves bytes and watches clocks while its callers are parked.
///
/// A future runs on its caller's thread, which may belong to any runtime or to none: nothing here enters a runtime in a
/// runtime. Whoever calls on a runtime's own worker blocks that worker, but gets an answer.
pub(crate) struct Blocking {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Blocking {
    /// Starts the one thread.
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("store")
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Waits for a future.
    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        let _context = self.handle.enter();
        let mut future = pin!(future);
        let parked = Arc::new(Parked {
            thread: thread::current(),
            is_woken: AtomicBool::new(false),
        });
        let waker = Waker::from(Arc::clone(&parked));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            // Others may park and unpark this thread, too: only the flag counts.
            while !parked.is_woken.swap(false, Ordering::Acquire) {
                thread::park();
            }
        }
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocking")
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        // Waiting for the thread is forbidden where this is dropped within another runtime, and not needed anywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Parked {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn work() -> u32 {
        let spawned = tokio::spawn(async { 20 });
        tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>())
            .await
            .unwrap_err();
        spawned.await.unwrap() + 1
    }

    #[test]
    fn it_waits_on_any_thread() {
        let blocking = Blocking::new().unwrap();
        assert_eq!(blocking.run(work()), 21);
        let blocking = Arc::new(blocking);
        for flavor in &mut [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let runtime = flavor.enable_all().build().unwrap();
            runtime.block_on(async {
                let on_blocking = Arc::clone(&blocking);
                let done = tokio::task::spawn_blocking(move || on_blocking.run(work())).await;
                assert_eq!(done.unwrap(), 21);
                assert_eq!(blocking.run(work()), 21, "even where it should not be called");
                drop(Blocking::new().unwrap());
            });
        }
    }

    #[test]
    fn it_waits_within_itself() {
        let (outer, inner) = (Blocking::new().unwrap(), Blocking::new().unwrap());
        assert_eq!(outer.run(async { inner.run(work()) + work().await }), 42);
    }
}
