//! The claim of a sinusoidal site: `y` is the embedding of the site's positions.
//!
//! Positions reach ten thousand. There, one rounding of a product moves an angle by a ten-thousandth, so another order of
//! operations, another type, or a frequency that differs in its last bit shows.

use crate::recognize::{Frequencies, Sinusoidal, Site};

use phasor_ops::contract::sinusoidal::CONTRACT;
use phasor_ops::contract::{Call, Dense, ElementType, Operand, View};

use super::claim::{Claim, Numbers, largest, reference};
use super::failure::Failure;
use super::numbers::Draw;

/// Bound of the positions where the graph multiplies.
const FAR: f64 = 1e4;
/// Whole positions reach beyond what `float` counts.
const BEYOND: i64 = 1 << 30;
/// Bound of the angles where it divides: a quotient and a product differ by roundings of the angle.
const NEAR: f64 = 16.0;
/// Sines and cosines in units of the last place of 1: one each for the graph's and the operator's, and two for the amplitude.
const SINES: f64 = 4.0;
/// Roundings of an angle, in the same units of its size: of a reciprocal, of its product with a position, and of a quotient.
const QUOTIENT: f64 = 1.5;

/// The claim of this site.
pub(super) struct SinusoidalClaim<'a> {
    pub site: &'a Site,
    pub sinusoidal: &'a Sinusoidal,
}

impl SinusoidalClaim<'_> {
    /// Largest magnitude of a frequency; of random ones it is below 1.
    fn fastest(&self) -> f64 {
        match &self.sinusoidal.frequencies {
            Frequencies::Numbers(rows) => largest(&rows.concat()),
            Frequencies::Value { .. } => 1.0,
        }
    }

    /// Bound of the positions.
    fn positions(&self) -> f64 {
        match self.sinusoidal.divided {
            // At least a few whole positions, however fast the sines are.
            true => (NEAR / self.fastest()).clamp(4.0, FAR),
            false => FAR,
        }
    }
}

impl Claim for SinusoidalClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        self.site.operands()
    }

    /// The positions with the frequencies, or alone; or else the model's inputs, where the graph computes equal positions several
    /// times.
    fn starts(&self) -> Vec<Vec<&str>> {
        let positions = &self.sinusoidal.positions.value[..];
        match self.sinusoidal.frequencies.value() {
            Some(frequencies) => vec![vec![positions, frequencies], vec![positions], vec![]],
            None => vec![vec![positions], vec![]],
        }
    }

    fn origin(&self) -> Option<&str> {
        None
    }

    fn numbers(&self, tensor: &str) -> Draw {
        let Sinusoidal { positions, .. } = self.sinusoidal;
        let dtype = positions.dtype;
        if tensor != positions.value {
            return Draw::Floats(self.site.dtype, 1.0);
        }
        let bound = self.positions();
        match dtype.is_float() {
            true => Draw::Floats(dtype, bound),
            false => Draw::Positions {
                dtype,
                reach: bound as i64,
                far: if self.sinusoidal.divided {
                    bound as i64
                } else {
                    BEYOND
                },
            },
        }
    }

    fn key(&self) -> String {
        let Sinusoidal {
            positions,
            frequencies,
            attributes,
            divided,
            ..
        } = self.sinusoidal;
        let axes = (&positions.squeeze, &positions.unsqueeze);
        // Names are left out: equal cuts differ in them.
        let numbers = match frequencies {
            Frequencies::Numbers(rows) => Some(rows),
            Frequencies::Value { .. } => None,
        };
        let types = (self.site.dtype, positions.dtype);
        format!("{attributes:?}{axes:?}{numbers:?}{divided}{types:?}")
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let Sinusoidal {
            positions,
            frequencies,
            attributes,
            ..
        } = self.sinusoidal;
        let (rows, held) = match (frequencies, operands) {
            (Frequencies::Numbers(rows), &[positions]) => (positions, rows.concat()),
            (Frequencies::Value { .. }, &[positions, frequencies]) => {
                (positions, frequencies.0.to_vec())
            }
            _ => return Err(Failure::NotRun("a tensor is missing".to_owned())),
        };
        let call = Call {
            attributes: attributes.values().to_vec(),
            inputs: vec![
                Operand::default(),
                Operand {
                    dtype: ElementType::from_onnx(self.site.dtype.to_onnx()),
                    shape: None,
                },
            ],
        };
        let shape = positions.shape(rows.1, 1);
        let view = |values, shape| View { values, shape };
        let count = [held.len()];
        let inputs = [view(rows.0, &shape), view(&held, &count)];
        Ok(reference(CONTRACT, &call, &inputs)?.swap_remove(0))
    }

    fn tolerance(&self) -> f64 {
        let epsilon = self.site.dtype.epsilon().unwrap_or_default();
        let angles = match self.sinusoidal.divided {
            true => QUOTIENT * self.positions() * self.fastest(),
            false => 0.0,
        };
        epsilon * (SINES + angles)
    }
}
