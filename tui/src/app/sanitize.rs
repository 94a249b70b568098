//! Text that comes from outside, made safe to display.

use common::text;
use unicode_segmentation::UnicodeSegmentation as _;

/// Replaces control characters, and characters whose width differs between terminals, which would leave remains on the screen:
/// a flag becomes its letters, and a joined or colored emoji its first emoji.
pub(super) fn sanitized(text: &impl ToString) -> String {
    let text = text::sanitize(&text.to_string()).into_owned();
    if text.is_ascii() {
        return text;
    }
    text.graphemes(true).map(of_one_width).collect()
}

fn of_one_width(grapheme: &str) -> String {
    let is_flag = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    // Zero width joiner, text and emoji selectors, keycap, skin colors, tags.
    let is_modifier = |c: char| matches!(c, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}');
    if grapheme.chars().any(is_flag) {
        let letters = grapheme.chars().filter(|c| is_flag(*c));
        return letters
            .filter_map(|c| char::from_u32(u32::from(c) - 0x1_f1e6 + u32::from('A')))
            .collect();
    }
    match grapheme.chars().position(is_modifier) {
        // A modifier without a base character has no width in some terminals.
        Some(0) => String::new(),
        Some(modifier) => grapheme.chars().take(modifier).collect(),
        None => grapheme.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terminals_draw_in_different_widths_is_simplified() {
        for (text, shown) in [
            ("Die 🇩🇪 Küche", "Die DE Küche"),
            ("👩\u{200d}👩\u{200d}👧 family", "👩 family"),
            ("thumbs 👍\u{1f3fd} up", "thumbs 👍 up"),
            ("❤\u{fe0f} 1\u{fe0f}\u{20e3}", "❤ 1"),
            ("戰e\u{301}", "戰e\u{301}"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
        ] {
            assert_eq!(sanitized(&text), shown);
        }
    }
}
