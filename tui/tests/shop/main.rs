//! The interactive shop, driven by messages and by keys.

#[cfg(test)]
mod buying;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod pty;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod session;
