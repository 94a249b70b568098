//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on its thread. One runtime with several threads would steal work among them and wake them for it, which
//! costs more than it gains for short tasks.

use std::sync::{Arc, mpsc};
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The threads of a process. The threads that it started end when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionThreads(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    current: ConnectionThread,
    others: Vec<ConnectionThread>,
}

/// A runtime with its number of connections. The current one may have several threads.
#[derive(Debug)]
pub(super) struct ConnectionThread {
    runtime: Handle,
    /// Each connection holds a clone.
    connections: Arc<()>,
    _end: Option<DropGuard>,
}

/// Counts as one connection until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionCount(#[expect(dead_code, reason = "counted while it exists")] Arc<()>);

impl ConnectionThreads {
    /// Serves on the current runtime alone.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn current() -> Self {
        let current = ConnectionThread::new(Handle::current(), None);
        let others = Vec::new();
        Self(Arc::new(Threads { current, others }))
    }

    /// Serves on the current runtime and on `count - 1` new threads.
    ///
    /// # Errors
    /// If the system starts no more threads.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let current = ConnectionThread::new(Handle::current(), None);
        let others = (1..count).map(ConnectionThread::start).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Threads { current, others })))
    }

    /// The thread with the fewest connections; the first of several.
    pub(super) fn idlest(&self) -> &ConnectionThread {
        let Threads { current, others } = &*self.0;
        let idler = |idlest, thread| std::cmp::min_by_key(idlest, thread, |thread: &&ConnectionThread| thread.count());
        others.iter().fold(current, idler)
    }
}

impl ConnectionThread {
    fn new(runtime: Handle, end: Option<DropGuard>) -> Self {
        Self {
            runtime,
            connections: Arc::default(),
            _end: end,
        }
    }

    fn start(number: usize) -> io::Result<Self> {
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let (started, runtime) = mpsc::channel();
        // Built on the new thread: dropping a runtime inside another one panics.
        let run = move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                // The receiver waits below.
                let _ = started.send(Ok(runtime.handle().clone()));
                runtime.block_on(ended.cancelled_owned());
            }
            Err(error) => drop(started.send(Err(error))),
        };
        let started = thread::Builder::new()
            .name(format!("connections-{number}"))
            .spawn(run)
            .and_then(|_| runtime.recv().map_err(io::Error::other)?);
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot start a thread for connections: {error}"));
        Ok(Self::new(started.map_err(failed)?, Some(end)))
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Counts one more connection, until the value is dropped.
    pub(super) fn count_connection(&self) -> ConnectionCount {
        ConnectionCount(Arc::clone(&self.connections))
    }

    fn count(&self) -> usize {
        Arc::strong_count(&self.connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_spread_evenly_and_the_current_thread_has_the_first() {
        let threads = ConnectionThreads::start(3).unwrap();
        let id = |thread: &ConnectionThread| thread.runtime().id();
        let open = |_| (id(threads.idlest()), threads.idlest().count_connection());
        let mut connections: Vec<_> = (0..6).map(open).collect();
        let (first, again) = connections.split_at(3);
        assert_eq!(first[0].0, Handle::current().id());
        assert!(first.iter().zip(again).all(|((one, _), (other, _))| one == other));
        let (freed, counted) = connections.remove(4);
        assert_ne!(freed, Handle::current().id());
        drop(counted);
        assert_eq!(id(threads.idlest()), freed);
    }

    #[tokio::test]
    async fn a_thread_ends_with_the_last_clone() {
        let threads = ConnectionThreads::start(2).unwrap();
        let other = threads.0.others[0].runtime().clone();
        let running = other.spawn(std::future::pending::<()>());
        drop(threads.clone());
        assert!(other.spawn(async {}).await.is_ok());
        drop(threads);
        assert!(running.await.unwrap_err().is_cancelled());
    }
}
