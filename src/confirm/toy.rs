//! The claim of a toy site: `y` is twice `x`.

use crate::recognize::{Site, Toy};

use phasor_ops::contract::Dense;

use super::claim::{Claim, Numbers};
use super::failure::Failure;
use super::numbers::Draw;

/// A site.
pub(super) struct Twice<'a> {
    pub site: &'a Site,
    pub toy: &'a Toy,
}

impl Claim for Twice<'_> {
    fn operands(&self) -> Vec<&str> {
        vec![&self.toy.x]
    }

    fn starts(&self) -> Vec<Vec<&str>> {
        vec![self.operands()]
    }

    fn origin(&self) -> Option<&str> {
        None
    }

    fn numbers(&self, _: &str) -> Draw {
        Draw::Floats(self.site.dtype, 2.0)
    }

    fn key(&self) -> String {
        "twice".to_owned()
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let (x, shape) = operands[0];
        Ok(Dense {
            values: x.iter().map(|x| x + x).collect(),
            shape: shape.to_vec(),
        })
    }

    fn tolerance(&self) -> f64 {
        0.0
    }
}
