//! The interactive shop's door: on its first screen, or at the autopilot.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use futures::future::BoxFuture;

use crate::app::Screen;
use crate::autopilot::Settings;
use crate::autopilot::cockpit::Cockpit;
use crate::autopilot::pane::AutopilotPane;
use crate::cli::Cli;
use crate::commands::{Error, Exit};
use crate::place::{self, Place};
use crate::runtime::{self, Left, Options};

/// Opens the shop in this terminal and stays until the customer leaves.
///
/// # Errors
/// [`Error::Usage`] where there is no terminal.
pub async fn open(cli: &Cli) -> Result<Exit, Error> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let advice = "the shop needs a terminal; for scripts there are commands, like `bookstore topics` and \
                      `bookstore --json lookup 2` (see `bookstore --help`)";
        return Err(Error::Usage(advice.to_owned()));
    }
    let data_folder = data_folder()?;
    let place = place::find(cli).await?;
    let cockpit = Cockpit::new(place.shop.clone(), Settings::default());
    let left = runtime::run(Options {
        notices: place.note.iter().cloned().collect(),
        ..options(&place, cli, data_folder, cockpit)
    })
    .await;
    place.leave().await;
    left?;
    Ok(Exit::Done)
}

/// Opens the shop at the autopilot; it is left by itself when `leave` is done.
///
/// # Errors
/// The terminal's.
pub async fn fly(place: &Place, cli: &Cli, cockpit: Cockpit, leave: BoxFuture<'static, ()>) -> Result<Left, Error> {
    let left = runtime::run(Options {
        screen: Screen::Autopilot,
        leave: Some(leave),
        ..options(place, cli, data_folder()?, cockpit)
    });
    Ok(left.await?)
}

fn options(place: &Place, cli: &Cli, data_folder: PathBuf, cockpit: Cockpit) -> Options {
    Options {
        shop: place.shop.clone(),
        place: place.name.clone(),
        ended: place.ended(),
        theme: cli.look.theme(),
        ascii: cli.look.ascii,
        reduced_motion: cli.look.reduced_motion,
        mouse: !cli.look.no_mouse,
        keymap: cli.look.keymap.clone(),
        data_folder,
        screen: Screen::Shop,
        notices: Vec::new(),
        leave: None,
        autopilot: Some(Box::new(AutopilotPane::new(cockpit))),
    }
}

/// Where the orders are kept: in the user's data folder, whatever shop they were placed at.
fn data_folder() -> Result<PathBuf, Error> {
    let folders = etcetera::choose_base_strategy()
        .map_err(|_| Error::Usage("no home folder is known, where the orders are to be kept".to_owned()))?;
    Ok(folders.data_dir().join("bookstore"))
}
