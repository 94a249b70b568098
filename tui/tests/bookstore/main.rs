//! The `bookstore` executable against front-ends whose answers the tests define, and against its local store.

// `cfg(test)` tells the lints that these modules are tests.
#[cfg(test)]
mod autopilot;
#[cfg(test)]
mod autopilot_screen;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod front_end;
#[cfg(test)]
mod hangup;
#[cfg(test)]
mod help;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod test_shop;
