//! `bookstored backup`: copies the ledger of a running shop into a store of any engine, and keeps following it with
//! `--follow`.
//!
//! After every batch the copy is a complete store, whichever process is killed. It must never hold entries of two histories.

mod backup_store;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::Args;
use common::backoff::Backoff;
use common::{Entry, Incident, Seq};
use serde_json::{Value, json};

use self::backup_store::BackupStore;
use self::source::{Source, SourceState};
use super::output::{or_incomplete, tell};
use crate::settings::{AdminToken, ServiceToken};
use crate::signals::Signals;
use crate::store;

/// A batch is appended once it has this many entries; its last page may exceed it.
const BATCH_ENTRIES: usize = 20_000;
/// The delay between two polls of a shop without new entries.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long a backup without `--follow` retries after its last successful step.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// The shortest time between two status lines with `--follow`.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// `bookstored backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The running shop: the address of a front-end, or of a catalog
    #[arg(long, value_name = "URL")]
    url: String,
    /// Where the copy is, or will be: csv:DIR, sqlite:FILE or postgres://…
    #[arg(long, value_name = "STORE")]
    to: store::Url,
    /// Keep copying as a replica until SIGTERM
    #[arg(long)]
    follow: bool,
    /// Trust the certificate authorities in this PEM file instead of the system's, for https:// addresses
    #[arg(long, env = "BOOKSTORE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    admin_token: AdminToken,
    #[command(flatten)]
    service_token: ServiceToken,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Why a step failed.
#[derive(Debug)]
enum CopyError {
    /// A retry may succeed.
    Transient(anyhow::Error),
    Permanent(anyhow::Error),
}

/// Why the copying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    CaughtUp,
    /// A signal arrived.
    Stopped,
}

impl Backup {
    /// Whether it runs until a signal stops it.
    pub(super) fn follows(&self) -> bool {
        self.follow
    }

    pub(super) fn run(self) -> Result<ExitCode> {
        let source = Source::new(&self);
        let about = json!({"to": self.to.to_string()});
        let source = or_incomplete(self.json, about, source)?;
        let about = json!({"from": source.url(), "to": self.to.to_string()});
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let result = runtime.block_on(self.copy(source));
        runtime.shutdown_background();
        or_incomplete(self.json, about, result)
    }

    async fn copy(&self, source: Source) -> Result<ExitCode> {
        let mut signals = Signals::listen()?;
        let target = BackupStore::open(&self.to)?;
        source.observe(target.position());
        let tokens = source.tokens();
        let mut copying = Copying {
            reading: Incident::new("the shop cannot be read"),
            writing: Incident::new("the copy cannot be written"),
            options: self,
            source,
            target,
            copied: 0,
            source_head: Seq::ZERO,
            must_reread_last: true,
            last_status: None,
        };
        let ending = tokio::select! {
            ending = copying.run() => ending?,
            () = signals.wait_for_stop(|| tokens.reload()) => Ending::Stopped,
        };
        copying.target.close()?;
        if ending == Ending::Stopped && !self.follow {
            bail!(
                "stopped before the end, at the entry {}; run the same command again to continue",
                copying.target.head()
            );
        }
        copying.tell(if self.follow { "stopped" } else { "complete" })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A backup under way.
struct Copying<'a> {
    options: &'a Backup,
    source: Source,
    target: BackupStore,
    /// Entries copied by this process.
    copied: u64,
    /// The newest head of the shop that was read.
    source_head: Seq,
    /// Whether the target's last entry must be read again and compared: at the start and after each failure.
    must_reread_last: bool,
    /// The time and the head of the last status line.
    last_status: Option<(Instant, Seq)>,
    reading: Incident,
    writing: Incident,
}

impl Copying<'_> {
    /// Copies until the target has caught up, or for ever with `--follow`. Dropping the future loses nothing.
    async fn run(&mut self) -> Result<Ending> {
        let mut backoff = Backoff::RECONNECT;
        let mut last_success = None;
        loop {
            match self.step().await {
                Ok(is_caught_up) => {
                    backoff.reset();
                    last_success = Some(Instant::now());
                    if is_caught_up && !self.options.follow {
                        return Ok(Ending::CaughtUp);
                    }
                    if is_caught_up {
                        self.report_progress()?;
                        tokio::time::sleep(POLL_INTERVAL).await;
                    }
                }
                Err(CopyError::Permanent(error)) => return Err(error),
                Err(CopyError::Transient(error)) => {
                    let may_wait = |since: Instant| since.elapsed() < RETRY_MAX;
                    if !self.options.follow && !last_success.is_some_and(may_wait) {
                        return Err(error);
                    }
                    self.must_reread_last = true;
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    /// Copies the next batch, if there are new entries. Returns whether the target has caught up.
    async fn step(&mut self) -> Result<bool, CopyError> {
        let read = self.read().await;
        if let Err(CopyError::Transient(error)) = &read {
            self.reading.failed(error);
        }
        let read = read?;
        self.reading.recovered();
        let Some((state, entries)) = read else {
            return Ok(true);
        };
        let count = entries.len() as u64;
        let written = self
            .target
            .set_history(state.history)
            .and_then(|()| self.target.append(entries));
        match written {
            Ok(()) => self.writing.recovered(),
            Err(
                error @ (store::Error::Full { .. } | store::Error::Unavailable { .. } | store::Error::ReadOnly { .. }),
            ) => {
                self.writing.failed(&error);
                return Err(CopyError::Transient(error.into()));
            }
            Err(store::Error::Conflict) => {
                let to = &self.options.to;
                let why =
                    anyhow!("{to} was changed by another program, or its database lost entries; nothing was copied");
                return Err(CopyError::Permanent(why));
            }
            Err(error) => return Err(CopyError::Permanent(error.into())),
        }
        self.copied += count;
        Ok(self.target.head() >= self.source_head)
    }

    /// Reads the next batch of entries; `None` if there are none.
    async fn read(&mut self) -> Result<Option<(SourceState, Vec<Entry>)>, CopyError> {
        let state = self.identify().await?;
        let head = self.target.head();
        self.source_head = state.head;
        if state.head == head && !self.must_reread_last {
            return Ok(None);
        }
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            // Every page begins with an entry that was read before, so that two histories are never joined.
            let last = entries.last().or(self.target.last());
            let page = self
                .source
                .page(last.map_or(Seq::ZERO, |last| Seq(last.seq.0.saturating_sub(1))))
                .await?;
            if page.epoch != state.history.epoch {
                return Err(CopyError::Transient(anyhow!(
                    "the history of its store is being replaced"
                )));
            }
            let mut page_entries = page.entries.into_iter();
            if let Some(last) = last {
                let again = page_entries.next();
                if again.as_ref() != Some(last) {
                    return Err(self.another_history(last.seq, again.is_some(), page.head));
                }
            }
            self.source_head = page.head;
            let before = entries.len();
            entries.extend(page_entries);
            let is_end = entries.len() == before || entries.last().is_some_and(|last| last.seq >= page.head);
            if is_end || entries.len() >= BATCH_ENTRIES {
                break;
            }
        }
        // Check that the history did not change while the pages were read.
        self.identify().await?;
        self.must_reread_last = false;
        Ok(Some((state, entries)))
    }

    /// Reads the shop's state; an error if the target is a copy of another store.
    async fn identify(&self) -> Result<SourceState, CopyError> {
        let (state, to) = (self.source.identify().await?, &self.options.to);
        let (url, found) = (self.source.url(), state.history.store);
        let why = match self.target.history() {
            _ if self.target.id() == Some(found) => anyhow!("{to} is the store of the shop at {url} itself"),
            Some(copied) if copied.store != found => anyhow!(
                "the shop at {url} has the store {found}, and {to} is a copy of the store {}; back up into a new store",
                copied.store
            ),
            _ => return Ok(state),
        };
        Err(CopyError::Permanent(why))
    }

    fn another_history(&self, seq: Seq, has_entry: bool, head: Seq) -> CopyError {
        let (url, to) = (self.source.url(), &self.options.to);
        CopyError::Permanent(match has_entry {
            true => anyhow!(
                "entry {seq} of the shop at {url} differs from that in {to}, so their histories differ; back up into \
                 a new store"
            ),
            false => anyhow!(
                "the ledger of the shop at {url} ends with the entry {head}, but {to} has the entry {seq}: the shop \
                 lost entries or is another shop; back up into a new store"
            ),
        })
    }

    /// Prints a status line when the target has first caught up, and then after new entries, at most every
    /// [`STATUS_INTERVAL`].
    fn report_progress(&mut self) -> Result<()> {
        let (now, head) = (Instant::now(), self.target.head());
        let is_due = |(at, seq): (Instant, Seq)| seq != head && now.saturating_duration_since(at) >= STATUS_INTERVAL;
        if self.last_status.is_none_or(is_due) {
            self.tell("following")?;
            self.last_status = Some((now, head));
        }
        Ok(())
    }

    fn tell(&self, verdict: &str) -> Result<()> {
        let (url, to, copied, head) = (self.source.url(), &self.options.to, self.copied, self.target.head());
        let lag = self.source_head.distance_from(head);
        tell(&match self.options.json {
            true => {
                let source = self.target.history().map(|history| history.store);
                let result: Value = json!({
                    "verdict": verdict, "from": url, "source": source, "to": to.to_string(), "store": self.target.id(),
                    "copied": copied, "head": head, "lag": lag,
                });
                result.to_string()
            }
            false => format!("{verdict}: {url} is in {to} up to the entry {head}: {copied} copied, {lag} behind"),
        })
    }
}
