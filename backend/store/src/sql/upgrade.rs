//! The record of an upgrade from ledger format 1 in `meta`, and reading with it.

use common::{Entry, Seq};

use super::row::seq_of;
use crate::Error;
use crate::format_1::OldTitles;

/// The key in `meta` of an [`Upgrade`].
pub(crate) const KEY: &str = "upgrade";

/// The range of entries that an upgrade appended: after `until`, up to `last`.
#[derive(Debug, Default)]
pub(crate) struct Upgrade {
    /// The last entry of format 1.
    until: Seq,
    last: Seq,
    titles: OldTitles,
}

impl Upgrade {
    /// The value in `meta`.
    pub(crate) fn value(until: Seq, last: Seq) -> String {
        format!("{until} {last}")
    }

    /// Parses a value of `meta`; `None` means that the store was created with format 2.
    pub(crate) fn parse(value: Option<&str>) -> Result<Self, String> {
        let Some(value) = value else { return Ok(Self::default()) };
        let seq = |text: &str| seq_of(text.parse().ok()?).ok();
        let numbers = value
            .split_once(' ')
            .and_then(|(until, last)| Some((seq(until)?, seq(last)?)));
        let (until, last) = numbers.ok_or_else(|| format!("the range of the upgrade's entries is {value:?}"))?;
        let titles = OldTitles::new(until);
        Ok(Self { until, last, titles })
    }

    /// Reads a page of entries that ends with a whole group. `read(after, limit)` returns at most `limit` entries after
    /// `after`.
    pub(crate) fn read_page(
        &self,
        after: Seq,
        limit: usize,
        read: impl Fn(Seq, usize) -> Result<Vec<Entry>, Error>,
    ) -> Result<Vec<Entry>, Error> {
        let mut entries = read(after, limit)?;
        if let Some(last) = entries.last() {
            let missing = last.line.count() - last.line.number();
            if missing > 0 {
                entries.extend(read(last.seq, missing.into())?);
            }
        }
        self.add_titles(entries, read)
    }

    /// Adds the missing titles to entries of format 1.
    pub(crate) fn add_titles(
        &self,
        mut entries: Vec<Entry>,
        read: impl Fn(Seq, usize) -> Result<Vec<Entry>, Error>,
    ) -> Result<Vec<Entry>, Error> {
        self.titles.add_to(&mut entries, || {
            let count = usize::try_from(self.last.distance_from(self.until)).unwrap_or(usize::MAX);
            let described = read(self.until, count)?.into_iter();
            Ok(described.filter_map(|entry| Some((entry.item, entry.title?))).collect())
        })?;
        Ok(entries)
    }
}
