use super::*;

const PATH: &str = "books.csv";

fn written(rows: &[CatalogRow]) -> Result<Vec<u8>, Error> {
    let books: Vec<Book> = rows.iter().cloned().map(|row| row.into_book(Seq::ZERO)).collect();
    let mut text = Vec::new();
    write(&mut text, &books, Path::new(PATH)).map(|()| text)
}

fn books(text: &str) -> Vec<CatalogRow> {
    parse(text.as_bytes(), Path::new(PATH)).unwrap()
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    parse(text.as_ref(), Path::new(PATH)).unwrap_err().to_string()
}

#[test]
fn the_compiled_in_catalog_holds_the_four_books() {
    let books = books(DEFAULT);
    assert_eq!(
        books.iter().map(|book| book.item.get()).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(books[1].title, "RPCs for Dummies");
    assert_eq!(books[3].cost.to_string(), "150.00");
}

#[test]
fn header_line_ends_blanks_and_a_byte_order_mark_make_no_difference() {
    let plain = books("2,\"RPCs, for \"\"Dummies\"\"\",500,40.00,distributed systems\n3,Xen,300,75,graduate school\n");
    for text in [
        "item,name,stock,cost,topic\n2,\"RPCs, for \"\"Dummies\"\"\",500,40,distributed systems\n3,Xen,300,75,graduate school",
        "\u{feff}Item,Name,Stock,Cost,Topic\r\n2,\"RPCs, for \"\"Dummies\"\"\",500,40,distributed systems\r\n3,Xen,300,75,graduate school\r\n",
        "2, \"RPCs, for \"\"Dummies\"\"\" , 500, 40.0, distributed systems\n\n  \n3 , Xen, 300, 75, \"graduate school\"\n",
        "item,name,stock,cost,topic,author\n2,\"RPCs, for \"\"Dummies\"\"\",500,40,distributed systems,\n3,Xen,300,75,graduate school\n",
    ] {
        assert_eq!(books(text), plain, "{text:?}");
    }
}

#[test]
fn an_author_may_stand_in_the_sixth_column() {
    let books = books("1,Emma,3,9.99,novels,Jane Austen\n2,Beowulf,3,9,epics,\n3,Edda,1,1,epics\n");
    let authors: Vec<_> = books.iter().map(|book| book.description.author.as_deref()).collect();
    assert_eq!(authors, [Some("Jane Austen"), None, None]);
}

#[test]
fn a_bad_line_is_refused_with_file_line_column_and_what_was_expected() {
    for (text, start) in [
        (
            "item,name,stock,cost,topic\n0,A,1,1,t\n",
            "books.csv:2: item: expected an item number",
        ),
        ("1,A,1,1,t\n\n2,B,-1,1,t\n", "books.csv:3: stock: expected a stock"),
        ("1,A,1,1.234,t\n", "books.csv:1: cost: expected a cost"),
        ("1,A,1,1e3,t\n", "books.csv:1: cost: expected a cost"),
        ("1,,1,1,t\n", "books.csv:1: name: expected a text"),
        ("1,A,1,1,\n", "books.csv:1: topic: expected a text"),
        ("1,A,1,1\n", "books.csv:1: topic: expected the columns"),
        (
            "item,name,stock,cost,topic\n1,A,1,1,t,a\n",
            "books.csv:2: author: expected the columns",
        ),
        ("1,A, or B,1,1,t\n", "books.csv:1: stock: expected a stock"),
        (
            "1,A,1,1,t\n2,\"B,1,1,t\n",
            "books.csv:2: name: expected a closing quote",
        ),
        ("1,\"A\" or B,1,1,t\n", "books.csv:1: name: expected a comma"),
        (
            "1,A,1,1,t\n2,B,1,1,t\n1,C,1,1,t\n",
            "books.csv:3: item: expected another number, as 1 is the book of line 1",
        ),
        (
            "1,A\u{1b}[2J,1,1,t\n",
            "books.csv:1: name: expected no control characters, found U+001B",
        ),
        (
            "1,A\rB,1,1,t\n",
            "books.csv:1: name: expected no control characters, found U+000D",
        ),
        (
            "isbn,name,stock,cost,topic\n1,A,1,1,t\n",
            "books.csv:1: item: expected an item number",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(start), "{text:?}: {refusal}");
    }
    assert!(refusal(b"1,A,1,1,t\n2,B\xff,1,1,t\n").starts_with("books.csv:2: name: expected UTF-8"));
    let too_many = format!("1,A,1,1{}\n", ",x".repeat(Description::COLUMNS.len() + 1));
    let column = FIXED_COLUMNS.len() + Description::COLUMNS.len() + 1;
    assert!(refusal(too_many).starts_with(&format!("books.csv:1: column {column}: expected the columns")));
    let long = format!("1,{},1,1,t", "x".repeat(limits::NAME_BYTES_MAX + 1));
    assert!(refusal(long).starts_with("books.csv:1: name: expected at most 1024 bytes"));
}

#[test]
fn what_is_written_is_read_back_equal() {
    let mut rows = books(DEFAULT);
    for (number, title) in (5..).zip([
        "\"",
        "a,b",
        "=1+1",
        "'; DROP TABLE books; --",
        "戰爭與和平",
        "a\u{202e}b",
        "#c",
        "x\"y",
    ]) {
        rows.push(CatalogRow {
            item: ItemNumber::try_from(number).unwrap(),
            title: title.into(),
            description: Description::from_texts(Description::COLUMNS.map(|_| Some(title.into())))
                .unwrap()
                .unwrap(),
            ..rows[0].clone()
        });
    }
    let text = written(&rows).unwrap();
    assert_eq!(parse(&text, Path::new(PATH)).unwrap(), rows);
    let header = format!("item,name,stock,cost,{}\n1,How to", Description::COLUMNS.join(","));
    assert!(text.starts_with(header.as_bytes()));
}

#[test]
fn the_column_author_is_written_only_where_a_book_has_one() {
    let text = written(&books(DEFAULT)).unwrap();
    assert_eq!(
        str::from_utf8(&text).unwrap(),
        DEFAULT
            .trim_end()
            .replace(",30,", ",30.00,")
            .replace(",40,", ",40.00,")
            .replace(",75,", ",75.00,")
            .replace(",150,", ",150.00,")
            + "\n"
    );
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    for title in ["", " a", "a\nb", "\u{7}"] {
        let mut rows = books(DEFAULT);
        rows[1].title = title.into();
        let refusal = written(&rows).unwrap_err().to_string();
        assert!(refusal.starts_with("books.csv:3: name: expected"), "{refusal}");
    }
}
