//! Fuzzy matching of short texts.

use std::cmp::Reverse;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// The items that match, the best match first; equal matches keep their order.
pub(crate) fn ranked<T>(pattern: &str, items: impl Iterator<Item = T>, text: impl Fn(&T, &mut String)) -> Vec<T> {
    let pattern = Pattern::new(pattern, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let (mut line, mut chars) = (String::new(), Vec::new());
    let mut scored: Vec<_> = items
        .filter_map(|item| {
            line.clear();
            text(&item, &mut line);
            let score = pattern.score(Utf32Str::new(&line, &mut chars), &mut matcher)?;
            Some((score, item))
        })
        .collect();
    scored.sort_by_key(|(score, _)| Reverse(*score));
    scored.into_iter().map(|(_, item)| item).collect()
}
