//! The books that have a word or a topic.

use std::slice;

use common::ItemNumber;

use super::chunks::Chunks;

/// At least one item number, in order. Most words have one.
#[derive(Debug, Clone)]
pub(super) enum Postings {
    One(ItemNumber),
    Many(Chunks<ItemNumber>),
}

impl Postings {
    /// `items` is in order. `None` if it is empty.
    pub(super) fn from_sorted(items: &[ItemNumber]) -> Option<Self> {
        match items {
            [] => None,
            [item] => Some(Self::One(*item)),
            items => Some(Self::Many(items.iter().copied().collect())),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(items) => items.len(),
        }
    }

    pub(super) fn first(&self) -> Option<ItemNumber> {
        self.iter_after(None).next()
    }

    /// The item numbers after `after`, or all.
    pub(super) fn iter_after(&self, after: Option<ItemNumber>) -> impl Iterator<Item = ItemNumber> {
        let is_before = move |&item: &ItemNumber| Some(item) <= after;
        let (one, many) = match self {
            Self::One(item) => (slice::from_ref(item), None),
            Self::Many(items) => (&[][..], Some(items)),
        };
        let one = one.iter().filter(move |item| !is_before(item));
        one.chain(many.into_iter().flat_map(move |items| items.iter_from(is_before)))
            .copied()
    }

    /// `known` with one more item number.
    pub(super) fn with(known: Option<&Self>, item: ItemNumber) -> Self {
        match known {
            None => Self::One(item),
            Some(Self::One(other)) if *other == item => Self::One(item),
            Some(Self::One(other)) => Self::Many([item.min(*other), item.max(*other)].into_iter().collect()),
            Some(Self::Many(items)) => {
                let mut items = items.clone();
                items.update(|other| other.cmp(&item), |_| Some(item));
                Self::Many(items)
            }
        }
    }

    /// `known` without an item number; `None` if none is left.
    pub(super) fn without(known: Option<&Self>, item: ItemNumber) -> Option<Self> {
        match known? {
            Self::One(other) => (*other != item).then_some(Self::One(*other)),
            Self::Many(items) => {
                let mut items = items.clone();
                items.update(|other| other.cmp(&item), |_| None);
                let mut rest = items.iter().copied();
                match (rest.next(), rest.next()) {
                    (None, _) => None,
                    (Some(one), None) => Some(Self::One(one)),
                    (Some(_), Some(_)) => Some(Self::Many(items.clone())),
                }
            }
        }
    }
}
