//! A bare handler: plain `warp::serve` that answers with the same bytes as the bookstore and shares no code with it. It
//! shows what the machine and the web framework allow.
//!
//! Usage: `bare [ADDRESS]`. Prints `listening bare http://ADDRESS`, as `bookstored` does.

use std::io::Write as _;

use serde::Deserialize;
use warp::Filter;
use warp::http::header::CONTENT_TYPE;

const BOOK: &str =
    r#"{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":2}"#;
const PAGE: &str = r#"{"books":[{"item":1,"title":"How to get a good grade in 677 in 20 minutes a day","topic":"distributed systems","cost":"30.00","stock":400,"seq":1},{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":2}]}"#;
const TOPICS: &str = r#"{"topics":[{"topic":"distributed systems","books":2},{"topic":"graduate school","books":2}]}"#;
const RECEIPT: &str = r#"{"order":"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e","status":"sold","item":2,"title":"RPCs for Dummies","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}"#;

#[derive(Deserialize)]
struct Search {
    item: Option<u32>,
}

#[derive(Deserialize)]
struct Purchase {
    item: u32,
    quantity: u32,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "listening bare http://{}", listener.local_addr()?)?;
    let json = |body: &'static str| warp::reply::with_header(body, CONTENT_TYPE, "application/json");
    let search = warp::path!("search")
        .and(warp::get())
        .and(warp::query())
        .map(move |search: Search| {
            json(match search.item {
                Some(_) => BOOK,
                None => PAGE,
            })
        });
    let topics = warp::path!("topics").and(warp::get()).map(move || json(TOPICS));
    #[expect(clippy::disallowed_methods, reason = "the framework's own filter is measured")]
    let body = warp::body::json();
    let buy = warp::path!("buy")
        .and(warp::post())
        .and(body)
        .map(move |purchase: Purchase| {
            json(match (purchase.item, purchase.quantity) {
                (1.., 1..) => RECEIPT,
                _ => "{}",
            })
        });
    warp::serve(search.or(topics).or(buy)).incoming(listener).run().await;
    Ok(())
}
