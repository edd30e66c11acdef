//! Elementwise operators.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

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
    it.elementwise(&[&a], a.dtype, &mut |arena, p| Ok(arena.apply(function, p)))
}

pub(super) fn apply_binary(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    function: Function,
) -> Result<Value, Stop> {
    let values = operands(it, visit)?;
    let [a, b] = &values[..] else {
        return Err(Stop("not two operands"));
    };
    let dtype = match function {
        Function::Pow | Function::Max | Function::Min => a.dtype,
        _ => DataType::Bool,
    };
    it.elementwise(&[a, b], dtype, &mut |arena, p| {
        Ok(compare(arena, function, p[0], p[1]))
    })
}

/// Comparisons of dimensions with numbers are decided where every dimension is known not to be negative.
fn compare(arena: &mut Arena, function: Function, a: PolyId, b: PolyId) -> PolyId {
    let truth = |b: bool| if b { PolyId::ONE } else { PolyId::ZERO };
    if matches!(
        function,
        Function::Max | Function::Min | Function::And | Function::Or
    ) && a == b
    {
        return a;
    }
    let Ok(difference) = arena.sub(a, b) else {
        return arena.apply(function, &[a, b]);
    };
    let zero = difference == PolyId::ZERO;
    let (positive, negative) = (
        is_positive(arena, difference),
        is_negative(arena, difference),
    );
    match function {
        Function::Equal if zero => PolyId::ONE,
        Function::Equal if positive || negative => PolyId::ZERO,
        Function::Less if zero || positive || negative => truth(negative),
        Function::LessOrEqual if zero || positive || negative => truth(!positive),
        Function::Max if positive => a,
        Function::Max if negative => b,
        Function::Min if positive => b,
        Function::Min if negative => a,
        _ => arena.apply(function, &[a, b]),
    }
}

/// A positive constant plus dimensions with positive coefficients.
fn is_positive(arena: &Arena, p: PolyId) -> bool {
    let terms = arena.terms(p);
    let mut constant = 0.0;
    for term in terms.iter() {
        let factors = arena.factors(term.mono);
        if factors.is_empty() {
            constant = term.coefficient;
        } else if term.coefficient < 0.0
            || !factors
                .iter()
                .all(|&f| matches!(arena.atom_of(f), Atom::Symbol(_)))
        {
            return false;
        }
    }
    constant > 0.0
}

fn is_negative(arena: &mut Arena, p: PolyId) -> bool {
    let negated = arena.scale(p, -1.0);
    is_positive(arena, negated)
}

pub(super) fn greater(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let function = if visit.node.op_type() == "Greater" {
        Function::Less
    } else {
        Function::LessOrEqual
    };
    let values = operands(it, visit)?;
    let [a, b] = &values[..] else {
        return Err(Stop("not two operands"));
    };
    it.elementwise(&[a, b], DataType::Bool, &mut |arena, p| {
        Ok(compare(arena, function, p[1], p[0]))
    })
}

pub(super) fn add(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let values = operands(it, visit)?;
    let refs: SmallVec<[&Value; 3]> = values.iter().map(|v| &**v).collect();
    let dtype = refs.first().ok_or(Stop("no operand"))?.dtype;
    let sum = it.elementwise(&refs, dtype, &mut |arena, p| {
        p.iter().try_fold(PolyId::ZERO, |sum, &q| arena.add(sum, q))
    })?;
    homogeneous(it, sum)
}

pub(super) fn sub(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let difference = it.elementwise(&[&a, &b], a.dtype, &mut |arena, p| arena.sub(p[0], p[1]))?;
    homogeneous(it, difference)
}

/// A sum of activations whose terms share no root (a bias, a residual connection) starts a new root: nothing that
/// follows can be linear in one of its parts.
fn homogeneous(it: &Interpreter<'_>, value: Value) -> Result<Value, Stop> {
    if !value.dtype.is_float() {
        return Ok(value);
    }
    let arena = &it.arena;
    let mut last = None;
    for &p in value.data.iter() {
        if last == Some(p) {
            continue;
        }
        last = Some(p);
        let mut shared: Option<SmallVec<[_; 4]>> = None;
        let mut any = false;
        for term in arena.terms(p).iter() {
            let mut roots = SmallVec::<[_; 4]>::new();
            for factor in arena.factors(term.mono) {
                if let Atom::Channel { root, .. } = arena.atom_of(factor)
                    && arena.root_of(*root).activation
                {
                    roots.push(*root);
                }
            }
            any |= !roots.is_empty();
            shared = Some(match shared {
                None => roots,
                Some(kept) => kept.into_iter().filter(|r| roots.contains(r)).collect(),
            });
        }
        if any && shared.is_some_and(|s| s.is_empty()) {
            return Err(Stop("a sum of unrelated activations"));
        }
    }
    Ok(value)
}

pub(super) fn mul(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    it.elementwise(&[&a, &b], a.dtype, &mut |arena, p| {
        if a.dtype == DataType::Bool {
            return Ok(arena.apply(Function::And, p));
        }
        arena.mul(p[0], p[1])
    })
}

pub(super) fn neg(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    it.elementwise(&[&a], a.dtype, &mut |arena, p| Ok(arena.scale(p[0], -1.0)))
}

pub(super) fn div(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, b) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let integer = a.dtype.is_integer();
    it.elementwise(&[&a, &b], a.dtype, &mut |arena, p| {
        if integer {
            Ok(arena.integer_quotient(p[0], p[1]))
        } else {
            quotient(arena, p[0], p[1])
        }
    })
}

fn quotient(arena: &mut Arena, a: PolyId, b: PolyId) -> Result<PolyId, Stop> {
    if a == b && a != PolyId::ZERO {
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
    let function = if visit.int("fmod") == Some(1) {
        Function::Fmod
    } else {
        Function::Mod
    };
    it.elementwise(&[&a, &b], a.dtype, &mut |arena, p| {
        Ok(arena.apply(function, p))
    })
}

pub(super) fn select(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let values = operands(it, visit)?;
    let [condition, a, b] = &values[..] else {
        return Err(Stop("not three operands"));
    };
    it.elementwise(&[condition, a, b], a.dtype, &mut |arena, p| {
        Ok(match arena.as_constant(p[0]) {
            Some(c) => p[if c != 0.0 { 1 } else { 2 }],
            None if p[1] == p[2] => p[1],
            None => arena.apply(Function::Where, p),
        })
    })
}

pub(super) fn cast(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let to = match visit.int("to") {
        Some(number) => i32::try_from(number).ok().and_then(DataType::from_onnx),
        None => visit
            .input(1)
            .and_then(|id| it.value(id))
            .ok()
            .map(|v| v.dtype),
    };
    let to = to.ok_or(Stop("a cast to an unknown type"))?;
    let function = if to == DataType::Bool {
        Function::IsTrue
    } else if to.is_integer() && a.dtype.is_float() {
        Function::Trunc
    } else if to.is_float() || to.is_integer() {
        return Ok(Value {
            dtype: to,
            ..(*a).clone()
        });
    } else {
        return Err(Stop("a cast that is not numeric"));
    };
    it.elementwise(&[&a], to, &mut |arena, p| {
        let whole = function == Function::Trunc && is_whole(arena, p[0]);
        Ok(if whole {
            p[0]
        } else {
            arena.apply(function, p)
        })
    })
}

/// Sums of whole multiples of dimensions and of what was rounded: what `Trunc` and `Floor` leave as it is.
pub(super) fn is_whole(arena: &Arena, p: PolyId) -> bool {
    let rounded = |&f: &AtomId| match arena.atom_of(f) {
        Atom::Symbol(_) => true,
        Atom::Apply { function, .. } => matches!(
            function,
            Function::Floor
                | Function::Ceil
                | Function::Round
                | Function::Trunc
                | Function::IntegerDiv
        ),
        Atom::Channel { .. } => false,
    };
    arena
        .terms(p)
        .iter()
        .all(|t| t.coefficient.fract() == 0.0 && arena.factors(t.mono).iter().all(rounded))
}
