//! The hint row: the keys that work here and now, from the list of commands.

use super::change_dialog::ChangeStep;
use super::layout::Target;
use super::overlay::Overlay;
use super::state::App;
use crate::command::{Command, Screen};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) keys: String,
    pub(crate) label: String,
    /// The target of a click.
    pub(crate) target: Option<Target>,
    /// Whether the command can run now.
    pub(crate) enabled: bool,
}

impl App {
    /// The keys that work here and now, the most useful first.
    pub(crate) fn hints(&self) -> Vec<Hint> {
        let fixed = |keys: &str, label: &str, command: Option<Command>| Hint {
            keys: keys.to_owned(),
            label: label.to_owned(),
            target: command.map(Target::Command),
            enabled: true,
        };
        match self.overlays.last() {
            Some(Overlay::Buy(dialog)) if dialog.confirmed => {
                let remove = (!self.removable_books(dialog).is_empty()).then(|| fixed("x", "remove", None));
                let close = fixed("Esc", "close", Some(Command::Close));
                remove.into_iter().chain([close]).collect()
            }
            Some(Overlay::Buy(dialog)) => {
                let ready = self.buy_disabled_reason(dialog).is_none();
                let remove = (!self.removable_books(dialog).is_empty()).then(|| fixed("x", "remove", None));
                let copies = [fixed("+ -", "copies", None), fixed("0-9", "number", None)];
                let buttons = [
                    Hint {
                        enabled: ready,
                        ..fixed("y", "buy", None)
                    },
                    fixed("Esc", "cancel", Some(Command::Close)),
                    fixed("Tab", "next", None),
                ];
                let copies = copies.into_iter().filter(|_| dialog.book().is_some());
                buttons.into_iter().chain(remove).chain(copies).collect()
            }
            Some(Overlay::Basket) => {
                let close = fixed("Esc", "close", Some(Command::Close));
                if self.basket.lines().is_empty() {
                    return vec![close];
                }
                let buy = fixed(self.keymap.first_key(Command::Buy), "check out", Some(Command::Buy));
                vec![
                    Hint {
                        enabled: self.checkout_disabled_reason().is_none(),
                        ..buy
                    },
                    close,
                    fixed("x", "remove", None),
                    fixed("+ -", "copies", None),
                    fixed("0-9", "number", None),
                    fixed("↑ ↓", "choose", None),
                ]
            }
            Some(Overlay::StartRun(dialog)) => {
                let start = if dialog.host.is_some() { "Enter" } else { "y" };
                vec![
                    Hint {
                        enabled: dialog.can_start(),
                        ..fixed(start, "start", None)
                    },
                    fixed("Esc", "cancel", Some(Command::Close)),
                    fixed("Tab", "next", None),
                ]
            }
            Some(Overlay::Change(dialog)) => {
                let (key, label) = match dialog.step {
                    ChangeStep::Editing => ("y", "save"),
                    ChangeStep::ConfirmingWithdrawal => ("y", "withdraw"),
                    ChangeStep::Unknown(..) => ("y", "ask again"),
                    ChangeStep::Sent(_) => return vec![fixed("Esc", "close", Some(Command::Close))],
                };
                let enabled = self.changing_disabled_reason().is_none();
                vec![
                    Hint {
                        enabled,
                        ..fixed(key, label, None)
                    },
                    fixed("Esc", "cancel", Some(Command::Close)),
                    fixed("Tab", "next", None),
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
                fixed(self.keymap.keys(Command::All), "all", Some(Command::All)),
                fixed(self.keymap.keys(Command::Freeze), "freeze", Some(Command::Freeze)),
            ],
            None if self.is_editing_filter() => vec![
                fixed("Enter", "to the list", Some(Command::Open)),
                fixed("↑ ↓", "choose", None),
                fixed("Esc", "clear", Some(Command::Close)),
            ],
            None => self.screen_hints(),
        }
    }

    fn screen_hints(&self) -> Vec<Hint> {
        let reconnect = (!self.connection.is_live()).then_some(Command::Reconnect);
        self.screen_commands()
            .iter()
            .copied()
            .filter(|command| self.is_hint_useful(*command))
            .chain(reconnect)
            .chain([Command::Commands, Command::Help, Command::Back])
            .map(|command| Hint {
                keys: self.keymap.first_key(command).to_owned(),
                label: self.hint_label(command).to_owned(),
                target: Some(Target::Command(command)),
                enabled: command.disabled_reason(self).is_none(),
            })
            .collect()
    }

    fn is_hint_useful(&self, command: Command) -> bool {
        let run = self.autopilot.status;
        match command {
            Command::Open => self.can_open(),
            Command::Pause => run.running,
            Command::Change => self.connection.is_shopkeeper,
            // Before the first run there is no chart.
            _ => self.screen != Screen::Autopilot || !command.is_for_charts() || run.has_run,
        }
    }

    fn hint_label(&self, command: Command) -> &'static str {
        match command {
            Command::Back if self.is_at_home() => "quit",
            Command::Buy if self.screen == Screen::Orders => "buy again",
            Command::Freeze if self.is_frozen() => "unfreeze",
            Command::Start if self.autopilot.status.running => "stop",
            Command::Pause if self.autopilot.status.paused => "resume",
            _ => command.info().label,
        }
    }
}
