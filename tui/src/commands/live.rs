//! The autopilot with a screen: the shop, opened where the shoppers are.

use std::future::pending;

use futures::FutureExt as _;
use tokio::sync::watch;

use super::load::{Ended, wind_up};
use super::{Error, Interrupt};
use crate::autopilot::cockpit::{Cockpit, Watched};
use crate::autopilot::{Handle, Phase, Settings};
use crate::cli::Cli;
use crate::place::Place;
use crate::runtime::Left;
use crate::shop;

/// Shows a run until it ends or the customer leaves.
pub(super) async fn run(
    place: &Place,
    settings: Settings,
    cli: &Cli,
    mut interrupt: Interrupt,
) -> Result<Ended, Error> {
    let mut cockpit = Cockpit::new(place.shop.clone(), settings);
    cockpit.start();
    let runs = cockpit.watch();
    let left = shop::fly(place, cli, cockpit, ended(runs.clone()).boxed()).await?;
    // The screen is gone: whoever presses Ctrl-C now sends a signal. One that closed the screen has done its work.
    let _ = interrupt.wait().now_or_never();
    let interrupted = left == Left::Interrupted;
    let Some(run) = runs.borrow().run.clone() else {
        return Err(crate::autopilot::Error::Lost.into());
    };
    if run.snapshot().phase == Phase::Ended {
        return Ok((interrupted, run.ended().await?));
    }
    Ok((interrupted, wind_up(&run, interrupt).await?))
}

/// Waits until a run ends by itself: one that a key stopped stays on the screen.
async fn ended(mut runs: watch::Receiver<Watched>) {
    loop {
        let Watched { run, stopped } = runs.borrow_and_update().clone();
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
