//! Steps from an element of a tensor to the element of another that it is, or is computed from.

use std::rc::Rc;

use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, ValueId};
use crate::recognize::kit::Context;
use crate::recognize::kit::step::Step;
use crate::symbolic::Interpreter;
use crate::symbolic::element::{Access, Elements};
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::{Shape, Value};

/// What looking at a graph needs.
pub(super) struct Reader<'s, 'a> {
    pub it: &'s mut Interpreter<'a>,
    pub elements: &'s mut Elements,
    pub context: &'s Context<'a>,
}

/// The axes of an attention: coordinates, and sizes that they have whenever the graph runs.
pub(super) struct Frame {
    /// Batch, head, query and key; 0 where there is one.
    pub at: [PolyId; 4],
    /// How many there are.
    pub sizes: [PolyId; 4],
}

/// The axis of keys.
const KEY_AXIS: usize = 3;

impl Frame {
    /// Whether an axis of this size is as long as the one that the index runs along. Of keys there may be one that counts for all: a
    /// mask then says how many there are, as it does for the operator.
    fn fits(&self, index: PolyId, size: PolyId) -> bool {
        let axis = self
            .at
            .iter()
            .position(|&at| at == index && at != PolyId::ZERO);
        axis.is_some_and(|axis| axis == KEY_AXIS || self.sizes[axis] == size)
    }
}

impl<'a> Reader<'_, 'a> {
    /// The node of a value.
    pub(super) fn node(&self, value: ValueId) -> Option<&'a NodeProto> {
        let (node, _) = self.it.index().producer(value)?;
        let file = self.it.file;
        let node = &file.graph().node[node];
        node.is_standard().then_some(node)
    }

    /// The input of a node.
    pub(super) fn input(&self, node: &NodeProto, slot: usize) -> Option<ValueId> {
        let name = node.input.get(slot).filter(|name| !name.is_empty())?;
        self.it.index().id(name)
    }

    /// The first output of a node.
    pub(super) fn output(&self, node: usize) -> Option<ValueId> {
        let file = self.it.file;
        let name = file.graph().node[node].output.first()?;
        self.it.index().id(name)
    }

    /// What is known of a value.
    pub(super) fn known(&mut self, value: ValueId) -> Option<Rc<Value>> {
        self.it.value(value).ok()
    }

    /// The number that a value is, if it has one element.
    pub(super) fn number(&mut self, value: ValueId) -> Option<f64> {
        let known = self.known(value)?;
        if !(0..known.rank()).all(|axis| known.is_unit(axis)) {
            return None;
        }
        let at = Elements::coordinates(self.it, value)?;
        let element = self.elements.element(self.it, value, &at);
        self.constant(element)
    }

    /// The number that an element is, which may be infinite: such a number is no expression, but an access to a constant.
    pub(super) fn constant(&mut self, element: PolyId) -> Option<f64> {
        if let Some(number) = self.it.arena.as_constant(element) {
            return Some(number);
        }
        let access = Elements::access(self.it, element)?;
        let tensor = self.it.tensor(access.value)?;
        (tensor.len() == 1).then(|| tensor.element(0))
    }

    /// The operand and the factor of a node that multiplies by a number, or divides by one.
    pub(super) fn multiplied(&mut self, node: &NodeProto) -> Option<(ValueId, f64)> {
        let [a, b] = [self.input(node, 0)?, self.input(node, 1)?];
        let (from, factor) = match node.op_type() {
            "Mul" => match self.number(b) {
                Some(number) => (a, number),
                None => (b, self.number(a)?),
            },
            "Div" => (a, 1.0 / self.number(b)?),
            _ => return None,
        };
        (factor.is_finite() && factor != 0.0).then_some((from, factor))
    }

    /// The name of a value that the graph does not hold, made of others. It has the element type of `like`, and this shape.
    pub(super) fn make(
        &mut self,
        step: Step,
        inputs: &[&str],
        (like, shape): (ValueId, &Shape),
    ) -> Option<String> {
        let dtype = self.known(like)?.dtype;
        self.make_of(step, inputs, (like, dtype), shape)
    }

    /// The same with an element type of its own.
    pub(super) fn make_of(
        &mut self,
        step: Step,
        inputs: &[&str],
        (like, dtype): (ValueId, DataType),
        shape: &Shape,
    ) -> Option<String> {
        let value = self.it.fresh_piece(like, dtype, shape.clone());
        let mut maker = self.context.maker.borrow_mut();
        Some(maker.make(step, inputs, &value))
    }

    /// The element that the one at this place is: of the first input of a node that lays out the same numbers in another way, or holds
    /// them in a type that is not narrower than `dtype`.
    pub(super) fn laid_out_from(&mut self, place: &Access, dtype: DataType) -> Option<Access> {
        let node = self.node(place.value)?;
        let from = self.input(node, 0)?;
        let (own, known) = (self.known(place.value)?, self.known(from)?);
        match node.op_type() {
            "Cast" | "CastLike" => {
                let both = [own.dtype, known.dtype];
                let fits = |own: DataType| own.is_float() && own.holds_floats_of(dtype);
                both.into_iter().all(fits).then(|| Access {
                    value: from,
                    indices: place.indices.clone(),
                })
            }
            "Identity" | "Transpose" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten"
            | "Expand" | "Tile" => {
                let mut shorter = Elements::up_to(from, self.elements.steps);
                let element = shorter.element(self.it, place.value, &place.indices);
                self.elements.steps = shorter.steps;
                let access = Elements::access(self.it, element)?;
                // A graph may be declared with other ranks than it has.
                let is_whole = access.indices.len() == known.rank();
                let is_from = is_whole && self.it.are_alike(access.value, from);
                is_from.then_some(Access {
                    value: from,
                    ..access
                })
            }
            _ => None,
        }
    }

    /// The element at the same place of another tensor that an elementwise operator reads and does not broadcast.
    pub(super) fn beside(
        &mut self,
        frame: &Frame,
        place: &Access,
        from: ValueId,
    ) -> Option<Access> {
        let (own, known) = (self.known(place.value)?, self.known(from)?);
        let mut axes = place.indices.iter().zip(own.shape.iter().zip(&known.shape));
        let is_whole = |(&index, (&own, &known)): (&PolyId, (&PolyId, &PolyId))| {
            own == known || frame.fits(index, known)
        };
        (own.rank() == known.rank() && axes.all(is_whole)).then(|| Access {
            value: from,
            indices: place.indices.clone(),
        })
    }
}
