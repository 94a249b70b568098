//! Starting the autopilot, whose shoppers really buy: the dialog's focus starts on Cancel, and the host of a shop on another
//! machine must be typed.

use super::held_key::HeldKey;
use super::overlay::Overlay;
use super::run_dialog::{RunDialog, RunField};
use super::state::App;
use super::text_input::edit;
use crate::command::Command;
use crate::effect::Effect;
use crate::input::{Key, KeyEvent};

impl App {
    /// Stops the run, or opens the dialog that starts one; `by` is the pressed key, `None` for a click.
    pub(super) fn start_or_stop_run(&mut self, by: Option<Key>) -> Vec<Effect> {
        if self.autopilot.status.running {
            return vec![Effect::AutopilotCommand(Command::Start)];
        }
        let dialog = RunDialog::new(&self.connection.url, HeldKey::pressed(by, self.now.elapsed));
        self.overlays.push(Overlay::StartRun(Box::new(dialog)));
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
        if dialog.held_key.filter_repeat(key.key, now) {
            return Vec::new();
        }
        match key.key {
            Key::Esc => drop(self.overlays.pop()),
            Key::Enter if dialog.field == RunField::Cancel => drop(self.overlays.pop()),
            Key::Enter if !key.repeat => return self.start_run(),
            Key::Tab | Key::Down => dialog.field = dialog.next_field(),
            Key::BackTab | Key::Up => dialog.field = dialog.previous_field(),
            _ if dialog.host.is_some() => {
                // Typed text can only be the host.
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

    /// Starts the run if the dialog permits it and the autopilot is still available.
    fn start_run(&mut self) -> Vec<Effect> {
        let is_ready = self.autopilot.available.is_ok() && !self.autopilot.status.running;
        if !is_ready || !self.run_dialog().is_some_and(|dialog| dialog.can_start()) {
            return Vec::new();
        }
        self.overlays.pop();
        vec![Effect::AutopilotCommand(Command::Start)]
    }
}
