//! Reads a table of numbers as sinusoids: column by column the sine or the cosine of the row's number times a frequency.
//!
//! No formula for frequencies is assumed: they are fitted to the numbers. The angle between two rows is the frequency but for whole
//! turns; the rows 2, 4, 8, ... double its digits, and a line through the angles of all rows gives the last ones. A fit proves nothing.
//! What does is that every element of the table is then compared with what the operator computes, in the roundings of its type.
//!
//! Angles are products in `float`, as in tables that a framework computes in it. If no numbers of `float` fit, they are products in
//! `double`, as in tables that NumPy computes.

use std::f64::consts::{PI, TAU};

use phasor_ops::contract::sinusoidal::SinusoidalAttributes;

use crate::onnx::{DataType, Tensor};
use crate::recognize::angles::exact_f32;

/// Neighbours of a fitted frequency, to either side, that are tried.
const NEIGHBOURS: usize = 8;
/// Rows that are looked at first: few tables that are no sinusoids pass.
const FIRST: usize = 3;

/// The columns of a table of rows, in a tensor of any order.
#[derive(Clone, Copy)]
pub(super) struct Grid<'t> {
    /// The numbers.
    pub tensor: &'t Tensor,
    /// How many rows there are, and how far apart their elements lie.
    pub rows: (usize, usize),
    /// The same of columns.
    pub columns: (usize, usize),
}

/// What a table is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    /// The type that angles are rounded to.
    pub dtype: DataType,
    /// The frequencies, numbers of that type.
    pub frequencies: Vec<f64>,
    /// Layout, amplitude, width, and the row of zeros.
    pub attributes: SinusoidalAttributes,
    /// Largest difference of an element from what the operator computes, both as numbers of the table's type.
    pub difference: f64,
}

impl Grid<'_> {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.tensor
            .element(row * self.rows.1 + column * self.columns.1)
    }

    fn is_zero(&self, row: usize, columns: usize) -> bool {
        (0..columns).all(|column| self.at(row, column) == 0.0)
    }
}

/// By how much an element may differ from the operator's: one unit in the last place of numbers between a half and 1, times the
/// amplitude. A sine that a library computes is off by as much.
fn tolerance(dtype: DataType, amplitude: f32) -> f64 {
    let unit = dtype.epsilon().unwrap_or_default() / 2.0;
    unit * f64::from(amplitude.abs())
}

/// A number rounded to a float type.
fn rounded(number: f64, dtype: DataType) -> f64 {
    match dtype {
        DataType::F64 => number,
        DataType::F32 => f64::from(number as f32),
        dtype => Tensor::from_f64_as(dtype, &[1], &[number]).element(0),
    }
}

/// Reads a table as sinusoids of at least two frequencies.
pub(super) fn read(grid: Grid<'_>) -> Option<Fitted> {
    let dtype = grid.tensor.dtype;
    let arithmetics: &[DataType] = match dtype {
        DataType::F64 => &[DataType::F64],
        DataType::F32 => &[DataType::F32, DataType::F64],
        DataType::F16 | DataType::BF16 => &[DataType::F32],
        _ => return None,
    };
    let padding = padding(&grid)?;
    let used = used(&grid, padding);
    if used < 4 || !used.is_multiple_of(2) || grid.rows.0 <= FIRST + 1 {
        return None;
    }
    for interleaved in [false, true] {
        for cos_first in [false, true] {
            let layout = Layout {
                interleaved,
                cos_first,
                count: used / 2,
                padding,
            };
            let Some(amplitude) = layout.amplitude(&grid) else {
                continue;
            };
            for &arithmetic in arithmetics {
                let table = Table {
                    grid,
                    layout,
                    arithmetic,
                    amplitude,
                };
                if let Some(fitted) = table.fitted() {
                    return Some(fitted);
                }
            }
        }
    }
    None
}

/// The row of zeros, if there is one; `None` if there are several.
fn padding(grid: &Grid<'_>) -> Option<Option<usize>> {
    let columns = grid.columns.0;
    let mut zeros = (0..grid.rows.0).filter(|&row| grid.is_zero(row, columns));
    let first = zeros.next();
    zeros.next().is_none().then_some(first)
}

/// The number of columns without those of zeros at the end.
fn used(grid: &Grid<'_>, padding: Option<usize>) -> usize {
    let rows = (1..grid.rows.0).filter(|&row| Some(row) != padding);
    let rows: Vec<usize> = rows.take(FIRST).collect();
    let columns = (0..grid.columns.0).rev();
    let mut last =
        columns.skip_while(|&column| rows.iter().all(|&row| grid.at(row, column) == 0.0));
    last.next().map_or(0, |last| last + 1)
}

/// Where sines and cosines lie.
#[derive(Clone, Copy)]
struct Layout {
    interleaved: bool,
    cos_first: bool,
    /// Number of frequencies.
    count: usize,
    padding: Option<usize>,
}

impl Layout {
    /// The columns of sine and cosine of a frequency.
    fn columns(&self, k: usize) -> (usize, usize) {
        let (first, second) = match self.interleaved {
            true => (2 * k, 2 * k + 1),
            false => (k, self.count + k),
        };
        match self.cos_first {
            true => (second, first),
            false => (first, second),
        }
    }

    /// The rows that hold sinusoids.
    fn rows(&self, grid: &Grid<'_>) -> impl DoubleEndedIterator<Item = usize> {
        let padding = self.padding;
        (0..grid.rows.0).filter(move |&row| Some(row) != padding)
    }

    /// The factor of all sines and cosines: the cosine of angle 0, or 1 where that row is missing. `None` if the first rows are no
    /// sinusoids of it in this layout.
    fn amplitude(&self, grid: &Grid<'_>) -> Option<f32> {
        let amplitude = match self.padding {
            Some(0) => 1.0,
            _ => exact_f32(grid.at(0, self.columns(0).1)).filter(|&a| a.is_normal())?,
        };
        let whole = f64::from(amplitude);
        // Each of the two functions is rounded, and their squares are added.
        let near = 8.0 * tolerance(grid.tensor.dtype, 1.0);
        let is_turned = |row: usize, k: usize| {
            let (sin, cos) = self.columns(k);
            let [sin, cos] = [sin, cos].map(|column| grid.at(row, column) / whole);
            match row {
                0 => sin == 0.0 && cos == 1.0,
                _ => (sin * sin + cos * cos - 1.0).abs() <= near,
            }
        };
        let mut first = self.rows(grid).take(FIRST);
        first
            .all(|row| (0..self.count).all(|k| is_turned(row, k)))
            .then_some(amplitude)
    }
}

/// A table that is read in one layout and one type of angles.
struct Table<'t> {
    grid: Grid<'t>,
    layout: Layout,
    arithmetic: DataType,
    amplitude: f32,
}

impl Table<'_> {
    fn fitted(&self) -> Option<Fitted> {
        let Layout {
            interleaved,
            cos_first,
            count,
            padding,
        } = self.layout;
        let (mut frequencies, mut difference) = (Vec::with_capacity(count), 0.0);
        for k in 0..count {
            let (frequency, apart) = self.frequency(k)?;
            frequencies.push(frequency);
            difference = f64::max(difference, apart);
        }
        if frequencies.iter().all(|&other| other == frequencies[0]) {
            return None;
        }
        let columns = self.grid.columns.0;
        let mut rest = 2 * count..columns;
        let is_zero = |column| {
            self.layout
                .rows(&self.grid)
                .all(|row| self.grid.at(row, column) == 0.0)
        };
        rest.all(is_zero).then(|| Fitted {
            dtype: self.arithmetic,
            frequencies,
            attributes: SinusoidalAttributes {
                interleaved,
                cos_first,
                amplitude: self.amplitude,
                width: if columns == 2 * count { 0 } else { columns },
                padding_position: padding.map(|row| row as i64),
                ..SinusoidalAttributes::default()
            },
            difference,
        })
    }

    /// The frequency with which the columns of a pair are what the operator computes, and the largest difference.
    fn frequency(&self, k: usize) -> Option<(f64, f64)> {
        let near = self.estimate(k);
        let steps = 0..=NEIGHBOURS;
        let all = steps.flat_map(|step| [(step, true), (step, false)]).skip(1);
        let mut tried = all.map(|(step, up)| neighbour(near, step, up, self.arithmetic));
        tried.find_map(|frequency| Some((frequency, self.difference(k, frequency)?)))
    }

    /// The angle of a row, between half a turn in either direction.
    fn angle(&self, k: usize, row: usize) -> f64 {
        let (sin, cos) = self.layout.columns(k);
        let sign = f64::from(self.amplitude.signum());
        f64::atan2(sign * self.grid.at(row, sin), sign * self.grid.at(row, cos))
    }

    /// The frequency that fits the angles of all rows best.
    fn estimate(&self, k: usize) -> f64 {
        let off = |row: usize, frequency: f64| {
            let off = self.angle(k, row) - row as f64 * frequency;
            off - TAU * (off / TAU).round()
        };
        // Two rows that follow each other.
        let first = match self.layout.padding {
            Some(row @ (0 | 1)) => row + 1,
            _ => 0,
        };
        let between = self.angle(k, first + 1) - self.angle(k, first);
        let mut frequency = between - TAU * (between / TAU).round();
        let doubled = std::iter::successors(Some(1usize), |row| row.checked_mul(2));
        let doubled = doubled.take_while(|&row| row < self.grid.rows.0);
        for row in doubled.filter(|&row| Some(row) != self.layout.padding) {
            frequency += off(row, frequency) / row as f64;
        }
        let (mut sum, mut squares) = (0.0, 0.0);
        for row in self.layout.rows(&self.grid) {
            sum += row as f64 * off(row, frequency);
            squares += (row * row) as f64;
        }
        (frequency + sum / squares).clamp(-PI, PI)
    }

    /// The largest difference between the columns of a pair and the operator's sines and cosines; `None` beyond the tolerance.
    fn difference(&self, k: usize, frequency: f64) -> Option<f64> {
        let dtype = self.grid.tensor.dtype;
        let most = tolerance(dtype, self.amplitude);
        let (sin, cos) = self.layout.columns(k);
        let mut difference = 0.0;
        // Later rows tell frequencies apart.
        for row in self.layout.rows(&self.grid).rev() {
            let angle = rounded(row as f64 * frequency, self.arithmetic);
            for (column, wave) in [(sin, angle.sin()), (cos, angle.cos())] {
                let wave = rounded(wave, self.arithmetic) * f64::from(self.amplitude);
                let wave = rounded(rounded(wave, self.arithmetic), dtype);
                let apart = (self.grid.at(row, column) - wave).abs();
                if apart.is_nan() || apart > most {
                    return None;
                }
                difference = f64::max(difference, apart);
            }
        }
        Some(difference)
    }
}

/// The number of a type that is so many steps above or below the one nearest to another.
fn neighbour(number: f64, steps: usize, up: bool, dtype: DataType) -> f64 {
    macro_rules! moved {
        ($number:expr) => {
            (0..steps).fold($number, |number, _| match up {
                true => number.next_up(),
                false => number.next_down(),
            })
        };
    }
    match dtype {
        DataType::F64 => moved!(number),
        _ => f64::from(moved!(number as f32)),
    }
}

#[cfg(test)]
mod tests;
