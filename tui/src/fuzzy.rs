//! Matching of short texts: by words and word prefixes, like the shop's search, or by letters in the same order (fuzzy).

use std::cmp::Reverse;
use std::ops::Range;

use common::text::{fold, for_each_index_word, query_words};
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use unicode_segmentation::UnicodeSegmentation;

/// A fuzzy match of `n` letters spans at most `n * SPAN_FACTOR + SPAN_MORE` characters; otherwise a short word would match
/// nearly every long title.
const SPAN_FACTOR: usize = 2;
const SPAN_MORE: usize = 2;

/// A text to search, from fields in descending order of importance.
#[derive(Debug, Clone)]
pub(crate) struct SearchText {
    /// Each word, folded, with the number of its field.
    words: Vec<(Box<str>, u8)>,
    /// The fields for fuzzy matching, folded.
    letters: Box<str>,
}

impl SearchText {
    /// Fuzzy matching covers the first `fuzzy` fields.
    pub(crate) fn new(fields: &[&str], fuzzy: usize) -> Self {
        let mut words = Vec::new();
        for (number, field) in (0..).zip(fields) {
            for_each_index_word(field, |word| words.push((word.into(), number)));
        }
        let letters = fields.iter().take(fuzzy).copied().collect::<Vec<_>>().join(" ");
        Self {
            words,
            letters: fold(&letters).into(),
        }
    }
}

/// The quality of a match; the least is the best. `Words`: every word of the pattern is a word or a word prefix of the text;
/// twice the number of the field, plus one for a prefix, as the shop ranks. `Letters`: a fuzzy match, by score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Words(u8),
    Letters(Reverse<u32>),
}

/// Matches texts against a pattern.
pub(crate) struct Searcher {
    words: Vec<String>,
    atoms: Vec<Atom>,
    matcher: Matcher,
    chars: Vec<char>,
    indices: Vec<u32>,
}

impl Searcher {
    pub(crate) fn new(pattern: &str) -> Self {
        let folded = fold(pattern);
        let parsed = Pattern::new(&folded, CaseMatching::Respect, Normalization::Never, AtomKind::Fuzzy);
        Self {
            words: query_words(pattern),
            atoms: parsed.atoms,
            matcher: Matcher::new(Config::DEFAULT),
            chars: Vec::new(),
            indices: Vec::new(),
        }
    }

    /// The rank of a text; `None` if it does not match.
    pub(crate) fn rank(&mut self, text: &SearchText) -> Option<Rank> {
        self.rank_of_words(text)
            .map(Rank::Words)
            .or_else(|| self.rank_of_letters(text))
    }

    /// The rank of the worst word, each with its best match.
    fn rank_of_words(&self, text: &SearchText) -> Option<u8> {
        let best = |wanted: &String| {
            let matching = text.words.iter().filter(|(word, _)| word.starts_with(wanted.as_str()));
            matching
                .map(|(word, field)| 2 * field + u8::from(**word != **wanted))
                .min()
        };
        let ranks: Option<Vec<_>> = self.words.iter().map(best).collect();
        ranks?.into_iter().max()
    }

    fn rank_of_letters(&mut self, text: &SearchText) -> Option<Rank> {
        let haystack = Utf32Str::new(&text.letters, &mut self.chars);
        let mut score = 0;
        for atom in &self.atoms {
            self.indices.clear();
            score += u32::from(atom.indices(haystack, &mut self.matcher, &mut self.indices)?);
            is_near(&self.indices).then_some(())?;
        }
        (!self.atoms.is_empty()).then_some(Rank::Letters(Reverse(score)))
    }

    /// The byte ranges of a text that match; empty if another field of the book matches instead.
    pub(crate) fn highlights(&mut self, text: &str) -> Vec<Range<usize>> {
        // The folded characters, and the byte range from which each one comes.
        let (mut letters, mut parts) = (String::new(), Vec::new());
        for (start, grapheme) in text.grapheme_indices(true) {
            let folded = match grapheme.trim().is_empty() {
                true => " ".to_owned(),
                false => fold(grapheme),
            };
            let part = start..start + grapheme.len();
            parts.extend(folded.chars().map(|_| part.clone()));
            letters.push_str(&folded);
        }
        let all: Vec<char> = letters.chars().collect();
        let haystack = Utf32Str::new(&letters, &mut self.chars);
        let mut matched: Vec<usize> = Vec::new();
        for atom in &self.atoms {
            let wanted: Vec<char> = atom.needle_text().chars().collect();
            if let Some(start) = word_start(&all, &wanted) {
                matched.extend(start..start + wanted.len());
                continue;
            }
            self.indices.clear();
            if atom.indices(haystack, &mut self.matcher, &mut self.indices).is_some() && is_near(&self.indices) {
                matched.extend(self.indices.iter().filter_map(|index| usize::try_from(*index).ok()));
            }
        }
        matched.sort_unstable();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for part in matched.into_iter().filter_map(|index| parts.get(index)) {
            match ranges.last_mut() {
                Some(last) if last.end >= part.start => last.end = last.end.max(part.end),
                _ => ranges.push(part.clone()),
            }
        }
        ranges
    }
}

/// The start of the word that is `wanted`, or else of a word that begins with it.
fn word_start(text: &[char], wanted: &[char]) -> Option<usize> {
    let is_in_word = |index: usize| text.get(index).is_some_and(|c| c.is_alphanumeric());
    let starts = (0..text.len()).filter(|start| {
        let begins = *start == 0 || !is_in_word(start - 1);
        begins && !wanted.is_empty() && text.get(*start..).is_some_and(|rest| rest.starts_with(wanted))
    });
    starts.min_by_key(|start| is_in_word(start + wanted.len()))
}

/// Whether matched letters are close enough to each other; see [`SPAN_FACTOR`].
fn is_near(indices: &[u32]) -> bool {
    let (first, last) = (indices.iter().min(), indices.iter().max());
    let span = last.zip(first).map_or(0, |(last, first)| last - first + 1);
    usize::try_from(span).is_ok_and(|span| span <= indices.len() * SPAN_FACTOR + SPAN_MORE)
}

/// The items that match, the best match first; equal matches keep their order.
pub(crate) fn ranked<T>(pattern: &str, items: impl Iterator<Item = T>, text: impl Fn(&T, &mut String)) -> Vec<T> {
    let mut searcher = Searcher::new(pattern);
    let mut scored: Vec<_> = items
        .filter_map(|item| {
            let mut line = String::new();
            text(&item, &mut line);
            Some((searcher.rank(&SearchText::new(&[&line], 1))?, item))
        })
        .collect();
    scored.sort_by_key(|(rank, _)| *rank);
    scored.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_apostrophes_make_no_difference() {
        let titles = ["Les Misérables", "Straße", "O’Reilly", "Ёлка", "戰爭與和平"];
        for (pattern, found) in [
            ("miserables", "Les Misérables"),
            ("MISÉR", "Les Misérables"),
            ("strasse", "Straße"),
            ("o'reilly", "O’Reilly"),
            ("ОРЕИ", ""),
            ("елка", "Ёлка"),
            ("和平", "戰爭與和平"),
        ] {
            let ranked = ranked(pattern, titles.into_iter(), |title, line| line.push_str(title));
            assert_eq!(ranked.first().copied().unwrap_or_default(), found, "{pattern}");
        }
    }

    #[test]
    fn words_come_before_beginnings_of_words_and_these_before_letters() {
        let titles = [
            "The Wayfarer",
            "Warfare",
            "Ivanhoe: War in England",
            "A Walk by the River",
        ];
        let found = ranked("war", titles.into_iter(), |title, line| line.push_str(title));
        assert_eq!(found, ["Ivanhoe: War in England", "Warfare", "The Wayfarer"]);
        let found = ranked("mbydck", ["Moby-Dick", "Middlemarch"].into_iter(), |title, line| {
            line.push_str(title);
        });
        assert_eq!(found, ["Moby-Dick"]);
    }

    #[test]
    fn a_match_in_a_title_comes_before_one_in_an_author() {
        let rank = |title: &str, author: &str| Searcher::new("war").rank(&SearchText::new(&[title, author], 2));
        assert!(rank("War", "A") < rank("Warfare", "A"));
        assert!(rank("Warfare", "A") < rank("Peace", "War"));
        assert!(rank("Peace", "War") < rank("Wayfarer", "A"));
        assert_eq!(rank("Peace", "A"), None);
    }

    #[test]
    fn the_matched_letters_are_those_of_the_text_as_it_is_written() {
        let marked = |pattern: &str, text: &str| {
            let ranges = Searcher::new(pattern).highlights(text);
            let parts: Vec<_> = ranges.into_iter().filter_map(|range| text.get(range)).collect();
            parts.join("|")
        };
        assert_eq!(marked("war", "Warfare and War"), "War");
        assert_eq!(marked("pea war", "War and Peace"), "War|Pea");
        assert_eq!(marked("mbydck", "Moby-Dick; or, The Whale"), "M|by|D|ck");
        assert_eq!(marked("mise", "Les Misérables"), "Misé");
        assert_eq!(marked("stras", "Die Straße"), "Straß");
        assert_eq!(marked("oreil", "An O’Reilly book"), "O|Reil");
        assert_eq!(marked("zebra", "War and Peace"), "");
    }
}
