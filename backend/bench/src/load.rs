//! The load: connections that send one request after the other over plain sockets, as lean as a generator on the same
//! machine has to be.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use color_eyre::eyre::{Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A minute, in microseconds: what takes longer is counted as that.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ask {
    /// One book.
    Lookup,
    /// The books of a topic.
    Search,
    /// The topics.
    Topics,
    /// A purchase, each with a key of its own.
    Buy,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "lookup",
            Self::Search => "search",
            Self::Topics => "topics",
            Self::Buy => "buy",
        })
    }
}

impl Ask {
    /// The bytes of a request; `number` is another one for each purchase.
    fn write(self, request: &mut Vec<u8>, address: SocketAddr, number: u64) {
        use std::io::Write as _;
        request.clear();
        // Writing into memory cannot fail.
        let _ = match self {
            Self::Lookup => write!(request, "GET /search?item=2 HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            Self::Search => {
                write!(
                    request,
                    "GET /search?topic=distributed%20systems HTTP/1.1\r\nHost: {address}\r\n\r\n"
                )
            }
            Self::Topics => write!(request, "GET /topics HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            Self::Buy => {
                let body = format!(r#"{{"item":{},"quantity":1}}"#, 1 + number % 4);
                let (high, low) = (number >> 48, number & 0xFFFF_FFFF_FFFF);
                let seed = std::process::id();
                write!(
                    request,
                    "POST /buy HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                     Idempotency-Key: {seed:08x}-{high:04x}-4000-8000-{low:012x}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
    }
}

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
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for index in 0..connections {
        let answers = Arc::clone(&answers);
        let due = match pace {
            Pace::Closed => None,
            Pace::Open(rate) => {
                let every = Duration::from_secs_f64(f64::from(connections) / rate);
                Some((begin + every.mul_f64(f64::from(index) / f64::from(connections)), every))
            }
        };
        tasks.spawn(async move { shop(address, ask, due, begin + time, &answers).await });
    }
    let mut latency_us = histogram()?;
    while let Some(done) = tasks.join_next().await {
        latency_us.add(done??)?;
    }
    let elapsed = begin.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "a rate of fewer than 2^52 answers")]
    let rate = answers.load(Ordering::Relaxed) as f64 / elapsed.as_secs_f64();
    Ok(Outcome { rate, latency_us })
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)?)
}

async fn shop(
    address: SocketAddr,
    ask: Ask,
    due: Option<(Instant, Duration)>,
    end: Instant,
    answers: &AtomicU64,
) -> Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut latency_us = histogram()?;
    let (mut request, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
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
        ask.write(&mut request, address, NUMBER.fetch_add(1, Ordering::Relaxed));
        stream.write_all(&request).await?;
        read_answer(&mut stream, &mut answer).await?;
        let took = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
        latency_us.saturating_record(took.max(1));
        answers.fetch_add(1, Ordering::Relaxed);
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
