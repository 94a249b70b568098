//! Runs effects beside the screen. Each one ends with an event, or silently.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::client::{Error, Resolution, Response, ShopClient, send_until_decided};
use common::wire::Book;
use common::{Code, Deadline, StoreId, limits};
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::task::TaskTracker;

use crate::app::{Change, ChangeOutcome, SentChange};
use crate::basket_file::{self, BasketChange, BasketFile, SavedBasket};
use crate::effect::{Query, Request};
use crate::journal::{Journal, Place, Record};
use crate::message::Event;

/// How long the exit waits for records that are being written.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a shopkeeper's change is sent again.
const CHANGE_TIMEOUT: Duration = limits::DEADLINE_DEFAULT.saturating_mul(2);
/// How often the journal is checked for records of other programs.
const JOURNAL_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Starts to forward the shop's events to an event loop, until its receiver is dropped. A notification connects again at once.
pub(crate) type FollowEvents = Box<dyn FnOnce(mpsc::Sender<Event>, Arc<Notify>) -> BoxFuture<'static, ()> + Send>;

/// Runs effects in tasks of their own.
#[derive(Debug)]
pub(super) struct EffectRunner {
    shop: Option<ShopClient>,
    /// Requests that wait until the shop is open.
    pub(super) pending: Vec<Request>,
    events_task: Option<AbortHandle>,
    events: mpsc::Sender<Event>,
    journal: Arc<OnceLock<Journal>>,
    /// The file of the basket, with its store; `None` before the first connection.
    basket: Option<Basket>,
    place: Place,
    reconnect: Arc<Notify>,
    /// The page requests on their way, one for each kind of query.
    page_tasks: HashMap<Discriminant<Query>, AbortHandle>,
    records: TaskTracker,
}

impl EffectRunner {
    /// A runner whose shop is not open yet. It sends its answers to `events`.
    pub(super) fn new(events: mpsc::Sender<Event>, place: Place) -> Self {
        Self {
            shop: None,
            pending: Vec::new(),
            events_task: None,
            events,
            journal: Arc::default(),
            basket: None,
            place,
            reconnect: Arc::default(),
            page_tasks: HashMap::new(),
            records: TaskTracker::new(),
        }
    }

    /// Starts the events task, and sends the requests that waited for the shop.
    pub(super) fn open(&mut self, shop: ShopClient, follow: FollowEvents) {
        let task = follow(self.events.clone(), Arc::clone(&self.reconnect));
        self.events_task = Some(tokio::spawn(task).abort_handle());
        self.shop = Some(shop);
        for request in std::mem::take(&mut self.pending) {
            self.send(request);
        }
    }

    pub(super) fn reconnect(&self) {
        self.reconnect.notify_one();
    }

    /// Sends a request; until the shop is open, the newest of each kind waits.
    pub(super) fn send(&mut self, request: Request) {
        let Some(shop) = self.shop.clone() else {
            self.pending
                .retain(|older| discriminant(older) != discriminant(&request));
            self.pending.push(request);
            return;
        };
        let listing = match &request {
            Request::Page { query, .. } => Some(discriminant(query)),
            _ => None,
        };
        let basket = self.basket.as_ref().map(|basket| Arc::clone(&basket.file));
        let task = self.spawn(answer(request, shop, Arc::clone(&self.journal), basket));
        // The answer to an older request of the listing would be ignored.
        if let Some(older) = listing.and_then(|listing| self.page_tasks.insert(listing, task)) {
            older.abort();
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

    /// Runs a task that ends with an event.
    fn spawn(&self, answer: impl Future<Output = Event> + Send + 'static) -> AbortHandle {
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            // Sending fails only after the event loop has ended.
            let _ = events.send(answer.await).await;
        });
        task.abort_handle()
    }

    pub(super) fn load_journal(&self) {
        let (place, journal) = (self.place.clone(), Arc::clone(&self.journal));
        let events = self.events.clone();
        self.spawn(async move {
            let changes = place.changes.as_ref().map(watch::Sender::subscribe);
            let opened = tokio::task::spawn_blocking(move || Journal::open(&place)).await;
            Event::JournalLoaded(match opened {
                Ok(Ok((opened, contents))) => {
                    // A second journal of the same file is not needed.
                    if journal.set(opened).is_ok() {
                        tokio::spawn(follow_journal(journal, changes, events));
                    }
                    Ok(contents)
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            })
        });
    }

    /// Reads the basket of a store, which is the one of all later effects.
    pub(super) fn load_basket(&mut self, store: StoreId) {
        let file = Arc::new(BasketFile::new(&self.place.folder, store));
        self.basket = Some(Basket { store, file });
        self.read_basket();
    }

    pub(super) fn read_basket(&self) {
        if let Some(basket) = &self.basket {
            tokio::spawn(basket.clone().read(self.events.clone()));
        }
    }

    pub(super) fn save_basket(&self, change: BasketChange) {
        let Some(basket) = self.basket.clone() else { return };
        let events = self.events.clone();
        self.records.spawn(async move {
            match write(&basket.file, change).await {
                Ok(()) => {}
                Err(basket_file::Error::Conflict) => basket.read(events).await,
                Err(error) => {
                    let notice = format!("The basket could not be saved: {error}");
                    let _ = events.send(Event::Notice(notice)).await;
                }
            }
        });
    }

    pub(super) fn append_journal(&self, record: Record) {
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

/// The basket of a store on disk.
#[derive(Debug, Clone)]
struct Basket {
    store: StoreId,
    file: Arc<BasketFile>,
}

impl Basket {
    /// Sends what the file has, if that is news.
    async fn read(self, events: mpsc::Sender<Event>) {
        let Self { store, file } = self;
        let Ok(Some((generation, read))) = tokio::task::spawn_blocking(move || file.read()).await else {
            return;
        };
        let result = match read {
            Err(error @ basket_file::Error::Damaged(_)) => {
                let _ = events.send(Event::Notice(error.to_string())).await;
                Ok(SavedBasket::default())
            }
            read => read.map_err(|error| error.to_string()),
        };
        let event = Event::BasketRead {
            store,
            generation,
            result,
        };
        let _ = events.send(event).await;
    }
}

async fn write(file: &Arc<BasketFile>, change: BasketChange) -> Result<(), basket_file::Error> {
    let file = Arc::clone(file);
    let written = tokio::task::spawn_blocking(move || file.write(&change)).await;
    // It fails only if the program is being ended: nothing may be sent then.
    written.unwrap_or(Err(basket_file::Error::Conflict))
}

/// Sends a request, and waits for its answer.
async fn answer(
    request: Request,
    shop: ShopClient,
    journal: Arc<OnceLock<Journal>>,
    basket: Option<Arc<BasketFile>>,
) -> Event {
    match request {
        Request::Topics => Event::TopicsLoaded(parse(shop.topics().await)),
        Request::Page {
            generation,
            query,
            after,
        } => {
            let (after, limit) = (after.as_deref(), limits::PAGE_BOOKS_MAX);
            let response = match &query {
                Query::Topic(topic) | Query::WholeTopic(topic) => shop.search_topic(topic, after, limit).await,
                Query::Search(words) => shop.search_words(words, after, limit).await,
            };
            let result =
                response.and_then(|response| Ok((response.parse()?, response.seq.map(|position| position.seq))));
            Event::PageLoaded { generation, result }
        }
        Request::Book(item) => {
            let result = parse(shop.lookup(item).await);
            Event::BookLoaded { item, result }
        }
        Request::Buy {
            sent,
            resend,
            basket: change,
        } => {
            let (order, deadline) = (sent.order, sent.deadline);
            let Some(lines) = sent.order_lines() else {
                let reason = "it has no lines".to_owned();
                return Event::BuyNotRecorded { order, reason };
            };
            if let (Some(file), Some(change)) = (basket, change)
                && let Err(error) = write(&file, change).await
            {
                let reason = error.to_string();
                return Event::BuyNotRecorded { order, reason };
            }
            if !resend && let Err(reason) = append(journal, Record::Sent(sent)).await {
                return Event::BuyNotRecorded { order, reason };
            }
            let result = parse(shop.buy(lines, Some(order), deadline).await);
            Event::BuyCompleted { order, result }
        }
        Request::Order(order) => {
            let result = parse(shop.find_order(order).await);
            Event::OrderLoaded { order, result }
        }
        Request::Change(sent) => {
            let outcome = change(&sent, &shop).await;
            Event::ChangeCompleted { sent, outcome }
        }
        Request::Health => Event::HealthLoaded(shop.readiness().await),
    }
}

/// Sends a shopkeeper's change until it is decided.
async fn change(sent: &SentChange, shop: &ShopClient) -> ChangeOutcome {
    let found = match &sent.change {
        Change::Ready(_) => Ok(None),
        Change::Price(..) | Change::Add(_) => match parse::<Book>(shop.lookup(sent.item).await) {
            Err(error) if error.code() == Some(Code::UnknownItem) => Ok(None),
            found => found.map(Some),
        },
    };
    let action = found
        .map_err(|error| error.to_string())
        .and_then(|found| sent.change.clone().action(found));
    let action = match action {
        Ok(action) => action,
        Err(why) => return ChangeOutcome::Refused(why),
    };
    let send = || shop.change_book(sent.item, &action, sent.key);
    let why = |last: Result<Response, Error>| match last {
        Ok(response) => response.error().to_string(),
        Err(error) => error.to_string(),
    };
    match send_until_decided(Deadline::after(CHANGE_TIMEOUT), send).await {
        Resolution::Decided(response) if response.is_success() => ChangeOutcome::Done,
        Resolution::Decided(response) => ChangeOutcome::Refused(response.error().to_string()),
        Resolution::NotApplied(last) => ChangeOutcome::Refused(why(last)),
        Resolution::Unknown(last) => ChangeOutcome::Unknown(action, why(last)),
    }
}

/// Forwards what is appended to the journal, until the event loop has ended.
async fn follow_journal(
    journal: Arc<OnceLock<Journal>>,
    mut changes: Option<watch::Receiver<()>>,
    events: mpsc::Sender<Event>,
) {
    let mut poll = tokio::time::interval(JOURNAL_POLL_INTERVAL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let may_have_grown = async {
            match &mut changes {
                Some(changes) => {
                    // The sender lives in the journal.
                    let _ = changes.changed().await;
                }
                None => {
                    poll.tick().await;
                }
            }
        };
        tokio::select! {
            () = may_have_grown => {}
            () = events.closed() => return,
        }
        let journal = Arc::clone(&journal);
        let read = tokio::task::spawn_blocking(move || journal.get().map(Journal::read_new));
        // A file that cannot be read now may be readable later; appending reports what is wrong with it.
        if let Ok(Some(Ok(contents))) = read.await
            && !contents.records.is_empty()
            && events.send(Event::JournalGrew(contents)).await.is_err()
        {
            return;
        }
    }
}

async fn append(journal: Arc<OnceLock<Journal>>, record: Record) -> Result<(), String> {
    let written = tokio::task::spawn_blocking(move || match journal.get() {
        Some(journal) => journal.append(&[record]).map_err(|error| error.to_string()),
        None => Err("the list of your orders is not open".to_owned()),
    });
    written.await.map_err(|error| error.to_string())?
}

fn parse<T: DeserializeOwned>(response: Result<Response, Error>) -> Result<T, Error> {
    response?.parse()
}
