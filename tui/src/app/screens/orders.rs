//! The orders' screen: a list, and the receipt of the selected order.

use crate::app::layout::Breakpoint;
use crate::app::notices::Severity;
use crate::app::screen_handler::{ScreenHandler, Step};
use crate::app::state::App;
use crate::command::Command;
use crate::effect::Effect;

pub(in crate::app) struct OrdersHandler;

impl ScreenHandler for OrdersHandler {
    fn hints(&self, _: &App) -> &'static [Command] {
        &[Command::Copy, Command::Refresh, Command::Open]
    }

    fn step(&self, app: &mut App, step: Step) -> Vec<Effect> {
        app.orders.selected = step.apply(app.orders.selected, app.layout.orders.rows, app.orders.list.len());
        Vec::new()
    }

    fn can_open(&self, app: &App) -> bool {
        !app.orders.list.is_empty() && app.breakpoint() == Breakpoint::OnePane && !app.orders.open
    }

    fn open(&self, app: &mut App) {
        app.orders.open = true;
    }

    fn can_close(&self, app: &App) -> bool {
        app.orders.open && app.breakpoint() == Breakpoint::OnePane
    }

    fn close(&self, app: &mut App) -> Vec<Effect> {
        app.orders.open = false;
        Vec::new()
    }

    fn refresh(&self, app: &mut App) -> Vec<Effect> {
        if app.orders.pending_count() == 0 {
            app.notify(Severity::Info, "No order is pending");
        }
        app.check_orders_now()
    }

    fn copy_text(&self, app: &App) -> Option<String> {
        let purchase = app.orders.list.get(app.orders.selected)?;
        Some(purchase.sent.order.to_string())
    }
}
