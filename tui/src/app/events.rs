//! Handles events of the connection, of single books, and of the clock.

use std::time::Duration;

use common::client::{Error, ShopEvent, StreamItem};
use common::wire::{Book, Hello, StockEvent};
use common::{Code, ItemNumber};

use super::autopilot::RunStatus;
use super::books::StockVisibility;
use super::buy_dialog::Goods;
use super::connection::StreamState;
use super::notices::Severity;
use super::remote_data::SPINNER_FRAME;
use super::sanitize::sanitized;
use super::shop::ShopScreen;
use super::state::App;
use crate::command::Screen;
use crate::effect::{Effect, Request};
use crate::journal::JournalContents;

/// Time between two redraws of a chart when nothing else changes.
const CHART_STEP: Duration = Duration::from_secs(1);

impl App {
    pub(super) fn handle_started(&mut self) -> Vec<Effect> {
        self.orders.journal.start(self.now.elapsed);
        let mut effects = vec![Effect::LoadJournal];
        effects.extend(self.with_shop(|shop, shared| shop.load_topics(shared)));
        effects.extend(self.poll_services());
        effects
    }

    pub(super) fn handle_opened(&mut self, shop_name: &str, url: String, is_shopkeeper: bool) {
        (self.connection.shop_name, self.connection.url) = (sanitized(&shop_name), url);
        self.connection.is_shopkeeper = is_shopkeeper;
        self.autopilot.available = match self.connection.is_remote {
            true => Err("it is not offered over SSH".to_owned()),
            false => Ok(()),
        };
    }

    pub(super) fn handle_stream(&mut self, item: StreamItem<ShopEvent>) -> Vec<Effect> {
        // A stock event changes the screen only if its book is shown.
        self.dirty |= !matches!(item, StreamItem::Event(ShopEvent::Stock(_)));
        match item {
            StreamItem::Connecting { attempt } => self.connection.stream = StreamState::Connecting { attempt },
            StreamItem::Connected {
                hello,
                after,
                store_changed,
            } => return self.handle_connected(hello, after.is_some() && !store_changed),
            StreamItem::Event(ShopEvent::Stock(event)) => return self.handle_stock(event),
            StreamItem::Event(ShopEvent::Resync(resync)) => {
                // An older copy of the store was restored: books on the screen may come from entries that no longer exist.
                let is_older = resync.seq < self.connection.head;
                self.connection.head = resync.seq;
                self.connection.live_from = resync.seq;
                let mut effects = self.with_shop(|shop, shared| match is_older {
                    true => shop.reset(shared),
                    false => shop.refresh(shared),
                });
                effects.extend(self.load_basket_books(true));
                return effects;
            }
            StreamItem::Event(ShopEvent::Upstream(upstream)) => {
                let was_live = std::mem::replace(&mut self.connection.upstream_live, upstream.live);
                if upstream.live && !was_live {
                    self.notify(Severity::Success, "The shop can reach its catalog again");
                } else if was_live && !upstream.live {
                    let text = "The shop cannot reach its catalog; prices and stock may be out of date";
                    self.notify(Severity::Warning, text);
                }
            }
            StreamItem::Disconnected {
                error,
                attempt,
                retry_in,
            } => {
                let reason = sanitized(&error);
                if self.connection.stream == StreamState::Live {
                    self.notify(Severity::Warning, &format!("Connection lost: {reason}"));
                }
                self.connection.stream = StreamState::Waiting {
                    attempt,
                    retry_at: self.now.elapsed + retry_in,
                    reason,
                };
            }
        }
        Vec::new()
    }

    fn handle_stock(&mut self, event: StockEvent) -> Vec<Effect> {
        self.connection.head = self.connection.head.max(event.seq);
        self.connection.stock_events = self.connection.stock_events.saturating_add(1);
        self.dirty |= self.screen == Screen::Services;
        let item = event.item;
        match self.books.apply(event, self.now.elapsed) {
            StockVisibility::Unlisted => {
                if !self.shop.is_loading_books() && self.basket.requested.is_empty() {
                    self.books.clear_early_events();
                }
                // A withdrawn book of the basket may have been added again.
                if self.basket.line(item).is_some() && self.basket.requested.insert(item) {
                    self.dirty = true;
                    return vec![Effect::Send(Request::Book(item))];
                }
            }
            // The dialog and the hints follow the newest stock even while the screen is frozen.
            StockVisibility::Hidden => self.dirty |= self.books.is_frozen(),
            StockVisibility::Visible => self.dirty = true,
        }
        Vec::new()
    }

    fn handle_connected(&mut self, hello: Hello, resumed: bool) -> Vec<Effect> {
        let before = self.connection.store.replace(hello.store);
        let is_reconnect = matches!(
            self.connection.stream,
            StreamState::Waiting { .. } | StreamState::Connecting { attempt: 2.. }
        );
        self.connection.stream = StreamState::Live;
        self.connection.upstream_live = true;
        let store_changed = before.is_some_and(|before| before != hello.store);
        let old_head = self.connection.head;
        self.connection.head = if store_changed {
            hello.seq
        } else {
            old_head.max(hello.seq)
        };
        if !resumed || store_changed {
            self.connection.live_from = hello.seq;
        }
        let mut effects = if store_changed {
            let text = "The shop now uses another store; everything is loaded again";
            self.notify(Severity::Warning, text);
            self.with_shop(ShopScreen::reset)
        } else {
            if is_reconnect && before.is_some() {
                self.notify(Severity::Success, "Connected again");
            }
            self.with_shop(|shop, shared| {
                let mut effects = shop.retry_failed(true, shared);
                if !resumed {
                    effects.extend(shop.refresh_listings(shared, |listing| {
                        !listing.data.is_loading() && listing.read_seq.is_some_and(|read| read < hello.seq)
                    }));
                }
                effects
            })
        };
        effects.extend(self.load_basket(hello.store));
        effects.extend(self.load_basket_books(!resumed));
        effects.extend(self.check_orders_now());
        effects
    }

    /// Looks up every pending order.
    pub(super) fn check_orders_now(&mut self) -> Vec<Effect> {
        self.with_orders(|orders, shared| {
            orders.schedule_checks(shared);
            orders.check_due(shared)
        })
    }

    pub(super) fn handle_journal(&mut self, result: Result<JournalContents, String>) -> Vec<Effect> {
        self.with_orders(|orders, shared| orders.handle_journal(result, shared));
        if self.orders.journal.is_failed() {
            return Vec::new();
        }
        if let Some(dialog) = self.buy_dialog() {
            dialog.error = None;
        }
        self.check_orders_now()
    }

    pub(super) fn handle_new_records(&mut self, contents: JournalContents) {
        self.with_orders(|orders, shared| orders.handle_new_records(contents, shared));
    }

    pub(super) fn handle_book(&mut self, item: ItemNumber, result: Result<Book, Error>) {
        let in_basket = self.basket.line(item).is_some();
        let mut is_wanted = in_basket;
        self.basket.requested.remove(&item);
        if let Some(dialog) = self.buy_dialog()
            && let Goods::Book {
                item: wanted, loading, ..
            } = &mut dialog.goods
            && *wanted == item
            && std::mem::take(loading)
        {
            is_wanted = true;
            dialog.error = match &result {
                Err(error) if error.code() != Some(Code::UnknownItem) => Some(sanitized(error)),
                _ => None,
            };
        }
        match result {
            Ok(book) if book.item == item && (self.books.get(item).is_some() || is_wanted) => {
                self.books.upsert(&book, self.now.elapsed);
                self.basket.withdrawn.remove(&item);
                if let Some(book) = self.books.get(item) {
                    self.basket.note_book(book);
                }
            }
            Err(error) if error.code() == Some(Code::UnknownItem) => {
                if in_basket {
                    self.basket.withdrawn.insert(item);
                }
                if let Some(title) = self.books.get(item).map(|book| book.title.clone()) {
                    self.notify(Severity::Info, &format!("{title} has left the catalog"));
                    self.books.remove(item);
                    self.shop.remove_book(item);
                    self.shop.rebuild_rows(&self.books);
                }
            }
            // The stock shown is right; title and cost follow with the next refresh.
            Ok(_) | Err(_) => {}
        }
    }

    pub(super) fn handle_store_closed(&mut self, reason: &str) {
        let text = format!("The shop's store is closed for good: {reason}");
        self.notify(Severity::Error, &text);
        self.connection.store_closed = Some(sanitized(&reason));
    }

    /// Stores the status of the run; on another screen, a notice reports its end.
    pub(super) fn handle_run_status(&mut self, status: RunStatus) {
        let before = std::mem::replace(&mut self.autopilot.status, status);
        if before.running && !status.running && self.screen != Screen::Autopilot {
            let screen = self.screen_and_key(Screen::Autopilot);
            self.notify(
                Severity::Info,
                &format!("The autopilot's run has ended; {screen} shows its numbers"),
            );
        }
    }

    pub(super) fn handle_tick(&mut self) -> Vec<Effect> {
        let now = self.now.elapsed;
        self.notices.expire(now);
        self.books.expire_highlights(now);
        let mut effects = self.with_shop(|shop, shared| shop.retry_failed(false, shared));
        if self.orders.journal.is_due(now) {
            self.orders.journal.start(now);
            effects.push(Effect::LoadJournal);
        }
        effects.extend(self.with_orders(|orders, shared| orders.check_due(shared)));
        effects.extend(self.poll_services());
        effects
    }

    /// When the next [`crate::message::Event::Tick`] is due, because the screen changes with time or a request is due.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        let now = self.now.elapsed;
        let still = self.reduced_motion;
        [
            self.notices.toast.as_ref().map(|(_, until)| *until),
            self.books.next_wake(),
            self.connection.next_wake(now),
            self.shop.topics.next_wake(now, still),
            self.orders.journal.next_wake(now, still),
            self.orders.next_wake(),
            (!still && self.orders.is_waiting()).then_some(now + SPINNER_FRAME),
            self.is_chart_moving().then_some(now + CHART_STEP),
            self.screen_wake(),
        ]
        .into_iter()
        .chain(self.shop.listings().map(|listing| listing.data.next_wake(now, still)))
        .flatten()
        .min()
    }

    /// Whether the chart of the visible book has points that time moves.
    fn is_chart_moving(&self) -> bool {
        let history = self.visible_book().and_then(|item| self.books.history(item));
        let (Some(history), Some(range)) = (history, self.shop.chart_range()) else {
            return false;
        };
        let oldest_visible = self.now.elapsed.saturating_sub(range);
        !self.books.is_frozen()
            && history.points.len() > 1
            && history.points.back().is_some_and(|(at, _)| *at >= oldest_visible)
    }
}
