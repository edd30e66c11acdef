//! Turning tensors by the CUDA kernels.

#![allow(unsafe_code)]

use crate::common::Limits;
use crate::device::{Device, Machine, stream};
use phasor_ops::contract::rotary::{RotaryAttributes, RotaryGeometry};
use phasor_ops::contract::rotary_heads::{RotaryHeadsAttributes, RotaryHeadsGeometry};
use phasor_ops::cuda::rotary::{Reading, RotaryCuda, Turned};
use phasor_ops::simd::Element;

/// One or two tensors with their shapes, turned in one launch, in memory that is aligned and in memory that is not; results agree
/// to the bit.
pub(crate) fn turned<T: Element + Limits, TT: Element, const N: usize>(
    attributes: &RotaryAttributes,
    tensors: [(&[T], &[usize]); N],
    (cos, cos_shape): (&[TT], &[usize]),
    (sin, sin_shape): (&[TT], &[usize]),
    in_place: [bool; N],
) -> [Vec<T>; N] {
    let placed = tensors.map(|(values, shape)| {
        let geometry = RotaryGeometry::new(attributes, shape, cos_shape, sin_shape).unwrap();
        Placed {
            values,
            geometry,
            size: values.len(),
        }
    });
    launched(attributes, Reading::Dense, placed, cos, sin, in_place)
}

/// Heads of one tensor, in the same way.
pub(crate) fn heads<T: Element + Limits, TT: Element>(
    attributes: &RotaryHeadsAttributes,
    (values, shape): (&[T], &[usize]),
    (cos, cos_shape): (&[TT], &[usize]),
    (sin, sin_shape): (&[TT], &[usize]),
) -> Vec<T> {
    let RotaryHeadsGeometry { output, turning } =
        RotaryHeadsGeometry::new(attributes, shape, cos_shape, sin_shape).unwrap();
    let placed = Placed {
        values,
        geometry: turning,
        size: output.iter().product(),
    };
    let [y] = launched(
        &attributes.rotary,
        Reading::Heads,
        [placed],
        cos,
        sin,
        [false],
    );
    y
}

/// A tensor, how its rows are read, and the size of the result.
struct Placed<'a, T> {
    values: &'a [T],
    geometry: RotaryGeometry,
    size: usize,
}

fn launched<T: Element + Limits, TT: Element, const N: usize>(
    attributes: &RotaryAttributes,
    reading: Reading,
    tensors: [Placed<'_, T>; N],
    cos: &[TT],
    sin: &[TT],
    in_place: [bool; N],
) -> [Vec<T>; N] {
    let kernel = RotaryCuda::new(&Machine, *attributes, reading, T::TYPE, TT::TYPE).unwrap();
    let [aligned, not] = [true, false].map(|aligned| {
        let mut x = tensors.each_ref().map(|t| Device::new(t.values, aligned));
        let mut y = tensors
            .each_ref()
            .map(|t| Device::<T>::filled(t.size, aligned));
        let mut cos = Device::new(cos, aligned);
        let mut sin = Device::new(sin, aligned);
        let turned: [Turned<'_>; N] = std::array::from_fn(|i| {
            let at = x[i].address();
            Turned {
                geometry: &tensors[i].geometry,
                x: at,
                y: if in_place[i] { at } else { y[i].address() },
            }
        });
        // SAFETY: the tensors have these sizes.
        unsafe {
            let tables = [cos.address(), sin.address()];
            kernel.run(&Machine, stream(), &turned, tables).unwrap();
        }
        let read = |i: usize| {
            if in_place[i] {
                x[i].values()
            } else {
                y[i].values()
            }
        };
        std::array::from_fn::<_, N, _>(read)
    });
    for (a, b) in aligned.iter().flatten().zip(not.iter().flatten()) {
        let same = a.bit_pattern() == b.bit_pattern() || a.to_f64().is_nan() && b.to_f64().is_nan();
        assert!(same, "{a:?} aligned, {b:?} not: {attributes:?}");
    }
    aligned
}
