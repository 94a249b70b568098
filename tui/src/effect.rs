//! What the shop wants done in the world, and who does it. Every effect ends in a message, or in nothing to tell.

use std::mem::discriminant;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::client::{Error, Response, ShopClient};
use common::{ItemNumber, OrderId, limits};
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::app::Command;
use crate::journal::{Journal, Line, Placed};
use crate::live;
use crate::message::What;

/// Something to be done outside of the program's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Leave: the person went back from the first screen.
    Leave,
    /// Leave: the person wants out at once.
    Quit,
    /// Hand the terminal back and stop until the shell continues the program.
    Suspend,
    /// Let the autopilot's screen run one of its commands.
    Fly(Command),
    /// Draw every cell anew.
    Redraw,
    /// Put a text on the terminal's clipboard.
    Copy(String),
    /// Read the orders that earlier sessions left.
    Remember,
    /// Ask for the topics.
    LoadTopics,
    /// Ask for a page of books.
    LoadPage {
        /// Which listing asks; a newer page of the same slot replaces an older one on its way.
        generation: u64,
        /// Which of the listings it is.
        slot: Slot,
        /// What is searched.
        query: Query,
        /// Where the last page ended.
        after: Option<String>,
    },
    /// Ask for one book.
    LoadBook(ItemNumber),
    /// Send an order. Unless it is `again`, it is written down first, and not sent if that fails.
    Buy {
        /// The order.
        placed: Placed,
        /// Whether it is written down already.
        again: bool,
    },
    /// Ask what became of an order. Never sends it.
    AskOrder(OrderId),
    /// Write down how an order ended.
    Record(Line),
    /// Ask whether the front-end is ready, and what it counts.
    LoadServices,
    /// Make the connection of the events anew.
    Reconnect,
}

/// The two listings that fill independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The topic on the shelf.
    Shelf,
    /// What was found in the whole shop.
    Found,
}

/// What a listing shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The books of a topic.
    Topic(String),
    /// The books whose words begin like these.
    Words(String),
}

/// Runs effects beside the screen.
#[derive(Debug)]
pub struct Runner {
    shop: Option<ShopClient>,
    /// What was asked of the shop before it was open.
    waiting: Vec<Effect>,
    follower: Option<AbortHandle>,
    news: mpsc::Sender<What>,
    journal: Arc<OnceLock<Journal>>,
    data_folder: PathBuf,
    reconnect: Arc<Notify>,
    pages: [Option<AbortHandle>; 2],
    records: TaskTracker,
}

impl Runner {
    /// Of a shop that is not open yet; the answers go to `news`.
    pub fn new(news: mpsc::Sender<What>, data_folder: PathBuf) -> Self {
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
    pub fn open(&mut self, shop: ShopClient) {
        let events = live::follow(shop.clone(), self.news.clone(), Arc::clone(&self.reconnect));
        self.follower = Some(tokio::spawn(events).abort_handle());
        self.shop = Some(shop);
        for effect in std::mem::take(&mut self.waiting) {
            self.run(effect);
        }
    }

    /// Begins one effect. Those of the terminal are not its business.
    pub fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Leave | Effect::Quit | Effect::Suspend | Effect::Redraw | Effect::Copy(_) | Effect::Fly(_) => {}
            Effect::Remember => self.remember(),
            Effect::Record(line) => self.record(line),
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
            Effect::LoadTopics => self.ask(shop, |shop| async move { What::Topics(read(shop.topics().await)) }),
            Effect::LoadPage {
                generation,
                slot,
                query,
                after,
            } => self.load_page(shop, generation, slot, query, after),
            Effect::LoadBook(item) => self.ask(shop, move |shop| async move {
                let result = read(shop.lookup(item).await);
                What::Book { item, result }
            }),
            Effect::Buy { placed, again } => self.buy(shop, placed, again),
            Effect::AskOrder(order) => self.ask(shop, move |shop| async move {
                let result = read(shop.find_order(order).await);
                What::Order { order, result }
            }),
            Effect::LoadServices => {
                self.ask(shop, |shop| async move { What::Health(read(shop.ready().await)) });
                self.ask(shop, |shop| async move {
                    What::Metrics(shop.metrics().await.and_then(|answer| text(&answer)))
                });
            }
            _ => {}
        }
    }

    /// Follows no events any more, and waits for what is being written down, but not for ever.
    pub async fn finish(&self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
        self.records.close();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.records.wait()).await;
    }

    fn ask<F>(&self, shop: &ShopClient, question: impl FnOnce(ShopClient) -> F)
    where
        F: Future<Output = What> + Send + 'static,
    {
        let asking = question(shop.clone());
        let news = self.news.clone();
        tokio::spawn(async move {
            // Nobody listens any more only when the shop is being left.
            let _ = news.send(asking.await).await;
        });
    }

    fn load_page(&mut self, shop: &ShopClient, generation: u64, slot: Slot, query: Query, after: Option<String>) {
        let (shop, news) = (shop.clone(), self.news.clone());
        let task = tokio::spawn(async move {
            let limit = limits::PAGE_BOOKS_MAX;
            let answer = match &query {
                Query::Topic(topic) => shop.search_topic(topic, after.as_deref(), limit).await,
                Query::Words(words) => shop.search_words(words, after.as_deref(), limit).await,
            };
            let result = answer.and_then(|answer| Ok((answer.parse()?, answer.seq)));
            let _ = news.send(What::Page { generation, result }).await;
        });
        let place = match slot {
            Slot::Shelf => &mut self.pages[0],
            Slot::Found => &mut self.pages[1],
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
                Ok(Ok((journal, memory))) => {
                    // It is opened once; a second one would only read the same lines again.
                    let _ = place.set(journal);
                    Ok(memory)
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let _ = news.send(What::Remembered(outcome)).await;
        });
    }

    fn buy(&self, shop: &ShopClient, placed: Placed, again: bool) {
        let (shop, news, journal) = (shop.clone(), self.news.clone(), Arc::clone(&self.journal));
        tokio::spawn(async move {
            let order = placed.order;
            let (item, quantity, deadline) = (placed.item, placed.quantity, placed.deadline);
            if !again && let Err(why) = append(journal, Line::Placed(placed)).await {
                let _ = news.send(What::NotRecorded { order, why }).await;
                return;
            }
            let result = read(shop.buy(item, quantity, Some(order), deadline).await);
            let _ = news.send(What::Bought { order, result }).await;
        });
    }

    fn record(&self, line: Line) {
        let (news, journal) = (self.news.clone(), Arc::clone(&self.journal));
        self.records.spawn(async move {
            if let Err(why) = append(journal, line).await {
                // No harm is done: the next start asks for the order again.
                let _ = news
                    .send(What::Notice(format!("The receipt could not be kept: {why}")))
                    .await;
            }
        });
    }
}

async fn append(journal: Arc<OnceLock<Journal>>, line: Line) -> Result<(), String> {
    let written = tokio::task::spawn_blocking(move || match journal.get() {
        Some(journal) => journal.append(&line).map_err(|error| error.to_string()),
        None => Err("the list of your orders is not open".to_owned()),
    });
    written.await.map_err(|error| error.to_string())?
}

fn read<T: DeserializeOwned>(answer: Result<Response, Error>) -> Result<T, Error> {
    answer?.parse()
}

fn text(answer: &Response) -> Result<String, Error> {
    if answer.is_success() {
        return Ok(String::from_utf8_lossy(&answer.body).into_owned());
    }
    answer.parse::<serde_json::Value>().map(|value| value.to_string())
}
