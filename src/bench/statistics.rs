//! Medians, and how well they are known.

/// The median; NaN of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

/// Order statistics between which the true median lies with a probability of at least 0.95, whatever the distribution: it is below the
/// k-th smallest of n values where less than k are below it, which a binomial distribution tells. The extremes of less than six values.
pub(super) fn interval(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 {
        return [f64::NAN; 2];
    }
    // The probability of exactly k below, from k = 0 on.
    let mut chance = 0.5f64.powi(n.try_into().unwrap_or(i32::MAX));
    let (mut below, mut outer) = (0.0, 0);
    for k in 0..n / 2 {
        below += chance;
        if below > 0.025 {
            break;
        }
        outer = k;
        chance *= (n - k) as f64 / (k + 1) as f64;
    }
    [values[outer], values[n - 1 - outer]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_intervals() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        let upto = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        assert_eq!(interval(upto(3)), [1.0, 3.0]);
        // By tables of the sign test: of 7 values the extremes, of 9 the second ones, of 20 the sixth.
        assert_eq!(interval(upto(7)), [1.0, 7.0]);
        assert_eq!(interval(upto(9)), [2.0, 8.0]);
        assert_eq!(interval(upto(20)), [6.0, 15.0]);
    }
}
