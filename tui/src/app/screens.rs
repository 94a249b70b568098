//! The screens' handlers, by screen.

mod autopilot;
mod orders;
mod services;
mod shop;

use super::screen_handler::ScreenHandler;
use crate::command::Screen;

pub(super) fn handler(screen: Screen) -> &'static dyn ScreenHandler {
    match screen {
        Screen::Shop => &shop::ShopHandler,
        Screen::Orders => &orders::OrdersHandler,
        Screen::Autopilot => &autopilot::AutopilotHandler,
        Screen::Services => &services::ServicesHandler,
    }
}
