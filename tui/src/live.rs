//! The events task: forwards the shop's event stream to the event loop, so that the screen never waits for the network.

use std::sync::Arc;

use common::Position;
use common::client::{ShopClient, ShopEvent, StreamItem};
use tokio::sync::{Notify, mpsc};

use crate::message::Event;

/// Forwards events until the receiver of `events` is dropped. `reconnect` ends a wait, or the present connection.
pub(crate) async fn forward_events(shop: ShopClient, events: mpsc::Sender<Event>, reconnect: Arc<Notify>) {
    let mut stream = shop.follow_events(None);
    loop {
        let item = tokio::select! {
            item = stream.next() => item,
            () = reconnect.notified() => {
                stream.reconnect();
                continue;
            }
            () = events.closed() => return,
        };
        update_last_seq(&shop, &item, stream.position());
        if events.send(Event::Stream(item)).await.is_err() {
            return;
        }
    }
}

/// Keeps the client's newest `seq` up to date.
fn update_last_seq(shop: &ShopClient, item: &StreamItem<ShopEvent>, position: Option<Position>) {
    match item {
        StreamItem::Connected {
            hello, store_changed, ..
        } => {
            if *store_changed {
                shop.reset_last_seq(hello.position());
            }
            shop.observe_seq(hello.position());
        }
        StreamItem::Event(_) => shop.observe_seq(position.unwrap_or_default()),
        StreamItem::Connecting { .. } | StreamItem::Disconnected { .. } => {}
    }
}
