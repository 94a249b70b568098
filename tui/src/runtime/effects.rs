//! Runs effects beside the screen. Every effect ends in an event, or in nothing to report.

use std::mem::discriminant;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::client::{Error, Response, ShopClient};
use common::limits;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::effect::{Effect, ListingKind, Query};
use crate::journal::{Journal, PlacedOrder, Record};
use crate::live;
use crate::message::Event;

/// Runs effects beside the screen.
#[derive(Debug)]
pub(super) struct Runner {
    shop: Option<ShopClient>,
    /// What was asked of the shop before it was open.
    waiting: Vec<Effect>,
    follower: Option<AbortHandle>,
    news: mpsc::Sender<Event>,
    journal: Arc<OnceLock<Journal>>,
    data_folder: PathBuf,
    reconnect: Arc<Notify>,
    pages: [Option<AbortHandle>; 2],
    records: TaskTracker,
}

impl Runner {
    /// Of a shop that is not open yet; the answers go to `news`.
    pub(super) fn new(news: mpsc::Sender<Event>, data_folder: PathBuf) -> Self {
        Self {
            shop: None,
            waiting: Vec::new(),
            follower: None,
            news,
            journal: Arc::default(),
            data_folder,
            reconnect: Arc::default(),
            pages: [None, None],
            records: TaskTracker::new(),
        }
    }

    /// The shop is open: follows its events, and asks it what was to be asked meanwhile.
    pub(super) fn open(&mut self, shop: ShopClient) {
        let events = live::forward_events(shop.clone(), self.news.clone(), Arc::clone(&self.reconnect));
        self.follower = Some(tokio::spawn(events).abort_handle());
        self.shop = Some(shop);
        for effect in std::mem::take(&mut self.waiting) {
            self.run(effect);
        }
    }

    /// Begins one effect. Those of the terminal are not its business.
    pub(super) fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Exit(_) | Effect::Suspend | Effect::Redraw | Effect::Copy(_) | Effect::AutopilotCommand(_) => {}
            Effect::LoadJournal => self.remember(),
            Effect::AppendJournal(line) => self.record(line),
            Effect::Reconnect => self.reconnect.notify_one(),
            effect => match self.shop.clone() {
                Some(shop) => self.ask_shop(&shop, effect),
                None => self.wait(effect),
            },
        }
    }

    /// Of each kind only the newest question counts.
    fn wait(&mut self, effect: Effect) {
        self.waiting
            .retain(|older| discriminant(older) != discriminant(&effect));
        self.waiting.push(effect);
    }

    fn ask_shop(&mut self, shop: &ShopClient, effect: Effect) {
        match effect {
            Effect::LoadTopics => self.ask(
                shop,
                |shop| async move { Event::TopicsLoaded(read(shop.topics().await)) },
            ),
            Effect::LoadPage {
                generation,
                listing,
                query,
                after,
            } => self.load_page(shop, generation, listing, query, after),
            Effect::LoadBook(item) => self.ask(shop, move |shop| async move {
                let result = read(shop.lookup(item).await);
                Event::BookLoaded { item, result }
            }),
            Effect::Buy { placed, resend } => self.buy(shop, placed, resend),
            Effect::FindOrder(order) => self.ask(shop, move |shop| async move {
                let result = read(shop.find_order(order).await);
                Event::OrderLoaded { order, result }
            }),
            Effect::LoadServices => {
                self.ask(
                    shop,
                    |shop| async move { Event::HealthLoaded(read(shop.ready().await)) },
                );
            }
            _ => {}
        }
    }

    /// Follows no events any more, and waits for what is being written down, but not for ever.
    pub(super) async fn finish(&self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
        self.records.close();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.records.wait()).await;
    }

    fn ask<F>(&self, shop: &ShopClient, question: impl FnOnce(ShopClient) -> F)
    where
        F: Future<Output = Event> + Send + 'static,
    {
        let asking = question(shop.clone());
        let news = self.news.clone();
        tokio::spawn(async move {
            // Nobody listens any more only when the shop is being left.
            let _ = news.send(asking.await).await;
        });
    }

    fn load_page(
        &mut self,
        shop: &ShopClient,
        generation: u64,
        listing: ListingKind,
        query: Query,
        after: Option<String>,
    ) {
        let (shop, news) = (shop.clone(), self.news.clone());
        let task = tokio::spawn(async move {
            let limit = limits::PAGE_BOOKS_MAX;
            let answer = match &query {
                Query::Topic(topic) => shop.search_topic(topic, after.as_deref(), limit).await,
                Query::Words(words) => shop.search_words(words, after.as_deref(), limit).await,
            };
            let result = answer.and_then(|answer| Ok((answer.parse()?, answer.seq)));
            let _ = news.send(Event::PageLoaded { generation, result }).await;
        });
        let place = match listing {
            ListingKind::Topic => &mut self.pages[0],
            ListingKind::Search => &mut self.pages[1],
        };
        if let Some(older) = place.replace(task.abort_handle()) {
            older.abort();
        }
    }

    fn remember(&self) {
        let (folder, news, place) = (self.data_folder.clone(), self.news.clone(), Arc::clone(&self.journal));
        tokio::spawn(async move {
            let opened = tokio::task::spawn_blocking(move || Journal::open(&folder)).await;
            let outcome = match opened {
                Ok(Ok((journal, contents))) => {
                    // It is opened once; a second one would only read the same lines again.
                    let _ = place.set(journal);
                    Ok(contents)
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let _ = news.send(Event::JournalLoaded(outcome)).await;
        });
    }

    fn buy(&self, shop: &ShopClient, placed: PlacedOrder, resend: bool) {
        let (shop, news, journal) = (shop.clone(), self.news.clone(), Arc::clone(&self.journal));
        tokio::spawn(async move {
            let order = placed.order;
            let (item, quantity, deadline) = (placed.item, placed.quantity, placed.deadline);
            if !resend && let Err(why) = append(journal, Record::Placed(placed)).await {
                let _ = news.send(Event::BuyNotRecorded { order, reason: why }).await;
                return;
            }
            let result = read(shop.buy(item, quantity, Some(order), deadline).await);
            let _ = news.send(Event::BuyCompleted { order, result }).await;
        });
    }

    fn record(&self, line: Record) {
        let (news, journal) = (self.news.clone(), Arc::clone(&self.journal));
        self.records.spawn(async move {
            if let Err(why) = append(journal, line).await {
                // No harm is done: the next start asks for the order again.
                let _ = news
                    .send(Event::Notice(format!("The receipt could not be kept: {why}")))
                    .await;
            }
        });
    }
}

async fn append(journal: Arc<OnceLock<Journal>>, line: Record) -> Result<(), String> {
    let written = tokio::task::spawn_blocking(move || match journal.get() {
        Some(journal) => journal.append(&line).map_err(|error| error.to_string()),
        None => Err("the list of your orders is not open".to_owned()),
    });
    written.await.map_err(|error| error.to_string())?
}

fn read<T: DeserializeOwned>(answer: Result<Response, Error>) -> Result<T, Error> {
    answer?.parse()
}
