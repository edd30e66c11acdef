//! Biases of relative positions, and scores gathered by them.

use crate::case::{Case, Tensor, type_name};
use phasor_ops::contract::ElementType::{self, BF16, F16, F32};
use phasor_ops::contract::TensorType::I64;
use phasor_ops::contract::alibi_bias::AlibiAttributes;
use phasor_ops::contract::relative::BiasGeometry;
use phasor_ops::contract::relative_gather::{RelativeGatherAttributes, RelativeGatherGeometry};
use phasor_ops::cuda::relative_bias::{AlibiCuda, Buckets, RelativeBiasCuda, Slopes};
use phasor_ops::cuda::relative_gather::{Gathered, RelativeGatherCuda};
use phasor_ops::cuda::{Driver, Places};

const HEADS: usize = 32;
/// Buckets of T5, and the distance from which on all are one.
const BUCKETS: usize = 32;
const REACH: usize = 128;

/// All of them.
pub(crate) fn cases(small: bool) -> Vec<Case> {
    let length = if small { 16 } else { 2048 };
    let mut cases = Vec::new();
    for element in [F16, F32] {
        cases.push(buckets(element, length));
    }
    for element in [F16, BF16, F32] {
        cases.push(slopes(element, length));
    }
    let lead = if small { [1, 2] } else { [8, 12] };
    for element in [F16, F32] {
        for by_key in [false, true] {
            cases.push(gather(element, lead, if small { 16 } else { 512 }, by_key));
        }
    }
    cases
}

/// Consecutive positions, or entries of a lookup table.
fn integers(values: impl Iterator<Item = usize>) -> Tensor {
    Tensor::Given(values.flat_map(|v| (v as i64).to_ne_bytes()).collect())
}

fn buckets(element: ElementType, length: usize) -> Case {
    let size = element.size();
    Case {
        name: format!(
            "RelativePositionBias [1, {HEADS}, {length}, {length}], {}",
            type_name(element)
        ),
        tensors: vec![
            Tensor::Read(BUCKETS * HEADS * size),
            integers((0..=2 * REACH).map(|i| i.abs_diff(REACH) * (BUCKETS - 1) / REACH)),
            integers(0..length),
            integers(0..length),
            Tensor::Written(HEADS * length * length * size),
        ],
        prepare: Box::new(move || {
            let driver = Driver::get()?;
            let kernel = RelativeBiasCuda::new(driver, element, I64)?;
            let geometry = BiasGeometry::new(HEADS, &[length], &[length])?;
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
                unsafe { kernel.run(driver, stream, &buckets) }
            }))
        }),
    }
}

fn slopes(element: ElementType, length: usize) -> Case {
    let size = element.size();
    Case {
        name: format!(
            "AlibiBias [1, {HEADS}, {length}, {length}], {}",
            type_name(element)
        ),
        tensors: vec![
            Tensor::Read(HEADS * size),
            integers(0..length),
            integers(0..length),
            Tensor::Written(HEADS * length * length * size),
        ],
        prepare: Box::new(move || {
            let driver = Driver::get()?;
            let kernel = AlibiCuda::new(driver, AlibiAttributes::default(), element, I64)?;
            let geometry = BiasGeometry::new(HEADS, &[length], &[length])?;
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
                unsafe { kernel.run(driver, stream, &slopes) }
            }))
        }),
    }
}

/// As DeBERTa has it: as many columns as positions, the far ones shared.
fn gather(element: ElementType, lead: [usize; 2], length: usize, by_key: bool) -> Case {
    let scores = [lead[0], lead[1], length, length];
    let bytes = scores.iter().product::<usize>() * element.size();
    let reach = length - 1;
    let by = if by_key { ", by key" } else { "" };
    Case {
        name: format!("RelativeGather {scores:?}{by}, {}", type_name(element)),
        tensors: vec![
            Tensor::Read(bytes),
            integers((0..=2 * reach).map(|i| i / 2)),
            integers(0..length),
            integers(0..length),
            Tensor::Written(bytes),
        ],
        prepare: Box::new(move || {
            let driver = Driver::get()?;
            let attributes = RelativeGatherAttributes { by_key };
            let kernel = RelativeGatherCuda::new(driver, attributes, element, I64)?;
            let geometry = RelativeGatherGeometry::new(&attributes, &scores, &[length], &[length])?;
            Ok(Box::new(move |stream, at| {
                let gathered = Gathered {
                    geometry: &geometry,
                    reach,
                    scores: at[0],
                    places: Places {
                        lut: at[1],
                        query_positions: at[2],
                        key_positions: at[3],
                    },
                    output: at[4],
                };
                // SAFETY: the tensors have these sizes, and outlive the graph that is launched.
                unsafe { kernel.run(driver, stream, &gathered) }
            }))
        }),
    }
}
