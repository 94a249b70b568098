//! Damage to the file is reported or harmless, and never changes an answer.

use super::*;

/// The ways to damage a page.
const DAMAGES: [fn(&mut [u8]); 5] = [
    |page| page.fill(0),
    |page| page.fill(0xff),
    // The number of its rows, one less or many more.
    |page| page[4] = page[4].wrapping_sub(1),
    |page| page[3] = page[3].wrapping_add(1),
    // Where its rows begin.
    |page| page[5] ^= 0x40,
];

#[test]
fn a_damaged_page_is_never_read_as_something_else() {
    const PAGE_BYTES: usize = 4096;
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 400);
    drop(store);
    let whole = fs::read(folder.file()).unwrap();
    let (mut refused, mut failed, mut harmless, mut lost) = (0, 0, 0, 0);
    for (page, damage) in (0..whole.len() / PAGE_BYTES).flat_map(|page| DAMAGES.map(|damage| (page, damage))) {
        let mut bad = whole.clone();
        damage(&mut bad[page * PAGE_BYTES..][..PAGE_BYTES]);
        let other = Folder::new();
        fs::write(other.file(), bad).unwrap();
        let Ok(store) = other.store() else {
            refused += 1;
            continue;
        };
        // Every start loads the books before any other read. Only an audit detects an index that has lost an order.
        let Ok(loaded) = store.load() else {
            failed += 1;
            continue;
        };
        assert!(
            (loaded.head, loaded.books) == (shop.head, shop.books.clone()),
            "page {page}"
        );
        let mut hides_an_order = false;
        let told = [
            store.read(Seq::ZERO, usize::MAX).map(|entries| entries == shop.entries),
            shop.entries[4..].iter().try_fold(true, |same, entry| {
                let found = store.find(entry.order.unwrap(), entry.seq..=entry.seq)?;
                hides_an_order |= found.is_empty();
                Ok(same && (found.is_empty() || found == std::slice::from_ref(entry)))
            }),
        ];
        let is_sound = told.iter().all(|same| *same.as_ref().unwrap_or(&true));
        assert!(is_sound, "page {page}: {told:?}");
        match told.iter().all(Result::is_ok) {
            true => harmless += 1,
            false => failed += 1,
        }
        drop(store);
        if hides_an_order {
            let error = SqliteStore::inspect(&other.file()).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "page {page}: {error}");
            lost += 1;
        }
    }
    eprintln!("{refused} refused when opened, {failed} found when read, {harmless} harmless; {lost} hid an order");
    assert!(refused + failed > harmless && lost > 0);
}
