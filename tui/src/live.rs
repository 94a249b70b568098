//! The events task: forwards the shop's event stream to the event loop, so that the screen never waits for the network.

use std::sync::Arc;

use common::client::{ShopClient, ShopEvent, StreamItem};
use tokio::sync::{Notify, mpsc};

use crate::message::{Event, StreamEvent};

/// Forwards events until the receiver of `events` is dropped. `reconnect` ends a wait, or the present connection.
pub async fn forward_events(shop: ShopClient, events: mpsc::Sender<Event>, reconnect: Arc<Notify>) {
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
        if events.send(Event::Stream(observe(&shop, item))).await.is_err() {
            return;
        }
    }
}

/// Translates an item, and keeps the client's newest `seq` up to date.
fn observe(shop: &ShopClient, item: StreamItem<ShopEvent>) -> StreamEvent {
    match item {
        StreamItem::Connecting { attempt } => StreamEvent::Connecting { attempt },
        StreamItem::Connected {
            hello,
            after,
            store_changed,
        } => {
            if store_changed {
                shop.reset_last_seq();
            }
            shop.observe_seq(hello.seq);
            let resumed = after.is_some() && !store_changed;
            StreamEvent::Connected { hello, resumed }
        }
        StreamItem::Event(ShopEvent::Stock(event)) => {
            shop.observe_seq(event.seq);
            StreamEvent::StockChanged(event)
        }
        StreamItem::Event(ShopEvent::Resync(resync)) => {
            shop.observe_seq(resync.seq);
            StreamEvent::Resync(resync.seq)
        }
        StreamItem::Event(ShopEvent::Upstream(status)) => StreamEvent::Upstream(status.live),
        StreamItem::Disconnected {
            error,
            attempt,
            retry_in,
        } => StreamEvent::Disconnected {
            attempt,
            retry_in,
            reason: error.to_string(),
        },
    }
}
