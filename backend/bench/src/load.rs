//! The load generator: connections that send one request after the other over plain sockets. It runs on the measured
//! machine and therefore must be cheap.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::operation::Operation;

/// One minute, in microseconds. Longer latencies are recorded as this.
const LATENCY_US_MAX: u64 = 60_000_000;
/// The number of connections that are opened concurrently.
pub(crate) const CONNECTING_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Each connection sends the next request after its answer.
    Closed,
    /// The total rate in requests per second. Latency counts from the time when a request was due.
    Open(f64),
}

#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Answers per second.
    pub(crate) rate: f64,
    /// The latency to the end of the answer, in microseconds.
    pub(crate) latency_us: Histogram<u64>,
}

/// A client that sends one request at a time.
pub(crate) trait Client: Send + 'static {
    /// Sends a request and reads its answer.
    fn request(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Sends an operation to the bookstore or the bare handler over `connections` connections.
pub(crate) async fn run(
    address: SocketAddr,
    operation: Operation,
    connections: u32,
    pace: Pace,
    time: Duration,
) -> Result<Outcome> {
    let open = move || async move {
        let mut connection = Connection::open(address).await?;
        connection.send(Operation::Lookup).await?;
        Ok(Shopper { connection, operation })
    };
    run_clients(connect_all(connections, open).await?, pace, time).await
}

pub(crate) async fn run_clients<C: Client>(clients: Vec<C>, pace: Pace, time: Duration) -> Result<Outcome> {
    let mut tasks = JoinSet::new();
    let (begin, count) = (Instant::now(), clients.len() as f64);
    for (index, client) in (0_u32..).zip(clients) {
        let due = match pace {
            Pace::Closed => None,
            Pace::Open(rate) => {
                let every = Duration::from_secs_f64(count / rate);
                Some((begin + every.mul_f64(f64::from(index) / count), every))
            }
        };
        tasks.spawn(run_client(client, due, begin + time));
    }
    let mut latency_us = histogram()?;
    while let Some(done) = tasks.join_next().await {
        latency_us.add(done??)?;
    }
    let rate = latency_us.len() as f64 / begin.elapsed().as_secs_f64();
    Ok(Outcome { rate, latency_us })
}

pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)?)
}

/// Opens connections with `open`, which waits for a first answer. Only a few at a time, because the kernel retries a connection
/// that overflows the listener's queue only after a second.
pub(crate) async fn connect_all<C, F>(connections: u32, open: impl Fn() -> F) -> Result<Vec<C>>
where
    C: Client,
    F: Future<Output = Result<C>> + Send + 'static,
{
    let connecting = Arc::new(Semaphore::new(CONNECTING_MAX));
    let mut opening = JoinSet::new();
    for _ in 0..connections {
        let (connecting, connection) = (Arc::clone(&connecting), open());
        opening.spawn(async move {
            let _permit = connecting.acquire().await?;
            connection.await
        });
    }
    opening.join_all().await.into_iter().collect()
}

async fn run_client(
    mut client: impl Client,
    mut due: Option<(Instant, Duration)>,
    end: Instant,
) -> Result<Histogram<u64>> {
    let mut latency_us = histogram()?;
    loop {
        let mut from = Instant::now();
        if let Some((at, every)) = &mut due {
            tokio::time::sleep_until((*at).into()).await;
            from = *at;
            *at += *every;
        }
        if from >= end {
            return Ok(latency_us);
        }
        client.request().await?;
        let took = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
        latency_us.saturating_record(took.max(1));
    }
}

/// A connection that repeats one operation.
struct Shopper {
    connection: Connection,
    operation: Operation,
}

impl Client for Shopper {
    async fn request(&mut self) -> Result<()> {
        self.connection.send(self.operation).await
    }
}

/// The next number of a request, so that no two purchases share a key.
pub(crate) fn next_number() -> u64 {
    static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
    NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// One connection with one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address,
            answer: Vec::with_capacity(16 * 1024),
        })
    }

    pub(crate) async fn send(&mut self, operation: Operation) -> Result<()> {
        let request = operation.request(self.address, next_number());
        self.exchange(request.as_bytes()).await
    }

    /// Sends a request and reads its answer, which must be a success.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        read_answer(&mut self.stream, &mut self.answer).await
    }
}

/// Reads one answer with a `Content-Length`.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<()> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the connection was closed");
        }
        let Some(head) = memchr::memmem::find(answer, b"\r\n\r\n") else {
            continue;
        };
        let length = content_length(answer.get(..head).unwrap_or_default())?;
        if answer.len() >= head + 4 + length {
            let is_success = answer.get(9..12) == Some(b"200");
            ensure!(is_success, "not a success: {}", String::from_utf8_lossy(answer));
            return Ok(());
        }
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    for line in head.split(|&byte| byte == b'\n') {
        if let Some((name, value)) = line.split_at_checked(15)
            && name.eq_ignore_ascii_case(b"content-length:")
        {
            return Ok(std::str::from_utf8(value)?.trim().parse()?);
        }
    }
    bail!("an answer without a length")
}
