//! Detects files of other kinds, so that one message names the kind instead of an error for each line.

/// The first bytes of files of other kinds, with the kind and what to do.
const KINDS: [(&[u8], &str); 8] = [
    (b"\xFF\xFE", UTF_16),
    (b"\xFE\xFF", UTF_16),
    (
        b"PK\x03\x04",
        "a spreadsheet or another ZIP archive; save the sheet as CSV in UTF-8",
    ),
    (
        b"\xD0\xCF\x11\xE0",
        "an old spreadsheet; save the sheet as CSV in UTF-8",
    ),
    (b"\x1F\x8B", "compressed with gzip; decompress it first"),
    (b"%PDF", "a PDF document"),
    (b"<?xml", "an XML document; save the table as CSV in UTF-8"),
    (b"{\\rtf", "a text with formatting; save it as plain text in UTF-8"),
];
const UTF_16: &str = "in UTF-16; save it as UTF-8";
/// The part of a file that is searched for zero bytes and HTML.
const BEGINNING_BYTES: usize = 1_024;

/// The kind of a file that is certainly no CSV file in UTF-8.
pub(super) fn other_kind(text: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = KINDS.iter().find(|(start, _)| text.starts_with(start)) {
        return Some(kind);
    }
    let beginning = text.get(..BEGINNING_BYTES).unwrap_or(text);
    if beginning.contains(&0) {
        return Some(UTF_16);
    }
    let beginning = beginning.trim_ascii_start().to_ascii_lowercase();
    let is_html = [&b"<!doctype html"[..], b"<html", b"<table"]
        .iter()
        .any(|start| beginning.starts_with(start));
    is_html.then_some("an HTML page; save the table as CSV in UTF-8")
}

/// The message for a file with invalid UTF-8. If it has more invalid sequences than valid characters beyond ASCII, it probably
/// has another encoding.
pub(super) fn expected_encoding(text: &[u8]) -> &'static str {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in text.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    match invalid > valid {
        true => "expected UTF-8, found Windows-1252 or another encoding; save the file as UTF-8",
        false => "expected UTF-8",
    }
}
