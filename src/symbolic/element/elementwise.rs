//! Operators that compute every element from those at the same place.

use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::operation::Operation;
use crate::symbolic::ops::arithmetic;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::{Algebra, Pause, Query};

/// What an operator does to numbers of a type.
enum Step {
    /// Sums, differences, products and quotients of a type.
    Arithmetic(fn(&mut Algebra<'_>, PolyId, PolyId, DataType) -> PolyId),
    /// A function that is rounded to its type.
    Rounded(Operation),
    /// A function whose result every type holds.
    Exact(Function),
    /// The same of many numbers, two at a time.
    Folded(Function),
}

fn step(op: &str) -> Option<Step> {
    Some(match op {
        "Add" => Step::Arithmetic(|a, x, y, dtype| a.add(x, y, dtype)),
        "Sub" => Step::Arithmetic(|a, x, y, dtype| a.sub(x, y, dtype)),
        "Mul" => Step::Arithmetic(|a, x, y, dtype| a.mul(x, y, dtype)),
        "Div" => Step::Arithmetic(|a, x, y, dtype| a.div(x, y, dtype)),
        "Where" => Step::Exact(Function::Where),
        op => {
            let function = arithmetic::unary(op).or_else(|| arithmetic::binary(op))?;
            match (function, function.operation()) {
                (_, Some(operation)) => Step::Rounded(operation),
                (Function::Max | Function::Min, _) => Step::Folded(function),
                _ => Step::Exact(function),
            }
        }
    })
}

pub(super) fn element(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let dtype = own.dtype;
    match visit.node.op_type() {
        "Identity" => return operand(query, visit, own, 0),
        "Neg" => {
            let a = operand(query, visit, own, 0)?;
            return Ok(query.algebra().neg(a, dtype));
        }
        "Cast" | "CastLike" => {
            let from = query.value(visit.input(0)?)?.dtype;
            let a = operand(query, visit, own, 0)?;
            return Ok(query.algebra().cast(a, from, dtype));
        }
        "Greater" | "GreaterOrEqual" => {
            let (a, b) = (
                operand(query, visit, own, 0)?,
                operand(query, visit, own, 1)?,
            );
            let function = match visit.node.op_type() {
                "Greater" => Function::Less,
                _ => Function::LessOrEqual,
            };
            return Ok(query.algebra().apply(function, &[b, a]));
        }
        "Mod" => return modulo(query, visit, own),
        "Clip" => return clip(query, visit, own),
        _ => {}
    }
    let step = step(visit.node.op_type()).ok_or(Stop::UnknownOperator)?;
    let operands: SmallVec<[PolyId; 3]> = (0..visit.inputs.len())
        .map(|slot| operand(query, visit, own, slot))
        .collect::<Result<_, _>>()?;
    let mut algebra = query.algebra();
    match (step, &operands[..]) {
        (Step::Arithmetic(f), &[a, b]) => Ok(f(&mut algebra, a, b, dtype)),
        (Step::Rounded(operation), all) => Ok(algebra.typed(operation, dtype, all)),
        (Step::Exact(function), all) => Ok(algebra.apply(function, all)),
        (Step::Folded(function), all) => {
            let all = all.iter().copied();
            let folded = all.reduce(|a, b| algebra.apply(function, &[a, b]));
            Ok(folded.ok_or(Stop::NoOperand)?)
        }
        _ => Err(Stop::NotTwoOperands.into()),
    }
}

fn operand(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
    slot: usize,
) -> Result<PolyId, Pause> {
    query.ask_broadcast(visit.input(slot)?, own)
}

/// The remainder of integers with the sign of the divisor.
fn modulo(query: &mut Query<'_, '_>, visit: &Visit<'_>, own: &Value) -> Result<PolyId, Pause> {
    if !own.dtype.is_integer() {
        return Err(Stop::UnknownOperator.into());
    }
    let (a, b) = (
        operand(query, visit, own, 0)?,
        operand(query, visit, own, 1)?,
    );
    let fmod = visit.node.int("fmod") == Some(1);
    let mut algebra = query.algebra();
    if algebra.nonnegative(a) && algebra.arena.range(b).low >= 1.0 {
        return Ok(algebra.divided(a, b).1);
    }
    let function = if fmod { Function::Fmod } else { Function::Mod };
    Ok(algebra.apply(function, &[a, b]))
}

fn clip(query: &mut Query<'_, '_>, visit: &Visit<'_>, own: &Value) -> Result<PolyId, Pause> {
    let mut element = operand(query, visit, own, 0)?;
    for (slot, attribute, function) in [(1, "min", Function::Max), (2, "max", Function::Min)] {
        let bound = match (visit.node.float(attribute), visit.optional(slot)) {
            (Some(number), _) => Some(query.it.arena.constant(f64::from(number))),
            (None, Some(bound)) => Some(query.ask_scalar(bound)?),
            (None, None) => None,
        };
        if let Some(bound) = bound {
            element = query.algebra().apply(function, &[element, bound]);
        }
    }
    Ok(element)
}
