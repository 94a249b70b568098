//! The schedule of an open loop: which operations were due, and which of them were not begun. The tally lacks operations
//! that wait for a shopper; without them a store that stops would look faster than a slow one (coordinated omission).

use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::number::ms;

/// Operations that were due in the measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScheduleStats {
    /// Operations that were due.
    pub due: u64,
    /// Due operations that were begun.
    pub begun: u64,
    /// Due operations that were not begun, because every shopper waited for an answer.
    pub not_begun: u64,
    /// The age of the oldest due operation without an answer, in microseconds; 0 if all are answered.
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
    /// The most operations of the whole run.
    operations_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The start of the measurement, after the warm-up.
    measured_from: Option<Instant>,
    /// Begun operations that were due since `measured_from`.
    begun_measured: u64,
    /// Begun operations of the whole run.
    begun: u64,
    /// Due operations that will never begin.
    abandoned: u64,
    /// Indexed by the shopper's number.
    shoppers: Vec<ShopperSchedule>,
}

/// The schedule of one shopper.
#[derive(Debug, Default, Clone, Copy)]
struct ShopperSchedule {
    /// Due time of its next operation; `None` while it is paused.
    next: Option<Instant>,
    /// Due time of the operation in flight.
    in_flight: Option<Instant>,
}

/// Operations of one shopper that were due and not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overdue {
    /// Due time of the first operation.
    first: Instant,
    period: Duration,
    pub(super) count: u64,
}

impl Overdue {
    /// Due time of the operation with this index.
    pub(super) fn due(&self, index: u64) -> Instant {
        self.first + times(self.period, index)
    }
}

impl Schedule {
    pub(super) fn new(period: Duration, operations_max: Option<u64>) -> Self {
        Self {
            // The rate is limited to one operation per nanosecond and shopper.
            period: period.max(Duration::from_nanos(1)),
            operations_max: operations_max.unwrap_or(u64::MAX),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the measurement.
    pub(super) fn measure(&self) {
        let mut state = self.state();
        (state.measured_from, state.begun_measured) = (Some(Instant::now()), 0);
    }

    /// Sets the due time of a shopper's next operation; `None` pauses it.
    pub(super) fn set_next(&self, shopper: u32, next: Option<Instant>) {
        self.state().shopper(shopper).next = next;
    }

    /// Begins the shopper's operation that was due at `due`; returns the due time of its next one.
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

    /// Ends the shopper's operation in flight, answered or not.
    pub(super) fn end(&self, shopper: u32) {
        self.state().shopper(shopper).in_flight = None;
    }

    /// Abandons and returns the operations of a shopper that are overdue at `at`.
    pub(super) fn abandon(&self, shopper: u32, at: Instant) -> Option<Overdue> {
        let mut state = self.state();
        let left = self.operations_max.saturating_sub(state.begun + state.abandoned);
        let next = state.shopper(shopper).next.take()?;
        let mut overdue = state.overdue(next, self.period, at)?;
        overdue.count = overdue.count.min(left);
        state.abandoned += overdue.count;
        (overdue.count > 0).then_some(overdue)
    }

    /// The statistics as of `at`.
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
        // The vector is long enough now.
        &mut self.shoppers[index]
    }

    /// The measured operations that were due from `next` to `at`.
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

/// `period × count`, saturating.
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
