//! A shop with fixed books, a fixed clock and no network.

use std::time::Duration;

use common::wire::{Book, BookPage, Hello, StockEvent, TopicCount, Topics};
use common::{Cost, ItemNumber, OrderId, Seq, Stock, StoreId, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use tui::app::{App, Screen, update};
use tui::effect::{Effect, ListingKind, Query};
use tui::input::{InputEvent, Key, KeyEvent};
use tui::journal::JournalContents;
use tui::message::StreamEvent;
use tui::message::{Event, Message, Now};
use tui::theme::{Appearance, Theme};
use tui::ui;

pub(crate) const STORE: &str = "0190b6d5-0000-7000-8000-000000000001";
pub(crate) const URL: &str = "http://127.0.0.1:8080";

/// A shop, its clock and the effects that were not carried out yet.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) elapsed: Duration,
    pub(crate) effects: Vec<Effect>,
    keys: u64,
}

impl Fixture {
    /// A shop that has just started, on a screen of this size, before any answer.
    pub(crate) fn opened(columns: u16, rows: u16) -> Self {
        let autopilot = Err("not part of this shop".to_owned());
        let app = App::new("own store", URL, Screen::Shop, autopilot);
        let mut shop = Self {
            app,
            elapsed: Duration::ZERO,
            effects: Vec::new(),
            keys: 0,
        };
        shop.resize(columns, rows);
        shop.send(Event::Started);
        shop
    }

    /// A connected shop with eight books.
    pub(crate) fn stocked(columns: u16, rows: u16) -> Self {
        let mut shop = Self::opened(columns, rows);
        shop.send(Event::JournalLoaded(Ok(JournalContents::default())));
        shop.connect();
        shop.answer_requests();
        shop
    }

    pub(crate) fn connect(&mut self) {
        let hello = Hello {
            seq: Seq(40),
            store: STORE.parse::<StoreId>().unwrap(),
        };
        self.send(Event::Stream(StreamEvent::Connected { hello, resumed: false }));
    }

    pub(crate) fn send(&mut self, event: Event) {
        self.keys += 1;
        self.app.orders.spare_id.get_or_insert_with(|| order(self.keys));
        let now = self.now();
        let effects = update(&mut self.app, Message { now, event });
        self.effects.extend(effects);
    }

    pub(crate) fn now(&self) -> Now {
        let start = 1_769_860_800_000_000;
        let wall = Timestamp::from_micros(start + i64::try_from(self.elapsed.as_micros()).unwrap());
        Now {
            elapsed: self.elapsed,
            wall,
        }
    }

    /// Advances the clock, with all the ticks that the shop asks for on the way.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.elapsed + Duration::from_millis(millis);
        while let Some(at) = self.app.next_wake().filter(|at| *at <= end) {
            self.elapsed = at.max(self.elapsed + Duration::from_millis(1));
            self.send(Event::Tick);
        }
        self.elapsed = end;
        self.send(Event::Tick);
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.send(Event::Input(InputEvent::Resized { columns, rows }));
    }

    pub(crate) fn press(&mut self, key: Key) {
        self.send(Event::Input(InputEvent::Key(KeyEvent::plain(key))));
    }

    pub(crate) fn typed(&mut self, text: &str) {
        for c in text.chars() {
            self.press(Key::Char(c));
        }
    }

    /// Answers every request for topics and books from the fixed catalog.
    pub(crate) fn answer_requests(&mut self) {
        for _ in 0..100 {
            let effects = std::mem::take(&mut self.effects);
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::LoadTopics => self.send(Event::TopicsLoaded(Ok(topics()))),
                    Effect::LoadPage { generation, query, .. } => {
                        let result = Ok((
                            BookPage {
                                books: answer(&query),
                                next: None,
                            },
                            Some(Seq(40)),
                        ));
                        self.send(Event::PageLoaded { generation, result });
                    }
                    _ => {}
                }
            }
        }
        panic!("the shop sent more than 100 rounds of requests");
    }

    pub(crate) fn moved(&mut self, item: u64, stock: u64, change: i64, seq: u64) {
        let at = self.now().wall;
        let moved = StockEvent {
            seq: Seq(seq),
            item: number(item),
            stock: Stock::try_from(stock).unwrap(),
            change,
            at,
        };
        self.send(Event::Stream(StreamEvent::StockChanged(moved)));
    }

    /// The orders sent so far, and whether each was sent before.
    pub(crate) fn sent(&self) -> Vec<(OrderId, bool)> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Buy { placed, resend } => Some((placed.order, *resend)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn page_effect(&self, kind: ListingKind) -> Option<(u64, Query)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::LoadPage {
                generation,
                kind: asked,
                query,
                ..
            } if *asked == kind => Some((*generation, query.clone())),
            _ => None,
        })
    }

    /// Draws one frame.
    pub(crate) fn draw(&mut self) -> Buffer {
        self.draw_in(&Appearance::new(Theme::Dark, false, false))
    }

    pub(crate) fn draw_in(&mut self, look: &Appearance) -> Buffer {
        let (columns, rows) = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut view = None;
        terminal
            .draw(|frame| view = Some(ui::draw(frame, &self.app, look, None)))
            .unwrap();
        self.send(Event::FrameDrawn(view.unwrap()));
        terminal.backend().buffer().clone()
    }

    pub(crate) fn screen(&mut self) -> String {
        text(&self.draw())
    }
}

/// The characters of a frame.
pub(crate) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(tui::format::width(symbol)).unwrap().max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// One letter for each cell's style, with a legend.
pub(crate) fn styles(buffer: &Buffer) -> String {
    let mut legend: Vec<(String, char)> = Vec::new();
    let mut letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".chars();
    let mut map = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let plain = cell.fg == ratatui::style::Color::Reset && cell.modifier.is_empty();
            if plain && cell.bg == ratatui::style::Color::Reset {
                line.push(if cell.symbol() == " " { ' ' } else { '.' });
                continue;
            }
            let style = format!("{:?} on {:?} {:?}", cell.fg, cell.bg, cell.modifier);
            let letter = match legend.iter().find(|(known, _)| *known == style) {
                Some((_, letter)) => *letter,
                None => {
                    let letter = letters.next().unwrap();
                    legend.push((style, letter));
                    letter
                }
            };
            line.push(letter);
        }
        map.push_str(line.trim_end());
        map.push('\n');
    }
    for (style, letter) in legend {
        map.push_str(&format!("{letter}: {style}\n"));
    }
    map
}

pub(crate) fn number(item: u64) -> ItemNumber {
    ItemNumber::try_from(item).unwrap()
}

pub(crate) fn order(number: u64) -> OrderId {
    format!("0190b6d5-7f3c-7cc0-8000-{number:012x}").parse().unwrap()
}

pub(crate) fn book(item: u64, title: &str, author: Option<&str>, topic: &str, cents: u64, stock: u64) -> Book {
    Book {
        item: number(item),
        title: title.into(),
        author: author.map(Into::into),
        topic: topic.into(),
        cost: Cost::try_from(cents).unwrap(),
        stock: Stock::try_from(stock).unwrap(),
        seq: Seq(item),
    }
}

pub(crate) fn catalog() -> Vec<Book> {
    let (systems, school, novels) = ("distributed systems", "graduate school", "novels");
    vec![
        book(
            1,
            "How to get a good grade in 677 in 20 minutes a day",
            None,
            systems,
            3_000,
            400,
        ),
        book(2, "RPCs for Dummies", None, systems, 4_000, 500),
        book(
            3,
            "Xen and the Art of Surviving Graduate School",
            None,
            school,
            7_500,
            300,
        ),
        book(
            4,
            "Cooking for the Impatient Graduate Student",
            None,
            school,
            15_000,
            500,
        ),
        book(5, "Middlemarch", Some("George Eliot"), novels, 1_299, 12),
        book(6, "Война и мир", Some("Лев Толстой"), novels, 2_450, 0),
        book(7, "三國演義", Some("羅貫中"), novels, 123_456, 1_250),
        book(8, "Don Quixote", Some("Miguel de Cervantes"), novels, 1_850, 3),
    ]
}

pub(crate) fn topics() -> Topics {
    let count = |topic: &str, books| TopicCount {
        topic: topic.to_owned(),
        books,
    };
    Topics {
        topics: vec![
            count("distributed systems", 2),
            count("graduate school", 2),
            count("novels", 4),
        ],
    }
}

pub(crate) fn answer(query: &Query) -> Vec<Book> {
    let books = catalog().into_iter();
    match query {
        Query::Topic(topic) => books.filter(|book| book.topic == *topic).collect(),
        Query::Words(words) => {
            let words = words.to_lowercase();
            books
                .filter(|book| {
                    book.title
                        .to_lowercase()
                        .split(' ')
                        .any(|word| word.starts_with(&words))
                })
                .collect()
        }
    }
}
