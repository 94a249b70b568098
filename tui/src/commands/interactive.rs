//! The interactive shop: opens its screen at the shop or at the autopilot.

use std::io::{self, IsTerminal};

use etcetera::BaseStrategy as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use super::exit::{Error, Exit};
use crate::app::Screen;
use crate::cli::{Cli, ShopArgs};
use crate::connect::{self, ShopConnection};
use crate::runtime::{self, ExitReason, Opened, Options};
use crate::theme::Appearance;
use crate::ui::autopilot::pane::AutopilotPane;
use autopilot::Settings;
use autopilot::controller::{Controller, WatchedRun};

/// Opens the shop in this terminal and returns when the user leaves it.
pub(super) async fn browse(cli: &Cli) -> Result<Exit, Error> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let advice = "the interactive shop needs a terminal; in scripts use a command such as `bookstore topics` or \
                      `bookstore --json lookup 2` (see `bookstore --help`)";
        return Err(Error::Usage(advice.to_owned()));
    }
    let (exit_reason, connection) = run(cli, Screen::Shop, Settings::default(), watch::Sender::default(), None).await?;
    if let Some(connection) = connection {
        connection.close().await;
    }
    Ok(match exit_reason? {
        ExitReason::HungUp => Exit::HungUp,
        ExitReason::UserQuit | ExitReason::Interrupted | ExitReason::Completed => Exit::Done,
    })
}

/// Opens the shop at a screen, and closes it when `exit_when` completes. At the autopilot a run starts as soon as the store
/// is open. Returns how the screen closed, and the connection, which stays open because the run may still go on.
pub(super) async fn run(
    cli: &Cli,
    screen: Screen,
    settings: Settings,
    watched: watch::Sender<WatchedRun>,
    exit_when: Option<BoxFuture<'static, ()>>,
) -> Result<(Result<ExitReason, runtime::Error>, Option<ShopConnection>), Error> {
    // The same for every store.
    let data_folder = etcetera::choose_base_strategy()
        .map_err(|_| Error::Usage("no home folder is known; set HOME so that orders can be saved".to_owned()))?
        .data_dir()
        .join("bookstore");
    let (connected, mut connection) = oneshot::channel();
    let display = &cli.display;
    let exit_reason = runtime::run(Options {
        opening: open(
            cli.shop.clone(),
            connected,
            settings,
            watched,
            screen == Screen::Autopilot,
        )
        .boxed(),
        appearance: Appearance::new(display.theme(), display.ascii, display.reduced_motion),
        mouse: !display.no_mouse,
        keymap: display.keymap.clone(),
        data_folder,
        screen,
        exit_when,
    });
    Ok((exit_reason.await, connection.try_recv().ok()))
}

/// Connects, and sends the connection to the task that closes it.
async fn open(
    args: ShopArgs,
    connected: oneshot::Sender<ShopConnection>,
    settings: Settings,
    watched: watch::Sender<WatchedRun>,
    starts_run: bool,
) -> Result<Opened, connect::Error> {
    let connection = connect::connect(&args).await?;
    let shop = connection.shop.clone();
    let (shop_name, notice) = (connection.name.clone(), connection.notice.clone());
    let store_closed = connection.store_closed();
    // Fails only if the screen has closed meanwhile.
    let _ = connected.send(connection);
    if starts_run {
        connect::check_autopilot(&shop, &settings).await?;
    }
    let mut controller = Controller::new(shop.clone(), settings, watched);
    if starts_run {
        controller.start();
    }
    Ok(Opened {
        shop,
        shop_name,
        store_closed,
        notice,
        autopilot: Box::new(AutopilotPane::new(controller)),
    })
}
