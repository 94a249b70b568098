//! The dialog that confirms the start of the autopilot.

use ratatui::layout::{Margin, Rect};
use ratatui::text::Line;

use super::area::{first_rows, middle, skip_rows};
use super::canvas::{Canvas, fit_rows};
use super::input;
use super::panel::Button;
use crate::app::{RunDialog, RunField, Target};
use crate::format;

pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect, dialog: &RunDialog) {
    let palette = canvas.palette();
    let columns = 60.min(within.width);
    let width = usize::from(columns.saturating_sub(6));
    let shoppers = format::plural(canvas.app.autopilot.status.shoppers, "random shopper");
    let shop = &canvas.app.connection.shop_name;
    let mut lines = vec![Line::default()];
    lines.extend(canvas.wrapped(&format!("Start {shoppers} at {shop}?"), width, 3, palette.strong));
    lines.push(Line::default());
    let warning = "Their purchases are real and stay sold. They buy as fast as the shop answers.";
    lines.extend(canvas.wrapped(warning, width, 3, palette.warn));
    lines.push(Line::default());
    // The text field and the buttons always stay.
    let typed_rows = match &dialog.host {
        Some(host) => {
            lines.extend(canvas.wrapped(&format!("Type {host} to continue:"), width, 2, palette.text));
            2
        }
        None => 0,
    };
    fit_rows(&mut lines, usize::from(within.height.saturating_sub(3 + typed_rows)));
    let rows = format::cells(lines.len());
    let area = middle(within, columns, rows + typed_rows + 3);
    let inner = canvas.popup(area, "Start the autopilot", Line::default());
    let inner = inner.inner(Margin::new(2, 0));
    canvas.lines(first_rows(inner, rows), &lines);
    if dialog.host.is_some() {
        let field = first_rows(skip_rows(inner, rows), 1);
        input::draw(canvas, field, ">", &dialog.input, dialog.field == RunField::Host);
        canvas.add_target(field, Target::RunField(RunField::Host));
    }
    let button = |field, name, key, enabled| Button {
        target: Target::RunField(field),
        name,
        key,
        focused: dialog.field == field,
        enabled,
    };
    let start_key = if dialog.host.is_some() { "Enter" } else { "y" };
    let buttons = [
        button(RunField::Cancel, "Cancel", "Esc", true),
        button(RunField::Start, "Start", start_key, dialog.can_start()),
    ];
    canvas.buttons(skip_rows(inner, inner.height.saturating_sub(1)), &buttons);
}
