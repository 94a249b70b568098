use super::*;
use crate::Difference;

/// A store with a checkpoint, some sales after it, and no clean stop.
fn sold_since(folder: &Folder) -> ReferenceShop {
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 4);
    store.checkpoint(&shop.books, shop.head).unwrap();
    shop.sell_through(&store, 2);
    shop
}

fn edit(folder: &Folder, from: &str, to: &str) -> String {
    let path = folder.path("catalog.csv");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    let text = text.replace(from, to);
    fs::write(path, &text).unwrap();
    text
}

fn differences(folder: &Folder) -> Vec<Difference> {
    match folder.store().unwrap_err() {
        Error::Edited { path, differences } => {
            assert_eq!(path, folder.path("catalog.csv"));
            differences
        }
        other => panic!("{other}"),
    }
}

fn copies(folder: &Folder) -> Vec<String> {
    let names = folder.names();
    let copies = names.iter().filter(|name| name.starts_with("catalog.csv.edited-"));
    copies
        .map(|name| fs::read_to_string(folder.path(name)).unwrap())
        .collect()
}

#[test]
fn an_edited_catalog_stops_the_start_and_only_its_edits_are_shown() {
    let folder = Folder::new();
    let shop = sold_since(&folder);
    edit(&folder, "RPCs for Dummies,499", "RPCs for Everybody,600");
    let stock = shop.books[1].stock.to_string();
    let difference = |location: &str, file: &str, ledger: &str| Difference {
        location: location.to_owned(),
        file: file.to_owned(),
        ledger: ledger.to_owned(),
    };
    let shown = differences(&folder);
    assert_eq!(
        shown,
        [
            difference("book 2, name", "\"RPCs for Everybody\"", "\"RPCs for Dummies\""),
            difference("book 2, stock", "600", &stock),
        ]
    );
    edit(&folder, "2,RPCs for Everybody,600", "9,RPCs for Everybody,600");
    let places: Vec<_> = differences(&folder)
        .into_iter()
        .map(|difference| difference.location)
        .collect();
    assert_eq!(places, ["book 2", "book 9"]);
    edit(&folder, "9,RPCs", "nine,RPCs");
    let error = folder.store().unwrap_err().to_string();
    assert!(
        error.contains("catalog.csv:3: item: expected an item number") && error.contains("--discard-edit"),
        "{error}"
    );
}

#[test]
fn a_discarded_edit_is_saved_and_can_be_imported_without_undoing_sales() {
    let folder = Folder::new();
    let shop = sold_since(&folder);
    let edited = edit(&folder, "RPCs for Dummies,499", "RPCs for Everybody,499");
    assert_eq!(differences(&folder).len(), 1);
    let store = CsvStore::open(folder.0.path(), EditPolicy::Discard).unwrap();
    shop.assert_matches(&store);
    assert_eq!(copies(&folder), [edited]);
    let found = store.manual_edit().unwrap();
    assert_eq!(found[1].title, "RPCs for Everybody");
    assert!(found.iter().zip(&shop.books).all(|(row, book)| row.stock == book.stock));
    drop(store);
    let store = folder.store().unwrap();
    shop.assert_matches(&store);
    assert_eq!(store.manual_edit(), None);
}

#[test]
fn a_file_with_the_same_books_is_not_an_edit() {
    let folder = Folder::new();
    let shop = sold_since(&folder);
    let written = fs::read_to_string(folder.path("catalog.csv")).unwrap();
    edit(&folder, "\n", "\r\n");
    edit(&folder, ",", ", ");
    shop.assert_matches(&folder.store().unwrap());
    assert_eq!(fs::read_to_string(folder.path("catalog.csv")).unwrap(), written);
    assert!(copies(&folder).is_empty());
}

#[test]
fn a_lost_file_is_written_again() {
    let folder = Folder::new();
    let shop = sold_since(&folder);
    let written = fs::read(folder.path("catalog.csv")).unwrap();
    for lost in [&["catalog.csv"][..], &[".books.note"], &["catalog.csv", ".books.note"]] {
        for name in lost {
            let _ = fs::remove_file(folder.path(name));
        }
        shop.assert_matches(&folder.store().unwrap());
        assert_eq!(
            fs::read(folder.path("catalog.csv")).unwrap(),
            written,
            "without {lost:?}"
        );
    }
}

#[test]
fn an_edit_of_a_running_store_is_not_overwritten() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 3);
    let edited = edit(&folder, "Xen", "Xin");
    store.checkpoint(&shop.books, shop.head).unwrap();
    assert_eq!(fs::read_to_string(folder.path("catalog.csv")).unwrap(), edited);
    shop.assert_matches(&store);
    drop(store);
    assert_eq!(differences(&folder).len(), 1);
    let store = CsvStore::open(folder.0.path(), EditPolicy::Discard).unwrap();
    shop.assert_matches(&store);
    let edited = edit(&folder, "Xen", "Xon");
    shop.import_through(&store, &shop.books.clone()[1..]);
    store.checkpoint(&shop.books, shop.head).unwrap();
    assert_eq!(fs::read_to_string(folder.path("catalog.csv")).unwrap(), edited);
    drop(store);
    let places: Vec<_> = differences(&folder).into_iter().map(|edit| edit.location).collect();
    assert_eq!(places, ["book 3, name", "book 1"]);
}

#[test]
fn an_edit_stays_until_an_import_has_taken_it_and_then_a_copy_is_kept() {
    let folder = Folder::new();
    let mut shop = sold_since(&folder);
    let edited = edit(&folder, "RPCs for Dummies,499", "RPCs for Everybody,499");
    let open = || CsvStore::open(folder.0.path(), EditPolicy::KeepForImport).unwrap();
    for _ in 0..2 {
        shop.assert_matches(&open());
        assert_eq!(fs::read_to_string(folder.path("catalog.csv")).unwrap(), edited);
    }
    let store = open();
    let rows = store.manual_edit().unwrap();
    let wanted: Vec<Book> = rows.into_iter().map(|row| row.into_book(Seq::ZERO)).collect();
    shop.import_through(&store, &wanted);
    store.checkpoint(&shop.books, shop.head).unwrap();
    assert_eq!(copies(&folder), [edited]);
    drop(store);
    let store = folder.store().unwrap();
    shop.assert_matches(&store);
    assert_eq!(shop.books[1].title, "RPCs for Everybody");
    assert_eq!(store.manual_edit(), None);
}

#[test]
fn an_import_that_stopped_before_its_checkpoint_is_not_an_edit_any_more() {
    let folder = Folder::new();
    let mut shop = sold_since(&folder);
    edit(&folder, "RPCs for Dummies,499", "RPCs for Everybody,499");
    let store = CsvStore::open(folder.0.path(), EditPolicy::KeepForImport).unwrap();
    let rows = store.manual_edit().unwrap();
    let wanted: Vec<Book> = rows.into_iter().map(|row| row.into_book(Seq::ZERO)).collect();
    shop.import_through(&store, &wanted);
    drop(store);
    shop.assert_matches(&folder.store().unwrap());
}

#[test]
fn books_beside_an_empty_ledger_are_offered_for_the_first_import() {
    let folder = Folder::new();
    assert_eq!(folder.store().unwrap().seed_rows().unwrap(), None);
    let folder = Folder::new();
    fs::write(folder.path("catalog.csv"), "1,A,1,1\n").unwrap();
    assert!(matches!(
        folder.store().unwrap().seed_rows(),
        Err(Error::CatalogFile(_))
    ));
    fs::write(folder.path("catalog.csv"), catalog_file::DEFAULT).unwrap();
    let store = folder.store().unwrap();
    assert_eq!(store.seed_rows().unwrap().unwrap().len(), 4);
    ReferenceShop::empty().assert_matches(&store);
    let shop = ReferenceShop::filled(&store);
    assert_eq!(store.seed_rows().unwrap(), None);
    drop(store);
    assert_eq!(
        copies(&folder),
        [catalog_file::DEFAULT],
        "the costs are not those of the file"
    );
    shop.assert_matches(&folder.store().unwrap());
}

#[test]
fn the_catalog_file_shows_the_stock_as_of_the_checkpoint() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 4);
    store.checkpoint(&shop.books, shop.head).unwrap();
    let rows = catalog_file::read(&folder.path("catalog.csv")).unwrap();
    let stocks: Vec<_> = rows.iter().map(|row| row.stock.get()).collect();
    assert_eq!(stocks, [399, 499, 299, 499]);
    assert_eq!(shop.books.len(), rows.len());
}

#[test]
fn an_older_file_is_an_edit_too() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    store.checkpoint(&shop.books, shop.head).unwrap();
    let older = fs::read(folder.path("catalog.csv")).unwrap();
    shop.sell_through(&store, 4);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    fs::write(folder.path("catalog.csv"), &older).unwrap();
    let places: Vec<_> = differences(&folder).into_iter().map(|edit| edit.location).collect();
    assert_eq!(places, [1, 2, 3, 4].map(|item| format!("book {item}, stock")));
    assert_eq!(fs::read(folder.path("catalog.csv")).unwrap(), older);
}

#[test]
fn an_inspection_finds_edits_and_changes_nothing() {
    let folder = Folder::new();
    let shop = sold_since(&folder);
    let inspect = || CsvStore::inspect(folder.0.path()).unwrap();
    let found = inspect();
    assert_eq!((found.state.head, &found.state.books), (shop.head, &shop.books));
    assert_eq!((found.edits, found.remarks), (Vec::new(), Vec::new()));
    shop.assert_matches(&*found.store);
    assert!(matches!(found.store.append(shop.head, &[]), Err(Error::Closed)));
    drop(found.store);
    let edited = edit(&folder, "40.00", "41.00");
    let locations: Vec<_> = inspect().edits.into_iter().map(|edit| edit.location).collect();
    assert_eq!(locations, [1, 2, 3, 4].map(|item| format!("book {item}, cost")));
    assert_eq!(fs::read_to_string(folder.path("catalog.csv")).unwrap(), edited);
}
