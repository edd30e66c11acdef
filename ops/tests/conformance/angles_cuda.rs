//! Angles by the CUDA kernels, in memory that is aligned and in memory that is not; results agree to the bit.

#![allow(unsafe_code)]

use crate::angles::Spaced;
use crate::common::wide;
use crate::device::{Device, Machine, stream};
use phasor_ops::angle::Position;
use phasor_ops::contract::rotary_table::{RotaryTableAttributes, RotaryTableGeometry};
use phasor_ops::contract::sinusoidal::{SinusoidalAttributes, SinusoidalGeometry};
use phasor_ops::cuda::angles::{RotaryTableCuda, SinusoidalCuda};

/// `cos` and `sin` of `RotaryTable`.
pub(crate) fn tables<P: Position, T: Spaced>(
    attributes: RotaryTableAttributes,
    positions: (&[P], &[usize]),
    frequencies: (&[T], &[usize]),
) -> (Vec<T>, Vec<T>) {
    let geometry = RotaryTableGeometry::new(&attributes, positions.1, frequencies.1).unwrap();
    let types = (P::POSITION, T::TYPE);
    let kernel = RotaryTableCuda::new(&Machine, attributes, types.0, types.1).unwrap();
    let count = geometry.rows * geometry.width;
    let [cos, sin] = both_ways(
        positions.0,
        frequencies.0,
        [count; 2],
        |inputs, tables| unsafe {
            // SAFETY: the tensors have these sizes.
            kernel
                .run(&Machine, stream(), &geometry, inputs, tables)
                .unwrap();
        },
    );
    (cos, sin)
}

/// The result of `SinusoidalEmbedding`.
pub(crate) fn embedding<P: Position, T: Spaced>(
    attributes: SinusoidalAttributes,
    positions: (&[P], &[usize]),
    frequencies: (&[T], &[usize]),
) -> Vec<T> {
    let geometry = SinusoidalGeometry::new(&attributes, positions.1, frequencies.1).unwrap();
    let types = (P::POSITION, T::TYPE);
    let kernel = SinusoidalCuda::new(&Machine, attributes, types.0, types.1).unwrap();
    let count = geometry.rows * geometry.width;
    let [embedding] = both_ways(positions.0, frequencies.0, [count], |inputs, [to]| unsafe {
        // SAFETY: the tensors have these sizes.
        kernel
            .run(&Machine, stream(), &geometry, inputs, to)
            .unwrap();
    });
    embedding
}

/// Results of so many elements, by a launch that is given the addresses of the inputs and of the results.
fn both_ways<P: Position, T: Spaced, const N: usize>(
    positions: &[P],
    frequencies: &[T],
    counts: [usize; N],
    run: impl Fn([u64; 2], [u64; N]),
) -> [Vec<T>; N] {
    let [aligned, not] = [true, false].map(|aligned| {
        let mut positions = Device::new(positions, aligned);
        let mut frequencies = Device::new(&wide(frequencies), aligned);
        let mut results = counts.map(|count| Device::<T>::filled(count, aligned));
        let inputs = [positions.address(), frequencies.address()];
        let outputs = std::array::from_fn(|i| results[i].address());
        run(inputs, outputs);
        results.map(|result| result.values())
    });
    for (a, b) in aligned.iter().flatten().zip(not.iter().flatten()) {
        let same = a.bit_pattern() == b.bit_pattern() || a.to_f64().is_nan() && b.to_f64().is_nan();
        assert!(same, "{a:?} aligned, {b:?} not");
    }
    aligned
}
