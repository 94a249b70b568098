//! Topics, word matches and pages of four books.

mod incremental;
mod scripts;

use super::*;

fn item(number: u64) -> ItemNumber {
    ItemNumber::try_from(number).unwrap()
}

fn book(number: u64, title: &str, author: &str, topic: &str) -> BookMeta {
    BookMeta {
        item: item(number),
        title: title.into(),
        description: Description {
            author: (!author.is_empty()).then(|| author.into()),
            ..Description::new(topic)
        },
        cost: Cost::default(),
    }
}

fn index() -> SearchIndex {
    SearchIndex::new(vec![
        book(7, "Emma", "Jane Austen", "Romance"),
        book(2, "Persuasion", "Jane Austen", "romance"),
        book(3, "Jane Eyre", "Charlotte Brontë", "Romance"),
        book(4, "The Time Machine", "H. G. Wells", "science fiction"),
    ])
}

fn items(found: &[ItemNumber]) -> Vec<u64> {
    found.iter().map(|item| item.get()).collect()
}

#[test]
fn topics_ignore_case_and_are_spelled_as_by_the_lowest_item_number() {
    let topics = index().topics();
    let found: Vec<_> = topics.iter().map(|topic| (topic.topic.as_str(), topic.books)).collect();
    assert_eq!(found, [("romance", 3), ("science fiction", 1)]);
}

#[test]
fn a_topic_is_paged_by_number_without_gap_or_overlap() {
    let index = index();
    let first = index.find_topic("ROMANCE", None, 2);
    assert_eq!((items(&first.books), first.next), (vec![2, 3], Some(item(3))));
    let second = index.find_topic("romance", first.next, 2);
    assert_eq!((items(&second.books), second.next), (vec![7], None));
    assert_eq!(
        index.find_topic("poetry", None, 2),
        Found {
            books: vec![],
            next: None
        }
    );
}

#[test]
fn words_find_titles_before_authors_before_topics() {
    let index = index();
    let found = |query: &str| items(&index.find_words(query, None, 50).books);
    assert_eq!(found("jane"), [3, 2, 7]);
    assert_eq!(found("JAN aus"), [2, 7]);
    assert_eq!(found("brontë eyre"), [3]);
    assert_eq!(found("rom e"), [3, 7]);
    assert_eq!(found("h.g. time"), [4]);
    assert_eq!(found("charlotte JANE"), [3]);
    assert_eq!(found("  "), [2, 3, 4, 7]);
    assert!(found("zebra").is_empty() && found("!").is_empty());
}

#[test]
fn a_whole_word_is_found_before_a_prefix_in_the_same_field() {
    let index = SearchIndex::new(vec![
        book(1, "Carpentry", "Art", "crafts"),
        book(2, "The Cart", "", "art"),
        book(3, "Artisans", "", "crafts"),
        book(4, "Art for All", "", "crafts"),
        book(5, "Painting", "Artemisia", "crafts"),
    ]);
    let found = |query: &str| items(&index.find_words(query, None, 50).books);
    assert_eq!(found("art"), [4, 3, 1, 5, 2]);
    assert_eq!(found("art crafts"), [1, 3, 4, 5]);
}

#[test]
fn word_matches_are_paged_without_gap_or_overlap() {
    let index = index();
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = index.find_words("jane", after, 1);
        all.extend(items(&page.books));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all, [3, 2, 7]);
}
