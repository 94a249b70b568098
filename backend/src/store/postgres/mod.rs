//! x
mod address;
pub use self::address::Address;
