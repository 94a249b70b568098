//! One HTTP/1.1 connection that is kept open and carries one request at a time. A request costs about ten microseconds
//! less than over the pool, which counts for the batches between the services and for thousands of simulated shoppers.

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

use super::endpoint;
use super::error::{Error, root_cause};
use super::{Request, Response};
use crate::limits;

/// The connection to one address, opened when it is needed.
#[derive(Debug)]
pub(super) struct Connection {
    /// Host and port.
    address: String,
    host: HeaderValue,
    open: Mutex<Option<OpenConnection>>,
}

#[derive(Debug)]
struct OpenConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Does the reading and writing; `None` once the connection has ended. It is polled by the task that waits for a
    /// response, which saves waking another one.
    driver: Option<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>,
    used_at: Instant,
}

impl Connection {
    /// A connection to a base address; `None` if the address is not `http://`.
    pub(super) fn to(base: &str) -> Option<Self> {
        let url = reqwest::Url::parse(base).ok().filter(|url| url.scheme() == "http")?;
        let host = url.host_str()?;
        let address = format!("{host}:{}", url.port_or_known_default()?);
        Some(Self {
            host: HeaderValue::from_str(if url.port().is_some() { &address } else { host }).ok()?,
            address,
            open: Mutex::new(None),
        })
    }

    /// Sends a request and receives the whole response. The request's time limit includes the wait for the connection.
    pub(super) async fn send(&self, url: &str, request: &Request) -> Result<Response, Error> {
        let deadline = Instant::now() + request.time_limit();
        let mut message = request
            .to_http(path_of(url))
            .map_err(|error| Error::unreachable(url, error.to_string()))?;
        message.headers_mut().insert(HOST, self.host.clone());
        message
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(endpoint::USER_AGENT));
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

    /// Waits for the connection to be free, and opens a new one if the last one has ended or was idle for so long that
    /// the server may close it any moment.
    async fn acquire(&self) -> Result<(MutexGuard<'_, Option<OpenConnection>>, OpenConnection), String> {
        let mut slot = self.open.lock().await;
        if let Some(mut open) = slot.take()
            && open.used_at.elapsed() < limits::POOL_IDLE_TIMEOUT
            && open.is_ready().await
        {
            return Ok((slot, open));
        }
        let open = timeout(limits::CONNECT_TIMEOUT, OpenConnection::connect(&self.address))
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))?;
        Ok((slot, open))
    }
}

impl OpenConnection {
    async fn connect(address: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| root_cause(&error))?;
        Ok(Self {
            sender,
            driver: Some(driver),
            used_at: Instant::now(),
        })
    }

    /// Whether the connection is still open, as far as can be seen from here.
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

/// Polls a connection for as long as `future`, which waits for it, is pending.
async fn drive<D: Future + Unpin, F: Future>(driver: &mut Option<D>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        if let Some(running) = driver
            && Pin::new(running).poll(context).is_ready()
        {
            *driver = None;
        }
        future.as_mut().poll(context)
    })
    .await
}

/// The path and query of an absolute address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}
#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};
    use std::time::Duration;

    use super::super::Method;
    use super::*;
    use crate::Seq;

    const URL: &str = "http://shop/topics";

    /// A server that sends the next of these responses, piece by piece, for each request; the piece `close` closes the
    /// connection.
    fn serve(responses: Vec<Vec<&'static str>>) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = Connection::to(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for response in responses {
                let mut request = [0; 4_096];
                if stream.read(&mut request).unwrap_or(0) == 0 {
                    (stream, _) = listener.accept().unwrap();
                    assert_ne!(stream.read(&mut request).unwrap(), 0);
                }
                stream.set_nodelay(true).unwrap();
                for piece in response {
                    if piece == "close" {
                        stream.shutdown(Shutdown::Both).unwrap();
                    } else {
                        stream.write_all(piece.as_bytes()).unwrap();
                    }
                }
            }
            // Open until the client closes it.
            let _ = stream.read(&mut [0]);
        });
        connection
    }

    async fn get(connection: &Connection) -> Result<Response, Error> {
        connection.send(URL, &Request::get("/topics")).await
    }

    #[tokio::test]
    async fn responses_of_every_framing_arrive_over_one_connection() {
        let connection = serve(vec![
            vec![
                "HTTP/1.1 200 OK\r\nContent-Le",
                "ngth: 2\r\nBookstore-Seq: 7\r\n\r\n{",
                "}",
            ],
            vec![
                "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
                "HTTP/1.1 503 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{\"",
                "\r\n3\r\na\"}\r\n0\r\n\r\n",
            ],
            vec!["HTTP/1.1 304 x\r\ncontent-length: 9\r\netag: \"5\"\r\n\r\n"],
            vec!["HTTP/1.1 200 x\r\n\r\nto the ", "end", "close"],
        ]);
        let first = get(&connection).await.unwrap();
        assert_eq!(
            (first.status, &first.body[..], first.seq),
            (200, &b"{}"[..], Some(Seq(7)))
        );
        let second = get(&connection).await.unwrap();
        assert_eq!((second.status, &second.body[..]), (503, &b"{\"a\"}"[..]));
        let third = get(&connection).await.unwrap();
        assert_eq!((third.status, third.body.len(), third.etag), (304, 0, Some(Seq(5))));
        assert_eq!(&get(&connection).await.unwrap().body[..], b"to the end");
    }

    #[tokio::test]
    async fn a_truncated_response_is_lost_and_the_next_request_opens_another_connection() {
        let connection = serve(vec![
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "close"],
            vec![
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
                "close",
            ],
            vec!["HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", "close"],
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"],
        ]);
        assert!(matches!(get(&connection).await, Err(Error::Lost { .. })));
        for _ in 0..3 {
            assert_eq!(get(&connection).await.unwrap().status, 200);
        }
    }

    #[tokio::test]
    async fn a_connection_that_the_server_closed_while_idle_is_replaced() {
        const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let connection = serve(vec![vec![RESPONSE, "close"], vec![RESPONSE]]);
        get(&connection).await.unwrap();
        while connection.open.lock().await.as_mut().unwrap().is_ready().await {
            tokio::task::yield_now().await;
        }
        assert_eq!(get(&connection).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_refused_connection_is_unreachable_and_another_protocol_is_malformed() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let connection = Connection::to(&format!("http://{gone}")).unwrap();
        assert!(matches!(get(&connection).await, Err(Error::Unreachable { .. })));
        let connection = serve(vec![vec!["220 ready to send mail\r\n"]]);
        assert!(matches!(get(&connection).await, Err(Error::Malformed { .. })));
        assert!(Connection::to("https://shop").is_none());
    }

    #[tokio::test]
    async fn the_time_limit_includes_the_wait_for_the_connection_and_for_the_response() {
        let connection = serve(vec![vec![]]);
        let request = Request::get("/topics").timeout(Duration::from_millis(20));
        let busy = connection.open.lock().await;
        let outcome = connection.send(URL, &request).await;
        assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
        drop(busy);
        let outcome = connection.send(URL, &request).await;
        assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_response_above_the_size_limit_is_malformed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = Connection::to(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            while stream.write_all(&[b' '; 64 * 1024]).is_ok() {}
        });
        let outcome = get(&connection).await;
        assert!(matches!(outcome, Err(Error::Malformed { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_request_is_written_with_its_header_fields_and_none_can_be_smuggled_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/books", listener.local_addr().unwrap());
        let connection = Connection::to(&base).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, address) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n1") {
                let mut bytes = [0; 4_096];
                let length = stream.read(&mut bytes).unwrap();
                assert_ne!(length, 0, "the request of {address} ended early");
                request.extend_from_slice(&bytes[..length]);
            }
            stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").unwrap();
            (String::from_utf8(request).unwrap(), stream.local_addr().unwrap())
        });
        let split = Request::get("/").header("a", "b\r\nc: d");
        assert!(matches!(
            connection.send(&base, &split).await,
            Err(Error::Unreachable { .. })
        ));
        let request = Request::new(Method::POST, "/buy?x=1").header("a", "b").json(&1);
        connection.send(&format!("{base}/buy?x=1"), &request).await.unwrap();
        let (text, address) = server.join().unwrap();
        assert!(text.starts_with("POST /books/buy?x=1 HTTP/1.1\r\n"), "{text}");
        for field in [
            format!("host: {address}"),
            "a: b".to_owned(),
            "content-type: application/json".to_owned(),
            "content-length: 1".to_owned(),
        ] {
            assert!(text.contains(&format!("\r\n{field}\r\n")), "{text}");
        }
    }
}
