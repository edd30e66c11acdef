//! Transfer functions: what each operator does to abstract values, one file an operator family.
//!
//! A function that returns [`Stop`] is not an error: the interpreter makes a fresh root of the shape that
//! [`shapes::infer`] or the facts know. Domains other than ONNX's own are never interpreted.
//!
//! The tables of tests beside each file (`gather/tests.rs` of `gather.rs`) say what it follows and where it stops.

pub mod arithmetic;
mod contrib;
mod convolution;
mod creation;
mod extend;
mod factors;
mod gather;
mod known;
mod layout;
pub(super) mod linear;
mod linearity;
mod reshape;
mod scatter;
mod scatter_elements;
pub mod shapes;
pub(super) mod slicing;
mod typed;
mod written;

use smallvec::smallvec;

use super::interpreter::Interpreter;
use super::poly::Stop;
use super::value::Value;
use super::visit::{Outputs, Visit};

pub use factors::joined;
pub use layout::{permuted, with_unit_axes, without_axes};
pub use slicing::pick;

/// Interprets one node.
pub fn interpret(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Outputs, Stop> {
    if !visit.node.is_standard() {
        return Err(Stop::ForeignDomain);
    }
    let op = visit.node.op_type();
    if let Some(function) = arithmetic::unary(op) {
        return arithmetic::apply_unary(it, visit, function).map(one);
    }
    if let Some(function) = arithmetic::binary(op) {
        return arithmetic::apply_binary(it, visit, function).map(one);
    }
    let value = match op {
        "Add" | "Sum" => arithmetic::add(it, visit)?,
        "Sub" => arithmetic::sub(it, visit)?,
        "Mul" => arithmetic::mul(it, visit)?,
        "Div" => arithmetic::div(it, visit)?,
        "Neg" => arithmetic::neg(it, visit)?,
        "Greater" | "GreaterOrEqual" => arithmetic::greater(it, visit)?,
        "Where" => arithmetic::select(it, visit)?,
        "Mod" => arithmetic::modulo(it, visit)?,
        "Cast" | "CastLike" => arithmetic::cast(it, visit)?,
        "Identity" => layout::identity(it, visit)?,
        "Dropout" => layout::dropout(it, visit)?,
        "Transpose" => layout::transpose(it, visit)?,
        "Unsqueeze" => layout::unsqueeze(it, visit)?,
        "Squeeze" => layout::squeeze(it, visit)?,
        "Reshape" => reshape::reshape(it, visit)?,
        "Flatten" => reshape::flatten(it, visit)?,
        "Expand" => extend::expand(it, visit)?,
        "Tile" => extend::tile(it, visit)?,
        "Concat" => extend::concat(it, visit)?,
        "Slice" => slicing::slice(it, visit)?,
        "If" => return super::branch::outputs(it, visit),
        "Split" => return slicing::split(it, visit),
        "Gather" => gather::gather(it, visit)?,
        "GatherElements" => gather::gather_elements(it, visit)?,
        "GatherND" => gather::gather_nd(it, visit)?,
        "ScatterElements" | "Scatter" => scatter_elements::scatter_elements(it, visit)?,
        "ScatterND" => scatter::scatter_nd(it, visit)?,
        "MatMul" => linear::matmul(it, visit)?,
        "Einsum" => linear::einsum(it, visit)?,
        "ReduceSum" => linear::reduce_sum(it, visit)?,
        "ReduceMax" => known::reduce(it, visit, f64::max)?,
        "ReduceMin" => known::reduce(it, visit, f64::min)?,
        "ReduceProd" => known::reduce(it, visit, |a, b| a * b)?,
        "NonZero" => known::non_zero(it, visit)?,
        "Constant" => creation::constant(it, visit)?,
        "ConstantOfShape" => creation::constant_of_shape(it, visit)?,
        "Range" => creation::range(it, visit)?,
        "Shape" => creation::shape(it, visit)?,
        "Size" => creation::size(it, visit)?,
        _ => return Err(Stop::UnknownOperator),
    };
    Ok(one(value))
}

fn one(value: Value) -> Outputs {
    smallvec![Some(value)]
}

#[cfg(test)]
mod tests;
