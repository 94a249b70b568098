//! Which commands can run now, and why the others cannot.

use super::screens::handler;
use super::state::App;
use crate::command::{Command, Screen};

impl Command {
    /// Why the command cannot run now; `None` if it can.
    pub(crate) fn disabled_reason(self, app: &App) -> Option<String> {
        let run = app.autopilot.status;
        let only_shop = || (app.screen != Screen::Shop).then(|| "only in the shop (1)".to_owned());
        let only_with_book =
            || only_shop().or_else(|| app.visible_book().is_none().then(|| "choose a book first".to_owned()));
        let only_autopilot = || match &app.autopilot.available {
            _ if app.screen != Screen::Autopilot => Some("only at the autopilot (3)".to_owned()),
            Ok(()) => None,
            Err(why) => Some(why.clone()),
        };
        match self {
            Self::Go(Screen::Autopilot) => app.autopilot.available.clone().err(),
            Self::StartStop => only_autopilot().or_else(|| run.stopping.then(|| "it is being stopped".to_owned())),
            Self::Pause => only_autopilot().or_else(|| (!run.running).then(|| "no run is active".to_owned())),
            Self::Fewer | Self::More => only_autopilot(),
            _ if self.is_for_charts() && app.screen == Screen::Autopilot => {
                (!run.has_run).then(|| "there is no chart yet".to_owned())
            }
            Self::Find => only_shop(),
            Self::Sort | Self::Reverse => {
                only_shop().or_else(|| app.shop.rows.is_empty().then(|| "there is nothing to sort".to_owned()))
            }
            Self::Buy => only_with_book().or_else(|| app.buying_disabled_reason()).or_else(|| {
                let book = app.visible_book()?;
                (app.books.stock(book) == Some(0)).then(|| "none are left".to_owned())
            }),
            Self::Copy => handler(app.screen)
                .copy_text(app)
                .is_none()
                .then(|| "there is nothing to copy".to_owned()),
            Self::Reconnect if app.connection.store_closed.is_some() => Some("the shop's store is closed".to_owned()),
            Self::Reconnect if app.connection.is_live() => Some("it is connected".to_owned()),
            _ if self.is_for_charts() && app.screen != Screen::Shop => {
                Some("only in the shop (1) and at the autopilot (3)".to_owned())
            }
            Self::Longer | Self::Shorter | Self::Whole | Self::Expand => only_with_book(),
            _ => None,
        }
    }
}
