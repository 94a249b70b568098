//! The schedule of an open loop: which operations were due, and which of them were not begun. An operation that waits for a
//! shopper is not in the tally yet, and without it a store that stops would look faster than one that is slow (coordinated
//! omission).

use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::number::ms;

/// Operations that were due in the measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScheduleStats {
    /// All of them.
    pub due: u64,
    /// Those that were begun.
    pub begun: u64,
    /// Those that were not begun, because every shopper was waiting for an answer.
    pub not_begun: u64,
    /// The time since the oldest one without an answer was due, in microseconds; 0 if all are answered.
    pub oldest_unfinished_us: u64,
}

impl Display for ScheduleStats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "due {}   begun {}   not begun {}   oldest unfinished {} ms",
            self.due,
            self.begun,
            self.not_begun,
            ms(self.oldest_unfinished_us)
        )
    }
}

/// The schedules of all shoppers of a run.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The time between two operations of one shopper.
    period: Duration,
    /// The operations of the whole run.
    operations_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When measuring began, after the warm-up.
    measured_from: Option<Instant>,
    /// Operations that were due since then, and begun.
    begun_measured: u64,
    begun: u64,
    /// Operations that will not be begun any more.
    abandoned: u64,
    /// By the shopper's number.
    shoppers: Vec<ShopperSchedule>,
}

/// Where a shopper is in its schedule.
#[derive(Debug, Default, Clone, Copy)]
struct ShopperSchedule {
    /// When its next operation is due; `None` while it is paused.
    next: Option<Instant>,
    /// When the operation was due that it waits for.
    in_flight: Option<Instant>,
}

/// Operations of one shopper that were due and not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overdue {
    /// When the first one was due.
    first: Instant,
    period: Duration,
    pub(super) count: u64,
}

impl Overdue {
    /// When the operation of that index was due.
    pub(super) fn due(&self, index: u64) -> Instant {
        self.first + times(self.period, index)
    }
}

impl Schedule {
    pub(super) fn new(period: Duration, operations_max: Option<u64>) -> Self {
        Self {
            // A rate beyond one operation a nanosecond and shopper.
            period: period.max(Duration::from_nanos(1)),
            operations_max: operations_max.unwrap_or(u64::MAX),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures from now on.
    pub(super) fn measure(&self) {
        let mut state = self.state();
        (state.measured_from, state.begun_measured) = (Some(Instant::now()), 0);
    }

    /// The next operation of a shopper is due then; `None` while it is paused.
    pub(super) fn set_next(&self, shopper: u32, next: Option<Instant>) {
        self.state().shopper(shopper).next = next;
    }

    /// A shopper begins the operation that was due then. Returns when its next one is due.
    pub(super) fn begin(&self, shopper: u32, due: Instant) -> Instant {
        let next = due + self.period;
        let mut state = self.state();
        let shopper = state.shopper(shopper);
        (shopper.in_flight, shopper.next) = (Some(due), Some(next));
        state.begun += 1;
        if state.measured_from.is_none_or(|from| due >= from) {
            state.begun_measured += 1;
        }
        next
    }

    /// The operation that a shopper has begun is answered, or will never be.
    pub(super) fn end(&self, shopper: u32) {
        self.state().shopper(shopper).in_flight = None;
    }

    /// The operations of a shopper that were due at that time and will not be begun any more.
    pub(super) fn abandon(&self, shopper: u32, at: Instant) -> Option<Overdue> {
        let mut state = self.state();
        let left = self.operations_max.saturating_sub(state.begun + state.abandoned);
        let next = state.shopper(shopper).next.take()?;
        let mut overdue = state.overdue(next, self.period, at)?;
        overdue.count = overdue.count.min(left);
        state.abandoned += overdue.count;
        (overdue.count > 0).then_some(overdue)
    }

    /// The numbers at a time.
    pub(super) fn stats(&self, at: Instant) -> ScheduleStats {
        let state = self.state();
        let left = self.operations_max.saturating_sub(state.begun);
        let waiting = state.shoppers.iter().filter_map(|shopper| shopper.next);
        let overdue: Vec<_> = waiting
            .filter_map(|next| state.overdue(next, self.period, at))
            .collect();
        let not_begun = overdue.iter().map(|overdue| overdue.count).sum::<u64>().min(left);
        let waiting = overdue.iter().map(|overdue| overdue.first).filter(|_| not_begun > 0);
        let in_flight = state.shoppers.iter().filter_map(|shopper| shopper.in_flight);
        let oldest = waiting.chain(in_flight).min();
        let age = oldest.map(|due| at.saturating_duration_since(due)).unwrap_or_default();
        ScheduleStats {
            due: state.begun_measured + not_begun,
            begun: state.begun_measured,
            not_begun,
            oldest_unfinished_us: u64::try_from(age.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl State {
    fn shopper(&mut self, shopper: u32) -> &mut ShopperSchedule {
        let index = shopper as usize;
        if self.shoppers.len() <= index {
            self.shoppers.resize(index + 1, ShopperSchedule::default());
        }
        // Just made long enough.
        &mut self.shoppers[index]
    }

    /// The operations that are due from `next` to `at` and count.
    fn overdue(&self, next: Instant, period: Duration, at: Instant) -> Option<Overdue> {
        let skipped = match self.measured_from {
            Some(from) => from
                .saturating_duration_since(next)
                .as_nanos()
                .div_ceil(period.as_nanos()),
            None => 0,
        };
        let first = next + times(period, u64::try_from(skipped).ok()?);
        let late = at.checked_duration_since(first)?;
        let count = u64::try_from(late.as_nanos() / period.as_nanos()).unwrap_or(u64::MAX - 1) + 1;
        Some(Overdue { first, period, count })
    }
}

/// The period that often; the longest time that `Instant` has room for is far beyond any run.
fn times(period: Duration, count: u64) -> Duration {
    let nanos = period.as_nanos().saturating_mul(u128::from(count));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(10);

    fn schedule(operations_max: Option<u64>) -> (Schedule, Instant) {
        let schedule = Schedule::new(PERIOD, operations_max);
        schedule.measure();
        let start = schedule.state().measured_from.unwrap();
        schedule.set_next(0, Some(start));
        (schedule, start)
    }

    #[test]
    fn operations_that_wait_for_a_shopper_are_due_and_age() {
        let (schedule, start) = schedule(None);
        assert_eq!(schedule.begin(0, start), start + PERIOD);
        let at = start + Duration::from_millis(95);
        let stats = schedule.stats(at);
        assert_eq!((stats.due, stats.begun, stats.not_begun), (10, 1, 9));
        assert_eq!(
            stats.oldest_unfinished_us, 95_000,
            "the one in flight is unfinished too"
        );
        schedule.end(0);
        assert_eq!(schedule.stats(at).oldest_unfinished_us, 85_000);
        let overdue = schedule.abandon(0, at).unwrap();
        assert_eq!(
            (overdue.count, overdue.due(0), overdue.due(8)),
            (9, start + PERIOD, start + 9 * PERIOD)
        );
        assert_eq!(schedule.abandon(0, at), None);
    }

    #[test]
    fn what_was_due_in_the_warm_up_does_not_count() {
        let (schedule, start) = schedule(None);
        schedule.state().measured_from = Some(start + Duration::from_millis(35));
        let stats = schedule.stats(start + Duration::from_millis(60));
        assert_eq!((stats.due, stats.oldest_unfinished_us), (3, 20_000));
        schedule.begin(0, start);
        assert_eq!(schedule.stats(start).begun, 0);
    }

    #[test]
    fn a_paused_shopper_has_nothing_due_and_a_run_has_no_more_than_its_operations() {
        let (schedule, start) = schedule(Some(5));
        schedule.begin(0, start);
        let at = start + Duration::from_secs(1);
        assert_eq!(schedule.stats(at).due, 5);
        assert_eq!(schedule.abandon(0, at).unwrap().count, 4);
        schedule.end(0);
        schedule.set_next(0, None);
        assert_eq!(
            schedule.stats(at),
            ScheduleStats {
                due: 1,
                begun: 1,
                ..ScheduleStats::default()
            }
        );
    }
}
