//! The load: connections that send one request after the other over plain sockets, as lean as a generator on the same
//! machine has to be.

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

use crate::ask::Ask;

/// A minute, in microseconds: what takes longer is counted as that.
const LATENCY_US_MAX: u64 = 60_000_000;
/// Connections that are made at the same time.
pub(crate) const CONNECTING: usize = 64;

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Each connection sends as soon as it has its answer.
    Closed,
    /// So many a second in all, whatever the answers do; latency counts from the moment a request was due.
    Open(f64),
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Answers in all.
    pub(crate) answers: u64,
    /// Answers a second.
    pub(crate) rate: f64,
    /// From sending, or from when it was due, to the whole answer, in microseconds.
    pub(crate) latency_us: Histogram<u64>,
}

/// Numbers that no two purchases of a run share.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Loads an address for a while.
///
/// # Errors
/// When it cannot be reached, or answers anything but success.
pub(crate) async fn run(
    address: SocketAddr,
    ask: Ask,
    connections: u32,
    pace: Pace,
    time: Duration,
) -> Result<Outcome> {
    let answers = Arc::new(AtomicU64::new(0));
    let customers = come(address, connections).await?;
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for (index, connection) in (0_u32..).zip(customers) {
        let answers = Arc::clone(&answers);
        let due = match pace {
            Pace::Closed => None,
            Pace::Open(rate) => {
                let every = Duration::from_secs_f64(f64::from(connections) / rate);
                Some((begin + every.mul_f64(f64::from(index) / f64::from(connections)), every))
            }
        };
        tasks.spawn(async move { shop(connection, ask, due, begin + time, &answers).await });
    }
    let mut latency_us = histogram()?;
    while let Some(done) = tasks.join_next().await {
        latency_us.add(done??)?;
    }
    let elapsed = begin.elapsed();
    let answers = answers.load(Ordering::Relaxed);
    let rate = answers as f64 / elapsed.as_secs_f64();
    Ok(Outcome {
        answers,
        rate,
        latency_us,
    })
}

/// An empty one, up to a minute.
///
/// # Errors
/// None that its limits do not make impossible.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)?)
}

/// Connections that have had an answer each: a few at a time, as those that do not fit into a listener's queue are tried
/// again by the system a second later.
async fn come(address: SocketAddr, connections: u32) -> Result<Vec<Connection>> {
    let door = Arc::new(Semaphore::new(CONNECTING));
    let mut coming = JoinSet::new();
    for _ in 0..connections {
        let door = Arc::clone(&door);
        coming.spawn(async move {
            let _within = door.acquire().await?;
            let mut connection = Connection::open(address).await?;
            connection.ask(Ask::Lookup).await?;
            Ok(connection)
        });
    }
    let come = coming.join_all().await;
    come.into_iter().collect()
}

async fn shop(
    mut connection: Connection,
    ask: Ask,
    due: Option<(Instant, Duration)>,
    end: Instant,
    answers: &AtomicU64,
) -> Result<Histogram<u64>> {
    let mut latency_us = histogram()?;
    let mut due = due;
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
        connection.ask(ask).await?;
        let took = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
        latency_us.saturating_record(took.max(1));
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// One connection, with one request on it at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address,
            request: Vec::new(),
            answer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When it is anything but success.
    pub(crate) async fn ask(&mut self, ask: Ask) -> Result<()> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        ask.write(&mut self.request, self.address, number);
        self.stream.write_all(&self.request).await?;
        read_answer(&mut self.stream, &mut self.answer).await
    }
}

/// Reads one whole answer of known length.
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
