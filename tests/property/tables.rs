//! Cosines and sines, as a spelling makes them.

use std::f64::consts::FRAC_PI_2;

use phasor::onnx::{DataType, Tensor};

use crate::build::Builder;
use crate::change::Place;
use crate::changed::Way;
use crate::graph::{Name, int, ints, text};
use crate::inputs::Role;
use crate::spelling::{Angles, Break, Positions, Precision, Rotation, Widen};

/// Rows of constant tables: more than any sequence has, and than any position that is drawn.
pub(crate) const ROWS: usize = 16;

impl Builder<'_> {
    /// Frequency of each pair; `of_sine` where the sine has its own.
    fn frequencies(&self, of_sine: bool) -> Vec<f64> {
        let factor = if of_sine && self.fault == Break::Frequency {
            1.3
        } else {
            1.0
        };
        let pairs = self.s.pairs;
        (0..pairs)
            .map(|k| factor * 100f64.powf(-(k as f64) / pairs as f64))
            .collect()
    }

    /// Whether the rotation takes a table entry for each channel.
    fn wide(&self) -> bool {
        matches!(self.s.rotation, Rotation::Turned(_))
    }

    /// The axes of positions, in the order of the layout.
    fn position_axes(&self) -> Vec<char> {
        let batched = self.s.positions == Positions::Batched && self.s.angles != Angles::Cut;
        let wanted = |axis: &char| *axis == 'S' || (batched && *axis == 'B');
        self.s.layout.chars().filter(wanted).collect()
    }

    /// Cosines and sines that broadcast against the rotated channels.
    pub(crate) fn tables(&mut self, x: &str) -> (Name, Name) {
        let (mut cos, mut sin) = match self.s.angles {
            Angles::Given => self.given(),
            Angles::Lookup | Angles::Cut => self.constant_tables(x),
            _ => self.computed(x),
        };
        if self.fault == Break::CosForSin {
            sin.clone_from(&cos);
        }
        if let Some(amplitude) = self.s.amplitude {
            let factor = self.g.floats(DataType::F32, &[], &[amplitude]);
            cos = self.mul(&cos, &factor);
            sin = self.mul(&sin, &factor);
        }
        let way = Way {
            dtype: DataType::F32,
            sequence: None,
            rank: self.table_rank(self.early()),
        };
        cos = self.changed(Place::Tables, &cos, way);
        sin = self.changed(Place::Tables, &sin, way);
        sin = self.changed(Place::Sine, &sin, way);
        if self.wide() && !self.s.widen_angles {
            cos = self.widen(&cos);
            sin = self.widen(&sin);
        }
        if !self.early() {
            cos = self.with_axes(&cos);
            sin = self.with_axes(&sin);
        }
        if self.s.precision == Precision::Half {
            cos = self.g.cast(&cos, DataType::F16);
            sin = self.g.cast(&sin, DataType::F16);
        }
        (cos, sin)
    }

    /// Whether axes are inserted before cosine and sine are taken.
    fn early(&self) -> bool {
        self.s.early_axes && !matches!(self.s.angles, Angles::Given | Angles::Lookup | Angles::Cut)
    }

    /// The rank of the tables right now.
    fn table_rank(&self, after_axes: bool) -> usize {
        1 + if after_axes {
            self.inserted().1
        } else {
            self.position_axes().len()
        }
    }

    /// Axes to insert, and the number of axes before the channels then.
    pub(crate) fn inserted(&self) -> (Vec<i64>, usize) {
        let own = self.position_axes();
        let all: Vec<char> = self.s.layout.chars().collect();
        let first = all.iter().position(|axis| own.contains(axis)).unwrap_or(0);
        let kept = if self.s.all_axes {
            &all[..]
        } else {
            &all[first..]
        };
        let missing = (0..kept.len()).filter(|&at| !own.contains(&kept[at]));
        (missing.map(|at| at as i64).collect(), kept.len())
    }

    fn with_axes(&mut self, table: &str) -> Name {
        let (axes, _) = self.inserted();
        self.g.unsqueeze(table, &axes)
    }

    fn given(&mut self) -> (Name, Name) {
        let mut shape: Vec<_> = self.position_axes().iter().map(|a| self.size(*a)).collect();
        let width = if self.wide() && self.s.widen_angles {
            1
        } else {
            self.s.pairs
        };
        shape.push((width as i64, None));
        let mut make = |name: &str| self.input(name, DataType::F32, &shape, Role::Table);
        let (mut cos, mut sin) = (make("cos"), make("sin"));
        if self.wide() && self.s.widen_angles {
            // One angle for all pairs.
            let ones = vec![1.0; self.s.width()];
            let ones = self.g.floats(DataType::F32, &[self.s.width()], &ones);
            cos = self.mul(&cos, &ones);
            sin = self.mul(&sin, &ones);
        }
        (cos, sin)
    }

    fn constant_tables(&mut self, x: &str) -> (Name, Name) {
        let columns: Vec<usize> = if self.wide() && self.s.widen_angles {
            (0..self.s.width()).map(|j| self.pair_of(j)).collect()
        } else {
            (0..self.s.pairs).collect()
        };
        let shift = if self.fault == Break::Shift { 0.4 } else { 0.0 };
        let (of_cos, of_sin) = (self.frequencies(false), self.frequencies(true));
        let table = |value: &dyn Fn(f64, usize) -> f64| -> Vec<f64> {
            let rows = (0..ROWS).map(|row| row as f64);
            rows.flat_map(|row| columns.iter().map(move |&k| value(row, k)))
                .collect()
        };
        let cos = table(&|row, k| (row * of_cos[k] + shift).cos());
        let sin = table(&|row, k| (row * of_sin[k]).sin());
        let shape = [ROWS, columns.len()];
        let tables = [cos, sin].map(|values| self.g.floats(DataType::F32, &shape, &values));
        let [cos, sin] = if self.s.angles == Angles::Lookup {
            let positions = self.positions(x);
            tables.map(|table| {
                self.g
                    .op("Gather", &[&table, &positions], &[int("axis", 0)])
            })
        } else {
            let length = self.length(x);
            let bounds = [0, 0].map(|n| self.g.ints(&[n]));
            tables.map(|table| {
                self.g
                    .op("Slice", &[&table, &bounds[0], &length, &bounds[1]], &[])
            })
        };
        (cos, sin)
    }

    fn computed(&mut self, x: &str) -> (Name, Name) {
        let positions = self.positions(x);
        let positions = self.g.cast(&positions, DataType::F32);
        let way = self.way(DataType::F32);
        let positions = self.changed(Place::Floats, &positions, way);
        let angles = self.angles(&positions, false);
        let other = match self.fault {
            Break::Frequency => self.angles(&positions, true),
            _ => angles.clone(),
        };
        let shifted = match self.fault {
            Break::Shift => {
                let shift = self.g.floats(DataType::F32, &[], &[0.4]);
                self.add(&angles, &shift)
            }
            _ => angles,
        };
        let cos = if self.s.shifted_sine {
            let quarter = self.g.floats(DataType::F32, &[], &[FRAC_PI_2]);
            let turned = self.add(&shifted, &quarter);
            self.g.op("Sin", &[&turned], &[])
        } else {
            self.g.op("Cos", &[&shifted], &[])
        };
        (cos, self.g.op("Sin", &[&other], &[]))
    }

    /// Positions times frequencies, one entry a pair or, widened, one a channel.
    fn angles(&mut self, positions: &str, of_sine: bool) -> Name {
        let axes = self.position_axes();
        let frequencies = self.frequencies(of_sine);
        let count = frequencies.len();
        let constant =
            |b: &mut Self, shape: &[usize]| b.g.floats(DataType::F32, shape, &frequencies);
        let mut angles = match self.s.angles {
            Angles::MatMul => {
                let column = self.g.unsqueeze(positions, &[-1]);
                let row = constant(self, &[1, count]);
                self.g.op("MatMul", &[&column, &row], &[])
            }
            Angles::MatMulTransposed => {
                let row = self.g.unsqueeze(positions, &[-2]);
                let column = constant(self, &[count, 1]);
                let product = self.g.op("MatMul", &[&column, &row], &[]);
                let rank = axes.len() as i64 + 1;
                let mut order: Vec<i64> = (0..rank).collect();
                order.swap(rank as usize - 1, rank as usize - 2);
                self.g.op("Transpose", &[&product], &[ints("perm", &order)])
            }
            Angles::Einsum => {
                let letters: String = axes.iter().map(char::to_ascii_lowercase).collect();
                let vector = constant(self, &[count]);
                let equation = text("equation", &format!("{letters},p->{letters}p"));
                self.g.op("Einsum", &[positions, &vector], &[equation])
            }
            _ => {
                let column = self.g.unsqueeze(positions, &[-1]);
                let vector = constant(self, &[count]);
                self.mul(&column, &vector)
            }
        };
        if self.wide() && self.s.widen_angles {
            angles = self.widen(&angles);
        }
        let way = Way {
            sequence: None,
            rank: axes.len() + 1,
            ..self.way(DataType::F32)
        };
        angles = self.changed(Place::Angles, &angles, way);
        if self.early() {
            angles = self.with_axes(&angles);
        }
        angles
    }

    /// Positions on their way.
    fn way(&self, dtype: DataType) -> Way {
        let axes = self.position_axes();
        Way {
            dtype,
            sequence: axes
                .iter()
                .position(|axis| *axis == 'S')
                .map(|axis| axis as i64),
            rank: axes.len(),
        }
    }

    /// Integer positions along the axes that they have.
    fn positions(&mut self, x: &str) -> Name {
        let positions = self.counted_or_given(x);
        let way = self.way(DataType::I64);
        self.changed(Place::Positions, &positions, way)
    }

    fn counted_or_given(&mut self, x: &str) -> Name {
        if self.s.positions == Positions::Counted {
            let length = self.length(x);
            let length = self.g.squeeze(&length, 0);
            let bounds = [0, 1].map(|n| self.g.constant(&Tensor::from_i64(&[], &[n])));
            return self.g.op("Range", &[&bounds[0], &length, &bounds[1]], &[]);
        }
        let shape: Vec<_> = self.position_axes().iter().map(|a| self.size(*a)).collect();
        self.input("position_ids", DataType::I64, &shape, Role::Positions)
    }

    /// The length of the sequence, as a vector of one number.
    fn length(&mut self, x: &str) -> Name {
        let axis = self
            .s
            .layout
            .find('S')
            .expect("every layout has a sequence");
        self.g.size(x, axis as i64)
    }

    /// A table of one entry a pair as one of an entry a channel.
    fn widen(&mut self, table: &str) -> Name {
        let after_axes = self.early() && !self.s.widen_angles;
        let rank = self.table_rank(after_axes);
        let near = self.s.interleaved.0;
        let mut flat = vec![0i64; rank - 1];
        flat.push(self.s.width() as i64);
        match self.s.widen {
            Widen::Concat if !near => self.g.concat(&[table, table], -1),
            Widen::Concat => {
                let column = self.g.unsqueeze(table, &[-1]);
                let both = self.g.concat(&[&column, &column], -1);
                self.g.reshape(&both, &flat)
            }
            Widen::Tile => {
                let (table, axes) = match near {
                    true => (self.g.unsqueeze(table, &[-1]), rank + 1),
                    false => (table.to_owned(), rank),
                };
                let mut repeats = vec![1; axes];
                repeats[axes - 1] = 2;
                let repeats = self.g.ints(&repeats);
                let tiled = self.g.op("Tile", &[&table, &repeats], &[]);
                if near {
                    self.g.reshape(&tiled, &flat)
                } else {
                    tiled
                }
            }
            Widen::Expand => {
                let (axis, shape) = if near { (-1, [1, 2]) } else { (-2, [2, 1]) };
                let table = self.g.unsqueeze(table, &[axis]);
                let shape = self.g.ints(&shape);
                let expanded = self.g.op("Expand", &[&table, &shape], &[]);
                self.g.reshape(&expanded, &flat)
            }
            Widen::Gather => {
                let indices: Vec<i64> = (0..self.s.width())
                    .map(|j| self.pair_of(j) as i64)
                    .collect();
                self.g.gather(table, -1, &indices)
            }
        }
    }
}
