//! The process's limit of open files: raised at the start and divided among services, so that connections leave enough
//! descriptors for the store.

use common::limits;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors reserved for the store, the runtime, the standard streams, and one waiting connection of each service.
const RESERVE: u64 = 256;
/// The most services that a process calls: the front-end calls two, the order service one.
const CALLED_MAX: u64 = 3;

/// The most connections that one service of the process may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DescriptorBudget {
    /// Connections of clients.
    pub(crate) connections: usize,
    /// The most event streams among them; the rest is for other requests.
    pub(crate) subscribers: usize,
    /// Calls to each service that it uses.
    pub(crate) calls: usize,
}

impl DescriptorBudget {
    /// The budget of each of `services` services in this process, after raising the soft limit to the hard one.
    pub(crate) fn of(services: u64) -> Self {
        Self::of_limit(raise_limit(), services)
    }

    /// Three quarters of the unreserved descriptors are for connections, one for calls.
    fn of_limit(limit: u64, services: u64) -> Self {
        let quarter = (limit - RESERVE.min(limit / 2)) / 4;
        let bounded = |count: u64| {
            usize::try_from(count)
                .unwrap_or(usize::MAX)
                .clamp(1, limits::CONNECTIONS_MAX)
        };
        let connections = bounded(quarter * 3 / services.max(1));
        Self {
            connections,
            subscribers: limits::SUBSCRIBERS_MAX.min(connections - connections / 5),
            calls: bounded(quarter / CALLED_MAX),
        }
    }
}

/// Raises the soft limit to the hard one if the system allows it; returns the limit in force.
pub fn raise_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit {
            current: limit.maximum,
            ..limit
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = raised,
            Err(error) => tracing::warn!(%error, soft = ?limit.current, "the limit of open files cannot be raised"),
        }
    }
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_budgets_together_leave_the_reserve() {
        let budget = |limit, services| DescriptorBudget::of_limit(limit, services);
        let expected = DescriptorBudget {
            connections: 192,
            subscribers: 154,
            calls: 64,
        };
        assert_eq!(budget(1_024, 3), expected);
        assert_eq!(budget(1_024, 1).connections, 576);
        assert_eq!(budget(64, 3).connections, 8);
        assert_eq!(budget(0, 1).connections, 1);
        let most = budget(u64::MAX, 3);
        assert_eq!((most.connections, most.subscribers), (limits::CONNECTIONS_MAX, 16_000));
        for limit in (300..100_000).step_by(97) {
            let DescriptorBudget { connections, calls, .. } = budget(limit, 3);
            let used = 3 * (connections + calls) as u64;
            assert!(used + RESERVE.min(limit / 2) <= limit, "{used} of {limit}");
        }
    }
}
