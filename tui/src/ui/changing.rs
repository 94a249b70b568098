//! The shopkeeper's dialog.

use ratatui::layout::{Margin, Rect};
use ratatui::text::Line;

use super::area::{first_columns, first_rows, middle, skip_columns, skip_rows};
use super::canvas::{Canvas, fit_rows};
use super::input;
use super::panel::Button;
use crate::app::{ChangeDialog, ChangeField, ChangeStep, Target};
use crate::format;

const LABEL_COLUMNS: u16 = 8;
/// Width of the largest stock: `1,000,000,000`.
const NUMBER_COLUMNS: u16 = 13;

pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect, dialog: &ChangeDialog) {
    let columns = 60.min(within.width);
    let width = usize::from(columns.saturating_sub(6));
    let room = usize::from(within.height.saturating_sub(3));
    let is_editing = dialog.step == ChangeStep::Editing;
    let error = dialog.error.iter().filter(|_| is_editing);
    let error: Vec<_> = error
        .flat_map(|why| canvas.wrapped(&format!("Not saved: {why}."), width, 2, canvas.palette().warn))
        .collect();
    // The focused text field and the buttons always stay.
    let all = if is_editing { dialog.inputs.len() } else { 0 };
    let shown = all.min(room.saturating_sub(error.len()).max(1));
    let mut lines = head(canvas, dialog, width);
    fit_rows(&mut lines, room.saturating_sub(error.len() + shown));
    let head_rows = format::cells(lines.len());
    let rows = head_rows + format::cells(shown + error.len());
    let title = if dialog.item.is_some() { "Change" } else { "Add a book" };
    let inner = canvas.popup(middle(within, columns, rows + 3), title, Line::default());
    let inner = inner.inner(Margin::new(2, 0));
    canvas.lines(first_rows(inner, head_rows), &lines);
    let focused = dialog.inputs.iter().position(|(field, _)| *field == dialog.field);
    let first = (focused.unwrap_or(0) + 1).saturating_sub(shown);
    let body = skip_rows(inner, head_rows);
    for (row, (field, input)) in body.rows().zip(dialog.inputs.iter().skip(first).take(shown)) {
        text_field(canvas, row, dialog, *field, input);
    }
    canvas.lines(skip_rows(body, format::cells(shown)), &error);
    buttons(canvas, skip_rows(inner, inner.height.saturating_sub(1)), dialog);
}

/// The lines above the text fields, or instead of them.
fn head(canvas: &Canvas<'_>, dialog: &ChangeDialog, width: usize) -> Vec<Line<'static>> {
    let palette = canvas.palette();
    let book = dialog.item.and_then(|item| canvas.app.books.get(item));
    let title = book.map(|book| book.title.to_string());
    let mut lines = vec![Line::default()];
    if let Some(title) = &title {
        lines.extend(canvas.wrapped(title, width, 2, palette.strong));
        lines.push(Line::default());
    }
    let (text, style) = match &dialog.step {
        ChangeStep::Editing => return lines,
        ChangeStep::ConfirmingWithdrawal => {
            let copies = dialog.item.and_then(|item| canvas.app.books.stock(item)).unwrap_or(0);
            let copies = format::thousands(copies);
            let text =
                format!("Withdraw it with the {copies} left in stock? It leaves the shop at once. Receipts stay.");
            (text, palette.warn)
        }
        ChangeStep::Sent(_) => ("Waiting for the shop's answer.".to_owned(), palette.dim),
        ChangeStep::Unknown(_, why) => {
            let text = format!("Whether it was done is unknown: {why}. Ask again under the same key?");
            (text, palette.warn)
        }
    };
    lines.extend(canvas.wrapped(&text, width, 4, style));
    lines.push(Line::default());
    lines
}

/// The name, the current value, and the text field for the new value.
fn text_field(canvas: &mut Canvas<'_>, row: Rect, dialog: &ChangeDialog, field: ChangeField, typed: &tui_input::Input) {
    let palette = canvas.palette();
    let is_focused = dialog.field == field;
    let style = if is_focused { palette.text } else { palette.dim };
    canvas.text(first_columns(row, LABEL_COLUMNS), field.label(), style);
    let mut rest = skip_columns(row, LABEL_COLUMNS);
    if let Some(item) = dialog.item {
        let number = match field {
            ChangeField::Stock => canvas.app.books.stock(item).map(format::thousands),
            _ => canvas.app.books.get(item).map(|book| format::amount(book.cost.cents())),
        };
        let number = format::align_right(&number.unwrap_or_default(), usize::from(NUMBER_COLUMNS));
        canvas.text(first_columns(rest, NUMBER_COLUMNS), &number, palette.text);
        rest = skip_columns(rest, NUMBER_COLUMNS + 1);
    }
    input::draw(canvas, rest, ">", typed, is_focused);
    canvas.add_target(row, Target::ChangeField(field));
}

fn buttons(canvas: &mut Canvas<'_>, area: Rect, dialog: &ChangeDialog) {
    let enabled = canvas.app.changing_disabled_reason().is_none();
    let is_asking = dialog.step == ChangeStep::ConfirmingWithdrawal;
    let is_sent = matches!(dialog.step, ChangeStep::Sent(_) | ChangeStep::Unknown(..));
    let buttons: Vec<Button> = dialog
        .buttons()
        .iter()
        .map(|&field| {
            let (name, key) = match field {
                ChangeField::Cancel if is_sent => ("Close", "Esc"),
                ChangeField::Cancel => ("Cancel", "Esc"),
                ChangeField::Save if is_sent => ("Ask again", "y"),
                ChangeField::Withdraw if is_asking => ("Withdraw", "y"),
                ChangeField::Withdraw => ("Withdraw", "w"),
                _ => ("Save", "y"),
            };
            Button {
                target: Target::ChangeField(field),
                name,
                key,
                focused: dialog.field == field,
                enabled: enabled || field == ChangeField::Cancel,
            }
        })
        .collect();
    canvas.buttons(area, &buttons);
}
