//! Which commands and dialogs are available, and why others are not.

use super::buy_dialog::{BuyDialog, Goods};
use super::remote_data::LoadState;
use super::state::App;
use crate::command::{Command, Screen};

impl Command {
    /// Why the command cannot run now; `None` if it can.
    pub(crate) fn disabled_reason(self, app: &App) -> Option<String> {
        let run = app.autopilot.status;
        let [shop, orders] = [Screen::Shop, Screen::Orders];
        let only_shop_or_orders = || {
            let names = || {
                format!(
                    "only in {} and {}",
                    app.screen_and_key(shop),
                    app.screen_and_key(orders)
                )
            };
            (app.screen != shop).then(names)
        };
        let only_shop = || (app.screen != shop).then(|| format!("only in {}", app.screen_and_key(shop)));
        let no_book = || app.visible_book().is_none().then(|| "choose a book first".to_owned());
        let none_left = || {
            let book = app.visible_book()?;
            (app.books.stock(book) == Some(0)).then(|| "none are left".to_owned())
        };
        let only_autopilot = || match &app.autopilot.available {
            _ if app.screen != Screen::Autopilot => Some(format!("only in {}", app.screen_and_key(Screen::Autopilot))),
            available => available.clone().err(),
        };
        match self {
            Self::Go(Screen::Autopilot) => app.autopilot.available.clone().err(),
            Self::Start => only_autopilot().or_else(|| run.stopping.then(|| "it is being stopped".to_owned())),
            Self::Pause => only_autopilot().or_else(|| (!run.running).then(|| "no run is active".to_owned())),
            Self::Fewer | Self::More => only_autopilot(),
            Self::Find | Self::Sort | Self::Reverse if app.screen == Screen::Orders => {
                app.orders.list.is_empty().then(|| "there are no orders".to_owned())
            }
            Self::Find => only_shop_or_orders(),
            Self::Sort | Self::Reverse => only_shop_or_orders()
                .or_else(|| app.shop.rows.is_empty().then(|| "there is nothing to sort".to_owned())),
            Self::Buy if app.screen == Screen::Orders => {
                app.repeat_disabled_reason().or_else(|| app.buying_disabled_reason())
            }
            Self::Buy => only_shop_or_orders()
                .or_else(no_book)
                .or_else(|| app.buying_disabled_reason())
                .or_else(none_left),
            Self::Add => only_shop()
                .or_else(no_book)
                .or_else(|| app.basket_disabled_reason())
                .or_else(none_left),
            Self::Change => only_shop().or_else(|| app.changing_disabled_reason()).or_else(no_book),
            Self::AddBook => only_shop().or_else(|| app.changing_disabled_reason()),
            Self::Copy => app.copy_text().is_none().then(|| "there is nothing to copy".to_owned()),
            Self::Reconnect if app.connection.store_closed.is_some() => Some("the shop's store is closed".to_owned()),
            Self::Reconnect => app.connection.is_live().then(|| "the connection is live".to_owned()),
            Self::Freeze | Self::Longer | Self::Shorter | Self::All | Self::Expand => match app.screen {
                Screen::Autopilot => (!run.has_run).then(|| "there is no chart yet".to_owned()),
                Screen::Shop if self == Self::Freeze => None,
                Screen::Shop => no_book(),
                _ => {
                    let [shop, autopilot] = [Screen::Shop, Screen::Autopilot].map(|screen| app.screen_and_key(screen));
                    Some(format!("only in {shop} and {autopilot}"))
                }
            },
            Self::Suspend if app.connection.is_remote => Some("the shop runs on another machine".to_owned()),
            Self::Go(_)
            | Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::First
            | Self::Last
            | Self::PageUp
            | Self::PageDown
            | Self::NextPane
            | Self::PaneBefore
            | Self::Open
            | Self::Close
            | Self::Basket
            | Self::Commands
            | Self::Help
            | Self::Messages
            | Self::Refresh
            | Self::Back
            | Self::Suspend
            | Self::Redraw
            | Self::Quit => None,
        }
    }
}

impl App {
    /// The screen's name in sentences, with the key that opens it: `Orders (2)`.
    pub(super) fn screen_and_key(&self, screen: Screen) -> String {
        format!("{} ({})", screen.name(), self.keymap.first_key(Command::Go(screen)))
    }

    /// Why the selected order cannot be placed again; `None` if it can.
    pub(super) fn repeat_disabled_reason(&self) -> Option<String> {
        let Some(purchase) = self.orders.selected() else {
            return Some("choose an order first".to_owned());
        };
        // In another store, the same number may be another book.
        let is_elsewhere = match (purchase.sent.store, self.connection.store) {
            (Some(placed), Some(connected)) => placed != connected,
            _ => purchase.sent.shop != self.connection.shop_name,
        };
        match purchase.sent.lines.len() {
            _ if is_elsewhere => Some("it was placed in another store".to_owned()),
            0 | 1 => None,
            _ => self.basket_disabled_reason(),
        }
    }

    /// Why the dialog's order cannot be sent; `None` if it can.
    pub(crate) fn buy_disabled_reason(&self, dialog: &BuyDialog) -> Option<String> {
        let Goods::Book { item, copies, loading } = &dialog.goods else {
            return self.checkout_disabled_reason();
        };
        if let Some(why) = self.buying_disabled_reason() {
            return Some(why);
        }
        if self.orders.journal.state != LoadState::Ready {
            return Some("earlier orders are still being read".to_owned());
        }
        if *loading {
            return Some("the book is still being loaded".to_owned());
        }
        if self.books.get(*item).is_none() {
            return Some("the book has left the catalog".to_owned());
        }
        match self.books.stock(*item) {
            Some(0) => Some("none are left".to_owned()),
            Some(stock) if stock < copies.quantity.get() => Some(format!("only {stock} left")),
            _ => None,
        }
    }

    /// Why nothing can be bought; `None` if something can.
    pub(super) fn buying_disabled_reason(&self) -> Option<String> {
        if self.connection.store_closed.is_some() {
            return Some("the shop's store is closed".to_owned());
        }
        match &self.orders.journal.state {
            LoadState::Failed { why, .. } => Some(format!("orders cannot be saved: {why}")),
            _ => None,
        }
    }

    /// Why nothing can be added to the basket; `None` if something can.
    pub(super) fn basket_disabled_reason(&self) -> Option<String> {
        self.basket.available.clone().err()
    }

    /// Why the basket cannot be bought; `None` if it can.
    pub(crate) fn checkout_disabled_reason(&self) -> Option<String> {
        if let Some(why) = self.buying_disabled_reason().or_else(|| self.basket_disabled_reason()) {
            return Some(why);
        }
        if self.basket.lines().is_empty() {
            return Some("the basket is empty".to_owned());
        }
        if self.orders.journal.state != LoadState::Ready {
            return Some("earlier orders are still being read".to_owned());
        }
        if self.basket.order().is_some() {
            return Some("its order is still pending".to_owned());
        }
        self.basket.obstacle(&self.books).map(str::to_owned)
    }

    /// Why nothing can be changed here; `None` if something can.
    pub(crate) fn changing_disabled_reason(&self) -> Option<String> {
        if !self.connection.is_shopkeeper {
            return Some("it needs the shopkeeper's token, see --token".to_owned());
        }
        let is_closed = self.connection.store_closed.is_some();
        is_closed.then(|| "the shop's store is closed".to_owned())
    }
}
