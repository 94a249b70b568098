//! The words of a text, by which a search finds it.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::fold::push_folded;

const APOSTROPHE: char = '\'';

/// The purpose of a split into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Index,
    Query,
}

/// Calls `visit` with each folded index word of a text, repeated words included. They include all of the text's
/// [`query_words`].
///
/// A word is a run of letters, digits and marks. It is indexed with and without `+` and `#` after it (`c++`, `c#`), with and
/// without a full stop before it (`.net`); a word with apostrophes, joined and by its parts (`l'homme`: `lhomme`, `homme`). A
/// run in a script without spaces between words is indexed by its bigrams.
pub fn for_each_index_word(text: &str, visit: impl FnMut(&str)) {
    for_each_word(text, Purpose::Index, visit);
}

/// The words of a query. A text matches if each query word is the prefix of one of its index words.
pub fn query_words(query: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_word(query, Purpose::Query, |word| words.push(word.to_owned()));
    words
}

fn for_each_word(text: &str, purpose: Purpose, mut visit: impl FnMut(&str)) {
    let mut folded = String::with_capacity(text.len());
    push_folded(text, Some(APOSTROPHE), &mut folded);
    let mut end = 0;
    while let Some(offset) = folded[end..].find(is_word_char) {
        let (before, rest) = folded.split_at(end + offset);
        let run = leading(rest, is_unspaced);
        end = before.len();
        if run.is_empty() {
            let word = leading(rest, |c| c == APOSTROPHE || (is_word_char(c) && !is_unspaced(c)));
            for_each_form(before, word, &rest[word.len()..], purpose, &mut visit);
            end += word.len();
        } else {
            for_each_bigram(run, purpose, &mut visit);
            end += run.len();
        }
    }
}

/// Visits the forms of a word between `before` and `after`: all of them for the index, the most specific one for a query.
fn for_each_form(before: &str, word: &str, after: &str, purpose: Purpose, visit: &mut impl FnMut(&str)) {
    let joined: String;
    let plain = match word.contains(APOSTROPHE) {
        false => word,
        true => {
            joined = word.split(APOSTROPHE).collect();
            &joined
        }
    };
    let signs = leading(after, |c| matches!(c, '+' | '#'));
    let has_signs = !signs.is_empty() && !after[signs.len()..].starts_with(is_word_char);
    let has_stop = is_after_stop(before, purpose) && plain.starts_with(char::is_alphabetic) && plain.len() > 1;
    if has_signs {
        visit(&format!("{plain}{signs}"));
    }
    if has_stop && (purpose == Purpose::Index || !has_signs) {
        visit(&format!(".{plain}"));
    }
    if purpose == Purpose::Index || !(has_signs || has_stop) {
        visit(plain);
    }
    if purpose == Purpose::Index && plain.len() < word.len() {
        // Skips parts of one letter: elided articles and possessives.
        word.split(APOSTROPHE)
            .filter(|part| part.chars().nth(1).is_some() && *part != plain)
            .for_each(visit);
    }
}

/// Whether the text ends with a single full stop; in a query, one that does not follow a word (`asp.net` is two words).
fn is_after_stop(before: &str, purpose: Purpose) -> bool {
    before.strip_suffix('.').is_some_and(|before| {
        !before.ends_with('.')
            && (purpose == Purpose::Index || !before.ends_with(|c| is_word_char(c) || c == APOSTROPHE))
    })
}

/// Visits each pair of adjacent characters of a run, and the last character if the run has one or is for the index.
fn for_each_bigram(run: &str, purpose: Purpose, visit: &mut impl FnMut(&str)) {
    let mut bigram = String::new();
    let mut chars = run.chars().peekable();
    let mut is_first = true;
    while let Some(first) = chars.next() {
        let second = chars.peek().copied();
        if second.is_some() || is_first || purpose == Purpose::Index {
            bigram.clear();
            for c in [Some(first), second].into_iter().flatten() {
                push_jamo(c, &mut bigram);
            }
            visit(&bigram);
        }
        is_first = false;
    }
}

/// Appends a character; decomposes a Hangul syllable, so that the letters typed so far are a prefix of it.
fn push_jamo(c: char, word: &mut String) {
    match c {
        '\u{AC00}'..='\u{D7A3}' => word.extend(c.nfd()),
        c => word.push(c),
    }
}

/// Whether a character belongs to a script without spaces between words: Han, kana and Bopomofo, Thai, Lao, Burmese and
/// Khmer. Hangul is included, because its spaces separate phrases, are optional in compounds, and do not separate particles.
fn is_unspaced(c: char) -> bool {
    let is_in_script = matches!(
        c,
        '\u{E00}'..='\u{EFF}'
            | '\u{1000}'..='\u{109F}'
            | '\u{1100}'..='\u{11FF}'
            | '\u{1780}'..='\u{17FF}'
            | '\u{2E80}'..='\u{A48F}'
            | '\u{A960}'..='\u{A97F}'
            | '\u{A9E0}'..='\u{A9FF}'
            | '\u{AA60}'..='\u{AA7F}'
            | '\u{AC00}'..='\u{D7FF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{1AFF0}'..='\u{1B2FF}'
            | '\u{20000}'..='\u{3FFFF}'
    );
    is_in_script && is_word_char(c)
}

/// Whether a character is a letter, a digit or a mark that a fold keeps.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || (!c.is_ascii() && is_combining_mark(c))
}

fn leading(text: &str, is_included: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !is_included(c)).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn index_words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for_each_index_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_letters_and_digits_without_case_and_accents() {
        assert_eq!(index_words("Les Misérables, 1862"), ["les", "miserables", "1862"]);
        assert_eq!(query_words("h.g. time"), ["h", "g", "time"]);
        assert_eq!(query_words("हिन्दी कविता"), ["हिन्दी", "कविता"]);
        assert!(query_words(" ' + … ").is_empty());
    }

    #[test]
    fn names_of_programming_languages_keep_their_signs() {
        assert_eq!(index_words("C/C++"), ["c", "c++", "c"]);
        assert_eq!(query_words("C++ c# f+g"), ["c++", "c#", "f", "g"]);
        assert_eq!(index_words("ASP.NET"), ["asp", ".net", "net"]);
        assert_eq!(
            query_words(".NET asp.net ...and e.g."),
            [".net", "asp", "net", "and", "e", "g"]
        );
    }

    #[test]
    fn a_word_with_an_apostrophe_is_found_joined_and_by_its_parts() {
        assert_eq!(
            index_words("L’Homme d'O'Reilly's"),
            ["lhomme", "homme", "doreillys", "reilly"]
        );
        assert_eq!(index_words("the 'Titanic'"), ["the", "titanic"]);
        assert_eq!(query_words("o'reilly"), ["oreilly"]);
    }

    #[test]
    fn scripts_without_spaces_are_split_into_bigrams() {
        assert_eq!(index_words("戰爭與和平2"), ["戰爭", "爭與", "與和", "和平", "平", "2"]);
        assert_eq!(query_words("和平"), ["和平"]);
        assert_eq!(query_words("平"), ["平"]);
        assert_eq!(query_words("Java入門・上"), ["java", "入門", "上"]);
        let jamo: String = "한국".nfd().collect();
        assert_eq!(query_words("한국"), [jamo.as_str()]);
        assert!(jamo.starts_with(&query_words("한구")[0]));
    }

    proptest! {
        #[test]
        fn a_text_is_found_by_itself(text in "(\\PC|[a-c.'’+# ]|[가-힣ก-๛あ-ん一-十क-्]){0,16}") {
            let words = BTreeSet::from_iter(index_words(&text));
            for word in query_words(&text) {
                prop_assert!(words.contains(&word), "{word:?} is not among {words:?}");
            }
        }

        #[test]
        fn nfc_and_nfd_of_a_text_have_the_same_words(text in "(\\PC|[\u{C0}-\u{24F}\u{300}-\u{36F}\u{3099}ก-ฺक-्가-힣]){0,12}") {
            prop_assert_eq!(query_words(&text.nfc().to_string()), query_words(&text.nfd().to_string()));
        }

        #[test]
        fn a_prefix_of_a_word_finds_it(word in "[\\pL\\pN&&[^\u{FF9E}\u{FF9F}]]{1,8}|[a-z]{1,4}(\\+\\+|#|'[a-z]{1,4})?", length in 1_usize..9) {
            let word: String = word.nfc().collect();
            let prefix: String = word.chars().take(length).collect();
            let words = index_words(&word);
            for part in query_words(&prefix) {
                prop_assert!(words.iter().any(|word| word.starts_with(&part)), "{part:?} begins none of {words:?}");
            }
        }
    }
}
