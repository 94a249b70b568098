//! Forwards the shop's event stream to the event loop, so that the screen never waits for the network. After each disconnection
//! it first finds the local store again.

use std::sync::Arc;

use common::Position;
use common::client::{ReconnectingStream, ShopClient, ShopEvent, StreamItem};
use tokio::sync::{Notify, mpsc};

use crate::connect::{self, ShopConnection};
use crate::message::Event;

/// Forwards events until the receiver of `events` is dropped. `reconnect` ends a wait, or the present connection.
pub(crate) async fn forward_events(connection: ShopConnection, events: mpsc::Sender<Event>, reconnect: Arc<Notify>) {
    let mut stream = connection.shop.follow_events(None);
    let mut last_error = None;
    loop {
        let item = tokio::select! {
            item = stream.next() => item,
            () = reconnect.notified() => {
                stream.reconnect();
                continue;
            }
            () = events.closed() => return,
        };
        update_last_position(&connection.shop, &item, stream.position());
        let is_disconnected = matches!(item, StreamItem::Disconnected { .. });
        if let StreamItem::Connected { .. } = item {
            last_error = None;
        }
        if events.send(Event::Stream(item)).await.is_err() {
            return;
        }
        if !is_disconnected {
            continue;
        }
        let found = tokio::select! {
            found = find_again(&connection, &mut stream, &mut last_error) => found,
            () = events.closed() => return,
        };
        for event in found {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// Finds the local store again. If it has moved, the stream reconnects at once. Returns events for the event loop; a repeated
/// error is reported once.
async fn find_again(
    connection: &ShopConnection,
    stream: &mut ReconnectingStream<ShopEvent>,
    last_error: &mut Option<String>,
) -> Vec<Event> {
    match connection.find_again().await {
        Ok(None) => Vec::new(),
        Ok(Some(notice)) => {
            stream.reconnect();
            let opened = Event::ShopOpened {
                shop_name: connection.name.clone(),
                url: connection.shop.url(),
                is_shopkeeper: connection.shop.is_shopkeeper(),
            };
            vec![opened, Event::Notice(notice)]
        }
        // The holder is still closing the store.
        Err(connect::Error::NoAddress { .. }) => Vec::new(),
        Err(error) => {
            let error = error.to_string();
            let is_new = last_error.as_ref() != Some(&error);
            *last_error = Some(error.clone());
            is_new.then_some(Event::Notice(error)).into_iter().collect()
        }
    }
}

/// Keeps the client's newest `seq` up to date.
fn update_last_position(shop: &ShopClient, item: &StreamItem<ShopEvent>, position: Option<Position>) {
    match item {
        StreamItem::Connected {
            hello, store_changed, ..
        } => {
            if *store_changed {
                shop.reset_last_position(hello.position());
            }
            shop.observe_position(hello.position());
        }
        StreamItem::Event(_) => shop.observe_position(position.unwrap_or_default()),
        StreamItem::Connecting { .. } | StreamItem::Disconnected { .. } => {}
    }
}
