//! The fold of a text, by which texts are compared: without case, accents, apostrophes and Unicode forms.

use std::iter;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

/// The fold of a text: in Unicode NFKD, without combining marks, with full case folding, without apostrophes and invisible
/// characters, trimmed, and composed again. Equal texts in NFC and NFD have equal folds, folding is idempotent, and only a
/// blank text has an empty fold.
///
/// A fold keeps marks that spell a sound instead of varying a letter: vowel signs and viramas of Indic scripts, Thai and Lao
/// vowels and tones, the voicing of kana. It replaces letters with a stroke and ligatures, which Unicode does not decompose,
/// by their base letters.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    push_folded(text, None, &mut folded);
    if folded.trim().is_empty() {
        // Names of only apostrophes or accents must still differ from each other.
        folded = text.nfkc().collect();
    }
    match folded.trim() {
        trimmed if trimmed.len() == folded.len() => folded,
        trimmed => trimmed.to_owned(),
    }
}

/// Appends the fold of `text`, not trimmed; replaces each apostrophe by `apostrophe`.
pub(super) fn push_folded(text: &str, apostrophe: Option<char>, folded: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        // No kept mark composes with an ASCII character, so runs of ASCII characters need no normalization.
        let (ascii, others) = rest.split_at(rest.find(|c: char| !c.is_ascii()).unwrap_or(rest.len()));
        let start = folded.len();
        for (index, part) in ascii.split(['\'', '`']).enumerate() {
            folded.extend(apostrophe.filter(|_| index > 0));
            folded.push_str(part);
        }
        folded[start..].make_ascii_lowercase();
        let (others, after) = others.split_at(others.find(|c: char| c.is_ascii()).unwrap_or(others.len()));
        for c in fold_others(others) {
            match is_apostrophe(c) {
                true => folded.extend(apostrophe),
                false => folded.push(c),
            }
        }
        rest = after;
    }
}

fn fold_others(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        // Precedes the decomposition, which turns the acute accent into a space and a mark.
        .map(|c| if is_apostrophe(c) { '\'' } else { c })
        .filter(|&c| !is_invisible(c))
        .nfkd()
        .filter(|&c| !is_accent(c) && !is_invisible(c))
        .flat_map(fold_case)
        .flat_map(base_letters)
        .nfc()
}

/// Full case folding (Unicode 3.13, D144) of a character in NFKD; also folds the dotless ı to i.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    // Only `ß`, the lowercase form of `ẞ`, has an uppercase form.
    c.to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// The base letters of a lowercase letter with a stroke and of a ligature.
fn base_letters(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        'ð' | 'đ' => ('d', None),
        'ħ' => ('h', None),
        'ł' => ('l', None),
        'ø' => ('o', None),
        'ŧ' => ('t', None),
        _ => (c, None),
    };
    iter::once(first).chain(second)
}

/// Whether a mark varies a letter: accents of Latin, Greek and Cyrillic letters, Hebrew points, Arabic and Syriac vowels,
/// Indic nuktas. The canonical combining class (Unicode 4.3, UAX 44 table 15) distinguishes them from marks that make
/// another word: vowel signs and viramas of Indic scripts, Thai and Lao vowels and tones (0, 9, 84 to 132), and the voicing
/// of kana (8).
fn is_accent(c: char) -> bool {
    match canonical_combining_class(c) {
        // Enclosing marks have class 0.
        0 => {
            matches!(c, '\u{488}'..='\u{489}' | '\u{20DD}'..='\u{20E0}' | '\u{20E2}'..='\u{20E4}' | '\u{A670}'..='\u{A672}')
        }
        1 | 7 | 10..=36 | 200..=240 => true,
        _ => false,
    }
}

/// Whether a character is used as an apostrophe: single quotation marks, primes, spacing accents and breathings, and similar
/// modifier letters, Armenian, Hebrew and N'Ko characters.
fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`'
            | '\u{B4}'
            | '\u{2B9}'
            | '\u{2BB}'..='\u{2BF}'
            | '\u{2C8}'
            | '\u{2CA}'..='\u{2CB}'
            | '\u{374}'
            | '\u{55A}'
            | '\u{5F3}'
            | '\u{7F4}'..='\u{7F5}'
            | '\u{1FBD}'
            | '\u{1FBF}'
            | '\u{1FCD}'..='\u{1FCF}'
            | '\u{1FDD}'..='\u{1FDF}'
            | '\u{1FEF}'
            | '\u{1FFD}'..='\u{1FFE}'
            | '\u{2018}'..='\u{2019}'
            | '\u{201B}'
            | '\u{2032}'
            | '\u{2035}'
            | '\u{A78B}'..='\u{A78C}'
            | '\u{FF07}'
            | '\u{FF40}'
    )
}

/// Whether a character is default ignorable (UAX 44), like soft hyphens and variation selectors, or the Arabic tatweel.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{640}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_readers_consider_equal_have_the_same_fold() {
        for (text, same) in [
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("Les Misérables", "les miserables"),
            ("O’Reilly", "oreilly"),
            ("O'Reilly", "O´Reilly"),
            ("İstanbul", "ISTANBUL"),
            ("ısparta", "Isparta"),
            ("Łódź", "lodz"),
            ("Smørrebrød", "smorrebrod"),
            ("Œuvres", "oeuvres"),
            ("ὈΔΥΣΣΕΎΣ", "οδυσσευς"),
            ("Ёлка", "елка"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("ﻣﺤﻤﺪ", "محمد"),
            ("كتـــاب", "كتاب"),
            ("फ़िल्म", "फिल्म"),
            ("ﾊﾟﾘ", "パリ"),
            ("ＲＰＣ", "rpc"),
            ("\u{1112}\u{1161}\u{11AB}글", "한글"),
            ("co\u{AD}operate", "cooperate"),
            ("\u{A0}Poetry\u{3000}", "poetry"),
        ] {
            assert_eq!(fold(text), fold(same), "{text:?}, {same:?}");
        }
    }

    #[test]
    fn marks_that_make_another_word_are_kept() {
        for (text, other) in [
            ("ばか", "はか"),
            ("パパ", "ハハ"),
            ("कि", "क"),
            ("क्या", "कया"),
            ("ไก่", "ไก"),
            ("กิน", "กน"),
        ] {
            assert_ne!(fold(text), fold(other), "{text:?}, {other:?}");
        }
    }

    #[test]
    fn only_a_blank_text_has_an_empty_fold() {
        for text in ["", "  ", "\u{3000}"] {
            assert_eq!(fold(text), "");
        }
        for text in ["'", "’", "´", "\u{301}", "\u{200B}", "."] {
            assert_ne!(fold(text), "", "{text:?}");
        }
    }

    #[test]
    fn every_character_has_one_fold_in_all_its_forms() {
        for c in ('\0'..='\u{1FFFF}').chain('\u{2F800}'..='\u{2FA1F}') {
            let text = format!("a{c}b");
            let folded = fold(&text);
            assert_eq!(fold(&folded), folded, "{c:?}");
            assert_eq!(fold(&text.nfd().to_string()), folded, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in "(\\PC|[\u{0}-\u{24F}\u{300}-\u{36F}\u{3099}'’´가-힣]){0,12}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn nfc_and_nfd_of_a_text_have_the_same_fold(text in "(\\PC|[\u{C0}-\u{24F}\u{300}-\u{36F}\u{3099}ก-ฺक-्가-힣]){0,12}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&text.nfc().to_string()), folded.clone());
            prop_assert_eq!(fold(&text.nfd().to_string()), folded);
        }
    }
}
