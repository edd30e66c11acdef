//! From the input of a softmax back to the product of queries and keys.

use crate::onnx::{DataType, ValueId};
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::symbolic::element::Access;
use crate::symbolic::element::contraction::Factor;
use crate::symbolic::poly::{AtomId, PolyId};

use super::RULE;
use super::change::Change;
use super::chosen::Choice;
use super::probabilities::Softmax;
use super::walk::Reader;

/// Most nodes between product and softmax.
const MAX_STEPS: usize = 24;

/// What the scores of a softmax are.
pub(super) struct Scored {
    /// The element of the queries that is multiplied.
    pub query: Factor,
    /// That of the keys.
    pub key: Factor,
    /// The channel that is summed over.
    pub along: PolyId,
    /// The number of channels.
    pub channels: PolyId,
    /// What is done to the product.
    pub change: Change,
}

/// Whether the operator's function body computes scores in this type, while kernels do so in float.
pub(super) fn is_half(dtype: DataType) -> bool {
    !dtype.holds_floats_of(DataType::F32)
}

impl Reader<'_, '_> {
    /// The product behind the scores at a place.
    pub(super) fn scored(&mut self, softmax: &Softmax<'_>, place: Access) -> Result<Scored, Miss> {
        let change = Change {
            scale: 1.0,
            passed: softmax.weighed.passed.clone(),
            ..Change::default()
        };
        self.scored_by(softmax, place, change, MAX_STEPS)
    }

    fn scored_by(
        &mut self,
        softmax: &Softmax<'_>,
        mut place: Access,
        mut change: Change,
        steps: usize,
    ) -> Result<Scored, Miss> {
        let miss = |value, reason: String| Miss::new(RULE, Stage::Scores, value, reason);
        for left in (0..steps).rev() {
            let value = place.value;
            let Some(node) = self.node(value) else {
                return Err(miss(
                    value,
                    "the scores are no product of the graph".to_owned(),
                ));
            };
            let op = node.op_type();
            if let Some(reason) = self.other_use(value, &change.passed) {
                return Err(miss(value, format!("the scores {reason}")));
            }
            change.passed.push(value);
            let computes = matches!(op, "MatMul" | "Einsum" | "Tanh" | "Add" | "Sub" | "Where");
            if computes && is_half(softmax.dtype) && !self.is_of(value, softmax.dtype) {
                let reason = "the scores are computed in a wider type than queries and keys have";
                return Err(miss(value, reason.to_owned()));
            }
            if matches!(op, "MatMul" | "Einsum") {
                return self.of_queries_and_keys(softmax, &place, change);
            }
            if let Some(earlier) = self.laid_out_from(&place, softmax.dtype) {
                if self.narrows(&earlier, &place) {
                    let reason = "the scores are rounded to a narrower type on the way";
                    return Err(miss(value, reason.to_owned()));
                }
                place = earlier;
                continue;
            }
            let inputs: Vec<ValueId> = (0..node.input.len())
                .filter_map(|slot| self.input(node, slot))
                .collect();
            match (op, &inputs[..]) {
                ("Mul" | "Div", _) => {
                    let from = match self.multiplied(node) {
                        Some((from, factor)) => {
                            change.scale *= factor;
                            change.is_scaled |= factor != 1.0;
                            from
                        }
                        None => {
                            let (from, factor) =
                                self.multiplied_by_tensor(softmax, &place, node)?;
                            change.factors.push((factor, op == "Div"));
                            change.is_scaled = true;
                            from
                        }
                    };
                    place = self.taken(softmax, &place, from)?;
                }
                ("Tanh", &[from]) => {
                    if change.softcap.is_some() || change.scale <= 0.0 {
                        let reason = "the scores are capped twice, or by a negative number";
                        return Err(miss(value, reason.to_owned()));
                    }
                    if !change.factors.is_empty() {
                        let reason = "the scores are capped, and multiplied by a tensor after that";
                        return Err(miss(value, reason.to_owned()));
                    }
                    change.is_scaled = true;
                    change.softcap = Some(std::mem::replace(&mut change.scale, 1.0));
                    place = self.taken(softmax, &place, from)?;
                }
                ("Where", &[condition, yes, no]) => {
                    let fills = [(no, yes, false), (yes, no, true)];
                    let filled = fills
                        .into_iter()
                        .find_map(|(fill, from, hides)| Some((from, hides, self.number(fill)?)));
                    let Some((from, hides, fill)) = filled else {
                        let reason = "a choice between scores and what is no number";
                        return Err(miss(value, reason.to_owned()));
                    };
                    let choice = Choice {
                        from,
                        condition,
                        hides,
                        fill,
                    };
                    place = self.chosen(softmax, &place, &mut change, choice)?;
                }
                ("Add", &[a, b]) if self.blended(a, b).is_some() => {
                    let Some((kept, choice)) = self.blended(a, b) else {
                        continue;
                    };
                    place = self.taken(softmax, &place, kept)?;
                    change.passed.push(kept);
                    change.assumes_finite = true;
                    place = self.chosen(softmax, &place, &mut change, choice)?;
                }
                ("Add" | "Sub", &[a, b]) => {
                    if change.softcap.is_some() || !change.factors.is_empty() {
                        let reason = "a tensor is added to the scores before they are capped or multiplied by another";
                        return Err(miss(value, reason.to_owned()));
                    }
                    if change.is_scaled && is_half(softmax.dtype) {
                        let reason = "a tensor is added to the scores before they are scaled, in half precision, which rounds their sum in \
                                      another way than each";
                        return Err(miss(value, reason.to_owned()));
                    }
                    change.is_added = true;
                    let terms = ((a, b), op == "Sub");
                    return self.added(softmax, &place, terms, change, left);
                }
                ("Cast" | "CastLike", _) => {
                    let reason = "the scores are computed in a narrower type than the result";
                    return Err(miss(value, reason.to_owned()));
                }
                _ => {
                    let reason =
                        format!("the scores pass through `{op}`, which attention does not");
                    return Err(miss(value, reason));
                }
            }
        }
        let reason = "too many nodes lie between the scores and their softmax";
        Err(miss(place.value, reason.to_owned()))
    }

    /// Whether a value has this type.
    fn is_of(&mut self, value: ValueId, dtype: DataType) -> bool {
        self.known(value).is_some_and(|known| known.dtype == dtype)
    }

    /// Whether a value has a type that lacks numbers of the one that it is computed from.
    fn narrows(&mut self, from: &Access, to: &Access) -> bool {
        let types = [from, to].map(|place| self.known(place.value).map(|known| known.dtype));
        matches!(types, [Some(from), Some(to)] if !to.holds_floats_of(from))
    }

    /// The same of a sum, or of a difference: one term is the scores, the other what is added to them.
    fn added(
        &mut self,
        softmax: &Softmax<'_>,
        place: &Access,
        ((a, b), negated): ((ValueId, ValueId), bool),
        change: Change,
        left: usize,
    ) -> Result<Scored, Miss> {
        // What the sum is multiplied by.
        let after = change.scale;
        let mut nearest = None;
        let mut found = None;
        let orders = [(a, b), (b, a)];
        for (from, bias) in orders.into_iter().take(if negated { 1 } else { 2 }) {
            let read = self
                .taken(softmax, place, from)
                .and_then(|earlier| self.scored_by(softmax, earlier, change.clone(), left));
            match read {
                Ok(_) if found.is_some() => {
                    let reason = "the scores are the sum of two products of queries and keys";
                    return Err(Miss::new(RULE, Stage::Scores, place.value, reason));
                }
                Ok(scored) => found = Some((scored, bias)),
                Err(miss) => nearest = nearest.or(Some(miss)),
            }
        }
        let (mut scored, bias) = found.ok_or_else(|| nearest.expect("no term is the scores"))?;
        if self.is_content(bias, scored.query.value) {
            let reason = "the scores have a second term that depends on content";
            return Err(Miss::new(RULE, Stage::Mask, bias, reason));
        }
        let mut mask = self.mask(softmax, place, bias)?;
        mask.factor = if negated { -after } else { after };
        // Sums inside were added before this one.
        if is_half(softmax.dtype) && !scored.change.biases.is_empty() {
            let reason = "two tensors are added to the scores in half precision, which rounds their sum in another way than each";
            return Err(Miss::new(RULE, Stage::Mask, bias, reason));
        }
        scored.change.biases.push(mask);
        Ok(scored)
    }

    /// The place of the same element in an operand of an elementwise operator.
    pub(super) fn taken(
        &mut self,
        softmax: &Softmax<'_>,
        place: &Access,
        from: ValueId,
    ) -> Result<Access, Miss> {
        self.beside(&softmax.weighed.frame, place, from)
            .ok_or_else(|| {
                let reason = "the scores are broadcast, or their sizes are not known to be equal";
                Miss::new(RULE, Stage::Scores, place.value, reason)
            })
    }

    /// Reads the product of queries and keys.
    fn of_queries_and_keys(
        &mut self,
        softmax: &Softmax<'_>,
        place: &Access,
        change: Change,
    ) -> Result<Scored, Miss> {
        let miss = |reason: &str| Miss::new(RULE, Stage::Scores, place.value, reason);
        let Some(contraction) = self.elements.contraction(self.it, place) else {
            return Err(miss(
                "the scores are no sum of products of one channel with another",
            ));
        };
        let [_, _, i, j] = softmax.weighed.frame.at;
        let (query, key) = (self.it.arena.as_atom(i), self.it.arena.as_atom(j));
        let depends = |this: &mut Self, factor: &Factor, on: Option<AtomId>| {
            let mut at = factor.at.iter();
            on.is_some_and(|atom| at.any(|&index| this.it.arena.depends_on(index, atom)))
        };
        let [a, b] = contraction.factors;
        let mut of = |factor: &Factor| [depends(self, factor, query), depends(self, factor, key)];
        let (query, key) = match (of(&a), of(&b)) {
            ([_, false], [false, true]) => (a, b),
            ([false, true], [_, false]) => (b, a),
            _ => {
                let reason = "the two products lay heads, queries and keys out differently: what is multiplied is not one query and one key";
                return Err(miss(reason));
            }
        };
        Ok(Scored {
            query,
            key,
            along: PolyId::of_atom(contraction.along),
            channels: contraction.size,
            change,
        })
    }
}
