//! The preconditions of a shopkeeper's change: `If-Match` and `If-None-Match` (RFC 9110, sections 13.1.1 and 13.1.2).

use std::fmt;
use std::str::FromStr;

use crate::Position;
use crate::parse::Error;

/// The states in which a change may be applied: `*`, or entity tags, each the entry of the last change. Comparison is strong,
/// so a weak tag matches no state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(String);

impl IfMatch {
    /// Whether it matches the state whose last change is the entry at this position.
    pub fn accepts(&self, position: Position) -> bool {
        let tag = format!("\"{position}\"");
        self.0 == "*" || split_tags(&self.0).is_some_and(|tags| tags.contains(&&*tag))
    }
}

impl FromStr for IfMatch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let is_valid = text == "*" || split_tags(text).is_some();
        is_valid
            .then(|| Self(text.to_owned()))
            .ok_or(Error("*, or entity tags in double quotes"))
    }
}

impl fmt::Display for IfMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The states in which a change must not be applied: `*`, or entity tags. Invalid text matches no state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(pub String);

impl IfNoneMatch {
    /// Whether it matches the state whose last change is the entry at this position.
    pub fn names(&self, position: Position) -> bool {
        names_tag(&self.0, &format!("\"{position}\""))
    }
}

impl fmt::Display for IfNoneMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an `If-None-Match` list contains the tag; comparison is weak.
pub fn names_tag(list: &str, tag: &impl PartialEq<str>) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|listed| listed == "*" || *tag == *listed.strip_prefix("W/").unwrap_or(listed))
}

/// The tags of a list, with their quotes; `None` if it is malformed.
fn split_tags(mut list: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    loop {
        let open = list
            .find('"')
            .filter(|&open| matches!(list.get(..open), Some("" | "W/")))?;
        let length = list.get(open + 1..)?.find('"')?;
        let (tag, rest) = list.split_at_checked(open + length + 2)?;
        tags.push(tag);
        match rest.trim_start().strip_prefix(',') {
            Some(next) => list = next.trim_start(),
            None => return rest.trim_start().is_empty().then_some(tags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_strongly_and_a_malformed_list_is_refused() {
        for (text, expected) in [
            ("*", Some(true)),
            ("\"5\"", Some(true)),
            (" \"4\" ,\"5\"", Some(true)),
            ("\"4\"", Some(false)),
            ("W/\"5\"", Some(false)),
            ("\"5.1\", \"abc\"", Some(false)),
            ("5", None),
            ("", None),
            ("\"5\" \"6\"", None),
            ("\"5\",", None),
            ("w/\"5\"", None),
        ] {
            let parsed = text.parse::<IfMatch>();
            let position = "5".parse().unwrap();
            assert_eq!(parsed.ok().map(|states| states.accepts(position)), expected, "{text}");
        }
        let states: IfMatch = "\"5\", \"4.1\"".parse().unwrap();
        let accepted = ["5.1", "4.1", "4"].map(|position| states.accepts(position.parse().unwrap()));
        assert_eq!(accepted, [false, true, false], "another history's tags match nothing");
    }

    #[test]
    fn if_none_match_names_a_tag_weak_or_strong_or_by_the_star() {
        let names = |list: &str| IfNoneMatch(list.to_owned()).names("5".parse().unwrap());
        for list in ["\"5\"", "W/\"5\"", "\"4\", \"5\"", "*"] {
            assert!(names(list), "{list}");
        }
        for list in ["", "\"55\"", "5", "\"4\"", "\"5.1\""] {
            assert!(!names(list), "{list}");
        }
    }
}
