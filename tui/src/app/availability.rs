//! Which commands can run now, and why the others cannot.

use super::state::App;
use crate::command::{Command, Screen};

impl Command {
    /// Why the command cannot run now; `None` if it can.
    pub(crate) fn disabled_reason(self, app: &App) -> Option<String> {
        let run = app.autopilot.status;
        let [shop, orders] = [Screen::Shop, Screen::Orders];
        let only_shop = || {
            let names = || {
                format!(
                    "only in {} and {}",
                    app.screen_and_key(shop),
                    app.screen_and_key(orders)
                )
            };
            (app.screen != shop).then(names)
        };
        let only_the_shop = || (app.screen != shop).then(|| format!("only in {}", app.screen_and_key(shop)));
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
            Self::Find => only_shop(),
            Self::Sort | Self::Reverse => {
                only_shop().or_else(|| app.shop.rows.is_empty().then(|| "there is nothing to sort".to_owned()))
            }
            Self::Buy if app.screen == Screen::Orders => {
                app.repeat_disabled_reason().or_else(|| app.buying_disabled_reason())
            }
            Self::Buy => only_shop()
                .or_else(no_book)
                .or_else(|| app.buying_disabled_reason())
                .or_else(none_left),
            Self::Add => only_the_shop()
                .or_else(no_book)
                .or_else(|| app.basket_disabled_reason())
                .or_else(none_left),
            Self::Change => only_the_shop()
                .or_else(|| app.changing_disabled_reason())
                .or_else(no_book),
            Self::AddBook => only_the_shop().or_else(|| app.changing_disabled_reason()),
            Self::Copy => app.copy_text().is_none().then(|| "there is nothing to copy".to_owned()),
            Self::Reconnect if app.connection.store_closed.is_some() => Some("the shop's store is closed".to_owned()),
            Self::Reconnect => app.connection.is_live().then(|| "it is connected".to_owned()),
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
    /// A screen as sentences name it, with the key that opens it: `Orders (2)`.
    pub(super) fn screen_and_key(&self, screen: Screen) -> String {
        format!("{} ({})", screen.name(), self.keymap.first_key(Command::Go(screen)))
    }
}
