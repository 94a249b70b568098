//! One connection: hyper's HTTP/1, and the responses to malformed messages that hyper does not answer.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use common::client::Stream;
use common::limits;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

use super::response::WarpResponse;
use super::timer::ConnectionTimer;

/// The beginning of an HTTP/2 connection (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client may take to read the response to a malformed message and to close its side.
const LINGER: Duration = Duration::from_secs(2);

/// Serves a connection until it ends. When `stopped`'s sender is dropped, it ends after the open request, if there is one: a
/// request is open from the end of its head to the end of its response.
pub(super) async fn serve_connection<S>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    service: S,
    timer: ConnectionTimer,
    mut stopped: oneshot::Receiver<Infallible>,
) where
    S: Service<Request<Incoming>, Response = WarpResponse, Error = Infallible>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection closed at once");
        return;
    }
    let stream = match tls {
        None => Stream::Plain(stream),
        // On the heap: the future of a handshake is large, and only TLS connections need it.
        Some(acceptor) => match Box::pin(accept_tls(acceptor, stream, &timer, &mut stopped)).await {
            Some(stream) => stream,
            None => return,
        },
    };
    let mut connection = http1::Builder::new()
        // hyper panics at a time before 1970; a server without a clock sends no `Date` (RFC 9110, 6.6.1).
        .auto_date_header(SystemTime::now() >= UNIX_EPOCH)
        .timer(timer.clone())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_header_size(limits::HEAD_BYTES_MAX)
        // A client that has sent its last request may close its side before it reads the response.
        .half_close(true)
        // One buffer for head and body: responses are small, and a vectored write of two parts costs more than the copy.
        .writev(false)
        .serve_connection(TokioIo::new(Transport::new(stream)), service);
    let (served, linger) = tokio::select! {
        biased;
        served = &mut connection => (served, LINGER),
        _ = stopped => {
            // Yield once, so that the runtime polls the socket: a request may have arrived.
            let yielding = tokio::task::yield_now();
            tokio::select! {
                biased;
                served = &mut connection => (served, LINGER),
                () = yielding => {
                    Pin::new(&mut connection).graceful_shutdown();
                    timer.end_wait();
                    ((&mut connection).await, Duration::ZERO)
                }
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        let closing = io.into_inner().close(&error, &read_buf);
        // An error means that the client is gone.
        let _ = tokio::time::timeout(linger, closing).await;
    }
}

/// `None` if the handshake fails, takes too long, or is unfinished when the server stops.
async fn accept_tls(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    timer: &ConnectionTimer,
    stopped: &mut oneshot::Receiver<Infallible>,
) -> Option<Stream> {
    tokio::select! {
        accepted = tokio::time::timeout_at(timer.begin_handshake(), acceptor.accept(stream)) => match accepted {
            Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream.into()))),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => None,
        },
        _ = stopped => None,
    }
}

/// The status for a message at which hyper ended the connection without a response; `None` if hyper sent one, or nothing was
/// received.
fn missing_status(error: &hyper::Error, received: &[u8]) -> Option<StatusCode> {
    if received.trim_ascii_start().is_empty() {
        return None;
    }
    if error.is_timeout() {
        return Some(StatusCode::REQUEST_TIMEOUT);
    }
    if error.is_incomplete_message() {
        return Some(StatusCode::BAD_REQUEST);
    }
    let is_http2 = error.is_parse() && received.starts_with(HTTP2_PREFACE);
    is_http2.then_some(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

/// A stream whose writes fail after they were blocked for [`limits::WRITE_TIMEOUT`].
struct Transport {
    stream: Stream,
    /// The time limit of the blocked write; `None` while none is blocked.
    blocked_until: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            blocked_until: None,
        }
    }

    /// Fails a write that is blocked for too long.
    fn limit_block<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.blocked_until = None;
            return written;
        }
        let limit = || Box::pin(tokio::time::sleep(limits::WRITE_TIMEOUT));
        let blocked_until = self.blocked_until.get_or_insert_with(limit);
        blocked_until
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Writes the response that hyper did not. Then reads and discards what the client still sends, because closing a
    /// connection with unread bytes resets it, and the client may lose the response.
    async fn close(mut self, error: &hyper::Error, received: &Bytes) -> io::Result<()> {
        // If a response was written in part, the client would take this one for its rest.
        if self.blocked_until.is_none()
            && let Some(status) = missing_status(error, received)
        {
            let response = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            self.stream.write_all(response.as_bytes()).await?;
        }
        if error.is_parse() || error.is_timeout() || error.is_incomplete_message() {
            self.stream.shutdown().await?;
            let mut unread = self
                .stream
                .take(u64::try_from(limits::DISCARD_BYTES_MAX).unwrap_or_default());
            tokio::io::copy(&mut unread, &mut tokio::io::sink()).await?;
        }
        Ok(())
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.limit_block(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush writes what TLS has encrypted.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.limit_block(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.limit_block(cx, closed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use warp::Reply as _;

    use super::*;

    const REQUEST: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    /// Both ends of a connection: the client's and the server's.
    async fn connect() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    /// Sends bytes and then nothing, and reads until the server closes.
    async fn exchange(sent: &str) -> String {
        let (mut client, stream) = connect().await;
        let service = hyper::service::service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(WarpResponse::new(Bytes::from_static(b"body").into()))
        });
        let (_stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve_connection(
            stream,
            None,
            service,
            ConnectionTimer::default(),
            stopped,
        ));
        client.write_all(sent.as_bytes()).await.unwrap();
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        drop(client);
        serving.await.unwrap();
        received
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_is_too_slow_gets_408() {
        let timed_out = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(exchange("GET / HTTP/1.1\r\nhost").await, timed_out);
        let answers = exchange(&format!("{REQUEST}GET")).await;
        assert!(answers.starts_with("HTTP/1.1 200 OK"), "{answers}");
        assert!(answers.ends_with(&format!("body{timed_out}")), "{answers}");
    }

    #[tokio::test]
    async fn a_request_that_has_arrived_when_the_connection_is_stopped_is_answered() {
        let (mut client, stream) = connect().await;
        let service = hyper::service::service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(WarpResponse::new(Bytes::from_static(b"body").into()))
        });
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve_connection(
            stream,
            None,
            service,
            ConnectionTimer::default(),
            stopped,
        ));
        let mut answer = [0; 15];
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        client.read_exact(&mut answer).await.unwrap();
        // Send a request and stop the connection before the runtime polls the socket.
        assert_eq!(client.try_write(REQUEST.as_bytes()).unwrap(), REQUEST.len());
        drop(stop);
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest.matches("200 OK").count(), 1, "{rest}");
        drop(client);
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_silently() {
        for sent in ["", "\r\n"] {
            assert_eq!(exchange(sent).await, "", "{sent:?}");
        }
        let answer = exchange(REQUEST).await;
        assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_an_endless_response_is_disconnected() {
        let (mut client, stream) = connect().await;
        let service = hyper::service::service_fn(|_: Request<Incoming>| async {
            let chunks = futures::stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[0; 65_536])));
            Ok::<_, Infallible>(warp::reply::stream(chunks).into_response())
        });
        let (_stop, stopped) = oneshot::channel();
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let start = tokio::time::Instant::now();
        serve_connection(stream, None, service, ConnectionTimer::default(), stopped).await;
        assert!(start.elapsed() >= limits::WRITE_TIMEOUT);
    }
}
