//! Server-sent events, read as typed ones.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::de::DeserializeOwned;

use super::Error;
use super::sse::{Event, FrameSplitter};
use crate::limits;
use crate::wire::{Hello, Resync, StockEvent, UpstreamStatus};

/// One event of a front-end's stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ShopEvent {
    /// Where the ledger stands; the first event of every connection.
    Hello(Hello),
    /// A stock moved.
    Stock(StockEvent),
    /// Read everything afresh; the stream goes on from there.
    Resync(Resync),
    /// The front-end lost its catalog, or has it back.
    Upstream(UpstreamStatus),
    /// A sign of life.
    Heartbeat,
}

/// A front-end's stream.
pub type ShopEvents = EventStream<ShopEvent>;

/// What one raw event means.
pub(super) enum Parsed<E> {
    Event(E),
    Skip,
    Malformed(String),
}

impl<E> Parsed<E> {
    pub(super) fn json<T: DeserializeOwned>(data: &str, wrap: fn(T) -> E) -> Self {
        Self::of(serde_json::from_str(data).map_err(|error| error.to_string()), wrap)
    }

    pub(super) fn of<T>(read: Result<T, String>, wrap: fn(T) -> E) -> Self {
        match read {
            Ok(value) => Self::Event(wrap(value)),
            Err(why) => Self::Malformed(why),
        }
    }
}

/// An open stream of events. Silence for longer than [`limits::HEARTBEAT_TIMEOUT`] counts as a lost connection.
pub struct EventStream<E> {
    url: String,
    chunks: BoxStream<'static, Result<Bytes, String>>,
    cutter: FrameSplitter,
    parse: fn(&str, &str) -> Parsed<E>,
    heartbeat: fn() -> E,
    silence_max: Duration,
}

impl<E> std::fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("url", &self.url).finish_non_exhaustive()
    }
}

impl<E> EventStream<E> {
    /// `parse` is given an event's type and its data.
    pub(super) fn new(response: reqwest::Response, parse: fn(&str, &str) -> Parsed<E>, heartbeat: fn() -> E) -> Self {
        Self {
            url: response.url().to_string(),
            chunks: response
                .bytes_stream()
                .map(|chunk| chunk.map_err(|error| error.to_string()))
                .boxed(),
            cutter: FrameSplitter::default(),
            parse,
            heartbeat,
            silence_max: limits::HEARTBEAT_TIMEOUT,
        }
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Lost`] when the stream ends, breaks or falls silent, [`Error::Malformed`] when it makes no sense; there
    /// are no more events after either.
    pub async fn next(&mut self) -> Result<E, Error> {
        loop {
            while let Some(block) = self.cutter.cut() {
                if let Some(event) = self.read(&block)? {
                    return Ok(event);
                }
            }
            let waiting_bytes = match tokio::time::timeout(self.silence_max, self.chunks.next()).await {
                Err(_) => return Err(self.lost("the stream fell silent")),
                Ok(None) => return Err(self.lost("the stream ended")),
                Ok(Some(Err(why))) => return Err(self.lost(&why)),
                Ok(Some(Ok(chunk))) => self.cutter.add(chunk),
            };
            if waiting_bytes > limits::RESPONSE_BYTES_MAX {
                return Err(self.malformed("an event is too large".to_owned()));
            }
        }
    }

    fn read(&self, block: &[u8]) -> Result<Option<E>, Error> {
        let event = Event::read(block).map_err(|error| self.malformed(error.to_string()))?;
        match event.data {
            Some(data) => match (self.parse)(event.name, &data) {
                Parsed::Event(event) => Ok(Some(event)),
                Parsed::Skip => Ok(None),
                Parsed::Malformed(why) => Err(self.malformed(why)),
            },
            None => Ok(event.has_comment.then(self.heartbeat)),
        }
    }

    fn lost(&self, why: &str) -> Error {
        Error::Lost {
            url: self.url.clone(),
            why: why.to_owned(),
        }
    }

    fn malformed(&self, why: String) -> Error {
        Error::Malformed {
            url: self.url.clone(),
            why,
        }
    }
}

pub(super) fn parse_shop_event(name: &str, data: &str) -> Parsed<ShopEvent> {
    match name {
        "hello" => Parsed::json(data, ShopEvent::Hello),
        "stock" => Parsed::json(data, ShopEvent::Stock),
        "resync" => Parsed::json(data, ShopEvent::Resync),
        "source" => Parsed::json(data, ShopEvent::Upstream),
        _ => Parsed::Skip,
    }
}
