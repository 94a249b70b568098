//! Controls a run from a screen: start, pause, stop, restart.

use common::client::ShopClient;
use tokio::sync::watch;

use super::settings::SHOPPERS_MAX;
use super::{Handle, Phase, Settings, Snapshot};

/// The current run, and whether a command stopped it.
#[derive(Debug, Clone, Default)]
pub struct WatchedRun {
    /// The current run, if one was started.
    pub run: Option<Handle>,
    /// Whether a command stopped it.
    pub stopped: bool,
}

/// Controls at most one run at a time.
#[derive(Debug)]
pub struct Controller {
    shop: ShopClient,
    settings: Settings,
    watched: watch::Sender<WatchedRun>,
}

impl Controller {
    /// A controller without a run. `watched` receives every start and stop of a run.
    pub fn new(shop: ShopClient, settings: Settings, watched: watch::Sender<WatchedRun>) -> Self {
        Self {
            shop,
            settings,
            watched,
        }
    }

    /// Starts a run and replaces the previous one.
    pub fn start(&mut self) {
        let run = Handle::start(self.shop.clone(), self.settings.clone());
        self.watched.send_replace(WatchedRun {
            run: Some(run),
            stopped: false,
        });
    }

    fn run(&self) -> Option<Handle> {
        self.watched.borrow().run.clone()
    }

    /// Whether a command stopped the current run.
    pub fn was_stopped(&self) -> bool {
        self.watched.borrow().stopped
    }

    /// The number of shoppers of the current or the next run.
    pub fn shoppers(&self) -> u32 {
        self.settings.shoppers
    }

    /// A snapshot of the current run.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.watched.borrow().run.as_ref().map(Handle::snapshot)
    }

    /// Starts a run, or stops the current one.
    pub fn start_or_stop(&mut self) {
        let phase = self.snapshot().map(|snapshot| snapshot.phase);
        match self.run() {
            Some(run) if !matches!(phase, Some(Phase::Ended | Phase::Failed)) => {
                // A new run may begin only after the old one has ended.
                if !self.was_stopped() {
                    self.watched.send_modify(|watched| watched.stopped = true);
                    tokio::spawn(async move { run.stop().await.map(drop) });
                }
            }
            _ => self.start(),
        }
    }

    /// Pauses or resumes the current run.
    pub fn pause_or_resume(&self) {
        if let Some(run) = self.run() {
            run.set_paused(run.snapshot().phase != Phase::Paused);
        }
    }

    /// Decreases the number of shoppers of the current and the next run by one step.
    pub fn fewer_shoppers(&mut self) {
        self.set_shoppers(|now| now.saturating_sub(step(now.saturating_sub(1))));
    }

    /// Increases the number of shoppers of the current and the next run by one step.
    pub fn more_shoppers(&mut self) {
        self.set_shoppers(|now| now.saturating_add(step(now)));
    }

    fn set_shoppers(&mut self, change: impl FnOnce(u32) -> u32) {
        self.settings.shoppers = change(self.settings.shoppers).clamp(1, SHOPPERS_MAX);
        if let Some(run) = self.run() {
            run.set_shoppers(self.settings.shoppers);
        }
    }
}

/// The step at a number of shoppers: 1 below 10, 10 below 100, 100 below 1,000, …
fn step(shoppers: u32) -> u32 {
    10_u32.pow(shoppers.max(1).ilog10())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shoppers_change_by_ones_then_by_tens() {
        assert_eq!([1, 9, 10, 99, 100, 9_999].map(step), [1, 1, 10, 10, 100, 1_000]);
    }
}
