//! A run behind a screen: started, paused, stopped and started again by keys.

use common::client::ShopClient;
use tokio::sync::watch;

use super::settings::SHOPPERS_MAX;
use super::{Autopilot, Handle, Phase, Settings, Snapshot};

/// What a key asks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start, or stop what runs.
    StartOrStop,
    /// Pause, or go on.
    Pause,
    /// Fewer shoppers.
    Fewer,
    /// More shoppers.
    More,
}

/// A run, and whether a key stopped it; otherwise it goes on until it ends by itself.
#[derive(Debug, Clone, Default)]
pub struct WatchedRun {
    /// The newest run, if one was started.
    pub run: Option<Handle>,
    /// Whether it was stopped by a key.
    pub stopped: bool,
}

/// A run that may be there or not.
#[derive(Debug)]
pub struct Controller {
    shop: ShopClient,
    settings: Settings,
    watched: watch::Sender<WatchedRun>,
}

impl Controller {
    /// Nothing runs yet; of every run that is started or stopped here `watched` tells.
    pub fn new(shop: ShopClient, settings: Settings, watched: watch::Sender<WatchedRun>) -> Self {
        Self {
            shop,
            settings,
            watched,
        }
    }

    /// Starts a run in place of the one there was.
    pub fn start(&mut self) {
        let run = Autopilot::start(self.shop.clone(), self.settings.clone());
        self.watched.send_replace(WatchedRun {
            run: Some(run),
            stopped: false,
        });
    }

    /// The run, if one was started.
    fn run(&self) -> Option<Handle> {
        self.watched.borrow().run.clone()
    }

    /// Whether the run was stopped by a key rather than by itself.
    pub fn was_stopped(&self) -> bool {
        self.watched.borrow().stopped
    }

    /// Shoppers of this run or the next.
    pub fn shoppers(&self) -> u32 {
        self.settings.shoppers
    }

    /// Where the run stands.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.watched.borrow().run.as_ref().map(Handle::snapshot)
    }

    /// Does what a key asks.
    pub fn act(&mut self, action: Action) {
        let phase = self.snapshot().map(|snapshot| snapshot.phase);
        match (action, self.run()) {
            (Action::StartOrStop, Some(run)) if !matches!(phase, Some(Phase::Ended | Phase::Failed)) => {
                // Only when the old run is over may the next one begin.
                if !self.was_stopped() {
                    self.watched.send_modify(|watched| watched.stopped = true);
                    tokio::spawn(async move { run.stop().await.map(drop) });
                }
            }
            (Action::StartOrStop, _) => self.start(),
            (Action::Pause, Some(run)) if phase == Some(Phase::Paused) => run.resume(),
            (Action::Pause, Some(run)) => run.pause(),
            (Action::Pause, None) => {}
            (Action::Fewer, _) => self.set_shoppers(|now| now.saturating_sub(step(now.saturating_sub(1)))),
            (Action::More, _) => self.set_shoppers(|now| now.saturating_add(step(now))),
        }
    }

    fn set_shoppers(&mut self, change: impl FnOnce(u32) -> u32) {
        self.settings.shoppers = change(self.settings.shoppers).clamp(1, SHOPPERS_MAX);
        if let Some(run) = self.run() {
            run.set_shoppers(self.settings.shoppers);
        }
    }
}

/// Ones up to ten, tens up to a hundred, and so on.
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
