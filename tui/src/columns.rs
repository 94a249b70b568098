//! The widths of a table's columns, on screens and in the output of commands. Numbers, states and keys are never truncated: if
//! the columns do not fit, texts shrink, then the least useful column is dropped.

/// How a column gives up room if the table does not fit. Of ranked columns, the highest rank is dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrinking {
    /// Always shown in full: amounts, quantities and states.
    Never,
    /// Shown in full, or dropped after all texts have shrunk to nothing.
    DropLast,
    /// Shown in full, or dropped.
    Drop { rank: u8 },
    /// 1. shrinks to `min`; 2. ranked columns are dropped; 3. shrinks further.
    Truncate { min: usize, rank: u8 },
}

/// The rank of a text that is never dropped, only shrunk.
pub(crate) const NOT_DROPPED: u8 = 0;

impl Shrinking {
    fn rank(self) -> u8 {
        match self {
            Self::Never | Self::DropLast => NOT_DROPPED,
            Self::Drop { rank } | Self::Truncate { rank, .. } => rank,
        }
    }

    /// The least width of a column whose full width is `wanted`.
    fn least(self, wanted: usize) -> usize {
        match self {
            Self::Truncate { min, .. } => wanted.min(min),
            Self::Never | Self::DropLast | Self::Drop { .. } => wanted,
        }
    }
}

/// The columns with the widths of their widest cells.
pub(crate) fn wanted<'a, C: 'a, const N: usize>(
    shrinking: [Shrinking; N],
    rows: impl Iterator<Item = &'a [C; N]>,
    width: impl Fn(&C) -> usize,
) -> [(Shrinking, usize); N] {
    let mut columns = shrinking.map(|shrinking| (shrinking, 0));
    for row in rows {
        for ((_, widest), cell) in columns.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    columns
}

/// Fits columns with their full widths into `room` cells, with `gap` blanks between two columns. A column of width 0 is
/// dropped, with its gap. The sum exceeds `room` only if the [`Shrinking::Never`] columns alone do.
pub(crate) fn fit<const N: usize>(columns: [(Shrinking, usize); N], gap: usize, room: usize) -> [usize; N] {
    let mut widths = columns.map(|(_, wanted)| wanted);
    let least = |widths: &[usize; N]| {
        let columns = widths.iter().zip(columns);
        total(
            columns.map(|(width, (shrinking, wanted))| if *width == 0 { 0 } else { shrinking.least(wanted) }),
            gap,
        )
    };
    while least(&widths) > room {
        let ranks = columns.iter().zip(&widths).enumerate();
        let droppable = ranks.filter(|(_, ((shrinking, _), width))| **width > 0 && shrinking.rank() > NOT_DROPPED);
        match droppable.max_by_key(|(_, ((shrinking, _), _))| shrinking.rank()) {
            Some((column, _)) => widths[column] = 0,
            None => break,
        }
    }
    for least_width in [Shrinking::least, |_: Shrinking, _: usize| 0] {
        shrink_texts(&columns, &mut widths, gap, room, least_width);
    }
    if total(widths.into_iter(), gap) > room {
        for (width, (shrinking, _)) in widths.iter_mut().zip(columns) {
            *width *= usize::from(shrinking != Shrinking::DropLast);
        }
    }
    widths
}

/// Like [`fit`], but the first text that is not dropped takes the remaining room, so that later columns are at the right edge.
pub(crate) fn fill<const N: usize>(mut columns: [(Shrinking, usize); N], gap: usize, room: usize) -> [usize; N] {
    let left = room.saturating_sub(total(fit(columns, gap, room).into_iter(), gap));
    let is_open =
        |(shrinking, _): &&mut (Shrinking, usize)| matches!(shrinking, Shrinking::Truncate { rank: NOT_DROPPED, .. });
    if let Some((_, wanted)) = columns.iter_mut().find(is_open) {
        *wanted += left;
    }
    fit(columns, gap, room)
}

/// Shrinks the widest texts until the columns fit, or each text has its least width.
fn shrink_texts<const N: usize>(
    columns: &[(Shrinking, usize); N],
    widths: &mut [usize; N],
    gap: usize,
    room: usize,
    least: impl Fn(Shrinking, usize) -> usize,
) {
    while total(widths.iter().copied(), gap) > room {
        let texts = columns.iter().zip(&mut *widths);
        let shrinkable = texts.filter(|((shrinking, wanted), width)| {
            matches!(shrinking, Shrinking::Truncate { .. }) && **width > least(*shrinking, *wanted)
        });
        match shrinkable.max_by_key(|(_, width)| **width) {
            Some((_, width)) => *width -= 1,
            None => return,
        }
    }
}

/// The width of a row: its columns, and `gap` blanks between two columns.
pub(crate) fn total(widths: impl Iterator<Item = usize>, gap: usize) -> usize {
    let (columns, cells) = widths
        .filter(|width| *width > 0)
        .fold((0_usize, 0_usize), |(columns, cells), width| {
            (columns + 1, cells.saturating_add(width))
        });
    cells.saturating_add(gap * columns.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::Shrinking::{Drop, DropLast, Never, Truncate};
    use super::*;

    #[test]
    fn texts_shrink_then_the_least_useful_column_goes_and_numbers_stay() {
        let columns = [
            (DropLast, 13),
            (
                Truncate {
                    min: 10,
                    rank: NOT_DROPPED,
                },
                40,
            ),
            (Truncate { min: 8, rank: 2 }, 20),
            (Drop { rank: 1 }, 10),
            (Never, 12),
        ];
        for (room, widths) in [
            (200, [13, 40, 20, 10, 12]),
            (80, [13, 19, 18, 10, 12]),
            (61, [13, 10, 8, 10, 12]),
            (60, [13, 19, 0, 10, 12]),
            (50, [13, 21, 0, 0, 12]),
            (30, [13, 1, 0, 0, 12]),
            (29, [13, 0, 0, 0, 12]),
            (20, [0, 0, 0, 0, 12]),
            (5, [0, 0, 0, 0, 12]),
        ] {
            assert_eq!(fit(columns, 2, room), widths, "{room}");
        }
    }

    #[test]
    fn every_width_is_used_and_none_exceeded() {
        for room in 20..200 {
            let columns = [
                (Never, 9),
                (
                    Truncate {
                        min: 8,
                        rank: NOT_DROPPED,
                    },
                    600,
                ),
                (Never, 6),
            ];
            let widths = fit(columns, 2, room);
            assert_eq!(total(widths.into_iter(), 2), room);
        }
    }
}
