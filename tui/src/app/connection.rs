//! How the shop is connected, in words and shapes.

use std::time::Duration;

use common::{Seq, StoreId};

/// How the event stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It is being made.
    Connecting {
        /// Which attempt.
        attempt: u32,
    },
    /// It stands.
    Live,
    /// It is made anew at that moment.
    Waiting {
        /// Which attempt.
        attempt: u32,
        /// When.
        until: Duration,
        /// What happened to the last one.
        why: String,
    },
}

/// The connection to the shop.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The event stream.
    pub link: Link,
    /// Whose ledger it is, once it has said so.
    pub store: Option<StoreId>,
    /// The newest entry that is known.
    pub head: Seq,
    /// Whether the front-end has its catalog.
    pub source_live: bool,
    /// Why the shop's own store is closed for good.
    pub ended: Option<String>,
    /// How many moves arrived.
    pub moves: u64,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            link: Link::Connecting { attempt: 1 },
            store: None,
            head: Seq::ZERO,
            source_live: true,
            ended: None,
            moves: 0,
        }
    }
}

/// What the header says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chip {
    /// `● live`
    Live,
    /// `◐ connecting`
    Connecting,
    /// `◐ reconnecting 3s (#2)`
    Reconnecting {
        /// Until the next attempt; nothing while it runs.
        seconds: u64,
        /// Which attempt.
        attempt: u32,
    },
    /// `○ offline`
    Offline,
    /// `‖ frozen`
    Frozen,
}

impl Connection {
    /// What the header says.
    pub fn chip(&self, frozen: bool, now: Duration) -> Chip {
        if self.ended.is_some() {
            return Chip::Offline;
        }
        match self.link {
            Link::Connecting { attempt: 1 } => Chip::Connecting,
            Link::Connecting { attempt } => Chip::Reconnecting { seconds: 0, attempt },
            Link::Waiting { attempt, until, .. } => {
                let left = until.saturating_sub(now);
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                Chip::Reconnecting { seconds, attempt }
            }
            Link::Live if !self.source_live => Chip::Offline,
            Link::Live if frozen => Chip::Frozen,
            Link::Live => Chip::Live,
        }
    }

    /// Whether changes arrive as they happen.
    pub fn is_live(&self) -> bool {
        self.link == Link::Live && self.source_live && self.ended.is_none()
    }

    /// When the countdown shows another second.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let Link::Waiting { until, .. } = self.link else {
            return None;
        };
        let left = until.checked_sub(now).filter(|left| !left.is_zero())?;
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
        let link = Link::Waiting {
            attempt: 2,
            until: Duration::from_millis(2_500),
            why: String::new(),
        };
        let connection = Connection {
            link,
            ..Connection::default()
        };
        assert_eq!(
            connection.chip(false, Duration::ZERO),
            Chip::Reconnecting { seconds: 3, attempt: 2 }
        );
        assert_eq!(connection.wake_at(Duration::ZERO), Some(Duration::from_millis(500)));
        assert_eq!(
            connection.wake_at(Duration::from_millis(500)),
            Some(Duration::from_millis(1_500))
        );
        assert_eq!(connection.wake_at(Duration::from_millis(2_500)), None);
    }

    #[test]
    fn a_frozen_screen_still_says_when_the_connection_is_lost() {
        let connection = Connection {
            link: Link::Live,
            source_live: false,
            ..Connection::default()
        };
        assert_eq!(connection.chip(true, Duration::ZERO), Chip::Offline);
    }
}
