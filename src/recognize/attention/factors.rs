//! Tensors that scores are multiplied by, such as a temperature for every head: with one factor for all keys, the product with a query is
//! the same, and the operator reads queries that are multiplied by it.

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::recognize::kit::step::Step;
use crate::symbolic::element::Access;

use super::RULE;
use super::mask::Mask;
use super::operands::Wired;
use super::probabilities::Softmax;
use super::scores::is_half;
use super::walk::Reader;

impl Reader<'_, '_> {
    /// The scores and the factor of a node that multiplies scores by a tensor that is the same for all keys, or divides them by one.
    pub(super) fn multiplied_by_tensor(
        &mut self,
        softmax: &Softmax<'_>,
        place: &Access,
        node: &NodeProto,
    ) -> Result<(ValueId, Mask), Miss> {
        let miss = |reason: &str| Miss::new(RULE, Stage::Scores, place.value, reason);
        let one_number = || miss("the scores are not multiplied by one finite number other than 0");
        let (a, b) = (self.input(node, 0), self.input(node, 1));
        let (a, b) = a.zip(b).ok_or_else(one_number)?;
        let orders = match node.op_type() {
            "Div" => vec![(a, b)],
            _ => vec![(a, b), (b, a)],
        };
        for (from, factor) in orders {
            if self.number(factor).is_some() {
                return Err(one_number());
            }
            let Some(mask) = self.mask(softmax, place, factor).ok() else {
                continue;
            };
            if self.is_one_for_all_keys(softmax, &mask) {
                return match is_half(softmax.dtype) {
                    true => Err(miss(
                        "the scores are multiplied by a tensor in half precision, in which its products with the queries may overflow",
                    )),
                    false => Ok((from, mask)),
                };
            }
        }
        Err(miss(
            "the scores are multiplied by a tensor that is not the same for all keys",
        ))
    }

    fn is_one_for_all_keys(&mut self, softmax: &Softmax<'_>, mask: &Mask) -> bool {
        let at = softmax.weighed.frame.at;
        let Some(key) = self.it.arena.as_atom(at[3]) else {
            return false;
        };
        let indices = self.indices_in(mask, &at);
        indices.is_some_and(|mut indices| {
            let mut indices = indices.drain(..);
            !indices.any(|index| self.it.arena.depends_on(index, key))
        })
    }

    /// The name of the queries times these factors.
    pub(super) fn with_factors(
        &mut self,
        queries: (&Wired, String),
        factors: &[(Mask, bool)],
    ) -> Option<String> {
        let (wired, name) = queries;
        let shape = self.ordered(wired)?;
        factors.iter().try_fold(name, |name, (factor, divides)| {
            let (factor, _) = self.placed(factor, wired)?;
            let step = if *divides {
                Step::Quotient
            } else {
                Step::Product
            };
            self.make(step, &[&name, &factor], (wired.value, &shape))
        })
    }
}
