//! Routes keys, clicks, the wheel and pasted text to the overlay, the search or the screen.

use super::layout::Target;
use super::overlay::Overlay;
use super::shop::{Focus, ShopScreen};
use super::state::App;
use super::step::Step;
use super::text_input::{edit, paste};
use crate::command::{Command, Screen, palette};
use crate::effect::Effect;
use crate::input::{InputEvent, Key, KeyEvent, MouseAction, MouseEvent};

/// Rows that one step of the wheel moves.
const WHEEL_ROWS: usize = 3;

impl App {
    pub(super) fn handle_input(&mut self, event: InputEvent) -> Vec<Effect> {
        match event {
            InputEvent::Key(key) => self.handle_key(key),
            InputEvent::Mouse(mouse) => self.handle_mouse(mouse),
            InputEvent::Paste(text) => self.handle_paste(&text),
            InputEvent::Resized { columns, rows } => {
                self.size = (columns, rows);
                Vec::new()
            }
        }
    }

    fn handle_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        // These commands work everywhere, also in dialogs and text fields.
        if let Some(command @ (Command::Quit | Command::Suspend | Command::Redraw)) = self.keymap.command(key) {
            return self.run(command, None);
        }
        match self.overlays.last() {
            Some(Overlay::Buy(_)) => self.handle_buy_key(key),
            Some(Overlay::Basket) => self.handle_basket_key(key),
            Some(Overlay::StartRun(_)) => self.handle_run_dialog_key(key),
            Some(Overlay::Change(_)) => self.handle_change_key(key),
            Some(Overlay::Palette(_)) => self.handle_palette_key(key),
            Some(Overlay::Help { .. } | Overlay::Log { .. }) => {
                self.handle_scroll_key(key);
                Vec::new()
            }
            Some(Overlay::Chart) => match self.keymap.command(key) {
                Some(Command::Back | Command::Expand | Command::Close) => {
                    self.overlays.pop();
                    Vec::new()
                }
                Some(
                    command @ (Command::Longer
                    | Command::Shorter
                    | Command::All
                    | Command::Freeze
                    | Command::Up
                    | Command::Down),
                ) => self.run(command, Some(key.key)),
                _ => Vec::new(),
            },
            None if self.is_editing_filter() => self.handle_filter_key(key),
            None => {
                let command = self.keymap.command(key);
                command.map_or_else(Vec::new, |command| self.run(command, Some(key.key)))
            }
        }
    }

    fn handle_filter_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if self.screen == Screen::Orders {
            self.orders.handle_filter_key(key);
            return Vec::new();
        }
        self.with_shop(|shop, shared| shop.handle_search_key(key, shared))
    }

    fn handle_palette_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(Overlay::Palette(picker)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        let commands = palette(picker.input.value());
        match key.key {
            Key::Esc => {
                self.overlays.pop();
            }
            Key::Enter => {
                let row = picker.selected;
                return self.run_from_palette(row, Some(key.key));
            }
            Key::Up | Key::BackTab => picker.selected = picker.selected.saturating_sub(1),
            Key::Down | Key::Tab => picker.selected = (picker.selected + 1).min(commands.len().saturating_sub(1)),
            _ => {
                if edit(&mut picker.input, key) {
                    picker.selected = 0;
                }
            }
        }
        Vec::new()
    }

    /// Runs the command in a row of the palette, and closes the palette unless the command is disabled.
    fn run_from_palette(&mut self, row: usize, by: Option<Key>) -> Vec<Effect> {
        let Some(Overlay::Palette(picker)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        picker.selected = row;
        let command = palette(picker.input.value()).get(row).copied();
        let overlay = self.overlays.pop();
        match command {
            Some(command) if command.disabled_reason(self).is_none() => self.run(command, by),
            _ => {
                self.overlays.extend(overlay);
                Vec::new()
            }
        }
    }

    fn handle_scroll_key(&mut self, key: KeyEvent) {
        let page = usize::from(self.size.1.saturating_sub(8)).max(1) + 1;
        let toggle = match self.overlays.last() {
            Some(Overlay::Help { .. }) => Command::Help,
            _ => Command::Messages,
        };
        match self.keymap.command(key) {
            Some(command) if matches!(command, Command::Close | Command::Back) || command == toggle => {
                self.overlays.pop();
            }
            Some(command) if let Some(step) = Step::of(command) => {
                self.scroll_overlay(|scroll, lines| step.apply(scroll, page, lines));
            }
            _ => {}
        }
    }

    fn scroll_overlay(&mut self, to: impl Fn(usize, usize) -> usize) {
        let lines = match self.overlays.last() {
            Some(Overlay::Help { .. }) => Command::all().count() + 12,
            _ => self.notices.log.len(),
        };
        if let Some(Overlay::Help { scroll } | Overlay::Log { scroll }) = self.overlays.last_mut() {
            *scroll = to(*scroll, lines).min(lines.saturating_sub(1));
        }
    }

    fn handle_paste(&mut self, text: &str) -> Vec<Effect> {
        match self.overlays.last_mut() {
            Some(Overlay::Palette(picker)) => {
                paste(&mut picker.input, text);
                picker.selected = 0;
            }
            Some(Overlay::Change(_)) => self.paste_into_change(text),
            // Pasted text is not a key press: it never runs a command or confirms a purchase.
            Some(_) => {}
            None => return self.paste_into_filter(text),
        }
        Vec::new()
    }

    fn paste_into_filter(&mut self, text: &str) -> Vec<Effect> {
        let Some(filter) = self.filter_mut().filter(|filter| filter.editing) else {
            return Vec::new();
        };
        filter.paste(text);
        if self.screen == Screen::Orders {
            self.orders.filter_changed();
            return Vec::new();
        }
        self.with_shop(ShopScreen::search_changed)
    }

    fn handle_mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let Some(target) = self.layout.at(mouse.column, mouse.row) else {
            return Vec::new();
        };
        match mouse.action {
            MouseAction::Click => self.handle_click(target),
            MouseAction::WheelUp => self.handle_wheel(target, true),
            MouseAction::WheelDown => self.handle_wheel(target, false),
        }
    }

    fn handle_click(&mut self, target: Target) -> Vec<Effect> {
        match target {
            Target::Tab(screen) => self.run(Command::Go(screen), None),
            Target::Command(Command::Open) if matches!(self.overlays.last(), Some(Overlay::Palette(_))) => {
                self.handle_palette_key(KeyEvent::plain(Key::Enter))
            }
            Target::Command(Command::Open) if self.is_editing_filter() => {
                self.handle_filter_key(KeyEvent::plain(Key::Enter))
            }
            Target::Command(Command::Buy) if matches!(self.overlays.last(), Some(Overlay::Basket)) => {
                self.open_checkout(None)
            }
            Target::Command(command) => self.run(command, None),
            Target::Pane(focus) => {
                self.stop_editing();
                self.shop.focus = focus;
                Vec::new()
            }
            Target::Topic(index) => {
                self.stop_editing();
                self.shop.focus = Focus::Topics;
                self.with_shop(|shop, shared| shop.open_topic(index, shared))
            }
            Target::Book(row) => {
                self.stop_editing();
                self.shop.focus = Focus::Books;
                if self.shop.cursor == row {
                    return self.run(Command::Open, None);
                }
                self.with_shop(|shop, shared| shop.select_book(row, shared))
            }
            Target::Order(row) => {
                self.stop_editing();
                self.orders.select(row);
                Vec::new()
            }
            Target::BasketLine(row) => {
                self.basket.select(row);
                Vec::new()
            }
            Target::BuyField(field) => self.handle_buy_click(field),
            Target::RunField(field) => self.handle_run_dialog_click(field),
            Target::ChangeField(field) => self.handle_change_click(field),
            Target::Palette(row) => self.run_from_palette(row, None),
            Target::Overlay | Target::Nothing => Vec::new(),
        }
    }

    fn stop_editing(&mut self) {
        if let Some(filter) = self.filter_mut() {
            filter.editing = false;
        }
    }

    fn handle_wheel(&mut self, target: Target, up: bool) -> Vec<Effect> {
        let step = |at: usize| {
            if up {
                at.saturating_sub(WHEEL_ROWS)
            } else {
                at + WHEEL_ROWS
            }
        };
        match target {
            Target::Topic(_) | Target::Pane(Focus::Topics) => {
                let topics = self.shop.topics.value.as_ref().map_or(0, Vec::len);
                let topic = step(self.shop.topic).min(topics.saturating_sub(1));
                self.with_shop(|shop, shared| shop.open_topic(topic, shared))
            }
            Target::Book(_) | Target::Pane(Focus::Books) => {
                let row = step(self.shop.cursor);
                self.with_shop(|shop, shared| shop.select_book(row, shared))
            }
            Target::Order(_) => {
                self.orders.select(step(self.orders.selected));
                Vec::new()
            }
            Target::Palette(_) => {
                if let Some(Overlay::Palette(picker)) = self.overlays.last_mut() {
                    let last = palette(picker.input.value()).len().saturating_sub(1);
                    picker.selected = step(picker.selected).min(last);
                }
                Vec::new()
            }
            Target::BasketLine(_) => {
                self.basket.select(step(self.basket.selected));
                Vec::new()
            }
            Target::BuyField(_) => {
                self.handle_buy_wheel(up);
                Vec::new()
            }
            Target::Overlay => {
                self.scroll_overlay(|scroll, _| step(scroll));
                Vec::new()
            }
            Target::Tab(_)
            | Target::Command(_)
            | Target::Pane(Focus::Detail)
            | Target::RunField(_)
            | Target::ChangeField(_)
            | Target::Nothing => Vec::new(),
        }
    }
}
