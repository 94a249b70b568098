//! The real program against a front-end that answers what the test tells it to.

// The attribute tells the lints that these are tests.
#[cfg(test)]
mod autopilot;
#[cfg(test)]
mod front_end;
#[cfg(test)]
mod hangup;
#[cfg(test)]
mod help;
#[cfg(test)]
mod listed_shop;
#[cfg(test)]
mod live;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod one_shots;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod visits;
