//! The log on standard error: its format and its filter.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

/// The target of the access log, which is off unless a filter names it.
pub const ACCESS: &str = "bookstore::access";

static FILTER: OnceLock<Handle<Targets, Registry>> = OnceLock::new();

/// The format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs to standard error what a filter like `debug` or `info,backend::catalog=debug` lets through.
pub fn init(format: LogFormat, filter: &str) {
    let parsed = parse(filter);
    let is_invalid = parsed.is_none();
    let filter = parsed.unwrap_or_else(|| without_access(Targets::new().with_default(Level::INFO)));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Text => {
            let use_colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            Box::new(lines.with_ansi(use_colours))
        }
        LogFormat::Json => Box::new(
            lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false),
        ),
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    // No other place sets it.
    let _ = FILTER.set(handle);
    if is_invalid {
        tracing::warn!("--log (BOOKSTORE_LOG) is not a filter: use `debug` or `backend::catalog=debug`");
    }
}

/// Replaces the filter of a running program; returns whether the text is a filter.
pub fn set_filter(text: &str) -> bool {
    let filter = parse(text);
    let is_valid = filter.is_some();
    if let (Some(filter), Some(handle)) = (filter, FILTER.get()) {
        // An error means that there is no subscriber.
        let _ = handle.reload(filter);
    }
    is_valid
}

fn parse(text: &str) -> Option<Targets> {
    let filter: Targets = text.parse().ok()?;
    Some(match text.contains(ACCESS) {
        true => filter,
        false => without_access(filter),
    })
}

fn without_access(filter: Targets) -> Targets {
    filter.with_target(ACCESS, tracing_subscriber::filter::LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_logged_only_where_the_filter_names_them() {
        let logs = |filter: &str| parse(filter).unwrap().would_enable(ACCESS, &Level::INFO);
        assert!(!logs("info") && !logs("trace") && !logs("debug,backend=trace"));
        assert!(logs("warn,bookstore::access=info") && logs("bookstore::access"));
        assert!(parse("a=b=c").is_none());
    }
}
