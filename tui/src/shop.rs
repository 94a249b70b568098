//! The interactive shop's door: on its first screen, or at the autopilot.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use common::client::ShopClient;
use etcetera::BaseStrategy as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use crate::app::Screen;
use crate::cli::{AutopilotArgs, Cli};
use crate::commands::{Error, Exit};
use crate::place::{self, Place};
use crate::runtime::{self, Left, Opened, Opening, Options};
use crate::ui::autopilot::pane::AutopilotPane;
use autopilot::Settings;
use autopilot::controller::{Controller, WatchedRun};

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
    let (keep, kept) = oneshot::channel();
    let mine = cli.clone();
    let opening = async move {
        let (opened, shop) = enter(&mine, keep).await?;
        Ok(with_autopilot(
            opened,
            Controller::new(shop, Settings::default(), watch::Sender::default()),
        ))
    };
    let left = runtime::run(options(opening.boxed(), cli, data_folder()?)).await;
    if let Some(place) = held(kept) {
        place.leave().await;
    }
    Ok(match left? {
        Left::HungUp => Exit::HungUp,
        Left::Quietly | Left::Interrupted | Left::Done => Exit::Done,
    })
}

/// Opens the shop at the autopilot and lets the shoppers in when the store is open; it is left by itself when `leave` is
/// done. How it was left, and the place, which stays open: the run may still go on.
///
/// # Errors
/// [`Error::Usage`] where no home folder is known.
pub async fn fly(
    args: &AutopilotArgs,
    cli: &Cli,
    watched: watch::Sender<WatchedRun>,
    leave: BoxFuture<'static, ()>,
) -> Result<(Result<Left, runtime::Error>, Option<Place>), Error> {
    let (keep, kept) = oneshot::channel();
    let (mine, args) = (cli.clone(), args.clone());
    let opening = async move {
        let (opened, shop) = enter(&mine, keep).await?;
        place::check(&shop, &args).await?;
        let mut controller = Controller::new(shop, args.settings(), watched);
        controller.start();
        Ok(with_autopilot(opened, controller))
    };
    let left = runtime::run(Options {
        screen: Screen::Autopilot,
        leave: Some(leave),
        ..options(opening.boxed(), cli, data_folder()?)
    });
    Ok((left.await, held(kept)))
}

/// Finds the place and hands it to whoever leaves it.
async fn enter(cli: &Cli, keep: oneshot::Sender<Place>) -> Result<(Opened, ShopClient), place::Error> {
    let place = place::find(cli).await?;
    let shop = place.shop.clone();
    let opened = Opened {
        shop: shop.clone(),
        place: place.name.clone(),
        ended: place.ended(),
        notices: place.note.iter().cloned().collect(),
        autopilot: None,
    };
    // Nobody keeps it only when the shop was left meanwhile.
    let _ = keep.send(place);
    Ok((opened, shop))
}

fn with_autopilot(opened: Opened, controller: Controller) -> Opened {
    Opened {
        autopilot: Some(Box::new(AutopilotPane::new(controller))),
        ..opened
    }
}

/// The place, if it was found before the shop was left.
fn held(mut kept: oneshot::Receiver<Place>) -> Option<Place> {
    kept.try_recv().ok()
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
