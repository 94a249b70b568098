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
mod search;
mod services;
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
    match message.event {
        Event::Started => app.started(),
        Event::ShopOpened {
            store_name,
            url,
            autopilot,
        } => app.opened(&store_name, url, autopilot),
        Event::Input(event) => app.input(event),
        Event::Tick => app.tick(),
        Event::FrameDrawn(layout) => {
            app.layout = layout;
            Vec::new()
        }
        Event::Stream(event) => app.live(event),
        Event::JournalLoaded(result) => app.remembered(result),
        Event::TopicsLoaded(result) => app.topics_arrived(result),
        Event::PageLoaded { generation, result } => app.page_arrived(generation, result),
        Event::BookLoaded { item, result } => app.book_arrived(item, result),
        Event::BuyCompleted { order, result } => app.bought(order, result),
        Event::BuyNotRecorded { order, reason } => app.not_recorded(order, &reason),
        Event::OrderLoaded { order, result } => app.order_told(order, result),
        Event::HealthLoaded(result) => app.health_arrived(result),
        Event::AutopilotChanged(status) => {
            app.autopilot.status = status;
            Vec::new()
        }
        Event::StoreClosed(reason) => app.store_ended(&reason),
        Event::Notice(text) => {
            app.notify(Severity::Info, &text);
            Vec::new()
        }
    }
}
