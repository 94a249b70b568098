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
        match stream.next().await {
            StreamItem::Connecting { .. } => {}
            StreamItem::Connected { hello, .. } => report(out, &hello, || format!("live at {}", hello.position()))?,
            StreamItem::Event(ShopEvent::Stock(change)) if out.is_json() => write_json(&change)?,
            StreamItem::Event(ShopEvent::Stock(change)) => output::write_line(stock_line(&change).as_bytes())?,
            StreamItem::Event(ShopEvent::Resync(resync)) => {
                report(out, &resync, || format!("changes up to {} were left out", resync.seq))?;
            }
            StreamItem::Event(ShopEvent::Upstream(upstream)) => report(out, &upstream, || {
                let state = if upstream.live {
                    "available again"
                } else {
                    "unavailable"
                };
                format!("the catalog is {state}")
            })?,
            StreamItem::Disconnected { error, retry_in, .. } => {
                output::print_notice(&format!(
                    "{}; trying again in {} ms",
                    output::explain(&error),
                    retry_in.as_millis()
                ));
                match connection.find_again().await {
                    Ok(None) => {}
                    Ok(Some(notice)) => {
                        output::print_notice(&notice);
                        stream.reconnect();
                    }
                    Err(why) => output::print_notice(&why.to_string()),
                }
            }
        }
    }
}

/// Reports what is no change of a stock: with `--json` like a change, otherwise on standard error.
fn report(out: &Output, data: &impl serde::Serialize, plain: impl FnOnce() -> String) -> Result<(), Error> {
    if out.is_json() {
        return write_json(data);
    }
    output::print_notice(&plain());
    Ok(())
}

fn write_json(data: &impl serde::Serialize) -> Result<(), Error> {
    output::write_line(&serde_json::to_vec(data).map_err(std::io::Error::from)?)
}

fn stock_line(change: &StockEvent) -> String {
    format!(
        "{}  item {:>6}  stock {:>6}  {:+}",
        change.at, change.item, change.stock, change.change
    )
}
