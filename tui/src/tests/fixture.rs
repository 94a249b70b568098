//! A shop with fixed books, a fixed clock and no network.

use std::time::Duration;

use common::client::{Error, ShopEvent, StreamItem};
use common::wire::{BookPage, Hello, Receipt, StockEvent};
use common::{Epoch, OrderId, Seq, Stock, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::catalog::{STORE, URL, answer, number, order, unreachable};
use crate::app::{App, Screen, update};
use crate::basket_file::SavedBasket;
use crate::effect::{Effect, Query, Request};
use crate::input::InputEvent;
use crate::journal::{JournalContents, SentOrder};
use crate::keymap::Chord;
use crate::message::{Event, Message};
use crate::now::Now;
use crate::theme::{Appearance, Theme};
use crate::ui::{self, ScreenView};

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
        let mut app = App::new(Screen::Shop);
        app.connection.shop_name = "own store".to_owned();
        app.connection.url = URL.to_owned();
        app.autopilot.available = Err("not part of this shop".to_owned());
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
        shop.read_basket(1, SavedBasket::default());
        shop.answer_requests();
        shop
    }

    /// A connected shop whose first book is selected.
    pub(crate) fn at_books() -> Self {
        let mut shop = Self::stocked(100, 30);
        shop.press("Enter");
        shop.effects.clear();
        shop
    }

    pub(crate) fn connect(&mut self) {
        self.connect_to(STORE, 40);
    }

    /// The file of the basket was read.
    pub(crate) fn read_basket(&mut self, generation: u64, basket: SavedBasket) {
        self.send(Event::BasketRead {
            store: STORE.parse().unwrap(),
            generation,
            result: Ok(basket),
        });
    }

    /// The stream connects to a store whose last entry is `seq`.
    pub(crate) fn connect_to(&mut self, store: &str, seq: u64) {
        let store = store.parse().unwrap();
        self.stream(StreamItem::Connected {
            hello: Hello {
                seq: Seq(seq),
                store,
                epoch: Epoch::FIRST,
            },
            after: None,
            store_changed: false,
        });
    }

    /// The stream fails to connect.
    pub(crate) fn disconnect(&mut self) {
        self.stream(StreamItem::Disconnected {
            error: unreachable(),
            attempt: 2,
            retry_in: Duration::from_millis(2_400),
        });
    }

    pub(crate) fn stream(&mut self, item: StreamItem<ShopEvent>) {
        self.send(Event::Stream(item));
    }

    pub(crate) fn send(&mut self, event: Event) {
        self.keys += 1;
        self.app.orders.next_order_id.get_or_insert_with(|| order(self.keys));
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

    /// Presses keys, as the help writes them, one after the other.
    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let chord: Chord = key.parse().unwrap();
            self.send(Event::Input(InputEvent::Key(chord.into())));
        }
    }

    /// Types a word, one character after the other.
    pub(crate) fn typed(&mut self, word: &str) {
        for c in word.chars() {
            self.press(c.encode_utf8(&mut [0; 4]));
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
                let Effect::Send(request) = effect else { continue };
                if let Some(event) = answer(&request) {
                    self.send(event);
                }
            }
        }
        panic!("the shop sent more than 100 rounds of requests");
    }

    /// Answers the request of a listing with books that were read at `seq`.
    pub(crate) fn answer_page(&mut self, generation: u64, page: Result<BookPage, Error>, seq: u64) {
        let result = page.map(|page| (page, Some(Seq(seq))));
        self.send(Event::PageLoaded { generation, result });
    }

    pub(crate) fn moved(&mut self, item: u64, stock: u64, change: i64, seq: u64) {
        let at = self.now().wall;
        self.stream(StreamItem::Event(ShopEvent::Stock(StockEvent {
            seq: Seq(seq),
            item: number(item),
            stock: Stock::try_from(stock).unwrap(),
            change,
            at,
        })));
    }

    /// Buys a copy of the selected book; returns the order's id.
    pub(crate) fn confirm_order(&mut self) -> OrderId {
        self.press("b y");
        let (order, _) = *self.sent().last().unwrap();
        order
    }

    pub(crate) fn answer_buy(&mut self, order: OrderId, result: Result<Receipt, Error>) {
        self.send(Event::BuyCompleted { order, result });
    }

    pub(crate) fn answer_lookup(&mut self, order: OrderId, result: Result<Receipt, Error>) {
        self.send(Event::OrderLoaded { order, result });
    }

    /// The orders sent so far, and whether each was sent before.
    pub(crate) fn sent(&self) -> Vec<(OrderId, bool)> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send(Request::Buy { sent, resend, .. }) => Some((sent.order, *resend)),
                _ => None,
            })
            .collect()
    }

    /// The newest order that was sent.
    pub(crate) fn last_order(&self) -> SentOrder {
        let mut effects = self.effects.iter().rev();
        let order = effects.find_map(|effect| match effect {
            Effect::Send(Request::Buy { sent, .. }) => Some(sent.clone()),
            _ => None,
        });
        order.unwrap()
    }

    /// The basket as it was written last.
    pub(crate) fn written_basket(&self) -> SavedBasket {
        let mut effects = self.effects.iter().rev();
        let change = effects.find_map(|effect| match effect {
            Effect::SaveBasket(change) => Some(change),
            Effect::Send(Request::Buy { basket, .. }) => basket.as_ref(),
            _ => None,
        });
        change.unwrap().basket.clone()
    }

    /// The newest request for books of the selected topic.
    pub(crate) fn topic_request(&self) -> Option<(u64, Query)> {
        self.page_request(|query| matches!(query, Query::Topic(_)))
    }

    /// Selects the next topic; returns the request for its books.
    pub(crate) fn topic_request_after_down(&mut self) -> (u64, Query) {
        self.press("Down");
        self.topic_request().unwrap()
    }

    /// The newest request for books of the search.
    pub(crate) fn search_request(&self) -> Option<(u64, Query)> {
        self.page_request(|query| matches!(query, Query::Search(_)))
    }

    fn page_request(&self, wanted: impl Fn(&Query) -> bool) -> Option<(u64, Query)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Send(Request::Page { generation, query, .. }) if wanted(query) => {
                Some((*generation, query.clone()))
            }
            _ => None,
        })
    }

    /// Draws one frame.
    pub(crate) fn draw(&mut self) -> Buffer {
        self.draw_in(&Appearance::new(Theme::Dark, false, false))
    }

    pub(crate) fn draw_in(&mut self, appearance: &Appearance) -> Buffer {
        self.draw_frame(appearance, None)
    }

    /// Draws one frame, with a run on the autopilot's screen.
    pub(crate) fn draw_in_view(
        &mut self,
        appearance: &Appearance,
        view: &mut (dyn ScreenView + Send + 'static),
    ) -> Buffer {
        self.draw_frame(appearance, Some(view))
    }

    fn draw_frame(&mut self, appearance: &Appearance, view: Option<&mut (dyn ScreenView + Send + 'static)>) -> Buffer {
        let (columns, rows) = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut layout = None;
        terminal
            .draw(|frame| layout = Some(ui::draw(frame, &self.app, appearance, view)))
            .unwrap();
        self.send(Event::FrameDrawn(layout.unwrap()));
        terminal.backend().buffer().clone()
    }

    pub(crate) fn screen(&mut self) -> String {
        text(&self.draw())
    }

    pub(crate) fn assert_shows(&mut self, text: &str) {
        let screen = self.screen();
        assert!(screen.contains(text), "no {text:?} in\n{screen}");
    }

    pub(crate) fn assert_hides(&mut self, text: &str) {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} in\n{screen}");
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
            x += u16::try_from(crate::format::width(symbol)).unwrap().max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
