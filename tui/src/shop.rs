//! The interactive shop's door: on its first screen, or at the autopilot.

use std::future::ready;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::app::Screen;
use crate::autopilot::Settings;
use crate::autopilot::cockpit::Cockpit;
use crate::autopilot::pane::AutopilotPane;
use crate::cli::Cli;
use crate::commands::{Error, Exit};
use crate::place::{self, Place};
use crate::runtime::{self, Left, Opened, Opening, Options};

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
    let (keep, mut kept) = oneshot::channel();
    let mine = cli.clone();
    let opening = async move {
        let place = place::find(&mine).await?;
        let opened = opened(&place, Cockpit::new(place.shop.clone(), Settings::default()));
        // Nobody keeps it only when the shop was left meanwhile.
        let _ = keep.send(place);
        Ok(opened)
    };
    let left = runtime::run(options(opening.boxed(), cli, data_folder)).await;
    if let Ok(place) = kept.try_recv() {
        place.leave().await;
    }
    left?;
    Ok(Exit::Done)
}

/// Opens the shop at the autopilot; it is left by itself when `leave` is done.
///
/// # Errors
/// The terminal's.
pub async fn fly(place: &Place, cli: &Cli, cockpit: Cockpit, leave: BoxFuture<'static, ()>) -> Result<Left, Error> {
    let opened = Opened {
        // The command line has told it already.
        notices: Vec::new(),
        ..opened(place, cockpit)
    };
    let left = runtime::run(Options {
        screen: Screen::Autopilot,
        leave: Some(leave),
        ..options(ready(Ok(opened)).boxed(), cli, data_folder()?)
    });
    Ok(left.await?)
}

fn opened(place: &Place, cockpit: Cockpit) -> Opened {
    Opened {
        shop: place.shop.clone(),
        place: place.name.clone(),
        ended: place.ended(),
        notices: place.note.iter().cloned().collect(),
        autopilot: Some(Box::new(AutopilotPane::new(cockpit))),
    }
}

fn options(opening: Opening, cli: &Cli, data_folder: PathBuf) -> Options {
    Options {
        opening,
        theme: cli.look.theme(),
        ascii: cli.look.ascii,
        reduced_motion: cli.look.reduced_motion,
        mouse: !cli.look.no_mouse,
        keymap: cli.look.keymap.clone(),
        data_folder,
        screen: Screen::Shop,
        leave: None,
    }
}

/// Where the orders are kept: in the user's data folder, whatever shop they were placed at.
fn data_folder() -> Result<PathBuf, Error> {
    let folders = etcetera::choose_base_strategy()
        .map_err(|_| Error::Usage("no home folder is known, where the orders are to be kept".to_owned()))?;
    Ok(folders.data_dir().join("bookstore"))
}
