//! `RotaryEmbedding` against its reference.

use crate::common::{Limits, Random, Runner, Values, wide, with_last};
use crate::host::{Call, Tensor};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::contract::rotary::{RotaryAttributes, SPEC, UNIT_ERROR, reference};
use phasor_ops::contract::{ElementType, TensorType};
use phasor_ops::rotary::{RotaryKernel, WithTables};
use phasor_ops::simd::Element;

#[cfg(feature = "cuda")]
#[path = "rotary_cuda.rs"]
pub(crate) mod cuda;

#[derive(Clone, Debug)]
struct Case {
    attributes: RotaryAttributes,
    x: Vec<usize>,
    cos: Vec<usize>,
    sin: Vec<usize>,
    values: Values,
}

/// One tensor turned, apart or in place; where a runner knows no such thing that changes nothing.
pub(crate) fn turned<T: WithTables<TT> + Limits, TT: Element + Limits>(
    attributes: RotaryAttributes,
    runner: Runner,
    (x, shape): (&[T], &[usize]),
    [cos, sin]: [(&[TT], &[usize]); 2],
    in_place: bool,
) -> Vec<T> {
    match runner {
        Runner::Cpu(level) => {
            let kernel =
                RotaryKernel::with_level(attributes, level).expect("the level is available");
            let mut y = if in_place {
                x.to_vec()
            } else {
                vec![T::from_f64(7.0); x.len()]
            };
            if in_place {
                kernel.run_in_place((&mut y, shape), cos, sin).unwrap();
            } else {
                kernel.run((x, shape), cos, sin, &mut y).unwrap();
            }
            y
        }
        #[cfg(feature = "cuda")]
        Runner::Cuda => {
            let [y] = cuda::turned(&attributes, [(x, shape)], cos, sin, [in_place]);
            y
        }
        Runner::Host(host) => {
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: vec![Tensor::of((x, shape)), Tensor::of(cos), Tensor::of(sin)],
            };
            call.on(host)[0].values()
        }
    }
}

/// Runs a case, apart and in place, and compares.
fn check<T: WithTables<TT> + Limits, TT: Element + Limits>(case: &Case, runner: Runner, seed: u64) {
    let types = [T::TYPE, TT::TYPE].map(TensorType::Element);
    if !runner.takes(&SPEC, &types) {
        return;
    }
    let mut random = Random(seed);
    let x: Vec<T> = random.tensor(&case.x, 4.0, case.values);
    let cos: Vec<TT> = random.tensor(&case.cos, 1.0, case.values);
    let sin: Vec<TT> = random.tensor(&case.sin, 1.0, case.values);
    let context = || format!("{case:?} {:?} {:?} {runner:?}", T::TYPE, TT::TYPE);

    let tables = [(&cos[..], &case.cos[..]), (&sin, &case.sin)];
    let turn = |in_place| turned(case.attributes, runner, (&x, &case.x), tables, in_place);
    let y = turn(false);
    // A host chooses itself.
    let at = if runner.is_kernel() {
        turn(true)
    } else {
        y.clone()
    };
    for (i, (a, b)) in y.iter().zip(&at).enumerate() {
        // Which NaN comes out of several is the compiler's choice.
        let same =
            a.bit_pattern() == b.bit_pattern() || (a.to_f64().is_nan() && b.to_f64().is_nan());
        assert!(same, "{a:?} apart, {b:?} in place at {i}: {}", context());
    }

    let size = |v: &[f64]| v.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let refer = |attributes: &RotaryAttributes, x: &[f64], cos: &[f64], sin: &[f64]| {
        reference(attributes, x, &case.x, cos, &case.cos, sin, &case.sin).unwrap()
    };
    let (x64, cos64, sin64) = (wide(&x), wide(&cos), wide(&sin));
    let expected = refer(&case.attributes, &x64, &cos64, &sin64);
    // |a c| + |b s|: one of the two directions adds, for each member of the pair.
    let sums = [false, true].map(|inverse| {
        refer(
            &RotaryAttributes {
                inverse,
                ..case.attributes
            },
            &size(&x64),
            &size(&cos64),
            &size(&sin64),
        )
    });
    let (epsilon, largest, smallest) = T::ARITHMETIC;
    let channels = *case.x.last().unwrap();
    let first = case.attributes.rotary_offset;
    let rotated = match case.attributes.rotary_dim {
        0 => channels - first,
        r => r,
    };
    for (i, got) in y.iter().enumerate() {
        let channel = i % channels;
        if channel < first || channel >= first + rotated {
            assert_eq!(
                got.bit_pattern(),
                x[i].bit_pattern(),
                "copied channel at {i}: {}",
                context()
            );
            continue;
        }
        let got = got.to_f64();
        let sum = sums[0][i].max(sums[1][i]);
        if expected[i].is_nan() {
            // The reference's own products may overflow where a fused one does not.
            let overflowed = T::TYPE == ElementType::F64 && sum.is_infinite() && got.is_infinite();
            assert!(
                got.is_nan() || overflowed,
                "{got} is not NaN at {i}: {}",
                context()
            );
        } else if sum.is_finite() && sum < 0.999 * largest {
            let bound = UNIT_ERROR * (1.0 + 1e-6) * epsilon * sum + smallest;
            // Rounding to T is monotonic: it takes the interval of the arithmetic to that of the result.
            let low = T::from_f64(expected[i] - bound).to_f64();
            let high = T::from_f64(expected[i] + bound).to_f64();
            assert!(
                low <= got && got <= high,
                "{got:e} at {i}, expected {:e} (from {low:e} to {high:e}): {}",
                expected[i],
                context()
            );
        } else if expected[i].is_infinite() && T::TYPE != ElementType::F64 {
            // The products of finite numbers do not overflow in the reference: an input is infinite.
            assert!(
                got == expected[i] || got.is_nan(),
                "{got} at {i}, expected {}: {}",
                expected[i],
                context()
            );
        }
    }
}

fn check_all_types(case: &Case, runner: Runner, seed: u64) {
    check::<f32, f32>(case, runner, seed);
    check::<f16, f16>(case, runner, seed);
    check::<f16, f32>(case, runner, seed);
    check::<bf16, bf16>(case, runner, seed);
    check::<bf16, f32>(case, runner, seed);
    check::<f64, f64>(case, runner, seed);
    check::<f64, f32>(case, runner, seed);
}

/// Runs cases on everything there is.
fn run(cases: &[Case]) {
    for runner in runners() {
        for (i, case) in cases.iter().enumerate() {
            check_all_types(case, runner, i as u64);
        }
    }
}

/// All layouts in and out, both directions.
fn directions() -> impl Iterator<Item = RotaryAttributes> {
    (0..16).filter(|i| i & 3 != 3).map(|i| RotaryAttributes {
        interleaved: i & 4 != 0,
        output_interleaved: [None, Some(false), Some(true)][i & 3],
        inverse: i & 8 != 0,
        ..Default::default()
    })
}

#[test]
fn every_size_of_a_half() {
    let mut cases = Vec::new();
    for half in (1..=40).chain([48, 56, 63, 64, 65, 80, 96, 128, 130]) {
        for attributes in directions() {
            for width in [half, 2 * half] {
                cases.push(Case {
                    attributes,
                    x: vec![2, 3, 2 * half],
                    cos: vec![3, width],
                    sin: vec![3, width],
                    values: Values::Ordinary,
                });
            }
        }
    }
    run(&cases);
}

#[test]
fn every_broadcast() {
    // The leading axes of a table: each either whole or one, any number of them.
    let leads = |x: &[usize]| {
        let mut all = Vec::new();
        for rank in 0..=x.len() {
            for ones in 0..1 << rank {
                let axis = |i: usize| {
                    if ones >> i & 1 == 1 {
                        1
                    } else {
                        x[x.len() - rank + i]
                    }
                };
                all.push((0..rank).map(axis).collect::<Vec<_>>());
            }
        }
        all
    };
    let mut cases = Vec::new();
    for x in [
        &[][..],
        &[5],
        &[3, 4],
        &[2, 3, 4],
        &[2, 1, 3],
        &[2, 3, 2, 3],
    ] {
        let attributes = RotaryAttributes {
            interleaved: x.len() % 2 == 1,
            ..Default::default()
        };
        let all = leads(x);
        for (i, cos) in all.iter().enumerate() {
            for (j, sin) in all.iter().enumerate() {
                if x.len() > 3 && (i + j) % 3 != 0 {
                    continue;
                }
                let width = if (i + j) % 2 == 0 { 3 } else { 6 };
                cases.push(Case {
                    attributes,
                    x: with_last(x, 6),
                    cos: with_last(cos, width),
                    sin: with_last(sin, width),
                    values: Values::Ordinary,
                });
            }
        }
    }
    run(&cases);
}

#[test]
fn part_of_the_channels() {
    let mut cases = Vec::new();
    for (rotary_dim, rotary_offset, channels) in [
        (4, 0, 9),
        (4, 3, 7),
        (0, 5, 21),
        (16, 1, 20),
        (32, 0, 80),
        (64, 64, 192),
        (20, 4, 24),
        (0, 8, 8),
        (2, 0, 3),
    ] {
        let rotated = if rotary_dim == 0 {
            channels - rotary_offset
        } else {
            rotary_dim
        };
        for attributes in directions() {
            for width in [rotated / 2, rotated] {
                cases.push(Case {
                    attributes: RotaryAttributes {
                        rotary_dim,
                        rotary_offset,
                        ..attributes
                    },
                    x: vec![2, 2, 3, channels],
                    cos: vec![2, 1, 3, width],
                    sin: vec![3, width],
                    values: Values::Ordinary,
                });
            }
        }
    }
    run(&cases);
}

#[test]
fn special_values() {
    let mut cases = Vec::new();
    for attributes in directions() {
        for (half, channels) in [(5, 13), (16, 32), (64, 128)] {
            for width in [half, 2 * half] {
                cases.push(Case {
                    attributes: RotaryAttributes {
                        rotary_dim: 2 * half,
                        ..attributes
                    },
                    x: vec![7, channels],
                    cos: vec![7, width],
                    sin: vec![7, width],
                    values: Values::Special,
                });
            }
        }
    }
    run(&cases);
}

#[test]
fn empty_tensors() {
    let mut cases = Vec::new();
    for attributes in directions() {
        for (x, table) in [
            (&[0, 8][..], &[4][..]),
            (&[2, 0, 3, 8], &[3, 8]),
            (&[3, 0], &[0]),
            (&[2, 0], &[2, 0]),
        ] {
            cases.push(Case {
                attributes,
                x: x.to_vec(),
                cos: table.to_vec(),
                sin: table.to_vec(),
                values: Values::Ordinary,
            });
        }
    }
    run(&cases);
}

#[test]
fn sizes_of_real_models() {
    let mut cases = Vec::new();
    for (x, table) in [
        (&[1, 8, 300, 128][..], &[1, 1, 300, 128][..]),
        (&[2, 100, 12, 64], &[2, 100, 1, 32]),
        (&[1, 4, 200, 256], &[200, 128]),
        (&[150, 2, 8, 80], &[150, 1, 1, 40]),
    ] {
        for interleaved in [false, true] {
            let attributes = RotaryAttributes {
                interleaved,
                ..Default::default()
            };
            cases.push(Case {
                attributes,
                x: x.to_vec(),
                cos: table.to_vec(),
                sin: table.to_vec(),
                values: Values::Ordinary,
            });
        }
    }
    run(&cases);
}
