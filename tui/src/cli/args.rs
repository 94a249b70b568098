//! The arguments of the commands.

#[cfg(feature = "sshd")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use autopilot::Settings;
use clap::{Args, ValueHint, value_parser};
use common::time::parse_duration;
use common::wire::{BookFields, OrderLine, OrderLines, StockChange};
use common::{Cost, Description, ItemNumber, OrderId, Quantity, Stock, limits, parse};

use super::DisplayArgs;

/// Arguments of `autopilot`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AutopilotArgs {
    /// The settings of the run.
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Run services with a temporary store and inject faults into them: kill, pause, restart, delay, cut, drop, duplicate
    #[arg(long)]
    pub(crate) faults: bool,
    /// Run at your own store, where the purchases are real; without this flag and without --url the run uses a temporary store
    /// that is removed at the end
    #[arg(long, conflicts_with = "faults")]
    pub(crate) own_store: bool,
    /// The options of the screen.
    #[command(flatten)]
    pub(crate) display: DisplayArgs,
    /// No screen: print one line a second, then the summary
    #[arg(long)]
    pub(crate) headless: bool,
    /// Write the report with charts to this file, as a self-contained HTML page
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
}

/// Arguments of `search`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("query").required(true).args(["words", "topic"]))]
pub(crate) struct SearchArgs {
    /// Words to find: each must be the beginning of a word in the title, author or topic
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Show the books of this topic
    #[arg(long, value_name = "T")]
    pub(crate) topic: Option<String>,
    /// Show at most this many books
    #[arg(long, value_name = "BOOKS", default_value_t = 50, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

/// Arguments of `buy`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BuyArgs {
    /// Item numbers of the books, each optionally with a number of copies, like 2:3; several books are one order, sold
    /// completely or not at all
    #[arg(value_name = "N[:Q]", required = true, value_parser = parse_line)]
    lines: Vec<(ItemNumber, Option<Quantity>)>,
    /// Number of copies, 1 to 100, of each book that is given without one
    #[arg(long, value_name = "Q", default_value_t)]
    quantity: Quantity,
    /// The order's id; generated if absent
    #[arg(long, value_name = "UUID")]
    pub(crate) key: Option<OrderId>,
    /// How long the order may take, retries included
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_deadline)]
    pub(crate) within: Duration,
}

impl BuyArgs {
    /// # Errors
    /// If there are too many lines, or if a book is there twice.
    pub(crate) fn lines(&self) -> Result<OrderLines, parse::Error> {
        OrderLines::new(self.lines.iter().map(|&(item, quantity)| OrderLine {
            item,
            quantity: quantity.unwrap_or(self.quantity),
        }))
    }
}

/// Arguments of `orders`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrdersArgs {
    /// Print the receipt of this order as text
    #[arg(value_name = "ID")]
    pub(crate) order: Option<OrderId>,
    /// Print one line of comma-separated values for each book of each order
    #[arg(long, conflicts_with_all = ["json", "order"])]
    pub(crate) csv: bool,
}

/// Arguments of `sshd`.
#[cfg(feature = "sshd")]
#[derive(Debug, Clone, Args)]
pub(crate) struct SshdArgs {
    /// Listen at this address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2222")]
    pub(crate) listen: SocketAddr,
    /// The server's private key, in OpenSSH's format [default: one that the first start creates in the data folder]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) host_key: Option<PathBuf>,
    /// Public keys of the shopkeepers, who may change books, in the format of authorized_keys; needs the shopkeeper's token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) shopkeepers: Option<PathBuf>,
    /// Limit of concurrent connections
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = parse_count)]
    pub(crate) max_sessions: usize,
    /// Limit of concurrent connections per client address (IPv6: per /64)
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = parse_count)]
    pub(crate) max_per_address: usize,
    /// Limit of concurrent sessions per key
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parse_count)]
    pub(crate) max_per_key: usize,
    /// Time limit from the connection to the start of the session
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_duration)]
    pub(crate) login_timeout: Duration,
    /// Close a screen after this time without a key press
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_duration)]
    pub(crate) idle_timeout: Duration,
    /// Close a session after this time
    #[arg(long, value_name = "TIME", default_value = "8h", value_parser = parse_duration)]
    pub(crate) max_time: Duration,
}

#[cfg(feature = "sshd")]
fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("expected a whole number from 1 to 100000".to_owned()),
    }
}

/// Arguments of `restock`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).args(["by", "to"]))]
pub(crate) struct RestockArgs {
    /// The book's item number
    #[arg(value_name = "N")]
    pub(crate) item: ItemNumber,
    /// Copies to add, or to remove if negative
    #[arg(long, value_name = "±N", allow_hyphen_values = true, value_parser = parse_change)]
    by: Option<i64>,
    /// The new stock
    #[arg(long, value_name = "N")]
    to: Option<Stock>,
}

impl RestockArgs {
    /// The change; clap requires exactly one of the two options.
    pub(crate) fn change(&self) -> StockChange {
        match self.to {
            Some(stock) => StockChange::To(stock),
            None => StockChange::By(self.by.unwrap_or(0)),
        }
    }
}

/// Arguments of `add`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AddArgs {
    /// Item number of the new book, not used by another book
    #[arg(value_name = "N")]
    pub(crate) item: ItemNumber,
    /// Its title
    #[arg(value_name = "TITLE")]
    title: String,
    /// Its topic
    #[arg(long, value_name = "T")]
    topic: String,
    /// The cost of one copy, like 9.50
    #[arg(long, value_name = "C")]
    cost: Cost,
    /// Its author
    #[arg(long, value_name = "A")]
    author: Option<String>,
    /// The number of copies in stock [default: 0]
    #[arg(long, value_name = "S")]
    stock: Option<Stock>,
}

impl AddArgs {
    /// # Errors
    /// If a text cannot be stored.
    pub(crate) fn fields(&self) -> Result<BookFields, String> {
        let description = Description {
            topic: self.topic.as_str().into(),
            author: self.author.as_deref().map(Into::into),
        };
        BookFields::new(self.title.as_str().into(), description, self.cost, self.stock)
    }
}

/// Parses `N` or `N:Q`.
fn parse_line(text: &str) -> Result<(ItemNumber, Option<Quantity>), parse::Error> {
    match text.split_once(':') {
        Some((item, quantity)) => Ok((item.parse()?, Some(quantity.parse()?))),
        None => Ok((text.parse()?, None)),
    }
}

fn parse_deadline(text: &str) -> Result<Duration, String> {
    let deadline = parse_duration(text).map_err(|error| error.to_string())?;
    if deadline > limits::DEADLINE_MAX {
        return Err(format!("expected at most {} s", limits::DEADLINE_MAX.as_secs()));
    }
    Ok(deadline)
}

fn parse_change(text: &str) -> Result<i64, String> {
    let max = i64::from(limits::STOCK_MAX);
    match text.parse::<i64>() {
        Ok(change) if (-max..=max).contains(&change) => Ok(change),
        _ => Err(format!("expected a whole number from -{max} to {max}, like 50 or -3")),
    }
}
