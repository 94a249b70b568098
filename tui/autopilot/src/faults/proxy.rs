//! A TCP proxy that can delay, discard, cut and duplicate.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The size of the copy buffer, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;
/// How long the response to a duplicated request is read.
const DOUBLE_MAX: Duration = Duration::from_secs(10);

/// The state of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Forwards everything.
    Whole,
    /// Delays every chunk by this time.
    Slow(Duration),
    /// Discards everything; connections that were open are closed when the state changes back.
    Dead,
    /// Sends purchases with an idempotency key twice.
    Duplicate,
}

/// A running proxy; it stops when it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _unplugged_when_dropped: DropGuard,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    state: watch::Sender<State>,
    cuts: watch::Sender<u64>,
    duplicated: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}

impl Proxy {
    /// Listens on a free port of the loopback interface and forwards to `target`.
    ///
    /// # Errors
    /// The operating system's, if it cannot listen.
    pub(super) async fn bind(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared {
            target,
            state: watch::Sender::new(State::Whole),
            cuts: watch::Sender::new(0),
            duplicated: AtomicU64::new(0),
        });
        let unplugged = CancellationToken::new();
        let proxy = Self {
            address: listener.local_addr()?,
            shared: Arc::clone(&shared),
            _unplugged_when_dropped: unplugged.clone().drop_guard(),
        };
        tokio::spawn(async move {
            tokio::select! {
                () = accept(listener, &shared) => {}
                () = unplugged.cancelled() => {
                    shared.cuts.send_modify(|cuts| *cuts += 1);
                }
            }
        });
        Ok(proxy)
    }

    /// The proxy's URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the state, for open connections too.
    pub(super) fn set(&self, state: State) {
        self.shared.state.send_replace(state);
    }

    /// Closes all open connections.
    pub(super) fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// The number of requests that were sent twice.
    pub(super) fn duplicated(&self) -> u64 {
        self.shared.duplicated.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, shared: &Arc<Shared>) {
    loop {
        // For example no free descriptor; a later attempt may succeed.
        let Ok((client, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        tokio::spawn(carry(client, Arc::clone(shared)));
    }
}

/// Forwards one connection until either side closes it or it is cut.
async fn carry(client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut cuts = shared.cuts.subscribe();
    cuts.mark_unchanged();
    let server = TcpStream::connect(shared.target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, &shared, Direction::There);
    let back = pump(from_server, to_client, &shared, Direction::Back);
    tokio::select! {
        done = there => done,
        done = back => done,
        _ = cuts.changed() => Ok(()),
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, way: Direction) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        let chunk = buffer.get(..length).unwrap_or_default();
        if chunk.is_empty() {
            return Ok(());
        }
        let state = *shared.state.borrow();
        match state {
            State::Slow(time) => tokio::time::sleep(time).await,
            State::Dead => {
                // These bytes are lost, so the connection cannot continue.
                let mut state = shared.state.subscribe();
                let _ = state.wait_for(|state| *state != State::Dead).await;
                return Ok(());
            }
            State::Duplicate if way == Direction::There && is_whole_purchase(chunk) => {
                shared.duplicated.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(send_double(shared.target, chunk.to_vec()));
            }
            State::Whole | State::Duplicate => {}
        }
        to.write_all(chunk).await?;
    }
}

/// Whether a chunk is exactly one complete purchase request with an idempotency key.
fn is_whole_purchase(chunk: &[u8]) -> bool {
    let text = String::from_utf8_lossy(chunk).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    head.starts_with("post /buy")
        && head.contains("\r\nidempotency-key: ")
        && length.and_then(|length| length.trim().parse().ok()) == Some(body.len())
}

/// Sends the same bytes over a connection of its own and discards the response.
async fn send_double(target: SocketAddr, request: Vec<u8>) -> io::Result<()> {
    let exchange = async {
        let mut server = TcpStream::connect(target).await?;
        server.write_all(&request).await?;
        let mut answer = vec![0; CHUNK_BYTES];
        server.read(&mut answer).await.map(drop)
    };
    tokio::time::timeout(DOUBLE_MAX, exchange).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo server that reports what it received.
    async fn echo() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let tell = tell.clone();
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1_024];
                    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                        tell.send(String::from_utf8_lossy(&buffer[..length]).into_owned())
                            .unwrap();
                        stream.write_all(&buffer[..length]).await.unwrap();
                    }
                });
            }
        });
        (address, told)
    }

    async fn say(stream: &mut TcpStream, words: &str) -> Option<String> {
        stream.write_all(words.as_bytes()).await.ok()?;
        let mut buffer = vec![0; 1_024];
        let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    #[tokio::test]
    async fn a_proxy_forwards_both_ways_before_and_after_a_cut() {
        let (address, _told) = echo().await;
        let proxy = Proxy::bind(address).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(say(&mut stream, "hello").await.as_deref(), Some("hello"));
        proxy.cut();
        assert_eq!(say(&mut stream, "hello").await, None);
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(say(&mut stream, "again").await.as_deref(), Some("again"));
    }

    #[tokio::test]
    async fn data_that_a_dead_proxy_discarded_never_arrives() {
        let (address, mut told) = echo().await;
        let proxy = Proxy::bind(address).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        say(&mut stream, "first").await.unwrap();
        proxy.set(State::Dead);
        stream.write_all(b"second").await.unwrap();
        let mut lost = vec![0; 16];
        let reading = tokio::spawn(async move { stream.read(&mut lost).await.unwrap_or(0) });
        // A connection that discarded data waits for the state to change back.
        while proxy.shared.state.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        proxy.set(State::Whole);
        assert_eq!(told.recv().await.as_deref(), Some("first"));
        let _ = reading.await;
        assert!(told.try_recv().is_err(), "what was lost arrived");
    }

    #[tokio::test]
    async fn only_a_purchase_with_a_key_is_duplicated() {
        let (address, mut told) = echo().await;
        let proxy = Proxy::bind(address).await.unwrap();
        proxy.set(State::Duplicate);
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        let purchase = "POST /buy HTTP/1.1\r\nIdempotency-Key: x\r\ncontent-length: 2\r\n\r\n{}";
        for words in ["GET / HTTP/1.1\r\n\r\n", purchase] {
            say(&mut stream, words).await.unwrap();
        }
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(told.recv().await.unwrap());
        }
        assert_eq!(heard.iter().filter(|words| *words == purchase).count(), 2);
        assert_eq!(proxy.duplicated(), 1);
    }
}
