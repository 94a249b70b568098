//! Server-sent events, read as typed ones.

use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{Event, Eventsource};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde::de::DeserializeOwned;

use super::Error;
use crate::limits;
use crate::wire::{Hello, Resync, Source, StockMoved};

/// One event of a front-end's stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ShopEvent {
    /// Where the ledger stands; the first event of every connection.
    Hello(Hello),
    /// A stock moved.
    Stock(StockMoved),
    /// Read everything afresh; the stream goes on from there.
    Resync(Resync),
    /// The front-end lost its catalog, or has it back.
    Source(Source),
    /// A sign of life.
    Heartbeat,
}

/// A front-end's stream.
pub type Events = Stream<ShopEvent>;

/// What one raw event means.
pub(super) enum Parsed<E> {
    Event(E),
    Skip,
    Malformed(String),
}

impl<E> Parsed<E> {
    pub(super) fn json<T: DeserializeOwned>(data: &str, wrap: fn(T) -> E) -> Self {
        match serde_json::from_str(data) {
            Ok(value) => Self::Event(wrap(value)),
            Err(error) => Self::Malformed(error.to_string()),
        }
    }
}

/// An open stream of events. Silence for longer than [`limits::SILENCE_MAX`] counts as a lost connection.
pub struct Stream<E> {
    url: String,
    raw: BoxStream<'static, Result<Raw, String>>,
    parse: fn(&Event) -> Parsed<E>,
    heartbeat: fn() -> E,
    silence_max: Duration,
}

/// Comments never leave the parser, so the bytes themselves are the sign of life.
enum Raw {
    Event(Event),
    Comment,
}

impl<E> std::fmt::Debug for Stream<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The same bytes, cut behind every blank line.
fn pieces(mut chunk: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let end = memchr::memmem::find(&chunk, b"\n\n").map_or(chunk.len(), |blank| blank + 2);
        Some(chunk.split_to(end)).filter(|piece| !piece.is_empty())
    })
}

impl<E> Stream<E> {
    pub(super) fn new(response: reqwest::Response, parse: fn(&Event) -> Parsed<E>, heartbeat: fn() -> E) -> Self {
        let url = response.url().to_string();
        let (comments, mut seen) = tokio::sync::mpsc::channel::<()>(1);
        let bytes = response.bytes_stream().inspect(move |chunk| {
            if chunk.as_ref().is_ok_and(|chunk: &Bytes| chunk.starts_with(b":")) {
                // One waiting sign of life is as good as two.
                let _ = comments.try_send(());
            }
        });
        // The parser moves all that it holds with every line that it takes: in a rush it gets one event at a time.
        let pieces = bytes.flat_map(|chunk| match chunk {
            Ok(chunk) => stream::iter(pieces(chunk).map(Ok)).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        });
        let mut events = pieces.eventsource();
        let raw = futures::stream::poll_fn(move |cx| {
            use std::task::Poll;
            match events.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(event))) => return Poll::Ready(Some(Ok(Raw::Event(event)))),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.to_string()))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            match seen.poll_recv(cx) {
                Poll::Ready(Some(())) => Poll::Ready(Some(Ok(Raw::Comment))),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        });
        Self {
            url,
            raw: raw.boxed(),
            parse,
            heartbeat,
            silence_max: limits::SILENCE_MAX,
        }
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Lost`] when the stream ends, breaks or falls silent, [`Error::Malformed`] when it makes no sense; there
    /// are no more events after either.
    pub async fn next(&mut self) -> Result<E, Error> {
        loop {
            let lost = |why: &str| Error::Lost {
                url: self.url.clone(),
                why: why.to_owned(),
            };
            match tokio::time::timeout(self.silence_max, self.raw.next()).await {
                Err(_) => return Err(lost("the stream fell silent")),
                Ok(None) => return Err(lost("the stream ended")),
                Ok(Some(Err(why))) => return Err(lost(&why)),
                Ok(Some(Ok(Raw::Comment))) => return Ok((self.heartbeat)()),
                Ok(Some(Ok(Raw::Event(event)))) => match (self.parse)(&event) {
                    Parsed::Event(event) => return Ok(event),
                    Parsed::Skip => {}
                    Parsed::Malformed(why) => {
                        return Err(Error::Malformed {
                            url: self.url.clone(),
                            why,
                        });
                    }
                },
            }
        }
    }
}

pub(super) fn parse_shop_event(event: &Event) -> Parsed<ShopEvent> {
    match event.event.as_str() {
        "hello" => Parsed::json(&event.data, ShopEvent::Hello),
        "stock" => Parsed::json(&event.data, ShopEvent::Stock),
        "resync" => Parsed::json(&event.data, ShopEvent::Resync),
        "source" => Parsed::json(&event.data, ShopEvent::Source),
        _ => Parsed::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_together_is_cut_behind_each_event_and_nothing_is_lost() {
        for (chunk, cut) in [
            ("", &[][..]),
            ("data: 1\n\ndata: 2\n\n", &["data: 1\n\n", "data: 2\n\n"]),
            ("a\n\n\nb", &["a\n\n", "\nb"]),
            ("half an ev", &["half an ev"]),
        ] {
            let pieces: Vec<_> = pieces(Bytes::from_static(chunk.as_bytes())).collect();
            assert_eq!(pieces, cut);
        }
    }
}
