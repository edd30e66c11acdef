//! `Attention` against its reference.

use crate::attended::{Inputs, ROWS, Sizes, check, check_all, plain, shared, sizes};
use crate::common::Random;
use half::{bf16, f16};
use phasor_ops::contract::attention::{AttentionAttributes, AttentionGeometry};

#[test]
fn every_number_of_channels() {
    for queries in ROWS {
        for count in (0..=35).chain([40, 63, 64, 65, 80, 128, 130]) {
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes(queries, 5, count, 4),
                None,
                None
            ));
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes(queries, 5, 4, count),
                None,
                None
            ));
        }
    }
}

#[test]
fn every_number_of_keys() {
    for queries in ROWS {
        for keys in (0..=70).chain([127, 128, 129, 511, 512, 513, 516, 1030]) {
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes(queries, keys, 8, 8),
                Some(&[keys]),
                Some(&[queries, keys])
            ));
        }
    }
}

#[test]
fn every_number_of_queries() {
    for queries in (0..=70).chain([127, 128, 129, 200]) {
        for key_heads in [4, 2, 1] {
            let sizes = shared(4, key_heads, queries, 9);
            check_all!(plain(), |T| Inputs::<T>::random(sizes, None, None));
        }
    }
}

#[test]
fn heads_share_keys() {
    for (heads, key_heads) in [
        (1, 1),
        (3, 3),
        (6, 2),
        (7, 1),
        (12, 3),
        (20, 1),
        (0, 0),
        (0, 2),
    ] {
        for queries in [1, 2, 5, 40] {
            let sizes = shared(heads, key_heads, queries, 33);
            check_all!(plain(), |T| Inputs::<T>::random(sizes, None, None));
            let each = [2, heads, queries, 33];
            check_all!(plain(), |T| Inputs::<T>::random(
                sizes,
                Some(&each),
                Some(&each)
            ));
        }
    }
}

#[test]
fn biases_and_masks_broadcast() {
    let (heads, keys) = (4, 75);
    for queries in [1, 3, 35, 70] {
        let shapes: [&[usize]; 12] = [
            &[],
            &[1],
            &[keys],
            &[queries, 1],
            &[queries, keys],
            &[1, keys],
            &[heads, 1, 1],
            &[heads, queries, keys],
            &[2, 1, 1, keys],
            &[1, 1, queries, keys],
            &[2, heads, 1, keys],
            &[2, heads, queries, keys],
        ];
        for (at, shape) in shapes.into_iter().enumerate() {
            let sizes = shared(heads, 2, queries, keys);
            let other = shapes[(at * 5 + 1) % shapes.len()];
            let fill = AttentionAttributes {
                fill: -3.0,
                ..plain()
            };
            check_all!(fill, |T| Inputs::<T>::random(
                sizes,
                Some(shape),
                Some(other)
            ));
            check_all!(fill, |T| Inputs::<T>::random(sizes, None, Some(shape)));
        }
    }
}

/// What is promised to be hidden, by a mask and by a bias, with more keys than queries and fewer.
#[test]
fn promises_are_kept() {
    let low = f64::from(f32::MIN);
    for (queries, keys) in [
        (1, 1),
        (1, 90),
        (4, 600),
        (70, 70),
        (40, 300),
        (150, 20),
        (200, 200),
    ] {
        for (causal, window_left, window_right) in [
            (true, None, None),
            (true, Some(20), None),
            (false, Some(3), Some(2)),
            (false, None, Some(0)),
            (false, Some(70), Some(70)),
        ] {
            for fill in [f32::NEG_INFINITY, f32::MIN, -1e9] {
                let attributes = AttentionAttributes {
                    causal,
                    window_left,
                    window_right,
                    fill,
                    ..plain()
                };
                let sizes = shared(4, 2, queries, keys);
                let plain = Inputs::<f32>::random(sizes, None, None);
                let mut shapes = plain.shapes();
                let rows = [queries, keys];
                shapes[4] = &rows;
                let geometry = AttentionGeometry::new(shapes).unwrap();
                // Beside it some padding, which leaves rows without a visible key.
                let seen = |i, j| geometry.promised(&attributes, i).contains(&j) && j % 11 > 1;
                check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                    .seeing(seen));
                for low in [low, f64::NEG_INFINITY] {
                    // Lower than the lowest of a half type is minus infinity.
                    check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                        .seeing(seen)
                        .by_bias(low));
                }
            }
        }
    }
}

#[test]
fn rows_without_a_visible_key() {
    for queries in ROWS {
        for fill in [f32::NEG_INFINITY, f32::MIN, -65504.0, -1e4, 0.0] {
            for zero_nan_rows in [false, true] {
                let attributes = AttentionAttributes {
                    fill,
                    zero_nan_rows,
                    ..plain()
                };
                let sizes = shared(2, 1, queries, 90);
                let nothing = |i: usize, j: usize| i % 3 == 1 && j % 5 == 1;
                check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None)
                    .seeing(nothing));
                if f64::from(fill) < -1e30 {
                    let low = f64::from(fill);
                    let inputs = Inputs::random(sizes, None, None).seeing(nothing);
                    check::<f32>(attributes, &inputs.by_bias(low));
                }
            }
        }
    }
}

#[test]
fn scores_are_scaled_and_bounded() {
    for queries in ROWS {
        for (scale, softcap) in [(1.0, 0.0), (-0.5, 0.0), (0.0, 0.0), (0.5, 3.0), (0.1, 50.0)] {
            let attributes = AttentionAttributes {
                scale,
                softcap,
                ..plain()
            };
            let sizes = sizes(queries, 70, 16, 8);
            check_all!(attributes, |T| Inputs::<T>::random(
                sizes,
                Some(&[70]),
                Some(&[70])
            ));
        }
    }
}

/// Scores that are NaN and infinite make their rows NaN, or zero; values that are, are weighed.
#[test]
fn what_is_not_finite() {
    for queries in ROWS {
        for zero_nan_rows in [false, true] {
            let attributes = AttentionAttributes {
                zero_nan_rows,
                ..plain()
            };
            for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                macro_rules! with {
                    ($part:ident, $at:expr) => {
                        check_all!(attributes, |T| {
                            let mut inputs =
                                Inputs::<T>::random(sizes(queries, 90, 8, 8), Some(&[90]), None);
                            inputs.$part.0[$at] =
                                <T as phasor_ops::simd::Element>::from_f64(special);
                            inputs
                        })
                    };
                }
                with!(bias, 70);
                with!(q, 3);
                with!(v, 333);
                with!(k, 444);
            }
        }
    }
}

/// The sizes that the bound is stated for.
#[test]
fn large_sizes() {
    for (queries, keys, channels) in [(1, 4096, 256), (66, 4096, 64), (20, 1500, 256)] {
        let scale = 1.0 / (channels as f32).sqrt();
        let attributes = AttentionAttributes { scale, ..plain() };
        let sizes = sizes(queries, keys, channels, 48);
        check_all!(attributes, |T| Inputs::<T>::random(sizes, None, None));
    }
}

#[test]
fn random_cases() {
    let mut random = Random(2026);
    for _ in 0..200 {
        let mut below = |n: u64| (random.bits() % n) as usize;
        let key_heads = 1 + below(3);
        let sizes = Sizes {
            batch: 1 + below(2),
            heads: key_heads * (1 + below(4)),
            key_heads,
            queries: 1 + below(90),
            keys: 1 + below(150),
            channels: below(40),
            values: below(40),
        };
        let mut shape = || {
            let full = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
            let from = below(5);
            let some = full[from..].iter().map(|&size| match below(3) {
                0 => 1,
                _ => size,
            });
            some.collect::<Vec<_>>()
        };
        let (bias, mask) = (shape(), shape());
        let attributes = AttentionAttributes {
            fill: [f32::NEG_INFINITY, f32::MIN, -1e4][below(3)],
            zero_nan_rows: below(2) == 0,
            softcap: [0.0, 5.0][below(2)],
            ..plain()
        };
        check_all!(attributes, |T| Inputs::<T>::random(
            sizes,
            Some(&bias),
            Some(&mask)
        ));
    }
}
