//! The books of the fixed catalog, receipts for them, and errors of the shop.

use common::client::Error;
use common::problem::ShortLine;
use common::wire::{
    Activity, Book, BookPage, Neighbour, OrderStatus, Readiness, ReadyStatus, Receipt, ReceiptLine, ServiceKind,
    TopicCount, Topics,
};
use common::{Code, Cost, Description, ItemNumber, OrderId, Problem, Quantity, Seq, Stock, Timestamp};

use crate::effect::{Query, Request};
use crate::message::Event;

pub(crate) const STORE: &str = "0190b6d5-0000-7000-8000-000000000001";
pub(crate) const URL: &str = "http://127.0.0.1:8080";

pub(crate) fn number(item: u64) -> ItemNumber {
    ItemNumber::try_from(item).unwrap()
}

pub(crate) fn order(number: u64) -> OrderId {
    format!("0190b6d5-7f3c-7cc0-8000-{number:012x}").parse().unwrap()
}

pub(crate) fn unreachable() -> Error {
    Error::Unreachable {
        url: URL.into(),
        why: "Connection refused (os error 111)".into(),
    }
}

/// An answer to a request was lost.
pub(crate) fn lost() -> Error {
    Error::Lost {
        url: URL.into(),
        why: "no answer in time".into(),
    }
}

pub(crate) fn problem(code: Code) -> Error {
    Error::Problem(Box::new(Problem::new(code, "said the shop")))
}

pub(crate) fn sold_out() -> Error {
    let problem = Problem::new(Code::SoldOut, "0 left").with_stock(Stock::ZERO);
    Error::Problem(Box::new(problem))
}

/// The receipt of a sale from the fixed catalog.
pub(crate) fn receipt(order: OrderId, item: u64, quantity: u64, seq: u64) -> Receipt {
    receipt_of(order, &[(item, quantity)], seq)
}

/// The receipt of a sale of several books from the fixed catalog, as numbers and copies; `seq` is the first line's.
pub(crate) fn receipt_of(order: OrderId, books: &[(u64, u64)], seq: u64) -> Receipt {
    let line = |(seq, (item, quantity)): (u64, &(u64, u64))| {
        let book = catalog().into_iter().find(|book| book.item == number(*item)).unwrap();
        let copies = Quantity::try_from(*quantity).unwrap();
        ReceiptLine {
            item: book.item,
            title: Some(book.title),
            quantity: copies,
            cost: Some(book.cost),
            total: book.cost.times(copies),
            stock: book.stock.checked_add_signed(-i64::from(copies.get())),
            seq: Seq(seq),
            reason: None,
        }
    };
    let lines: Vec<_> = (seq..).zip(books).map(line).collect();
    Receipt {
        order,
        status: OrderStatus::Sold,
        total: lines.iter().map(|line| line.total).sum(),
        seq: lines.last().unwrap().seq,
        lines: lines.into(),
        at: Timestamp::from_micros(1_769_860_807_000_000),
    }
}

/// The refusal of an order for these books: item numbers, copies left and copies wanted.
pub(crate) fn too_few(lines: &[(u64, u64, u64)]) -> Error {
    let mut problem = Problem::new(Code::SoldOut, "too few");
    let short = |(item, stock, wanted): &(u64, u64, u64)| ShortLine {
        item: number(*item),
        stock: Stock::try_from(*stock).unwrap(),
        wanted: Quantity::try_from(*wanted).unwrap(),
    };
    problem.lines = lines.iter().map(short).collect();
    Error::Problem(Box::new(problem))
}

pub(crate) fn book(item: u64, title: &str, author: Option<&str>, topic: &str, cents: u64, stock: u64) -> Book {
    let description = Description {
        author: author.map(Into::into),
        ..Description::new(topic)
    };
    let (cost, stock) = (Cost::try_from(cents).unwrap(), Stock::try_from(stock).unwrap());
    Book::new(number(item), title.into(), description, cost, stock, Seq(item))
}

pub(crate) fn catalog() -> Vec<Book> {
    let (systems, school, novels) = ("distributed systems", "graduate school", "novels");
    let (grade, xen) = (
        "How to get a good grade in 677 in 20 minutes a day",
        "Xen and the Art of Surviving Graduate School",
    );
    let cooking = "Cooking for the Impatient Graduate Student";
    vec![
        book(1, grade, None, systems, 3_000, 400),
        book(2, "RPCs for Dummies", None, systems, 4_000, 500),
        book(3, xen, None, school, 7_500, 300),
        book(4, cooking, None, school, 15_000, 500),
        book(5, "Middlemarch", Some("George Eliot"), novels, 1_299, 12),
        book(6, "Война и мир", Some("Лев Толстой"), novels, 2_450, 0),
        book(7, "三國演義", Some("羅貫中"), novels, 123_456, 1_250),
        book(8, "Don Quixote", Some("Miguel de Cervantes"), novels, 1_850, 3),
    ]
}

pub(crate) fn topics() -> Topics {
    let counts = [("distributed systems", 2), ("graduate school", 2), ("novels", 4)];
    let topics = counts.map(|(topic, books)| TopicCount {
        topic: topic.into(),
        books,
    });
    Topics { topics: topics.into() }
}

/// A service with this number of requests.
pub(crate) fn neighbour(service: ServiceKind, requests: u64) -> Neighbour {
    let activity = Activity {
        uptime_s: 7_500,
        requests,
        p50_us: Some(250),
        p99_us: Some(50_000),
    };
    Neighbour {
        url: None,
        service,
        version: "0.1.0".into(),
        head: Some(Seq(40)),
        activity,
    }
}

/// The report of a front-end with this number of requests, and of its neighbors.
pub(crate) fn readiness(requests: u64, neighbours: impl Into<Vec<Neighbour>>) -> Readiness {
    let own = neighbour(ServiceKind::Frontend, requests);
    Readiness {
        status: ReadyStatus::Ready,
        service: own.service,
        version: own.version,
        head: own.head,
        neighbours: neighbours.into(),
        degraded: Vec::new(),
        missing: Vec::new(),
        activity: own.activity,
    }
}

/// The books of the fixed catalog that a query finds.
pub(crate) fn found(query: &Query) -> BookPage {
    let matches = |book: &Book| match query {
        Query::Topic(topic) | Query::WholeTopic(topic) => book.topic == *topic,
        Query::Search(words) => {
            let (title, words) = (book.title.to_lowercase(), words.to_lowercase());
            title.split(' ').any(|word| word.starts_with(&words))
        }
    };
    let books = catalog().into_iter().filter(matches).collect();
    BookPage { books, next: None }
}

/// The fixed catalog's answer to a request for topics or books; `None` for other requests.
pub(crate) fn answer(request: &Request) -> Option<Event> {
    match request {
        Request::Topics => Some(Event::TopicsLoaded(Ok(topics()))),
        Request::Page { generation, query, .. } => Some(Event::PageLoaded {
            generation: *generation,
            result: Ok((found(query), Some(Seq(40)))),
        }),
        Request::Book(item) => Some(Event::BookLoaded {
            item: *item,
            result: catalog()
                .into_iter()
                .find(|book| book.item == *item)
                .ok_or_else(|| problem(Code::UnknownItem)),
        }),
        Request::Buy { .. } | Request::Order(_) | Request::Change(_) | Request::Health => None,
    }
}
