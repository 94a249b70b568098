//! Compares a catalog file that was edited by hand with the books that the store wrote to it.

use std::collections::BTreeMap;

use common::wire::Book;
use common::{Description, ItemNumber};

use crate::Difference;
use crate::catalog_file::CatalogRow;

/// The values in an edited file that differ from both the written books and the ledger's current books. A stock that differs
/// only because of later sales is not an edit.
pub(super) fn differences(edited: &[CatalogRow], written: &[Book], books: &[Book]) -> Vec<Difference> {
    let edited: BTreeMap<ItemNumber, &CatalogRow> = edited.iter().map(|row| (row.item, row)).collect();
    let (written, books) = (by_item(written), by_item(books));
    let mut differences = Vec::new();
    let mut add = |location, file, ledger| {
        differences.push(Difference { location, file, ledger });
    };
    for (item, book) in &books {
        let Some(row) = edited.get(item) else {
            add(
                format!("book {item}"),
                "no such book".to_owned(),
                format!("{:?}", book.title),
            );
            continue;
        };
        let now = columns(&CatalogRow::from(*book));
        let was = written
            .get(item)
            .map_or_else(|| now.clone(), |was| columns(&CatalogRow::from(*was)));
        for (((column, file), (_, was)), (_, ledger)) in columns(row).into_iter().zip(was).zip(now) {
            if file != was && file != ledger {
                add(format!("book {item}, {column}"), file, ledger);
            }
        }
    }
    for (item, row) in edited.iter().filter(|(item, _)| !books.contains_key(item)) {
        add(
            format!("book {item}"),
            format!("{:?}", row.title),
            "no such book".to_owned(),
        );
    }
    differences
}

/// The rows of an edited file, with every unedited stock replaced by the ledger's, so that later sales stay.
pub(super) fn merged(mut edited: Vec<CatalogRow>, written: &[Book], books: &[Book]) -> Vec<CatalogRow> {
    let (written, books) = (by_item(written), by_item(books));
    for row in &mut edited {
        if let (Some(written), Some(book)) = (written.get(&row.item), books.get(&row.item))
            && written.stock == row.stock
        {
            row.stock = book.stock;
        }
    }
    edited
}

fn by_item(books: &[Book]) -> BTreeMap<ItemNumber, &Book> {
    books.iter().map(|book| (book.item, book)).collect()
}

/// The name and the value of each editable column.
fn columns(row: &CatalogRow) -> Vec<(&'static str, String)> {
    let CatalogRow {
        item: _,
        title,
        stock,
        cost,
        description,
    } = row;
    let fixed = [
        ("name", format!("{title:?}")),
        ("stock", stock.to_string()),
        ("cost", cost.to_string()),
    ];
    let texts = description.texts().map(|text| match text {
        Some(text) => format!("{text:?}"),
        None => "none".to_owned(),
    });
    fixed
        .into_iter()
        .chain(Description::COLUMNS.into_iter().zip(texts))
        .collect()
}
