//! The schedule of injected faults, a function of the seed only.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};

use crate::plan;

/// The random stream of faults, which no shopper uses.
const STREAM: u64 = 1 << 33;

/// A kind of fault, with its name in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, IntoStaticStr, VariantArray)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(crate) enum FaultKind {
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

/// A service process, with its name in reports. Each role follows the roles that it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub(super) enum Role {
    Catalog,
    Order,
    Frontend,
}

/// The proxied connections between two programs, with their name in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(const_into_str)]
pub(super) enum Link {
    #[strum(serialize = "shoppers→frontend")]
    ShoppersToFrontend,
    #[strum(serialize = "frontend→order")]
    FrontendToOrder,
    #[strum(serialize = "frontend→catalog")]
    FrontendToCatalog,
    #[strum(serialize = "order→catalog")]
    OrderToCatalog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// The target if it is a process.
    pub(super) role: Role,
    /// The target if it is a link.
    pub(super) link: Link,
    pub(super) duration: Duration,
}

impl Fault {
    pub(super) fn target(&self) -> &'static str {
        match self.kind {
            FaultKind::Kill | FaultKind::Pause | FaultKind::Restart => self.role.into_str(),
            FaultKind::Delay | FaultKind::Cut | FaultKind::Drop | FaultKind::Duplicate => self.link.into_str(),
        }
    }
}

/// An endless sequence of faults.
#[derive(Debug)]
pub(super) struct Schedule(ChaCha8Rng);

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self(plan::rng(seed, STREAM))
    }

    /// The next fault, and the delay before it.
    pub(super) fn next_fault(&mut self) -> (Duration, Fault) {
        let gap = Duration::from_millis(500 + self.below(2_000));
        let (kind, role, link) = (self.pick(), self.pick(), self.pick());
        let duration = match kind {
            // A cut has no duration.
            FaultKind::Cut => Duration::ZERO,
            FaultKind::Kill | FaultKind::Restart => Duration::from_millis(self.below(500)),
            _ => Duration::from_millis(200 + self.below(2_000)),
        };
        let link = match kind {
            FaultKind::Duplicate => Link::ShoppersToFrontend,
            _ => link,
        };
        let fault = Fault {
            kind,
            role,
            link,
            duration,
        };
        (gap, fault)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn pick<T: VariantArray + Copy>(&mut self) -> T {
        let index = self.below(T::VARIANTS.len() as u64);
        T::VARIANTS[usize::try_from(index).unwrap_or(0)]
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
        for kind in FaultKind::VARIANTS {
            let count = faults(1).iter().filter(|(_, fault)| fault.kind == *kind).count();
            assert!(count > 10, "{kind:?}");
        }
    }
}
