//! Server-sent events, read as typed ones over one connection. [`ReconnectingStream`](super::ReconnectingStream) keeps
//! such a connection open.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::sse::{FrameSplitter, RawEvent};
use super::{Error, Request, ServiceEndpoint};
use crate::wire::{FastJson, Hello, Resync, StockEvent, UpstreamStatus};
use crate::{Entry, Seq, limits};

/// One event of a front-end's stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ShopEvent {
    /// The stock of a book changed.
    Stock(StockEvent),
    /// Events were left out: everything shown must be read again. The stream continues after this entry.
    Resync(Resync),
    /// The front-end lost its catalog, or reached it again.
    Upstream(UpstreamStatus),
}

/// An event that a stream can resume after.
pub trait LedgerEvent {
    /// The ledger entry to resume after once this event was received; `position` is the one before it.
    fn advance(&self, position: Seq) -> Seq;
}

impl LedgerEvent for ShopEvent {
    fn advance(&self, position: Seq) -> Seq {
        match self {
            Self::Stock(event) => position.max(event.seq),
            Self::Resync(resync) => resync.seq,
            Self::Upstream(_) => position,
        }
    }
}

impl LedgerEvent for Entry {
    /// A stream resumes after the last whole group.
    fn advance(&self, position: Seq) -> Seq {
        match self.line.is_last() {
            true => position.max(self.seq),
            false => position,
        }
    }
}

/// Reads an event's type and data; `None` for a type that this version does not know.
pub(super) type Parse<E> = fn(&str, &str) -> Result<Option<E>, String>;

/// An open stream of events. Silence for longer than [`limits::HEARTBEAT_TIMEOUT`] counts as a lost connection.
pub struct EventStream<E> {
    frames: Frames,
    parse: Parse<E>,
    after: Option<Seq>,
    hello: Hello,
}

impl<E> EventStream<E> {
    /// Sends a request for the events after `after` and waits for the `hello` event.
    pub(super) async fn open(
        endpoint: &ServiceEndpoint,
        request: Request,
        after: Option<Seq>,
        parse: Parse<E>,
    ) -> Result<Self, Error> {
        let request = request.header("accept", "text/event-stream");
        let response = endpoint.open_stream(&request).await?;
        let url = response.url().to_string();
        let chunks = response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|error| error.to_string()));
        Self::from_chunks(url, chunks.boxed(), after, parse).await
    }

    pub(super) async fn from_chunks(
        url: String,
        chunks: BoxStream<'static, Result<Bytes, String>>,
        after: Option<Seq>,
        parse: Parse<E>,
    ) -> Result<Self, Error> {
        let mut frames = Frames {
            url,
            chunks,
            splitter: FrameSplitter::default(),
        };
        let hello = frames.next_event(parse_hello).await?;
        Ok(Self {
            frames,
            parse,
            after,
            hello,
        })
    }

    /// The store, and the last entry of its ledger when the connection was made.
    pub fn hello(&self) -> Hello {
        self.hello
    }

    /// The entry that the request asked to resume after; `None` for the events from now on.
    pub fn after(&self) -> Option<Seq> {
        self.after
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Lost`] if the stream ends, breaks or is silent for too long, [`Error::Malformed`] if it cannot be read.
    /// No event follows an error.
    pub async fn next(&mut self) -> Result<E, Error> {
        self.frames.next_event(self.parse).await
    }
}

/// The events as they are received.
struct Frames {
    url: String,
    chunks: BoxStream<'static, Result<Bytes, String>>,
    splitter: FrameSplitter,
}

impl Frames {
    async fn next_event<E>(&mut self, parse: Parse<E>) -> Result<E, Error> {
        loop {
            while let Some(frame) = self.splitter.next_frame() {
                let event = RawEvent::parse(&frame).map_err(|error| Error::malformed(&self.url, error.to_string()))?;
                // Without data it is a heartbeat comment or a field of no interest.
                let Some(data) = event.data else { continue };
                if let Some(event) = parse(event.name, &data).map_err(|why| Error::malformed(&self.url, why))? {
                    return Ok(event);
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
