//! Fuzzy matching of short texts.

use std::cmp::Reverse;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// The best matches first; equally good ones in the order they came in.
pub(crate) fn ranked<T>(wanted: &str, things: impl Iterator<Item = T>, text: impl Fn(&T, &mut String)) -> Vec<T> {
    let pattern = Pattern::new(wanted, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let (mut line, mut chars) = (String::new(), Vec::new());
    let mut scored: Vec<_> = things
        .filter_map(|thing| {
            line.clear();
            text(&thing, &mut line);
            let score = pattern.score(Utf32Str::new(&line, &mut chars), &mut matcher)?;
            Some((score, thing))
        })
        .collect();
    scored.sort_by_key(|(score, _)| Reverse(*score));
    scored.into_iter().map(|(_, thing)| thing).collect()
}
