//! The upgrade from ledger format 1, as `meta` notes it.

use common::{Entry, Seq};

use super::row::seq_of;
use crate::format_1;

/// The key in `meta` of a [`Upgrade`].
pub(crate) const KEY: &str = "upgrade";

/// The entries that an upgrade appended: those after `until`, up to `last`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// The last entry of format 1.
    pub(crate) until: Seq,
    pub(crate) last: Seq,
}

impl Upgrade {
    /// The value in `meta`.
    pub(crate) fn value(self) -> String {
        format!("{} {}", self.until, self.last)
    }

    /// Parses a value of `meta`; a store that began with format 2 has none.
    pub(crate) fn parse(value: Option<&str>) -> Result<Self, String> {
        let Some(value) = value else { return Ok(Self::default()) };
        let numbers = value.split_once(' ').and_then(|(until, last)| {
            let seq = |text: &str| seq_of(text.parse().ok()?).ok();
            Some(Self {
                until: seq(until)?,
                last: seq(last)?,
            })
        });
        numbers.ok_or_else(|| format!("the range of the upgrade's entries is {value:?}"))
    }

    /// The titles in its entries.
    pub(crate) fn titles(entries: Vec<Entry>) -> format_1::Titles {
        let titles = entries.into_iter().filter_map(|entry| Some((entry.item, entry.title?)));
        titles.collect()
    }
}
