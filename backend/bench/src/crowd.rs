//! Many readers of one front-end's events.

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

use crate::load::CONNECTING;

/// How long all may take to come, or to hear of a sale.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a reader looks that takes its time.
const LEISURE: Duration = Duration::from_secs(1);
/// What every event's first line begins with.
const STOCK: &[u8] = b"event: stock";
const RESYNC: &[u8] = b"event: resync";
const HELLO: &[u8] = b"event: hello";

/// What all of them heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    hellos: Count,
    stocks: Count,
    resyncs: AtomicU64,
    at_leisure: AtomicBool,
}

/// Something that is counted and waited for.
#[derive(Debug, Default)]
struct Count {
    so_far: AtomicU64,
    wanted: AtomicU64,
    reached: Notify,
}

impl Count {
    fn add(&self, more: u64) {
        let before = self.so_far.fetch_add(more, Ordering::SeqCst);
        let wanted = self.wanted.load(Ordering::SeqCst);
        if (before + 1..=before + more).contains(&wanted) {
            self.reached.notify_one();
        }
    }

    fn get(&self) -> u64 {
        self.so_far.load(Ordering::SeqCst)
    }

    /// Must be said before the last of them can come.
    fn want(&self, count: u64) {
        self.wanted.store(count, Ordering::SeqCst);
    }

    async fn wait(&self) -> Result<()> {
        let reached = tokio::time::timeout(PATIENCE, self.reached.notified()).await;
        let (so_far, wanted) = (self.get(), self.wanted.load(Ordering::SeqCst));
        reached.with_context(|| format!("{so_far} events came where {wanted} were due"))
    }
}

/// The readers; they leave with this.
#[derive(Debug)]
pub(crate) struct Crowd {
    readers: JoinSet<Result<()>>,
    size: u32,
    heard: Arc<Heard>,
}

impl Crowd {
    /// So many readers, each of which has been greeted.
    ///
    /// # Errors
    /// When one is refused, or all of them take too long.
    pub(crate) async fn gather(address: SocketAddr, size: u32) -> Result<Self> {
        let heard = Arc::new(Heard::default());
        heard.hellos.want(size.into());
        let doors = Arc::new(Semaphore::new(CONNECTING));
        let mut readers = JoinSet::new();
        for _ in 0..size {
            let (heard, doors) = (Arc::clone(&heard), Arc::clone(&doors));
            readers.spawn(async move { read(address, &doors, &heard).await });
        }
        let mut crowd = Self { readers, size, heard };
        let heard = Arc::clone(&crowd.heard);
        tokio::select! {
            all = heard.hellos.wait() => all?,
            left = crowd.readers.join_next() => match left {
                Some(ended) => ended??,
                None => bail!("nobody came"),
            }
        }
        Ok(crowd)
    }

    /// Waits until one more sale has reached all of them. Nothing else may be sold meanwhile.
    ///
    /// # Errors
    /// When that takes too long, or a reader was told to begin afresh.
    pub(crate) async fn hear(&self) -> Result<()> {
        let resyncs = self.resyncs();
        self.heard.stocks.wait().await?;
        ensure!(self.resyncs() == resyncs, "a reader was too slow for a single sale");
        Ok(())
    }

    /// To be said before the sale.
    pub(crate) fn expect_one(&self) {
        self.heard.stocks.want(self.heard.stocks.get() + u64::from(self.size));
    }

    /// Reads what came once a second only, so that reading costs the machine little; the system keeps it meanwhile.
    pub(crate) fn take_leisure(&self) {
        self.heard.at_leisure.store(true, Ordering::SeqCst);
    }

    /// Events of stock that came, to all of them together.
    pub(crate) fn stocks(&self) -> u64 {
        self.heard.stocks.get()
    }

    /// How often one of them was told to begin afresh.
    pub(crate) fn resyncs(&self) -> u64 {
        self.heard.resyncs.load(Ordering::SeqCst)
    }

    /// That all of them are still there.
    ///
    /// # Errors
    /// Why one has left.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.readers.try_join_next() {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
}

async fn read(address: SocketAddr, doors: &Semaphore, heard: &Heard) -> Result<()> {
    let door = doors.acquire().await?;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut tail, mut door) = (Tail::default(), Some(door));
    loop {
        stream.readable().await?;
        if drain(&stream, &mut tail, heard, &mut door)? {
            bail!("a reader's stream has ended");
        }
        if heard.at_leisure.load(Ordering::SeqCst) {
            tokio::time::sleep(LEISURE).await;
        }
    }
}

/// The end of what was read before: an event's first line may come in two parts.
#[derive(Debug, Default)]
struct Tail {
    bytes: [u8; RESYNC.len() - 1],
    length: usize,
}

/// Reads what is there. Whether it is the end of the stream.
///
/// The room for it is not a part of the waiting reader: ten thousand of them would fill the machine's caches.
fn drain(stream: &TcpStream, tail: &mut Tail, heard: &Heard, door: &mut Option<SemaphorePermit<'_>>) -> Result<bool> {
    let mut room = [0; 16 * 1024];
    loop {
        let Tail { bytes, length } = tail;
        let (kept, free) = room.split_at_mut(*length);
        kept.copy_from_slice(bytes.get(..*length).unwrap_or_default());
        let read = match stream.try_read(free) {
            Ok(0) => return Ok(true),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let text = room.get(..*length + read).unwrap_or_default();
        let new = |word: &[u8]| count_new(text, *length, word);
        if door.is_some() && new(HELLO) > 0 {
            *door = None;
            heard.hellos.add(1);
        }
        heard.resyncs.fetch_add(new(RESYNC), Ordering::SeqCst);
        heard.stocks.add(new(STOCK));
        let end = text.len().saturating_sub(bytes.len());
        let last = text.get(end..).unwrap_or_default();
        if let Some(place) = bytes.get_mut(..last.len()) {
            place.copy_from_slice(last);
            *length = last.len();
        }
    }
}

/// How often a word ends after what was there already.
fn count_new(text: &[u8], old: usize, word: &[u8]) -> u64 {
    let ends = memmem::find_iter(text, word).map(|start| start + word.len());
    ends.filter(|&end| end > old).map(|_| 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_once_though_it_comes_in_two_parts() {
        assert_eq!(count_new(b"event: stock", 5, STOCK), 1);
        assert_eq!(count_new(b"event: stock", 12, STOCK), 0);
        assert_eq!(count_new(b"event: stockevent: stock", 12, STOCK), 1);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_last_one_even_if_it_came_before() {
        let count = Count::default();
        count.want(3);
        count.add(2);
        count.add(2);
        count.wait().await.unwrap();
        assert_eq!(count.get(), 4);
    }
}
