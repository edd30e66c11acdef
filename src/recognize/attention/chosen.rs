//! Scores that are replaced by one number where a condition says so.

use crate::onnx::{DataType, ValueId};
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::symbolic::element::Access;

use super::RULE;
use super::change::Change;
use super::probabilities::Softmax;
use super::walk::Reader;

/// A choice between scores and a number.
pub(super) struct Choice {
    /// The scores.
    pub from: ValueId,
    /// The condition.
    pub condition: ValueId,
    /// Whether it is true where the number is.
    pub hides: bool,
    /// The number.
    pub fill: f64,
}

impl Reader<'_, '_> {
    /// The place of the scores behind a choice, which becomes the mask.
    pub(super) fn chosen(
        &mut self,
        softmax: &Softmax<'_>,
        place: &Access,
        change: &mut Change,
        choice: Choice,
    ) -> Result<Access, Miss> {
        if change.mask.is_some() || change.is_added || change.is_scaled {
            let reason = "a number is put in the place of scores, and they are changed after that";
            return Err(Miss::new(RULE, Stage::Scores, place.value, reason));
        }
        let condition = self.mask(softmax, place, choice.condition)?;
        change.mask = Some((condition, choice.hides, choice.fill));
        self.taken(softmax, place, choice.from)
    }

    /// The product with a condition, and the choice, of a sum `c * scores + (1 - c) * fill`.
    pub(super) fn blended(&mut self, a: ValueId, b: ValueId) -> Option<(ValueId, Choice)> {
        [(a, b), (b, a)]
            .into_iter()
            .find_map(|(kept, filled)| self.blend(kept, filled))
    }

    fn blend(&mut self, kept: ValueId, filled: ValueId) -> Option<(ValueId, Choice)> {
        self.it.index().only_reader(kept)?;
        let node = self.node(filled).filter(|node| node.op_type() == "Mul")?;
        let (absent, fill) = self.multiplied(node)?;
        let hidden = self.absence(absent)?;
        let node = self.node(kept).filter(|node| node.op_type() == "Mul")?;
        let [x, y] = [self.input(node, 0)?, self.input(node, 1)?];
        let of = |(truth, from)| {
            let condition = self.truth(truth)?;
            let is_same = self.it.are_alike(condition, hidden);
            is_same.then_some((
                kept,
                Choice {
                    from,
                    condition,
                    hides: false,
                    fill,
                },
            ))
        };
        [(x, y), (y, x)].into_iter().find_map(of)
    }

    /// The condition that a tensor of floats is: 1 where it is true, and 0 elsewhere.
    fn truth(&self, value: ValueId) -> Option<ValueId> {
        let node = self.node(value).filter(|node| node.op_type() == "Cast")?;
        let from = self.input(node, 0)?;
        let known = self.it.known(from)?;
        (known.dtype == DataType::Bool).then_some(from)
    }

    /// The condition that a tensor of floats is the contrary of: 0 where it is true, and 1 elsewhere.
    fn absence(&mut self, value: ValueId) -> Option<ValueId> {
        if let Some(from) = self.truth(value) {
            let node = self.node(from).filter(|node| node.op_type() == "Not")?;
            return self.input(node, 0);
        }
        let node = self.node(value).filter(|node| node.op_type() == "Sub")?;
        let [one, truth] = [self.input(node, 0)?, self.input(node, 1)?];
        (self.number(one)? == 1.0).then(|| self.truth(truth))?
    }
}
