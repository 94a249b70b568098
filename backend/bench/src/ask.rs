//! What the load asks for, as the bytes that are sent.

use std::fmt;
use std::net::SocketAddr;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// One book, always the same.
    Lookup,
    /// One book out of many, another one each time.
    Any(Draw),
    /// The books of a topic.
    Search,
    /// The topics.
    Topics,
    /// A purchase of one of four books, each with a key of its own.
    Buy,
}

/// How a book is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Of the first so many, each as often as another.
    Evenly(u32),
    /// Of the first so many, the second half as often as the first, the third a third as often (Zipf's law).
    ByZipf(u32),
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lookup | Self::Any(_) => "lookup",
            Self::Search => "search",
            Self::Topics => "topics",
            Self::Buy => "buy",
        })
    }
}

impl Ask {
    /// The bytes of a request; `number` is another one for each.
    pub(crate) fn write(self, request: &mut Vec<u8>, address: SocketAddr, number: u64) {
        use std::io::Write as _;
        request.clear();
        // Writing into memory cannot fail.
        let _ = match self {
            Self::Lookup => write!(request, "GET /search?item=2 HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            Self::Any(draw) => {
                let item = draw.item(number);
                write!(request, "GET /search?item={item} HTTP/1.1\r\nHost: {address}\r\n\r\n")
            }
            Self::Search => {
                write!(
                    request,
                    "GET /search?topic=distributed%20systems HTTP/1.1\r\nHost: {address}\r\n\r\n"
                )
            }
            Self::Topics => write!(request, "GET /topics HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            Self::Buy => {
                let body = format!(r#"{{"item":{},"quantity":1}}"#, 1 + number % 4);
                let (high, low) = (number >> 48, number & 0xFFFF_FFFF_FFFF);
                let seed = std::process::id();
                write!(
                    request,
                    "POST /buy HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                     Idempotency-Key: {seed:08x}-{high:04x}-4000-8000-{low:012x}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
    }
}

impl Draw {
    /// A book's number, the same for the same `number`.
    fn item(self, number: u64) -> u32 {
        let drawn = mix(number);
        match self {
            Self::Evenly(books) => {
                // The upper half of the product is even over the books.
                let place = (u128::from(drawn) * u128::from(books)) >> 64;
                1 + u32::try_from(place).unwrap_or_default()
            }
            Self::ByZipf(books) => {
                let part = drawn as f64 / u64::MAX as f64;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a float becomes the nearest number that there is"
                )]
                let item = f64::from(books).powf(part) as u32;
                item.clamp(1, books)
            }
        }
    }
}

/// Numbers that follow each other, spread over all numbers: the output function of SplitMix64 (Steele and others, 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_book_is_drawn_and_none_that_there_is_not() {
        for (draw, first_is_favoured) in [(Draw::Evenly(10), false), (Draw::ByZipf(10), true)] {
            let mut counts = [0_u32; 11];
            for number in 0..100_000 {
                counts[draw.item(number) as usize] += 1;
            }
            let [none, first, .., ninth, _] = counts;
            assert_eq!(none, 0);
            assert!(counts[1..10].iter().all(|&count| count > 1_000), "{counts:?}");
            assert_eq!(first > 3 * ninth, first_is_favoured, "{counts:?}");
        }
    }
}
