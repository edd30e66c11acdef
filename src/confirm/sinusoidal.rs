//! The claim of a sinusoidal site: `y` is the embedding of the site's positions.
//!
//! Positions reach ten thousand. There, one rounding of a product moves an angle by a ten-thousandth, so another order of
//! operations, another type, or a frequency that differs in its last bit shows. In a table there are only so many rows.

use crate::recognize::{Frequencies, Placed, Sinusoidal, Site, Source};

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

/// The positions, from the numbers of the value that they are read from or counted along.
fn placed(positions: &Placed, value: Option<Numbers<'_>>) -> Option<Dense> {
    let counted = |count: usize| Dense {
        values: (0..count).map(|at| at as f64).collect(),
        shape: vec![count],
    };
    Some(match positions.source {
        Source::Known(count) => counted(count),
        Source::Counted { axis, .. } => counted(*value?.1.get(axis)?),
        Source::Value(_) => {
            let (numbers, shape) = value?;
            let more = positions.wrapped.unwrap_or(0) as f64;
            let wrapped = |&at: &f64| if at < 0.0 { at + more } else { at };
            Dense {
                values: numbers.iter().map(wrapped).collect(),
                shape: shape.to_vec(),
            }
        }
    })
}

impl Claim for SinusoidalClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        let measured = self.measured();
        let operands = self.site.operands().into_iter();
        operands.filter(|name| !measured.contains(name)).collect()
    }

    fn measured(&self) -> Vec<&str> {
        match &self.sinusoidal.positions.source {
            Source::Counted { value, .. } => vec![value],
            Source::Value(_) | Source::Known(_) => Vec::new(),
        }
    }

    /// The positions with the frequencies, or alone; or else the model's inputs, where the graph computes equal positions several
    /// times.
    fn starts(&self) -> Vec<Vec<&str>> {
        let Source::Value(positions) = &self.sinusoidal.positions.source else {
            return vec![vec![]];
        };
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
        if Some(tensor) != positions.value() {
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
        let source = match positions.source {
            Source::Value(_) => None,
            Source::Counted { axis, .. } => Some((true, axis)),
            Source::Known(count) => Some((false, count)),
        };
        let source = (source, positions.wrapped);
        // Names are left out: equal cuts differ in them.
        let numbers = match frequencies {
            Frequencies::Numbers(rows) => Some(rows),
            Frequencies::Value { .. } => None,
        };
        let types = (self.site.dtype, positions.dtype, dtype);
        let rows = table.as_ref().map(|table| table.rows);
        format!("{attributes:?}{axes:?}{source:?}{numbers:?}{divided}{rows:?}{types:?}")
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let Sinusoidal {
            positions,
            frequencies,
            attributes,
            dtype,
            ..
        } = self.sinusoidal;
        let missing = || Failure::NotRun("a tensor is missing".to_owned());
        let rows = placed(positions, operands.first().copied()).ok_or_else(missing)?;
        let held = match (frequencies, operands) {
            (Frequencies::Numbers(rows), _) => rows.concat(),
            (Frequencies::Value { .. }, &[_, frequencies]) => frequencies.0.to_vec(),
            _ => return Err(missing()),
        };
        let call = Call {
            attributes: attributes.values().to_vec(),
            inputs: vec![
                Operand::default(),
                Operand::default(),
                Operand {
                    dtype: ElementType::from_onnx(dtype.to_onnx()),
                    ..Operand::default()
                },
            ],
        };
        let shape = positions.shape(&rows.shape, 1);
        let view = |values, shape| View { values, shape };
        let count = [held.len()];
        let inputs = [
            view(&rows.values, &shape),
            view(&held, &count),
            view(&[0.0], &[]),
        ];
        Ok(reference(CONTRACT, &call, &inputs)?.swap_remove(0))
    }

    fn met(&self) -> bool {
        self.sinusoidal
            .table
            .as_ref()
            .is_some_and(|table| table.met)
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
