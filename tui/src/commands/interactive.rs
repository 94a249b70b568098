//! The interactive shop: opens its screen at the shop or at the autopilot.

use std::io::{self, IsTerminal};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use super::exit::{Error, Exit};
use super::{autopilot, output};
use crate::app::Screen;
use crate::cli::{AutopilotArgs, Cli, ShopArgs, terminal_can_draw};
use crate::connect::{self, ShopConnection};
use crate::journal;
use crate::runtime::{self, ExitReason, Opened, Options};
use crate::terminal::Signals;
use crate::theme::Appearance;
use crate::ui::autopilot::pane::AutopilotPane;
use ::autopilot::Verdict;
use ::autopilot::controller::{Controller, WatchedRun};

/// Opens the shop in this terminal and returns when the user leaves it.
pub(super) async fn browse(cli: &Cli) -> Result<Exit, Error> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal() && terminal_can_draw()) {
        let advice = "the interactive shop needs a terminal that can show a screen; in scripts use a command such as `bookstore topics` or \
                      `bookstore --json lookup 2` (see `bookstore --help`)";
        return Err(Error::Usage(advice.to_owned()));
    }
    let signals = Signals::listen()?;
    let watched = watch::Sender::default();
    let runs = watched.subscribe();
    let (exit_reason, connection) = run(cli, None, watched, None).await?;
    let result = after_screen(exit_reason, &runs, signals).await;
    if let Some(connection) = connection {
        connection.close().await;
    }
    result
}

/// Ends a run that was started on the screen, and prints its summary.
async fn after_screen(
    exit_reason: Result<ExitReason, runtime::Error>,
    runs: &watch::Receiver<WatchedRun>,
    signals: Signals,
) -> Result<Exit, Error> {
    let exit = match exit_reason? {
        ExitReason::HungUp => Exit::HungUp,
        ExitReason::UserQuit | ExitReason::Interrupted | ExitReason::Completed => Exit::Done,
    };
    let Some(report) = autopilot::end_run(runs, exit == Exit::HungUp, signals).await? else {
        return Ok(exit);
    };
    output::print(&report.summary())?;
    Ok(match report.verdict() {
        Verdict::Violated => Exit::Violation,
        Verdict::Clean | Verdict::Incomplete => exit,
    })
}

/// Opens the shop, and closes it when `exit_when` completes. With the autopilot's arguments it opens at the autopilot, and a
/// run starts as soon as the store is open. Returns how the screen closed, and the connection, which stays open because the run may still go on.
pub(super) async fn run(
    cli: &Cli,
    autopilot: Option<&AutopilotArgs>,
    watched: watch::Sender<WatchedRun>,
    exit_when: Option<BoxFuture<'static, ()>>,
) -> Result<(Result<ExitReason, runtime::Error>, Option<ShopConnection>), Error> {
    // The same for every store.
    let data_folder = journal::data_folder()
        .ok_or_else(|| Error::Usage("no home folder is known; set HOME so that orders can be saved".to_owned()))?;
    let (connected, mut connection) = oneshot::channel();
    let display = cli.display(autopilot.map(|args| &args.display));
    let exit_reason = runtime::run(Options {
        opening: open(cli.shop.clone(), connected, autopilot.cloned(), watched).boxed(),
        appearance: Appearance::new(display.theme, display.ascii, display.reduced_motion),
        mouse: display.mouse,
        keymap: display.keymap,
        data_folder,
        screen: autopilot.map_or(Screen::Shop, |_| Screen::Autopilot),
        exit_when,
    });
    Ok((exit_reason.await, connection.try_recv().ok()))
}

/// Connects, and sends the connection to the task that closes it.
async fn open(
    args: ShopArgs,
    connected: oneshot::Sender<ShopConnection>,
    run: Option<AutopilotArgs>,
    watched: watch::Sender<WatchedRun>,
) -> Result<Opened, connect::Error> {
    let connection = match &run {
        Some(run) => connect::connect_autopilot(&args, run.own_store).await?,
        None => connect::connect(&args).await?,
    };
    let shop = connection.shop.clone();
    // Fails only if the screen has closed meanwhile.
    let _ = connected.send(connection.clone());
    let settings = run.as_ref().map(|run| run.settings.clone()).unwrap_or_default();
    if run.is_some() {
        connect::check_autopilot(&shop, &settings).await?;
    }
    let mut controller = Controller::new(shop, settings, watched);
    if run.is_some() {
        controller.start();
    }
    Ok(Opened {
        connection,
        autopilot: Box::new(AutopilotPane::new(controller)),
    })
}
