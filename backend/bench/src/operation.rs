//! The operations of the load generator, as the bytes of their requests.

use std::fmt;
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Always looks up the same book.
    Lookup,
    /// Looks up a random book.
    LookupAny(ItemDistribution),
    /// Searches the books of a topic.
    Search,
    Topics,
    /// Buys one of four books, each time with a new key.
    Buy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemDistribution {
    /// Uniform over the items 1 to N.
    Uniform(u32),
    /// Zipf over the items 1 to N: item k is 1/k as frequent as item 1.
    Zipf(u32),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lookup | Self::LookupAny(_) => "lookup",
            Self::Search => "search",
            Self::Topics => "topics",
            Self::Buy => "buy",
        })
    }
}

impl Operation {
    /// A request. A different `number` gives a different random item and key.
    pub(crate) fn request(self, address: SocketAddr, number: u64) -> String {
        let path = match self {
            Self::Lookup => "/search?item=2".to_owned(),
            Self::LookupAny(items) => format!("/search?item={}", items.sample(number)),
            Self::Search => "/search?topic=distributed%20systems".to_owned(),
            Self::Topics => "/topics".to_owned(),
            Self::Buy => {
                let body = format!(r#"{{"item":{},"quantity":1}}"#, 1 + number % 4);
                let (high, low) = (number >> 48, number & 0xFFFF_FFFF_FFFF);
                let (seed, length) = (std::process::id(), body.len());
                return format!(
                    "POST /buy HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                     Idempotency-Key: {seed:08x}-{high:04x}-4000-8000-{low:012x}\r\nContent-Length: {length}\r\n\r\n{body}"
                );
            }
        };
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")
    }
}

impl ItemDistribution {
    /// An item, the same for the same `number`.
    fn sample(self, number: u64) -> u32 {
        let random = splitmix64(number);
        match self {
            Self::Uniform(items) => {
                // The upper half of the product is uniform over the items.
                let index = (u128::from(random) * u128::from(items)) >> 64;
                1 + u32::try_from(index).unwrap_or_default()
            }
            Self::Zipf(items) => {
                let fraction = random as f64 / u64::MAX as f64;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a positive float is rounded down"
                )]
                let item = f64::from(items).powf(fraction) as u32;
                item.clamp(1, items)
            }
        }
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn splitmix64(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_cover_exactly_the_items() {
        for (items, is_skewed) in [
            (ItemDistribution::Uniform(10), false),
            (ItemDistribution::Zipf(10), true),
        ] {
            let mut counts = [0_u32; 11];
            for number in 0..100_000 {
                counts[items.sample(number) as usize] += 1;
            }
            let [none, first, .., ninth, _] = counts;
            assert_eq!(none, 0);
            assert!(counts[1..10].iter().all(|&count| count > 1_000), "{counts:?}");
            assert_eq!(first > 3 * ninth, is_skewed, "{counts:?}");
        }
    }
}
