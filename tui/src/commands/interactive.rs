//! The interactive shop, opened at the shop or at the autopilot.

use std::future::pending;
use std::io::{self, IsTerminal};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use super::autopilot;
use super::exit::{Error, Exit};
use crate::app::Screen;
use crate::cli::{AutopilotArgs, Cli, Environment, ShopArgs};
use crate::connect::{self, ShopConnection};
use crate::event_forwarder;
use crate::journal::JournalLocation;
use crate::runtime::{self, ExitReason, Opened, Options};
use crate::terminal::Signals;
use crate::theme::Appearance;
use crate::ui::autopilot::pane::AutopilotPane;
use ::autopilot::controller::{Controller, WatchedRun};

/// Opens the shop in this terminal and returns when the user leaves it.
pub(crate) async fn browse(cli: &Cli) -> Result<Exit, Error> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal() && Environment::Process.terminal_can_draw()) {
        let advice = "the interactive shop needs a terminal that can show a screen; in scripts use a command such as `bookstore topics` or \
                      `bookstore --json lookup 2` (see `bookstore --help`)";
        return Err(Error::Usage(advice.to_owned()));
    }
    show(cli, None, Signals::listen()?).await
}

/// Opens the shop. With the autopilot's arguments it opens at the autopilot, and closes when the run ends. Then ends a run that
/// is still active, and prints its report.
pub(crate) async fn show(cli: &Cli, args: Option<&AutopilotArgs>, signals: Signals) -> Result<Exit, Error> {
    let watched = watch::Sender::default();
    let runs = watched.subscribe();
    let exit_when = args.map(|_| run_ended(runs.clone()).boxed());
    let (exit_reason, connection) = run(cli, args, watched, exit_when).await?;
    let result = after_screen(exit_reason, &runs, args, cli, signals).await;
    if let Some(connection) = connection {
        connection.close().await;
    }
    result
}

async fn after_screen(
    exit_reason: Result<ExitReason, runtime::Error>,
    runs: &watch::Receiver<WatchedRun>,
    args: Option<&AutopilotArgs>,
    cli: &Cli,
    signals: Signals,
) -> Result<Exit, Error> {
    let exit = match exit_reason? {
        ExitReason::HungUp => Exit::HungUp,
        ExitReason::Interrupted if args.is_some() => Exit::Interrupted,
        ExitReason::UserQuit | ExitReason::Interrupted | ExitReason::Completed => Exit::Done,
    };
    match autopilot::end_run(runs, exit == Exit::HungUp, signals).await? {
        Some(report) => {
            let html = args.and_then(|args| args.html.as_deref());
            autopilot::print_report((exit, report), html, cli.shop.json).await
        }
        // No run was started, or the user left before the store was open.
        None => Ok(exit),
    }
}

/// Completes when a run ends by itself; a run that a key stopped stays on the screen.
async fn run_ended(mut runs: watch::Receiver<WatchedRun>) {
    loop {
        let WatchedRun { run, stopped } = runs.borrow_and_update().clone();
        let ended = async {
            match run.filter(|_| !stopped) {
                Some(run) => drop(run.ended().await),
                None => pending().await,
            }
        };
        tokio::select! {
            // A stop by key must be seen before the end that it causes.
            biased;
            changed = runs.changed() => if changed.is_err() {
                return pending().await;
            },
            () = ended => return,
        }
    }
}

/// Opens the shop, and closes it when `exit_when` completes. With the autopilot's arguments it opens at the autopilot, and a
/// run starts as soon as the store is open. Returns how the screen closed, and the connection, which stays open because the run
/// may still go on.
async fn run(
    cli: &Cli,
    autopilot: Option<&AutopilotArgs>,
    watched: watch::Sender<WatchedRun>,
    exit_when: Option<BoxFuture<'static, ()>>,
) -> Result<(Result<ExitReason, runtime::Error>, Option<ShopConnection>), Error> {
    // All stores share one journal.
    let journal = JournalLocation::of_user()
        .ok_or_else(|| Error::Usage("no home folder is known; set HOME so that orders can be saved".to_owned()))?;
    let (connected, mut connection) = oneshot::channel();
    let display = cli.display(autopilot.map(|args| &args.display), &Environment::Process);
    let exit_reason = runtime::run(Options {
        opening: open(cli.shop.clone(), connected, autopilot.cloned(), watched).boxed(),
        appearance: Appearance::new(display.theme, display.ascii, display.reduced_motion),
        mouse: display.mouse,
        keymap: display.keymap,
        journal,
        is_remote: false,
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
    // Fails only if the screen has closed.
    let _ = connected.send(connection.clone());
    let settings = run.as_ref().map(|run| run.settings.clone()).unwrap_or_default();
    if run.is_some() {
        connect::check_autopilot(&shop, &settings).await?;
    }
    let mut controller = Controller::new(shop, settings, watched);
    if run.is_some() {
        controller.start();
    }
    let followed = connection.clone();
    Ok(Opened {
        connection,
        autopilot: Some(Box::new(AutopilotPane::new(controller))),
        follow: Box::new(|events, reconnect| event_forwarder::forward_events(followed, events, reconnect).boxed()),
    })
}
