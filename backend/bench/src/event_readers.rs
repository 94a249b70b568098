//! Many subscribers of one front-end's events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::load::CONNECTING_MAX;

const EVENTS_TIMEOUT: Duration = Duration::from_secs(60);
const SLOW_READ_INTERVAL: Duration = Duration::from_secs(1);
/// The first lines of events.
const STOCK: &[u8] = b"event: stock";
const RESYNC: &[u8] = b"event: resync";
const HELLO: &[u8] = b"event: hello";

/// The number of events that all readers together have received. A semaphore allows waiting for its events.
#[derive(Debug)]
struct Events {
    hellos: Semaphore,
    stocks: Semaphore,
    resyncs: AtomicU64,
    are_readers_slow: AtomicBool,
}

/// Connected readers. Dropping them closes their connections.
#[derive(Debug)]
pub(crate) struct EventReaders {
    readers: JoinSet<Result<()>>,
    size: u32,
    events: Arc<Events>,
}

impl EventReaders {
    /// Connects `size` readers and waits until each has received `hello`.
    pub(crate) async fn connect(address: SocketAddr, size: u32) -> Result<Self> {
        let events = Arc::new(Events {
            hellos: Semaphore::new(0),
            stocks: Semaphore::new(0),
            resyncs: AtomicU64::new(0),
            are_readers_slow: AtomicBool::new(false),
        });
        let connecting = Arc::new(Semaphore::new(CONNECTING_MAX));
        let mut readers = JoinSet::new();
        for _ in 0..size {
            let (events, connecting) = (Arc::clone(&events), Arc::clone(&connecting));
            readers.spawn(async move { read(address, &connecting, &events).await });
        }
        tokio::select! {
            all = take(&events.hellos, size) => all?,
            ended = readers.join_next() => match ended {
                Some(ended) => ended??,
                None => bail!("there are no readers"),
            }
        }
        Ok(Self { readers, size, events })
    }

    /// Waits until one sale has reached all readers. No other sale may happen meanwhile.
    ///
    /// # Errors
    /// After a timeout, or if a reader received `resync`.
    pub(crate) async fn wait_for_sale(&self) -> Result<()> {
        let resyncs = self.resyncs();
        take(&self.events.stocks, self.size).await?;
        ensure!(self.resyncs() == resyncs, "a reader was too slow for a single sale");
        Ok(())
    }

    /// Makes all readers read only once a second, to save CPU time. The kernel buffers the events.
    pub(crate) fn slow_down(&self) {
        self.events.are_readers_slow.store(true, Ordering::SeqCst);
    }

    /// The number of `stock` events that all readers together have received, except those of [`Self::wait_for_sale`].
    pub(crate) fn stocks(&self) -> usize {
        self.events.stocks.available_permits()
    }

    /// Discards earlier `stock` events. Call it before the sale that [`Self::wait_for_sale`] waits for.
    pub(crate) fn forget_stocks(&self) {
        self.events.stocks.forget_permits(usize::MAX);
    }

    /// The number of `resync` events that all readers together have received.
    pub(crate) fn resyncs(&self) -> u64 {
        self.events.resyncs.load(Ordering::SeqCst)
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        match self.readers.try_join_next() {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
}

/// Waits for `count` events.
async fn take(events: &Semaphore, count: u32) -> Result<()> {
    let taken = tokio::time::timeout(EVENTS_TIMEOUT, events.acquire_many(count)).await;
    let arrived = events.available_permits();
    taken
        .with_context(|| format!("{arrived} of {count} events arrived"))??
        .forget();
    Ok(())
}

async fn read(address: SocketAddr, connecting: &Semaphore, events: &Events) -> Result<()> {
    let permit = connecting.acquire().await?;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut tail, mut permit) = (Tail::default(), Some(permit));
    loop {
        stream.readable().await?;
        if drain(&stream, &mut tail, events, &mut permit)? {
            bail!("a reader's stream has ended");
        }
        if events.are_readers_slow.load(Ordering::SeqCst) {
            tokio::time::sleep(SLOW_READ_INTERVAL).await;
        }
    }
}

/// The last bytes of the previous read, because an event's first line may be split between two reads.
#[derive(Debug, Default)]
struct Tail {
    bytes: [u8; RESYNC.len() - 1],
    length: usize,
}

/// Reads the available bytes. Returns whether the stream has ended.
///
/// The buffer is on the stack, not in the waiting task, because ten thousand buffers would fill the CPU's caches.
fn drain(
    stream: &TcpStream,
    tail: &mut Tail,
    events: &Events,
    permit: &mut Option<SemaphorePermit<'_>>,
) -> Result<bool> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let Tail { bytes, length } = tail;
        let (old, free) = buffer.split_at_mut(*length);
        old.copy_from_slice(bytes.get(..*length).unwrap_or_default());
        let read = match stream.try_read(free) {
            Ok(0) => return Ok(true),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let text = buffer.get(..*length + read).unwrap_or_default();
        let new = |word: &[u8]| count_new(text, *length, word);
        if permit.is_some() && new(HELLO) > 0 {
            *permit = None;
            events.hellos.add_permits(1);
        }
        events.resyncs.fetch_add(new(RESYNC) as u64, Ordering::SeqCst);
        events.stocks.add_permits(new(STOCK));
        let end = text.len().saturating_sub(bytes.len());
        let last = text.get(end..).unwrap_or_default();
        if let Some(start) = bytes.get_mut(..last.len()) {
            start.copy_from_slice(last);
            *length = last.len();
        }
    }
}

/// The number of occurrences of `word` that end after the first `old` bytes.
fn count_new(text: &[u8], old: usize, word: &[u8]) -> usize {
    let ends = memmem::find_iter(text, word).map(|start| start + word.len());
    ends.filter(|&end| end > old).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_split_between_two_reads_counts_once() {
        assert_eq!(count_new(b"event: stock", 5, STOCK), 1);
        assert_eq!(count_new(b"event: stock", 12, STOCK), 0);
        assert_eq!(count_new(b"event: stockevent: stock", 12, STOCK), 1);
    }
}
