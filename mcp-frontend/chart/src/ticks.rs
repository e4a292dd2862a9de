//! Where the ticks of an axis lie.

/// Round numbers between `min` and `max`, about `wanted` of them, and how far apart they are; only whole ones if
/// `integral`.
pub(crate) fn linear(min: f64, max: f64, wanted: usize, integral: bool) -> (f64, Vec<f64>) {
    let step = step((max - min) / wanted.max(1) as f64, integral);
    (step, multiples(min, max, step))
}

/// The smallest round number that is not below `least`.
fn step(least: f64, integral: bool) -> f64 {
    let magnitude = 10_f64.powf(least.log10().floor());
    let steps: &[f64] =
        if integral && magnitude < 10.0 { &[1.0, 2.0, 5.0, 10.0] } else { &[1.0, 2.0, 2.5, 5.0, 10.0] };
    // A hair's breadth, for what was divided and multiplied again.
    let round = steps.iter().map(|step| step * magnitude).find(|step| *step >= least * (1.0 - 1e-9));
    let round = round.unwrap_or(10.0 * magnitude);
    if integral { round.max(1.0) } else { round }
}

/// The multiples of `step` from `min` to `max`.
pub(crate) fn multiples(min: f64, max: f64, step: f64) -> Vec<f64> {
    let hair = 1e-9;
    let (first, last) = ((min / step - hair).ceil(), (max / step + hair).floor());
    // Beyond it, doubles lie further apart than the step.
    if !(last - first).is_finite() || first.abs().max(last.abs()) > 1e15 {
        return vec![min, max];
    }
    (0..=(last - first).max(0.0) as u32).map(|index| (first + f64::from(index)) * step).collect()
}

/// A round step, and the range widened to multiples of it.
pub(crate) fn widened(min: f64, max: f64, wanted: usize, integral: bool) -> (f64, f64, f64) {
    let step = step((max - min) / wanted.max(1) as f64, integral);
    let hair = 1e-9;
    let (low, high) = ((min / step + hair).floor() * step, (max / step - hair).ceil() * step);
    if low.is_finite() && high.is_finite() { (step, low, high) } else { (step, min, max) }
}

/// Powers of ten between two positive numbers, with 2 and 5 times them where there is room for them.
pub(crate) fn logarithmic(min: f64, max: f64, wanted: usize) -> Vec<f64> {
    let (first, last) = (min.log10().floor() as i32, max.log10().ceil() as i32);
    let decades = (last - first).max(1) as usize;
    let factors: &[f64] = if decades * 3 <= wanted { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = decades.div_ceil(wanted.max(1)) as i32;
    let hair = 1e-9;
    let within = |tick: &f64| *tick >= min * (1.0 - hair) && *tick <= max * (1.0 + hair);
    let ticks: Vec<f64> = (first..=last)
        .filter(|exponent| exponent.rem_euclid(every) == 0)
        .flat_map(|exponent| factors.iter().map(move |factor| factor * 10_f64.powi(exponent)))
        .filter(within)
        .collect();
    // Within a decade there may be none.
    if ticks.len() < 2 { linear(min, max, wanted, false).1 } else { ticks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(linear(0.0, 10.0, 5, false), (2.0, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]));
        assert_eq!(linear(-0.3, 0.9, 4, false).1, [0.0, 0.5]);
        assert_eq!(linear(-7.0, 13.0, 4, false).1, [-5.0, 0.0, 5.0, 10.0]);
    }

    #[test]
    fn ticks_between_whole_numbers_are_whole() {
        assert_eq!(linear(0.0, 2.0, 8, true).1, [0.0, 1.0, 2.0]);
        assert_eq!(linear(2019.0, 2024.0, 2, true).1, [2020.0]);
    }

    #[test]
    fn numbers_that_doubles_hardly_tell_apart_have_ticks_too() {
        let (_, ticks) = linear(1e17, 1e17 + 64.0, 5, false);

        assert!(ticks.len() <= 8, "{ticks:?}");
    }

    #[test]
    fn a_range_is_widened_to_round_numbers() {
        assert_eq!(widened(-3.0, 97.0, 5, false), (20.0, -20.0, 100.0));
        assert_eq!(widened(0.0, 100.0, 5, false), (20.0, 0.0, 100.0));
    }

    #[test]
    fn powers_of_ten_are_thinned_or_filled() {
        assert_eq!(logarithmic(1.0, 1000.0, 4), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(logarithmic(1.0, 20.0, 6), [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(logarithmic(1.0, 1e12, 5).len(), 5);
        assert!(logarithmic(3.0, 4.0, 5).len() >= 2);
    }
}
