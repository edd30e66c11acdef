//! The tensors of the graph that hold queries, keys and values.

use crate::onnx::{DataType, ValueId};
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::recognize::kit::step::Step;
use crate::symbolic::element::contraction::Factor;
use crate::symbolic::element::{Access, Algebra};
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::Shape;

use super::RULE;
use super::walk::{Frame, Reader};

/// How far up a tensor is looked for.
const MAX_STEPS: usize = 12;

/// An operand that is looked for.
pub(super) struct Wanted<'w> {
    /// What it is, for people.
    pub name: &'static str,
    /// The element of it that the graph multiplies.
    pub factor: &'w Factor,
    /// Where that lies: batch, head of the query, position and channel.
    pub at: [PolyId; 4],
    /// The sizes, of which that of heads may be a divisor; `None` where the operator takes 1 for any.
    pub sizes: [Option<PolyId>; 4],
    /// Whether heads may be shared.
    pub grouped: bool,
    /// Whether the graph may multiply it by a number.
    pub scaled: bool,
    /// The axes of the attention.
    pub frame: &'w Frame,
    /// Its type.
    pub dtype: DataType,
    /// The tensor that reads it.
    pub y: ValueId,
}

/// An operand that was found.
pub(super) struct Wired {
    /// The tensor.
    pub value: ValueId,
    /// Its axes in the order batch, heads, positions, channels.
    order: [usize; 4],
    /// What the graph multiplies its elements by.
    pub scale: f64,
    /// How many heads of queries share a head of it.
    pub group: usize,
}

impl Reader<'_, '_> {
    /// The tensor furthest up that holds all elements of an operand: with axes in order if there is one.
    pub(super) fn wired(&mut self, wanted: &Wanted<'_>) -> Result<Wired, Miss> {
        let mut place = Access {
            value: wanted.factor.value,
            indices: wanted.factor.at.clone(),
        };
        let (mut scale, mut ordered, mut other) = (1.0, None, None);
        for _ in 0..MAX_STEPS {
            if let Some((order, group)) = self.fits(wanted, &place) {
                let found = Wired {
                    value: place.value,
                    order,
                    scale,
                    group,
                };
                match order.is_sorted() {
                    true => ordered = Some(found),
                    false => other = Some(found),
                }
            }
            match self.earlier(wanted, &place, scale) {
                Some((earlier, by)) => (place, scale) = (earlier, by),
                None => break,
            }
        }
        ordered.or(other).ok_or_else(|| {
            let reason = format!(
                "no tensor of the graph holds the {} with axes for batch, heads, positions and channels",
                wanted.name
            );
            Miss::new(RULE, Stage::Operands, wanted.factor.value, reason)
        })
    }

    /// The name of an operand with its axes in order, which the graph may have to make.
    pub(super) fn named(&mut self, wired: &Wired) -> Option<String> {
        let name = self.it.index().name(wired.value);
        if wired.order.is_sorted() {
            return Some(name.to_owned());
        }
        let shape = self.ordered(wired)?;
        let order = wired.order.iter().map(|&axis| axis as i64).collect();
        self.make(Step::Transpose(order), &[name], (wired.value, &shape))
    }

    /// The shape of an operand with its axes in order.
    pub(super) fn ordered(&mut self, wired: &Wired) -> Option<Shape> {
        let own = self.known(wired.value)?;
        Some(wired.order.iter().map(|&axis| own.shape[axis]).collect())
    }

    /// The element that this one is, up to a factor.
    fn earlier(
        &mut self,
        wanted: &Wanted<'_>,
        place: &Access,
        scale: f64,
    ) -> Option<(Access, f64)> {
        if let Some(earlier) = self.laid_out_from(place, wanted.dtype) {
            return Some((earlier, scale));
        }
        let node = self.node(place.value).filter(|_| wanted.scaled)?;
        let (from, factor) = self.multiplied(node)?;
        let earlier = self.beside(wanted.frame, place, from)?;
        Some((earlier, scale * factor))
    }

    /// The order of the axes of a tensor that holds an operand, and how many heads share one of it.
    fn fits(&mut self, wanted: &Wanted<'_>, place: &Access) -> Option<([usize; 4], usize)> {
        let own = self.known(place.value)?;
        let visible = self.context.order.is_before(place.value, wanted.y);
        if own.rank() != 4 || own.dtype != wanted.dtype || !visible {
            return None;
        }
        let orders = [[0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2], [0, 2, 3, 1]];
        for order in orders {
            let sizes = order.map(|axis| own.shape[axis]);
            let Some((head, group)) = self.head(wanted, sizes[1]) else {
                continue;
            };
            let [batch, _, position, channel] = wanted.at;
            let at = [batch, head, position, channel];
            let is_same = |k: usize| {
                let index = place.indices[order[k]] == at[k] || sizes[k] == PolyId::ONE;
                index && (k == 1 || wanted.sizes[k].is_none_or(|size| sizes[k] == size))
            };
            if (0..4).all(is_same) {
                return Some((order, group));
            }
        }
        None
    }

    /// The head that serves the head of a query, of so many, and how many it serves.
    fn head(&mut self, wanted: &Wanted<'_>, heads: PolyId) -> Option<(PolyId, usize)> {
        let (head, all) = (wanted.at[1], wanted.sizes[1]?);
        if heads == all {
            return Some((head, 1));
        }
        let arena = &mut self.it.arena;
        let [all, own] = [all, heads].map(|size| arena.as_integer(size));
        let (all, own) = (all?, own?);
        if !wanted.grouped || own < 1 || all % own != 0 {
            return None;
        }
        let group = arena.integer(all / own);
        let (shared, _) = Algebra::at(arena, &wanted.at).divided(head, group);
        Some((shared, usize::try_from(all / own).ok()?))
    }
}
