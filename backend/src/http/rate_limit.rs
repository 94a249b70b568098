//! The rate limit of each client address.
//!
//! The generic cell rate algorithm (ITU-T I.371). Each client is stored as the time at which its quota is full again, so a
//! client without a request for a second needs no memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most clients with a quota of their own, about 4 MiB; further clients share one quota.
const CLIENTS_MAX: usize = 65_536;
/// The quota of a client is its rate over this time; it may be spent at once.
const BURST: Duration = Duration::from_secs(1);

/// Requests a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit(NonZeroU32);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().strip_suffix("/s").and_then(|number| number.parse().ok());
        number.map(Self).ok_or_else(|| "expected a rate like 100/s".to_owned())
    }
}

/// The quotas of the clients.
#[derive(Debug)]
pub(super) struct RateLimiter {
    /// The time after which the quota of one request is restored.
    interval: Duration,
    clients: Mutex<Clients>,
}

#[derive(Debug)]
struct Clients {
    full_at: HashMap<IpAddr, Instant, ahash::RandomState>,
    swept_at: Instant,
}

impl RateLimiter {
    pub(super) fn new(RateLimit(per_second): RateLimit) -> Self {
        Self {
            interval: BURST / per_second.get(),
            clients: Mutex::new(Clients {
                full_at: HashMap::default(),
                swept_at: Instant::now(),
            }),
        }
    }

    /// Takes one request from a client's quota; `false` if that is used up.
    pub(super) fn admit(&self, client: IpAddr, now: Instant) -> bool {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = clients.entry(client_network(client), now);
        let next = (*full_at).max(now) + self.interval;
        if next > now + BURST {
            return false;
        }
        *full_at = next;
        true
    }
}

impl Clients {
    fn entry(&mut self, client: IpAddr, now: Instant) -> &mut Instant {
        let is_new = !self.full_at.contains_key(&client);
        if is_new && self.full_at.len() >= CLIENTS_MAX && now >= self.swept_at + BURST {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.swept_at = now;
        }
        let is_full = is_new && self.full_at.len() >= CLIENTS_MAX;
        let key = if is_full { Ipv4Addr::UNSPECIFIED.into() } else { client };
        self.full_at.entry(key).or_insert(now)
    }
}

/// What counts as one client: an IPv4 address, or the /64 that an IPv6 subscriber usually has to itself.
pub fn client_network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(rate: &str) -> RateLimiter {
        RateLimiter::new(rate.parse().unwrap())
    }

    fn v6(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_gets_its_rate_and_a_burst_of_one_second() {
        let (limiter, client, start) = (limiter("4/s"), IpAddr::from([192, 0, 2, 1]), Instant::now());
        let admitted = |count: usize, after_ms: u64| {
            let now = start + Duration::from_millis(after_ms);
            (0..count).filter(|_| limiter.admit(client, now)).count()
        };
        assert_eq!(admitted(10, 0), 4);
        assert_eq!(admitted(10, 249), 0);
        assert_eq!(admitted(10, 250), 1);
        assert_eq!(admitted(10, 1_000), 3);
        assert_eq!(admitted(10, 100_000), 4);
        assert!(limiter.admit(IpAddr::from([192, 0, 2, 2]), start), "another client");
    }

    #[test]
    fn the_addresses_of_a_64_bit_prefix_are_one_client() {
        let (limiter, now) = (limiter("1/s"), Instant::now());
        assert!(limiter.admit(v6("2001:db8::1"), now));
        assert!(!limiter.admit(v6("2001:db8::ffff:1"), now));
        assert!(limiter.admit(v6("2001:db8:0:1::1"), now));
        assert!(limiter.admit(v6("::ffff:192.0.2.1"), now));
        assert!(!limiter.admit(IpAddr::from([192, 0, 2, 1]), now));
    }

    #[test]
    fn memory_is_bounded_and_quiet_clients_are_forgotten() {
        let (limiter, start) = (limiter("1/s"), Instant::now());
        let client = |number: usize| IpAddr::from(Ipv4Addr::from_bits(0x0A00_0000 + u32::try_from(number).unwrap()));
        let admitted = (0..CLIENTS_MAX + 100).filter(|&number| limiter.admit(client(number), start));
        assert_eq!(admitted.count(), CLIENTS_MAX + 1, "those beyond share one rate");
        assert_eq!(limiter.clients.lock().unwrap().full_at.len(), CLIENTS_MAX + 1);
        let later = start + 2 * BURST;
        assert!(limiter.admit(client(CLIENTS_MAX + 5), later));
        assert_eq!(limiter.clients.lock().unwrap().full_at.len(), 1);
    }

    #[test]
    fn a_rate_is_a_number_a_second() {
        assert!("1/s".parse::<RateLimit>().is_ok());
        for text in ["", "0/s", "-1/s", "1", "1/m", "1.5/s", "/s", "4294967296/s"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
