//! The rows of the orders' screen: filter, sort order and selection.

use std::cmp::Reverse;

use common::text::fold;

use super::filter::{Filter, FilterKey};
use super::orders::{OrderColumn, OrderState, Orders, Purchase};
use crate::fuzzy::ranked;
use crate::input::KeyEvent;
use crate::journal::NotSoldReason;

impl OrderState {
    /// The state in a word or two.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sending => "on its way",
            Self::Unknown { .. } => "checking",
            Self::Sold(_) => "sold",
            Self::NotSold(not_sold) => match not_sold.reason {
                NotSoldReason::SoldOut => "sold out",
                NotSoldReason::Refused => "refused",
                NotSoldReason::NotPlaced => "not placed",
            },
        }
    }
}

impl Purchase {
    /// What the order costs, in cents: nothing if it was not sold.
    pub(crate) fn total_cents(&self) -> u64 {
        match &self.state {
            OrderState::Sold(receipt) => receipt.total.cents(),
            state if state.is_pending() => self.sent.cents(),
            _ => 0,
        }
    }
}

impl Orders {
    /// The order in a row of the list.
    pub(crate) fn row(&self, row: usize) -> Option<&Purchase> {
        self.list.get(*self.rows.get(row)?)
    }

    pub(crate) fn selected(&self) -> Option<&Purchase> {
        self.row(self.selected)
    }

    /// Whether the selected order has several books.
    pub(super) fn has_several_books(&self) -> bool {
        self.selected().is_some_and(|purchase| purchase.sent.lines.len() > 1)
    }

    pub(super) fn select(&mut self, row: usize) {
        self.selected = row.min(self.rows.len().saturating_sub(1));
        self.receipt_scroll = 0;
    }

    /// Makes the rows from the list; the selection stays on its order.
    pub(super) fn rebuild_rows(&mut self, selected: Option<common::OrderId>) {
        let list = &self.list;
        let all = 0..list.len();
        let mut rows: Vec<_> = match self.filter.as_ref().map(Filter::text).filter(|text| !text.is_empty()) {
            Some(text) => ranked(text, all, |row, line| {
                if let Some(purchase) = list.get(*row) {
                    let (sent, state) = (&purchase.sent, purchase.state.name());
                    let titles = purchase.titles().join(" ");
                    *line += &format!("{titles} {state} {} {}", sent.shop, sent.order);
                }
            }),
            None => all.collect(),
        };
        let order = |row: &usize| list.get(*row);
        match self.sort {
            // The list is sorted by time, or by match if there is a filter.
            OrderColumn::Time => {}
            OrderColumn::Title => rows.sort_by_cached_key(|row| order(row).map(|order| fold(&order.title()))),
            OrderColumn::State => rows.sort_by_key(|row| order(row).map(|order| order.state.name())),
            OrderColumn::Total => rows.sort_by_key(|row| Reverse(order(row).map(Purchase::total_cents))),
        }
        if self.sort_reversed {
            rows.reverse();
        }
        let is_selected = |row: &usize| order(row).map(|order| order.sent.order) == selected;
        let at = selected.and_then(|_| rows.iter().position(is_selected));
        self.selected = at.unwrap_or(self.selected).min(rows.len().saturating_sub(1));
        self.rows = rows;
    }

    fn resort(&mut self) {
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.rebuild_rows(selected);
    }

    pub(super) fn sort_by_next_column(&mut self) {
        self.sort = self.sort.next();
        self.resort();
    }

    pub(super) fn reverse_sort(&mut self) {
        self.sort_reversed = !self.sort_reversed;
        self.resort();
    }

    pub(super) fn start_filter(&mut self) {
        self.filter.get_or_insert_default().editing = true;
        self.open = false;
    }

    pub(super) fn end_filter(&mut self) {
        self.filter = None;
        self.resort();
    }

    pub(super) fn handle_filter_key(&mut self, key: KeyEvent) {
        let Some(filter) = &mut self.filter else { return };
        match filter.handle_key(key) {
            FilterKey::Cleared => self.end_filter(),
            FilterKey::Up => self.select(self.selected.saturating_sub(1)),
            FilterKey::Down => self.select(self.selected + 1),
            FilterKey::Changed => self.filter_changed(),
            FilterKey::Left | FilterKey::Ignored => {}
        }
    }

    pub(super) fn filter_changed(&mut self) {
        self.rebuild_rows(None);
        self.select(0);
    }
}
