//! The dialog before random shoppers are let in: they really buy. The focus starts on Cancel, and the host of a shop on
//! another machine must be typed.

use std::net::IpAddr;

use tui_input::Input;

use super::held_key::HeldKey;
use super::overlay::Overlay;
use super::state::App;
use super::text_input::edit;
use crate::command::Command;
use crate::effect::Effect;
use crate::input::{Key, KeyEvent};

#[derive(Debug, Clone)]
pub(crate) struct RunDialog {
    /// The host that must be typed; `None` for a shop on this machine.
    pub(crate) host: Option<String>,
    pub(crate) input: Input,
    pub(crate) field: RunField,
    held_key: HeldKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunField {
    Cancel,
    /// The text field for the host.
    Host,
    Start,
}

impl RunDialog {
    /// Whether what must be typed was typed.
    pub(crate) fn can_start(&self) -> bool {
        let typed = self.input.value().trim();
        self.host.as_ref().is_none_or(|host| host.eq_ignore_ascii_case(typed))
    }

    fn next_field(&self) -> RunField {
        match self.field {
            RunField::Cancel if self.host.is_some() => RunField::Host,
            RunField::Cancel | RunField::Host => RunField::Start,
            RunField::Start => RunField::Cancel,
        }
    }

    fn previous_field(&self) -> RunField {
        match self.field {
            RunField::Start if self.host.is_some() => RunField::Host,
            RunField::Start | RunField::Host => RunField::Cancel,
            RunField::Cancel => RunField::Start,
        }
    }
}

impl App {
    /// Stops the run, or asks before one is started; `by` is the key that was pressed for it, if any.
    pub(super) fn start_or_stop_run(&mut self, by: Option<Key>) -> Vec<Effect> {
        if self.autopilot.status.running {
            return vec![Effect::AutopilotCommand(Command::Start)];
        }
        self.overlays.push(Overlay::StartRun(Box::new(RunDialog {
            host: remote_host(&self.connection.url),
            input: Input::default(),
            field: RunField::Cancel,
            held_key: HeldKey::pressed(by, self.now.elapsed),
        })));
        Vec::new()
    }

    fn run_dialog(&mut self) -> Option<&mut RunDialog> {
        match self.overlays.last_mut() {
            Some(Overlay::StartRun(dialog)) => Some(dialog),
            _ => None,
        }
    }

    pub(super) fn handle_run_dialog_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let now = self.now.elapsed;
        // A key that opens the dialog never confirms, even if the configuration chose `y` for it.
        let opens = self.keymap.command(key) == Some(Command::Start);
        let Some(dialog) = self.run_dialog() else {
            return Vec::new();
        };
        if dialog.held_key.ignores(key.key, now) {
            return Vec::new();
        }
        match key.key {
            Key::Esc => drop(self.overlays.pop()),
            Key::Enter if dialog.field == RunField::Cancel => drop(self.overlays.pop()),
            Key::Enter if !key.repeat => return self.start_run(),
            Key::Tab | Key::Down => dialog.field = dialog.next_field(),
            Key::BackTab | Key::Up => dialog.field = dialog.previous_field(),
            _ if dialog.host.is_some() => {
                // What is typed can only be the host.
                dialog.field = RunField::Host;
                edit(&mut dialog.input, key);
            }
            _ if key.ctrl || key.alt => {}
            Key::Char('q' | 'n') => drop(self.overlays.pop()),
            Key::Char('y') if !key.repeat && !opens => return self.start_run(),
            Key::Right | Key::Char('l') => dialog.field = dialog.next_field(),
            Key::Left | Key::Char('h') => dialog.field = dialog.previous_field(),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn handle_run_dialog_click(&mut self, field: RunField) -> Vec<Effect> {
        match (self.run_dialog(), field) {
            (Some(_), RunField::Cancel) => drop(self.overlays.pop()),
            (Some(_), RunField::Start) => return self.start_run(),
            (Some(dialog), RunField::Host) => dialog.field = field,
            (None, _) => {}
        }
        Vec::new()
    }

    /// Starts the run if the dialog permits it and the autopilot still can.
    fn start_run(&mut self) -> Vec<Effect> {
        let is_ready = self.autopilot.available.is_ok() && !self.autopilot.status.running;
        if !is_ready || !self.run_dialog().is_some_and(|dialog| dialog.can_start()) {
            return Vec::new();
        }
        self.overlays.pop();
        vec![Effect::AutopilotCommand(Command::Start)]
    }
}

/// The host of an address, unless it names this machine.
fn remote_host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_local = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.is_empty() || host.eq_ignore_ascii_case("localhost"),
    };
    (!is_local).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_on_another_machine_must_be_typed() {
        for (url, host) in [
            ("http://127.0.0.1:8080", None),
            ("http://localhost", None),
            ("http://[::1]:8080", None),
            ("", None),
            ("http://192.168.1.7:8080", Some("192.168.1.7")),
            ("http://[2001:db8::1]:8080", Some("2001:db8::1")),
            ("https://shop.example/books", Some("shop.example")),
            ("http://localhost.example:80", Some("localhost.example")),
        ] {
            assert_eq!(remote_host(url).as_deref(), host, "{url}");
        }
    }
}
