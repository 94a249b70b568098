//! What goes out to every reader of the event stream: followed from the catalog's feed, merged, written once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::client::{CatalogClient, Error};
use common::wire::{Hello, Resync, StockEvent, UpstreamStatus};
use common::{Entry, Seq, StoreId, limits};
use futures::FutureExt;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::events::{Pending, Ring, moved};
use crate::http::{Frame, write_event};

/// FrameStream a slow reader may be behind before it is told to read afresh.
const FRAMES_BEHIND_MAX: usize = 256;
/// How long a customer's answer waits for the feed to bring what the customer did: usually it was faster.
const HEAR_MAX: Duration = Duration::from_millis(50);
/// Entries followed at once.
const ENTRIES_AT_ONCE: usize = 1_024;
/// The longest rest before the first attempt to reach a lost catalog again; it doubles with each.
const BACK_OFF: Duration = Duration::from_millis(50);
/// The longest rest of all.
const BACK_OFF_MAX: Duration = Duration::from_secs(2);

/// Something that goes out to every reader.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// Written once for all.
    pub(super) frame: Frame,
    /// A reader that is here already has it; `None` is for everybody.
    pub(super) until: Option<Seq>,
}

/// Where a reader begins.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) hello: Hello,
    pub(super) live: bool,
    /// What it missed; nothing if it must read afresh.
    pub(super) missed: Option<Vec<StockEvent>>,
    pub(super) stream: broadcast::Receiver<Published>,
}

#[derive(Debug, Default)]
struct Told {
    store: Option<StoreId>,
    /// Everything up to this entry has gone out.
    out: Seq,
    live: bool,
    /// The head that the catalog named when the feed began: so far there is nothing new in it.
    begun: Seq,
    ring: Ring,
    pending: Pending,
}

/// The live events of one front-end.
#[derive(Debug)]
pub(super) struct Live {
    told: Mutex<Told>,
    /// The last entry the feed brought; nothing until the catalog was heard of for the first time.
    heard: watch::Sender<Option<Seq>>,
    readers: broadcast::Sender<Published>,
    cache: Cache,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            told: Mutex::default(),
            heard: watch::Sender::new(None),
            readers: broadcast::Sender::new(FRAMES_BEHIND_MAX),
            cache: Cache::default(),
        }
    }

    /// What the feed keeps true.
    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The last entry the feed brought.
    pub(super) fn head(&self) -> Seq {
        self.heard.borrow().unwrap_or(Seq::ZERO)
    }

    /// Waits until the feed has brought that entry, and everything that was there when it began.
    pub(super) async fn hear(&self, seq: Seq) {
        self.hear_only(seq).await;
        let begun = self.told().begun;
        self.hear_only(begun).await;
    }

    async fn hear_only(&self, seq: Seq) {
        let mut heard = self.heard.subscribe();
        // The sender is here, so the wait does not break off.
        let _ = heard.wait_for(|heard| heard.is_some_and(|heard| heard >= seq)).await;
    }

    /// Waits a moment for that entry: whoever changed a book and looks at it next, through this front-end, sees the change
    /// even if it does not say what it saw.
    pub(super) async fn hear_soon(&self, seq: Seq) {
        if self.head() < seq && self.told().live {
            let _ = tokio::time::timeout(HEAR_MAX, self.hear_only(seq)).await;
        }
    }

    /// Begins a reader that saw everything up to `after`, or wants only what comes. Nothing until the catalog was
    /// heard of for the first time.
    pub(super) fn start(&self, after: Option<Seq>) -> Option<Start> {
        let mut told = self.told();
        // What waits for company goes out first, so that the greeting is as new as the feed.
        self.flush_told(&mut told);
        let hello = Hello {
            seq: told.out,
            store: told.store?,
        };
        let missed = match after {
            None => Some(Vec::new()),
            Some(after) if after > told.out || told.out.distance_from(after) > limits::SUBSCRIBER_LAG_MAX => None,
            Some(after) => told.ring.between(after, told.out).map(|moved| moved.copied().collect()),
        };
        // Under the lock: between what was told and what will be nothing is lost and nothing comes twice.
        Some(Start {
            hello,
            live: told.live,
            missed,
            stream: self.readers.subscribe(),
        })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the ledger by entries that arrived together; whoever waits for them wakes once.
    fn follow(&self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        #[cfg(feature = "fault-injection")]
        let entries = &*crate::fault_injection::reorder_feed(entries);
        self.cache.apply(entries);
        let mut told = self.told();
        for moved in entries.iter().filter_map(moved) {
            told.ring.add(moved);
            told.pending.add(moved);
        }
        self.heard.send_replace(Some(last.seq));
    }

    /// Sends out what has gathered.
    fn flush(&self) {
        self.flush_told(&mut self.told());
    }

    fn flush_told(&self, told: &mut Told) {
        let head = self.head();
        if told.out == head {
            return;
        }
        told.out = head;
        let changes = told.pending.take();
        if !changes.is_empty() {
            let mut frame = Vec::with_capacity(changes.len().saturating_mul(160));
            for moved in &changes {
                write_event(&mut frame, "stock", Some(moved.seq.0), moved);
            }
            self.send(Frame::new(frame), Some(head));
        }
    }

    /// The feed begins, again perhaps; another store's, or an older copy of this one, makes every reader start afresh.
    fn greet(&self, hello: &Hello, asked_after: Seq) {
        let mut told = self.told();
        let known = told.store == Some(hello.store) && hello.seq >= told.out;
        if !known {
            let first = told.store.is_none();
            let start = asked_after.min(hello.seq);
            *told = Told {
                store: Some(hello.store),
                out: start,
                ring: Ring::starting(start),
                ..Told::default()
            };
            if !first {
                self.send(Frame::event("resync", None, &Resync { seq: hello.seq }), None);
            }
            self.cache.reset(start);
            self.heard.send_replace(Some(start));
        }
        told.begun = hello.seq;
        self.cache.set_live(true);
        if !told.live {
            told.live = true;
            self.send(Frame::event("source", None, &UpstreamStatus { live: true }), None);
        }
    }

    fn lost(&self) {
        self.flush();
        self.cache.set_live(false);
        let mut told = self.told();
        if told.live {
            told.live = false;
            self.send(Frame::event("source", None, &UpstreamStatus { live: false }), None);
        }
    }

    fn send(&self, frame: Frame, until: Option<Seq>) {
        // Nobody may be reading.
        let _ = self.readers.send(Published { frame, until });
    }
}

/// Follows the catalog's feed until the front-end stops, for ever trying again.
pub(super) async fn follow(live: Arc<Live>, catalog: CatalogClient, stopping: CancellationToken) {
    let following = async {
        let mut rest = BACK_OFF;
        loop {
            let was_live_since = Instant::now();
            let error = follow_once(&live, &catalog).await;
            live.lost();
            tracing::debug!(%error, "the catalog's feed ended");
            if was_live_since.elapsed() > BACK_OFF_MAX {
                rest = BACK_OFF;
            }
            tokio::time::sleep(rest.mul_f64(rand::random())).await;
            rest = rest.saturating_mul(2).min(BACK_OFF_MAX);
        }
    };
    tokio::select! {
        () = following => {}
        () = stopping.cancelled() => {}
    }
}

async fn follow_once(live: &Live, catalog: &CatalogClient) -> Error {
    match try_follow(live, catalog).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn try_follow(live: &Live, catalog: &CatalogClient) -> Result<std::convert::Infallible, Error> {
    let asked_after = if live.told().store.is_some() {
        live.head()
    } else {
        let page = catalog.ledger(Seq::ZERO, 1).await?;
        Seq(page.head.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX))
    };
    let mut feed = catalog.feed(Some(asked_after)).await?;
    let hello = feed.hello();
    live.greet(&hello, asked_after);
    if hello.seq < asked_after {
        // The store lost entries: begin anew from what it has.
        let why = "the ledger is shorter than it was".to_owned();
        return Err(Error::Malformed {
            url: catalog.url().to_owned(),
            why,
        });
    }
    let (mut due, mut last_flush): (Option<Instant>, Option<Instant>) = (None, None);
    let mut entries = Vec::new();
    loop {
        let mut event = tokio::select! {
            event = feed.next() => Some(event?),
            () = at(due) => {
                live.flush();
                (due, last_flush) = (None, Some(Instant::now()));
                continue;
            }
        };
        // Everything that is here already is followed at once.
        while let Some(now) = event.take() {
            entries.push(now);
            if entries.len() < ENTRIES_AT_ONCE {
                event = feed.next().now_or_never().transpose()?;
            }
        }
        if !entries.is_empty() {
            live.follow(&entries);
            entries.clear();
            // The first change after a quiet time goes out at once; those that follow share a window.
            let now = Instant::now();
            due.get_or_insert_with(|| last_flush.map_or(now, |last| now.max(last + limits::COALESCE_WINDOW)));
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
