//! The widths of a table's columns, on screens and in the output of commands. A number, a state or a key is never cut: where
//! the columns do not fit, texts shrink, then the least useful column goes.

/// What may happen to a column where there is no room for it. Of columns with a rank, the highest rank goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It stays, and stays whole: amounts, quantities and states.
    Keep,
    /// It stays whole as long as every column that must stay has room.
    Key,
    /// It stays whole, or goes.
    Whole { rank: u8 },
    /// It shrinks to `min` cells; then columns with a rank go, this one among them; then it shrinks on.
    Text { min: usize, rank: u8 },
}

/// The rank of a text that stays as long as a cell of it has room.
pub(crate) const STAYS: u8 = 0;

impl Need {
    fn rank(self) -> u8 {
        match self {
            Self::Keep | Self::Key => STAYS,
            Self::Whole { rank } | Self::Text { rank, .. } => rank,
        }
    }

    /// The fewest cells of a column whose cells want `wanted`.
    fn least(self, wanted: usize) -> usize {
        match self {
            Self::Text { min, .. } => wanted.min(min),
            Self::Keep | Self::Key | Self::Whole { .. } => wanted,
        }
    }
}

/// Columns that want the cells of their widest text.
pub(crate) fn wanted<'a, C: 'a, const N: usize>(
    needs: [Need; N],
    rows: impl Iterator<Item = &'a [C; N]>,
    width: impl Fn(&C) -> usize,
) -> [(Need, usize); N] {
    let mut columns = needs.map(|need| (need, 0));
    for row in rows {
        for ((_, widest), cell) in columns.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    columns
}

/// The widths of columns that want so many cells, with `gap` blanks between two, in `room` cells. A column of width 0 is left
/// out, and the gap before it. The sum exceeds `room` only if the columns that must stay do.
pub(crate) fn fit<const N: usize>(columns: [(Need, usize); N], gap: usize, room: usize) -> [usize; N] {
    let mut widths = columns.map(|(_, wanted)| wanted);
    let least = |widths: &[usize; N]| {
        let columns = widths.iter().zip(columns);
        total(
            columns.map(|(width, (need, wanted))| if *width == 0 { 0 } else { need.least(wanted) }),
            gap,
        )
    };
    while least(&widths) > room {
        let ranks = columns.iter().zip(&widths).enumerate();
        let droppable = ranks.filter(|(_, ((need, _), width))| **width > 0 && need.rank() > STAYS);
        match droppable.max_by_key(|(_, ((need, _), _))| need.rank()) {
            Some((column, _)) => widths[column] = 0,
            None => break,
        }
    }
    for least_width in [Need::least, |_: Need, _: usize| 0] {
        shrink_texts(&columns, &mut widths, gap, room, least_width);
    }
    if total(widths.into_iter(), gap) > room {
        for (width, (need, _)) in widths.iter_mut().zip(columns) {
            *width *= usize::from(need != Need::Key);
        }
    }
    widths
}

/// Like [`fit`], and the first text that stays takes what is left, so that the columns after it stand at the right edge.
pub(crate) fn fill<const N: usize>(mut columns: [(Need, usize); N], gap: usize, room: usize) -> [usize; N] {
    let left = room.saturating_sub(total(fit(columns, gap, room).into_iter(), gap));
    let is_open = |(need, _): &&mut (Need, usize)| matches!(need, Need::Text { rank: STAYS, .. });
    if let Some((_, wanted)) = columns.iter_mut().find(is_open) {
        *wanted += left;
    }
    fit(columns, gap, room)
}

/// Takes cells from the widest texts until the columns fit, or each text has its least width.
fn shrink_texts<const N: usize>(
    columns: &[(Need, usize); N],
    widths: &mut [usize; N],
    gap: usize,
    room: usize,
    least: impl Fn(Need, usize) -> usize,
) {
    while total(widths.iter().copied(), gap) > room {
        let texts = columns.iter().zip(&mut *widths);
        let shrinkable = texts
            .filter(|((need, wanted), width)| matches!(need, Need::Text { .. }) && **width > least(*need, *wanted));
        match shrinkable.max_by_key(|(_, width)| **width) {
            Some((_, width)) => *width -= 1,
            None => return,
        }
    }
}

/// The cells of a row: its columns, and `gap` blanks between two of them.
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
    use super::Need::{Keep, Key, Text, Whole};
    use super::*;

    #[test]
    fn texts_shrink_then_the_least_useful_column_goes_and_numbers_stay() {
        let columns = [
            (Key, 13),
            (Text { min: 10, rank: STAYS }, 40),
            (Text { min: 8, rank: 2 }, 20),
            (Whole { rank: 1 }, 10),
            (Keep, 12),
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
            let columns = [(Keep, 9), (Text { min: 8, rank: STAYS }, 600), (Keep, 6)];
            let widths = fit(columns, 2, room);
            assert_eq!(total(widths.into_iter(), 2), room);
        }
    }
}
