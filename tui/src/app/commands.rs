//! The effects of each command.

use common::ItemNumber;

use super::layout::Breakpoint;
use super::notices::Severity;
use super::overlay::{Overlay, Picker};
use super::shop::{CHART_RANGES_S, Focus, ShopScreen};
use super::state::App;
use super::step::Step;
use crate::command::{Command, Screen};
use crate::effect::{Effect, ExitReason};
use crate::format;
use crate::input::{Key, KeyEvent};

impl App {
    /// Runs a command; `by` is the pressed key, `None` for a click. A disabled command notifies the user of the reason.
    pub(super) fn run(&mut self, command: Command, by: Option<Key>) -> Vec<Effect> {
        if let Some(reason) = command.disabled_reason(self) {
            self.notify(Severity::Info, &format!("Cannot {} now: {reason}", verb(command)));
            return Vec::new();
        }
        match command {
            Command::Go(screen) => return self.go(screen),
            Command::Up | Command::Down | Command::First | Command::Last | Command::PageUp | Command::PageDown => {
                return Step::of(command).map_or_else(Vec::new, |step| self.step(step));
            }
            Command::Left | Command::Right | Command::NextPane | Command::PaneBefore => self.change_pane(command),
            Command::Open if self.can_open() => self.open_selection(),
            Command::Open => {}
            Command::Close => return self.close(),
            Command::Back if self.is_at_home() => return vec![Effect::Exit(ExitReason::UserQuit)],
            Command::Back => return self.close(),
            Command::Find if self.screen == Screen::Orders => self.orders.start_filter(),
            Command::Find => return self.with_shop(ShopScreen::start_search),
            Command::Commands => self.overlays.push(Overlay::Palette(Picker::default())),
            Command::Help => self.overlays.push(Overlay::Help { scroll: 0 }),
            Command::Messages => self.overlays.push(Overlay::Log { scroll: 0 }),
            Command::Buy if self.screen == Screen::Orders && self.orders.has_several_books() => {
                return self.refill_basket();
            }
            Command::Buy => return self.open_buy_dialog(by),
            Command::Add => return self.add_to_basket(),
            Command::Basket => return self.open_basket(),
            Command::Change => self.open_change_dialog(false, by),
            Command::AddBook => self.open_change_dialog(true, by),
            Command::Copy => return self.copy(),
            Command::Refresh => return self.refresh(),
            Command::Reconnect => return vec![Effect::Reconnect],
            Command::Sort | Command::Reverse if self.screen == Screen::Orders => self.sort_orders(command),
            Command::Sort => self.with_shop(ShopScreen::sort_by_next_column),
            Command::Reverse => self.with_shop(ShopScreen::reverse_sort),
            Command::Start => return self.start_or_stop_run(by),
            Command::Pause | Command::Fewer | Command::More => {
                return vec![Effect::AutopilotCommand(command)];
            }
            _ if command.is_for_charts() && self.screen == Screen::Autopilot => {
                return vec![Effect::AutopilotCommand(command)];
            }
            Command::Freeze => self.books.set_frozen(!self.books.is_frozen(), self.now.elapsed),
            Command::Longer => self.shop.chart_range = (self.shop.chart_range + 1).min(CHART_RANGES_S.len() - 1),
            Command::Shorter => self.shop.chart_range = self.shop.chart_range.saturating_sub(1),
            Command::All => self.shop.chart_range = CHART_RANGES_S.len() - 1,
            Command::Expand => self.overlays.push(Overlay::Chart),
            Command::Redraw => return vec![Effect::Redraw],
            Command::Suspend => return vec![Effect::Suspend],
            Command::Quit => return vec![Effect::Exit(ExitReason::Interrupted)],
        }
        Vec::new()
    }

    fn go(&mut self, screen: Screen) -> Vec<Effect> {
        self.overlays.clear();
        self.screen = screen;
        self.services.poll_at = None;
        self.poll_services()
    }

    /// Whether "back" exits the shop.
    pub(super) fn is_at_home(&self) -> bool {
        self.screen == self.home_screen && self.overlays.is_empty() && !self.can_close()
    }

    /// Closes the topmost overlay, else the innermost pane or filter, else goes to the home screen.
    fn close(&mut self) -> Vec<Effect> {
        match self.overlays.last() {
            Some(Overlay::Buy(_)) => return self.handle_buy_key(KeyEvent::plain(Key::Esc)),
            Some(Overlay::Change(_)) => {
                self.leave_change_step();
                return Vec::new();
            }
            _ => {}
        }
        if self.overlays.pop().is_some() {
            Vec::new()
        } else if self.can_close() {
            self.close_opened()
        } else if self.screen == self.home_screen {
            Vec::new()
        } else {
            self.go(self.home_screen)
        }
    }

    /// The selected book, if its pane is visible.
    pub(crate) fn visible_book(&self) -> Option<ItemNumber> {
        let is_hidden = self.breakpoint() == Breakpoint::OnePane && self.shop.focus == Focus::Topics;
        self.shop
            .selected()
            .filter(|item| self.screen == Screen::Shop && !is_hidden && self.books.get(*item).is_some())
    }

    fn sort_orders(&mut self, command: Command) {
        if command == Command::Sort {
            self.orders.sort_by_next_column();
        } else {
            self.orders.reverse_sort();
        }
        let reversed = if self.orders.sort_reversed { ", reversed" } else { "" };
        let text = format!("Sorted by {}{reversed}", self.orders.sort.name());
        self.notify(Severity::Info, &text);
    }

    fn copy(&mut self) -> Vec<Effect> {
        let Some(text) = self.copy_text() else {
            return Vec::new();
        };
        let notice = match text.lines().count() {
            0 | 1 => format!("Copied: {}", format::truncate(&text, 60, "…")),
            _ => "Copied the receipt".to_owned(),
        };
        self.notify(Severity::Info, &notice);
        vec![Effect::Copy(text)]
    }
}

fn verb(command: Command) -> String {
    match command {
        Command::Go(screen) => format!("go to {}", screen.name()),
        Command::Add => "put it into the basket".to_owned(),
        Command::Longer | Command::Shorter | Command::All => "change the chart".to_owned(),
        _ => command.info().label.to_owned(),
    }
}
