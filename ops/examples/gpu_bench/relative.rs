//! Biases by relative position, and scores gathered by it.

use crate::case::{Case, Tensor, type_name};
use phasor_ops::contract::ElementType::{self, BF16, F16, F32, F64};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::alibi_bias::AlibiAttributes;
use phasor_ops::contract::relative::{BiasGeometry, slot};
use phasor_ops::contract::relative_gather::{RelativeGatherAttributes, RelativeGatherGeometry};
use phasor_ops::cuda::Places;
use phasor_ops::cuda::relative_bias::{AlibiCuda, Buckets, RelativeBiasCuda, Slopes};
use phasor_ops::cuda::relative_gather::{Gathered, RelativeGatherCuda};
use std::collections::HashSet;

/// Heads of a bias.
const HEADS: usize = 32;
/// Buckets of a bias, as T5 has them.
const BUCKETS: usize = 32;
/// How far the lookup table of a bias reaches.
const REACH: usize = 128;

/// How positions follow each other.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// One by one.
    Rising,
    /// Each twice: nothing that a tile could take a diagonal of.
    Twice,
}

/// All of them.
pub(crate) fn cases(small: bool) -> Vec<Case> {
    let length = if small { 16 } else { 2048 };
    let mut cases = vec![
        slopes(BF16, length, length, Order::Rising),
        slopes(F64, length, length, Order::Rising),
        buckets(F64, length, length, Order::Rising),
    ];
    for element in [F16, F32] {
        for (queries, order) in [
            (length, Order::Rising),
            (length, Order::Twice),
            (1, Order::Rising),
            // No access of 16 bytes fits.
            (length - 1, Order::Rising),
        ] {
            let keys = if queries == length - 1 {
                queries
            } else {
                length
            };
            cases.push(buckets(element, queries, keys, order));
            cases.push(slopes(element, queries, keys, order));
        }
        let (matrices, length) = if small { (2, 16) } else { (96, 512) };
        for by_key in [false, true] {
            cases.push(gathered(
                element,
                matrices,
                length,
                by_key,
                Order::Rising,
                true,
            ));
            cases.push(gathered(
                element,
                matrices,
                length,
                by_key,
                Order::Rising,
                false,
            ));
            cases.push(gathered(
                element,
                matrices,
                length,
                by_key,
                Order::Twice,
                false,
            ));
        }
    }
    cases
}

fn positions(count: usize, order: Order) -> Vec<i64> {
    let step = if order == Order::Twice { 2 } else { 1 };
    (0..count as i64).map(|i| i / step).collect()
}

/// The last `queries` of as many positions as there are keys.
fn pairs(queries: usize, keys: usize, order: Order) -> [Vec<i64>; 2] {
    let keys = positions(keys, order);
    [keys[keys.len() - queries..].to_vec(), keys]
}

fn given(integers: &[i64]) -> Tensor {
    Tensor::Given(integers.iter().flat_map(|i| i.to_ne_bytes()).collect())
}

fn kind(order: Order) -> &'static str {
    match order {
        Order::Rising => "",
        Order::Twice => ", positions twice",
    }
}

fn buckets(element: ElementType, queries: usize, keys: usize, order: Order) -> Case {
    let lut: Vec<i64> = (0..=2 * REACH)
        .map(|i| (i * (BUCKETS - 1) / (2 * REACH)) as i64)
        .collect();
    let [query, key] = pairs(queries, keys, order);
    Case {
        name: format!(
            "RelativePositionBias [1, {HEADS}, {queries}, {keys}]{}, {}",
            kind(order),
            type_name(element)
        ),
        tensors: vec![
            Tensor::Read(BUCKETS * HEADS * element.size()),
            given(&lut),
            given(&query),
            given(&key),
            Tensor::Written(HEADS * queries * keys * element.size()),
        ],
        prepare: Box::new(move |loader| {
            let kernel = RelativeBiasCuda::new(&loader, element, TensorType::I64)?;
            let geometry = BiasGeometry::new(HEADS, &[queries], &[keys])?;
            Ok(Box::new(move |stream, at| {
                let buckets = Buckets {
                    geometry: &geometry,
                    rows: BUCKETS,
                    reach: REACH,
                    table: at[0],
                    places: Places {
                        lut: at[1],
                        query_positions: at[2],
                        key_positions: at[3],
                    },
                    bias: at[4],
                };
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&loader, stream, &buckets) }
            }))
        }),
    }
}

fn slopes(element: ElementType, queries: usize, keys: usize, order: Order) -> Case {
    let [query, key] = pairs(queries, keys, order);
    Case {
        name: format!(
            "AlibiBias [1, {HEADS}, {queries}, {keys}]{}, {}",
            kind(order),
            type_name(element)
        ),
        tensors: vec![
            Tensor::Read(HEADS * element.size()),
            given(&query),
            given(&key),
            Tensor::Written(HEADS * queries * keys * element.size()),
        ],
        prepare: Box::new(move |loader| {
            let attributes = AlibiAttributes::default();
            let kernel = AlibiCuda::new(&loader, attributes, element, TensorType::I64)?;
            let geometry = BiasGeometry::new(HEADS, &[queries], &[keys])?;
            Ok(Box::new(move |stream, at| {
                let slopes = Slopes {
                    geometry: &geometry,
                    slopes: at[0],
                    places: Places {
                        lut: 0,
                        query_positions: at[1],
                        key_positions: at[2],
                    },
                    bias: at[3],
                };
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&loader, stream, &slopes) }
            }))
        }),
    }
}

/// Scores with a column per distance, or with `length` columns for some distances each, as DeBERTa has them.
fn gathered(
    element: ElementType,
    matrices: usize,
    length: usize,
    by_key: bool,
    order: Order,
    shift: bool,
) -> Case {
    let reach = length - 1;
    let lut: Vec<i64> = if shift {
        (0..=2 * reach as i64).collect()
    } else {
        // Nearest distances have columns of their own.
        let (near, middle) = (length as i64 / 4, length as i64 / 2);
        let bucket = |d: i64| match d.abs() {
            size if size <= near => size,
            size => (near + (size - near) / 3).min(middle - 1),
        };
        (-(reach as i64)..=reach as i64)
            .map(|d| middle + d.signum() * bucket(d))
            .collect()
    };
    let width = if shift { 2 * length - 1 } else { length };
    let places = positions(length, order);
    // As many scores as one row is asked for, of all rows.
    let read: usize = (places.iter())
        .map(|row| {
            let column = |other: &i64| {
                let distance = if by_key { row - other } else { other - row };
                lut[slot(distance, reach)]
            };
            places.iter().map(column).collect::<HashSet<_>>().len()
        })
        .sum();
    Case {
        name: format!(
            "RelativeGather [{matrices}, {length}, {length}] of {width}{}{}, {}",
            if by_key { ", by key" } else { "" },
            kind(order),
            type_name(element)
        ),
        tensors: vec![
            Tensor::Part {
                bytes: matrices * length * width * element.size(),
                read: matrices * read * element.size(),
            },
            given(&lut),
            given(&places),
            Tensor::Written(matrices * length * length * element.size()),
        ],
        prepare: Box::new(move |loader| {
            let attributes = RelativeGatherAttributes { by_key };
            let kernel = RelativeGatherCuda::new(&loader, attributes, element, TensorType::I64)?;
            let scores = [matrices, length, width];
            let geometry = RelativeGatherGeometry::new(&attributes, &scores, &[length], &[length])?;
            Ok(Box::new(move |stream, at| {
                let gathered = Gathered {
                    geometry: &geometry,
                    reach,
                    scores: at[0],
                    places: Places {
                        lut: at[1],
                        query_positions: at[2],
                        key_positions: at[2],
                    },
                    output: at[3],
                };
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(&loader, stream, &gathered) }
            }))
        }),
    }
}
