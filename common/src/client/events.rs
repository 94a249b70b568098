//! Typed server-sent events over one connection. [`ReconnectingStream`](super::ReconnectingStream) adds reconnects.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::root_cause;
use super::sse::{FrameSplitter, RawEvent};
use super::{Error, Request, ServiceEndpoint};
use crate::wire::{FastJson, Hello, Resync, StockEvent, UpstreamStatus};
use crate::{Entry, Position, limits, parse};

/// One event of a front-end's stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ShopEvent {
    /// The stock of a book changed.
    Stock(StockEvent),
    /// Events were skipped: the reader must reload what it shows. The stream continues after this entry.
    Resync(Resync),
    /// The front-end lost its connection to the catalog, or restored it.
    Upstream(UpstreamStatus),
}

/// Parses an event's type and data; `None` for an unknown type.
pub(super) type Parse<E> = fn(&str, &str) -> Result<Option<E>, String>;

/// An open stream of events. Silence for longer than [`limits::HEARTBEAT_TIMEOUT`] counts as a lost connection.
pub struct EventStream<E> {
    frames: Frames,
    parse: Parse<E>,
    after: Option<Position>,
    hello: Hello,
    position: Position,
}

impl<E> EventStream<E> {
    /// Sends a request for the events after `after` and waits for the `hello` event.
    pub(super) async fn open(
        endpoint: &ServiceEndpoint,
        request: Request,
        after: Option<Position>,
        parse: Parse<E>,
    ) -> Result<Self, Error> {
        let request = request.header("accept", "text/event-stream");
        let response = endpoint.open_stream(&request).await?;
        let url = response.url().to_string();
        let chunks = response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|error| root_cause(&error)));
        Self::from_chunks(url, chunks.boxed(), after, parse).await
    }

    pub(super) async fn from_chunks(
        url: String,
        chunks: BoxStream<'static, Result<Bytes, String>>,
        after: Option<Position>,
        parse: Parse<E>,
    ) -> Result<Self, Error> {
        let mut frames = Frames {
            url,
            chunks,
            splitter: FrameSplitter::default(),
        };
        let (hello, _) = frames.next_event(parse_hello).await?;
        Ok(Self {
            frames,
            parse,
            after,
            position: hello.position().start_of_stream(after),
            hello,
        })
    }

    /// The store, and its ledger's head when the connection was made.
    pub fn hello(&self) -> Hello {
        self.hello
    }

    /// The requested position to resume after; `None` for new events only.
    pub fn after(&self) -> Option<Position> {
        self.after
    }

    /// The position after which another stream continues this one: the id of the last event with an id. Of the events of a
    /// change of several books only the last one has an id, so that a stream never resumes within the change.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next event. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Lost`] if the stream ends, breaks or is silent for [`limits::HEARTBEAT_TIMEOUT`], [`Error::Malformed`] if an
    /// event cannot be parsed. No event follows an error.
    pub async fn next(&mut self) -> Result<E, Error> {
        let (event, id) = self.frames.next_event(self.parse).await?;
        self.position = id.unwrap_or(self.position);
        Ok(event)
    }
}

/// The received bytes, split into events.
struct Frames {
    url: String,
    chunks: BoxStream<'static, Result<Bytes, String>>,
    splitter: FrameSplitter,
}

impl Frames {
    /// The next event and its id.
    async fn next_event<E>(&mut self, parse: Parse<E>) -> Result<(E, Option<Position>), Error> {
        loop {
            while let Some(frame) = self.splitter.next_frame() {
                let event = RawEvent::parse(&frame).map_err(|error| Error::malformed(&self.url, error.to_string()))?;
                // A frame without data is a heartbeat comment or has only ignored fields.
                let Some(data) = event.data else { continue };
                let malformed = |why: String| Error::malformed(&self.url, why);
                let id = event.id.map(str::parse).transpose();
                let id = id.map_err(|error: parse::Error| malformed(format!("the id of an event: {error}")))?;
                if let Some(event) = parse(event.name, &data).map_err(malformed)? {
                    return Ok((event, id));
                }
            }
            let lost = |why: &str| Error::lost(&self.url, why);
            let pending_bytes = match timeout(limits::HEARTBEAT_TIMEOUT, self.chunks.next()).await {
                Err(_) => return Err(lost("the stream was silent for too long")),
                Ok(None) => return Err(lost("the stream ended")),
                Ok(Some(Err(why))) => return Err(lost(&why)),
                Ok(Some(Ok(chunk))) => self.splitter.push(chunk),
            };
            if pending_bytes > limits::RESPONSE_BYTES_MAX {
                return Err(Error::malformed(&self.url, "an event is too large"));
            }
        }
    }
}

fn parse_hello(name: &str, data: &str) -> Result<Option<Hello>, String> {
    match name {
        "hello" => parse_json(data, |hello| hello),
        _ => Err(format!("the first event is {name:?} instead of \"hello\"")),
    }
}

pub(super) fn parse_shop_event(name: &str, data: &str) -> Result<Option<ShopEvent>, String> {
    match name {
        "stock" => parse_json(data, ShopEvent::Stock),
        "resync" => parse_json(data, ShopEvent::Resync),
        "source" => parse_json(data, ShopEvent::Upstream),
        _ => Ok(None),
    }
}

pub(super) fn parse_entry(name: &str, data: &str) -> Result<Option<Entry>, String> {
    match name {
        "entry" => Entry::from_json(data.as_bytes()).map(Some),
        _ => Ok(None),
    }
}

fn parse_json<T: DeserializeOwned, E>(data: &str, wrap: fn(T) -> E) -> Result<Option<E>, String> {
    match serde_json::from_str(data) {
        Ok(value) => Ok(Some(wrap(value))),
        Err(error) => Err(error.to_string()),
    }
}
