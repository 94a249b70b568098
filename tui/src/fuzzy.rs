//! Fuzzy matching of short texts, which are compared as the shop compares them.

use std::cmp::Reverse;

use common::text::fold;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// The items that match, the best match first; equal matches keep their order.
pub(crate) fn ranked<T>(pattern: &str, items: impl Iterator<Item = T>, text: impl Fn(&T, &mut String)) -> Vec<T> {
    let pattern = Pattern::new(
        &fold(pattern),
        CaseMatching::Respect,
        Normalization::Never,
        AtomKind::Fuzzy,
    );
    let mut matcher = Matcher::new(Config::DEFAULT);
    let (mut line, mut chars) = (String::new(), Vec::new());
    let mut scored: Vec<_> = items
        .filter_map(|item| {
            line.clear();
            text(&item, &mut line);
            let folded = fold(&line);
            let score = pattern.score(Utf32Str::new(&folded, &mut chars), &mut matcher)?;
            Some((score, item))
        })
        .collect();
    scored.sort_by_key(|(score, _)| Reverse(*score));
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
}
