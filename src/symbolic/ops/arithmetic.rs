//! Elementwise operators.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{Arena, PolyId, Stop};
use crate::symbolic::value::{Caveats, Value};
use crate::symbolic::visit::Visit;

use super::linearity::{homogeneous, linear};
use super::typed::{annihilated, exact, typed, vanishing};

/// Operators of one operand that are a known function of each element.
pub fn unary(op: &str) -> Option<Function> {
    Some(match op {
        "Cos" => Function::Cos,
        "Sin" => Function::Sin,
        "Exp" => Function::Exp,
        "Log" => Function::Log,
        "Sqrt" => Function::Sqrt,
        "Reciprocal" => Function::Reciprocal,
        "Floor" => Function::Floor,
        "Ceil" => Function::Ceil,
        "Round" => Function::Round,
        "Abs" => Function::Abs,
        "Sign" => Function::Sign,
        "Not" => Function::Not,
        _ => return None,
    })
}

/// Operators of two operands that are a known function of each pair, and nothing more.
pub fn binary(op: &str) -> Option<Function> {
    Some(match op {
        "Pow" => Function::Pow,
        "Equal" => Function::Equal,
        "Less" => Function::Less,
        "LessOrEqual" => Function::LessOrEqual,
        "And" => Function::And,
        "Or" => Function::Or,
        "Xor" => Function::Xor,
        "Max" => Function::Max,
        "Min" => Function::Min,
        _ => return None,
    })
}

fn operands(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<SmallVec<[Rc<Value>; 3]>, Stop> {
    (0..visit.inputs.len())
        .map(|k| visit.input(k).and_then(|id| it.value(id)))
        .collect()
}

pub(super) fn apply_unary(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    function: Function,
) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let whole = matches!(
        function,
        Function::Floor | Function::Ceil | Function::Round | Function::Sign
    );
    if whole {
        exact(&a)?;
    }
    let value = it.elementwise(&[&a], a.dtype, &mut |arena, p| {
        Ok(
            match whole && function != Function::Sign && arena.range(p[0]).whole {
                true => p[0],
                false => arena.apply(function, p),
            },
        )
    })?;
    linear(it, value).and_then(|value| typed(it, value))
}

pub(super) fn apply_binary(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    function: Function,
) -> Result<Value, Stop> {
    let values = operands(it, visit)?;
    let [a, b] = &values[..] else {
        return Err(Stop::NotTwoOperands);
    };
    let dtype = match function {
        Function::Pow | Function::Max | Function::Min => a.dtype,
        _ => DataType::Bool,
    };
    compared(it, function, dtype, a, b)
}

fn compared(
    it: &mut Interpreter<'_>,
    function: Function,
    dtype: DataType,
    a: &Value,
    b: &Value,
) -> Result<Value, Stop> {
    if dtype == DataType::Bool {
        exact(a)?;
        exact(b)?;
    }
    // The extremes of rounded numbers are those of the numbers before, but which of the two it is may differ.
    let decided = !a.caveats.and(b.caveats).rounded;
    let value = it.elementwise(&[a, b], dtype, &mut |arena, p| {
        Ok(
            match decided && p.iter().all(|&p| arena.range(p).is_finite()) {
                true => compare(arena, function, p[0], p[1]),
                false => arena.apply(function, p),
            },
        )
    })?;
    linear(it, value).and_then(|value| typed(it, value))
}

/// Comparisons are decided where the ranges of the numbers, none of them NaN, decide them.
fn compare(arena: &mut Arena, function: Function, a: PolyId, b: PolyId) -> PolyId {
    let truth = |b: bool| if b { PolyId::ONE } else { PolyId::ZERO };
    match function {
        Function::Max => return arena.greatest(a, b),
        Function::Min => return arena.least(a, b),
        Function::And | Function::Or if a == b => return a,
        _ => {}
    }
    let Ok(difference) = arena.sub(a, b) else {
        return arena.apply(function, &[a, b]);
    };
    let range = arena.range(difference);
    match function {
        Function::Equal if a == b => PolyId::ONE,
        Function::Equal if range.low > 0.0 || range.high < 0.0 => PolyId::ZERO,
        Function::Less if range.low >= 0.0 || range.high < 0.0 => truth(range.high < 0.0),
        Function::LessOrEqual if range.low > 0.0 || range.high <= 0.0 => truth(range.high <= 0.0),
        _ => arena.apply(function, &[a, b]),
    }
}

pub(super) fn greater(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let function = if visit.node.op_type() == "Greater" {
        Function::Less
    } else {
        Function::LessOrEqual
    };
    let values = operands(it, visit)?;
    let [a, b] = &values[..] else {
        return Err(Stop::NotTwoOperands);
    };
    compared(it, function, DataType::Bool, b, a)
}

pub(super) fn add(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let values = operands(it, visit)?;
    let refs: SmallVec<[&Value; 3]> = values.iter().map(|v| &**v).collect();
    sum(it, &refs, &mut |_, p| p)
}

pub(super) fn sub(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let mut first = true;
    sum(it, &[&a, &b], &mut |arena, p| {
        let sign = if first { 1.0 } else { -1.0 };
        first = !first;
        arena.scale(p, sign)
    })
}

/// The sum of what `signed` makes of each operand in turn.
fn sum(
    it: &mut Interpreter<'_>,
    operands: &[&Value],
    signed: &mut dyn FnMut(&mut Arena, PolyId) -> PolyId,
) -> Result<Value, Stop> {
    let dtype = operands.first().ok_or(Stop::NoOperand)?.dtype;
    let mut caveats = Caveats::default();
    let mut sum = it.elementwise(operands, dtype, &mut |arena, p| {
        let terms: SmallVec<[PolyId; 3]> = p.iter().map(|&q| signed(arena, q)).collect();
        let sum = terms
            .iter()
            .try_fold(PolyId::ZERO, |sum, &q| arena.add(sum, q))?;
        caveats = caveats.and(vanishing(arena, &terms, sum));
        Ok(sum)
    })?;
    sum.caveats = sum.caveats.and(caveats);
    homogeneous(it, sum).and_then(|sum| typed(it, sum))
}

pub(super) fn mul(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    product(it, &a, &b)
}

/// The product element by element.
pub fn product(it: &mut Interpreter<'_>, a: &Value, b: &Value) -> Result<Value, Stop> {
    let mut caveats = Caveats::default();
    let overflows = a.caveats.and(b.caveats).overflows;
    let mut product = it.elementwise(&[a, b], a.dtype, &mut |arena, p| {
        caveats = caveats.and(annihilated(arena, p, overflows));
        arena.mul(p[0], p[1])
    })?;
    product.caveats = product.caveats.and(caveats);
    linear(it, product).and_then(|product| typed(it, product))
}

pub(super) fn neg(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let value = it.elementwise(&[&a], a.dtype, &mut |arena, p| Ok(arena.scale(p[0], -1.0)))?;
    typed(it, value)
}

pub(super) fn div(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let integer = a.dtype.is_integer();
    let alike = it.are_alike(visit.input(0)?, visit.input(1)?);
    let equal = alike || !a.caveats.and(b.caveats).rounded;
    let quotient = it.elementwise(&[&a, &b], a.dtype, &mut |arena, p| {
        if integer {
            Ok(arena.integer_quotient(p[0], p[1]))
        } else {
            quotient(arena, p[0], p[1], equal)
        }
    })?;
    typed(it, quotient)
}

/// The quotient of two floats; those of one polynomial are `equal`, or are so up to rounding.
fn quotient(arena: &mut Arena, a: PolyId, b: PolyId, equal: bool) -> Result<PolyId, Stop> {
    let range = arena.range(b);
    // 0 / 0 is NaN, and so is the quotient of infinities.
    if equal && a == b && range.is_finite() && (range.low > 0.0 || range.high < 0.0) {
        return Ok(PolyId::ONE);
    }
    if let Some(divisor) = arena.as_constant(b).filter(|&d| d != 0.0) {
        return match arena.as_constant(a) {
            Some(dividend) => Ok(arena.constant(dividend / divisor)),
            None => Ok(arena.scale(a, 1.0 / divisor)),
        };
    }
    let inverse = arena.apply(Function::Reciprocal, &[b]);
    arena.mul(a, inverse)
}

pub(super) fn modulo(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let function = if visit.node.int("fmod") == Some(1) {
        Function::Fmod
    } else {
        Function::Mod
    };
    exact(&a)?;
    exact(&b)?;
    let value = it.elementwise(&[&a, &b], a.dtype, &mut |arena, p| {
        Ok(arena.apply(function, p))
    })?;
    typed(it, value)
}

pub(super) fn select(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let values = operands(it, visit)?;
    let [condition, a, b] = &values[..] else {
        return Err(Stop::NotThreeOperands);
    };
    let alike = it.are_alike(visit.input(1)?, visit.input(2)?);
    let equal = alike || !a.caveats.and(b.caveats).rounded;
    let chosen = it.elementwise(&[condition, a, b], a.dtype, &mut |arena, p| {
        Ok(match arena.as_constant(p[0]) {
            Some(c) => p[if c != 0.0 { 1 } else { 2 }],
            None if p[1] == p[2] && !equal => return Err(Stop::RoundedChoice),
            None if p[1] == p[2] => p[1],
            None => arena.apply(Function::Where, p),
        })
    })?;
    linear(it, chosen)
}

pub(super) fn cast(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let to = match visit.node.int("to") {
        Some(number) => i32::try_from(number).ok().and_then(DataType::from_onnx),
        None => visit
            .input(1)
            .and_then(|id| it.value(id))
            .ok()
            .map(|v| v.dtype),
    };
    let to = to.ok_or(Stop::CastToUnknown)?;
    if to == a.dtype {
        return Ok((*a).clone());
    }
    if to.is_float() {
        let value = Value {
            dtype: to,
            ..(*a).clone()
        };
        if is_quantised(it, &a) {
            return Err(Stop::Dequantised);
        }
        // What has more bits of every kind holds each number of the type before.
        let wider = a.dtype.is_float() && to.bits() > a.dtype.bits();
        return match wider {
            true => Ok(value),
            false => typed(it, value),
        };
    }
    let function = match to {
        DataType::Bool => Function::IsTrue,
        _ if to.is_integer() => Function::Trunc,
        _ => return Err(Stop::CastNotNumeric),
    };
    exact(&a)?;
    let value = it.elementwise(&[&a], to, &mut |arena, p| {
        let whole = arena.range(p[0]).whole && function == Function::Trunc;
        Ok(match whole {
            true => p[0],
            false => arena.apply(function, p),
        })
    })?;
    typed(it, value)
}

/// Whether these are channels stored in 8 bits, as tools that quantise a model store them: no positions.
fn is_quantised(it: &Interpreter<'_>, value: &Value) -> bool {
    let is_stored = |dtype: DataType| matches!(dtype, DataType::I8 | DataType::U8);
    let stored = |&p: &PolyId| {
        let roots = it.arena.roots_of(p);
        roots
            .iter()
            .any(|&root| is_stored(it.arena.root_of(root).dtype))
    };
    let size = value.shape.last().and_then(|&n| it.arena.as_integer(n));
    is_stored(value.dtype) && size.is_some_and(|n| n > 1) && value.data.iter().any(stored)
}

#[cfg(test)]
mod tests;
