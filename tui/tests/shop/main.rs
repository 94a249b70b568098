//! The interactive shop, driven by messages and by keys.

mod buying;
mod fixture;
mod flows;
mod screens;
mod session;
