//! Enums whose variants are words on the wire.

/// A word that is none of the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Error(pub(crate) &'static str);

/// Implements the words of an enum in both directions. Its serde attributes must give the same words; a test compares
/// them.
macro_rules! words {
    ($type:ty, $expected:literal, { $($variant:ident => $word:literal,)* }) => {
        impl $type {
            /// All variants, in the order of the documentation.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::words::Error;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::words::Error($expected)),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use crate::wire::{OrderStatus, Outcome};
    use crate::{Code, Kind, Reason};

    fn assert_words<T: Copy + PartialEq + Debug + serde::Serialize + std::str::FromStr<Err: Debug>>(
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) {
        for value in all {
            assert_eq!(serde_json::to_value(value).unwrap(), as_str(*value));
            assert_eq!(as_str(*value).parse::<T>().unwrap(), *value);
        }
        assert!("".parse::<T>().is_err());
    }

    #[test]
    fn the_words_are_those_of_the_wire() {
        assert_words(&Code::ALL, Code::as_str);
        assert_words(&Kind::ALL, Kind::as_str);
        assert_words(&Reason::ALL, Reason::as_str);
        assert_words(&Outcome::ALL, Outcome::as_str);
        assert_words(&OrderStatus::ALL, OrderStatus::as_str);
    }
}
