//! Elements of constants: numbers at known indices, and progressions.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::onnx::proto::TensorProto;
use crate::onnx::{Tensor, ValueId};
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::range::EXACT;

use super::{Pause, Query};

/// Most elements of a constant that is looked through.
const MAX_ELEMENTS: usize = 1 << 22;

/// What is known of the constants of a graph.
#[derive(Default)]
pub(super) struct Constants {
    known: FxHashMap<ValueId, Option<Rc<Constant>>>,
}

struct Constant {
    tensor: Rc<Tensor>,
    /// The first element, and the difference along each axis, if all elements follow them.
    progression: Option<(f64, Vec<f64>)>,
}

/// The constant that a value is.
pub(super) fn tensor<'a>(query: &Query<'_, 'a>, value: ValueId) -> Option<&'a TensorProto> {
    let file = query.it.file;
    if let Some(position) = file.constant(value) {
        return file.graph().initializer.get(position);
    }
    let (node, _) = file.index().producer(value)?;
    let node = &file.graph().node[node];
    let (_, tensor) = node.constant().filter(|_| node.is_onnx("Constant"))?;
    Some(tensor)
}

/// The element of a constant.
pub(super) fn element(
    query: &mut Query<'_, '_>,
    value: ValueId,
    tensor: &TensorProto,
) -> Result<PolyId, Pause> {
    let constant = read(query, value, tensor).ok_or(Stop::UnreadConstant)?;
    let arena = &mut query.it.arena;
    let indices: Option<Vec<i64>> = query
        .at
        .iter()
        .map(|&index| arena.as_integer(index))
        .collect();
    if let Some(indices) = indices {
        let mut position = 0;
        for (&index, &size) in indices.iter().zip(&constant.tensor.shape) {
            let index = usize::try_from(index).ok().filter(|&index| index < size);
            position = position * size + index.ok_or(Stop::IndexOutOfRange)?;
        }
        let number = crate::symbolic::constants::element(arena, &constant.tensor, position);
        return Ok(number.ok_or(Stop::ConstantNotFinite)?);
    }
    let (start, steps) = constant.progression.as_ref().ok_or(Stop::NoRule)?;
    let mut sum = arena.constant(*start);
    for (&index, &step) in query.at.iter().zip(steps) {
        let product = arena.scale(index, step);
        sum = arena.add(sum, product)?;
    }
    Ok(sum)
}

/// The number that a `Constant` node has as an attribute.
pub(super) fn number(query: &mut Query<'_, '_>, value: ValueId) -> Result<PolyId, Pause> {
    let tensor = query.it.tensor(value).filter(|tensor| tensor.len() == 1);
    let tensor = tensor.ok_or(Stop::UnreadConstant)?;
    let number = crate::symbolic::constants::element(&mut query.it.arena, &tensor, 0);
    Ok(number.ok_or(Stop::ConstantNotFinite)?)
}

fn read(query: &mut Query<'_, '_>, value: ValueId, proto: &TensorProto) -> Option<Rc<Constant>> {
    if let Some(known) = query.elements.constants.known.get(&value) {
        return known.clone();
    }
    let tensor = query.it.load(value, proto);
    let constant = tensor
        .filter(|tensor| tensor.len() <= MAX_ELEMENTS)
        .map(|tensor| {
            Rc::new(Constant {
                progression: progression(&tensor),
                tensor,
            })
        });
    query
        .elements
        .constants
        .known
        .insert(value, constant.clone());
    constant
}

/// The rule of a tensor of integers whose elements change by the same number with each step along an axis.
fn progression(tensor: &Tensor) -> Option<(f64, Vec<f64>)> {
    let count = tensor.len();
    if count == 0 || tensor.shape.iter().all(|&size| size == 1) {
        return None;
    }
    let start = tensor.element(0);
    let mut steps = vec![0.0; tensor.shape.len()];
    let mut stride = 1;
    for (step, &size) in steps.iter_mut().zip(&tensor.shape).rev() {
        if size > 1 {
            *step = tensor.element(stride) - start;
        }
        stride *= size;
    }
    let follows = |at: usize| {
        let mut rest = at;
        let mut wanted = start;
        for (step, &size) in steps.iter().zip(&tensor.shape).rev() {
            wanted += (rest % size) as f64 * step;
            rest /= size;
        }
        let number = tensor.element(at);
        number == wanted && number.fract() == 0.0 && number.abs() < EXACT
    };
    (0..count).all(follows).then_some((start, steps))
}
