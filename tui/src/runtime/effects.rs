//! Runs effects in their own tasks. An effect sends its result as an event, if it has one.

mod basket;
mod journal;
mod request;

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::client::ShopClient;
use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::effect::{Query, Request};
use crate::journal::{Journal, JournalLocation};
use crate::message::Event;
use basket::Basket;

/// Longest delay of the exit by writes to disk.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Forwards the shop's events to an event loop until its receiver is dropped. A notification reconnects at once.
pub(crate) type FollowEvents = Box<dyn FnOnce(mpsc::Sender<Event>, Arc<Notify>) -> BoxFuture<'static, ()> + Send>;

#[derive(Debug)]
pub(super) struct EffectRunner {
    shop: Option<ShopClient>,
    /// Requests to send when the shop is open.
    pub(super) pending: Vec<Request>,
    events_task: Option<AbortHandle>,
    events: mpsc::Sender<Event>,
    journal: Arc<OnceLock<Journal>>,
    /// The file of the basket, with its store; `None` before the first connection.
    basket: Option<Basket>,
    location: JournalLocation,
    reconnect: Arc<Notify>,
    /// The pending page requests, one for each kind of query.
    page_tasks: HashMap<Discriminant<Query>, AbortHandle>,
    /// Writes to the journal and to the basket's file.
    writes: TaskTracker,
}

impl EffectRunner {
    /// A runner without an open shop. It sends results to `events`.
    pub(super) fn new(events: mpsc::Sender<Event>, location: JournalLocation) -> Self {
        Self {
            shop: None,
            pending: Vec::new(),
            events_task: None,
            events,
            journal: Arc::default(),
            basket: None,
            location,
            reconnect: Arc::default(),
            page_tasks: HashMap::new(),
            writes: TaskTracker::new(),
        }
    }

    /// Starts to follow the shop's events, and sends the pending requests.
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

    /// Sends a request. Until the shop is open, keeps the newest request of each kind.
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
        let task = self.spawn(request::perform(request, shop, Arc::clone(&self.journal), basket));
        // The answer to an older request of the listing would be ignored.
        if let Some(older) = listing.and_then(|listing| self.page_tasks.insert(listing, task)) {
            older.abort();
        }
    }

    /// Stops to follow the shop's events, and waits up to [`SHUTDOWN_TIMEOUT`] for writes to disk.
    pub(super) async fn shut_down(&self) {
        if let Some(task) = &self.events_task {
            task.abort();
        }
        self.writes.close();
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.writes.wait()).await;
    }

    /// Starts a task, and sends its result to the event loop.
    fn spawn(&self, result: impl Future<Output = Event> + Send + 'static) -> AbortHandle {
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            // Sending fails only after the event loop has ended.
            let _ = events.send(result.await).await;
        });
        task.abort_handle()
    }
}
