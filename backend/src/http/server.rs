//! The accept loop around warp's service: TCP_NODELAY, connection limit, drain with a deadline.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::Incident;
use http::Request;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use super::connection::serve_connection;
use super::route::Dispatcher;
use super::{AccessRules, Routes};

/// Connections that may wait to be accepted: a thousand can arrive while the loop handles one.
const BACKLOG: u32 = 4_096;
/// The delay after the system refused a connection, for example because no descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

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

/// Serves one service on a listener until it is stopped. Connections beyond `connections_max` wait to be accepted.
pub(crate) async fn run(listener: TcpListener, routes: Routes, rules: AccessRules, connections_max: usize, stop: Stop) {
    let (routes, rules) = (Arc::new(routes), Arc::new(rules));
    let permits = Arc::new(Semaphore::new(connections_max));
    let accepting = Incident::new("connections cannot be accepted");
    let mut connections = JoinSet::new();
    // Dropping its sender stops a connection. Each connection has its own channel, because it polls it at every wake-up.
    let mut stop_senders = HashMap::new();
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits, &stop.stopping, &accepting) => {
                let Some((stream, peer, permit)) = accepted else { break };
                let (stop_sender, stopped) = oneshot::channel::<Infallible>();
                let dispatcher = Dispatcher::new(&routes, &rules, peer.ip());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (parts, body) = request.into_parts();
                    let filter = dispatcher.filter(parts, !body.is_end_stream());
                    warp::service(filter).call(Request::new(body))
                });
                let connection = serve_connection(stream, service, stopped);
                let handle = connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
                stop_senders.insert(handle.id(), stop_sender);
            }
            Some(ended) = connections.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                stop_senders.remove(&id);
            }
        }
    }
    drop(listener);
    drop(stop_senders);
    let is_drained = tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => true,
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

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    stopping: &CancellationToken,
    accepting: &Incident,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    loop {
        let permit = tokio::select! {
            () = stopping.cancelled() => return None,
            permit = Arc::clone(permits).acquire_owned() => permit.ok()?,
        };
        let accepted = tokio::select! {
            () = stopping.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                accepting.recovered();
                return Some((stream, peer, permit));
            }
            Err(error) => {
                accepting.failed(error);
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}
