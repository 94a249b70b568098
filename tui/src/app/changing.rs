//! The shopkeeper's dialog. It changes nothing by accident: the focus starts on Cancel, the key that opened a step and held
//! keys never confirm, and a change is resent only with its own idempotency key.

use common::OrderId;
use common::wire::BookAction;

use super::change_dialog::{Change, ChangeDialog, ChangeField, ChangeOutcome, ChangeStep, SentChange};
use super::held_key::HeldKey;
use super::notices::Severity;
use super::overlay::Overlay;
use super::sanitize::sanitized;
use super::state::App;
use super::text_input::{edit, paste};
use crate::command::Command;
use crate::effect::{Effect, Request};
use crate::input::{Key, KeyEvent};

impl App {
    /// Opens the dialog for the visible book, or for a new one; `by` is the pressed key, `None` for a click.
    pub(super) fn open_change_dialog(&mut self, is_new: bool, by: Option<Key>) {
        let item = self.visible_book().filter(|_| !is_new);
        if item.is_some() || is_new {
            let dialog = ChangeDialog::new(item, HeldKey::pressed(by, self.now.elapsed));
            self.overlays.push(Overlay::Change(Box::new(dialog)));
        }
    }

    /// The dialog, if it is the topmost overlay.
    fn change_dialog(&mut self) -> Option<&mut ChangeDialog> {
        match self.overlays.last_mut() {
            Some(Overlay::Change(dialog)) => Some(dialog),
            _ => None,
        }
    }

    pub(super) fn handle_change_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let now = self.now.elapsed;
        // A key that opens the dialog never confirms, even if the configuration chose `y` for it.
        let opens = matches!(self.keymap.command(key), Some(Command::Change | Command::AddBook));
        let Some(dialog) = self.change_dialog() else {
            return Vec::new();
        };
        if dialog.held_key.filter_repeat(key.key, now) {
            return Vec::new();
        }
        let field = dialog.field;
        let confirms = !key.repeat && !opens;
        let types = dialog.input().is_some();
        match key.key {
            Key::Esc => self.leave_change_step(),
            Key::Tab | Key::Down => dialog.move_focus(true),
            Key::BackTab | Key::Up => dialog.move_focus(false),
            Key::Enter if types => dialog.move_focus(true),
            Key::Enter if field == ChangeField::Cancel => self.leave_change_step(),
            Key::Enter if confirms => return self.confirm_change(field, Some(key.key)),
            _ if types => {
                if let Some((field, input)) = dialog.input()
                    && (!matches!(key.key, Key::Char(c) if !field.accepts(c)) || key.ctrl)
                {
                    edit(input, key);
                }
            }
            _ if key.ctrl || key.alt => {}
            Key::Char('q' | 'n') => self.leave_change_step(),
            Key::Char('y') if confirms => {
                let button = match dialog.step {
                    ChangeStep::ConfirmingWithdrawal => ChangeField::Withdraw,
                    _ => ChangeField::Save,
                };
                return self.confirm_change(button, Some(key.key));
            }
            Key::Char('w') if confirms && dialog.step == ChangeStep::Editing => {
                return self.confirm_change(ChangeField::Withdraw, Some(key.key));
            }
            Key::Right | Key::Char('l') => dialog.move_focus(true),
            Key::Left | Key::Char('h') => dialog.move_focus(false),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn handle_change_click(&mut self, field: ChangeField) -> Vec<Effect> {
        let Some(dialog) = self.change_dialog() else {
            return Vec::new();
        };
        dialog.field = field;
        match field {
            ChangeField::Cancel => self.leave_change_step(),
            ChangeField::Save | ChangeField::Withdraw => return self.confirm_change(field, None),
            _ => {}
        }
        Vec::new()
    }

    /// Inserts pasted text into the focused text field; it never confirms.
    pub(super) fn paste_into_change(&mut self, text: &str) {
        if let Some((field, input)) = self.change_dialog().and_then(ChangeDialog::input) {
            let accepted: String = text.chars().filter(|c| field.accepts(*c)).collect();
            paste(input, &accepted);
        }
    }

    /// Returns from the confirmation of a withdrawal to the text fields, or closes the dialog.
    pub(super) fn leave_change_step(&mut self) {
        let Some(dialog) = self.change_dialog() else { return };
        if dialog.step == ChangeStep::ConfirmingWithdrawal {
            (dialog.step, dialog.field) = (ChangeStep::Editing, ChangeField::Cancel);
            return;
        }
        let left = match &dialog.step {
            ChangeStep::Sent(_) => Some("The change was sent; a message will show its outcome"),
            ChangeStep::Unknown(..) => Some("Whether the change was done is unknown; look at the book again"),
            ChangeStep::Editing | ChangeStep::ConfirmingWithdrawal => None,
        };
        self.overlays.pop();
        if let Some(text) = left {
            self.notify(Severity::Info, text);
        }
    }

    /// Presses a button: shows the next step, or sends the change.
    fn confirm_change(&mut self, button: ChangeField, by: Option<Key>) -> Vec<Effect> {
        let held_key = HeldKey::pressed(by, self.now.elapsed);
        let disabled = self.changing_disabled_reason();
        let next_key = self.orders.next_order_id;
        let Some(dialog) = self.change_dialog() else {
            return Vec::new();
        };
        if !dialog.buttons().contains(&button) {
            return Vec::new();
        }
        dialog.held_key = held_key;
        let stated = match (&dialog.step, dialog.item) {
            (ChangeStep::Editing, Some(_)) if button == ChangeField::Withdraw => {
                (dialog.step, dialog.field, dialog.error) =
                    (ChangeStep::ConfirmingWithdrawal, ChangeField::Cancel, None);
                return Vec::new();
            }
            (ChangeStep::Unknown(sent, _), _) => {
                // With the same key, the shop never applies it twice.
                let sent = sent.clone();
                dialog.step = ChangeStep::Sent(sent.clone());
                dialog.field = ChangeField::Cancel;
                return vec![Effect::Send(Request::Change(sent))];
            }
            (ChangeStep::ConfirmingWithdrawal, Some(item)) => Ok((item, Change::Ready(BookAction::Withdraw))),
            (ChangeStep::Editing, _) => dialog.change(),
            (ChangeStep::Sent(_) | ChangeStep::ConfirmingWithdrawal, _) => return Vec::new(),
        };
        let stated = disabled.map_or(stated, Err);
        let sent = stated.and_then(|(item, change)| {
            let key = next_key.ok_or("try again")?;
            Ok(SentChange { key, item, change })
        });
        let sent = match sent {
            Ok(sent) => sent,
            Err(why) => {
                (dialog.step, dialog.error) = (ChangeStep::Editing, Some(why));
                return Vec::new();
            }
        };
        (dialog.step, dialog.field, dialog.error) = (ChangeStep::Sent(sent.clone()), ChangeField::Cancel, None);
        self.orders.next_order_id = None;
        vec![Effect::Send(Request::Change(sent))]
    }

    /// Applies the outcome of a change.
    pub(super) fn handle_changed(&mut self, sent: SentChange, outcome: ChangeOutcome) -> Vec<Effect> {
        let SentChange { key, item, change } = sent;
        let is_new = matches!(change, Change::Add(_));
        let is_withdrawn = change == Change::Ready(BookAction::Withdraw);
        let is_open = self.waiting_change_dialog(key).is_some();
        match outcome {
            ChangeOutcome::Done => {
                if is_open {
                    self.overlays.retain(|overlay| !is_waiting(overlay, key));
                }
                let what = if is_withdrawn { "withdrawn" } else { "saved" };
                self.notify(Severity::Success, &format!("Item {item} is {what}"));
                let mut effects = vec![Effect::Send(Request::Book(item))];
                if is_new {
                    effects.extend(self.with_shop(|shop, shared| shop.refresh(shared)));
                }
                return effects;
            }
            ChangeOutcome::Refused(why) => {
                let why = sanitized(&why);
                if let Some(dialog) = self.waiting_change_dialog(key) {
                    (dialog.step, dialog.field) = (ChangeStep::Editing, ChangeField::Cancel);
                    dialog.error = Some(why);
                } else {
                    self.notify(Severity::Error, &format!("Item {item} was not changed: {why}"));
                }
            }
            ChangeOutcome::Unknown(action, why) => {
                let (change, why) = (Change::Ready(action), sanitized(&why));
                if let Some(dialog) = self.waiting_change_dialog(key) {
                    dialog.step = ChangeStep::Unknown(SentChange { key, item, change }, why);
                } else {
                    let text = format!("Whether item {item} was changed is unknown: {why}");
                    self.notify(Severity::Warning, &text);
                }
            }
        }
        Vec::new()
    }

    /// The dialog that waits for the outcome of the change with this key.
    fn waiting_change_dialog(&mut self, key: OrderId) -> Option<&mut ChangeDialog> {
        let overlay = self.overlays.iter_mut().find(|overlay| is_waiting(overlay, key));
        match overlay {
            Some(Overlay::Change(dialog)) => Some(dialog),
            _ => None,
        }
    }
}

fn is_waiting(overlay: &Overlay, key: OrderId) -> bool {
    matches!(overlay, Overlay::Change(dialog) if matches!(&dialog.step, ChangeStep::Sent(sent) if sent.key == key))
}
