//! Tensors that are added to scores, or say which of them count: where they lie.

use crate::facts::Dim;
use crate::onnx::{DataType, ValueId};
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::recognize::kit::step::Step;
use crate::symbolic::dims;
use crate::symbolic::element::{Access, Algebra, Indices};
use crate::symbolic::ops::joined;
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::Shape;

use super::RULE;
use super::operands::Wired;
use super::probabilities::Softmax;
use super::walk::{Frame, Reader};

/// How far up a tensor with the axes of the scores is looked for.
const MAX_STEPS: usize = 6;

/// A tensor that is broadcast against the scores once axes of size 1 are removed and inserted.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    /// The tensor.
    pub value: ValueId,
    /// Its axes of size 1 that are removed.
    squeeze: Vec<usize>,
    /// Axes of size 1 that are inserted after that (positions in the result).
    unsqueeze: Vec<usize>,
    /// After how many batches it repeats; `None` if it has one for each, or one for all.
    repeats: Option<i64>,
    /// What it is multiplied by.
    pub factor: f64,
}

impl Reader<'_, '_> {
    /// The tensor that holds what an elementwise operator at this place reads, with axes along those of the scores: the tensor that it
    /// reads, or one whose elements that lays out in another way.
    pub(super) fn mask(
        &mut self,
        softmax: &Softmax<'_>,
        place: &Access,
        tensor: ValueId,
    ) -> Result<Mask, Miss> {
        let miss = |reason: &str| Miss::new(RULE, Stage::Mask, tensor, reason);
        let unknown = || miss("the shape of what is added to the scores is not known");
        let known = self.known(tensor).ok_or_else(unknown)?;
        let skipped = place.indices.len().checked_sub(known.rank());
        let skipped = skipped.ok_or_else(|| miss("the mask has more axes than the scores"))?;
        let at = known.shape.iter().zip(&place.indices[skipped..]);
        let at = at.map(|(&size, &index)| {
            if size == PolyId::ONE {
                PolyId::ZERO
            } else {
                index
            }
        });
        let mut own = Access {
            value: tensor,
            indices: at.collect::<Indices>(),
        };
        for _ in 0..MAX_STEPS {
            if let Some(mask) = self.lies_along(softmax, &own) {
                let dtype = self.known(own.value).map(|known| known.dtype);
                return match dtype.is_some_and(|dtype| dtype.is_float() && dtype != softmax.dtype) {
                    true => Err(miss("the mask is of another type than queries and keys")),
                    false => Ok(mask),
                };
            }
            match self.laid_out_from(&own, softmax.dtype) {
                Some(earlier) => own = earlier,
                None => break,
            }
        }
        Err(miss(
            "what is added to the scores, or multiplied, does not lie along batch, heads, queries and keys",
        ))
    }

    /// After how many batches a tensor repeats that has so many elements along an axis, if this is the index along it.
    fn repeats(&mut self, frame: &Frame, size: PolyId, index: PolyId) -> Option<i64> {
        let count = self.it.arena.as_integer(size).filter(|&count| count > 1)?;
        let batch = frame.at[0];
        let (_, rest) = Algebra::at(&mut self.it.arena, &frame.at).divided(batch, size);
        (rest == index && rest != batch).then_some(count)
    }

    /// The changes that bring the axes of a tensor to those of batch, heads, queries and keys, if they come in this order.
    fn lies_along(&mut self, softmax: &Softmax<'_>, place: &Access) -> Option<Mask> {
        let known = self.known(place.value)?;
        if !self.context.order.is_before(place.value, softmax.weighed.y) {
            return None;
        }
        let axes = &softmax.weighed.frame;
        let frame = axes.at;
        let mut mask = Mask {
            value: place.value,
            squeeze: Vec::new(),
            unsqueeze: Vec::new(),
            repeats: None,
            factor: 1.0,
        };
        let long = |axis: &usize| known.shape[*axis] != PolyId::ONE;
        // As it is, counted from the last axis.
        if let Some(skipped) = frame.len().checked_sub(known.rank()) {
            let mut axes = (0..known.rank()).filter(long);
            if axes.all(|axis| place.indices[axis] == frame[skipped + axis]) {
                return Some(mask);
            }
        }
        let mut free = 0..frame.len();
        for axis in 0..known.rank() {
            if !long(&axis) {
                mask.squeeze.push(axis);
                continue;
            }
            let index = place.indices[axis];
            let repeats = self.repeats(axes, known.shape[axis], index);
            let skipped = free.position(|at| frame[at] == index || at == 0 && repeats.is_some())?;
            let next = free.start;
            if next == 1 && frame[0] != index {
                mask.repeats = repeats;
            }
            mask.unsqueeze.extend(next - 1 - skipped..next - 1);
        }
        mask.unsqueeze.extend(free);
        Some(mask)
    }

    /// The shape of a mask with which the graph runs: an axis is as long as that of the scores, if there is not one element along it.
    pub(super) fn shape_of(&mut self, mask: &Mask, frame: &Frame) -> Option<(String, Vec<Dim>)> {
        let own = self.known(mask.value)?;
        if mask.repeats.is_some() {
            let dims = own
                .shape
                .iter()
                .map(|&size| dims::dim(&self.it.arena, size));
            return Some((self.it.index().name(mask.value).to_owned(), dims.collect()));
        }
        let sizes = self.indices_in(mask, &frame.sizes)?;
        let arena = &self.it.arena;
        let dims = own.shape.iter().zip(&sizes).map(|(&own, &size)| {
            let dim = dims::dim(arena, if own == PolyId::ONE { own } else { size });
            if dim.is_unknown() {
                dims::dim(arena, own)
            } else {
                dim
            }
        });
        Some((self.it.index().name(mask.value).to_owned(), dims.collect()))
    }

    /// The index along each axis of a mask for a batch, head, query and key.
    pub(super) fn indices_in(&mut self, mask: &Mask, at: &[PolyId; 4]) -> Option<Indices> {
        let own = self.known(mask.value)?;
        let kept = own.rank() - mask.squeeze.len() + mask.unsqueeze.len();
        let skipped = at.len().checked_sub(kept)?;
        let mut at = *at;
        if let Some(count) = mask.repeats {
            let count = self.it.arena.integer(count);
            (_, at[0]) = Algebra::at(&mut self.it.arena, &at).divided(at[0], count);
        }
        let along = (skipped..at.len()).filter(|axis| !mask.unsqueeze.contains(&(axis - skipped)));
        let mut along = along.map(|axis| at[axis]);
        let index = |(axis, &size): (usize, &PolyId)| {
            let index = match mask.squeeze.contains(&axis) {
                true => PolyId::ZERO,
                false => along.next()?,
            };
            Some(if size == PolyId::ONE {
                PolyId::ZERO
            } else {
                index
            })
        };
        own.shape.iter().enumerate().map(index).collect()
    }

    /// The name of a tensor with its axes where they belong, which the graph may have to make, and its shape.
    pub(super) fn placed(&mut self, mask: &Mask, batches: &Wired) -> Option<(String, Shape)> {
        let own = self.known(mask.value)?;
        let mut name = self.it.index().name(mask.value).to_owned();
        let kept = (0..own.rank()).filter(|axis| !mask.squeeze.contains(axis));
        let mut shape: Shape = kept.map(|axis| own.shape[axis]).collect();
        let list = |axes: &[usize]| axes.iter().map(|&axis| axis as i64).collect();
        if !mask.squeeze.is_empty() {
            let step = Step::Squeeze(list(&mask.squeeze));
            name = self.make(step, &[&name], (mask.value, &shape))?;
        }
        if !mask.unsqueeze.is_empty() {
            for &axis in &mask.unsqueeze {
                shape.insert(axis, PolyId::ONE);
            }
            let step = Step::Unsqueeze(list(&mask.unsqueeze));
            name = self.make(step, &[&name], (mask.value, &shape))?;
        }
        if let Some(count) = mask.repeats {
            let times = self.times(batches, count)?;
            name = self.make(Step::Tile, &[&name, &times], (mask.value, &shape))?;
            shape[0] = self.known(batches.value)?.shape[0];
        }
        let step = match mask.factor {
            1.0 => None,
            -1.0 => Some(Step::Neg),
            factor => Some(Step::Times(factor.to_bits())),
        };
        if let Some(step) = step {
            name = self.make(step, &[&name], (mask.value, &shape))?;
        }
        Some((name, shape))
    }

    /// How often a tensor of four axes that repeats after so many batches is repeated along each.
    fn times(&mut self, batches: &Wired, count: i64) -> Option<String> {
        let name = self.it.index().name(batches.value).to_owned();
        let four = Shape::from_elem(self.it.arena.integer(4), 1);
        let steps = [
            Step::Sizes,
            Step::Over(vec![count, i64::MAX, i64::MAX, i64::MAX]),
            Step::Plus(vec![0, 1, 1, 1]),
        ];
        steps.into_iter().try_fold(name, |name, step| {
            let like = (batches.value, DataType::I64);
            self.make_of(step, &[&name], like, &four)
        })
    }

    /// The name of the sum of tensors that are added to the scores.
    pub(super) fn sum(&mut self, biases: &[Mask], batches: &Wired) -> Option<String> {
        let (first, rest) = biases.split_first()?;
        let (mut name, mut shape) = self.placed(first, batches)?;
        for bias in rest {
            let (other, own) = self.placed(bias, batches)?;
            shape = joined(self.it, &[shape, own]);
            name = self.make(Step::Sum, &[&name, &other], (bias.value, &shape))?;
        }
        Some(name)
    }

    /// The name of a condition that is true where a score counts.
    pub(super) fn shown(&mut self, mask: &Mask, hides: bool, batches: &Wired) -> Option<String> {
        let (name, shape) = self.placed(mask, batches)?;
        if !hides {
            return Some(name);
        }
        self.make(Step::Not, &[&name], (mask.value, &shape))
    }
}
