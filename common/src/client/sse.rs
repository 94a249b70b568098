//! The parser of server-sent events (HTML standard, section 9.2.6). Only events that span chunks are copied; under load one
//! chunk contains hundreds of events.

use std::borrow::Cow;
use std::str::Utf8Error;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// Splits received bytes into events; holds the bytes of an incomplete event.
#[derive(Debug, Default)]
pub(super) struct FrameSplitter {
    pending: Bytes,
}

impl FrameSplitter {
    /// Adds a chunk; returns the number of pending bytes.
    pub(super) fn push(&mut self, chunk: Bytes) -> usize {
        if self.pending.is_empty() {
            self.pending = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.pending.len() + chunk.len());
            joined.extend_from_slice(&self.pending);
            joined.extend_from_slice(&chunk);
            self.pending = joined.freeze();
        }
        self.pending.len()
    }

    /// The lines of the next complete event, including the blank line at its end.
    pub(super) fn next_frame(&mut self) -> Option<Bytes> {
        let mut start = 0;
        while let Some(length) = memchr(b'\n', self.pending.get(start..)?) {
            let end = start + length + 1;
            let is_blank = matches!(self.pending.get(start..end)?, b"\n" | b"\r\n");
            if is_blank {
                return Some(self.pending.split_to(end));
            }
            start = end;
        }
        None
    }
}

/// One event, or a comment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawEvent<'a> {
    /// The event's type; empty if absent.
    pub(super) name: &'a str,
    /// The event's data; `None` for a comment or a frame of other fields, which is no event.
    pub(super) data: Option<Cow<'a, str>>,
    /// The id after which a reader that reconnects resumes.
    pub(super) id: Option<&'a str>,
}

impl<'a> RawEvent<'a> {
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, Utf8Error> {
        let mut event = Self::default();
        let mut rest = str::from_utf8(frame)?;
        while let Some(end) = memchr(b'\n', rest.as_bytes()) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            event.add_field(line.strip_suffix('\r').unwrap_or(line));
        }
        Ok(event)
    }

    fn add_field(&mut self, line: &'a str) {
        // Field names are short, so a loop is faster than `memchr`.
        let (field, value) = match line.bytes().position(|byte| byte == b':') {
            Some(colon) => (
                line.get(..colon).unwrap_or_default(),
                line.get(colon + 1..).unwrap_or_default(),
            ),
            None => (line, ""),
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value,
            "id" => self.id = Some(value),
            "data" => {
                self.data = Some(match self.data.take() {
                    None => Cow::Borrowed(value),
                    Some(before) => Cow::Owned(format!("{before}\n{value}")),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = ":\n\nevent: hello\nid: 7\ndata: {\"seq\":7}\n\n\
        data: first\r\ndata: second: line\r\n\r\n\
        retry: 3\nevent:stock\ndata:x\n\n\n\
        data\n\nevent: \u{fc}ber\ndata: \u{1f4da}\n\n";

    fn parse(frames: &[Bytes]) -> Vec<RawEvent<'_>> {
        frames.iter().map(|frame| RawEvent::parse(frame).unwrap()).collect()
    }

    fn event<'a>(name: &'a str, data: &'a str) -> RawEvent<'a> {
        RawEvent {
            name,
            data: Some(data.into()),
            id: None,
        }
    }

    proptest! {
        #[test]
        fn every_event_is_found_wherever_the_chunks_end(mut cuts in prop::collection::vec(0..STREAM.len(), 0..40)) {
            cuts.sort_unstable();
            let (mut splitter, mut frames, mut from) = (FrameSplitter::default(), Vec::new(), 0);
            for to in cuts.into_iter().chain([STREAM.len()]) {
                splitter.push(Bytes::copy_from_slice(&STREAM.as_bytes()[from..to]));
                frames.extend(std::iter::from_fn(|| splitter.next_frame()));
                from = to;
            }
            assert_eq!(parse(&frames), [
                RawEvent::default(),
                RawEvent { id: Some("7"), ..event("hello", "{\"seq\":7}") },
                event("", "first\nsecond: line"),
                event("stock", "x"),
                RawEvent::default(),
                event("", ""),
                event("\u{fc}ber", "\u{1f4da}"),
            ]);
        }
    }

    #[test]
    fn half_an_event_is_held_back_and_invalid_utf8_is_an_error() {
        let mut splitter = FrameSplitter::default();
        assert_eq!(splitter.push(Bytes::from_static(b"data: half")), 10);
        assert_eq!(splitter.next_frame(), None);
        assert_eq!(splitter.push(Bytes::from_static(b" a line\n")), 18);
        assert_eq!(splitter.next_frame(), None);
        assert!(RawEvent::parse(b"data: \xff\n\n").is_err());
    }
}
