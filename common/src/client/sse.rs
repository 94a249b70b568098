//! Server-sent events (HTML standard, section 9.2.6), cut out of the bytes as they arrive. A rush brings hundreds at once:
//! nothing is copied but what a chunk leaves unfinished.

use std::borrow::Cow;
use std::str::Utf8Error;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// The bytes that are no whole event yet.
#[derive(Debug, Default)]
pub(super) struct FrameSplitter {
    rest: Bytes,
}

impl FrameSplitter {
    /// Takes what arrived; says how many bytes wait now.
    pub(super) fn add(&mut self, chunk: Bytes) -> usize {
        if self.rest.is_empty() {
            self.rest = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.rest.len() + chunk.len());
            joined.extend_from_slice(&self.rest);
            joined.extend_from_slice(&chunk);
            self.rest = joined.freeze();
        }
        self.rest.len()
    }

    /// The next block of lines, up to the blank one that ends it.
    pub(super) fn cut(&mut self) -> Option<Bytes> {
        let mut start = 0;
        while let Some(length) = memchr(b'\n', self.rest.get(start..)?) {
            let end = start + length + 1;
            let is_blank = matches!(self.rest.get(start..end)?, b"\n" | b"\r\n");
            if is_blank {
                return Some(self.rest.split_to(end));
            }
            start = end;
        }
        None
    }
}

/// What a block of lines says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// The event's type.
    pub(super) name: &'a str,
    /// Its data; without any it is no event.
    pub(super) data: Option<Cow<'a, str>>,
    /// Whether there is a comment in it, which is only a sign of life.
    pub(super) has_comment: bool,
}

impl<'a> Event<'a> {
    pub(super) fn read(block: &'a [u8]) -> Result<Self, Utf8Error> {
        let mut event = Self::default();
        let mut rest = str::from_utf8(block)?;
        while let Some(end) = memchr(b'\n', rest.as_bytes()) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            event.add(line.strip_suffix('\r').unwrap_or(line));
        }
        Ok(event)
    }

    fn add(&mut self, line: &'a str) {
        // A field's name is a few letters: found sooner than a search has begun.
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
            "data" => {
                self.data = Some(match self.data.take() {
                    None => Cow::Borrowed(value),
                    Some(before) => Cow::Owned(format!("{before}\n{value}")),
                });
            }
            "" if !line.is_empty() => self.has_comment = true,
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

    fn read(blocks: &[Bytes]) -> Vec<Event<'_>> {
        blocks.iter().map(|block| Event::read(block).unwrap()).collect()
    }

    fn event<'a>(name: &'a str, data: &'a str) -> Event<'a> {
        Event {
            name,
            data: Some(data.into()),
            has_comment: false,
        }
    }

    proptest! {
        #[test]
        fn every_event_comes_out_however_the_bytes_arrive(mut cuts in prop::collection::vec(0..STREAM.len(), 0..40)) {
            cuts.sort_unstable();
            let (mut cutter, mut blocks, mut from) = (FrameSplitter::default(), Vec::new(), 0);
            for to in cuts.into_iter().chain([STREAM.len()]) {
                cutter.add(Bytes::copy_from_slice(&STREAM.as_bytes()[from..to]));
                blocks.extend(std::iter::from_fn(|| cutter.cut()));
                from = to;
            }
            let comment = Event { has_comment: true, ..Event::default() };
            assert_eq!(read(&blocks), [
                comment,
                event("hello", "{\"seq\":7}"),
                event("", "first\nsecond: line"),
                event("stock", "x"),
                Event::default(),
                event("", ""),
                event("\u{fc}ber", "\u{1f4da}"),
            ]);
        }
    }

    #[test]
    fn half_an_event_waits_and_what_is_no_text_is_refused() {
        let mut cutter = FrameSplitter::default();
        assert_eq!(cutter.add(Bytes::from_static(b"data: half")), 10);
        assert_eq!(cutter.cut(), None);
        assert_eq!(cutter.add(Bytes::from_static(b" a line\n")), 18);
        assert_eq!(cutter.cut(), None);
        assert!(Event::read(b"data: \xff\n\n").is_err());
    }
}
