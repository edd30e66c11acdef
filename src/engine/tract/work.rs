//! How much a node computes, estimated from shapes before it runs.
//!
//! The unit is an element read or made in passing. Products of matrices and convolutions count by their multiplications, of which several
//! are done in that time, or fewer where tract has no fast way; bodies count by their nodes, for each iteration.

use super::contraction::Contraction;
use tract_onnx::tract_core::ops::array::{DynTile, Range};
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::internal::*;

/// Work of beginning a node.
const NODE: u64 = 1 << 8;
/// Multiplications of a matrix product in a unit of work.
const PRODUCTS: u64 = 8;
/// Multiplications of a convolution in a unit.
const CONVOLVED: u64 = 16;
/// Units of a multiplication where tract goes element by element.
const SINGLE: u64 = 4;

type Shape = TVec<usize>;

/// What is known of a node before it runs.
pub(super) struct Estimate {
    pub(super) work: u64,
    /// The shape of each result, as far as it is known.
    pub(super) results: TVec<Option<Shape>>,
}

/// Estimates a node of the main graph from its inputs.
pub(super) fn of_run(node: &TypedNode, inputs: &[TValue], symbols: &SymbolValues) -> Estimate {
    let shapes: TVec<Option<Shape>> = inputs.iter().map(|v| Some(v.shape().into())).collect();
    let mut estimate = estimate(node, &shapes, symbols);
    if let Some(first) = estimate.results.first_mut() {
        let made = by_values(node.op(), inputs);
        if first.is_none() {
            estimate.work = estimate
                .work
                .saturating_add(made.as_ref().map_or(0, elements));
            *first = made;
        }
    }
    estimate
}

/// The number of elements.
pub(super) fn elements(shape: &Shape) -> u64 {
    let sizes = shape.iter().map(|n| *n as u64);
    sizes.fold(1, u64::saturating_mul)
}

fn estimate(node: &TypedNode, inputs: &[Option<Shape>], symbols: &SymbolValues) -> Estimate {
    let op = node.op();
    let facts = node.outputs.iter().map(|output| &output.fact);
    let shape = |fact: &TypedFact| Some(fact.shape.eval_to_usize(symbols).ok()?.into_owned());
    let results: TVec<Option<Shape>> = facts.map(shape).collect();
    let free = op.is::<Const>() || op.is::<TypedSource>();
    let held = |shapes: &[Option<Shape>]| -> u64 {
        let known = shapes.iter().flatten().map(elements);
        known.fold(0, u64::saturating_add)
    };
    let work = match free {
        true => 0,
        false => [
            held(inputs),
            held(&results),
            inside(op, inputs, &results, symbols),
        ]
        .into_iter()
        .fold(NODE, u64::saturating_add),
    };
    Estimate { work, results }
}

/// What a node computes beyond looking at each element of its inputs and results once.
fn inside(
    op: &dyn Op,
    inputs: &[Option<Shape>],
    results: &[Option<Shape>],
    symbols: &SymbolValues,
) -> u64 {
    let input = |slot: usize| inputs.get(slot).and_then(Option::as_ref);
    let result = results.first().and_then(Option::as_ref);
    if let Some(op) = op.downcast_ref::<Contraction>() {
        return products(&op.axes, inputs) / PRODUCTS;
    }
    if let Some(op) = op.downcast_ref::<EinSum>() {
        return products(&op.axes, inputs).saturating_mul(SINGLE);
    }
    // Each element of the one tensor meets those of a kernel that belong to one channel of it.
    let convolved = |shape: Option<&Shape>, channels: usize| {
        let kernel = input(1).map_or(0, elements) / channels.max(1) as u64;
        shape.map_or(0, elements).saturating_mul(kernel) / CONVOLVED
    };
    if let Some(op) = op.downcast_ref::<Conv>() {
        return convolved(result, op.pool_spec.output_channels);
    }
    if let Some(op) = op.downcast_ref::<Deconv>() {
        return convolved(input(0), op.pool_spec.input_channels);
    }
    let pooled = |spec: &PoolSpec| {
        let window = elements(&spec.kernel_shape);
        result.map_or(0, elements).saturating_mul(window)
    };
    if let Some(op) = op.downcast_ref::<MaxPool>() {
        return pooled(&op.pool_spec);
    }
    if let Some(op) = op.downcast_ref::<SumPool>() {
        return pooled(&op.pool_spec);
    }
    if let Some(op) = op.downcast_ref::<IfThenElse>() {
        return body(&op.then_body, symbols).max(body(&op.else_body, symbols));
    }
    if let Some(op) = op.downcast_ref::<Scan>() {
        let mut scanned = op.input_mapping.iter().zip(inputs);
        let turns = scanned.find_map(|(mapping, shape)| {
            let info = mapping.as_scan()?;
            let length = *shape.as_ref()?.get(info.axis)?;
            Some(length.div_ceil(info.chunk.unsigned_abs().max(1)))
        });
        return body(&op.body, symbols).saturating_mul(turns.unwrap_or(1) as u64);
    }
    0
}

/// The multiplications of a sum of products.
fn products(axes: &AxesMapping, inputs: &[Option<Shape>]) -> u64 {
    let length = |axis: &Axis| {
        let places = axis.inputs.iter().zip(inputs);
        let lengths = places.flat_map(|(at, shape)| {
            let shape = shape.as_ref();
            at.iter().filter_map(move |at| shape?.get(*at).copied())
        });
        lengths.max().unwrap_or(1) as u64
    };
    let lengths = axes.iter_all_axes().map(length);
    lengths.fold(1, u64::saturating_mul)
}

/// One turn of a body.
fn body(model: &TypedModel, symbols: &SymbolValues) -> u64 {
    let nodes = model.nodes().iter().map(|node| {
        let shape = |outlet: &OutletId| {
            let fact = model.outlet_fact(*outlet).ok()?;
            Some(fact.shape.eval_to_usize(symbols).ok()?.into_owned())
        };
        let inputs: TVec<Option<Shape>> = node.inputs.iter().map(shape).collect();
        estimate(node, &inputs, symbols).work
    });
    nodes.fold(0, u64::saturating_add)
}

/// The shape of a result that the values of inputs say.
fn by_values(op: &dyn Op, inputs: &[TValue]) -> Option<Shape> {
    if op.is::<DynTile>() {
        let times = inputs.get(1)?.cast_to::<i64>().ok()?;
        let times = times.try_as_plain_ram().ok()?.as_slice::<i64>().ok()?;
        let sizes = inputs.first()?.shape().iter().zip(times);
        let tiled =
            sizes.map(|(size, times)| size.saturating_mul(usize::try_from(*times).unwrap_or(0)));
        return Some(tiled.collect());
    }
    if op.is::<Range>() {
        let bound = |slot: usize| {
            let value = inputs.get(slot)?.cast_to::<f64>().ok()?;
            value.cast_to_scalar::<f64>().ok()
        };
        let (start, end, step) = (bound(0)?, bound(1)?, bound(2)?);
        // A cast of a float to an integer ends at the limits of the integer.
        return Some(tvec!(((end - start) / step).ceil() as usize));
    }
    None
}
