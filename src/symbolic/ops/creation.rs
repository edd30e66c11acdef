//! Constants, ranges and shapes.

use smallvec::smallvec;

use crate::onnx::DataType;
use crate::symbolic::constants::element;
use crate::symbolic::interpreter::{Interpreter, MAX_CHANNELS};
use crate::symbolic::poly::{Arena, PolyId, Stop};
use crate::symbolic::value::{Alignment, Caveats, Shape, Value};
use crate::symbolic::visit::Visit;

use super::typed::{exact, typed};

pub(super) fn constant(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    if let Some(tensor) = visit.node.tensor("value") {
        let id = visit
            .node
            .output
            .first()
            .and_then(|name| it.index().id(name))
            .ok_or(Stop::ConstantWithoutName)?;
        return it
            .constant_value(id, tensor)
            .ok_or(Stop::ConstantOfUnknownType);
    }
    let arena = &mut it.arena;
    let float = |arena: &mut Arena, v: f32| match v.is_finite() {
        true => Ok(arena.constant(f64::from(v))),
        false => Err(Stop::ConstantNotFinite),
    };
    let (dtype, data, scalar): (_, Vec<PolyId>, _) = if let Some(v) = visit.node.int("value_int") {
        (DataType::I64, vec![arena.integer(v)], true)
    } else if let Some(v) = visit.node.float("value_float") {
        (DataType::F32, vec![float(arena, v)?], true)
    } else if let Some(v) = visit.node.ints("value_ints") {
        let data = v.iter().map(|&i| arena.integer(i)).collect();
        (DataType::I64, data, false)
    } else if let Some(v) = visit.node.floats("value_floats") {
        let data = v
            .iter()
            .map(|&f| float(arena, f))
            .collect::<Result<_, _>>()?;
        (DataType::F32, data, false)
    } else {
        return Err(Stop::ConstantNotNumeric);
    };
    let shape: Shape = if scalar {
        Shape::new()
    } else {
        smallvec![arena.integer(data.len() as i64)]
    };
    Ok(Value::enumerated(dtype, shape, data))
}

pub(super) fn constant_of_shape(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
) -> Result<Value, Stop> {
    let shape: Shape = it
        .elements(visit.input(0)?)
        .ok_or(Stop::UnknownShape)?
        .into();
    let (dtype, element) = match visit.node.tensor("value") {
        None => (DataType::F32, PolyId::ZERO),
        Some(proto) => {
            let tensor = it.file.tensor(proto).map_err(|_| Stop::FillUnreadable)?;
            if tensor.is_empty() {
                return Err(Stop::FillEmpty);
            }
            let element = element(&mut it.arena, &tensor, 0);
            let element = element.ok_or(Stop::FillNotFinite)?;
            (tensor.dtype, element)
        }
    };
    filled(it, dtype, shape, element)
}

/// A tensor of one repeated element.
pub(super) fn filled(
    it: &mut Interpreter<'_>,
    dtype: DataType,
    shape: Shape,
    element: PolyId,
) -> Result<Value, Stop> {
    let mut enumerated = shape
        .iter()
        .map(|&dim| {
            it.arena
                .as_integer(dim)
                .is_some_and(|n| (0..=MAX_CHANNELS as i64).contains(&n))
        })
        .collect::<Vec<_>>();
    let extents = it.fit(&shape, &mut enumerated);
    let data = vec![element; extents.iter().product()];
    Ok(Value {
        dtype,
        shape,
        enumerated: enumerated.into(),
        data: data.into(),
        alignment: Alignment::new(),
        caveats: Caveats::default(),
    })
}

pub(super) fn range(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let mut bounds = [PolyId::ZERO; 3];
    let mut dtype = DataType::I64;
    for (k, bound) in bounds.iter_mut().enumerate() {
        let value = it.value(visit.input(k)?)?;
        exact(&value)?;
        let [element] = value.elements().ok_or(Stop::RangeOfUnknownBounds)? else {
            return Err(Stop::RangeNotScalar);
        };
        *bound = *element;
        dtype = value.dtype;
    }
    let [start, limit, delta] = bounds;
    let step = it
        .arena
        .as_constant(delta)
        .filter(|&d| d != 0.0)
        .ok_or(Stop::RangeOfUnknownStep)?;
    if let (Some(from), Some(to)) = (it.arena.as_constant(start), it.arena.as_constant(limit)) {
        let count = ((to - from) / step).ceil().max(0.0);
        if count <= MAX_CHANNELS as f64 {
            let shape = smallvec![it.arena.integer(count as i64)];
            let data = (0..count as usize)
                .map(|k| it.arena.constant(from + step * k as f64))
                .collect();
            return typed(it, Value::enumerated(dtype, shape, data));
        }
    }
    let span = it.arena.sub(limit, start)?;
    let reached = steps(&mut it.arena, span, step, dtype.is_integer())?;
    let length = it.arena.greatest(PolyId::ZERO, reached);
    let iota = it.arena.iota();
    let position = it.arena.channel(iota, 0);
    let slope = it.arena.scale(position, step);
    let element = it.arena.add(start, slope)?;
    let mut alignment = Alignment::new();
    alignment.push((iota, smallvec![0]));
    let value = Value {
        dtype,
        shape: smallvec![length],
        enumerated: smallvec![false],
        data: vec![element].into(),
        alignment,
        caveats: Caveats::default(),
    };
    // Integers between the bounds are of their type.
    match dtype.is_integer() {
        true => Ok(value),
        false => typed(it, value),
    }
}

/// How many steps of `step` it takes to cover `span`: the quotient, rounded up. Negative where the steps lead away.
fn steps(arena: &mut Arena, span: PolyId, step: f64, integer: bool) -> Result<PolyId, Stop> {
    let quotient = arena.scale(span, 1.0 / step);
    if arena.range(quotient).whole || (integer && step.abs() == 1.0) {
        return Ok(quotient);
    }
    let fraction = arena.constant_term(quotient);
    let constant = arena.constant(fraction);
    let rest = arena.sub(quotient, constant)?;
    if arena.range(rest).whole {
        let rounded = arena.constant(fraction.ceil());
        return arena.add(rest, rounded);
    }
    if integer {
        // Whole numbers: adding one less than the step and rounding down is rounding up; below 0 rounding to 0 does no harm.
        let (span, step) = match step > 0.0 {
            true => (span, step),
            false => (arena.scale(span, -1.0), -step),
        };
        let last = arena.constant(step - 1.0);
        let divisor = arena.constant(step);
        let reached = arena.add(span, last)?;
        return Ok(arena.integer_quotient(reached, divisor));
    }
    Err(Stop::RangeOfUnknownLength)
}

pub(super) fn shape(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let rank = a.rank() as i64;
    let bound = |value: i64| (if value < 0 { value + rank } else { value }).clamp(0, rank) as usize;
    let (start, end) = (
        bound(visit.node.int("start").unwrap_or(0)),
        bound(visit.node.int("end").unwrap_or(rank)),
    );
    let dims = a.shape.get(start..end).unwrap_or_default().to_vec();
    let shape = smallvec![it.arena.integer(dims.len() as i64)];
    Ok(Value::enumerated(DataType::I64, shape, dims))
}

pub(super) fn size(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let mut product = PolyId::ONE;
    for &dim in &a.shape {
        product = it.arena.mul(product, dim)?;
    }
    Ok(Value::enumerated(
        DataType::I64,
        Shape::new(),
        vec![product],
    ))
}

#[cfg(test)]
mod tests;
