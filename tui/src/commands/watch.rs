//! `bookstore watch`: prints stock changes as they happen, and reconnects until a signal ends it. As text, standard output has
//! only the changes.

use common::Position;
use common::client::{ShopEvent, StreamItem};
use common::wire::StockEvent;

use super::exit::{Error, Exit};
use super::output::{self, Output};
use crate::connect::ShopConnection;

pub(super) async fn run(connection: &ShopConnection, after: Option<Position>, out: &Output) -> Result<Exit, Error> {
    let mut stream = connection.shop.follow_events(after);
    loop {
        let item = stream.next().await;
        print(&item, out).await?;
        if let StreamItem::Disconnected { .. } = item {
            match connection.find_again().await {
                Ok(None) => {}
                Ok(Some(notice)) => {
                    out.print_notice(&notice).await;
                    stream.reconnect();
                }
                Err(why) => out.print_notice(&why.to_string()).await,
            }
        }
    }
}

/// Prints an item of the event stream.
pub(crate) async fn print(item: &StreamItem<ShopEvent>, out: &Output) -> Result<(), Error> {
    match item {
        StreamItem::Connecting { .. } => Ok(()),
        StreamItem::Connected { hello, .. } => report(out, hello, || format!("live at {}", hello.position())).await,
        StreamItem::Event(ShopEvent::Stock(change)) if out.is_json() => write_json(out, change).await,
        StreamItem::Event(ShopEvent::Stock(change)) => out.write_line(stock_line(change).as_bytes()).await,
        StreamItem::Event(ShopEvent::Resync(resync)) => {
            let plain = || format!("skipped the changes up to {}", resync.seq);
            report(out, resync, plain).await
        }
        StreamItem::Event(ShopEvent::Upstream(upstream)) => {
            let state = if upstream.live {
                "available again"
            } else {
                "unavailable"
            };
            report(out, upstream, || format!("the catalog is {state}")).await
        }
        StreamItem::Disconnected { error, retry_in, .. } => {
            let (why, retry_in_ms) = (output::explain(error), retry_in.as_millis());
            out.print_notice(&format!("{why}; trying again in {retry_in_ms} ms"))
                .await;
            Ok(())
        }
    }
}

/// Prints an item that is not a stock change: with `--json` to standard output, otherwise to standard error.
async fn report(out: &Output, data: &impl serde::Serialize, plain: impl FnOnce() -> String) -> Result<(), Error> {
    if out.is_json() {
        return write_json(out, data).await;
    }
    out.print_notice(&plain()).await;
    Ok(())
}

async fn write_json(out: &Output, data: &impl serde::Serialize) -> Result<(), Error> {
    let line = serde_json::to_vec(data).map_err(std::io::Error::from)?;
    out.write_line(&line).await
}

fn stock_line(change: &StockEvent) -> String {
    format!(
        "{}  item {:>6}  stock {:>6}  {:+}",
        change.at, change.item, change.stock, change.change
    )
}
