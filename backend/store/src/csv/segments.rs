//! Reads a ledger across its segments.

use std::ops::ControlFlow;
use std::path::Path;

use common::Seq;

use super::disk::Disk;
use super::line::{Format, Line};
use super::segment::Segment;
use crate::Error;

/// Visits the entries after `after` up to `head`, in order, until `visit` breaks. An error of `visit` becomes
/// [`Error::Damaged`].
pub(super) fn each_entry(
    disk: &dyn Disk,
    segments: &[Segment],
    after: Seq,
    head: Seq,
    mut visit: impl FnMut(&Line<'_>) -> Result<ControlFlow<()>, String>,
) -> Result<(), Error> {
    if after >= head {
        return Ok(());
    }
    let (mut expected, mut stopped) = (after.next(), false);
    let start = segments
        .partition_point(|segment| segment.first <= expected)
        .saturating_sub(1);
    for (segment, is_first) in segments
        .iter()
        .skip(start)
        .zip(std::iter::once(true).chain(std::iter::repeat(false)))
    {
        let file = segment.open(disk)?;
        let from = match is_first {
            true => segment.locate(&*file, expected)?.start,
            false => 0,
        };
        segment.each_line(&*file, from, |raw| {
            if raw.format().is_some() {
                return Ok(ControlFlow::Continue(()));
            }
            let refuse = |why: String| segment.damaged(&*file, raw.offset, &why);
            if !raw.is_whole {
                return Err(refuse("the line has no end".to_owned()));
            }
            let line = Line::parse(raw.bytes).map_err(|why| refuse(why.to_string()))?;
            if line.is_marker() {
                return Ok(ControlFlow::Continue(()));
            }
            let seq = line.seq().map_err(|why| refuse(why.to_string()))?;
            if is_first && seq <= after {
                return Ok(ControlFlow::Continue(()));
            }
            if seq != expected {
                return Err(refuse(format!("expected the entry {expected}, found {seq}")));
            }
            stopped = visit(&line).map_err(refuse)?.is_break() || seq == head;
            expected = seq.next();
            Ok(if stopped {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        if stopped {
            return Ok(());
        }
        if segments.last().is_some_and(|last| last.first == segment.first) {
            return Err(segment.damaged(&*file, u64::MAX, &format!("the entry {expected} is missing")));
        }
    }
    Ok(())
}

/// The last entry of format 1; 0 if there is none.
pub(super) fn format_1_until(disk: &dyn Disk, segments: &[Segment]) -> Result<Seq, Error> {
    for segment in segments {
        if segment.format(disk)? != Format::One {
            return Ok(Seq(segment.first.0.saturating_sub(1)));
        }
    }
    Ok(Seq::ZERO)
}

/// The sealed segments in a folder, in order.
pub(super) fn sealed(disk: &dyn Disk, folder: &Path) -> Result<Vec<Segment>, Error> {
    let names = disk.names(folder).map_err(Error::io("list", folder))?;
    let mut segments = Vec::new();
    for name in names {
        if let Some(first) = Segment::first_of(&name) {
            let path = folder.join(&name);
            let length = disk
                .open(&path)
                .and_then(|file| file.length())
                .map_err(Error::io("open", &path))?;
            segments.push(Segment {
                first,
                path,
                length,
                file: None,
            });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}
