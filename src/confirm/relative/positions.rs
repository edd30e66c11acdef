//! The tensors that a relative operator reads: those with the numbers that it copies or multiplies, and those of positions.

use crate::onnx::DataType;
use crate::recognize::Positions;

use phasor_ops::contract::Dense;

use crate::confirm::claim::Numbers;
use crate::confirm::failure::Failure;
use crate::confirm::numbers::Draw;

/// The tensors of a site.
pub(super) struct Tensors<'a> {
    data: Vec<&'a str>,
    positions: [&'a Positions; 2],
}

impl<'a> Tensors<'a> {
    pub(super) fn new(data: Vec<&'a str>, query: &'a Positions, key: &'a Positions) -> Self {
        Tensors {
            data,
            positions: [query, key],
        }
    }

    /// The tensors of data, and those that hold positions, each once.
    pub(super) fn operands(&self) -> Vec<&'a str> {
        let held = self
            .positions
            .iter()
            .filter_map(|positions| match positions {
                Positions::Value { name, .. } => Some(&name[..]),
                _ => None,
            });
        once(self.data.iter().copied().chain(held))
    }

    /// The tensors along which positions are counted, each once.
    pub(super) fn measured(&self) -> Vec<&'a str> {
        let counted = self
            .positions
            .iter()
            .filter_map(|positions| match positions {
                Positions::Counted { tensor, .. } => Some(&tensor[..]),
                _ => None,
            });
        once(counted)
    }

    /// All of them with given positions, or the data with positions that the graph computes.
    pub(super) fn starts(&self) -> Vec<Vec<&'a str>> {
        let (all, data) = (self.operands(), self.computed());
        match all == data {
            true => vec![all],
            false => vec![all, data],
        }
    }

    /// The data, with positions that the graph computes.
    pub(super) fn computed(&self) -> Vec<&'a str> {
        once(self.data.iter().copied())
    }

    /// The random numbers for a tensor; those of data have `dtype`.
    pub(super) fn draw(&self, tensor: &str, dtype: DataType, (reach, far): (i64, i64)) -> Draw {
        let held = self.positions.iter().find_map(|positions| match positions {
            Positions::Value { name, dtype, .. } if name == tensor => Some(*dtype),
            _ => None,
        });
        match held {
            Some(dtype) if !self.data.contains(&tensor) => Draw::Positions { dtype, reach, far },
            _ => Draw::Floats(dtype, 2.0),
        }
    }

    /// How positions are read, without names.
    pub(super) fn key(&self) -> String {
        let (operands, measured) = (self.operands(), self.measured());
        let place = |of: &[&str], name: &str| of.iter().position(|own| *own == name);
        let keys = self.positions.iter().map(|positions| match positions {
            Positions::Value {
                name,
                dtype,
                axes,
                rank,
            } => format!("{:?}{dtype:?}{axes:?}{rank}", place(&operands, name)),
            Positions::Counted { tensor, axis } => {
                format!("{:?}.{axis}", place(&measured, tensor))
            }
            Positions::Known(numbers) => format!("{numbers:?}"),
        });
        keys.collect::<Vec<_>>().join(" ")
    }

    /// The data, and positions of queries and keys as an operator reads them. `numbers` are those of the operands, and the
    /// shapes of the measured tensors.
    ///
    /// # Errors
    /// [`Failure::Differs`] for positions with other axes.
    pub(super) fn read<'n>(
        &self,
        numbers: &[Numbers<'n>],
    ) -> Result<(Vec<Numbers<'n>>, Dense, Dense), Failure> {
        let names = [self.operands(), self.measured()];
        let place = |of: usize, name: &str| {
            let own = names[of].iter().position(|own| *own == name);
            let before = if of == 0 { 0 } else { names[0].len() };
            let found = own.and_then(|at| numbers.get(before + at));
            found.ok_or_else(|| Failure::NotRun("a tensor is missing".to_owned()))
        };
        let read = |positions: &Positions| -> Result<Dense, Failure> {
            Ok(match positions {
                Positions::Value {
                    name, axes, rank, ..
                } => held(*place(0, name)?, axes, *rank)?,
                Positions::Counted { tensor, axis } => {
                    let (_, shape) = place(1, tensor)?;
                    let size = shape.get(*axis).copied();
                    let size =
                        size.ok_or_else(|| unlike(format!("`{tensor}` has no axis {axis}")))?;
                    vector((0..size).map(|at| at as f64))
                }
                Positions::Known(numbers) => vector(numbers.iter().map(|&number| number as f64)),
            })
        };
        let [query, key] = self.positions.map(read);
        let data = self.data.iter().map(|name| place(0, name).copied());
        Ok((data.collect::<Result<_, _>>()?, query?, key?))
    }
}

/// Positions that a tensor holds, with these axes of it left, or one if there are none. A float is cast to an integer.
fn held((values, shape): Numbers<'_>, axes: &[usize], rank: usize) -> Result<Dense, Failure> {
    let kept: Option<Vec<usize>> = axes.iter().map(|&axis| shape.get(axis).copied()).collect();
    let dropped = (0..shape.len()).filter(|axis| !axes.contains(axis));
    let single = dropped.map(|axis| shape[axis]).all(|size| size == 1);
    let Some(mut kept) = kept.filter(|_| single && shape.len() == rank) else {
        return Err(unlike(format!(
            "positions have shape {shape:?}, of which axes {axes:?} are not all"
        )));
    };
    if kept.is_empty() {
        kept.push(1);
    }
    Ok(Dense {
        values: values.iter().map(|value| value.trunc()).collect(),
        shape: kept,
    })
}

fn vector(values: impl Iterator<Item = f64>) -> Dense {
    let values: Vec<f64> = values.collect();
    Dense {
        shape: vec![values.len()],
        values,
    }
}

fn unlike(how: String) -> Failure {
    Failure::Differs(format!("its {how}"))
}

/// Names in order, each once.
fn once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}
