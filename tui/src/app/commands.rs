//! What each command does.

use common::ItemNumber;

use super::layout::Breakpoint;
use super::notices::Severity;
use super::overlay::{Overlay, Picker};
use super::shop::Focus;
use super::shop::WINDOWS;
use super::state::App;
use crate::command::Command;
use crate::effect::{Effect, ExitReason};
use crate::format;
use crate::input::Key;
use crate::screen::Screen;

/// How far one is moved.
#[derive(Debug, Clone, Copy)]
enum Step {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Step {
    fn from(self, at: usize, page: usize, len: usize) -> usize {
        let last = len.saturating_sub(1);
        let page = page.saturating_sub(1).max(1);
        match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at.saturating_add(1).min(last),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at.saturating_add(page).min(last),
            Self::First => 0,
            Self::Last => last,
        }
    }
}

impl App {
    /// Runs a command; `by` the key that was pressed for it, if one was. Event cannot run says why.
    pub(super) fn run(&mut self, command: Command, by: Option<Key>) -> Vec<Effect> {
        if let Some(why) = command.disabled_reason(self) {
            self.notify(Severity::Info, &format!("Cannot {} now: {why}", verb(command)));
            return Vec::new();
        }
        match command {
            Command::Go(screen) => return self.go(screen),
            Command::Up => return self.step(Step::Up),
            Command::Down => return self.step(Step::Down),
            Command::First => return self.step(Step::First),
            Command::Last => return self.step(Step::Last),
            Command::PageUp => return self.step(Step::PageUp),
            Command::PageDown => return self.step(Step::PageDown),
            Command::Left if self.shop.focus != Focus::Topics => self.focus_step(false),
            Command::Right if self.shop.focus != Focus::Detail && self.can_open() => self.focus_step(true),
            Command::Left | Command::Right => {}
            Command::NextPane => self.focus_step(true),
            Command::PreviousPane => self.focus_step(false),
            Command::Open => return self.open(),
            Command::Close => return self.close(),
            Command::Back if self.is_at_home() => return vec![Effect::Exit(ExitReason::UserQuit)],
            Command::Back => return self.close(),
            Command::Find => self.begin_find(),
            Command::Palette => self.overlays.push(Overlay::Palette(Picker::default())),
            Command::Help => self.overlays.push(Overlay::Help { scroll: 0 }),
            Command::Log => self.overlays.push(Overlay::Log { scroll: 0 }),
            Command::Buy => self.open_dialog(by),
            Command::Copy => return self.copy(),
            Command::Refresh => return self.refresh(),
            Command::Reconnect => return vec![Effect::Reconnect],
            Command::Sort => self.sort_by_next(),
            Command::Reverse => self.reverse_sort(),
            Command::StartStop | Command::Pause | Command::Fewer | Command::More => {
                return vec![Effect::AutopilotCommand(command)];
            }
            Command::Freeze | Command::Longer | Command::Shorter | Command::Whole | Command::Expand
                if self.screen == Screen::Autopilot =>
            {
                return vec![Effect::AutopilotCommand(command)];
            }
            Command::Freeze => self.books.set_frozen(!self.books.is_frozen(), self.now.elapsed),
            Command::Longer => self.shop.chart_range = (self.shop.chart_range + 1).min(WINDOWS.len() - 1),
            Command::Shorter => self.shop.chart_range = self.shop.chart_range.saturating_sub(1),
            Command::Whole => self.shop.chart_range = WINDOWS.len() - 1,
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
        self.look_at_services()
    }

    fn step(&mut self, step: Step) -> Vec<Effect> {
        match (self.screen, self.shop.focus) {
            (Screen::Shop, Focus::Topics) => {
                let topics = self.shop.topics.value.as_ref().map_or(0, Vec::len);
                let topic = step.from(self.shop.topic, self.layout.topics.rows, topics);
                self.open_topic(topic)
            }
            (Screen::Shop, Focus::Books | Focus::Detail) => {
                let row = step.from(self.shop.cursor, self.layout.books.rows, self.shop.rows.len());
                self.select_book(row)
            }
            (Screen::Orders, _) => {
                let row = step.from(self.orders.selected, self.layout.orders.rows, self.orders.list.len());
                self.orders.selected = row;
                Vec::new()
            }
            (Screen::Services | Screen::Autopilot, _) => Vec::new(),
        }
    }

    /// Whether Enter leads anywhere.
    pub(super) fn can_open(&self) -> bool {
        match self.screen {
            Screen::Shop => match self.shop.focus {
                Focus::Topics => self.shop.topics.value.as_ref().is_some_and(|topics| !topics.is_empty()),
                Focus::Books => !self.shop.rows.is_empty(),
                Focus::Detail => false,
            },
            Screen::Orders => {
                !self.orders.list.is_empty() && self.breakpoint() == Breakpoint::OnePane && !self.orders.open
            }
            Screen::Autopilot | Screen::Services => false,
        }
    }

    fn open(&mut self) -> Vec<Effect> {
        if !self.can_open() {
            return Vec::new();
        }
        match self.screen {
            Screen::Orders => self.orders.open = true,
            _ => self.focus_step(true),
        }
        Vec::new()
    }

    /// Whether `q` leaves the shop from here.
    pub(super) fn is_at_home(&self) -> bool {
        if self.screen != self.home_screen || !self.overlays.is_empty() {
            return false;
        }
        match self.screen {
            Screen::Shop => self.shop.search.is_none() && self.shop.focus == Focus::Topics,
            Screen::Autopilot => !self.autopilot.status.expanded,
            Screen::Orders => !self.orders.open || self.breakpoint() != Breakpoint::OnePane,
            Screen::Services => true,
        }
    }

    fn close(&mut self) -> Vec<Effect> {
        if let Some(Overlay::Buy(_)) = self.overlays.last() {
            return self.dialog_key(crate::input::KeyEvent::plain(Key::Esc));
        }
        if self.overlays.pop().is_some() {
            return Vec::new();
        }
        match self.screen {
            Screen::Shop if self.shop.focus == Focus::Detail => self.shop.focus = Focus::Books,
            Screen::Shop if self.shop.search.is_some() => self.end_find(),
            Screen::Shop => self.shop.focus = Focus::Topics,
            Screen::Orders if self.orders.open && self.breakpoint() == Breakpoint::OnePane => self.orders.open = false,
            Screen::Autopilot if self.autopilot.status.expanded => {
                return vec![Effect::AutopilotCommand(Command::Close)];
            }
            screen if screen == self.home_screen => {}
            _ => return self.go(self.home_screen),
        }
        Vec::new()
    }

    fn refresh(&mut self) -> Vec<Effect> {
        match self.screen {
            Screen::Shop => self.refresh_shop(),
            Screen::Orders => {
                if self.orders.unsettled() == 0 {
                    self.notify(Severity::Info, "Every order is settled");
                }
                self.ask_unsettled();
                self.ask_due_orders()
            }
            Screen::Autopilot => Vec::new(),
            Screen::Services => {
                self.services.poll_at = None;
                self.look_at_services()
            }
        }
    }

    /// Whether what is on the screen is held still.
    pub fn is_frozen(&self) -> bool {
        match self.screen {
            Screen::Autopilot => self.autopilot.status.frozen,
            _ => self.books.is_frozen(),
        }
    }

    /// The book that is selected on a visible pane.
    pub fn visible_book(&self) -> Option<ItemNumber> {
        let hidden = self.breakpoint() == Breakpoint::OnePane && self.shop.focus == Focus::Topics;
        self.shop
            .selected()
            .filter(|item| self.screen == Screen::Shop && !hidden && self.books.get(*item).is_some())
    }

    /// What `y` copies here.
    pub(super) fn copied(&self) -> Option<String> {
        match self.screen {
            Screen::Shop => {
                let book = self.books.get(self.visible_book()?)?;
                Some(format!("{} {} {}", book.item, book.title, book.cost))
            }
            Screen::Orders => self
                .orders
                .list
                .get(self.orders.selected)
                .map(|purchase| purchase.placed.order.to_string()),
            Screen::Services => Some(self.connection.url.clone()),
            Screen::Autopilot => None,
        }
    }

    fn copy(&mut self) -> Vec<Effect> {
        let Some(text) = self.copied() else { return Vec::new() };
        self.notify(Severity::Info, &format!("Copied: {}", format::truncate(&text, 60, "…")));
        vec![Effect::Copy(text)]
    }
}

fn verb(command: Command) -> String {
    match command {
        Command::Go(screen) => format!("go to {}", screen.name()),
        Command::Longer | Command::Shorter | Command::Whole => "change the chart".to_owned(),
        _ => command.info().label.to_owned(),
    }
}
