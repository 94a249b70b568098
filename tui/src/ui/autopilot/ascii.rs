//! Conversion of the screen to plain ASCII.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Replaces drawing characters by ASCII; other text is unchanged.
pub(super) fn to_ascii(buffer: &mut Buffer, area: Rect) {
    for position in area.positions() {
        let Some(cell) = buffer.cell_mut(position) else {
            continue;
        };
        let plain = match cell.symbol().chars().next() {
            Some('│' | '┃' | '┤' | '├') => "|",
            Some('─' | '━') => "-",
            Some('└' | '┘' | '┌' | '┐' | '┼') => "+",
            Some('█') => "#",
            Some('░') => ".",
            Some('\u{2800}') => " ",
            Some('\u{2801}'..='\u{28ff}') => "*",
            Some('●' | '○' | '‖' | '◐') => "*",
            Some('…') => "~",
            Some('\u{a0}') => " ",
            _ => continue,
        };
        cell.set_symbol(plain);
    }
}
