//! What arrives from the world by itself: the event stream, single books, health, and the passing of time.

use std::time::Duration;

use common::client::Error;
use common::wire::{Book, Health, Hello};
use common::{Code, ItemNumber, text};

use super::books::StockChange;
use super::connection::StreamState;
use super::notices::Severity;
use super::remote_data::{LoadState, SPINNER_FRAME};
use super::services::POLL;
use super::state::App;
use crate::effect::Effect;
use crate::message::StreamEvent;
use crate::screen::Screen;

/// How often a chart moves on when nothing else does.
const CHART_STEP: Duration = Duration::from_secs(1);

impl App {
    pub(super) fn started(&mut self) -> Vec<Effect> {
        self.orders.journal.start(self.now.elapsed);
        let mut effects = vec![Effect::LoadJournal];
        effects.extend(self.load_topics());
        effects.extend(self.look_at_services());
        effects
    }

    pub(super) fn opened(&mut self, store_name: &str, url: String, autopilot: Result<(), String>) -> Vec<Effect> {
        self.connection.store_name = text::sanitize(store_name).into_owned();
        (self.connection.url, self.autopilot.available) = (url, autopilot);
        Vec::new()
    }

    pub(super) fn live(&mut self, news: StreamEvent) -> Vec<Effect> {
        if !matches!(news, StreamEvent::StockChanged(_)) {
            self.dirty = true;
        }
        match news {
            StreamEvent::Connecting { attempt } => {
                self.connection.stream = StreamState::Connecting { attempt };
                Vec::new()
            }
            StreamEvent::Connected { hello, resumed } => self.connected(hello, resumed),
            StreamEvent::StockChanged(moved) => {
                self.connection.head = self.connection.head.max(moved.seq);
                self.connection.stock_events = self.connection.stock_events.saturating_add(1);
                self.dirty |= self.screen == Screen::Services;
                match self.books.apply(moved, self.now.elapsed) {
                    StockChange::Unlisted => {
                        if !self.shop.listings().any(|listing| listing.data.is_loading()) {
                            self.books.clear_early_events();
                        }
                        Vec::new()
                    }
                    StockChange::Hidden => {
                        // The dialog shows the newest number even while the screen is held still.
                        self.dirty |= !self.overlays.is_empty();
                        Vec::new()
                    }
                    StockChange::Visible { reload } => {
                        self.dirty = true;
                        reload.then_some(Effect::LoadBook(moved.item)).into_iter().collect()
                    }
                }
            }
            StreamEvent::Resync(seq) => {
                self.connection.head = self.connection.head.max(seq);
                self.connection.live_from = seq;
                self.refresh_shop()
            }
            StreamEvent::Upstream(live) => {
                if live != self.connection.upstream_live {
                    self.connection.upstream_live = live;
                    let (severity, text) = if live {
                        (Severity::Success, "The shop has its catalog back")
                    } else {
                        (
                            Severity::Warning,
                            "The shop lost its catalog; prices and stock may be old",
                        )
                    };
                    self.notify(severity, text);
                }
                Vec::new()
            }
            StreamEvent::Disconnected {
                attempt,
                retry_in,
                reason,
            } => {
                let reason = text::sanitize(&reason).into_owned();
                if self.connection.stream == StreamState::Live {
                    self.notify(Severity::Warning, &format!("Connection lost: {reason}"));
                }
                self.connection.stream = StreamState::Waiting {
                    attempt,
                    retry_at: self.now.elapsed + retry_in,
                    reason,
                };
                Vec::new()
            }
        }
    }

    fn connected(&mut self, hello: Hello, resumed: bool) -> Vec<Effect> {
        let before = self.connection.store.replace(hello.store);
        let again = matches!(
            self.connection.stream,
            StreamState::Waiting { .. } | StreamState::Connecting { attempt: 2.. }
        );
        self.connection.stream = StreamState::Live;
        self.connection.upstream_live = true;
        let another = before.is_some_and(|before| before != hello.store);
        self.connection.head = if another {
            hello.seq
        } else {
            self.connection.head.max(hello.seq)
        };
        if again && before.is_some() && !another {
            self.notify(Severity::Success, "Connected again");
        }
        let mut effects = Vec::new();
        if another {
            self.notify(
                Severity::Warning,
                "This is another store now; everything is read afresh",
            );
            self.connection.live_from = hello.seq;
            effects.extend(self.forget_shop());
        } else if resumed {
            effects.extend(self.retry_shop(true));
        } else {
            self.connection.live_from = hello.seq;
            effects.extend(self.retry_shop(true));
            let joined = self.connection.live_from;
            effects.extend(self.refresh_listings(|listing| {
                !listing.data.is_loading() && listing.read_seq.is_some_and(|read| read < joined)
            }));
        }
        self.ask_unsettled();
        effects.extend(self.ask_due_orders());
        effects
    }

    pub(super) fn book_arrived(&mut self, item: ItemNumber, result: Result<Book, Error>) -> Vec<Effect> {
        match result {
            Ok(book) if book.item == item && self.books.get(item).is_some() => {
                self.books.upsert(book, self.now.elapsed);
            }
            Err(error) if error.code() == Some(Code::UnknownItem) => {
                if let Some(title) = self.books.get(item).map(|book| book.title.clone()) {
                    self.notify(Severity::Info, &format!("{title} has left the catalog"));
                    self.books.remove(item);
                    self.shop.withdraw(item);
                    self.rebuild_rows();
                }
            }
            // The number on the screen is right; the rest follows with the next refresh.
            Ok(_) | Err(_) => {}
        }
        Vec::new()
    }

    pub(super) fn store_ended(&mut self, why: &str) -> Vec<Effect> {
        let why = text::sanitize(why).into_owned();
        self.notify(Severity::Error, &format!("The shop's store is closed for good: {why}"));
        self.connection.store_closed = Some(why);
        Vec::new()
    }

    /// Polls the services if their screen is shown and the time has come.
    pub(super) fn look_at_services(&mut self) -> Vec<Effect> {
        let now = self.now.elapsed;
        if self.screen != Screen::Services {
            self.services.poll_at = None;
            return Vec::new();
        }
        if self.services.health.is_loading() || self.services.poll_at.is_some_and(|at| at > now) {
            return Vec::new();
        }
        self.services.health.start(now);
        self.services.poll_at = None;
        vec![Effect::LoadServices]
    }

    pub(super) fn health_arrived(&mut self, result: Result<Health, Error>) -> Vec<Effect> {
        let now = self.now.elapsed;
        let clean = |text: &str| text::sanitize(text).into_owned();
        match result {
            Ok(health) => {
                let rows = self.services.rows(&health, now);
                self.services.health.succeed(Ok(rows), now);
            }
            Err(Error::Problem(problem)) => self.services.health.succeed(Err(clean(&problem.detail)), now),
            Err(error) => self.services.health.fail(clean(&error.to_string()), now),
        }
        self.services.poll_at = Some(match self.services.health.state {
            LoadState::Failed { retry_at, .. } => retry_at,
            _ => now + POLL,
        });
        Vec::new()
    }

    pub(super) fn tick(&mut self) -> Vec<Effect> {
        let now = self.now.elapsed;
        self.notices.fade(now);
        self.books.fade(now);
        let mut effects = self.retry_shop(false);
        if self.orders.journal.is_due(now) {
            self.orders.journal.start(now);
            effects.push(Effect::LoadJournal);
        }
        effects.extend(self.ask_due_orders());
        effects.extend(self.look_at_services());
        effects
    }

    /// When something on the screen changes by itself, or something is to be asked again.
    pub fn wake_at(&self) -> Option<Duration> {
        let now = self.now.elapsed;
        let still = self.reduced_motion;
        let listings = [
            self.shop.topic_listing.as_ref(),
            self.shop.search.as_ref().and_then(|find| find.results.as_ref()),
        ];
        let mut moments = vec![
            self.notices.toast.as_ref().map(|(_, until)| *until),
            self.books.wake_at(),
            self.connection.wake_at(now),
            self.shop.topics.wake_at(now, still),
            self.orders.journal.wake_at(now, still),
            self.orders.wake_at(),
            self.services.poll_at,
            self.services
                .health
                .wake_at(now, still)
                .filter(|_| self.screen == Screen::Services),
            self.orders
                .is_anything_on_its_way()
                .then(|| now + SPINNER_FRAME)
                .filter(|_| !still),
            self.is_chart_moving().then_some(now + CHART_STEP),
        ];
        moments.extend(
            listings
                .into_iter()
                .flatten()
                .map(|listing| listing.data.wake_at(now, still)),
        );
        moments.into_iter().flatten().min()
    }

    /// Whether the chart of the visible book still has something to move out on its left.
    fn is_chart_moving(&self) -> bool {
        let Some(track) = self.visible_book().and_then(|item| self.books.history(item)) else {
            return false;
        };
        let Some(window) = self.shop.chart_range() else {
            return false;
        };
        let oldest_in_sight = self.now.elapsed.saturating_sub(window);
        !self.books.is_frozen()
            && self.screen == Screen::Shop
            && track.points.len() > 1
            && track.points.back().is_some_and(|(at, _)| *at >= oldest_in_sight)
    }
}
