//! Shapes of convolutions and pools.

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Shape;
use crate::symbolic::visit::Visit;

use super::factors::input;

/// Element type and shape of the output of `Conv`; `None` where padding is left to the runtime.
pub(super) fn infer(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let ((dtype, x), (_, weight)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let sizes = weight.get(2..)?.iter();
    let own: Option<Vec<i64>> = sizes.map(|&size| it.arena.as_integer(size)).collect();
    let mut shape: Shape = [*x.first()?, *weight.first()?].into_iter().collect();
    for (axis, window) in windows(visit, x.len(), own.as_deref())?
        .into_iter()
        .enumerate()
    {
        shape.push(window.size(it, x[2 + axis]).ok()?);
    }
    Some((dtype, shape))
}

/// Element type and shape of output `slot` of a pool; `None` where padding is left to the runtime.
pub(super) fn pooled(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    slot: usize,
) -> Option<(DataType, Shape)> {
    let (dtype, x) = input(it, visit, 0)?;
    // The second output of MaxPool are indices.
    let dtype = if slot == 0 { dtype } else { DataType::I64 };
    let windows = windows(visit, x.len(), None)?;
    let rounds_up = visit.node.int("ceil_mode").unwrap_or(0) != 0;
    let mut shape: Shape = x.get(..2)?.into();
    for (axis, window) in windows.into_iter().enumerate() {
        shape.push(match rounds_up {
            // The last window counts where it begins inside of the padded input, and runtimes differ.
            true => it.unknown_size(&visit.node.output[slot], 2 + axis),
            false => window.rounded_to_zero(it, x[2 + axis]).ok()?,
        });
    }
    Some((dtype, shape))
}

/// What slides along an axis.
struct Window {
    /// Its length less 1 and less all padding.
    shorter: i64,
    stride: i64,
}

/// The windows along the axes of a tensor of `rank` axes, but for the batch and the channels.
fn windows(visit: &Visit<'_>, rank: usize, own: Option<&[i64]>) -> Option<Vec<Window>> {
    if !matches!(visit.node.string("auto_pad"), None | Some("NOTSET")) {
        return None;
    }
    let kernel = visit.node.ints("kernel_shape").or(own)?;
    let axes = rank.checked_sub(2)?;
    let of = |name: &str, at: usize, default: i64| match visit.node.ints(name) {
        Some(list) => list.get(at).copied(),
        None => Some(default),
    };
    let window = |axis: usize| {
        let padding = of("pads", axis, 0)?.checked_add(of("pads", axes + axis, 0)?)?;
        let reach = kernel.get(axis)?.checked_sub(1)?;
        let reach = reach.checked_mul(of("dilations", axis, 1)?)?;
        let stride = of("strides", axis, 1).filter(|&stride| stride > 0)?;
        let shorter = reach.checked_sub(padding)?;
        Some(Window { shorter, stride })
    };
    (0..axes).map(window).collect()
}

impl Window {
    /// `(size - shorter - 1) / stride + 1`, where the graph runs: there the dividend is not negative, so that multiples of the stride
    /// can be divided apart from what remains, as those who derive this size elsewhere do.
    fn size(&self, it: &mut Interpreter<'_>, size: PolyId) -> Result<PolyId, Stop> {
        let added = self.stride.checked_sub(self.shorter);
        let added = added
            .and_then(|n| n.checked_sub(1))
            .ok_or(Stop::ConvolutionOverflow)?;
        let (steps, rest) = (added.div_euclid(self.stride), added.rem_euclid(self.stride));
        let [steps, rest, stride] = [steps, rest, self.stride].map(|n| it.arena.integer(n));
        let dividend = it.arena.add(size, rest)?;
        let quotient = it.arena.integer_quotient(dividend, stride);
        it.arena.add(quotient, steps)
    }

    /// The same, with the quotient rounded to zero: pools run where the window is longer than the axis.
    fn rounded_to_zero(&self, it: &mut Interpreter<'_>, size: PolyId) -> Result<PolyId, Stop> {
        let last = it.arena.integer(self.shorter.saturating_add(1));
        let dividend = it.arena.sub(size, last)?;
        if it.arena.range(dividend).low >= 0.0 || self.stride == 1 {
            return self.size(it, size);
        }
        let stride = it.arena.integer(self.stride);
        let quotient = it.arena.apply(Function::IntegerDiv, &[dividend, stride]);
        it.arena.add(quotient, PolyId::ONE)
    }
}

#[cfg(test)]
mod tests;
