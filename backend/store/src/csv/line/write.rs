//! Writes headers and entries as lines.

use common::{ArcStr, Description, Entry, GroupPosition, Kind, Seq, Stock};

use super::{check, header};

/// Appends the first line of a segment.
pub(in crate::csv) fn push_header(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(header(Description::COLUMNS.len()).as_bytes());
    buffer.push(b'\n');
}

/// Appends an entry's line.
pub(in crate::csv) fn push_entry(buffer: &mut Vec<u8>, entry: &Entry, batch: Seq) {
    let start = buffer.len();
    push_number(buffer, Some(entry.seq.0));
    entry.at.write_to(buffer);
    buffer.push(b',');
    push_word(buffer, entry.kind.as_str());
    push_number(buffer, Some(entry.item.get()));
    let line = Some(entry.line).filter(|&line| line != GroupPosition::ONLY);
    push_number(buffer, line.map(GroupPosition::number));
    push_number(buffer, line.map(GroupPosition::count));
    push_number(buffer, entry.quantity.map(common::Quantity::get));
    push_number(buffer, Some(entry.change));
    push_number(buffer, entry.stock_after.map(Stock::get));
    if let Some(order) = entry.order {
        order.write_to(buffer);
    }
    buffer.push(b',');
    if let Some(cost) = entry.unit_cost {
        cost.write_to(buffer);
    }
    buffer.push(b',');
    push_word(buffer, entry.reason.map(common::Reason::as_str).unwrap_or_default());
    push_text(buffer, entry.title.as_deref());
    let description = entry.description.as_deref();
    for text in description.map(Description::texts).unwrap_or_default() {
        push_text(buffer, text.map(ArcStr::as_str));
    }
    push_number(buffer, Some(batch.0));
    finish(buffer, start);
}

fn push_word(buffer: &mut Vec<u8>, word: &str) {
    buffer.extend_from_slice(word.as_bytes());
    buffer.push(b',');
}

fn push_number(buffer: &mut Vec<u8>, number: Option<impl itoa::Integer>) {
    if let Some(number) = number {
        buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    buffer.push(b',');
}

fn push_text(buffer: &mut Vec<u8>, text: Option<&str>) {
    let text = text.unwrap_or_default().as_bytes();
    if memchr::memchr2(b',', b'"', text).is_none() {
        buffer.extend_from_slice(text);
    } else {
        buffer.push(b'"');
        for part in text.split_inclusive(|&byte| byte == b'"') {
            buffer.extend_from_slice(part);
            if part.ends_with(b"\"") {
                buffer.push(b'"');
            }
        }
        buffer.push(b'"');
    }
    buffer.push(b',');
}

/// Replaces the trailing comma by the checksum and the line break.
pub(in crate::csv) fn finish(buffer: &mut Vec<u8>, start: usize) {
    buffer.pop();
    let sum = check(buffer.get(start..).unwrap_or_default());
    buffer.extend_from_slice(&sum);
    buffer.push(b'\n');
}

/// Whether an entry belongs to an import; see `Line::needs_marker`.
pub(in crate::csv) fn needs_marker(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Set | Kind::Withdrawn) && entry.order.is_none()
}
