//! Runs effects beside the screen. Each one ends with an event, or silently.

use std::mem::discriminant;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::client::{Error, Response, ShopClient};
use common::limits;
use common::wire::OrderLines;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::effect::{Effect, ListingKind, Query};
use crate::journal::{Journal, PlacedOrder, Record};
use crate::live;
use crate::message::Event;

/// How long the exit waits for records that are being written.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs effects in tasks of their own.
#[derive(Debug)]
pub(super) struct EffectRunner {
    shop: Option<ShopClient>,
    /// Requests that wait until the shop is open.
    pending: Vec<Effect>,
    events_task: Option<AbortHandle>,
    events: mpsc::Sender<Event>,
    journal: Arc<OnceLock<Journal>>,
    data_folder: PathBuf,
    reconnect: Arc<Notify>,
    /// The page requests on their way, one for each kind of listing.
    page_tasks: [Option<AbortHandle>; 2],
    records: TaskTracker,
}

impl EffectRunner {
    /// A runner whose shop is not open yet. It sends its answers to `events`.
    pub(super) fn new(events: mpsc::Sender<Event>, data_folder: PathBuf) -> Self {
        Self {
            shop: None,
            pending: Vec::new(),
            events_task: None,
            events,
            journal: Arc::default(),
            data_folder,
            reconnect: Arc::default(),
            page_tasks: [None, None],
            records: TaskTracker::new(),
        }
    }

    /// Starts the events task, and sends the requests that waited for the shop.
    pub(super) fn open(&mut self, shop: ShopClient) {
        let task = live::forward_events(shop.clone(), self.events.clone(), Arc::clone(&self.reconnect));
        self.events_task = Some(tokio::spawn(task).abort_handle());
        self.shop = Some(shop);
        for effect in std::mem::take(&mut self.pending) {
            self.run(effect);
        }
    }

    /// Starts an effect. The event loop runs those of the terminal itself.
    pub(super) fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Exit(_) | Effect::Suspend | Effect::Redraw | Effect::Copy(_) | Effect::AutopilotCommand(_) => {}
            Effect::LoadJournal => self.load_journal(),
            Effect::AppendJournal(record) => self.append_journal(record),
            Effect::Reconnect => self.reconnect.notify_one(),
            effect => match self.shop.clone() {
                Some(shop) => self.send_request(&shop, effect),
                None => self.defer(effect),
            },
        }
    }

    /// Keeps the newest request of each kind.
    fn defer(&mut self, effect: Effect) {
        self.pending
            .retain(|older| discriminant(older) != discriminant(&effect));
        self.pending.push(effect);
    }

    fn send_request(&mut self, shop: &ShopClient, effect: Effect) {
        match effect {
            Effect::LoadTopics => self.request(
                shop,
                |shop| async move { Event::TopicsLoaded(parse(shop.topics().await)) },
            ),
            Effect::LoadPage {
                generation,
                kind,
                query,
                after,
            } => self.load_page(shop, generation, kind, query, after),
            Effect::LoadBook(item) => self.request(shop, move |shop| async move {
                let result = parse(shop.lookup(item).await);
                Event::BookLoaded { item, result }
            }),
            Effect::Buy { placed, resend } => self.buy(shop, placed, resend),
            Effect::FindOrder(order) => self.request(shop, move |shop| async move {
                let result = parse(shop.find_order(order).await);
                Event::OrderLoaded { order, result }
            }),
            Effect::LoadServices => {
                self.request(
                    shop,
                    |shop| async move { Event::HealthLoaded(parse(shop.ready().await)) },
                );
            }
            _ => {}
        }
    }

    /// Stops the events task, and waits up to [`SHUTDOWN_TIMEOUT`] for records that are being written.
    pub(super) async fn shut_down(&self) {
        if let Some(task) = &self.events_task {
            task.abort();
        }
        self.records.close();
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.records.wait()).await;
    }

    fn request<F>(&self, shop: &ShopClient, request: impl FnOnce(ShopClient) -> F)
    where
        F: Future<Output = Event> + Send + 'static,
    {
        let answer = request(shop.clone());
        let events = self.events.clone();
        tokio::spawn(async move {
            // Sending fails only after the event loop has ended.
            let _ = events.send(answer.await).await;
        });
    }

    fn load_page(
        &mut self,
        shop: &ShopClient,
        generation: u64,
        kind: ListingKind,
        query: Query,
        after: Option<String>,
    ) {
        let (shop, events) = (shop.clone(), self.events.clone());
        let task = tokio::spawn(async move {
            let limit = limits::PAGE_BOOKS_MAX;
            let response = match &query {
                Query::Topic(topic) => shop.search_topic(topic, after.as_deref(), limit).await,
                Query::Words(words) => shop.search_words(words, after.as_deref(), limit).await,
            };
            let result = response.and_then(|response| Ok((response.parse()?, response.seq)));
            let _ = events.send(Event::PageLoaded { generation, result }).await;
        });
        let running = match kind {
            ListingKind::Topic => &mut self.page_tasks[0],
            ListingKind::Search => &mut self.page_tasks[1],
        };
        if let Some(older) = running.replace(task.abort_handle()) {
            older.abort();
        }
    }

    fn load_journal(&self) {
        let (folder, events, journal) = (self.data_folder.clone(), self.events.clone(), Arc::clone(&self.journal));
        tokio::spawn(async move {
            let opened = tokio::task::spawn_blocking(move || Journal::open(&folder)).await;
            let result = match opened {
                Ok(Ok((opened, contents))) => {
                    // A second journal of the same file is not needed.
                    let _ = journal.set(opened);
                    Ok(contents)
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let _ = events.send(Event::JournalLoaded(result)).await;
        });
    }

    fn buy(&self, shop: &ShopClient, placed: PlacedOrder, resend: bool) {
        let (shop, events, journal) = (shop.clone(), self.events.clone(), Arc::clone(&self.journal));
        tokio::spawn(async move {
            let order = placed.order;
            let (lines, deadline) = (OrderLines::one(placed.item, placed.quantity), placed.deadline);
            if !resend && let Err(reason) = append(journal, Record::Placed(placed)).await {
                let _ = events.send(Event::BuyNotRecorded { order, reason }).await;
                return;
            }
            let result = parse(shop.buy(lines, Some(order), deadline).await);
            let _ = events.send(Event::BuyCompleted { order, result }).await;
        });
    }

    fn append_journal(&self, record: Record) {
        let (events, journal) = (self.events.clone(), Arc::clone(&self.journal));
        self.records.spawn(async move {
            if let Err(error) = append(journal, record).await {
                // Nothing is lost: the next start looks the order up again.
                let notice = format!("The receipt could not be saved: {error}");
                let _ = events.send(Event::Notice(notice)).await;
            }
        });
    }
}

async fn append(journal: Arc<OnceLock<Journal>>, record: Record) -> Result<(), String> {
    let written = tokio::task::spawn_blocking(move || match journal.get() {
        Some(journal) => journal.append(&record).map_err(|error| error.to_string()),
        None => Err("the list of your orders is not open".to_owned()),
    });
    written.await.map_err(|error| error.to_string())?
}

fn parse<T: DeserializeOwned>(response: Result<Response, Error>) -> Result<T, Error> {
    response?.parse()
}
