//! A persistent HTTP/1.1 connection that carries one request at a time. A request costs about ten microseconds less than
//! over the pool, which matters for batches between services and for thousands of simulated shoppers.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{HOST, USER_AGENT};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout, timeout_at};

use super::context::Caller;
use super::error::{Error, root_cause};
use super::tls::TlsHost;
use super::{HttpClient, Request, Response, Stream, message};
use crate::limits;

/// The connection to one address, opened on demand.
#[derive(Debug)]
pub(super) struct Connection {
    /// Host and port.
    address: String,
    host: HeaderValue,
    /// `None` for an `http://` address.
    tls: Option<TlsHost>,
    caller: Caller,
    open: Mutex<Option<OpenConnection>>,
}

#[derive(Debug)]
struct OpenConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Reads and writes; `None` once the connection has ended. The task that waits for a response polls it, which saves the
    /// wake-up of another task.
    driver: Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>,
    used_at: Instant,
}

impl Connection {
    /// A connection to the host of a base URL; `None` if the URL is invalid.
    pub(super) fn to(base: &str, http: &HttpClient, caller: Caller) -> Option<Self> {
        let url = reqwest::Url::parse(base).ok()?;
        let host = url.host_str()?;
        let tls = match url.scheme() {
            "https" => Some(TlsHost::new(http.tls(), host)?),
            _ => None,
        };
        let address = format!("{host}:{}", url.port_or_known_default()?);
        Some(Self {
            host: HeaderValue::from_str(if url.port().is_some() { &address } else { host }).ok()?,
            address,
            tls,
            caller,
            open: Mutex::new(None),
        })
    }

    /// Sends a request and receives the whole response. The request's time limit includes the wait for the connection.
    pub(super) async fn send(&self, url: &str, request: &Request) -> Result<Response, Error> {
        let deadline = Instant::now() + request.time_limit();
        let mut message = request
            .to_http(path_of(url))
            .map_err(|error| Error::unreachable(url, error.to_string()))?;
        let headers = message.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(message::USER_AGENT));
        self.caller.write(headers);
        let (mut slot, mut connection) = timeout_at(deadline, self.acquire())
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))
            .map_err(|why| Error::unreachable(url, why))?;
        // A connection whose exchange fails or is dropped is not put back.
        let response = timeout_at(deadline, connection.exchange(url, message))
            .await
            .unwrap_or_else(|_| Err(Error::lost(url, "no answer in time")))?;
        connection.used_at = Instant::now();
        *slot = Some(connection);
        Ok(response)
    }

    /// Waits until the connection is free, and opens a new one if it has ended or was idle for [`limits::POOL_IDLE_TIMEOUT`],
    /// after which the server may close it.
    async fn acquire(&self) -> Result<(MutexGuard<'_, Option<OpenConnection>>, OpenConnection), String> {
        let mut slot = self.open.lock().await;
        if let Some(mut open) = slot.take()
            && open.used_at.elapsed() < limits::POOL_IDLE_TIMEOUT
            && open.is_ready().await
        {
            return Ok((slot, open));
        }
        let connecting = OpenConnection::connect(&self.address, self.tls.as_ref());
        let open = timeout(limits::HTTP_CONNECT_TIMEOUT, connecting)
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))?;
        Ok((slot, open))
    }
}

impl OpenConnection {
    async fn connect(address: &str, tls: Option<&TlsHost>) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let stream = match tls {
            Some(tls) => tls.connect(stream).await.map_err(|error| root_cause(&error))?,
            None => Stream::Plain(stream),
        };
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| root_cause(&error))?;
        Ok(Self {
            sender,
            driver: Some(driver),
            used_at: Instant::now(),
        })
    }

    /// Whether the connection is still open, as far as this end knows.
    async fn is_ready(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        drive(driver, sender.ready()).await.is_ok()
    }

    async fn exchange(&mut self, url: &str, message: http::Request<Full<Bytes>>) -> Result<Response, Error> {
        let Self { sender, driver, .. } = self;
        let exchange = async {
            let response = sender.try_send_request(message).await.map_err(|mut failed| {
                let why = root_cause(failed.error());
                match failed.take_message() {
                    // Nothing of it was written.
                    Some(_) => Error::unreachable(url, why),
                    None if failed.error().is_parse() => Error::malformed(url, why),
                    None => Error::lost(url, why),
                }
            })?;
            Response::receive(url, response).await
        };
        drive(driver, exchange).await
    }
}

/// Polls a connection and `future`, which depends on it. The connection is polled before `future`, to detect its end, and
/// after it, to write its request at once.
async fn drive<D: Future + Unpin, F: Future>(driver: &mut Option<D>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        for _ in 0..2 {
            if let Some(running) = driver
                && Pin::new(running).poll(context).is_ready()
            {
                *driver = None;
            }
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}

/// The path and query of an absolute URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}
