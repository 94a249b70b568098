//! The orders' screen: a list, and the receipt of the selected order.

use crate::app::notices::Severity;
use crate::app::receipt_text;
use crate::app::screen_handler::{ScreenHandler, Step};
use crate::app::state::App;
use crate::command::Command;
use crate::effect::Effect;

pub(in crate::app) struct OrdersHandler;

impl ScreenHandler for OrdersHandler {
    fn hints(&self, _: &App) -> &'static [Command] {
        &[
            Command::Buy,
            Command::Find,
            Command::Open,
            Command::Copy,
            Command::Sort,
            Command::Refresh,
        ]
    }

    fn step(&self, app: &mut App, step: Step) -> Vec<Effect> {
        let orders = &mut app.orders;
        if orders.open {
            let receipt = app.layout.receipt;
            orders.receipt_scroll = step.scroll(orders.receipt_scroll, receipt);
        } else {
            orders.select(step.apply(orders.selected, app.layout.orders.rows, orders.rows.len()));
        }
        Vec::new()
    }

    fn can_open(&self, app: &App) -> bool {
        !app.orders.rows.is_empty() && !app.orders.open
    }

    fn open(&self, app: &mut App) {
        app.orders.open = true;
    }

    fn can_close(&self, app: &App) -> bool {
        app.orders.open || app.orders.filter.is_some()
    }

    fn close(&self, app: &mut App) -> Vec<Effect> {
        if app.orders.open {
            (app.orders.open, app.orders.receipt_scroll) = (false, 0);
        } else {
            app.orders.end_filter();
        }
        Vec::new()
    }

    fn refresh(&self, app: &mut App) -> Vec<Effect> {
        if app.orders.pending_count() == 0 {
            app.notify(Severity::Info, "No order is pending");
        }
        app.check_orders_now()
    }

    fn copy_text(&self, app: &App) -> Option<String> {
        Some(receipt_text::text(app.orders.selected()?))
    }
}
