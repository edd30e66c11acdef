//! The operators on relative positions by the CUDA kernels, in memory that is aligned and in memory that is not; results agree to the
//! bit.

#![allow(unsafe_code)]

use crate::common::Limits;
use crate::device::{Device, Machine, stream};
use phasor_ops::contract::alibi_bias::AlibiAttributes;
use phasor_ops::contract::relative::{BiasGeometry, Integer, lut_reach};
use phasor_ops::contract::relative_gather::{RelativeGatherAttributes, RelativeGatherGeometry};
use phasor_ops::cuda::Places;
use phasor_ops::cuda::relative_bias::{AlibiCuda, Buckets, RelativeBiasCuda, Slopes};
use phasor_ops::cuda::relative_gather::{Gathered, RelativeGatherCuda};
use phasor_ops::simd::Element;

/// Positions, or a lookup table, and the shape.
type Integers<'a, I> = (&'a [I], &'a [usize]);

/// Runs `launch` with the addresses of a tensor and integers, and of `count` elements to be written, which are the result.
fn both<T: Element + Limits, I: Integer>(
    tensor: &[T],
    [lut, query, key]: [&[I]; 3],
    count: usize,
    launch: impl Fn(u64, Places, u64),
) -> Vec<T> {
    let [aligned, not] = [true, false].map(|aligned| {
        let mut tensor = Device::new(tensor, aligned);
        let mut integers = [lut, query, key].map(|values| Device::new(values, aligned));
        let mut result = Device::<T>::filled(count, aligned);
        let [lut, query_positions, key_positions] = integers.each_mut().map(|i| i.address());
        let places = Places {
            lut,
            query_positions,
            key_positions,
        };
        launch(tensor.address(), places, result.address());
        result.values()
    });
    for (i, (a, b)) in aligned.iter().zip(&not).enumerate() {
        let same = a.bit_pattern() == b.bit_pattern() || a.to_f64().is_nan() && b.to_f64().is_nan();
        assert!(same, "{a:?} aligned, {b:?} not at {i}");
    }
    aligned
}

/// A bias of a table.
pub(crate) fn buckets<T: Element + Limits, I: Integer>(
    (table, [rows, heads]): (&[T], [usize; 2]),
    lut: &[I],
    query: Integers<'_, I>,
    key: Integers<'_, I>,
) -> Vec<T> {
    let geometry = &BiasGeometry::new(heads, query.1, key.1).unwrap();
    let reach = lut_reach(&[lut.len()]).unwrap();
    let kernel = RelativeBiasCuda::new(&Machine, T::TYPE, I::TYPE).unwrap();
    let count = geometry.output_shape().iter().product();
    both(
        table,
        [lut, query.0, key.0],
        count,
        |table, places, bias| {
            let buckets = Buckets {
                geometry,
                rows,
                reach,
                table,
                places,
                bias,
            };
            // SAFETY: the tensors have these sizes.
            unsafe { kernel.run(&Machine, stream(), &buckets).unwrap() };
        },
    )
}

/// A bias of slopes.
pub(crate) fn slopes<T: Element + Limits, I: Integer>(
    attributes: AlibiAttributes,
    slopes: &[T],
    query: Integers<'_, I>,
    key: Integers<'_, I>,
) -> Vec<T> {
    let geometry = &BiasGeometry::new(slopes.len(), query.1, key.1).unwrap();
    let kernel = AlibiCuda::new(&Machine, attributes, T::TYPE, I::TYPE).unwrap();
    let count = geometry.output_shape().iter().product();
    both(
        slopes,
        [&[], query.0, key.0],
        count,
        |slopes, places, bias| {
            let slopes = Slopes {
                geometry,
                slopes,
                places,
                bias,
            };
            // SAFETY: the tensors have these sizes.
            unsafe { kernel.run(&Machine, stream(), &slopes).unwrap() };
        },
    )
}

/// Scores, gathered.
pub(crate) fn gathered<T: Element + Limits, I: Integer>(
    attributes: RelativeGatherAttributes,
    scores: (&[T], &[usize]),
    [lut, query, key]: [Integers<'_, I>; 3],
) -> Vec<T> {
    let geometry = &RelativeGatherGeometry::new(&attributes, scores.1, query.1, key.1).unwrap();
    let reach = lut_reach(lut.1).unwrap();
    let kernel = RelativeGatherCuda::new(&Machine, attributes, T::TYPE, I::TYPE).unwrap();
    let count = geometry.output_shape().iter().product();
    let integers = [lut.0, query.0, key.0];
    both(scores.0, integers, count, |scores, places, output| {
        let gathered = Gathered {
            geometry,
            reach,
            scores,
            places,
            output,
        };
        // SAFETY: the tensors have these sizes.
        unsafe { kernel.run(&Machine, stream(), &gathered).unwrap() };
    })
}

/// What the CPU refuses, the host does not see here.
#[test]
fn entries_that_lead_nowhere_give_nan() {
    fn check<T: Element + Limits, I: Integer>(made: fn(i64) -> I) {
        let table: Vec<T> = (0..6).map(|i| T::from_f64(i as f64)).collect();
        let lut = [2, -1, 0, 3, 1].map(made);
        for count in [1, 16, 40, 41] {
            for step in [1, 3] {
                let query: Vec<I> = (0..count).map(|i| made(i / 2 * 2 * step % 7)).collect();
                let key: Vec<I> = (0..count).map(|i| made(i * step)).collect();
                let places: Vec<Option<usize>> = (query.iter())
                    .flat_map(|q| key.iter().map(move |k| k.to_i64() - q.to_i64()))
                    .map(|d| usize::try_from(lut[(d.clamp(-2, 2) + 2) as usize].to_i64()).ok())
                    .map(|row| row.filter(|&row| row < 3))
                    .collect();
                let count = count as usize;
                let query = (&query[..], &[count][..]);
                let key = (&key[..], &[count][..]);
                let bias = buckets((&table, [3, 2]), &lut, query, key);
                for (i, (got, place)) in bias.iter().zip(places.iter().chain(&places)).enumerate() {
                    let head = i / (count * count);
                    let same = match place {
                        Some(row) => got.to_f64() == (2 * row + head) as f64,
                        None => got.to_f64().is_nan(),
                    };
                    assert!(same, "{got:?} at {i}, expected row {place:?}");
                }
                for by_key in [false, true] {
                    let attributes = RelativeGatherAttributes { by_key };
                    let scores: Vec<T> = (0..3 * count).map(|i| T::from_f64(i as f64)).collect();
                    let lut = (&lut[..], &[5][..]);
                    let got = gathered(attributes, (&scores, &[count, 3]), [lut, query, key]);
                    for (i, (got, column)) in got.iter().zip(&places).enumerate() {
                        let row = if by_key { i % count } else { i / count };
                        let same = match column {
                            Some(column) => got.to_f64() == (3 * row + column) as f64,
                            None => got.to_f64().is_nan(),
                        };
                        assert!(same, "{got:?} at {i}, expected column {column:?} of {row}");
                    }
                }
            }
        }
    }
    check::<f32, i64>(|i| i);
    check::<f64, i64>(|i| i);
    check::<half::f16, i32>(|i| i as i32);
    check::<half::bf16, i32>(|i| i as i32);
}
