//! From a softmax to the sum of values that it weighs.

use crate::onnx::{DataType, ValueId};
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::symbolic::element::contraction::{Contraction, Factor};
use crate::symbolic::element::{Access, Elements, Indices};
use crate::symbolic::poly::PolyId;

use super::RULE;
use super::walk::{Frame, Reader};

/// Most nodes between softmax and product, and after that.
const MAX_STEPS: usize = 8;

/// Number of the coordinate of keys, which no axis of a tensor has.
const KEY: u32 = u32::MAX - 1;

/// A tensor of sums of values, weighed by a softmax over keys.
pub(super) struct Weighed {
    /// The sums: `[B, N, S, E]`.
    pub y: ValueId,
    /// Batch, head, query and key.
    pub frame: Frame,
    /// The channel.
    pub channel: PolyId,
    /// The probability of a key: of the softmax.
    pub probability: Access,
    /// The channel of the value of that key.
    pub value: Factor,
    /// Whether probabilities that are not a number count as 0.
    pub zero_nan_rows: bool,
}

/// A softmax that is read.
pub(super) struct Softmax<'w> {
    /// What it weighs.
    pub weighed: &'w Weighed,
    /// The type that nothing may be narrower than.
    pub dtype: DataType,
}

/// Where a path through the graph stands.
struct Path {
    /// The values on it, the softmax first.
    values: Vec<ValueId>,
    guarded: bool,
}

/// A value that comes next on a path.
enum Next {
    /// The same numbers, laid out in another way or in another type.
    Layout(ValueId),
    /// The same with 0 in place of what is not a number.
    Guard(ValueId),
    /// Products with them.
    Product(ValueId),
}

impl Reader<'_, '_> {
    /// The product of a softmax with values; `None` if it has none.
    pub(super) fn weighed(&mut self, softmax: ValueId) -> Option<Result<Weighed, Miss>> {
        let mut path = Path {
            values: vec![softmax],
            guarded: false,
        };
        let product = loop {
            if path.values.len() > MAX_STEPS {
                return None;
            }
            match self.forward(&path)? {
                Next::Product(product) => break product,
                Next::Layout(next) => path.values.push(next),
                Next::Guard(next) => {
                    path.values.push(next);
                    path.guarded = true;
                }
            }
        };
        Some(self.product(&path, product))
    }

    /// What comes next on a path; `None` if nothing does that leads to a product.
    fn forward(&mut self, path: &Path) -> Option<Next> {
        let value = *path.values.last()?;
        let readers = self.it.index().consumers(value).to_vec();
        let graph = self.it.file.graph();
        let operators = |op: &str| {
            let mut nodes = readers.iter().map(|&(node, _)| node);
            nodes.find(|&node| graph.node[node].is_onnx(op))
        };
        if let (Some(choice), Some(test)) = (operators("Where"), operators("IsNaN")) {
            let node = &graph.node[choice];
            let test = self.output(test)?;
            let [condition, zero, kept] = [0, 1, 2].map(|slot| self.input(node, slot));
            let guards = condition == Some(test) && kept == Some(value);
            if !guards || self.number(zero?)? != 0.0 || path.guarded {
                return None;
            }
            return Some(Next::Guard(self.output(choice)?));
        }
        for &(reader, slot) in &readers {
            let node = &graph.node[reader];
            if !node.is_standard() {
                continue;
            }
            match node.op_type() {
                "MatMul" | "Einsum" => return Some(Next::Product(self.output(reader)?)),
                "Cast" | "CastLike" | "Identity" | "Reshape" | "Squeeze" | "Unsqueeze"
                | "Flatten" | "Transpose"
                    if slot == 0 =>
                {
                    return Some(Next::Layout(self.output(reader)?));
                }
                _ => {}
            }
        }
        None
    }

    fn product(&mut self, path: &Path, product: ValueId) -> Result<Weighed, Miss> {
        let miss = |value, reason: &str| Miss::new(RULE, Stage::Probabilities, value, reason);
        for (at, &value) in path.values.iter().enumerate() {
            let next = path.values.get(at + 1);
            let is_guarded = next
                .and_then(|&next| self.node(next))
                .is_some_and(|node| node.op_type() == "Where");
            let index = self.it.index();
            let is_seen = index.is_output(value) || index.captured(value);
            if is_seen || index.consumers(value).len() > 1 + usize::from(is_guarded) {
                let reason = "the probabilities are used for something else as well";
                return Err(miss(value, reason));
            }
        }
        let mut y = product;
        for _ in 0..MAX_STEPS {
            match self.read_as_sums(path, y) {
                Some(weighed) => return Ok(weighed),
                None => match self.next_layout(y) {
                    Some(next) => y = next,
                    None => break,
                },
            }
        }
        let reason = "the product with the probabilities is not a sum over keys for every batch, head, query and channel";
        Err(miss(product, reason))
    }

    /// The one tensor with the numbers of this one in another layout.
    fn next_layout(&self, value: ValueId) -> Option<ValueId> {
        let Some((node, 0)) = self.it.index().only_reader(value) else {
            return None;
        };
        let op = &self.it.file.graph().node[node];
        let moves = matches!(
            op.op_type(),
            "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose"
        );
        (op.is_standard() && moves).then(|| self.output(node))?
    }

    /// Reads a tensor of four axes as sums of values.
    fn read_as_sums(&mut self, path: &Path, y: ValueId) -> Option<Weighed> {
        let own = self.known(y)?;
        if own.rank() != 4 || !own.dtype.is_float() {
            return None;
        }
        let at = Elements::coordinates(self.it, y)?;
        let element = self.elements.element(self.it, y, &at);
        let product = Elements::access(self.it, element)?;
        let contraction = self.elements.contraction(self.it, &product)?;
        let keys = contraction.size;
        // All products are summed along one coordinate: that of keys gets another, since the scores are a product too.
        let key = self.it.arena.coordinate(KEY, keys);
        let along = PolyId::of_atom(contraction.along);
        let Contraction { factors, .. } = contraction;
        let factors = factors.map(|factor| Factor {
            at: replaced(&factor.at, along, key),
            ..factor
        });
        let last = *path.values.last()?;
        let from_last = |factor: &&Factor| self.it.are_alike(factor.value, last);
        let slot = factors.iter().position(|factor| from_last(&factor))?;
        let [a, b] = factors;
        let (weights, value) = if slot == 0 { (a, b) } else { (b, a) };
        // Back to the softmax.
        let mut place = Access {
            value: last,
            indices: weights.at,
        };
        let frame = Frame {
            at: [at[0], at[1], at[2], key],
            sizes: [own.shape[0], own.shape[1], own.shape[2], keys],
        };
        for &earlier in path.values.iter().rev().skip(1) {
            place = match self.node(place.value)?.op_type() {
                "Where" => self.beside(&frame, &place, earlier)?,
                _ => self.laid_out_from(&place, own.dtype)?,
            };
        }
        let softmax = self.known(place.value)?;
        // Where the product runs, the last axis of what it multiplies has as many elements as there are keys.
        let last = self.known(last)?.shape.last().copied();
        let sizes = [Some(keys), last];
        let is_whole =
            sizes.contains(&softmax.shape.last().copied()) && place.indices.last() == Some(&key);
        let rest = &place.indices[..place.indices.len().checked_sub(1)?];
        let key_atom = self.it.arena.as_atom(key)?;
        let found = rest
            .iter()
            .any(|&index| self.it.arena.depends_on(index, key_atom));
        if !is_whole || found {
            return None;
        }
        Some(Weighed {
            y,
            frame,
            channel: at[3],
            probability: place,
            value,
            zero_nan_rows: path.guarded,
        })
    }
}

fn replaced(at: &[PolyId], from: PolyId, to: PolyId) -> Indices {
    at.iter()
        .map(|&index| if index == from { to } else { index })
        .collect()
}
