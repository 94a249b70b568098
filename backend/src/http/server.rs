//! The accept loop around warp's service: TCP_NODELAY, connection limit, drain with a deadline.

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

/// Connections that may wait to be accepted: a thousand can arrive while the loop handles one.
const BACKLOG: u32 = 4_096;
/// The delay after the system refused a connection, for example because no descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A connection without a request for this long is closed if another one waits.
const IDLE_MIN: Duration = Duration::from_millis(100);
/// A sixteenth of all connections is closed at once, because finding the idle ones looks at every connection.
const CLOSED_PART: usize = 16;

/// The time for streams and requests that are about to end when the grace is ended early.
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
    /// How long requests in hand may take after that.
    pub(crate) grace: Duration,
    /// Ends that time early.
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

/// A connection that may go on.
struct Connection {
    timer: ConnectionTimer,
    /// Dropping it stops the connection. Each has a channel of its own, because it polls it at every wake-up.
    _stop: oneshot::Sender<Infallible>,
}

/// Serves one service on a listener until it is stopped. Beyond `connections_max`, a connection waits until another one
/// is idle or has got its response, and others wait to be accepted.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: Routes,
    rules: AccessRules,
    connections_max: usize,
    threads: ConnectionThreads,
    stop: Stop,
) {
    let stop_begun = routes.stop_begun();
    let (routes, rules) = (Arc::new(routes), Arc::new(rules));
    let accepting = Incident::new("connections cannot be accepted");
    let metrics = routes.connection_metrics();
    metrics.max.store(connections_max, Ordering::Relaxed);
    let mut connections = JoinSet::new();
    let mut going_on = HashMap::new();
    let mut waiting = None;
    let mut is_draining = false;
    loop {
        tokio::select! {
            () = stop.stopping.cancelled() => break,
            accepted = accept(&listener, &accepting, metrics), if waiting.is_none() => waiting = Some(accepted),
            Some(ended) = connections.join_next_with_id() => {
                going_on.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = tokio::time::sleep(IDLE_MIN), if waiting.is_some() => {}
            () = stop_begun.cancelled(), if !is_draining => is_draining = true,
        }
        let is_full = connections.len() >= connections_max;
        if let Some((stream, peer)) = waiting.take_if(|_| !is_full) {
            let dispatcher = Dispatcher::new(&routes, &rules, peer.ip());
            let service = service_fn(move |request: Request<Incoming>| {
                let (parts, body) = request.into_parts();
                let mut service = warp::service(dispatcher.filter(parts, body.size_hint().exact()));
                match body.is_end_stream() {
                    // Which needs no allocation.
                    true => service.call(Request::new(Empty::<Bytes>::new())),
                    false => service.call(Request::new(body)),
                }
            });
            let (timer, (_stop, stopped)) = (ConnectionTimer::default(), oneshot::channel());
            let tls = tls.as_ref().map(Tls::acceptor);
            let thread = threads.idlest();
            let (stream, count) = (stream.into_std(), thread.count_connection());
            let serving = serve_on_this_thread(stream, tls, service, timer.clone(), stopped, count);
            let handle = connections.spawn_on(serving, thread.runtime());
            going_on.insert(handle.id(), Connection { timer, _stop });
            metrics.accepted.add(1);
        }
        routes.set_closing(waiting.is_some(), is_draining);
        // Those that were stopped before must have ended.
        if waiting.is_some() && going_on.len() == connections.len() {
            metrics.closed_idle.add(stop_idle(&mut going_on));
        }
        metrics.open.store(connections.len(), Ordering::Relaxed);
    }
    drop(listener);
    routes.set_closing(false, true);
    let is_drained = tokio::select! {
        () = drain(&mut connections, going_on) => true,
        () = stop.grace_over() => false,
    };
    if !is_drained {
        tracing::warn!(
            connections = connections.len(),
            "the grace period is over; open connections are closed"
        );
        connections.shutdown().await;
    }
}

/// Serves a connection that another thread may have accepted.
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

/// Waits for the end of all connections. A connection ends when its request in hand is answered, and one without a request
/// at once, unless it was accepted a moment ago: then its first request is on the way.
async fn drain(connections: &mut JoinSet<()>, mut going_on: HashMap<Id, Connection>) {
    going_on.retain(|_, connection| connection.timer.is_fresh());
    let first_requests = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits::FIRST_REQUEST_TIMEOUT, first_requests)
        .await
        .is_err()
    {
        drop(going_on);
        while connections.join_next().await.is_some() {}
    }
}

/// Dropping the future loses no connection.
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

/// Stops those connections that have waited longest for a request, and returns their number.
fn stop_idle(connections: &mut HashMap<Id, Connection>) -> u64 {
    let deadline_max = Instant::now() + limits::HEADER_TIMEOUT - IDLE_MIN;
    let waiting = |(id, connection): (&Id, &Connection)| Some((connection.timer.deadline()?, *id));
    let mut idle: Vec<_> = connections.iter().filter_map(waiting).collect();
    idle.retain(|&(deadline, _)| deadline <= deadline_max);
    idle.sort_unstable_by_key(|&(deadline, _)| deadline);
    idle.truncate(connections.len().div_ceil(CLOSED_PART));
    idle.iter().for_each(|(_, id)| drop(connections.remove(id)));
    idle.len() as u64
}
