//! Blocks on futures of a database client.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime of a store. It drives I/O and timers while callers are parked.
///
/// The caller's thread polls the future, and may be a thread of another runtime, where `Runtime::block_on` would panic. A call
/// on a runtime's worker blocks that worker, but completes.
pub(crate) struct Blocking {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Blocking {
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

    /// Blocks until the future is ready.
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
            // Other code may unpark this thread too, so check the flag.
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
        // A blocking shutdown panics within another runtime.
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
    fn a_future_completes_on_any_thread() {
        let blocking = Blocking::new().unwrap();
        assert_eq!(blocking.run(work()), 21);
        let blocking = Arc::new(blocking);
        for flavor in &mut [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let runtime = flavor.enable_all().build().unwrap();
            runtime.block_on(async {
                let on_blocking = Arc::clone(&blocking);
                let done = tokio::task::spawn_blocking(move || on_blocking.run(work())).await;
                assert_eq!(done.unwrap(), 21);
                assert_eq!(blocking.run(work()), 21, "on a worker of another runtime");
                drop(Blocking::new().unwrap());
            });
        }
    }

    #[test]
    fn calls_nest() {
        let (outer, inner) = (Blocking::new().unwrap(), Blocking::new().unwrap());
        assert_eq!(outer.run(async { inner.run(work()) + work().await }), 42);
    }
}
