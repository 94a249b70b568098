//! `bookstore watch`: prints stock changes as they happen, and reconnects until a signal ends it.

use common::Position;
use common::client::{ShopClient, ShopEvent, StreamItem};
use common::wire::StockEvent;

use super::exit::{Error, Exit};
use super::output::{self, Output};

pub(super) async fn run(shop: &ShopClient, after: Option<Position>, out: &Output) -> Result<Exit, Error> {
    let mut stream = shop.follow_events(after);
    loop {
        match stream.next().await {
            StreamItem::Connecting { .. } => {}
            StreamItem::Connected { hello, .. } => print(out, &hello, || format!("live at {}", hello.position()))?,
            StreamItem::Event(ShopEvent::Stock(change)) => print(out, &change, || stock_line(&change))?,
            StreamItem::Event(ShopEvent::Resync(resync)) => {
                print(out, &resync, || format!("changes up to {} were left out", resync.seq))?;
            }
            StreamItem::Event(ShopEvent::Upstream(upstream)) => print(out, &upstream, || {
                let state = if upstream.live {
                    "available again"
                } else {
                    "unavailable"
                };
                format!("the catalog is {state}")
            })?,
            StreamItem::Disconnected { error, retry_in, .. } => output::print_notice(&format!(
                "{}; trying again in {} ms",
                output::explain(&error),
                retry_in.as_millis()
            )),
        }
    }
}

fn print(out: &Output, data: &impl serde::Serialize, plain: impl FnOnce() -> String) -> Result<(), Error> {
    let line = if out.is_json() {
        serde_json::to_string(data).map_err(std::io::Error::from)?
    } else {
        plain()
    };
    output::write_line(line.as_bytes())
}

fn stock_line(change: &StockEvent) -> String {
    format!(
        "{}  item {:>6}  stock {:>6}  {:+}",
        change.at, change.item, change.stock, change.change
    )
}
