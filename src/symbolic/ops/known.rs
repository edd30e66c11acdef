//! Operators on numbers that are all known: extremes, products and the places of what is not zero. Exporters spell constant
//! index lists with them (a repeat of every channel, a mask of the channels to keep).

use smallvec::smallvec;

use crate::onnx::DataType;
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::{Extents, Value, split};
use crate::symbolic::visit::Visit;

use super::typed::{exact, typed};

/// Most elements of a tensor that is looked through for what is not zero.
const MAX_SEARCHED: usize = 4096;

fn numbers(it: &Interpreter<'_>, value: &Value) -> Result<Vec<f64>, Stop> {
    let elements = value.elements().ok_or(Stop::NotToldApart)?;
    elements
        .iter()
        .map(|&p| it.arena.as_constant(p))
        .collect::<Option<_>>()
        .ok_or(Stop::ElementsNotConstant)
}

/// ReduceMax, ReduceMin and ReduceProd.
pub(super) fn reduce(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    fold: fn(f64, f64) -> f64,
) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let mut list = numbers(it, &a)?;
    let mut extents = a.extents(&it.arena);
    // An empty list of axes is none.
    let given = it.ints_of(visit, "axes", 1)?;
    let axes: Vec<usize> = match given.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes
            .iter()
            .map(|&axis| normal_axis(axis, a.rank()))
            .collect::<Result<_, _>>()?,
        None if visit.node.int("noop_with_empty_axes") == Some(1) => Vec::new(),
        None => (0..a.rank()).collect(),
    };
    for &axis in &axes {
        let (outer, count, inner) = split(&extents, axis);
        let mut kept = Vec::with_capacity(outer * inner);
        for o in 0..outer {
            for i in 0..inner {
                let column = (0..count).map(|k| list[(o * count + k) * inner + i]);
                kept.push(column.reduce(fold).ok_or(Stop::EmptyAxisReduced)?);
            }
        }
        list = kept;
        extents[axis] = 1;
    }
    let keep = visit.node.int("keepdims").unwrap_or(1) != 0;
    let shape = (0..a.rank())
        .filter(|axis| keep || !axes.contains(axis))
        .map(|axis| it.arena.integer(extents[axis] as i64))
        .collect();
    let data = list.into_iter().map(|v| it.arena.constant(v)).collect();
    let reduced = Value::enumerated(a.dtype, shape, data);
    typed(
        it,
        Value {
            caveats: a.caveats,
            ..reduced
        },
    )
}

pub(super) fn non_zero(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    exact(&a)?;
    let list = numbers(it, &a)?;
    if a.rank() == 0 || list.len() > MAX_SEARCHED {
        return Err(Stop::TooManyToSearch);
    }
    let extents = a.extents(&it.arena);
    let found: Vec<usize> = (0..list.len()).filter(|&at| list[at] != 0.0).collect();
    let mut data: Vec<PolyId> = Vec::with_capacity(a.rank() * found.len());
    for axis in 0..a.rank() {
        let inner: usize = extents[axis + 1..].iter().product();
        for &at in &found {
            let position = at / inner % extents[axis];
            data.push(it.arena.integer(position as i64));
        }
    }
    let sizes: Extents = smallvec![a.rank(), found.len()];
    let shape = sizes.iter().map(|&n| it.arena.integer(n as i64)).collect();
    Ok(Value::enumerated(DataType::I64, shape, data))
}

#[cfg(test)]
mod tests;
