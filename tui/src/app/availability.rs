//! Which commands can run now, and why the others cannot.

use super::state::App;
use crate::command::Command;
use crate::screen::Screen;

impl Command {
    /// Why it cannot run now, if it cannot.
    pub fn disabled_reason(self, app: &App) -> Option<String> {
        let only_shop = || (app.screen != Screen::Shop).then(|| "only in the shop (1)".to_owned());
        let only_with_book =
            || only_shop().or_else(|| app.visible_book().is_none().then(|| "choose a book first".to_owned()));
        let only_flying = || match &app.autopilot.available {
            _ if app.screen != Screen::Autopilot => Some("only at the autopilot (3)".to_owned()),
            Ok(()) => None,
            Err(why) => Some(why.clone()),
        };
        let nobody = |why: &str| (!app.autopilot.status.running).then(|| why.to_owned());
        match self {
            Self::Go(Screen::Autopilot) => app.autopilot.available.clone().err(),
            Self::StartStop => {
                only_flying().or_else(|| app.autopilot.status.stopping.then(|| "it is being stopped".to_owned()))
            }
            Self::Pause => only_flying().or_else(|| nobody("nobody shops")),
            Self::Fewer | Self::More => only_flying(),
            Self::Freeze | Self::Longer | Self::Shorter | Self::Whole | Self::Expand
                if app.screen == Screen::Autopilot =>
            {
                (!app.autopilot.status.has_run).then(|| "there is no chart yet".to_owned())
            }
            Self::Find => only_shop(),
            Self::Sort | Self::Reverse => {
                only_shop().or_else(|| app.shop.rows.is_empty().then(|| "there is nothing to sort".to_owned()))
            }
            Self::Buy => only_with_book().or_else(|| app.cannot_buy()).or_else(|| {
                let book = app.visible_book()?;
                (app.books.stock(book) == Some(0)).then(|| "none are left".to_owned())
            }),
            Self::Copy => app.copied().is_none().then(|| "there is nothing to copy".to_owned()),
            Self::Reconnect if app.connection.store_closed.is_some() => Some("the shop's store is closed".to_owned()),
            Self::Reconnect if app.connection.is_live() => Some("it is connected".to_owned()),
            Self::Freeze | Self::Longer | Self::Shorter | Self::Whole | Self::Expand if app.screen != Screen::Shop => {
                Some("only in the shop (1) and at the autopilot (3)".to_owned())
            }
            Self::Longer | Self::Shorter | Self::Whole | Self::Expand => only_with_book(),
            _ => None,
        }
    }
}
