use common::limits;

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
fn a_header_names_the_columns_in_any_order_and_case() {
    let expected = books("7,\"Emma, again\",3,9.99,novels,Jane Austen\n8,Beowulf,1,5,epics\n");
    for text in [
        "Author,TOPIC,cost,stock,Name,Item\nJane Austen,novels,9.99,3,\"Emma, again\",7\n,epics,5,1,Beowulf,8\n",
        "stock;item;name;topic;cost;author\r\n3;7;Emma, again;novels;9.99;Jane Austen\r\n1;8;Beowulf;epics;5;\r\n",
        "item\tname\tstock\tcost\ttopic\tauthor\n7\tEmma, again\t3\t9.99\tnovels\tJane Austen\n8\tBeowulf\t1\t5\tepics\n",
        "7;Emma, again;3;9.99;novels;Jane Austen\n8;Beowulf;1;5;epics\n",
        "sep=;\r\n7;Emma, again;3;9.99;novels;Jane Austen\r\n8;Beowulf;1;5;epics\r\n",
        "\u{feff}SEP=\t\n7\tEmma, again\t3\t9.99\tnovels\tJane Austen\n8\tBeowulf\t1\t5\tepics\n",
    ] {
        assert_eq!(books(text), expected, "{text:?}");
    }
}

#[test]
fn blank_lines_lines_of_separators_and_empty_columns_at_the_end_are_skipped() {
    let expected = books("7,Emma,3,9.99,novels\n8,Beowulf,1,5,epics\n");
    for text in [
        "item,name,stock,cost,topic,,,\n7,Emma,3,9.99,novels,,,\n,,,,,,,\n\n  \n8,Beowulf,1,5,epics,,,\n,,,,,,,\n",
        "7;Emma;3;9.99;novels;;;\n;;;;\n\"\";\"\";\n8;Beowulf;1;5;epics;;\n",
        ",,,,\n\n7,Emma,3,9.99,novels\n8,Beowulf,1,5,epics",
    ] {
        assert_eq!(books(text), expected, "{text:?}");
    }
}

#[test]
fn a_line_break_within_quotes_is_a_space_and_lines_are_still_counted() {
    let text = "1,\"Emma\r\nor \"\"Love\"\"\n again\",1,1,t\n2,B,1,1,t\n3,C,x,1,t\n";
    assert!(refusal(text).starts_with("books.csv:5: stock: expected a stock"));
    let title = &books(&text.replace(",x,", ",1,"))[0].title;
    assert_eq!(title, "Emma or \"Love\"  again");
}

#[test]
fn the_first_twenty_errors_are_listed_with_their_number() {
    let text: String = (1..=30).map(|line| format!("{line},A,x,1,t\n")).collect();
    let listed = refusal(text);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 21);
    assert!(lines[19].starts_with("books.csv:20: stock: expected a stock"));
    assert_eq!(lines[20], "books.csv has 30 errors, of which these are the first 20");
    let two = refusal("1,A,1,1,t\n1,B,1,1,t\n2,\"C,1,1,t\n");
    let two: Vec<&str> = two.lines().collect();
    assert!(two[0].starts_with("books.csv:2: item: expected another number"));
    assert!(two[1].starts_with("books.csv:3: name: expected a closing quote"));
    assert_eq!(two[2], "books.csv has 2 errors");
}

#[test]
fn text_in_another_encoding_is_refused_with_its_column() {
    let windows_1252 = refusal(b"item,topic,name,cost,stock,author\n1,t,A,1,1,Bront\xeb\n");
    assert_eq!(
        windows_1252,
        "books.csv:2: author: expected UTF-8, found Windows-1252 or another encoding; save the file as UTF-8"
    );
    // A few of its bytes may look like UTF-8.
    let mostly = refusal(b"1,Bront\xeb,1,1,t\n2,r\xe9cits,1,1,t\n3,\xc3\xa9,1,1,t\n");
    assert!(
        mostly.starts_with("books.csv:1: name: expected UTF-8, found Windows-1252"),
        "{mostly}"
    );
    let mixed = refusal(b"1,Caf\xc3\xa9,1,1,r\xe9cits\n");
    assert_eq!(mixed, "books.csv:1: topic: expected UTF-8");
}

#[test]
fn other_kinds_of_files_are_named() {
    let utf_16: Vec<u8> = "1,A,1,1,t\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xFF\xFE"[..], &utf_16].concat();
    for (text, kind) in [
        (&utf_16[..], "in UTF-16"),
        (&marked, "in UTF-16"),
        (b"PK\x03\x04\x14\0", "a spreadsheet or another ZIP archive"),
        (b"\xD0\xCF\x11\xE0\xA1", "an old spreadsheet"),
        (b"\n <!DOCTYPE HTML><html>", "an HTML page"),
        (b"%PDF-1.7", "a PDF document"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(&format!("books.csv is {kind}")), "{refusal}");
    }
}

/// Headers of lists from other programs, with the expected messages.
#[test]
fn a_header_of_another_program_is_refused_once_and_says_what_to_rename_and_what_to_add() {
    let missing =
        |column: &str, advice: &str| format!("books.csv:1: {column}: expected a column of that name; {advice}");
    for (text, unknown, advice) in [
        (
            // A reading list.
            "Book Id,Title,Author,ISBN,ISBN13,My Rating,Publisher,Pages,Bookshelves\n7,Emma,Jane Austen,,,5,P,9,novels\n",
            "Book Id, Title, ISBN, ISBN13, My Rating, Publisher and 2 more",
            [
                "rename Book Id or add it",
                "rename Title or add it",
                "add it",
                "add it",
                "rename Bookshelves or add it",
            ],
        ),
        (
            // Semicolons, quotes, no column that is known.
            "\"ISBN\";\"Book-Title\";\"Year\"\n\"0195153448\";\"Classical; or Mythology\";\"2002\"\n",
            "ISBN, Book-Title, Year",
            [
                "rename ISBN or add it",
                "rename Book-Title or add it",
                "add it",
                "add it",
                "add it",
            ],
        ),
        (
            // Tabs, and commas within the texts.
            "Title, subtitle\tPublisher\tPrice\nEmma, a novel\tP\t9.99\n",
            "Title, subtitle, Publisher, Price",
            ["add it", "add it", "add it", "rename Price or add it", "add it"],
        ),
        (
            // The numbers of rows have no name.
            ",title,price,genre\n0,Emma,9.99,novels\n",
            "column 1, title, price, genre",
            [
                "add it",
                "rename title or add it",
                "add it",
                "rename price or add it",
                "rename genre or add it",
            ],
        ),
    ] {
        let first =
            format!("books.csv:1: {unknown}: expected no other columns than item,name,stock,cost,topic,author; ");
        let columns = ["item", "name", "stock", "cost", "topic"].into_iter().zip(advice);
        let expected: Vec<_> = columns.map(|(column, advice)| missing(column, advice)).collect();
        let refusal = refusal(text);
        let lines: Vec<_> = refusal.lines().collect();
        assert!(lines[0].starts_with(&first), "{text:?}: {refusal}");
        assert_eq!(&lines[1..6], expected, "{text:?}");
    }
    let renamed = "item,name,author,topic,stock,cost\n7,Emma,Jane Austen,novels,5,9\n";
    assert_eq!(books(renamed).len(), 1);
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
            "1,Don\u{92}t,1,1,t\n",
            "books.csv:1: name: expected no control characters, found U+0092, a sign of Windows-1252 that was converted",
        ),
        (
            "1,A\rB,1,1,t\n",
            "books.csv:1: name: expected no control characters, found U+000D",
        ),
        (
            "isbn,name,stock,cost,topic\n1,A,1,1,t\n",
            "books.csv:1: isbn: expected no other columns than item,name,stock,cost,topic,author",
        ),
        (
            "name,stock,cost,topic\nA,1,1,t\n",
            "books.csv:1: item: expected a column of that name",
        ),
        (
            "item,name,Name,stock,cost,topic\n1,A,B,1,1,t\n",
            "books.csv:1: Name: expected each column once",
        ),
        (
            "cost,item,topic,name,stock\n1,1,t,A\n",
            "books.csv:2: stock: expected the columns cost,item,topic,name,stock, found 4",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(start), "{text:?}: {refusal}");
    }
    assert!(refusal(b"1,A,1,1,t\n2,B\xff,1,1,t\n").starts_with("books.csv:2: name: expected UTF-8"));
    let too_many = format!("1,A,1,1{}\n", ",x".repeat(Description::COLUMNS.len() + 1));
    let column = columns::MAX + 1;
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
