//! The ticks of a chart's axis: positions and labels.

/// Ticks from 0 to at least `most`, in steps of 1, 2 or 5 times a power of ten, at most `steps_max` of them.
pub fn marks(most: f64, steps_max: u32) -> Vec<f64> {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let rough = most / f64::from(steps_max.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power);
    let mut marks = vec![0.0];
    let mut count = 0_u32;
    while marks.last().is_some_and(|mark| *mark < most * (1.0 - 1e-9)) && count <= steps_max {
        count += 1;
        marks.push(f64::from(count) * step);
    }
    marks
}

/// The label of a tick, with as many decimals as the step needs.
pub fn mark(value: f64, step: f64) -> String {
    if step >= 1_000.0 && value >= 1_000.0 {
        return format!("{}k", value / 1_000.0);
    }
    let places = match step {
        step if step >= 1.0 => 0,
        step if step >= 0.1 => 1,
        step if step >= 0.01 => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_marked_at_steps_of_1_2_or_5() {
        assert_eq!(marks(0.0, 4), [0.0, 0.5, 1.0]);
        assert_eq!(marks(7.0, 4), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(marks(1_234.0, 4), [0.0, 500.0, 1_000.0, 1_500.0]);
        assert_eq!(marks(100.0, 2), [0.0, 50.0, 100.0]);
        assert_eq!(marks(f64::NAN, 2), [0.0, 0.5, 1.0]);
    }
}
