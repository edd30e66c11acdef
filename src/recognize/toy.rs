//! The smallest possible family, for tests: `y = x + x`. It only takes nodes called `toy`, so that no other test meets it.

use crate::symbolic::{Interpreter, display};

use super::kit::Context;
use super::kit::miss::node_name;
use super::site::Family;
use super::{Analysis, Kind, Proof, Site};

/// The rule's identifier.
const RULE: &str = "toy";

/// What the family adds to its sites.
#[derive(Clone, Debug)]
pub struct Toy {
    /// The tensor that is added to itself.
    pub x: String,
}

impl Family for Toy {
    fn operands(&self) -> Vec<&str> {
        vec![&self.x]
    }
}

/// Finds the tensors whose elements are twice those of another.
pub(super) fn find(it: &mut Interpreter<'_>, context: &Context<'_>, analysis: &mut Analysis) {
    for &y in context.order.computed() {
        let (Some(yv), Some((node, _))) = (it.known(y).cloned(), it.index().producer(y)) else {
            continue;
        };
        let names = &it.file.graph().node[node];
        let before = names.input.first().and_then(|name| it.index().id(name));
        let Some((x, xv)) = before.and_then(|x| Some((x, it.known(x)?.clone()))) else {
            continue;
        };
        let twice = |(&x, &y)| it.arena.scale(x, 2.0) == y;
        let doubled = xv.shape == yv.shape && xv.data.len() == yv.data.len() && xv.dtype.is_float();
        if names.name() == "toy" && doubled && xv.data.iter().zip(yv.data.iter()).all(twice) {
            analysis.sites.push(Site {
                rule: RULE,
                node,
                node_name: node_name(it, node),
                y: it.index().name(y).to_owned(),
                dtype: yv.dtype,
                shape: display::shape(&it.arena, &yv.shape),
                proof: Proof::Linear,
                assumes_finite: false,
                kind: Kind::Toy(Toy {
                    x: it.index().name(x).to_owned(),
                }),
            });
        }
    }
}
