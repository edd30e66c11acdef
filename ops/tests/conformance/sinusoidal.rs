//! `SinusoidalEmbedding` against its reference.

use crate::angles::{self, Spaced, excess, frequencies, inputs, largest_error, slack};
#[cfg(feature = "cuda")]
use crate::angles_cuda as cuda;
use crate::common::{Runner, wide};
use crate::host::{Call, position_type};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::angle::Position;
use phasor_ops::contract::TensorType;
use phasor_ops::contract::angle::LARGEST_ANGLE;
use phasor_ops::contract::sinusoidal::{SPEC, SinusoidalAttributes, SinusoidalGeometry, reference};
use phasor_ops::simd::Element;
use phasor_ops::sinusoidal::{Embedded, SinusoidalKernel};

const PLAIN: SinusoidalAttributes = SinusoidalAttributes {
    interleaved: false,
    cos_first: false,
    amplitude: 1.0,
    width: 0,
    padding_position: None,
    precise: false,
};

/// Every layout, plain and scaled, rounded and precise.
fn layouts() -> impl Iterator<Item = SinusoidalAttributes> {
    (0..16).map(|bits| SinusoidalAttributes {
        interleaved: bits & 1 != 0,
        cos_first: bits & 2 != 0,
        amplitude: if bits & 4 != 0 { 0.707 } else { 1.0 },
        precise: bits & 8 != 0,
        ..PLAIN
    })
}

fn run<P: Position, T: Spaced + Embedded>(
    attributes: SinusoidalAttributes,
    runner: Runner,
    positions: (&[P], &[usize]),
    frequencies: (&[T], &[usize]),
) -> Vec<T> {
    let level = match runner {
        Runner::Cpu(level) => level,
        #[cfg(feature = "cuda")]
        Runner::Cuda => return cuda::embedding(attributes, positions, frequencies),
        Runner::Host(host) => {
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: inputs(positions, frequencies),
            };
            return call.on(host)[0].values();
        }
    };
    let kernel = SinusoidalKernel::with_level(attributes, level).expect("the level is available");
    let geometry = SinusoidalGeometry::new(&attributes, positions.1, frequencies.1).unwrap();
    // What is not written shows.
    let mut embedding = vec![T::from_f64(77.0); geometry.rows * geometry.width];
    let values = (&wide(frequencies.0)[..], frequencies.1);
    kernel.run(positions, values, &mut embedding).unwrap();
    embedding
}

/// Runs one call on all there is and compares.
fn check<P: Position, T: Spaced + Embedded>(
    attributes: SinusoidalAttributes,
    positions: (&[P], &[usize]),
    values: &[T],
) {
    let plain = SinusoidalAttributes {
        amplitude: 1.0,
        ..attributes
    };
    let wide_positions: Vec<f64> = positions.0.iter().map(|p| p.to_f64()).collect();
    let wide_values = wide(values);
    let expected = reference(
        &plain,
        T::TYPE,
        (&wide_positions, positions.1),
        (&wide_values, &[values.len()]),
    )
    .unwrap();
    let types = [
        position_type::<P>(),
        TensorType::F64,
        TensorType::Element(T::TYPE),
    ];
    let wide_positions = (&wide_positions[..], positions.1);
    for runner in runners().filter(|runner| runner.takes(&SPEC, &types)) {
        let slack = slack::<T>(runner, wide_positions, &wide_values, 1, attributes.precise);
        let Some(slack) = slack else {
            continue;
        };
        let got = run(attributes, runner, positions, (values, &[values.len()]));
        assert_eq!(got.len(), expected.len());
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let off = excess(*got, *expected, attributes.amplitude, slack);
            assert!(
                off <= 0.0,
                "{got:?} at {i}, expected {expected:e}, {off:e} too far: {runner:?} {attributes:?} {:?} by {} {:?}",
                positions.1,
                values.len(),
                T::TYPE
            );
        }
    }
}

fn every_type<P: Position>(
    attributes: SinusoidalAttributes,
    positions: (&[P], &[usize]),
    count: usize,
) {
    check(attributes, positions, &frequencies::<f32>(count));
    check(attributes, positions, &frequencies::<f16>(count));
    check(attributes, positions, &frequencies::<bf16>(count));
    check(attributes, positions, &frequencies::<f64>(count));
}

#[test]
fn every_number_of_frequencies() {
    let positions = [0i64, 1, 2, 7, 511, 4095, 131_071, -3];
    for count in (0..=20).chain([31, 32, 33, 40, 80]) {
        for attributes in layouts() {
            every_type(attributes, (&positions, &[2, 4]), count);
        }
    }
}

#[test]
fn widths_below_and_above() {
    let positions = [0i32, 3, 999, 12_345];
    for attributes in layouts() {
        for count in [0, 1, 2, 5, 8, 17, 33] {
            for width in 1..=2 * count + 4 {
                let attributes = SinusoidalAttributes {
                    width,
                    ..attributes
                };
                every_type(attributes, (&positions, &[4]), count);
            }
        }
    }
}

#[test]
fn every_type_of_positions() {
    fn all<P: Position>(positions: &[P]) {
        for attributes in layouts() {
            every_type(attributes, (positions, &[positions.len()]), 13);
        }
    }
    all(&[0i64, 1, 16_777_217, 2_147_483_647, -16_777_219]);
    all(&[0i32, 1, 16_777_217, i32::MAX, -16_777_219]);
    all(&[0f32, 0.5, 999.25, 1e9, -3.75]);
    all(&[0f64, 0.1, 999.999, 2_147_483_647.0, -3.7]);
}

#[test]
fn rows_of_the_padding_position_are_zero() {
    fn all<P: Position>(positions: &[P]) {
        for (padding, interleaved) in [(0, false), (1, true), (7, false)] {
            let attributes = SinusoidalAttributes {
                padding_position: Some(padding),
                interleaved,
                amplitude: 2.0,
                ..PLAIN
            };
            every_type(attributes, (positions, &[positions.len()]), 5);
            let width = SinusoidalAttributes {
                width: 13,
                ..attributes
            };
            every_type(width, (positions, &[positions.len()]), 5);
            // Whatever the frequencies.
            check(
                attributes,
                (positions, &[positions.len()]),
                &[f32::NAN, f32::INFINITY],
            );
        }
    }
    let many: Vec<i64> = (0..300).map(|i| i * i % 9).collect();
    all(&many);
    all(&[1i64, 1, 1]);
    all(&many.iter().map(|&i| i as i32).collect::<Vec<_>>());
    all(&[1f32, 0.999_999_94, 7.0, 7.000_000_5, -1.0, f32::NAN, -0.0]);
    all(&[1f64, 1.0 + f64::EPSILON, 7.0, 7.5, f64::INFINITY]);
    // As floats they would be the same.
    let near = SinusoidalAttributes {
        padding_position: Some(16_777_217),
        ..PLAIN
    };
    check(
        near,
        (&[16_777_216i64, 16_777_217], &[2]),
        &frequencies::<f32>(3),
    );
    // No position is taken for "none".
    check(PLAIN, (&[-1i64, 0], &[2]), &frequencies::<f32>(3));
}

/// The angle is that of a graph which multiplies in the arithmetic type: exactly, not about.
#[test]
fn without_precise_angles_are_rounded() {
    let position = 16_777_219i64;
    let value = f16::from_f64(0.731);
    for runner in runners().filter(Runner::is_kernel) {
        let got = run(PLAIN, runner, (&[position], &[1]), (&[value], &[1]));
        let angle = position as f32 * value.to_f32();
        assert!(excess(got[0], f64::from(angle).sin(), 1.0, 0.0) <= 0.0);
        assert!(excess(got[1], f64::from(angle).cos(), 1.0, 0.0) <= 0.0);
    }
}

#[test]
fn huge_positions_and_what_is_no_number() {
    for attributes in layouts() {
        let positions = [i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1, 1 << 31];
        check(
            attributes,
            (&positions, &[5]),
            &[1.0f32, 0.5, 0.0, 1e-9, 3.0],
        );
        check(attributes, (&positions, &[5]), &frequencies::<f16>(9));
        let positions = [f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40];
        let values = [
            1.0f32,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
            1e-45,
            LARGEST_ANGLE as f32,
            0.0,
            -2.2e9,
        ];
        check(attributes, (&positions, &[5]), &values);
        let positions = [1e3f64, f64::MAX, f64::INFINITY, f64::NAN, 1e-300];
        let values = [LARGEST_ANGLE, 2.2e9, 1e15, -3e200, f64::MAX, f64::NAN, 1.0];
        check(attributes, (&positions, &[5]), &values);
        let values = [65504.0, f64::INFINITY, f64::NAN, 6e-8, 0.0].map(f16::from_f64);
        check(attributes, (&positions, &[5]), &values);
        let values = [3e38, f64::INFINITY, f64::NAN, 1e-40, 0.0].map(bf16::from_f64);
        check(attributes, (&positions, &[5]), &values);
    }
}

#[test]
fn nothing_to_do() {
    let zeros = SinusoidalAttributes { width: 3, ..PLAIN };
    for (attributes, positions, count) in [(PLAIN, 0, 4), (PLAIN, 3, 0), (zeros, 3, 0)] {
        let values = vec![1i64; positions];
        every_type(attributes, (&values, &[positions]), count);
    }
    check(PLAIN, (&[3i64], &[]), &frequencies::<f32>(4));
    check(
        PLAIN,
        (&[] as &[i64], &[0, isize::MAX as usize]),
        &[] as &[f32],
    );
}

/// A result depends neither on which others are computed with it nor on where a call is cut.
#[test]
fn neighbours_do_not_matter() {
    let values = frequencies::<f32>(19);
    let positions: Vec<i64> = (0..200).map(|i| i * i * i * 31 - 5).collect();
    for attributes in layouts() {
        for runner in runners().filter(Runner::is_kernel) {
            let all = run(
                attributes,
                runner,
                (&positions, &[200]),
                (&values, &[values.len()]),
            );
            for (position, row) in positions.iter().zip(all.chunks(38)) {
                let alone = run(
                    attributes,
                    runner,
                    (&[*position], &[1]),
                    (&values, &[values.len()]),
                );
                assert_eq!(alone, row, "{runner:?} {attributes:?} {position}");
                let single = run(
                    attributes,
                    runner,
                    (&[*position], &[1]),
                    (&values[7..8], &[1]),
                );
                let (sin, cos) = if attributes.interleaved {
                    (14, 15)
                } else {
                    (7, 26)
                };
                assert_eq!(single, [row[sin], row[cos]], "{runner:?} {attributes:?}");
            }
        }
    }
}

#[test]
fn slices_that_do_not_fit_are_refused() {
    let kernel = SinusoidalKernel::new(PLAIN);
    let mut embedding = [0f32; 8];
    let mut run = |positions: (&[i64], &[usize]), values: (&[f64], &[usize])| {
        let result = kernel.run(positions, values, &mut embedding);
        result.unwrap_err().to_string()
    };
    assert!(run((&[1], &[2]), (&[1.0, 2.0], &[2])).contains("positions has 1 elements"));
    assert!(run((&[1, 2], &[2]), (&[1.0], &[2])).contains("frequencies has 1 elements"));
    assert!(run((&[1], &[1]), (&[1.0], &[1])).contains("embedding has 8 elements"));
}

/// The largest error of all there is, in units in the last place of `f32`.
fn worst(attributes: SinusoidalAttributes, positions: &[i64], values: &[f32]) -> f64 {
    let shapes = ([positions.len()], [values.len()]);
    let wide_positions: Vec<f64> = positions.iter().map(|&p| p as f64).collect();
    let expected = reference(
        &attributes,
        f32::TYPE,
        (&wide_positions, &shapes.0),
        (&wide(values), &shapes.1),
    )
    .unwrap();
    let (positions, values) = ((positions, &shapes.0[..]), (values, &shapes.1[..]));
    let errors = runners()
        .filter(Runner::is_kernel)
        .map(|runner| largest_error(&run(attributes, runner, positions, values), &expected));
    errors.fold(0.0, f64::max)
}

#[test]
#[ignore = "takes minutes"]
fn every_angle() {
    angles::every_angle(|values| worst(PLAIN, &[1], values));
}

#[test]
#[ignore = "takes minutes"]
fn every_position() {
    let precise = SinusoidalAttributes {
        precise: true,
        interleaved: true,
        ..PLAIN
    };
    angles::every_position(|positions, values| worst(precise, positions, values));
}
