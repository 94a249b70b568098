//! Topics, searches, and one book.

use common::ItemNumber;
use common::client::Response;
use common::limits::PAGE_BOOKS_MAX;
use common::wire::{Book, BookPage, Topics};

use super::exit::{Error, Exit};
use super::output::Output;
use super::table::table;
use crate::cli::SearchArgs;
use crate::columns::{NOT_DROPPED, Shrinking};
use crate::connect::ShopConnection;
use crate::receipt::pairs;

const TITLE: Shrinking = Shrinking::Truncate {
    min: 16,
    rank: NOT_DROPPED,
};
const AUTHOR: Shrinking = Shrinking::Truncate { min: 10, rank: 1 };
const TOPIC: Shrinking = Shrinking::Truncate { min: 10, rank: 2 };

pub(super) async fn topics(shop: &ShopConnection, out: &Output) -> Result<Exit, Error> {
    let answer = shop.read(|shop| async move { shop.topics().await }).await?;
    let print = |topics: &Topics| {
        let rows = topics.topics.iter();
        table(
            [("TOPIC", TOPIC), ("BOOKS", Shrinking::Never)],
            rows.map(|topic| [topic.topic.clone(), topic.books.to_string()]),
            out.width(),
        )
    };
    out.answer(&answer, print).await
}

/// Reads pages up to the limit. A single page is printed as received; several are merged into one.
pub(super) async fn search(shop: &ShopConnection, args: &SearchArgs, out: &Output) -> Result<Exit, Error> {
    let wanted = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let words = args.words.join(" ");
    let first = one_page(shop, args, &words, None, wanted).await?;
    let Ok(mut found) = first.parse::<BookPage>() else {
        return out.answer::<BookPage>(&first, |_| String::new()).await;
    };
    if found.next.is_none() || found.books.len() >= wanted {
        return match out.is_json() {
            true => out.verbatim(&first).await,
            false => print_books(&found, out).await,
        };
    }
    while let Some(after) = found.next.take().filter(|_| found.books.len() < wanted) {
        let remaining = wanted.saturating_sub(found.books.len());
        let answer = one_page(shop, args, &words, Some(&after), remaining).await?;
        let Ok(page) = answer.parse::<BookPage>() else {
            return out.answer::<BookPage>(&answer, |_| String::new()).await;
        };
        // An empty page with a cursor for a next page would make this loop endless.
        found.next = page.next.filter(|_| !page.books.is_empty());
        found.books.extend(page.books);
    }
    if out.is_json() {
        out.json(&found).await?;
        return Ok(Exit::Done);
    }
    print_books(&found, out).await
}

async fn one_page(
    shop: &ShopConnection,
    args: &SearchArgs,
    words: &str,
    after: Option<&str>,
    remaining: usize,
) -> Result<Response, Error> {
    let limit = remaining.clamp(1, PAGE_BOOKS_MAX);
    let page = shop.read(|shop| async move {
        match &args.topic {
            Some(topic) => shop.search_topic(topic, after, limit).await,
            None => shop.search_words(words, after, limit).await,
        }
    });
    Ok(page.await?)
}

/// Prints only the books to standard output; notices go to standard error.
async fn print_books(page: &BookPage, out: &Output) -> Result<Exit, Error> {
    match page.books.is_empty() {
        true => out.print_notice("No books found.").await,
        false => out.print(&books(page, out.width())).await?,
    }
    if page.next.is_some() {
        out.print_notice("There are more books; raise --limit to see them.")
            .await;
    }
    Ok(Exit::Done)
}

fn books(page: &BookPage, width: Option<usize>) -> String {
    let columns = [
        ("ITEM", Shrinking::Never),
        ("TITLE", TITLE),
        ("AUTHOR", AUTHOR),
        ("TOPIC", TOPIC),
        ("COST", Shrinking::Never),
        ("STOCK", Shrinking::Never),
    ];
    table(columns, page.books.iter().map(values), width)
}

pub(super) async fn lookup(shop: &ShopConnection, item: ItemNumber, out: &Output) -> Result<Exit, Error> {
    let answer = shop.read(|shop| async move { shop.lookup(item).await }).await?;
    out.answer::<Book>(&answer, book).await
}

/// A book as names and values.
pub(super) fn book(book: &Book) -> String {
    let [item, title, author, topic, cost, stock] = values(book);
    let mut lines = vec![("item", item), ("title", title)];
    if book.author.is_some() {
        lines.push(("author", author));
    }
    lines.extend([("topic", topic), ("cost", cost), ("stock", stock)]);
    pairs(&lines)
}

/// The values of a book, with a dash for no author.
fn values(book: &Book) -> [String; 6] {
    let Book {
        item,
        title,
        author,
        topic,
        cost,
        stock,
        seq: _,
    } = book;
    [
        item.to_string(),
        title.to_string(),
        author.as_ref().map_or("-".to_owned(), ToString::to_string),
        topic.to_string(),
        cost.to_string(),
        stock.to_string(),
    ]
}
