//! The shop's state and how it changes. [`update`] is pure, without clock, input or output: it takes a message and returns
//! effects.

pub(crate) mod autopilot;
mod availability;
pub(crate) mod basket;
mod basket_overlay;
mod books;
mod buy_dialog;
mod buying;
pub(crate) mod change_dialog;
mod changing;
mod commands;
mod connection;
mod events;
mod fetch;
mod filter;
mod held_key;
mod hints;
mod input;
pub(crate) mod layout;
mod listing;
mod matches;
mod notices;
mod order_list;
mod orders;
mod overlay;
mod pending_orders;
pub(crate) mod receipt_text;
mod remote_data;
mod run_dialog;
mod run_start;
mod sanitize;
mod screens;
mod search;
mod services;
mod shared;
mod shop;
mod state;
mod step;
mod stock_history;
mod text_input;
mod whole_shop;

pub(crate) use autopilot::RunStatus;
pub(crate) use buy_dialog::{BuyDialog, BuyField, Copies, Goods};
pub(crate) use change_dialog::{Change, ChangeDialog, ChangeField, ChangeOutcome, ChangeStep, SentChange};
pub(crate) use connection::{Chip, StreamState};
pub(crate) use hints::Hint;
pub(crate) use layout::{Breakpoint, FrameLayout, ScrolledText, Target};
pub(crate) use listing::Listing;
pub(crate) use notices::Severity;
pub(crate) use orders::{OrderColumn, OrderState, Purchase};
pub(crate) use overlay::{Overlay, Picker};
pub(crate) use remote_data::{LoadState, RemoteData, SKELETON_AFTER, SPINNER_AFTER, SPINNER_FRAME};
pub(crate) use run_dialog::{RunDialog, RunField};
pub(crate) use services::{ServiceReport, ServiceState};
pub(crate) use shop::{Column, Focus};
pub(crate) use state::App;

pub(crate) use crate::command::{Command, Screen, palette};

use crate::effect::{Effect, Request};
use crate::message::{Event, Message};

/// Applies a message: changes the state and returns what the program must do next.
pub(crate) fn update(app: &mut App, message: Message) -> Vec<Effect> {
    let mut effects = apply(app, message);
    effects.extend(
        app.books
            .take_outdated()
            .into_iter()
            .map(|item| Effect::Send(Request::Book(item))),
    );
    effects.extend(app.finish_checkout());
    effects
}

fn apply(app: &mut App, message: Message) -> Vec<Effect> {
    app.now = message.now;
    // A drawn frame changes nothing on the screen; `handle_stream` decides for events of the stream.
    app.dirty |= !matches!(message.event, Event::FrameDrawn(_) | Event::Stream(_));
    let elapsed = app.now.elapsed;
    match message.event {
        Event::Started => return app.handle_started(),
        Event::ShopOpened {
            shop_name,
            url,
            is_shopkeeper,
        } => app.handle_opened(&shop_name, url, is_shopkeeper),
        Event::Input(event) => return app.handle_input(event),
        Event::Tick => return app.handle_tick(),
        Event::FrameDrawn(layout) => app.layout = layout,
        Event::Stream(event) => return app.handle_stream(event),
        Event::JournalLoaded(result) => return app.handle_journal(result),
        Event::JournalGrew(contents) => app.handle_new_records(contents),
        Event::BasketRead {
            store,
            generation,
            result,
        } => return app.handle_basket_read(store, generation, result),
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
            // Another program may have changed the basket.
            return vec![Effect::ReadBasket];
        }
        Event::OrderLoaded { order, result } => {
            return app.with_orders(|orders, shared| orders.handle_lookup(order, result, shared));
        }
        Event::ChangeCompleted { sent, outcome } => return app.handle_changed(sent, outcome),
        Event::HealthLoaded(result) => app.services.handle_health(result, elapsed),
        Event::AutopilotChanged(status) => app.handle_run_status(status),
        Event::StoreClosed(reason) => app.handle_store_closed(&reason),
        Event::Notice(text) => app.notify(Severity::Info, &text),
    }
    Vec::new()
}
