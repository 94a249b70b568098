//! A TCP proxy that can delay, discard and duplicate data, and close connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The size of the copy buffer, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// How long the response to a duplicated request is read.
const DUPLICATE_TIMEOUT: Duration = Duration::from_secs(10);

/// The server behind a proxy.
#[derive(Debug, Clone)]
pub enum Target {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// What a proxy does with data.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// Forwards everything.
    Forward,
    /// Delays every chunk by this time.
    Delay(Duration),
    /// Discards everything; the next change of mode closes connections with discarded data.
    Discard,
    /// Sends purchases with an idempotency key twice.
    Duplicate,
    /// Closes the connection of a client that sends certain data.
    Close {
        /// Selects the chunks that close their connection.
        matches: fn(&[u8]) -> bool,
        /// The number of matching chunks to forward first.
        skip: u32,
        /// Whether a matching chunk still reaches the server, so that only its answer is lost.
        forward: bool,
        /// The number of connections to close.
        times: u32,
    },
}

/// A running proxy; dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop_when_dropped: DropGuard,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    mode: watch::Sender<Mode>,
    close_all: watch::Sender<()>,
    interventions: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

impl Proxy {
    /// Listens on a free port of the loopback interface and forwards to `target`.
    ///
    /// # Errors
    /// The operating system's, if it cannot listen.
    pub async fn bind(target: Target) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared {
            target,
            mode: watch::Sender::new(Mode::Forward),
            close_all: watch::Sender::default(),
            interventions: AtomicU64::new(0),
        });
        let stopped = CancellationToken::new();
        let proxy = Self {
            address: listener.local_addr()?,
            shared: Arc::clone(&shared),
            _stop_when_dropped: stopped.clone().drop_guard(),
        };
        tokio::spawn(async move {
            stopped.run_until_cancelled(accept(listener, &shared)).await;
            shared.close_all.send_replace(());
        });
        Ok(proxy)
    }

    /// The address of its listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as an `http` URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the mode of open and new connections.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// Closes all open connections.
    pub(super) fn close_connections(&self) {
        self.shared.close_all.send_replace(());
    }

    /// The number of duplicated requests and of connections closed by [`Mode::Close`].
    pub fn interventions(&self) -> u64 {
        self.shared.interventions.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: &Arc<Shared>) {
    loop {
        // An error such as no free descriptor may be temporary.
        let Ok((client, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        tokio::spawn(relay(client, Arc::clone(shared)));
    }
}

/// Forwards data of one connection until either side or the proxy closes it.
async fn relay(client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut close_all = shared.close_all.subscribe();
    client.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(shared.target.connect().await?);
    let last_request = tokio::select! {
        closed = forward(&mut from_client, &mut to_server, &shared, Direction::ToServer) => closed?,
        closed = forward(&mut from_server, &mut to_client, &shared, Direction::ToClient) => closed?,
        _ = close_all.changed() => None,
    };
    drop((from_client, to_client));
    if let Some(request) = last_request {
        to_server.write_all(&request).await?;
    }
    to_server.shutdown().await
}

/// Forwards data in one direction until the connection must be closed. Returns data to send to the server after the
/// client's connection is closed.
async fn forward(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    shared: &Shared,
    direction: Direction,
) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        let chunk = &buffer[..length];
        if chunk.is_empty() {
            return Ok(None);
        }
        let mode = *shared.mode.borrow();
        match (mode, direction) {
            (Mode::Delay(time), _) => tokio::time::sleep(time).await,
            (Mode::Discard, _) => {
                // These bytes are lost, so the connection cannot continue.
                let mut mode = shared.mode.subscribe();
                let _ = mode.wait_for(|mode| !matches!(mode, Mode::Discard)).await;
                return Ok(None);
            }
            (Mode::Duplicate, Direction::ToServer) if is_whole_purchase(chunk) => {
                shared.interventions.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(send_duplicate(shared.target.clone(), chunk.to_vec()));
            }
            (Mode::Close { forward, .. }, Direction::ToServer) if shared.claim_close(chunk) => {
                shared.interventions.fetch_add(1, Ordering::SeqCst);
                return Ok(forward.then(|| chunk.to_vec()));
            }
            _ => {}
        }
        to.write_all(chunk).await?;
    }
}

impl Shared {
    /// Whether a chunk closes its connection; decrements the counters of the mode.
    fn claim_close(&self, chunk: &[u8]) -> bool {
        self.mode.send_if_modified(|mode| match mode {
            Mode::Close { matches, skip, .. } if *skip > 0 && matches(chunk) => {
                *skip -= 1;
                false
            }
            Mode::Close { matches, times, .. } if *times > 0 && matches(chunk) => {
                *times -= 1;
                true
            }
            _ => false,
        })
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

/// Sends a request over another connection and discards the response.
async fn send_duplicate(target: Target, request: Vec<u8>) -> io::Result<()> {
    let exchange = async {
        let mut server = target.connect().await?;
        server.write_all(&request).await?;
        server.read(&mut vec![0; CHUNK_BYTES]).await.map(drop)
    };
    tokio::time::timeout(DUPLICATE_TIMEOUT, exchange)
        .await
        .unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests;
