//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on its thread. One runtime with several threads would steal work among them and wake them for it, which
//! costs more than it gains for short tasks.
//!
//! Batches and feeds between processes run in the current runtime. All purchases wait for them, so they must not wait for many
//! requests: the current runtime serves one connection, which saves a lone client two thread switches, and other threads serve
//! the rest. Where the services call each other directly, purchases do not pass through the current runtime, and it serves no
//! connection.

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
    /// The most connections of the current runtime, if there are other threads.
    current_max: usize,
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
        Self::new(0, Vec::new())
    }

    /// Serves up to `current_max` connections on the current runtime and the others on `count` new threads. If `count` is 0, the
    /// current runtime serves all.
    ///
    /// # Errors
    /// If the system starts no more threads.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn start(count: usize, current_max: usize) -> io::Result<Self> {
        let others = (1..=count).map(ConnectionThread::start).collect::<Result<_, _>>()?;
        Ok(Self::new(current_max, others))
    }

    fn new(current_max: usize, others: Vec<ConnectionThread>) -> Self {
        let current = ConnectionThread::new(Handle::current(), None);
        Self(Arc::new(Threads {
            current,
            current_max,
            others,
        }))
    }

    /// The thread for the next connection: the current one while it may have more, else the other one with the fewest.
    pub(super) fn for_next_connection(&self) -> &ConnectionThread {
        let threads = &*self.0;
        let idlest = threads.others.iter().min_by_key(|thread| thread.count());
        let is_current_full = threads.current.count() >= threads.current_max;
        idlest.filter(|_| is_current_full).unwrap_or(&threads.current)
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
        Arc::strong_count(&self.connections) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_current_thread_has_its_most_connections_and_the_rest_is_spread_evenly() {
        let threads = ConnectionThreads::start(2, 1).unwrap();
        let open = || {
            let thread = threads.for_next_connection();
            (thread.runtime().id(), thread.count_connection())
        };
        let mut connections: Vec<_> = (0..5).map(|_| open()).collect();
        let ids: Vec<_> = connections.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids[0], Handle::current().id());
        assert!(!ids[1..].contains(&ids[0]) && ids[1] != ids[2]);
        assert_eq!(ids[1..3], ids[3..]);
        for ended in [2, 0] {
            let (id, counted) = connections.remove(ended);
            drop(counted);
            connections.push(open());
            assert_eq!(connections.last().map(|(id, _)| *id), Some(id));
        }
    }

    #[tokio::test]
    async fn the_current_thread_alone_has_all_connections() {
        let threads = ConnectionThreads::start(0, 1).unwrap();
        let connections = [(), ()].map(|()| threads.for_next_connection().count_connection());
        assert_eq!(threads.for_next_connection().count(), connections.len());
    }

    #[tokio::test]
    async fn a_thread_ends_with_the_last_clone() {
        let threads = ConnectionThreads::start(1, 0).unwrap();
        let first = threads.for_next_connection().runtime().id();
        assert_ne!(first, Handle::current().id());
        let other = threads.0.others[0].runtime().clone();
        let running = other.spawn(std::future::pending::<()>());
        drop(threads.clone());
        assert!(other.spawn(async {}).await.is_ok());
        drop(threads);
        assert!(running.await.unwrap_err().is_cancelled());
    }
}
