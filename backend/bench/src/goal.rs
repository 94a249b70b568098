//! A goal of the benchmark and its measured value.

use autopilot::svg::Bar;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// The lowest accepted ratio.
    AtLeast(f64),
    /// The highest accepted value, and its unit.
    AtMost(f64, &'static str),
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Goal {
    name: String,
    pub(crate) what: String,
    measured: f64,
    bound: Bound,
    pub(crate) reached: bool,
}

impl Goal {
    pub(crate) fn new(name: &str, what: &str, measured: f64, bound: Bound) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            measured,
            bound,
            reached: match bound {
                Bound::AtLeast(least) => measured >= least,
                Bound::AtMost(most, _) => measured <= most,
            },
        }
    }

    /// The measured value relative to the goal: at least 1 if the goal is reached.
    fn relative(&self) -> f64 {
        match self.bound {
            Bound::AtLeast(least) => self.measured / least,
            Bound::AtMost(most, _) => most / self.measured.max(most / 100.0),
        }
    }

    pub(crate) fn bar(&self) -> Bar {
        Bar {
            label: self.what.clone(),
            length: self.relative(),
            is_good: self.reached,
            numbers: self.numbers(),
        }
    }

    /// The measured value and the bound. The value is rounded away from the goal.
    pub(crate) fn numbers(&self) -> [String; 2] {
        let hundredths = self.measured * 100.0;
        match self.bound {
            Bound::AtLeast(least) => [format!("{:.2}", hundredths.floor() / 100.0), format!("≥ {least:.2}")],
            Bound::AtMost(most, unit) => [
                format!("{:.2} {unit}", hundredths.ceil() / 100.0).trim_end().to_owned(),
                format!("≤ {most} {unit}").trim_end().to_owned(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_at_its_bound() {
        let reached = |measured, bound| {
            let goal = Goal::new("x", "X", measured, bound);
            (goal.reached, goal.relative() >= 1.0)
        };
        assert_eq!(reached(0.75, Bound::AtLeast(0.75)), (true, true));
        assert_eq!(reached(0.74, Bound::AtLeast(0.75)), (false, false));
        assert_eq!(reached(20.0, Bound::AtMost(20.0, "KiB")), (true, true));
        assert_eq!(reached(20.1, Bound::AtMost(20.0, "KiB")), (false, false));
        assert_eq!(reached(0.0, Bound::AtMost(0.1, "s")), (true, true));
        let [measured, wanted] = Goal::new("x", "X", 0.849_9, Bound::AtLeast(0.85)).numbers();
        assert_eq!([measured, wanted], ["0.84", "≥ 0.85"]);
    }
}
