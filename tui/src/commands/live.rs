//! The autopilot with a screen: the shop, opened where the shoppers are.

use std::future::pending;

use futures::FutureExt as _;
use tokio::sync::watch;

use super::load::{finish, wind_up};
use super::{Error, Exit, Interrupt};
use crate::cli::{AutopilotArgs, Cli};
use crate::runtime::{self, Left};
use crate::shop;
use autopilot::controller::WatchedRun;
use autopilot::{Handle, Phase};

/// Shows a run until it ends or the customer leaves.
pub(super) async fn run(args: &AutopilotArgs, cli: &Cli, mut interrupt: Interrupt) -> Result<Exit, Error> {
    interrupt.heed_hangup()?;
    let watched = watch::Sender::default();
    let runs = watched.subscribe();
    let (left, place) = shop::fly(args, cli, watched, ended(runs.clone()).boxed()).await?;
    let done = land(left, runs, args, cli, interrupt).await;
    if let Some(place) = place {
        place.leave().await;
    }
    done
}

/// Ends the run behind a screen that is gone.
async fn land(
    left: Result<Left, runtime::Error>,
    runs: watch::Receiver<WatchedRun>,
    args: &AutopilotArgs,
    cli: &Cli,
    mut interrupt: Interrupt,
) -> Result<Exit, Error> {
    let exit = match left? {
        Left::Quietly | Left::Done => Exit::Done,
        Left::Interrupted => Exit::Interrupted,
        Left::HungUp => Exit::HungUp,
    };
    // Whoever presses Ctrl-C now sends a signal. One that closed the screen has done its work.
    let _ = interrupt.wait().now_or_never();
    let Some(run) = runs.borrow().run.clone() else {
        // It was left before the store was open.
        return Ok(exit);
    };
    let report = if run.snapshot().phase == Phase::Ended {
        run.ended().await?
    } else if exit == Exit::HungUp {
        // Nobody waits for the audit.
        run.abort();
        run.ended().await?
    } else {
        wind_up(&run, interrupt).await?
    };
    finish((exit, report), args, cli).await
}

/// Waits until a run ends by itself: one that a key stopped stays on the screen.
async fn ended(mut runs: watch::Receiver<WatchedRun>) {
    loop {
        let WatchedRun { run, stopped } = runs.borrow_and_update().clone();
        tokio::select! {
            () = over(run.filter(|_| !stopped)) => return,
            changed = runs.changed() => if changed.is_err() {
                return pending().await;
            },
        }
    }
}

async fn over(run: Option<Handle>) {
    match run {
        // How it ended is asked for again when the screen is gone.
        Some(run) => drop(run.ended().await),
        None => pending().await,
    }
}
