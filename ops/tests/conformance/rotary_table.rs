//! `RotaryTable` against its reference.

use crate::angles::{self, Spaced, excess, frequencies, inputs, largest_error, slack};
#[cfg(feature = "cuda")]
use crate::angles_cuda as cuda;
use crate::common::{Random, Runner, wide};
use crate::host::{Call, position_type};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::angle::Position;
use phasor_ops::contract::TensorType;
use phasor_ops::contract::angle::LARGEST_ANGLE;
use phasor_ops::contract::rotary_table::{
    RotaryTableAttributes, RotaryTableGeometry, SPEC, reference,
};
use phasor_ops::rotary_table::{RotaryTableKernel, WithPositions};
use phasor_ops::simd::Element;

/// Precise, and everything else by default.
const PRECISE: RotaryTableAttributes = RotaryTableAttributes {
    axis: 0,
    amplitude: 1.0,
    precise: true,
};

/// Runs one call on all there is and compares.
fn check<P: Position, T: Spaced + WithPositions<P>>(
    attributes: RotaryTableAttributes,
    positions: &[P],
    positions_shape: &[usize],
    frequencies: &[T],
    frequencies_shape: &[usize],
) {
    let plain = RotaryTableAttributes {
        amplitude: 1.0,
        ..attributes
    };
    let positions64: Vec<f64> = positions.iter().map(|p| p.to_f64()).collect();
    let frequencies64 = wide(frequencies);
    let (cos, sin) = reference(
        &plain,
        T::TYPE,
        &positions64,
        positions_shape,
        &frequencies64,
        frequencies_shape,
    )
    .unwrap();
    let types = [
        position_type::<P>(),
        TensorType::F64,
        TensorType::Element(T::TYPE),
    ];
    let width = frequencies_shape.last().copied().unwrap_or(1);
    let terms = frequencies.len() / width.max(1);
    let positions64 = (&positions64[..], positions_shape);
    for runner in runners().filter(|runner| runner.takes(&SPEC, &types)) {
        let slack = slack::<T>(
            runner,
            positions64,
            &frequencies64,
            terms,
            attributes.precise,
        );
        let Some(slack) = slack else {
            continue;
        };
        let got = run(
            attributes,
            runner,
            (positions, positions_shape),
            (frequencies, frequencies_shape),
        );
        for (got, expected) in [(&got.0, &cos), (&got.1, &sin)] {
            assert_eq!(got.len(), expected.len());
            for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
                let off = excess(*got, *expected, attributes.amplitude, slack);
                assert!(
                    off <= 0.0,
                    "{got:?} at {i}, expected {expected:e}, {off:e} too far: {runner:?} {attributes:?} {positions_shape:?} \
                     {frequencies_shape:?} {:?}",
                    T::TYPE
                );
            }
        }
    }
}

pub(crate) fn run<P: Position, T: Spaced + WithPositions<P>>(
    attributes: RotaryTableAttributes,
    runner: Runner,
    positions: (&[P], &[usize]),
    frequencies: (&[T], &[usize]),
) -> (Vec<T>, Vec<T>) {
    let level = match runner {
        Runner::Cpu(level) => level,
        #[cfg(feature = "cuda")]
        Runner::Cuda => return cuda::tables(attributes, positions, frequencies),
        Runner::Host(host) => {
            let call = Call {
                spec: &SPEC,
                attributes: attributes.values().to_vec(),
                inputs: inputs(positions, frequencies),
            };
            let outputs = call.on(host);
            return (outputs[0].values(), outputs[1].values());
        }
    };
    let kernel = RotaryTableKernel::with_level(attributes, level).expect("the level is available");
    let geometry = RotaryTableGeometry::new(&attributes, positions.1, frequencies.1).unwrap();
    let size = geometry.rows * geometry.width;
    let (mut cos, mut sin) = (vec![T::ZERO; size], vec![T::ZERO; size]);
    let values = (&wide(frequencies.0)[..], frequencies.1);
    kernel.run(positions, values, &mut cos, &mut sin).unwrap();
    (cos, sin)
}

fn attributes() -> impl Iterator<Item = RotaryTableAttributes> {
    [
        (1.0, false),
        (1.0, true),
        (1.189_207_1, false),
        (-0.4, true),
    ]
    .into_iter()
    .map(|(amplitude, precise)| RotaryTableAttributes {
        axis: 0,
        amplitude,
        precise,
    })
}

fn every_type<P: Position>(
    attributes: RotaryTableAttributes,
    positions: &[P],
    shape: &[usize],
    width: usize,
) where
    f32: WithPositions<P>,
    f16: WithPositions<P>,
    bf16: WithPositions<P>,
    f64: WithPositions<P>,
{
    let (sizes, a) = ([width], attributes);
    check(a, positions, shape, &frequencies::<f32>(width), &sizes);
    check(a, positions, shape, &frequencies::<f16>(width), &sizes);
    check(a, positions, shape, &frequencies::<bf16>(width), &sizes);
    check(a, positions, shape, &frequencies::<f64>(width), &sizes);
}

#[test]
fn every_number_of_frequencies() {
    let positions = [0i64, 1, 2, 7, 511, 4095, 131_071, -3];
    for width in (0..=20).chain([32, 64, 65, 128]) {
        for attributes in attributes() {
            every_type(attributes, &positions, &[2, 4], width);
        }
    }
}

#[test]
fn every_type_of_positions() {
    fn all<P: Position>(positions: &[P])
    where
        f32: WithPositions<P>,
        f16: WithPositions<P>,
        bf16: WithPositions<P>,
        f64: WithPositions<P>,
    {
        for attributes in attributes() {
            every_type(attributes, positions, &[positions.len()], 13);
        }
    }
    all(&[0i64, 1, 16_777_217, 2_147_483_647, -16_777_219]);
    all(&[0i32, 1, 16_777_217, i32::MAX, -16_777_219]);
    all(&[0f32, 0.5, 999.25, 1e9, -3.75]);
    all(&[0f64, 0.1, 999.999, 2_147_483_647.0, -3.7]);
}

/// Frequencies are rounded to the type of the arithmetic, and not to that of the tables.
#[test]
fn tables_of_half_precision_have_exact_frequencies() {
    let (positions, frequency) = ([4095i64], 0.731_234_567_890_123);
    let angle = positions[0] as f32 * frequency as f32;
    for precise in [false, true] {
        let attributes = RotaryTableAttributes { precise, ..PRECISE };
        let exact = match precise {
            false => f64::from(angle),
            true => 4095.0 * f64::from(frequency as f32),
        };
        let kernel = RotaryTableKernel::new(attributes);
        let (mut cos, mut sin) = ([f16::ZERO], [f16::ZERO]);
        kernel
            .run((&positions, &[1]), (&[frequency], &[1]), &mut cos, &mut sin)
            .unwrap();
        let got = (cos[0].to_f64(), sin[0].to_f64());
        let expected = [exact.cos(), exact.sin()].map(|v| f16::from_f64(v).to_f64());
        assert_eq!(got, expected.into(), "{precise}");
    }
}

#[test]
fn streams_along_any_axis() {
    let mut random = Random(5);
    for attributes in attributes() {
        for streams in [1, 2, 3, 5] {
            for (shape, axis) in [
                (vec![streams], 0),
                (vec![streams, 2, 3], 0),
                (vec![2, streams, 3], 1),
                (vec![2, 3, streams], -1),
                (vec![0, streams], 1),
                (vec![streams, 5, 7], 0),
                (vec![5, streams, 7], 1),
                (vec![5, 7, streams], 2),
            ] {
                let count = shape.iter().product();
                let positions: Vec<i64> =
                    (0..count).map(|_| (random.bits() % 4096) as i64).collect();
                let rows: Vec<f32> = (0..streams * 6).map(|_| random.unit() as f32).collect();
                check(
                    RotaryTableAttributes { axis, ..attributes },
                    &positions,
                    &shape,
                    &rows,
                    &[streams, 6],
                );
            }
        }
    }
}

/// The angle is that of a graph which multiplies and adds in the type of the tables: exactly, not about.
#[test]
fn without_precise_angles_are_rounded() {
    let positions = [123_457i64, 98_765, 16_777_219];
    let rows = [0.731_f32, 0.0123, 3.3e-4];
    for runner in runners().filter(Runner::is_kernel) {
        let plain = RotaryTableAttributes::default();
        let got = run(plain, runner, (&positions, &[3]), (&rows, &[3, 1]));
        let angle = positions
            .iter()
            .zip(rows)
            .map(|(&p, f)| p as f32 * f)
            .reduce(|a, b| a + b)
            .unwrap();
        assert!(excess(got.0[0], f64::from(angle).cos(), 1.0, 0.0) <= 0.0);
        assert!(excess(got.1[0], f64::from(angle).sin(), 1.0, 0.0) <= 0.0);
    }
}

/// Positions at which a frequency comes as near to a multiple of a quarter turn as it can: the denominators of the convergents
/// of its continued fraction.
#[test]
fn angles_near_multiples_of_a_quarter_turn() {
    for frequency in frequencies::<f32>(64) {
        let mut rest = f64::from(frequency) * std::f64::consts::FRAC_2_PI;
        let (mut before, mut denominator) = (0i64, 1i64);
        let mut positions = Vec::new();
        while denominator < 1 << 31 && rest.fract() > 1e-9 {
            positions.push(denominator);
            rest = 1.0 / rest.fract();
            let next = denominator
                .saturating_mul(rest as i64)
                .saturating_add(before);
            (before, denominator) = (denominator, next);
        }
        check(PRECISE, &positions, &[positions.len()], &[frequency], &[1]);
    }
    let ones: Vec<f64> = (0..70)
        .map(|n| std::f64::consts::FRAC_PI_2 * f64::from(n))
        .collect();
    check(PRECISE, &[1i64], &[1], &ones, &[70]);
    check(
        RotaryTableAttributes::default(),
        &[1i64],
        &[1],
        &ones,
        &[70],
    );
}

/// One `f32` in 4099 up to the largest angle, and the nearest ones to multiples of a quarter turn.
#[test]
fn angles_of_every_size() {
    let end = (LARGEST_ANGLE as f32).to_bits();
    let mut values: Vec<f32> = (0..=end).step_by(4099).map(f32::from_bits).collect();
    let quarter = std::f64::consts::FRAC_PI_2;
    values.extend((1..100_000).map(|n| (quarter * f64::from(n)) as f32));
    values.extend((1..100_000).map(|n| -(quarter * f64::from(n * 6421)) as f32));
    let plain = RotaryTableAttributes::default();
    check(plain, &[1i64], &[1], &values, &[values.len()]);
}

#[test]
fn angles_beyond_the_limit() {
    let plain = RotaryTableAttributes::default();
    for attributes in [plain, PRECISE] {
        let values = [
            LARGEST_ANGLE as f32,
            2.2e9,
            1e15,
            -3e20,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
            1.0,
            -f32::INFINITY,
        ];
        check(attributes, &[1f32, 1.0], &[2], &values, &[9]);
        let values = [LARGEST_ANGLE, 2.2e9, 1e15, -3e200, f64::MAX, f64::NAN, 1.0];
        check(attributes, &[1f64, 1.0], &[2], &values, &[7]);
        check(attributes, &[1e3f64, f64::INFINITY], &[2], &values, &[7]);
    }
    check(plain, &[i64::MAX, i64::MIN], &[2], &[1.0f32, 0.5], &[2]);
}

/// Every exponent that a number may have.
#[test]
fn angles_of_every_exponent() {
    let powers = |lowest: i32, highest: i32| (lowest..=highest).map(|e| 1.23 * 2f64.powi(e));
    let plain = RotaryTableAttributes::default();
    for attributes in [plain, PRECISE] {
        let values: Vec<f32> = powers(-126, 127).map(|v| v as f32).collect();
        check(attributes, &[1i64, -1], &[2], &values, &[values.len()]);
        let values: Vec<f64> = powers(-1022, 1023).collect();
        check(attributes, &[1i64, -1], &[2], &values, &[values.len()]);
        check(attributes, &values, &[values.len()], &[1f32, 0.5], &[2]);
    }
}

/// Positions in double beyond what two floats hold, and frequencies that bring them back.
#[test]
fn small_and_large_positions_keep_their_digits() {
    for exponent in -126..=126 {
        let position = 1.234_567_890_123 * 2f64.powi(exponent);
        let frequency = 1.1 * 2f32.powi(-exponent);
        check(PRECISE, &[position, -position], &[2], &[frequency], &[1]);
    }
    for exponent in -148..-126 {
        let position = 1.234_567_890_123 * 2f64.powi(exponent);
        check(PRECISE, &[position], &[1], &[2f32.powi(127)], &[1]);
    }
}

/// A result does not depend on which others are computed with it.
#[test]
fn neighbours_do_not_matter() {
    let values = frequencies::<f32>(11);
    for runner in runners().filter(Runner::is_kernel) {
        let all = run(PRECISE, runner, (&[77_777i64], &[1]), (&values, &[11]));
        for (i, value) in values.iter().enumerate() {
            let alone = run(PRECISE, runner, (&[77_777i64], &[1]), (&[*value], &[1]));
            assert_eq!((alone.0[0], alone.1[0]), (all.0[i], all.1[i]), "{runner:?}");
            let beside = [1e30, *value, f32::NAN, 0.0, 1.0, 2.0, 3.0, 4.0];
            let far = run(PRECISE, runner, (&[77_777i64], &[1]), (&beside, &[8]));
            assert_eq!((far.0[1], far.1[1]), (all.0[i], all.1[i]), "{runner:?}");
        }
    }
}

/// The largest error of all there is, in units in the last place of `f32`.
fn worst(attributes: RotaryTableAttributes, positions: &[i64], values: &[f32]) -> f64 {
    let shapes = ([positions.len()], [values.len()]);
    let wide_positions: Vec<f64> = positions.iter().map(|&p| p as f64).collect();
    let (cos, sin) = reference(
        &attributes,
        f32::TYPE,
        &wide_positions,
        &shapes.0,
        &wide(values),
        &shapes.1,
    )
    .unwrap();
    let (positions, values) = ((positions, &shapes.0[..]), (values, &shapes.1[..]));
    let errors = runners().filter(Runner::is_kernel).map(|runner| {
        let got = run(attributes, runner, positions, values);
        largest_error(&got.0, &cos).max(largest_error(&got.1, &sin))
    });
    errors.fold(0.0, f64::max)
}

#[test]
#[ignore = "takes minutes"]
fn every_angle() {
    let plain = RotaryTableAttributes::default();
    angles::every_angle(|values| worst(plain, &[1], values));
}

#[test]
#[ignore = "takes minutes"]
fn every_position() {
    angles::every_position(|positions, values| worst(PRECISE, positions, values));
}
