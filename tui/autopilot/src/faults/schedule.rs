//! The schedule of faults, a function of the seed alone.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::Serialize;

use super::target::{Link, Role};
use crate::plan;

/// The random stream of the faults.
const STREAM: u64 = 1 << 33;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A process is killed (SIGKILL) and restarted.
    Kill,
    /// A process is stopped (SIGSTOP) and continued.
    Pause,
    /// A process is terminated (SIGTERM) and restarted.
    Restart,
    /// Data on a link is delayed.
    Delay,
    /// All connections of a link are closed.
    Cut,
    /// Data on a link is discarded; then its connections are closed.
    Drop,
    /// Keyed purchases on a link are sent twice.
    Duplicate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Kill,
        Self::Pause,
        Self::Restart,
        Self::Delay,
        Self::Cut,
        Self::Drop,
        Self::Duplicate,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Restart => "restart",
            Self::Delay => "delay",
            Self::Cut => "cut",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A fault to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is done.
    pub kind: Kind,
    /// The target if it is a process.
    pub role: Role,
    /// The target if it is a link.
    pub link: Link,
    /// How long it lasts.
    pub length: Duration,
}

impl Fault {
    /// The name of the target.
    pub fn target(&self) -> &'static str {
        match self.kind {
            Kind::Kill | Kind::Pause | Kind::Restart => self.role.name(),
            Kind::Delay | Kind::Cut | Kind::Drop | Kind::Duplicate => self.link.name(),
        }
    }
}

/// An endless sequence of faults.
#[derive(Debug)]
pub(super) struct Schedule(ChaCha8Rng);

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self(plan::numbers(seed, STREAM))
    }

    /// The time to wait, and the fault that follows.
    pub(super) fn next_fault(&mut self) -> (Duration, Fault) {
        let gap = Duration::from_millis(500 + self.below(2_000));
        let kind = self.pick(Kind::ALL).unwrap_or(Kind::Kill);
        let role = self.pick(Role::ALL).unwrap_or(Role::Catalog);
        let link = self.pick(Link::ALL).unwrap_or(Link::Customers);
        let length = match kind {
            // A cut has no duration.
            Kind::Cut => Duration::ZERO,
            Kind::Kill | Kind::Restart => Duration::from_millis(self.below(500)),
            Kind::Pause | Kind::Delay | Kind::Drop | Kind::Duplicate => Duration::from_millis(200 + self.below(2_000)),
        };
        let link = if kind == Kind::Duplicate { Link::Customers } else { link };
        let fault = Fault {
            kind,
            role,
            link,
            length,
        };
        (gap, fault)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> Option<T> {
        let place = self.below(N as u64);
        from.get(usize::try_from(place).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_faults_of_every_kind() {
        let faults = |seed| {
            let mut schedule = Schedule::new(seed);
            (0..200).map(|_| schedule.next_fault()).collect::<Vec<_>>()
        };
        assert_eq!(faults(1), faults(1));
        assert_ne!(faults(1), faults(2));
        for kind in Kind::ALL {
            assert!(
                faults(1).iter().filter(|(_, fault)| fault.kind == kind).count() > 10,
                "{kind:?}"
            );
        }
    }
}
