//! The hint row: the keys that work here and now, out of the list of commands.

use super::layout::Target;
use super::overlay::Overlay;
use super::shop::Focus;
use super::state::App;
use crate::command::Command;
use crate::screen::Screen;

/// One entry of the hint row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The key.
    pub keys: String,
    /// What it does.
    pub label: String,
    /// What a click does, where that is something.
    pub target: Option<Target>,
    /// Whether it can run now.
    pub enabled: bool,
}

impl App {
    /// The keys that work here and now, the most useful first.
    pub fn hints(&self) -> Vec<Hint> {
        let fixed = |keys: &str, label: &str, command: Option<Command>| Hint {
            keys: keys.to_owned(),
            label: label.to_owned(),
            target: command.map(Target::Command),
            enabled: true,
        };
        match self.overlays.last() {
            Some(Overlay::Buy(dialog)) if dialog.confirmed => vec![fixed("Esc", "close", Some(Command::Close))],
            Some(Overlay::Buy(dialog)) => {
                let ready = self.buy_disabled_reason(dialog).is_none();
                vec![
                    Hint {
                        enabled: ready,
                        ..fixed("y", "buy", None)
                    },
                    fixed("Esc", "cancel", Some(Command::Close)),
                    fixed("Tab", "next", None),
                    fixed("+ -", "copies", None),
                    fixed("0-9", "number", None),
                ]
            }
            Some(Overlay::Palette(_)) => vec![
                fixed("Enter", "run", Some(Command::Open)),
                fixed("↑ ↓", "choose", None),
                fixed("Esc", "close", Some(Command::Close)),
            ],
            Some(Overlay::Help { .. } | Overlay::Log { .. }) => vec![
                fixed("Esc", "close", Some(Command::Close)),
                fixed("↑ ↓", "scroll", None),
                fixed("PgUp PgDn", "page", None),
            ],
            Some(Overlay::Chart) => vec![
                fixed("Esc", "close", Some(Command::Close)),
                fixed(self.keymap.keys(Command::Longer), "longer", Some(Command::Longer)),
                fixed(self.keymap.keys(Command::Shorter), "shorter", Some(Command::Shorter)),
                fixed(self.keymap.keys(Command::Whole), "all", Some(Command::Whole)),
                fixed(self.keymap.keys(Command::Freeze), "freeze", Some(Command::Freeze)),
            ],
            None if self.is_editing_search() => vec![
                fixed("Enter", "to the list", Some(Command::Open)),
                fixed("↑ ↓", "choose", None),
                fixed("Esc", "clear", Some(Command::Close)),
            ],
            None => self.screen_hints(),
        }
    }

    fn screen_hints(&self) -> Vec<Hint> {
        let common = [Command::Palette, Command::Help, Command::Back];
        let own: &[Command] = match self.screen {
            Screen::Shop if self.shop.focus == Focus::Topics => {
                &[Command::Open, Command::Find, Command::Buy, Command::Refresh]
            }
            Screen::Shop => &[
                Command::Buy,
                Command::Find,
                Command::Open,
                Command::Sort,
                Command::Copy,
                Command::Freeze,
                Command::Expand,
                Command::Refresh,
            ],
            Screen::Orders => &[Command::Copy, Command::Refresh, Command::Open],
            Screen::Autopilot => &[
                Command::StartStop,
                Command::Pause,
                Command::Fewer,
                Command::More,
                Command::Freeze,
                Command::Expand,
                Command::Longer,
                Command::Shorter,
                Command::Whole,
            ],
            Screen::Services => &[Command::Refresh, Command::Copy],
        };
        let reconnect = (!self.connection.is_live()).then_some(Command::Reconnect);
        own.iter()
            .copied()
            .filter(|command| match command {
                Command::Open => self.can_open(),
                // Before the first run there is nothing to hold still or to look at more closely.
                Command::Pause => self.autopilot.status.running,
                _ if self.screen == Screen::Autopilot && command.info().group == "Charts" => {
                    self.autopilot.status.has_run
                }
                _ => true,
            })
            .chain(reconnect)
            .chain(common)
            .map(|command| Hint {
                keys: self
                    .keymap
                    .keys(command)
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                label: match command {
                    Command::Back if self.is_at_home() => "quit".to_owned(),
                    Command::Freeze if self.is_frozen() => "let go".to_owned(),
                    Command::StartStop if self.autopilot.status.running => "stop".to_owned(),
                    Command::Pause if self.autopilot.status.paused => "go on".to_owned(),
                    _ => command.info().label.to_owned(),
                },
                target: Some(Target::Command(command)),
                enabled: command.disabled_reason(self).is_none(),
            })
            .collect()
    }
}
