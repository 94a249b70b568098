//! Finds an order in the ledger's files by a text search for its id, because they have no index.

use std::ops::{ControlFlow, RangeInclusive};

use common::{Entry, GroupPosition, OrderId, Seq};
use memchr::memmem;

use super::disk::Disk;
use super::line::Line;
use super::segment::Segment;
use super::segments::each_entry;
use crate::Error;
use crate::texts::SharedTexts;

/// Finds the lines of an order whose first line is in a range; searches the newest segments first.
pub(super) fn find(
    disk: &dyn Disk,
    segments: &[Segment],
    head: Seq,
    order: OrderId,
    among: &RangeInclusive<Seq>,
) -> Result<Vec<Entry>, Error> {
    let text = order.to_string();
    let finder = memmem::Finder::new(text.as_bytes());
    let end = segments.partition_point(|segment| segment.first <= *among.end());
    let start = segments.partition_point(|segment| segment.first <= *among.start());
    let candidates = segments.get(start.saturating_sub(1)..end).unwrap_or_default();
    for segment in candidates.iter().rev() {
        if let Some(first) = segment.find(disk, order, &finder, among)? {
            return match first.line == GroupPosition::ONLY {
                true => Ok(vec![first]),
                false => group(disk, segments, head, &first),
            };
        }
    }
    Ok(Vec::new())
}

/// The lines of the group that begins with an entry.
fn group(disk: &dyn Disk, segments: &[Segment], head: Seq, first: &Entry) -> Result<Vec<Entry>, Error> {
    let (mut lines, mut texts) = (Vec::with_capacity(first.line.count().into()), SharedTexts::default());
    let before = Seq(first.seq.0.saturating_sub(1));
    each_entry(disk, segments, before, head, |line| {
        let entry = line.entry(&mut texts).map_err(|why| why.to_string())?;
        let is_last = entry.line.is_last();
        lines.push(entry);
        Ok(match is_last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    })?;
    Ok(lines)
}

impl Segment {
    /// Searches the text between two entries for an order's id and parses only the lines that contain it. Returns the order's
    /// first line.
    fn find(
        &self,
        disk: &dyn Disk,
        order: OrderId,
        text: &memmem::Finder<'_>,
        among: &RangeInclusive<Seq>,
    ) -> Result<Option<Entry>, Error> {
        let file = self.open(disk)?;
        let from = self.locate(&*file, *among.start())?.start;
        let end = self.locate(&*file, *among.end())?.end;
        let (mut found, mut texts) = (None, SharedTexts::default());
        self.each_block(&*file, from, |offset, block| {
            if offset > end {
                return Ok(ControlFlow::Break(()));
            }
            for at in text.find_iter(block) {
                let start = memchr::memrchr(b'\n', block.get(..at).unwrap_or_default()).map_or(0, |end| end + 1);
                let rest = block.get(start..).unwrap_or_default();
                let Some(end) = memchr::memchr(b'\n', rest) else {
                    continue;
                };
                let entry = Line::parse(rest.get(..end).unwrap_or_default()).and_then(|line| match line.is_marker() {
                    true => Ok(None),
                    false => line.entry(&mut texts).map(Some),
                });
                let entry = entry
                    .map_err(|why| self.damaged(&*file, offset.saturating_add(start as u64), &why))?
                    // A title may contain the id.
                    .filter(|entry| entry.order == Some(order) && entry.line.is_first() && among.contains(&entry.seq));
                if entry.is_some() {
                    found = entry;
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }
}
