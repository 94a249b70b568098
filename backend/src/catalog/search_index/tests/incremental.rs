//! Changes of single books: the search results, and the number of chunks that a change copies.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The number of books of a large public catalog.
const MANY: u64 = 265_170;
const NOUNS: [&str; 16] = [
    "Harbour", "Library", "Orchard", "Clock", "Ferry", "Garden", "Map", "Kitchen", "Mountain", "Letter", "Bridge",
    "Theatre", "River", "Compiler", "Winter", "Island",
];

/// A book whose title has a unique word besides common ones.
fn generated(number: u64) -> BookMeta {
    let noun = |shift: u32| NOUNS[usize::try_from((number >> shift) % 16).unwrap()];
    let title = format!(
        "The {} of the {} in {}{number}",
        noun(0),
        noun(4),
        noun(8).to_lowercase()
    );
    let author = format!("Ada{} {}", number % 1_000, noun(3));
    book(number, &title, &author, &format!("Topic {}", number % 24))
}

/// The number of chunks of `index`, and of its chunks that `other` does not share.
fn chunks_not_in(index: &SearchIndex, other: &SearchIndex) -> (usize, usize) {
    let in_lists = [
        index.books.chunks_not_in(&other.books),
        index.topics.chunks_not_in(&other.topics),
        index.words.chunks_not_in(&other.words),
    ];
    let key = |word: &Word| (Arc::clone(&word.word), word.field);
    let known: BTreeMap<_, _> = other.words.iter().map(|word| (key(word), &word.books)).collect();
    let in_words = index
        .words
        .iter()
        .map(|word| match (&word.books, known.get(&key(word))) {
            (Postings::Many(items), Some(Postings::Many(known))) => items.chunks_not_in(known),
            (Postings::Many(items), _) => items.chunks_not_in(&Chunks::default()),
            (Postings::One(_), _) => (0, 0),
        });
    in_words
        .chain(in_lists)
        .fold((0, 0), |(all, new), (more, more_new)| (all + more, new + more_new))
}

#[test]
fn a_change_of_one_book_among_many_copies_a_few_chunks() {
    let mut index = SearchIndex::new((1..=MANY).map(generated).collect());
    let items = |index: &SearchIndex, query| super::items(&index.find_words(query, None, 50).books);
    let book_count = index.book_count();

    for (change, found_before, found_after) in [
        (
            book(MANY + 7, "The Quince of the Garden", "Ada1 Map", "Topic 3"),
            vec![],
            vec![MANY + 7],
        ),
        (
            book(MANY / 2, "The Quince of the Garden", "", "New topic"),
            vec![MANY + 7],
            vec![MANY / 2, MANY + 7],
        ),
    ] {
        let before = index.clone();
        let known = index.get(change.item).map(|(idx, _)| idx);
        let idx = index.upsert(change);
        assert_eq!(idx, known.unwrap_or(book_count));
        let (chunks, copied) = chunks_not_in(&index, &before);
        assert!(chunks > 3_000 && copied < 60, "{copied} of {chunks} chunks were copied");
        assert_eq!(items(&before, "quince gard"), found_before);
        assert_eq!(items(&index, "quince gard"), found_after);
    }

    let before = index.clone();
    assert_eq!(index.withdraw(item(MANY / 2)), usize::try_from(MANY / 2 - 1).ok());
    assert_eq!(index.withdraw(item(MANY / 2)), None);
    let (_, copied) = chunks_not_in(&index, &before);
    assert!(copied < 60, "{copied} chunks were copied");
    assert_eq!(items(&index, "quince"), [MANY + 7]);
    assert_eq!(items(&before, "quince"), [MANY / 2, MANY + 7]);
    assert!(index.find_topic("new topic", None, 1).books.is_empty());
}

#[test]
fn a_topic_has_the_spelling_of_its_current_lowest_item_number() {
    let mut index = super::index();
    let spelling = |index: &SearchIndex| index.topics()[0].topic.clone();
    index.upsert(book(1, "Ivanhoe", "", "ROMANCE"));
    assert_eq!(spelling(&index), "ROMANCE");
    index.withdraw(item(1));
    assert_eq!(spelling(&index), "romance");
    index.upsert(book(2, "Persuasion", "Jane Austen", "Satire"));
    assert_eq!(spelling(&index), "Romance");
}

fn any_book() -> impl Strategy<Value = BookMeta> {
    let text = "(jane|Jane|eyre|é|a) ?(b|emma|l'a|c\\+\\+|戰爭|한국)?";
    (1_u64..12, text, text, text)
        .prop_map(|(number, title, author, topic)| book(number, title.trim(), author.trim(), topic.trim()))
}

proptest! {
    #[test]
    fn a_changed_index_finds_the_same_books_as_a_new_one(
        start in proptest::collection::vec(any_book(), 0..8),
        changes in proptest::collection::vec((any::<bool>(), any_book()), 0..16),
        queries in proptest::collection::vec("(j|jan|jane|e|em|c|戰|한|l|a)( (a|b|emma))?", 4),
    ) {
        let mut books: BTreeMap<_, _> = start.into_iter().map(|book| (book.item, book)).collect();
        let mut changed = SearchIndex::new(books.values().cloned().collect());
        for (adds, book) in changes {
            let known = changed.get(book.item).map(|(idx, _)| idx);
            if adds {
                let idx = changed.upsert(book.clone());
                prop_assert!(known.is_none_or(|known| known == idx));
                books.insert(book.item, book);
            } else {
                prop_assert_eq!(changed.withdraw(book.item), known);
                books.remove(&book.item);
            }
        }
        let new = SearchIndex::new(books.values().cloned().collect());
        prop_assert_eq!(changed.book_count(), new.book_count());
        prop_assert!(changed.iter().map(|(_, book)| book).eq(books.values()));
        prop_assert_eq!(changed.topics(), new.topics());
        for topic in new.topics() {
            prop_assert_eq!(changed.find_topic(&topic.topic, None, 3), new.find_topic(&topic.topic, None, 3));
        }
        for query in queries {
            prop_assert_eq!(changed.find_words(&query, None, 3), new.find_words(&query, None, 3));
        }
    }
}
