//! The behavior of each screen: movement, filter, open, close, refresh and copy.

use std::time::Duration;

use super::filter::Filter;
use super::notices::Severity;
use super::receipt_text;
use super::shop::{Focus, ShopScreen};
use super::state::App;
use super::step::Step;
use crate::command::{Command, Screen};
use crate::effect::Effect;

impl App {
    /// The screen's commands in the hint row, the most useful first.
    pub(super) fn screen_commands(&self) -> &'static [Command] {
        use Command::{
            Add, All, Basket, Buy, Change, Copy, Expand, Fewer, Find, Freeze, Longer, More, Open, Pause, Refresh,
            Shorter, Sort, Start,
        };
        match self.screen {
            Screen::Shop if self.shop.focus == Focus::Topics => &[Open, Find, Buy, Basket, Refresh],
            Screen::Shop => &[
                Buy, Add, Basket, Change, Find, Open, Sort, Copy, Freeze, Expand, Refresh,
            ],
            Screen::Orders => &[Buy, Find, Open, Basket, Copy, Sort, Refresh],
            Screen::Autopilot => &[Start, Pause, Fewer, More, Freeze, Expand, Longer, Shorter, All],
            Screen::Services => &[Refresh, Copy],
        }
    }

    pub(super) fn step(&mut self, step: Step) -> Vec<Effect> {
        match self.screen {
            Screen::Shop => return self.step_in_shop(step),
            Screen::Orders => {
                let (orders, layout) = (&mut self.orders, &self.layout);
                if orders.open {
                    orders.receipt_scroll = step.scroll(orders.receipt_scroll, layout.receipt);
                } else {
                    orders.select(step.apply(orders.selected, layout.orders.rows, orders.rows.len()));
                }
            }
            Screen::Autopilot | Screen::Services => {}
        }
        Vec::new()
    }

    fn step_in_shop(&mut self, step: Step) -> Vec<Effect> {
        if self.shop.focus == Focus::Detail && matches!(step, Step::PageUp | Step::PageDown) {
            self.shop.detail_scroll = step.scroll(self.shop.detail_scroll, self.layout.detail);
            return Vec::new();
        }
        let (topic_rows, book_rows) = (self.layout.topics.rows, self.layout.books.rows);
        self.with_shop(|shop, shared| match shop.focus {
            Focus::Topics => {
                let topics = shop.topics.value.as_ref().map_or(0, Vec::len);
                shop.open_topic(step.apply(shop.topic, topic_rows, topics), shared)
            }
            Focus::Books | Focus::Detail => {
                let moved = match step {
                    Step::Last => shop.jump_to_end(shared),
                    Step::First => shop.return_to_start(shared),
                    _ => None,
                };
                if let Some(effect) = moved {
                    return vec![effect];
                }
                shop.select_book(step.apply(shop.cursor, book_rows, shop.rows.len()), shared)
            }
        })
    }

    /// Moves between the panes.
    pub(super) fn change_pane(&mut self, command: Command) {
        let can_open = self.can_open();
        match (self.screen, command) {
            (Screen::Orders, Command::Left) => self.orders.open = false,
            (Screen::Orders, Command::Right) => self.orders.open |= can_open,
            (Screen::Orders, _) => self.orders.open = can_open,
            (Screen::Shop, Command::Left) if self.shop.focus == Focus::Topics => {}
            (Screen::Shop, Command::Right) if self.shop.focus == Focus::Detail || !can_open => {}
            (Screen::Shop, Command::Right | Command::NextPane) => self.shop.focus = self.shop.focus.next(),
            (Screen::Shop, _) => self.shop.focus = self.shop.focus.previous(),
            (Screen::Autopilot | Screen::Services, _) => {}
        }
    }

    /// Whether keys edit the filter of the screen.
    pub(crate) fn is_editing_filter(&self) -> bool {
        let filter = match self.screen {
            Screen::Shop => self.shop.search.as_ref().map(|search| &search.filter),
            Screen::Orders => self.orders.filter.as_ref(),
            Screen::Autopilot | Screen::Services => None,
        };
        filter.is_some_and(|filter| filter.editing)
    }

    /// The filter of the screen, if there is one.
    pub(super) fn filter_mut(&mut self) -> Option<&mut Filter> {
        match self.screen {
            Screen::Shop => self.shop.search.as_mut().map(|search| &mut search.filter),
            Screen::Orders => self.orders.filter.as_mut(),
            Screen::Autopilot | Screen::Services => None,
        }
    }

    /// Whether "open" does anything.
    pub(super) fn can_open(&self) -> bool {
        match (self.screen, self.shop.focus) {
            (Screen::Shop, Focus::Topics) => self.shop.topics.value.as_ref().is_some_and(|topics| !topics.is_empty()),
            (Screen::Shop, Focus::Books) => !self.shop.rows.is_empty(),
            (Screen::Orders, _) => !self.orders.rows.is_empty() && !self.orders.open,
            (Screen::Shop | Screen::Autopilot | Screen::Services, _) => false,
        }
    }

    /// Opens the selection; only called when [`can_open`](Self::can_open).
    pub(super) fn open_selection(&mut self) {
        match self.screen {
            Screen::Orders => self.orders.open = true,
            Screen::Shop => self.shop.focus = self.shop.focus.next(),
            Screen::Autopilot | Screen::Services => {}
        }
    }

    /// Whether "back" closes something on the screen before it leaves the screen.
    pub(super) fn can_close(&self) -> bool {
        match self.screen {
            Screen::Shop => self.shop.search.is_some() || self.shop.focus != Focus::Topics,
            Screen::Orders => self.orders.open || self.orders.filter.is_some(),
            Screen::Autopilot => self.autopilot.status.expanded,
            Screen::Services => false,
        }
    }

    /// Closes the innermost pane, filter or chart; only called when [`can_close`](Self::can_close).
    pub(super) fn close_opened(&mut self) -> Vec<Effect> {
        match self.screen {
            Screen::Shop if self.shop.focus == Focus::Detail => self.shop.focus = Focus::Books,
            Screen::Shop if self.shop.search.is_some() => self.with_shop(ShopScreen::end_search),
            Screen::Shop => self.shop.focus = Focus::Topics,
            Screen::Orders if self.orders.open => (self.orders.open, self.orders.receipt_scroll) = (false, 0),
            Screen::Orders => self.orders.end_filter(),
            Screen::Autopilot => return vec![Effect::AutopilotCommand(Command::Close)],
            Screen::Services => {}
        }
        Vec::new()
    }

    pub(super) fn refresh(&mut self) -> Vec<Effect> {
        match self.screen {
            Screen::Shop => self.with_shop(|shop, shared| shop.refresh(shared)),
            Screen::Orders => {
                if self.orders.pending_count() == 0 {
                    self.notify(Severity::Info, "No order is pending");
                }
                self.check_orders_now()
            }
            Screen::Services => {
                self.services.poll_at = None;
                self.services.poll(self.now.elapsed)
            }
            Screen::Autopilot => Vec::new(),
        }
    }

    /// The text that "copy" puts on the clipboard.
    pub(super) fn copy_text(&self) -> Option<String> {
        match self.screen {
            Screen::Shop => {
                let book = self.books.get(self.visible_book()?)?;
                Some(format!("{} {} {}", book.item, book.title, book.cost))
            }
            Screen::Orders => Some(receipt_text::text(self.orders.selected()?)),
            Screen::Services => Some(self.connection.url.clone()),
            Screen::Autopilot => None,
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        match self.screen {
            Screen::Autopilot => self.autopilot.status.frozen,
            Screen::Shop | Screen::Orders | Screen::Services => self.books.is_frozen(),
        }
    }

    /// Polls the services while their screen is shown.
    pub(super) fn poll_services(&mut self) -> Vec<Effect> {
        match self.screen {
            Screen::Services => self.services.poll(self.now.elapsed),
            Screen::Shop | Screen::Orders | Screen::Autopilot => Vec::new(),
        }
    }

    /// When the screen needs its next tick.
    pub(super) fn screen_wake(&self) -> Option<Duration> {
        let health = &self.services.health;
        let wakes = [
            self.services.poll_at,
            health.next_wake(self.now.elapsed, self.reduced_motion),
        ];
        let wake = wakes.into_iter().flatten().min();
        wake.filter(|_| self.screen == Screen::Services)
    }
}
