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

/// Why a tensor is not read as sums of values.
const UNKNOWN: &str = "the shape of the product with the probabilities is not known";
const NOT_FOUR: &str = "no tensor of four axes holds the product with the probabilities: the operator has batch, heads, queries and channels";
const NOT_LAID_OUT: &str =
    "it is not known which element of the product with the probabilities stands where";
const SIZES_APART: &str =
    "the sizes of the probabilities and of the values are not known to be equal";
const NOT_FOLLOWED: &str = "it is not known which probability the product multiplies, or it is rounded to a narrower type on the way";
const NO_SUM: &str = "the product with the probabilities is not a sum over keys for every batch, head, query and channel";

/// Number of the coordinate of keys, which no axis of a tensor has.
const KEY: u32 = u32::MAX - 1;

/// A tensor of sums of values, weighed by a softmax over keys.
pub(super) struct Weighed {
    /// The sums: `[B, N, S, E]`, or `[B, S, N, E]`.
    pub y: ValueId,
    /// Whether queries come before heads.
    pub turned: bool,
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
    /// The values from the softmax to the sums.
    pub passed: Vec<ValueId>,
}

/// A softmax that is read.
pub(super) struct Softmax<'w> {
    /// What it weighs.
    pub weighed: &'w Weighed,
    /// The type that nothing may be narrower than.
    pub dtype: DataType,
}

/// Where a path through the graph stands.
pub(super) struct Path {
    /// The values on it, the softmax first.
    pub values: Vec<ValueId>,
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
            let next = match path.values.len() > MAX_STEPS {
                true => None,
                false => self.forward(&path),
            };
            match next {
                None => return self.passed(&path).map(Err),
                Some(Next::Product(product)) => break product,
                Some(Next::Layout(next)) => path.values.push(next),
                Some(Next::Guard(next)) => {
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
        let softmax = path.values[0];
        if self
            .known(softmax)
            .is_some_and(|known| known.shape.last() == Some(&PolyId::ONE))
        {
            let reason = "the softmax goes over one key, so that every probability is 1";
            return Err(miss(softmax, reason));
        }
        let (mut y, mut passed, mut unread) = (product, path.values.clone(), None);
        for _ in 0..MAX_STEPS {
            passed.push(y);
            match self.read_as_sums(path, y) {
                Ok(weighed) => {
                    let inside = &passed[..passed.len() - 1];
                    for &value in inside {
                        if let Some(reason) = self.other_use(value, &passed) {
                            let what = match path.values.contains(&value) {
                                true => "probabilities",
                                false => "sums of values",
                            };
                            return Err(miss(value, &format!("the {what} {reason}")));
                        }
                    }
                    return Ok(Weighed { passed, ..weighed });
                }
                // A tensor of four axes says more than those before it.
                Err(reason) => {
                    unread = Some(unread.filter(|_| reason == NOT_FOUR).unwrap_or((y, reason)))
                }
            }
            match self.next_layout(y) {
                Some(next) => y = next,
                None => break,
            }
        }
        let (value, reason) = unread.unwrap_or((product, NOT_FOUR));
        Err(miss(value, reason))
    }

    fn is_product(&self, value: ValueId) -> bool {
        let node = self.node(value);
        node.is_some_and(|node| matches!(node.op_type(), "MatMul" | "Einsum"))
    }

    /// The one tensor with the numbers of this one in another layout.
    fn next_layout(&self, value: ValueId) -> Option<ValueId> {
        let (index, graph) = (self.it.index(), self.it.file.graph());
        if index.is_output(value) || index.captured(value) {
            return None;
        }
        let readers = index.consumers(value).iter();
        let mut readers = readers.filter(|&&(node, _)| !graph.node[node].is_onnx("Shape"));
        let (Some(&(node, 0)), None) = (readers.next(), readers.next()) else {
            return None;
        };
        let op = &graph.node[node];
        let moves = matches!(
            op.op_type(),
            "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose"
        );
        (op.is_standard() && moves).then(|| self.output(node))?
    }

    /// Reads a tensor of four axes as sums of values; the reason, if it holds none.
    fn read_as_sums(&mut self, path: &Path, y: ValueId) -> Result<Weighed, &'static str> {
        let own = self.known(y).ok_or(UNKNOWN)?;
        if own.rank() != 4 || !own.dtype.is_float() {
            return Err(NOT_FOUR);
        }
        let at = Elements::coordinates(self.it, y).ok_or(UNKNOWN)?;
        let element = self.elements.element(self.it, y, &at);
        let product = Elements::access(self.it, element).ok_or(NOT_LAID_OUT)?;
        let last = *path.values.last().ok_or(NO_SUM)?;
        let multiplied = self.known(last).ok_or(UNKNOWN)?;
        let contraction = self.elements.contraction(self.it, &product);
        let contraction = contraction.ok_or(if self.is_product(product.value) {
            SIZES_APART
        } else {
            NOT_LAID_OUT
        })?;
        let keys = contraction.size;
        // All products are summed along one coordinate: that of keys gets another, since the scores are a product too.
        let key = self.it.arena.coordinate(KEY, keys);
        let along = PolyId::of_atom(contraction.along);
        let Contraction { factors, .. } = contraction;
        let factors = factors.map(|factor| Factor {
            at: replaced(&factor.at, along, key),
            ..factor
        });
        let from_last = |factor: &&Factor| self.it.are_alike(factor.value, last);
        let slot = factors
            .iter()
            .position(|factor| from_last(&factor))
            .ok_or(NO_SUM)?;
        let [a, b] = factors;
        let (weights, value) = if slot == 0 { (a, b) } else { (b, a) };
        // Back to the softmax.
        let mut place = Access {
            value: last,
            indices: weights.at,
        };
        // All heads have values of their own, but all queries the same.
        let depends = |this: &mut Self, on: PolyId| {
            let atom = this.it.arena.as_atom(on);
            let mut indices = value.at.iter();
            atom.is_some_and(|atom| indices.any(|&index| this.it.arena.depends_on(index, atom)))
        };
        let turned = depends(self, at[2]) && !depends(self, at[1]);
        let (head, query) = if turned { (2, 1) } else { (1, 2) };
        let frame = Frame {
            at: [at[0], at[head], at[query], key],
            sizes: [own.shape[0], own.shape[head], own.shape[query], keys],
        };
        for &earlier in path.values.iter().rev().skip(1) {
            let is_guard = self
                .node(place.value)
                .is_some_and(|node| node.op_type() == "Where");
            place = match is_guard {
                true => self.beside(&frame, &place, earlier),
                false => self.laid_out_from(&place, own.dtype),
            }
            .ok_or(NOT_FOLLOWED)?;
        }
        let softmax = self.known(place.value).ok_or(UNKNOWN)?;
        // Where the product runs, the last axis of what it multiplies has as many elements as there are keys.
        let sizes = [Some(keys), multiplied.shape.last().copied()];
        let is_whole =
            sizes.contains(&softmax.shape.last().copied()) && place.indices.last() == Some(&key);
        let (_, rest) = place.indices.split_last().ok_or(NO_SUM)?;
        let key_atom = self.it.arena.as_atom(key).ok_or(NO_SUM)?;
        let found = rest
            .iter()
            .any(|&index| self.it.arena.depends_on(index, key_atom));
        if !is_whole || found {
            return Err(NO_SUM);
        }
        Ok(Weighed {
            y,
            turned,
            frame,
            channel: at[3],
            probability: place,
            value,
            zero_nan_rows: path.guarded,
            passed: Vec::new(),
        })
    }
}

fn replaced(at: &[PolyId], from: PolyId, to: PolyId) -> Indices {
    at.iter()
        .map(|&index| if index == from { to } else { index })
        .collect()
}
