//! The shop's screen: topics, books and one book.

use crate::app::screen_handler::{ScreenHandler, Step};
use crate::app::shop::{Focus, ShopScreen};
use crate::app::state::App;
use crate::command::Command;
use crate::effect::Effect;

pub(in crate::app) struct ShopHandler;

impl ScreenHandler for ShopHandler {
    fn hints(&self, app: &App) -> &'static [Command] {
        if app.shop.focus == Focus::Topics {
            return &[Command::Open, Command::Find, Command::Buy, Command::Refresh];
        }
        &[
            Command::Buy,
            Command::Find,
            Command::Open,
            Command::Sort,
            Command::Copy,
            Command::Freeze,
            Command::Expand,
            Command::Refresh,
        ]
    }

    fn step(&self, app: &mut App, step: Step) -> Vec<Effect> {
        let detail = app.layout.detail;
        if app.shop.focus == Focus::Detail && matches!(step, Step::PageUp | Step::PageDown) {
            app.shop.detail_scroll = step.scroll(app.shop.detail_scroll, detail);
            return Vec::new();
        }
        let (topic_rows, book_rows) = (app.layout.topics.rows, app.layout.books.rows);
        app.with_shop(|shop, shared| match shop.focus {
            Focus::Topics => {
                let topics = shop.topics.value.as_ref().map_or(0, Vec::len);
                shop.open_topic(step.apply(shop.topic, topic_rows, topics), shared)
            }
            Focus::Books | Focus::Detail => {
                let row = step.apply(shop.cursor, book_rows, shop.rows.len());
                if let Step::Last = step {
                    shop.explain_end(shared);
                }
                shop.select_book(row, shared)
            }
        })
    }

    fn can_open(&self, app: &App) -> bool {
        match app.shop.focus {
            Focus::Topics => app.shop.topics.value.as_ref().is_some_and(|topics| !topics.is_empty()),
            Focus::Books => !app.shop.rows.is_empty(),
            Focus::Detail => false,
        }
    }

    fn open(&self, app: &mut App) {
        app.shop.focus = app.shop.focus.next();
    }

    fn can_close(&self, app: &App) -> bool {
        app.shop.search.is_some() || app.shop.focus != Focus::Topics
    }

    fn close(&self, app: &mut App) -> Vec<Effect> {
        if app.shop.focus == Focus::Detail {
            app.shop.focus = Focus::Books;
        } else if app.shop.search.is_some() {
            app.with_shop(ShopScreen::end_search);
        } else {
            app.shop.focus = Focus::Topics;
        }
        Vec::new()
    }

    fn refresh(&self, app: &mut App) -> Vec<Effect> {
        app.with_shop(|shop, shared| shop.refresh(shared))
    }

    fn copy_text(&self, app: &App) -> Option<String> {
        let book = app.books.get(app.visible_book()?)?;
        Some(format!("{} {} {}", book.item, book.title, book.cost))
    }
}
