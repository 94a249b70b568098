//! One connection that is kept for one customer and carries one request after the other, as HTTP/1.1 in plain text
//! (RFC 9112).
//!
//! A pool costs some ten microseconds a call. Whoever lets thousands shop at once needs the processor for the shop.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Error, Request, Response};
use crate::{headers, limits};

/// The most header fields an answer may have.
const FIELDS_MAX: usize = 32;
/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Room for an ordinary answer, in bytes.
const ANSWER_BYTES: usize = 4 * 1024;

/// The way to one address, with the connection that is kept open between requests.
#[derive(Debug)]
pub(super) struct Line {
    /// What is connected to: host and port.
    target: String,
    /// The `Host` field.
    host: String,
    kept: Mutex<Option<Wire>>,
}

/// An open connection on which nothing is on its way.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
    used: Instant,
}

/// How the body of an answer ends.
enum Length {
    Known(usize),
    Chunked,
    UntilClosed,
}

/// The first part of an answer.
struct Head {
    answer: Response,
    /// Its own length, in bytes.
    bytes: usize,
    length: Length,
    closes: bool,
}

impl Line {
    /// A line to a base address; nothing where it is not plain HTTP.
    pub(super) fn to(base: &str) -> Option<Self> {
        let url = reqwest::Url::parse(base).ok().filter(|url| url.scheme() == "http")?;
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        Some(Self {
            target: format!("{host}:{port}"),
            host: url
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            kept: Mutex::new(None),
        })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(&self, url: String, request: &Request) -> Result<Response, Error> {
        let mut kept = self.kept.lock().await;
        // What is dropped half way is not put back.
        let wire = kept.take().filter(Wire::is_usable);
        let text = self.write(&url, request)?;
        let exchange = async {
            let mut wire = match wire {
                Some(wire) => wire,
                None => self.connect(&url).await?,
            };
            let answer = wire.exchange(&text, &url).await;
            answer.map(|(answer, closes)| (answer, (!closes).then_some(wire)))
        };
        match timeout(request.timeout, exchange).await {
            Ok(Ok((answer, wire))) => {
                *kept = wire;
                Ok(answer)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(lost(&url, "no answer in time")),
        }
    }

    async fn connect(&self, url: &str) -> Result<Wire, Error> {
        let unreachable = |why: String| Error::Unreachable {
            url: url.to_owned(),
            why,
        };
        let stream = timeout(limits::CONNECT_TIMEOUT, TcpStream::connect(&self.target))
            .await
            .map_err(|_| unreachable("no connection in time".to_owned()))?
            .map_err(|error| unreachable(error.to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Wire {
            stream,
            buffer: BytesMut::with_capacity(ANSWER_BYTES),
            used: Instant::now(),
        })
    }

    /// The bytes of a request.
    fn write(&self, url: &str, request: &Request) -> Result<Vec<u8>, Error> {
        let path = path_of(url);
        let body = request.body.as_deref().unwrap_or_default();
        let mut text = Vec::with_capacity(256 + body.len());
        let mut field = |parts: [&str; 3]| parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
        field([request.method.as_str(), " ", path]);
        field([" HTTP/1.1\r\nhost: ", &self.host, "\r\n"]);
        field(["user-agent: bookstore/", env!("CARGO_PKG_VERSION"), "\r\n"]);
        for (name, value) in &request.headers {
            if value.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(Error::Unreachable {
                    url: url.to_owned(),
                    why: format!("the field {name} holds a control character"),
                });
            }
            field([name, ": ", value]);
            field(["\r\n", "", ""]);
        }
        if request.body.is_some() {
            field(["content-length: ", &body.len().to_string(), "\r\n"]);
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body);
        Ok(text)
    }
}

/// The path and query of an absolute address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}

impl Wire {
    /// Whether the other side still has it open, as far as can be seen, and nothing came that nobody asked for.
    fn is_usable(&self) -> bool {
        let quiet = || self.stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
        self.used.elapsed() < limits::POOL_IDLE_TIMEOUT && quiet() == Err(std::io::ErrorKind::WouldBlock)
    }

    /// The answer, and whether the connection ends with it.
    async fn exchange(&mut self, text: &[u8], url: &str) -> Result<(Response, bool), Error> {
        let sent = self.stream.write_all(text).await;
        sent.map_err(|error| lost(url, &error.to_string()))?;
        self.buffer.clear();
        let head = loop {
            self.read_more(HEAD_BYTES_MAX, url).await?;
            if let Some(head) = Head::parse(&self.buffer, url)? {
                break head;
            }
        };
        let body = loop {
            let sent = self.buffer.get(head.bytes..).unwrap_or_default();
            if let Some(body) = head.length.find(sent, url)? {
                break body;
            }
            match self.read_more(limits::RESPONSE_BYTES_MAX + head.bytes, url).await {
                Err(Error::Lost { .. }) if matches!(head.length, Length::UntilClosed) => {
                    break Bytes::copy_from_slice(self.buffer.get(head.bytes..).unwrap_or_default());
                }
                read => read?,
            }
        };
        self.used = Instant::now();
        Ok((Response { body, ..head.answer }, head.closes))
    }

    async fn read_more(&mut self, bytes_max: usize, url: &str) -> Result<(), Error> {
        if self.buffer.len() > bytes_max {
            return Err(malformed(url, "the answer is too large"));
        }
        self.buffer.reserve(ANSWER_BYTES / 2);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(lost(url, "the connection was closed")),
            Ok(_) => Ok(()),
            Err(error) => Err(lost(url, &error.to_string())),
        }
    }
}

impl Head {
    /// The head of an answer, once it is whole.
    fn parse(bytes: &[u8], url: &str) -> Result<Option<Self>, Error> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response
            .parse(bytes)
            .map_err(|error| malformed(url, &error.to_string()))?;
        let (httparse::Status::Complete(bytes), Some(status)) = (parsed, response.code) else {
            return Ok(None);
        };
        let field = |name: &str| {
            let found = response
                .headers
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok().map(str::trim)
        };
        let length = match (status, field("transfer-encoding"), field("content-length")) {
            (204 | 304, ..) => Length::Known(0),
            (_, Some(_), _) => Length::Chunked,
            (_, None, Some(length)) => {
                Length::Known(length.parse().map_err(|_| malformed(url, "its length is no number"))?)
            }
            (_, None, None) => Length::UntilClosed,
        };
        let closes = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Some(Self {
            closes: closes || matches!(length, Length::UntilClosed),
            answer: Response {
                status,
                seq: field(headers::SEQ).and_then(|seq| seq.parse().ok()),
                etag: field("etag").and_then(|tag| tag.trim_matches('"').parse().ok()),
                replayed: field(headers::IDEMPOTENCY_REPLAYED) == Some("true"),
                body: Bytes::new(),
                url: url.to_owned(),
            },
            bytes,
            length,
        }))
    }
}

impl Length {
    /// The body, once it is whole.
    fn find(&self, sent: &[u8], url: &str) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Known(length) => Ok(sent.get(..*length).map(Bytes::copy_from_slice)),
            Self::Chunked => unchunk(sent, url),
            Self::UntilClosed => Ok(None),
        }
    }
}

/// The body in chunks, once the last one is there; a trailer is none of ours.
fn unchunk(mut sent: &[u8], url: &str) -> Result<Option<Bytes>, Error> {
    let mut body = BytesMut::new();
    loop {
        let parsed = httparse::parse_chunk_size(sent).map_err(|_| malformed(url, "a chunk without a size"))?;
        let httparse::Status::Complete((start, size)) = parsed else {
            return Ok(None);
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = start.saturating_add(size);
        let (Some(chunk), Some(rest)) = (sent.get(start..end), sent.get(end.saturating_add(2)..)) else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(body.freeze()));
        }
        body.extend_from_slice(chunk);
        sent = rest;
    }
}

fn lost(url: &str, why: &str) -> Error {
    Error::Lost {
        url: url.to_owned(),
        why: why.to_owned(),
    }
}

fn malformed(url: &str, why: &str) -> Error {
    Error::Malformed {
        url: url.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::super::Method;
    use super::*;

    const URL: &str = "http://shop/topics";

    /// A server that gives each connection the next of these answers to its first request, piece by piece, and then
    /// closes it or goes on.
    fn serve(answers: Vec<Vec<&'static str>>) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Line::to(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = [0; 4_096];
                if stream.read(&mut request).unwrap() == 0 {
                    (stream, _) = listener.accept().unwrap();
                    assert_ne!(stream.read(&mut request).unwrap(), 0);
                }
                stream.set_nodelay(true).unwrap();
                for piece in answer {
                    if piece == "close" {
                        stream.shutdown(std::net::Shutdown::Both).unwrap();
                    } else {
                        stream.write_all(piece.as_bytes()).unwrap();
                    }
                }
            }
        });
        line
    }

    async fn ask(line: &Line) -> Result<Response, Error> {
        line.send(URL.to_owned(), &Request::get("/topics")).await
    }

    #[tokio::test]
    async fn answers_of_every_length_come_over_one_connection() {
        let line = serve(vec![
            vec![
                "HTTP/1.1 200 OK\r\nContent-Le",
                "ngth: 2\r\nBookstore-Seq: 7\r\n\r\n{",
                "}",
            ],
            vec![
                "HTTP/1.1 503 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{\"",
                "\r\n3\r\na\"}\r\n0\r\n\r\n",
            ],
            vec!["HTTP/1.1 304 x\r\ncontent-length: 9\r\netag: \"5\"\r\n\r\n"],
            vec!["HTTP/1.1 200 x\r\n\r\nto the ", "end", "close"],
        ]);
        let first = ask(&line).await.unwrap();
        assert_eq!(
            (first.status, &first.body[..], first.seq),
            (200, &b"{}"[..], Some(crate::Seq(7)))
        );
        let second = ask(&line).await.unwrap();
        assert_eq!((second.status, &second.body[..]), (503, &b"{\"a\"}"[..]));
        let third = ask(&line).await.unwrap();
        assert_eq!(
            (third.status, third.body.len(), third.etag),
            (304, 0, Some(crate::Seq(5)))
        );
        assert_eq!(&ask(&line).await.unwrap().body[..], b"to the end");
    }

    #[tokio::test]
    async fn a_connection_that_ends_before_its_answer_is_lost_and_the_next_request_makes_another() {
        let line = serve(vec![
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "close"],
            vec!["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"],
        ]);
        assert!(matches!(ask(&line).await, Err(Error::Lost { .. })));
        assert_eq!(ask(&line).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn nobody_there_is_no_effect_and_another_language_is_no_answer() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let line = Line::to(&format!("http://{gone}")).unwrap();
        assert!(matches!(ask(&line).await, Err(Error::Unreachable { .. })));
        let line = serve(vec![vec!["220 ready to send mail\r\n"]]);
        assert!(matches!(ask(&line).await, Err(Error::Malformed { .. })));
        assert!(Line::to("https://shop").is_none());
    }

    #[tokio::test]
    async fn a_request_is_written_with_its_fields_and_never_with_somebody_elses() {
        let line = Line::to("http://shop:8080/books").unwrap();
        let request = Request::new(Method::POST, "/buy").header("a", "b").json(&1);
        let text = line.write("http://shop:8080/books/buy?x=1", &request).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.starts_with("POST /books/buy?x=1 HTTP/1.1\r\nhost: shop:8080\r\n"),
            "{text}"
        );
        assert!(
            text.ends_with("a: b\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n1"),
            "{text}"
        );
        let split = Request::get("/").header("a", "b\r\nc: d");
        assert!(line.write("http://shop/", &split).is_err());
    }
}
