//! The claim of a sinusoidal site: `y` is the embedding of the site's positions.
//!
//! Positions reach ten thousand. There, one rounding of a product moves an angle by a ten-thousandth, so another order of
//! operations, another type, or a frequency that differs in its last bit shows. In a table there are only so many rows.

use crate::recognize::{Frequencies, Placed, Sinusoidal, Site};

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

/// The positions of a value with these numbers, which have this shape: counted, or its elements.
fn placed(positions: &Placed, (numbers, _): Numbers<'_>, shape: &[usize]) -> Vec<f64> {
    if positions.counted.is_some() {
        let count = shape.iter().product::<usize>();
        return (0..count).map(|at| at as f64).collect();
    }
    let more = positions.wrapped.unwrap_or(0) as f64;
    let wrapped = |&at: &f64| if at < 0.0 { at + more } else { at };
    numbers.iter().map(wrapped).collect()
}

impl Claim for SinusoidalClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        let measured = self.measured();
        let operands = self.site.operands().into_iter();
        operands.filter(|name| !measured.contains(name)).collect()
    }

    fn measured(&self) -> Vec<&str> {
        let Placed { value, counted, .. } = &self.sinusoidal.positions;
        counted.map(|_| &value[..]).into_iter().collect()
    }

    /// The positions with the frequencies, or alone; or else the model's inputs, where the graph computes equal positions several
    /// times.
    fn starts(&self) -> Vec<Vec<&str>> {
        let positions = &self.sinusoidal.positions.value[..];
        if self.sinusoidal.positions.counted.is_some() {
            return vec![vec![]];
        }
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
        if let Some(table) = &self.sinusoidal.table {
            let rows = table.rows as i64;
            return Draw::Indices {
                dtype,
                least: positions.wrapped.map_or(0, |rows| -rows),
                end: rows,
            };
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
            table,
            dtype,
            ..
        } = self.sinusoidal;
        let axes = (&positions.squeeze, &positions.unsqueeze);
        let counted = (positions.counted, positions.wrapped);
        // Names are left out: equal cuts differ in them.
        let numbers = match frequencies {
            Frequencies::Numbers(rows) => Some(rows),
            Frequencies::Value { .. } => None,
        };
        let types = (self.site.dtype, positions.dtype, dtype);
        let rows = table.as_ref().map(|table| table.rows);
        format!("{attributes:?}{axes:?}{counted:?}{numbers:?}{divided}{rows:?}{types:?}")
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let Sinusoidal {
            positions,
            frequencies,
            attributes,
            dtype,
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
                    dtype: ElementType::from_onnx(dtype.to_onnx()),
                    shape: None,
                },
            ],
        };
        let shape = positions.shape(rows.1, 1);
        let view = |values, shape| View { values, shape };
        let count = [held.len()];
        let rows = placed(positions, rows, &shape);
        let inputs = [view(&rows, &shape), view(&held, &count)];
        Ok(reference(CONTRACT, &call, &inputs)?.swap_remove(0))
    }

    fn tolerance(&self) -> f64 {
        let epsilon = self.site.dtype.epsilon().unwrap_or_default();
        // The proof has compared all elements: they are off by half of that, and the reference is not rounded.
        if self.sinusoidal.table.is_some() {
            return epsilon;
        }
        let angles = match self.sinusoidal.divided {
            true => QUOTIENT * self.positions() * self.fastest(),
            false => 0.0,
        };
        epsilon * (SINES + angles)
    }
}
