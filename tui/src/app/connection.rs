//! The state of the connection to the shop.

use std::time::Duration;

use common::{Seq, StoreId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamState {
    Connecting {
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    Live,
    Waiting {
        /// The number of the attempt, from 1.
        attempt: u32,
        retry_at: Duration,
        reason: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// The shop's name in the header: its address or its store.
    pub(crate) shop_name: String,
    /// The shop's address; empty while the store is still being opened.
    pub(crate) url: String,
    /// Whether the shopkeeper's token is known.
    pub(crate) is_shopkeeper: bool,
    /// Whether the terminal is on another machine: no autopilot, no job control, and less memory.
    pub(crate) is_remote: bool,
    pub(crate) stream: StreamState,
    /// The store's id; `None` before the first connection.
    pub(crate) store: Option<StoreId>,
    /// Highest ledger entry seen.
    pub(crate) head: Seq,
    /// Whether the front-end is connected to its catalog.
    pub(crate) upstream_live: bool,
    /// Why the local store is closed permanently; `None` while it is open.
    pub(crate) store_closed: Option<String>,
    /// The ledger entry after which the event stream is complete.
    pub(super) live_from: Seq,
    pub(crate) stock_events: u64,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            shop_name: String::new(),
            url: String::new(),
            is_shopkeeper: false,
            is_remote: false,
            live_from: Seq::ZERO,
            stream: StreamState::Connecting { attempt: 1 },
            store: None,
            head: Seq::ZERO,
            upstream_live: true,
            store_closed: None,
            stock_events: 0,
        }
    }
}

/// The connection's label in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chip {
    /// `● live`
    Live,
    /// `◐ connecting`
    Connecting,
    /// `◐ reconnecting 3s (#2)`
    Reconnecting {
        /// Seconds until the next attempt; 0 while it runs.
        seconds: u64,
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// `○ offline`
    Offline,
    /// `‖ frozen`
    Frozen,
}

impl Connection {
    pub(crate) fn chip(&self, frozen: bool, now: Duration) -> Chip {
        if self.store_closed.is_some() {
            return Chip::Offline;
        }
        match self.stream {
            StreamState::Connecting { attempt: 1 } => Chip::Connecting,
            StreamState::Connecting { attempt } => Chip::Reconnecting { seconds: 0, attempt },
            StreamState::Waiting { attempt, retry_at, .. } => {
                let left = retry_at.saturating_sub(now);
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                Chip::Reconnecting { seconds, attempt }
            }
            StreamState::Live if !self.upstream_live => Chip::Offline,
            StreamState::Live if frozen => Chip::Frozen,
            StreamState::Live => Chip::Live,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.stream == StreamState::Live && self.upstream_live && self.store_closed.is_none()
    }

    /// When the countdown to the next attempt changes on the screen.
    pub(crate) fn next_wake(&self, now: Duration) -> Option<Duration> {
        let StreamState::Waiting { retry_at, .. } = self.stream else {
            return None;
        };
        let left = retry_at.checked_sub(now).filter(|left| !left.is_zero())?;
        let step = match left.subsec_nanos() {
            0 => Duration::from_secs(1),
            nanos => Duration::from_nanos(u64::from(nanos)),
        };
        Some(now + step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countdown_rounds_up_and_wakes_at_whole_seconds() {
        let link = StreamState::Waiting {
            attempt: 2,
            retry_at: Duration::from_millis(2_500),
            reason: String::new(),
        };
        let connection = Connection {
            stream: link,
            ..Connection::default()
        };
        assert_eq!(
            connection.chip(false, Duration::ZERO),
            Chip::Reconnecting { seconds: 3, attempt: 2 }
        );
        assert_eq!(connection.next_wake(Duration::ZERO), Some(Duration::from_millis(500)));
        assert_eq!(
            connection.next_wake(Duration::from_millis(500)),
            Some(Duration::from_millis(1_500))
        );
        assert_eq!(connection.next_wake(Duration::from_millis(2_500)), None);
    }

    #[test]
    fn a_frozen_screen_still_says_when_the_connection_is_lost() {
        let connection = Connection {
            stream: StreamState::Live,
            upstream_live: false,
            ..Connection::default()
        };
        assert_eq!(connection.chip(true, Duration::ZERO), Chip::Offline);
    }
}
