//! Writing values behind their names.

use super::FastJson;

/// How much longer than the first item of a list, and the end of a text, room is made for.
const LEEWAY_BYTES: usize = 32;

#[inline]
pub(super) fn text(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(text.as_bytes());
}

pub(super) fn number(json: &mut Vec<u8>, name: &str, number: impl itoa::Integer) {
    text(json, name);
    text(json, itoa::Buffer::new().format(number));
}

pub(super) fn flag(json: &mut Vec<u8>, name: &str, flag: bool) {
    text(json, name);
    text(json, if flag { "true" } else { "false" });
}

/// A value in quotes that needs no escapes.
#[inline]
pub(super) fn quoted(json: &mut Vec<u8>, name: &str, push: impl FnOnce(&mut Vec<u8>)) {
    text(json, name);
    json.push(b'"');
    push(json);
    json.push(b'"');
}

pub(super) fn word(json: &mut Vec<u8>, name: &str, word: &str) {
    quoted(json, name, |json| text(json, word));
}

pub(super) fn title(json: &mut Vec<u8>, title: Option<&str>) {
    if let Some(title) = title {
        text(json, ",\"title\":");
        // A string written into memory cannot fail.
        let _ = serde_json::to_writer(json, title);
    }
}

pub(super) fn list<T: FastJson>(json: &mut Vec<u8>, name: &str, items: &[T]) {
    text(json, name);
    json.push(b'[');
    if let Some((first, others)) = items.split_first() {
        let start = json.len();
        first.write_json(json);
        // The others are about as long as the first one.
        json.reserve((json.len() - start + LEEWAY_BYTES) * others.len() + LEEWAY_BYTES);
        for item in others {
            json.push(b',');
            item.write_json(json);
        }
    }
    json.push(b']');
}
