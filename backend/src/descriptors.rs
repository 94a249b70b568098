//! The process's limit of open files: raised at the start and divided among services, so that connections never use up
//! the descriptors that the store needs.

use common::limits;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors reserved for the store, the runtime and the standard streams.
const RESERVE: u64 = 256;

/// How many connections one of `services` services in this process may hold at once, after raising the soft limit to the
/// hard one. A quarter of what the reserve leaves is for calls to other services.
pub(crate) fn connections_max(services: u64) -> usize {
    share(limit(), services)
}

fn share(limit: u64, services: u64) -> usize {
    let reserve = RESERVE.min(limit / 2);
    let share = (limit - reserve) / 4 * 3 / services.max(1);
    usize::try_from(share).map_or(limits::CONNECTIONS_MAX, |share| share.clamp(1, limits::CONNECTIONS_MAX))
}

/// The limit in force, raised as far as the system allows.
fn limit() -> u64 {
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
    fn every_share_leaves_the_reserve_and_a_quarter_of_the_rest() {
        assert_eq!(share(1_024, 3), 192);
        assert_eq!(share(1_024, 1), 576);
        assert_eq!(share(64, 3), 8);
        assert_eq!(share(0, 1), 1);
        assert_eq!(share(u64::MAX, 3), limits::CONNECTIONS_MAX);
    }
}
