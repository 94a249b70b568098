//! The accept loop around warp's service: no delay, header time limit, connection limit, drain with a deadline.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::limits;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Routes;
use super::answer::WarpResponse;
use super::clock::Clock;
use super::shortcut::Front;

/// Connections that may wait to be accepted: a rush of a thousand arrives within one turn of the loop.
const BACKLOG: u32 = 4_096;
/// How long the loop rests after the system refused a connection (out of descriptors, for one).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes an address to listen at; port 0 takes a free one. Must run within a runtime.
///
/// # Errors
/// The system's, with the address and what to do about it.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // A stopped service's port is free again at once.
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

/// One service on one listener.
#[derive(Debug)]
pub struct Server {
    /// Where connections come from.
    pub listener: TcpListener,
    /// What is answered.
    pub routes: Routes,
    /// How long connections may go on after the stop before they are cut.
    pub grace: Duration,
    /// How many connections may be open at once; further ones wait to be accepted.
    pub connections_max: usize,
    /// Ends the accepting, then the event streams, then, as they fall idle, the connections.
    pub stopping: CancellationToken,
}

impl Server {
    /// Serves until it is stopped and drained.
    pub async fn run(self) {
        let Self {
            listener,
            routes,
            grace,
            connections_max,
            stopping,
        } = self;
        let lanes = routes.lanes();
        let methods = routes.methods().into();
        let rest = TowerToHyperService::new(warp::service(routes.into_filter()));
        let front = Front { lanes, methods, rest };
        let places = Arc::new(Semaphore::new(connections_max));
        let mut connections = JoinSet::new();
        // A connection goes on until its sender here is dropped. It looks at every turn, so each has its own to look at.
        let mut going_on = HashMap::new();
        loop {
            tokio::select! {
                accepted = accept(&listener, &places, &stopping) => {
                    let Some((stream, place)) = accepted else { break };
                    let (goes_on, stopped) = oneshot::channel::<Infallible>();
                    let connection = serve(stream, front.clone(), stopped);
                    let handle = connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                    going_on.insert(handle.id(), goes_on);
                }
                Some(ended) = connections.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => error.id(),
                    };
                    going_on.remove(&id);
                }
            }
        }
        drop(listener);
        drop(going_on);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, drained).await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "the grace is over; connections are cut"
            );
            connections.shutdown().await;
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stopping: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let place = tokio::select! {
            () = stopping.cancelled() => return None,
            place = Arc::clone(places).acquire_owned() => place.ok()?,
        };
        let accepted = tokio::select! {
            () = stopping.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve<S>(stream: TcpStream, service: S, stopped: oneshot::Receiver<Infallible>)
where
    S: Service<Request<Incoming>, Response = WarpResponse, Error = Infallible>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone at once");
        return;
    }
    let connection = http1::Builder::new()
        .timer(Clock::default())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        _ = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
