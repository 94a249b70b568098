//! Orders with missing lines.

use super::damage::{assert_cut_to, damage, flip, ledger, lines, shop_of};
use super::*;

#[test]
fn a_tail_torn_within_an_order_is_cut_before_its_first_line() {
    const SIZES: [usize; 6] = [1, 3, 2, 1, 4, 2];
    let folder = Folder::new();
    let mut shop = shop_of(&folder, &[2]);
    shop.sell_baskets_through(&folder.store().unwrap(), &SIZES);
    let whole = ledger(&folder);
    let all = lines(&whole);
    let first = all.len() - SIZES.iter().sum::<usize>();
    // The number of kept entries, by the number of lines of the batch on disk.
    let ends: Vec<usize> = SIZES
        .iter()
        .scan(0, |sum, size| {
            *sum += size;
            Some(*sum)
        })
        .collect();
    let kept = |lines: usize| ends.iter().filter(|&&end| end <= lines).max().copied().unwrap_or(0);
    let before = shop.entries.len() - ends[5];
    let start = all[..first].concat().len();
    for cut in start..=whole.len() {
        let lines = whole[start..cut].iter().filter(|&&byte| byte == b'\n').count();
        assert_cut_to(&whole[..cut], &shop, before + kept(lines));
    }
    for line in first..all.len() {
        let mut torn = all.clone();
        flip(&mut torn, line);
        assert_cut_to(&torn.concat(), &shop, before + kept(line - first));
    }
}

#[test]
fn a_line_of_an_order_that_is_missing_or_of_another_order_stops_the_start() {
    let folder = Folder::new();
    let mut shop = shop_of(&folder, &[2]);
    let store = folder.store().unwrap();
    shop.sell_baskets_through(&store, &[3]);
    let line = lines(&ledger(&folder)).len();
    shop.sell_through(&store, 1);
    drop(store);
    let whole = lines(&ledger(&folder));
    let entries = &shop.entries[shop.entries.len() - 4..];
    // The line has the position or the id of another order.
    let mut short = entries.to_vec();
    short.remove(1);
    let mut other = entries.to_vec();
    other[1].order = entries[3].order;
    for (bad, at) in [(short, line - 1), (other, line - 1)] {
        let mut text = whole[..line - 3].concat();
        for (seq, entry) in (entries[0].seq.0..).zip(bad) {
            let seq = Seq(seq);
            line::push_entry(&mut text, &Entry { seq, ..entry }, entries[0].seq);
        }
        assert_eq!(damage(&folder, &text), at as u64);
    }
}
