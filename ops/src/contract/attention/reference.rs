//! `Attention`, written for reading.

use super::{AttentionAttributes, AttentionGeometry, INPUTS};
use crate::contract::ContractError;
use crate::contract::spec::names;
use crate::contract::tensor::check_size;

/// A tensor: elements, dense in row-major order, and sizes.
type Tensor<'a, T> = (&'a [T], &'a [usize]);

/// `Y` in `f64`. `q`, `k`, `v` and `bias` are exact in it; what the promises say is hidden is computed like anything else.
///
/// # Errors
/// [`ContractError::Shape`] for shapes that do not fit each other, and slices that do not fit their shapes.
pub fn reference(
    attributes: &AttentionAttributes,
    q: Tensor<'_, f64>,
    k: Tensor<'_, f64>,
    v: Tensor<'_, f64>,
    bias: Tensor<'_, f64>,
    mask: Tensor<'_, bool>,
) -> Result<Vec<f64>, ContractError> {
    let geometry = AttentionGeometry::new([q.1, k.1, v.1, bias.1, mask.1])?;
    for (name, tensor) in names(&INPUTS).into_iter().zip([q, k, v, bias]) {
        check_size(name, tensor)?;
    }
    check_size(names(&INPUTS)[4], mask)?;
    let AttentionGeometry {
        batch,
        heads,
        key_heads,
        queries,
        keys,
        channels,
        values,
        ..
    } = geometry;
    let [scale, softcap, fill] =
        [attributes.scale, attributes.softcap, attributes.fill].map(f64::from);

    let mut output = Vec::new();
    for b in 0..batch {
        for n in 0..heads {
            let key_head = b * key_heads + n / geometry.group();
            for i in 0..queries {
                let query = &q.0[((b * heads + n) * queries + i) * channels..][..channels];
                let score = |j: usize| {
                    let key = key_head * geometry.own_keys() + geometry.key(j);
                    let key = &k.0[key * channels..][..channels];
                    let products = query.iter().zip(key).map(|(q, k)| scale * q * k);
                    let mut score: f64 = products.sum();
                    if softcap != 0.0 {
                        score = softcap * (score / softcap).tanh();
                    }
                    score += bias.0[geometry.bias.row(b, n, i) + j * geometry.bias.steps[3]];
                    if mask.0[geometry.mask.row(b, n, i) + j * geometry.mask.steps[3]] {
                        score
                    } else {
                        fill
                    }
                };
                let mut row: Vec<f64> = (0..keys).map(score).collect();
                softmax(&mut row);
                let zero = attributes.zero_nan_rows && row.first().is_some_and(|p| p.is_nan());
                for channel in 0..values {
                    let value = |j: usize| v.0[(key_head * keys + j) * values + channel];
                    let terms = row.iter().enumerate().map(|(j, p)| p * value(j));
                    // From a positive zero, as a sum over no keys is one.
                    output.push(if zero {
                        0.0
                    } else {
                        terms.fold(0.0, |y, t| y + t)
                    });
                }
            }
        }
    }
    Ok(output)
}

/// Scores to probabilities. Where the largest score is infinite, or one is NaN, all are NaN.
fn softmax(row: &mut [f64]) {
    let nan = row.iter().any(|s| s.is_nan());
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let largest = if nan { f64::NAN } else { largest };
    row.iter_mut().for_each(|s| *s = (*s - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|p| *p /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITE: f64 = f64::INFINITY;

    /// One query of one channel, keys and values with one channel, a mask.
    fn one(
        attributes: AttentionAttributes,
        (keys, values): (&[f64], &[f64]),
        bias: &[f64],
        mask: &[bool],
    ) -> f64 {
        let shape = [1, 1, keys.len(), 1];
        let y = reference(
            &attributes,
            (&[1.0], &[1, 1, 1, 1]),
            (keys, &shape),
            (values, &shape),
            (bias, &[bias.len()]),
            (mask, &[mask.len()]),
        );
        y.unwrap()[0]
    }

    fn close(y: f64, expected: f64) {
        assert!((y - expected).abs() < 1e-12, "{y} {expected}");
    }

    #[test]
    fn probabilities_weigh_values() {
        let default = AttentionAttributes::default();
        let keys = (&[0.0, 2f64.ln()][..], &[3.0, 6.0][..]);
        close(one(default, keys, &[0.0], &[true]), 5.0);
        close(one(default, keys, &[2f64.ln(), 0.0], &[true]), 4.5);
        close(one(default, keys, &[0.0], &[true, false]), 3.0);
        let scaled = AttentionAttributes {
            scale: 2.0,
            ..default
        };
        close(one(scaled, keys, &[0.0], &[true]), (3.0 + 4.0 * 6.0) / 5.0);
        let capped = AttentionAttributes {
            softcap: 0.5,
            ..default
        };
        let weight = (0.5 * (2f64.ln() / 0.5).tanh()).exp();
        let expected = (3.0 + 6.0 * weight) / (1.0 + weight);
        close(one(capped, keys, &[0.0], &[true]), expected);
        // The cap comes before the bias.
        close(one(capped, keys, &[-1e9, 0.0], &[true]), 6.0);
    }

    /// Rows without a visible key, as each spelling of a mask has them.
    #[test]
    fn rows_without_a_visible_key() {
        let keys = (&[0.0, 2f64.ln()][..], &[3.0, 6.0][..]);
        let with = |fill, zero_nan_rows| AttentionAttributes {
            fill,
            zero_nan_rows,
            ..Default::default()
        };
        let infinite = f32::NEG_INFINITY;
        // In place: their mean. Added: softmax of what the type keeps of the sums.
        close(one(with(-1e9, false), keys, &[0.0], &[false]), 4.5);
        close(one(with(infinite, false), keys, &[-1024.0], &[true]), 5.0);
        let least = f64::from(f32::MIN);
        close(one(with(infinite, false), keys, &[least], &[true]), 4.5);
        assert!(one(with(infinite, false), keys, &[0.0], &[false]).is_nan());
        assert!(one(with(infinite, false), keys, &[-INFINITE], &[true]).is_nan());
        close(one(with(infinite, true), keys, &[0.0], &[false]), 0.0);
        close(one(with(infinite, true), keys, &[-INFINITE], &[true]), 0.0);
    }

    #[test]
    fn what_is_not_a_number() {
        let guarded = AttentionAttributes {
            zero_nan_rows: true,
            ..Default::default()
        };
        for bias in [f64::NAN, INFINITE] {
            let keys = (&[0.0, 1.0][..], &[3.0, 6.0][..]);
            assert_eq!(one(guarded, keys, &[0.0, bias], &[true]), 0.0);
            assert!(one(Default::default(), keys, &[0.0, bias], &[true]).is_nan());
        }
        // A value that is not finite is not guarded against: it is multiplied by its probability, be that zero.
        let keys = (&[0.0, 1.0][..], &[3.0, INFINITE][..]);
        assert_eq!(one(guarded, keys, &[0.0], &[true]), INFINITE);
        assert!(one(guarded, keys, &[0.0], &[true, false]).is_nan());
    }

    #[test]
    fn sums_over_nothing_are_zero() {
        for zero_nan_rows in [false, true] {
            let attributes = AttentionAttributes {
                zero_nan_rows,
                ..Default::default()
            };
            let y = reference(
                &attributes,
                (&[1.0, 2.0], &[1, 2, 1, 1]),
                (&[], &[1, 1, 0, 1]),
                (&[], &[1, 1, 0, 3]),
                (&[], &[0]),
                (&[true], &[1, 1]),
            );
            assert_eq!(y.unwrap(), [0.0; 6]);
        }
        // No channel: all scores are zero.
        let y = reference(
            &AttentionAttributes::default(),
            (&[], &[1, 1, 1, 0]),
            (&[], &[1, 1, 2, 0]),
            (&[1.0, 2.0], &[1, 1, 2, 1]),
            (&[0.0], &[]),
            (&[true], &[]),
        );
        assert_eq!(y.unwrap(), [1.5]);
    }

    #[test]
    fn heads_share_keys() {
        let y = reference(
            &AttentionAttributes::default(),
            (&[0.0; 4], &[1, 4, 1, 1]),
            (&[0.0; 2], &[1, 2, 1, 1]),
            (&[3.0, 6.0], &[1, 2, 1, 1]),
            (&[0.0], &[1]),
            (&[true], &[1]),
        );
        assert_eq!(y.unwrap(), [3.0, 3.0, 6.0, 6.0]);
    }
}
