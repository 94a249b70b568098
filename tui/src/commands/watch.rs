//! Following the stock as it moves. The connection is opened again for ever; no change is shown twice or left out.

use std::convert::Infallible;

use common::client::{EventStream, ShopClient, ShopEvent};
use common::wire::StockEvent;
use common::{Seq, StoreId};

use super::output::{self, Output};
use super::{Error, Exit};
use common::backoff::Backoff;

/// What is known between connections.
struct Place {
    /// Go on after this entry; from the present where nothing was seen yet.
    after: Option<Seq>,
    store: Option<StoreId>,
}

pub(super) async fn run(shop: &ShopClient, after: Option<Seq>, out: &Output) -> Result<Exit, Error> {
    let mut place = Place { after, store: None };
    let mut backoff = Backoff::RECONNECT;
    loop {
        let lost = match shop.events(place.after).await {
            Ok(events) => match follow(events, &mut place, out, &mut backoff).await {
                Ok(never) => match never {},
                Err(Error::Client(error)) => error,
                Err(error) => return Err(error),
            },
            Err(error) => error,
        };
        let pause = backoff.next_delay();
        output::tell(&format!(
            "{}; trying again in {} ms",
            output::explain(&lost),
            pause.as_millis()
        ));
        tokio::time::sleep(pause).await;
    }
}

async fn follow(
    mut events: EventStream<ShopEvent>,
    place: &mut Place,
    out: &Output,
    backoff: &mut Backoff,
) -> Result<Infallible, Error> {
    backoff.reset();
    let hello = events.hello();
    let another = place.store.is_some_and(|store| store != hello.store);
    place.store = Some(hello.store);
    if another || place.after.is_none() {
        place.after = Some(hello.seq);
    }
    print(out, &hello, || format!("live at {}", hello.seq))?;
    loop {
        match events.next().await? {
            ShopEvent::Stock(moved) => {
                place.after = Some(moved.seq);
                print(out, &moved, || movement(&moved))?;
            }
            ShopEvent::Resync(resync) => {
                place.after = Some(resync.seq);
                print(out, &resync, || format!("changes were left out up to {}", resync.seq))?;
            }
            ShopEvent::Upstream(source) => {
                let words = if source.live {
                    "the store is back"
                } else {
                    "the store is away"
                };
                print(out, &source, || words.to_owned())?;
            }
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

fn movement(moved: &StockEvent) -> String {
    format!(
        "{}  item {:>6}  stock {:>6}  {:+}",
        moved.at, moved.item, moved.stock, moved.change
    )
}
