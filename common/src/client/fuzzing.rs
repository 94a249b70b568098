//! The fuzz target of event streams.

use bytes::Bytes;

use super::events::{parse_entry, parse_shop_event};
use super::sse::{FrameSplitter, RawEvent};

/// Splits the stream at positions that the first byte selects: the events must be those of the unsplit stream.
pub(crate) fn event_stream(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else {
        return;
    };
    let cut = usize::from(*cut);
    let whole = events([stream]);
    assert_eq!(events(stream.chunks(cut + 1)), whole);
    let (start, end) = stream.split_at(stream.len() * cut / 255);
    assert_eq!(events([start, end]), whole);
}

/// The events of a stream, and the number of pending bytes.
fn events<'s>(chunks: impl IntoIterator<Item = &'s [u8]>) -> (Vec<String>, usize) {
    let (mut splitter, mut events, mut pending_bytes) = (FrameSplitter::default(), Vec::new(), 0);
    for chunk in chunks {
        let before = pending_bytes;
        pending_bytes = splitter.push(Bytes::copy_from_slice(chunk));
        assert_eq!(pending_bytes, before + chunk.len());
        while let Some(frame) = splitter.next_frame() {
            pending_bytes -= frame.len();
            let event = RawEvent::parse(&frame);
            events.push(format!("{event:?}"));
            if let Ok(RawEvent {
                name, data: Some(data), ..
            }) = event
            {
                events.push(format!(
                    "{:?} {:?}",
                    parse_shop_event(name, &data),
                    parse_entry(name, &data)
                ));
            }
        }
    }
    (events, pending_bytes)
}
