//! Constant tables, by content.
//!
//! A column of a constant is a function of the row. Columns with equal content, but for the sign of the whole, are one function:
//! `concat(freqs, freqs)` is seen through a table that was folded to a constant, and so is a sine with its sign. Content is compared by a hash over sampled
//! rows first, and in full only where the samples agree: a vocabulary of embeddings is never read as a whole.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

use crate::onnx::Tensor;

/// An interned table column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(u32);

/// Interned numbers over several axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GridId(u32);

/// Fewest rows that make a column an arithmetic progression rather than a coincidence.
const MIN_PROGRESSION: usize = 4;
/// Rows whose content enters the hash.
const SAMPLES: usize = 48;

/// What a column turned out to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column {
    /// The same number in every row.
    Constant(f64),
    /// `start + step · row`.
    Affine {
        /// Row 0.
        start: f64,
        /// Difference of neighbours.
        step: f64,
    },
    /// Anything else, as a multiple (1 or -1) of a table whose first number that is not zero is positive.
    Table(TableId, f64),
}

/// Where the numbers of a column are.
enum Numbers {
    Tensor {
        tensor: Rc<Tensor>,
        start: usize,
        stride: usize,
        rows: usize,
    },
    List(Rc<[f64]>),
}

struct Source {
    numbers: Numbers,
    sign: f64,
}

impl Source {
    fn rows(&self) -> usize {
        match &self.numbers {
            Numbers::Tensor { rows, .. } => *rows,
            Numbers::List(numbers) => numbers.len(),
        }
    }

    fn get(&self, row: usize) -> f64 {
        let number = match &self.numbers {
            Numbers::Tensor {
                tensor,
                start,
                stride,
                ..
            } => tensor.element(start + row * stride),
            Numbers::List(numbers) => numbers[row],
        };
        // Adding zero makes one zero of two.
        self.sign * number + 0.0
    }
}

/// All table columns of one analysis.
#[derive(Default)]
pub struct Tables {
    columns: Vec<Source>,
    by_hash: FxHashMap<u64, SmallVec<[TableId; 1]>>,
    grids: Vec<Rc<[f64]>>,
    by_content: FxHashMap<(Vec<usize>, Vec<u64>), GridId>,
}

impl Tables {
    /// The column of `rows` elements of `tensor` that begins at element `start`, `stride` elements apart.
    pub fn column(
        &mut self,
        tensor: &Rc<Tensor>,
        start: usize,
        stride: usize,
        rows: usize,
    ) -> Column {
        self.intern(Numbers::Tensor {
            tensor: tensor.clone(),
            start,
            stride,
            rows,
        })
    }

    /// A column given by its numbers.
    pub fn numbers(&mut self, numbers: &[f64]) -> Column {
        self.intern(Numbers::List(numbers.into()))
    }

    /// Numbers over axes of these sizes, as a multiple (1 or -1) of a grid whose first number that is not zero is positive.
    pub fn numbers_over(&mut self, sizes: &[usize], numbers: &[f64]) -> (GridId, f64) {
        let first = numbers.iter().find(|&&number| number != 0.0);
        let sign = first.map_or(1.0, |number| number.signum());
        // Adding zero makes one zero of two.
        let numbers: Rc<[f64]> = numbers.iter().map(|number| sign * number + 0.0).collect();
        let bits = numbers.iter().map(|number| number.to_bits()).collect();
        let next = GridId(self.grids.len() as u32);
        let id = *self
            .by_content
            .entry((sizes.to_vec(), bits))
            .or_insert(next);
        if id == next {
            self.grids.push(numbers);
        }
        (id, sign)
    }

    /// The numbers of a grid.
    pub fn grid(&self, grid: GridId) -> &[f64] {
        &self.grids[grid.0 as usize]
    }

    /// Number of rows of a table.
    pub fn rows(&self, table: TableId) -> usize {
        self.columns[table.0 as usize].rows()
    }

    /// One row of a table.
    pub fn get(&self, table: TableId, row: usize) -> f64 {
        self.columns[table.0 as usize].get(row)
    }

    fn intern(&mut self, numbers: Numbers) -> Column {
        let mut source = Source { numbers, sign: 1.0 };
        let rows = source.rows();
        // No row says otherwise.
        if rows == 0 {
            return Column::Constant(0.0);
        }
        let (first, second) = (
            source.get(0),
            if rows > 1 {
                source.get(1)
            } else {
                source.get(0)
            },
        );
        let step = second - first;
        if step.is_finite()
            && (step == 0.0 || rows >= MIN_PROGRESSION)
            && (0..rows).all(|row| source.get(row) == first + step * row as f64)
        {
            return if step == 0.0 {
                Column::Constant(first)
            } else {
                Column::Affine { start: first, step }
            };
        }
        let mut numbers = (0..rows).map(|row| source.get(row));
        let sign = match numbers.find(|&number| number != 0.0) {
            Some(first) if first < 0.0 => -1.0,
            _ => 1.0,
        };
        source.sign = sign;
        let hash = sample_hash(&source);
        for &known in self.by_hash.get(&hash).into_iter().flatten() {
            let other = &self.columns[known.0 as usize];
            if other.rows() == rows
                && (0..rows).all(|row| other.get(row).to_bits() == source.get(row).to_bits())
            {
                return Column::Table(known, sign);
            }
        }
        let id = TableId(self.columns.len() as u32);
        self.columns.push(source);
        self.by_hash.entry(hash).or_default().push(id);
        Column::Table(id, sign)
    }
}

fn sample_hash(source: &Source) -> u64 {
    use std::hash::Hasher;
    let rows = source.rows();
    let mut hasher = FxHasher::default();
    hasher.write_usize(rows);
    for k in 0..SAMPLES.min(rows) {
        let row = if rows <= SAMPLES {
            k
        } else {
            k * (rows - 1) / (SAMPLES - 1)
        };
        hasher.write_u64(source.get(row).to_bits());
    }
    hasher.finish()
}
