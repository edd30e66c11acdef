//! Shapes of values that are not interpreted further: enough of ONNX's shape inference to keep fresh roots aligned with the
//! symbols of the model's inputs, where the facts know less.

use rustc_hash::FxHashMap;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::Shape;
use crate::symbolic::visit::Visit;

use super::factors::{gemm, input, joined, product};
use super::linear::equation;
use super::{contrib, convolution};

/// Element type and shape of an output, from the values of the inputs.
pub fn infer(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    output: ValueId,
) -> Option<(DataType, Shape)> {
    if !visit.node.is_standard() && visit.node.domain() != "com.microsoft" {
        return None;
    }
    let mut outputs = visit.node.output.iter();
    let slot = outputs.position(|name| it.index().id(name) == Some(output))?;
    let first = slot == 0;
    match visit.node.op_type() {
        "MatMul" => matmul(it, visit),
        "Gemm" => gemm(it, visit),
        "Einsum" => einsum(it, visit),
        "Softmax"
        | "LogSoftmax"
        | "Relu"
        | "LeakyRelu"
        | "Gelu"
        | "FastGelu"
        | "QuickGelu"
        | "Tanh"
        | "Sigmoid"
        | "HardSigmoid"
        | "HardSwish"
        | "Erf"
        | "Elu"
        | "Selu"
        | "Celu"
        | "Softplus"
        | "Softsign"
        | "Mish"
        | "Swish"
        | "CumSum"
        | "Trilu"
        | "Clip"
        | "ScatterND"
        | "ScatterElements"
        | "RMSNormalization"
        | "SimplifiedLayerNormalization"
        | "LpNormalization"
        | "Reciprocal"
        | "Sqrt"
        | "Exp"
        | "Log"
        | "Cos"
        | "Sin"
        | "Tan"
        | "Asin"
        | "Acos"
        | "Atan"
        | "Sinh"
        | "Cosh"
        | "Asinh"
        | "Acosh"
        | "Atanh"
        | "Abs"
        | "Sign"
        | "Floor"
        | "Ceil"
        | "Round"
        | "ThresholdedRelu"
        | "Shrink"
        | "Hardmax"
        | "CumProd"
        | "Neg"
        | "Identity"
        | "Dropout"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "BatchNormalization"
        | "LayerNormalization"
        | "BiasGelu"
        | "RotaryEmbedding"
            if first =>
        {
            same(it, visit, 0)
        }
        "Cast" => same(it, visit, 0).and_then(|(_, shape)| {
            let to = i32::try_from(visit.node.int("to")?)
                .ok()
                .and_then(DataType::from_onnx)?;
            Some((to, shape))
        }),
        "IsNaN" | "IsInf" | "Not" => same(it, visit, 0).map(|(_, shape)| (DataType::Bool, shape)),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Mod" | "Sum" | "PRelu" => {
            broadcast(it, visit, 0, None)
        }
        "And" | "Or" | "Xor" | "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => {
            broadcast(it, visit, 0, Some(DataType::Bool))
        }
        "Where" => broadcast(it, visit, 1, None),
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1"
        | "ReduceL2" | "ReduceSumSquare" => reduce(it, visit),
        "Gather" => gather(it, visit),
        "GatherND" => gather_nd(it, visit),
        "Concat" => concat(it, visit),
        "Slice" => slice(it, visit),
        "Conv" => convolution::infer(it, visit),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => {
            same(it, visit, 0).map(|(dtype, mut shape)| {
                shape
                    .iter_mut()
                    .skip(2)
                    .for_each(|size| *size = PolyId::ONE);
                (dtype, shape)
            })
        }
        "MaxPool" | "AveragePool" | "LpPool" => convolution::pooled(it, visit, slot),
        "Reshape" => reshape(it, visit),
        "Transpose" => transpose(it, visit),
        "Pad" => pad(it, visit),
        "DequantizeLinear" => {
            let ((_, shape), (dtype, _)) = (input(it, visit, 0)?, input(it, visit, 1)?);
            Some((dtype, shape))
        }
        "QuantizeLinear" => {
            let ((_, shape), (dtype, _)) = (input(it, visit, 0)?, input(it, visit, 2)?);
            Some((dtype, shape))
        }
        "DynamicQuantizeLinear" if first => {
            input(it, visit, 0).map(|(_, shape)| (DataType::U8, shape))
        }
        "MatMulInteger" => matmul(it, visit).map(|(_, shape)| (DataType::I32, shape)),
        _ if visit.node.domain() == "com.microsoft" => contrib::infer(it, visit, slot),
        _ => None,
    }
}

fn transpose(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let (dtype, mut shape) = input(it, visit, 0)?;
    let Some(order) = visit.node.ints("perm") else {
        shape.reverse();
        return Some((dtype, shape));
    };
    let axes = order
        .iter()
        .map(|&axis| normal_axis(axis, shape.len()).ok());
    let turned = axes.map(|axis| shape.get(axis?).copied());
    let turned = turned.collect::<Option<Shape>>()?;
    (turned.len() == shape.len()).then_some((dtype, turned))
}

fn same(it: &mut Interpreter<'_>, visit: &Visit<'_>, position: usize) -> Option<(DataType, Shape)> {
    input(it, visit, position)
}

fn broadcast(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    typed: usize,
    dtype: Option<DataType>,
) -> Option<(DataType, Shape)> {
    let inputs: Vec<(DataType, Shape)> = (0..visit.inputs.len())
        .map(|k| input(it, visit, k))
        .collect::<Option<_>>()?;
    let dtype = dtype.or_else(|| inputs.get(typed).map(|(d, _)| *d))?;
    let shapes: Vec<Shape> = inputs.into_iter().map(|(_, s)| s).collect();
    Some((dtype, joined(it, &shapes)))
}

fn matmul(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let ((dtype, a), (_, b)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    product(it, &a, &b).map(|shape| (dtype, shape))
}

/// Sizes by label: in a graph that runs, a label has one size or 1.
fn einsum(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let mut sizes: FxHashMap<char, PolyId> = FxHashMap::default();
    let ((dtype, left), (_, right)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let (terms, result) = equation(visit.node, [left.len(), right.len()]).ok()?;
    for (slot, term) in terms.iter().enumerate().take(visit.inputs.len()) {
        let (_, shape) = input(it, visit, slot)?;
        if shape.len() != term.len() {
            return None;
        }
        for (&label, &size) in term.iter().zip(&shape) {
            let known = sizes.entry(label).or_insert(size);
            *known = it.arena.broadcast_size(*known, size);
        }
    }
    let shape = result.iter().map(|label| sizes.get(label).copied());
    Some((dtype, shape.collect::<Option<_>>()?))
}

fn reduce(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let (dtype, shape) = input(it, visit, 0)?;
    // An empty list of axes is none.
    let given = it.ints_of(visit, "axes", 1).ok()?;
    let axes = match given.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes
            .iter()
            .map(|&axis| normal_axis(axis, shape.len()).ok())
            .collect::<Option<Vec<_>>>()?,
        None if visit.node.int("noop_with_empty_axes") == Some(1) => return Some((dtype, shape)),
        None => (0..shape.len()).collect(),
    };
    let keep = visit.node.int("keepdims").unwrap_or(1) != 0;
    let kept = shape
        .iter()
        .enumerate()
        .filter_map(|(axis, &dim)| match axes.contains(&axis) {
            true => keep.then_some(PolyId::ONE),
            false => Some(dim),
        });
    Some((dtype, kept.collect()))
}

fn gather(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let ((dtype, a), (_, index)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), a.len()).ok()?;
    let mut shape: Shape = a[..axis].into();
    shape.extend(index);
    shape.extend_from_slice(&a[axis + 1..]);
    Some((dtype, shape))
}

fn concat(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let (dtype, mut shape) = input(it, visit, 0)?;
    let axis = normal_axis(visit.node.int("axis")?, shape.len()).ok()?;
    for k in 1..visit.inputs.len() {
        let (_, next) = input(it, visit, k)?;
        if next.len() != shape.len() {
            return None;
        }
        // The sizes of other axes are equal in a graph that runs.
        for other in (0..shape.len()).filter(|&other| other != axis) {
            if it.arena.as_integer(next[other]).is_some() {
                shape[other] = next[other];
            }
        }
        shape[axis] = it.arena.add(shape[axis], next[axis]).ok()?;
    }
    Some((dtype, shape))
}

/// A slice by unknown bounds: the axes that are not cut keep their sizes, and the others have those that are stated.
fn slice(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let (dtype, mut shape) = input(it, visit, 0)?;
    let name = visit.node.output.first()?;
    let cut = match it.ints_of(visit, "axes", 3).ok()? {
        Some(axes) => axes,
        None => (0..shape.len() as i64).collect(),
    };
    let stated = it.facts_of(name).map(|(_, stated)| stated);
    let stated = stated.filter(|stated| stated.len() == shape.len());
    for axis in cut {
        let axis = normal_axis(axis, shape.len()).ok()?;
        shape[axis] = match &stated {
            Some(stated) => stated[axis],
            None => it.unknown_size(name, axis),
        };
    }
    Some((dtype, shape))
}

/// The axes of the indices but the last, and those of the data that they do not tell.
fn gather_nd(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let ((dtype, data), (_, indices)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let (&told, places) = indices.split_last()?;
    let told = usize::try_from(it.arena.as_integer(told)?).ok()?;
    let batch = visit.node.int("batch_dims").unwrap_or(0);
    let first = usize::try_from(batch).ok()?.checked_add(told)?;
    let shape = places.iter().chain(data.get(first..)?);
    Some((dtype, shape.copied().collect()))
}

/// With known numbers of elements before and after. Where one is negative, elements are cut off.
fn pad(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let (dtype, mut shape) = input(it, visit, 0)?;
    let pads = match visit.node.ints("pads") {
        Some(list) => list.to_vec(),
        None => it.integers(visit.optional(1)?)?,
    };
    let axes = match visit.optional(3) {
        Some(axes) => it.integers(axes)?,
        None => (0..shape.len() as i64).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return None;
    }
    let (before, after) = pads.split_at(axes.len());
    for ((&axis, &before), &after) in axes.iter().zip(before).zip(after) {
        let axis = normal_axis(axis, shape.len()).ok()?;
        let more = it.arena.integer(before.checked_add(after)?);
        shape[axis] = it.arena.add(shape[axis], more).ok()?;
    }
    Some((dtype, shape))
}

fn reshape(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let a = it.value(visit.optional(0)?).ok()?;
    let list = match visit.node.ints("shape") {
        Some(list) => list.iter().map(|&d| it.arena.integer(d)).collect(),
        None => it.elements(visit.optional(1)?)?,
    };
    let shape = super::reshape::target(it, &a, &list, visit).ok()?;
    Some((a.dtype, shape))
}

#[cfg(test)]
mod tests;
