//! Many subscribers of one front-end's events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::load::CONNECTING_MAX;

/// The limit until all readers are connected, or have got one event.
const EVENTS_WAIT_MAX: Duration = Duration::from_secs(60);
/// How often a slow reader reads.
const SLOW_READ_INTERVAL: Duration = Duration::from_secs(1);
/// The first lines of events.
const STOCK: &[u8] = b"event: stock";
const RESYNC: &[u8] = b"event: resync";
const HELLO: &[u8] = b"event: hello";

/// The events that all readers together have got.
#[derive(Debug, Default)]
struct Events {
    hellos: Counter,
    stocks: Counter,
    resyncs: AtomicU64,
    are_readers_slow: AtomicBool,
}

/// A counter with a target that one task can wait for.
#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    target: AtomicU64,
    reached: Notify,
}

impl Counter {
    fn add(&self, more: u64) {
        let before = self.count.fetch_add(more, Ordering::SeqCst);
        let target = self.target.load(Ordering::SeqCst);
        if (before + 1..=before + more).contains(&target) {
            self.reached.notify_one();
        }
    }

    fn get(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Must be called before the count can reach the target.
    fn set_target(&self, target: u64) {
        self.target.store(target, Ordering::SeqCst);
    }

    async fn wait(&self) -> Result<()> {
        let reached = tokio::time::timeout(EVENTS_WAIT_MAX, self.reached.notified()).await;
        let (count, target) = (self.get(), self.target.load(Ordering::SeqCst));
        reached.with_context(|| format!("{count} of {target} events arrived"))
    }
}

/// Connected readers, which disconnect when this is dropped.
#[derive(Debug)]
pub(crate) struct EventReaders {
    readers: JoinSet<Result<()>>,
    size: u32,
    events: Arc<Events>,
}

impl EventReaders {
    /// Connects `size` readers and waits until each has got `hello`.
    ///
    /// # Errors
    /// If one is refused, or not all are connected in time.
    pub(crate) async fn connect(address: SocketAddr, size: u32) -> Result<Self> {
        let events = Arc::new(Events::default());
        events.hellos.set_target(size.into());
        let connecting = Arc::new(Semaphore::new(CONNECTING_MAX));
        let mut readers = JoinSet::new();
        for _ in 0..size {
            let (events, connecting) = (Arc::clone(&events), Arc::clone(&connecting));
            readers.spawn(async move { read(address, &connecting, &events).await });
        }
        let mut readers = Self { readers, size, events };
        let events = Arc::clone(&readers.events);
        tokio::select! {
            all = events.hellos.wait() => all?,
            ended = readers.readers.join_next() => match ended {
                Some(ended) => ended??,
                None => bail!("there are no readers"),
            }
        }
        Ok(readers)
    }

    /// Prepares [`Self::wait_for_sale`]. Must be called before the sale.
    pub(crate) fn expect_sale(&self) {
        self.events
            .stocks
            .set_target(self.events.stocks.get() + u64::from(self.size));
    }

    /// Waits until one sale has reached all readers. There must be no other sale meanwhile.
    ///
    /// # Errors
    /// If it does not in time, or if a reader got `resync`.
    pub(crate) async fn wait_for_sale(&self) -> Result<()> {
        let resyncs = self.resyncs();
        self.events.stocks.wait().await?;
        ensure!(self.resyncs() == resyncs, "a reader was too slow for a single sale");
        Ok(())
    }

    /// Makes all readers read only once a second, so that reading costs little CPU time. The kernel buffers meanwhile.
    pub(crate) fn slow_down(&self) {
        self.events.are_readers_slow.store(true, Ordering::SeqCst);
    }

    /// The number of `stock` events that all readers together have got.
    pub(crate) fn stocks(&self) -> u64 {
        self.events.stocks.get()
    }

    /// The number of `resync` events that all readers together have got.
    pub(crate) fn resyncs(&self) -> u64 {
        self.events.resyncs.load(Ordering::SeqCst)
    }

    /// Checks that all readers are still connected.
    ///
    /// # Errors
    /// Why one is not.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.readers.try_join_next() {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
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

/// Reads what has arrived. Returns whether the stream has ended.
///
/// The buffer is on the stack and not in the waiting task: ten thousand buffers would fill the CPU's caches.
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
            events.hellos.add(1);
        }
        events.resyncs.fetch_add(new(RESYNC), Ordering::SeqCst);
        events.stocks.add(new(STOCK));
        let end = text.len().saturating_sub(bytes.len());
        let last = text.get(end..).unwrap_or_default();
        if let Some(start) = bytes.get_mut(..last.len()) {
            start.copy_from_slice(last);
            *length = last.len();
        }
    }
}

/// How often `word` ends behind the first `old` bytes.
fn count_new(text: &[u8], old: usize, word: &[u8]) -> u64 {
    let ends = memmem::find_iter(text, word).map(|start| start + word.len());
    ends.filter(|&end| end > old).map(|_| 1).sum()
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

    #[tokio::test]
    async fn a_target_that_was_passed_before_the_wait_still_ends_it() {
        let counter = Counter::default();
        counter.set_target(3);
        counter.add(2);
        counter.add(2);
        counter.wait().await.unwrap();
        assert_eq!(counter.get(), 4);
    }
}
