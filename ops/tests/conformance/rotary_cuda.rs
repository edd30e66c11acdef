//! Turning tensors by the CUDA kernels.

#![allow(unsafe_code)]

use crate::common::Limits;
use crate::device::{Device, Machine, stream};
use phasor_ops::contract::rotary::{RotaryAttributes, RotaryGeometry};
use phasor_ops::cuda::rotary::{RotaryCuda, Turned};
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
    let geometries = tensors
        .map(|(_, shape)| RotaryGeometry::new(attributes, shape, cos_shape, sin_shape).unwrap());
    let kernel = RotaryCuda::new(&Machine, *attributes, T::TYPE, TT::TYPE).unwrap();
    let [aligned, not] = [true, false].map(|aligned| {
        let mut x = tensors.map(|(values, _)| Device::new(values, aligned));
        let mut y = tensors.map(|(values, _)| Device::<T>::filled(values.len(), aligned));
        let mut cos = Device::new(cos, aligned);
        let mut sin = Device::new(sin, aligned);
        let turned: [Turned<'_>; N] = std::array::from_fn(|i| {
            let at = x[i].address();
            Turned {
                geometry: &geometries[i],
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
