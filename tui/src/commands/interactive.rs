//! The interactive shop: opens its screen at the shop or at the autopilot.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use common::client::ShopClient;
use etcetera::BaseStrategy as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use super::exit::{Error, Exit};
use crate::app::Screen;
use crate::cli::{Cli, ShopArgs};
use crate::connect::{self, StoreConnection};
use crate::runtime::{self, ExitReason, Opened, Opening, Options};
use crate::ui::autopilot::pane::AutopilotPane;
use autopilot::Settings;
use autopilot::controller::{Controller, WatchedRun};

/// Opens the shop in this terminal and returns when the user leaves it.
///
/// # Errors
/// [`Error::Usage`] without a terminal.
pub(super) async fn browse(cli: &Cli) -> Result<Exit, Error> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let advice = "the interactive shop needs a terminal; in scripts use a command such as `bookstore topics` or \
                      `bookstore --json lookup 2` (see `bookstore --help`)";
        return Err(Error::Usage(advice.to_owned()));
    }
    let (connected, connection) = oneshot::channel();
    let shop_args = cli.shop.clone();
    let opening = async move {
        let (opened, shop) = open(&shop_args, connected).await?;
        Ok(with_autopilot(
            opened,
            Controller::new(shop, Settings::default(), watch::Sender::default()),
        ))
    };
    let exit_reason = runtime::run(options(opening.boxed(), cli, data_folder()?)).await;
    if let Some(connection) = received(connection) {
        connection.close().await;
    }
    Ok(match exit_reason? {
        ExitReason::HungUp => Exit::HungUp,
        ExitReason::UserQuit | ExitReason::Interrupted | ExitReason::Completed => Exit::Done,
    })
}

/// Opens the shop at the autopilot, starts a run as soon as the store is open, and closes the screen when `exit_when` completes.
/// Returns how the screen closed, and the connection, which stays open because the run may still go on.
///
/// # Errors
/// [`Error::Usage`] without a home folder.
pub(super) async fn autopilot(
    settings: &Settings,
    cli: &Cli,
    watched: watch::Sender<WatchedRun>,
    exit_when: BoxFuture<'static, ()>,
) -> Result<(Result<ExitReason, runtime::Error>, Option<StoreConnection>), Error> {
    let (connected, connection) = oneshot::channel();
    let (shop_args, settings) = (cli.shop.clone(), settings.clone());
    let opening = async move {
        let (opened, shop) = open(&shop_args, connected).await?;
        connect::check_autopilot(&shop, &settings).await?;
        let mut controller = Controller::new(shop, settings, watched);
        controller.start();
        Ok(with_autopilot(opened, controller))
    };
    let exit_reason = runtime::run(Options {
        screen: Screen::Autopilot,
        exit_when: Some(exit_when),
        ..options(opening.boxed(), cli, data_folder()?)
    });
    Ok((exit_reason.await, received(connection)))
}

/// Connects, and sends the connection to the task that closes it.
async fn open(
    args: &ShopArgs,
    connected: oneshot::Sender<StoreConnection>,
) -> Result<(Opened, ShopClient), connect::Error> {
    let connection = connect::connect(args).await?;
    let shop = connection.shop.clone();
    let opened = Opened {
        shop: shop.clone(),
        store_name: connection.name.clone(),
        store_closed: connection.store_closed(),
        notices: connection.note.iter().cloned().collect(),
        autopilot: None,
    };
    // Fails only if the screen has closed meanwhile.
    let _ = connected.send(connection);
    Ok((opened, shop))
}

fn with_autopilot(opened: Opened, controller: Controller) -> Opened {
    Opened {
        autopilot: Some(Box::new(AutopilotPane::new(controller))),
        ..opened
    }
}

fn received(mut connection: oneshot::Receiver<StoreConnection>) -> Option<StoreConnection> {
    connection.try_recv().ok()
}

fn options(opening: Opening, cli: &Cli, data_folder: PathBuf) -> Options {
    Options {
        opening,
        theme: cli.display.theme(),
        ascii: cli.display.ascii,
        reduced_motion: cli.display.reduced_motion,
        mouse: !cli.display.no_mouse,
        keymap: cli.display.keymap.clone(),
        data_folder,
        screen: Screen::Shop,
        exit_when: None,
    }
}

/// Where the journal of orders is: in the user's data folder, the same for every store.
fn data_folder() -> Result<PathBuf, Error> {
    let folders = etcetera::choose_base_strategy()
        .map_err(|_| Error::Usage("no home folder is known; set HOME so that orders can be saved".to_owned()))?;
    Ok(folders.data_dir().join("bookstore"))
}
