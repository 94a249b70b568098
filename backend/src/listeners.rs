//! Listeners inherited from the parent process, as with systemd's socket units (sd_listen_fds(3)). They stay open when this
//! process ends, and processes may share them, so no connection is refused during a restart.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use common::wire::ServiceKind;
use listenfd::ListenFd;

use crate::http::bind;

/// The names of the listeners, separated by colons.
const NAMES: &str = "LISTEN_FDNAMES";

/// The inherited listeners of this process, by service. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct InheritedListeners(Arc<[(ServiceKind, TcpListener)]>);

impl InheritedListeners {
    /// Takes the listeners that this process has inherited for its services: each for the service of its name (systemd:
    /// `FileDescriptorName=`), one with another name for the next of `services` that has none. Call it while the process
    /// has one thread: it removes the environment variables.
    ///
    /// # Errors
    /// If there are more listeners than services, or if one is not a TCP listener.
    pub(crate) fn take(services: &[ServiceKind]) -> Result<Self, String> {
        let names = std::env::var(NAMES).unwrap_or_default();
        let mut inherited = ListenFd::from_env();
        let mut listeners = Vec::with_capacity(inherited.len());
        for index in 0..inherited.len() {
            let listener = inherited
                .take_tcp_listener(index)
                .map_err(|error| format!("socket activation: {error}"))?;
            listeners.extend(listener);
        }
        let found = assign(services, names.split(':'), listeners.len())?;
        Ok(Self(found.into_iter().zip(listeners).collect()))
    }

    /// The listener of a service: the inherited one, else one that is bound to `address`.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn open(&self, service: ServiceKind, address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
        match self.get(service) {
            Some(listener) => {
                // Keep the original for another attempt to open the services.
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                tokio::net::TcpListener::from_std(listener)
            }
            None => bind(address),
        }
    }

    /// The address of a service: its inherited listener's, else `address`.
    pub(crate) fn address(&self, service: ServiceKind, address: SocketAddr) -> SocketAddr {
        let inherited = self.get(service).and_then(|listener| listener.local_addr().ok());
        inherited.unwrap_or(address)
    }

    fn get(&self, service: ServiceKind) -> Option<&TcpListener> {
        let found = self.0.iter().find(|(kind, _)| *kind == service);
        found.map(|(_, listener)| listener)
    }
}

/// The service for each of `count` listeners; there may be fewer names.
fn assign<'a>(
    services: &[ServiceKind],
    names: impl Iterator<Item = &'a str>,
    count: usize,
) -> Result<Vec<ServiceKind>, String> {
    let named = |name: &str| services.iter().copied().find(|service| service.as_str() == name);
    let mut found: Vec<Option<ServiceKind>> = names.take(count).map(named).collect();
    found.resize(count, None);
    let is_free = |service: &ServiceKind| !found.contains(&Some(*service));
    let mut free = services.iter().copied().filter(is_free).collect::<Vec<_>>().into_iter();
    let assigned: Option<Vec<_>> = found
        .into_iter()
        .map(|service| service.or_else(|| free.next()))
        .collect();
    assigned.ok_or_else(|| {
        let most = services.len();
        format!("socket activation passes {count} listeners, and the process has services for {most}")
    })
}

#[cfg(test)]
mod tests {
    use ServiceKind::{Catalog, Frontend, Order};

    use super::*;

    fn assigned(services: &[ServiceKind], names: &str, count: usize) -> Option<Vec<ServiceKind>> {
        assign(services, names.split(':'), count).ok()
    }

    #[test]
    fn a_listener_is_for_the_service_of_its_name_and_others_are_taken_in_order() {
        let all = [Frontend, Catalog, Order];
        for (names, count, expected) in [
            ("", 0, Some(vec![])),
            ("", 1, Some(vec![Frontend])),
            ("bookstore.socket", 1, Some(vec![Frontend])),
            ("catalog", 1, Some(vec![Catalog])),
            ("order:frontend", 2, Some(vec![Order, Frontend])),
            ("catalog:x:y", 3, Some(vec![Catalog, Frontend, Order])),
            ("x:y", 2, Some(vec![Frontend, Catalog])),
            ("a:b:c:d", 4, None),
        ] {
            assert_eq!(assigned(&all, names, count), expected, "{names}");
        }
        assert_eq!(assigned(&[Order], "bookstore-order.socket", 1), Some(vec![Order]));
        assert_eq!(assigned(&[Order], "catalog:order", 2), None);
    }
}
