//! Where a key, a click, the wheel or a pasted text goes.

use super::layout::Target;
use super::overlay::{Overlay, Picker};
use super::shop::Focus;
use super::state::App;
use super::text_input::{Typed, paste_into, type_into};
use crate::command::{Command, palette};
use crate::effect::Effect;
use crate::input::{InputEvent, Key, KeyEvent, MouseAction, MouseEvent};
use crate::screen::Screen;

/// How many rows the wheel moves.
const WHEEL_ROWS: usize = 3;

impl App {
    pub(super) fn input(&mut self, event: InputEvent) -> Vec<Effect> {
        match event {
            InputEvent::Key(key) => self.key(key),
            InputEvent::Mouse(mouse) => self.mouse(mouse),
            InputEvent::Paste(text) => self.paste(&text),
            InputEvent::Resized { columns, rows } => {
                self.size = (columns, rows);
                Vec::new()
            }
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        // These work wherever one is.
        if let Some(command @ (Command::Quit | Command::Suspend | Command::Redraw)) = self.keymap.command(key) {
            return self.run(command, None);
        }
        match self.overlays.last() {
            Some(Overlay::Buy(_)) => self.dialog_key(key),
            Some(Overlay::Palette(_)) => self.palette_key(key),
            Some(Overlay::Help { .. } | Overlay::Log { .. }) => {
                self.scroll_key(key);
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
                    | Command::Whole
                    | Command::Freeze
                    | Command::Up
                    | Command::Down),
                ) => self.run(command, Some(key.key)),
                _ => Vec::new(),
            },
            None if self.is_editing_search() => self.find_key(key),
            None => match self.keymap.command(key) {
                Some(command) => self.run(command, Some(key.key)),
                None => Vec::new(),
            },
        }
    }

    /// Whether keys go into the filter's text.
    pub fn is_editing_search(&self) -> bool {
        self.screen == Screen::Shop && self.shop.search.as_ref().is_some_and(|find| find.editing)
    }

    fn palette_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(Overlay::Palette(picker)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        let commands = palette(picker.input.value());
        match key.key {
            Key::Esc => {
                self.overlays.pop();
            }
            Key::Enter => {
                let chosen = commands.get(picker.selected).copied();
                return chosen
                    .map(|command| self.run_from_palette(command, Some(key.key)))
                    .unwrap_or_default();
            }
            Key::Up | Key::BackTab => picker.selected = picker.selected.saturating_sub(1),
            Key::Down | Key::Tab => picker.selected = (picker.selected + 1).min(commands.len().saturating_sub(1)),
            _ => {
                if type_into(&mut picker.input, key) == Typed::Changed {
                    picker.selected = 0;
                }
            }
        }
        Vec::new()
    }

    fn run_from_palette(&mut self, command: Command, by: Option<Key>) -> Vec<Effect> {
        let overlay = self.overlays.pop();
        if command.disabled_reason(self).is_some() {
            // The row says why; the palette stays to choose another.
            self.overlays.extend(overlay);
            return Vec::new();
        }
        self.run(command, by)
    }

    fn scroll_key(&mut self, key: KeyEvent) {
        let page = usize::from(self.size.1.saturating_sub(8)).max(1);
        let own = match self.overlays.last() {
            Some(Overlay::Help { .. }) => Command::Help,
            _ => Command::Log,
        };
        match self.keymap.command(key) {
            Some(Command::Close | Command::Back) => {
                self.overlays.pop();
            }
            Some(command) if command == own => {
                self.overlays.pop();
            }
            Some(Command::Up) => self.scroll_overlay(|scroll| scroll.saturating_sub(1)),
            Some(Command::Down) => self.scroll_overlay(|scroll| scroll + 1),
            Some(Command::PageUp) => self.scroll_overlay(|scroll| scroll.saturating_sub(page)),
            Some(Command::PageDown) => self.scroll_overlay(|scroll| scroll + page),
            Some(Command::First) => self.scroll_overlay(|_| 0),
            Some(Command::Last) => self.scroll_overlay(|_| usize::MAX / 2),
            _ => {}
        }
    }

    fn scroll_overlay(&mut self, to: impl Fn(usize) -> usize) {
        let lines = match self.overlays.last() {
            Some(Overlay::Help { .. }) => Command::ALL.len() + 12,
            _ => self.notices.log.len(),
        };
        if let Some(Overlay::Help { scroll } | Overlay::Log { scroll }) = self.overlays.last_mut() {
            *scroll = to(*scroll).min(lines.saturating_sub(1));
        }
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        match self.overlays.last_mut() {
            Some(Overlay::Palette(picker)) => {
                paste_into(&mut picker.input, text);
                picker.selected = 0;
            }
            // A pasted text is no key: nothing is run or bought by it.
            Some(_) => {}
            None => return self.paste_into_find(text),
        }
        Vec::new()
    }

    fn paste_into_find(&mut self, text: &str) -> Vec<Effect> {
        match &mut self.shop.search {
            Some(find) if find.editing && self.screen == Screen::Shop => paste_into(&mut find.input, text),
            _ => return Vec::new(),
        }
        self.find_changed()
    }

    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let Some(target) = self.layout.at(mouse.column, mouse.row) else {
            return Vec::new();
        };
        match mouse.action {
            MouseAction::Click => self.click(target),
            MouseAction::WheelUp => self.wheel(target, true),
            MouseAction::WheelDown => self.wheel(target, false),
        }
    }

    fn click(&mut self, target: Target) -> Vec<Effect> {
        match target {
            Target::Tab(screen) => self.run(Command::Go(screen), None),
            Target::Command(Command::Open) if matches!(self.overlays.last(), Some(Overlay::Palette(_))) => {
                self.palette_key(KeyEvent::plain(Key::Enter))
            }
            Target::Command(Command::Open) if self.is_editing_search() => self.find_key(KeyEvent::plain(Key::Enter)),
            Target::Command(command) => self.run(command, None),
            Target::Pane(focus) => {
                self.leave_text();
                self.shop.focus = focus;
                Vec::new()
            }
            Target::Topic(index) => {
                self.leave_text();
                self.shop.focus = Focus::Topics;
                self.open_topic(index)
            }
            Target::Book(row) => {
                self.leave_text();
                self.shop.focus = Focus::Books;
                if self.shop.cursor == row {
                    return self.run(Command::Open, None);
                }
                self.select_book(row)
            }
            Target::Order(row) => {
                self.orders.selected = row.min(self.orders.list.len().saturating_sub(1));
                Vec::new()
            }
            Target::Field(field) => self.dialog_click(field),
            Target::Palette(row) => {
                let Some(Overlay::Palette(Picker { input, selected })) = self.overlays.last_mut() else {
                    return Vec::new();
                };
                *selected = row;
                let chosen = palette(input.value()).get(row).copied();
                chosen
                    .map(|command| self.run_from_palette(command, None))
                    .unwrap_or_default()
            }
            Target::Overlay | Target::Nothing => Vec::new(),
        }
    }

    fn leave_text(&mut self) {
        if let Some(find) = &mut self.shop.search {
            find.editing = false;
        }
    }

    fn wheel(&mut self, target: Target, up: bool) -> Vec<Effect> {
        let step = |at: usize| {
            if up {
                at.saturating_sub(WHEEL_ROWS)
            } else {
                at + WHEEL_ROWS
            }
        };
        match target {
            Target::Topic(_) | Target::Pane(Focus::Topics) => {
                let last = self
                    .shop
                    .topics
                    .value
                    .as_ref()
                    .map_or(0, |topics| topics.len().saturating_sub(1));
                self.open_topic(step(self.shop.topic).min(last))
            }
            Target::Book(_) | Target::Pane(Focus::Books) => self.select_book(step(self.shop.cursor)),
            Target::Order(_) => {
                self.orders.selected = step(self.orders.selected).min(self.orders.list.len().saturating_sub(1));
                Vec::new()
            }
            Target::Palette(_) => {
                if let Some(Overlay::Palette(picker)) = self.overlays.last_mut() {
                    let last = palette(picker.input.value()).len().saturating_sub(1);
                    picker.selected = step(picker.selected).min(last);
                }
                Vec::new()
            }
            Target::Field(_) => {
                self.dialog_wheel(up);
                Vec::new()
            }
            Target::Overlay => {
                self.scroll_overlay(step);
                Vec::new()
            }
            Target::Tab(_) | Target::Command(_) | Target::Pane(Focus::Detail) | Target::Nothing => Vec::new(),
        }
    }
}
