//! Shapes of convolutions.

use crate::onnx::DataType;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Shape;
use crate::symbolic::visit::Visit;

use super::factors::input;

/// Element type and shape of the output of `Conv`; `None` where padding is left to the runtime.
pub(super) fn infer(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    if !matches!(visit.string("auto_pad"), None | Some("NOTSET")) {
        return None;
    }
    let ((dtype, x), (_, weight)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let axes = x.len().checked_sub(2)?;
    let kernel = match visit.ints("kernel_shape") {
        Some(kernel) => kernel.to_vec(),
        None => {
            let sizes = weight
                .get(2..)?
                .iter()
                .map(|&size| it.arena.as_integer(size));
            sizes.collect::<Option<_>>()?
        }
    };
    let mut shape: Shape = [x[0], *weight.first()?].into_iter().collect();
    for axis in 0..axes {
        let of = |name: &str, at: usize, default: i64| match visit.ints(name) {
            Some(list) => list.get(at).copied(),
            None => Some(default),
        };
        let padding = of("pads", axis, 0)?.checked_add(of("pads", axes + axis, 0)?)?;
        let reach = kernel.get(axis)?.checked_sub(1)?;
        let reach = reach.checked_mul(of("dilations", axis, 1)?)?;
        let stride = of("strides", axis, 1)?;
        let shorter = reach.checked_sub(padding)?;
        shape.push(size(it, x[2 + axis], shorter, stride).ok()?);
    }
    Some((dtype, shape))
}

/// `(size - shorter - 1) / stride + 1`, where the graph runs: there the dividend is not negative, so that multiples of the stride
/// can be divided apart from what remains, as those who derive this size elsewhere do.
fn size(it: &mut Interpreter<'_>, size: PolyId, shorter: i64, stride: i64) -> Result<PolyId, Stop> {
    let overflow = Stop("a convolution whose size overflows");
    let added = stride.checked_sub(shorter).and_then(|n| n.checked_sub(1));
    let added = added.filter(|_| stride > 0).ok_or(overflow)?;
    let (steps, rest) = (added.div_euclid(stride), added.rem_euclid(stride));
    let [steps, rest, stride] = [steps, rest, stride].map(|n| it.arena.integer(n));
    let dividend = it.arena.add(size, rest)?;
    let quotient = it.arena.integer_quotient(dividend, stride);
    it.arena.add(quotient, steps)
}
