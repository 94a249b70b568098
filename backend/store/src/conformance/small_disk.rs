//! A store on a small file system that a test fills up.

use std::time::Duration;

use testing::SmallDisk;

use super::ReferenceShop;
use crate::{Error, Store};

/// Sells until the disk is full, checks that the last batch was refused whole, makes room, and continues.
pub(crate) fn a_full_disk_refuses_a_batch_whole_until_there_is_room(
    store: &dyn Store,
    shop: ReferenceShop,
    disk: &SmallDisk,
) {
    let (mut shop, refused) = fill(store, shop);
    shop.assert_matches(store);
    store.append(shop.head, &[]).unwrap();
    disk.make_room();
    loop {
        match store.append(shop.head, &refused) {
            // The store tries again a second later.
            Err(Error::Full { .. }) => std::thread::park_timeout(Duration::from_millis(50)),
            result => break result.unwrap(),
        }
    }
    assert_eq!(store.read(shop.head, usize::MAX).unwrap(), refused);
    shop.apply(&refused);
    shop.sell_through(store, 3);
    shop.assert_matches(store);
}

fn fill(store: &dyn Store, mut shop: ReferenceShop) -> (ReferenceShop, Vec<common::Entry>) {
    loop {
        let mut next = shop.clone();
        let entries = next.sell(500);
        match store.append(shop.head, &entries) {
            Ok(()) => shop = next,
            Err(Error::Full { .. }) => return (shop, entries),
            Err(error) => panic!("{error}"),
        }
    }
}
