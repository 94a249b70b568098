//! The accept loop around warp's service: connection limit, drain with a deadline.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use common::{Incident, limits};
use http::Request;
use http_body_util::Empty;
use hyper::body::{Body as _, Incoming};
use hyper::service::{Service, service_fn};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use super::connection::serve_connection;
use super::dispatcher::Dispatcher;
use super::metrics::ConnectionMetrics;
use super::response::WarpResponse;
use super::threads::{ConnectionCount, ConnectionThreads};
use super::timer::ConnectionTimer;
use super::{AccessRules, Routes, Tls};

/// The length of the accept queue: a thousand connections can arrive while the loop handles one.
const BACKLOG: u32 = 4_096;
/// The delay after a failed `accept`, for example because no descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A connection without a request for this long is closed if another one waits.
const IDLE_MIN: Duration = Duration::from_millis(100);
/// The part of all connections that is closed at once, a sixteenth: finding the idle ones visits every connection.
const CLOSED_PART: usize = 16;

/// The rest of the grace period after it was ended early, for requests that are nearly done.
const GRACE_MIN: Duration = Duration::from_millis(250);

/// Listens at an address; port 0 takes a free one. Must run within a runtime.
///
/// # Errors
/// The system's error, with the address and what to do about it.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // Connections in TIME_WAIT must not block a restart.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another program listens there: stop it or choose another address (port 0 takes a free one)"
            }
            io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose another one",
            io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            _ => "",
        };
        io::Error::new(error.kind(), format!("cannot listen at {address}: {error}{advice}"))
    })
}

/// How a server stops.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Ends accepting and event streams; connections close as they become idle.
    pub(crate) stopping: CancellationToken,
    /// The time limit for open requests after that.
    pub(crate) grace: Duration,
    /// Cancelled to end the grace period early.
    pub(crate) grace_ended: CancellationToken,
}

impl Stop {
    async fn grace_over(&self) {
        tokio::select! {
            () = tokio::time::sleep(self.grace) => {}
            () = self.grace_ended.cancelled() => tokio::time::sleep(GRACE_MIN.min(self.grace)).await,
        }
    }
}

/// An open connection that was not told to close.
struct Connection {
    timer: ConnectionTimer,
    /// Dropping it stops the connection. One channel per connection: a shared one would be contended at every poll.
    _stop: oneshot::Sender<Infallible>,
}

/// Serves one service on a listener until it is stopped. Beyond `connections_max`, one accepted connection waits until another
/// one ends, because it is idle or its response was sent; further connections wait in the accept queue.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: Routes,
    rules: AccessRules,
    connections_max: usize,
    threads: ConnectionThreads,
    stop: Stop,
) {
    let (routes, rules) = (Arc::new(routes), Arc::new(rules));
    let accepting = Incident::new("connections cannot be accepted");
    let metrics = routes.connection_metrics();
    metrics.max.store(connections_max, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    let mut open_connections = HashMap::new();
    let mut waiting = None;
    loop {
        tokio::select! {
            () = stop.stopping.cancelled() => break,
            accepted = accept(&listener, &accepting, metrics), if waiting.is_none() => waiting = Some(accepted),
            Some(ended) = tasks.join_next_with_id() => {
                open_connections.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = tokio::time::sleep(IDLE_MIN), if waiting.is_some() => {}
        }
        let is_full = tasks.len() >= connections_max;
        if let Some((stream, peer)) = waiting.take_if(|_| !is_full) {
            let dispatcher = Dispatcher::new(&routes, &rules, peer.ip());
            let service = service_fn(move |request: Request<Incoming>| {
                let (parts, body) = request.into_parts();
                let mut service = warp::service(dispatcher.filter(parts, body.size_hint().exact()));
                match body.is_end_stream() {
                    // An empty body needs no allocation.
                    true => service.call(Request::new(Empty::<Bytes>::new())),
                    false => service.call(Request::new(body)),
                }
            });
            let (timer, (_stop, stopped)) = (ConnectionTimer::default(), oneshot::channel());
            let tls = tls.as_ref().map(Tls::acceptor);
            let thread = threads.for_next_connection();
            let (stream, count) = (stream.into_std(), thread.count_connection());
            let serving = serve_on_this_thread(stream, tls, service, timer.clone(), stopped, count);
            let handle = tasks.spawn_on(serving, thread.runtime());
            open_connections.insert(handle.id(), Connection { timer, _stop });
            metrics.accepted.add(1);
        }
        routes.set_connection_waiting(waiting.is_some());
        // Stop more only after all earlier stopped connections have ended.
        if waiting.is_some() && open_connections.len() == tasks.len() {
            metrics.closed_idle.add(stop_idle(&mut open_connections));
        }
        metrics.open.store(tasks.len(), Ordering::Relaxed);
    }
    drop(listener);
    routes.set_connection_waiting(false);
    let is_drained = tokio::select! {
        () = drain(&mut tasks, open_connections) => true,
        () = stop.grace_over() => false,
    };
    if !is_drained {
        tracing::warn!(
            connections = tasks.len(),
            "the grace period is over; open connections are closed"
        );
        tasks.shutdown().await;
    }
}

/// Serves a connection on the thread that polls this future; another thread may have accepted it.
async fn serve_on_this_thread<S>(
    stream: io::Result<std::net::TcpStream>,
    tls: Option<TlsAcceptor>,
    service: S,
    timer: ConnectionTimer,
    stopped: oneshot::Receiver<Infallible>,
    _count: ConnectionCount,
) where
    S: Service<Request<Incoming>, Response = WarpResponse, Error = Infallible>,
{
    match stream.and_then(TcpStream::from_std) {
        Ok(stream) => serve_connection(stream, tls, service, timer, stopped).await,
        Err(error) => tracing::debug!(%error, "a connection was lost between two threads"),
    }
}

/// Waits for the end of all connections. A connection ends after its open request, or at once if it has none. A fresh
/// connection first gets [`limits::FIRST_REQUEST_TIMEOUT`] for its first request, which may be on the way.
async fn drain(tasks: &mut JoinSet<()>, mut open_connections: HashMap<Id, Connection>) {
    open_connections.retain(|_, connection| connection.timer.is_fresh());
    let first_requests = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(limits::FIRST_REQUEST_TIMEOUT, first_requests)
        .await
        .is_err()
    {
        drop(open_connections);
        while tasks.join_next().await.is_some() {}
    }
}

/// Accepts a connection; retries until that succeeds. Dropping the future loses no connection.
async fn accept(listener: &TcpListener, accepting: &Incident, metrics: &ConnectionMetrics) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                accepting.recovered();
                return accepted;
            }
            Err(error) => {
                accepting.failed(error);
                metrics.not_accepted.add(1);
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Stops the connections that have been idle for the longest time, and returns their number.
fn stop_idle(connections: &mut HashMap<Id, Connection>) -> u64 {
    let deadline_max = Instant::now() + limits::HEADER_TIMEOUT - IDLE_MIN;
    let deadline = |(id, connection): (&Id, &Connection)| Some((connection.timer.deadline()?, *id));
    let mut idle: Vec<_> = connections.iter().filter_map(deadline).collect();
    idle.retain(|&(deadline, _)| deadline <= deadline_max);
    idle.sort_unstable_by_key(|&(deadline, _)| deadline);
    idle.truncate(connections.len().div_ceil(CLOSED_PART));
    idle.iter().for_each(|(_, id)| drop(connections.remove(id)));
    idle.len() as u64
}
