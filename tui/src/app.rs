//! The shop's state and how it changes. [`update`] is pure: no clock, no input, no output. What happened arrives as a
//! message; what the program must do next leaves as effects.

pub mod autopilot;
mod availability;
mod books;
mod buying;
mod commands;
mod connection;
mod dialog;
mod events;
mod fetch;
mod hints;
mod input;
pub mod layout;
mod listing;
mod notices;
mod orders;
mod overlay;
mod reconcile;
mod remote_data;
mod replay;
mod screen_handler;
mod screens;
mod search;
mod services;
mod shared;
mod shop;
mod state;
mod stock_history;
mod text_input;

pub use autopilot::{AutopilotState, RunStatus};
pub use books::Books;
pub use connection::{Chip, Connection, StreamState};
pub use dialog::{BuyDialog, DialogField};
pub use hints::Hint;
pub use layout::{Breakpoint, FrameLayout, Target, Viewport};
pub use listing::Listing;
pub use notices::{Notice, Notices, Severity};
pub use orders::{OrderState, Orders, Purchase};
pub use overlay::{Overlay, Picker};
pub use remote_data::{LoadState, RemoteData, SKELETON_AFTER, SPINNER_AFTER, SPINNER_FRAME};
pub use services::{Service, Services};
pub use shop::{Column, Focus, Search, ShopScreen, Sort, Topic};
pub use state::App;
pub use stock_history::StockHistory;

pub use crate::command::{Command, CommandInfo, palette};
pub use crate::screen::Screen;

use crate::effect::Effect;
use crate::message::{Event, Message};

/// Applies a message: changes the state and returns what the program must do next.
pub fn update(app: &mut App, message: Message) -> Vec<Effect> {
    app.now = message.now;
    // Drawing changes nothing on the screen; an event of the stream says itself whether it does.
    app.dirty |= !matches!(message.event, Event::FrameDrawn(_) | Event::Stream(_));
    let elapsed = app.now.elapsed;
    match message.event {
        Event::Started => return app.handle_started(),
        Event::ShopOpened {
            store_name,
            url,
            autopilot,
        } => app.handle_opened(&store_name, url, autopilot),
        Event::Input(event) => return app.handle_input(event),
        Event::Tick => return app.handle_tick(),
        Event::FrameDrawn(layout) => app.layout = layout,
        Event::Stream(event) => return app.handle_stream(event),
        Event::JournalLoaded(result) => return app.handle_journal(result),
        Event::TopicsLoaded(result) => return app.with_shop(|shop, shared| shop.handle_topics(result, shared)),
        Event::PageLoaded { generation, result } => {
            return app.with_shop(|shop, shared| shop.handle_page(generation, result, shared));
        }
        Event::BookLoaded { item, result } => app.handle_book(item, result),
        Event::BuyCompleted { order, result } => {
            return app.with_orders(|orders, shared| orders.handle_buy(order, result, shared));
        }
        Event::BuyNotRecorded { order, reason } => {
            app.with_orders(|orders, shared| orders.handle_not_recorded(order, &reason, shared));
        }
        Event::OrderLoaded { order, result } => {
            return app.with_orders(|orders, shared| orders.handle_lookup(order, result, shared));
        }
        Event::HealthLoaded(result) => app.services.handle_health(result, elapsed),
        Event::AutopilotChanged(status) => app.autopilot.status = status,
        Event::StoreClosed(reason) => app.handle_store_closed(&reason),
        Event::Notice(text) => app.notify(Severity::Info, &text),
    }
    Vec::new()
}
