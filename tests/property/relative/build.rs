//! The model of a spelling.

use phasor::onnx::DataType;
use phasor::onnx::proto::ModelProto;

use super::feeds::{BATCH, Input, KEYS, PAST, QUERIES, Role, STRETCHED};
use super::spelling::{After, Break, Difference, Index, Pick, Source, Spelling, Table, Task};
use crate::graph::{Graph, Name, Size, int, ints};
use crate::random::Random;

/// No distance of an index is longer.
const FARTHEST: i64 = 1000;
/// Positions of an input in int64 are clipped to this.
const CLIPPED: i64 = 4096;

/// A model, what it reads, and its output.
pub(crate) struct Built {
    pub(crate) model: ModelProto,
    pub(crate) inputs: Vec<Input>,
    pub(crate) output: Name,
}

struct Builder<'a> {
    s: &'a Spelling,
    g: Graph,
    inputs: Vec<Input>,
}

/// Builds the model.
pub(crate) fn build(spelling: &Spelling) -> Built {
    let mut builder = Builder {
        s: spelling,
        g: Graph::default(),
        inputs: Vec::new(),
    };
    let output = builder.whole();
    Built {
        model: builder.g.finish(&output),
        inputs: builder.inputs,
        output,
    }
}

impl Builder<'_> {
    fn whole(&mut self) -> Name {
        let distance = self.distance();
        let index = self.index(&distance);
        let (value, axes) = match self.s.task {
            Task::Bias(table, pick, order) => self.bias(&index, table, pick, order),
            Task::Scores { by_key, by_nd } => (self.scores(&index, by_key, by_nd), "BNQK"),
        };
        self.after(&value, axes)
    }

    fn input(&mut self, name: &str, dtype: DataType, sizes: &[Size], role: Role) -> Name {
        self.inputs.push(Input {
            name: name.to_owned(),
            dtype,
            sizes: sizes.to_vec(),
            role,
        });
        self.g.input(name, dtype, sizes)
    }

    fn size(&self, symbol: &'static str) -> Size {
        let size = match symbol {
            BATCH | PAST => 2,
            QUERIES => 3,
            KEYS => 4,
            _ => 1,
        };
        (size, self.s.symbolic.then_some(symbol))
    }

    fn number(&mut self, dtype: DataType, value: i64) -> Name {
        self.g.floats(dtype, &[], &[value as f64])
    }

    /// The positions of queries or keys, as int64 or float.
    fn positions(&mut self, side: usize) -> Name {
        let (name, symbol) = [("q", QUERIES), ("k", KEYS)][side];
        let along = self.size(symbol);
        match self.s.sources[side] {
            Source::Given => {
                let given = self.input(name, DataType::I32, &[along], Role::Positions);
                self.g.cast(&given, DataType::I64)
            }
            Source::Batched => {
                let sizes = [self.size(BATCH), along];
                let given = self.input(name, DataType::I32, &sizes, Role::Positions);
                self.g.cast(&given, DataType::I64)
            }
            Source::Clipped => {
                let given = self.input(name, DataType::I64, &[along], Role::Positions);
                let (low, high) = (-CLIPPED, CLIPPED);
                self.clip(&given, DataType::I64, low, high)
            }
            source @ (Source::Counted | Source::Past | Source::Floats) => {
                let x = self.input(&format!("{name}_x"), DataType::F32, &[along], Role::Numbers);
                let shape = self.g.op("Shape", &[&x], &[]);
                let mut end = self.g.squeeze(&shape, 0);
                let mut start = self.number(DataType::I64, 0);
                let one = self.number(DataType::I64, 1);
                if source == Source::Past {
                    let past = self.size(PAST);
                    let cache = self.input(
                        &format!("{name}_cache"),
                        DataType::F32,
                        &[past],
                        Role::Numbers,
                    );
                    let shape = self.g.op("Shape", &[&cache], &[]);
                    start = self.g.squeeze(&shape, 0);
                    end = self.g.op("Add", &[&start, &end], &[]);
                }
                let counted = self.g.op("Range", &[&start, &end, &one], &[]);
                match source {
                    Source::Floats => self.g.cast(&counted, DataType::F32),
                    _ => counted,
                }
            }
        }
    }

    /// The plane of distances, in int64.
    fn distance(&mut self) -> Name {
        let dtype = match self.s.sources[0] {
            Source::Floats => DataType::F32,
            _ => DataType::I64,
        };
        let (step, late) = self.s.step;
        let [mut query, mut key] = [0, 1].map(|side| self.positions(side));
        if self.s.broken == Some(Break::Stride) {
            let two = self.number(dtype, 2);
            query = self.g.op("Mul", &[&query, &two], &[]);
        }
        if step != 1 && !late {
            let step = self.number(dtype, step);
            query = self.g.op("Mul", &[&query, &step], &[]);
            key = self.g.op("Mul", &[&key, &step], &[]);
        }
        let (column, row) = (-2, -1);
        let axes = match self.s.keys_first {
            true => [column, row],
            false => [row, column],
        };
        let query = self.g.unsqueeze(&query, &axes[..1]);
        let key = self.g.unsqueeze(&key, &axes[1..]);
        let (a, b) = match self.s.backwards {
            true => (&query, &key),
            false => (&key, &query),
        };
        let mut distance = match self.s.difference {
            _ if self.s.broken == Some(Break::Sum) => self.g.op("Add", &[a, b], &[]),
            Difference::Sub => self.g.op("Sub", &[a, b], &[]),
            Difference::Negated => {
                let back = self.g.op("Sub", &[b, a], &[]);
                self.g.op("Neg", &[&back], &[])
            }
            Difference::Added => {
                let minus = self.g.op("Neg", &[b], &[]);
                self.g.op("Add", &[a, &minus], &[])
            }
        };
        if let Some(more) = self.more() {
            let more = self.g.cast(&more, dtype);
            distance = self.g.op("Add", &[&distance, &more], &[]);
        }
        if step != 1 && late {
            let step = self.number(dtype, step);
            distance = self.g.op("Mul", &[&distance, &step], &[]);
        }
        self.through(&distance)
    }

    /// What is added to a distance that is broken so.
    fn more(&mut self) -> Option<Name> {
        let (queries, keys, one) = (self.size(QUERIES), self.size(KEYS), (1, None));
        let mut sizes = match self.s.broken? {
            Break::Content => [queries, keys],
            Break::Row => [queries, one],
            Break::Stretched => [self.size(STRETCHED), one],
            _ => return None,
        };
        if self.s.keys_first {
            sizes.reverse();
        }
        Some(self.input("more", DataType::I32, &sizes, Role::Small))
    }

    /// A distance in int64, once it went through another type.
    fn through(&mut self, distance: &str) -> Name {
        let far = (-FARTHEST, FARTHEST);
        let mut value = match self.s.through {
            DataType::I64 => self.g.cast(distance, DataType::I64),
            DataType::I32 => {
                let whole = self.g.cast(distance, DataType::I64);
                let near = self.clip(&whole, DataType::I64, far.0, far.1);
                let short = self.g.cast(&near, DataType::I32);
                self.g.cast(&short, DataType::I64)
            }
            dtype => {
                let float = self.g.cast(distance, dtype);
                let near = self.clip(&float, dtype, far.0, far.1);
                self.g.cast(&near, DataType::I64)
            }
        };
        match self.s.broken {
            Some(Break::Byte) => {
                let byte = self.g.cast(&value, DataType::I8);
                value = self.g.cast(&byte, DataType::I64);
            }
            Some(Break::Remainder) => {
                let three = self.number(DataType::I64, 3);
                value = self.g.op("Mod", &[&value, &three], &[]);
            }
            Some(Break::Square) => value = self.g.op("Mul", &[&value, &value], &[]),
            _ => {}
        }
        value
    }

    fn clip(&mut self, value: &str, dtype: DataType, low: i64, high: i64) -> Name {
        let [low, high] = [low, high].map(|end| self.number(dtype, end));
        self.g.op("Clip", &[value, &low, &high], &[])
    }

    fn with(&mut self, op: &str, value: &str, number: i64) -> Name {
        let number = self.number(DataType::I64, number);
        self.g.op(op, &[value, &number], &[])
    }

    /// The row of every distance.
    fn index(&mut self, d: &str) -> Name {
        let int64 = DataType::I64;
        let mut index = match self.s.index {
            Index::Clipped(reach, 0) => {
                let near = self.clip(d, int64, -reach, reach);
                self.with("Add", &near, reach)
            }
            Index::Clipped(reach, 1) => {
                let near = self.with("Max", d, -reach);
                let near = self.with("Min", &near, reach);
                self.with("Add", &near, reach)
            }
            Index::Clipped(reach, _) => {
                let above = self.with("Add", d, reach);
                self.clip(&above, int64, 0, 2 * reach)
            }
            Index::Wrapped(reach) => self.clip(d, int64, -reach, reach),
            Index::Mirrored(reach) => {
                let size = self.g.op("Abs", &[d], &[]);
                self.with("Min", &size, reach)
            }
            Index::Whole(reach) => self.with("Add", d, reach),
            Index::Sign => {
                let sign = self.g.op("Sign", &[d], &[]);
                self.with("Add", &sign, 1)
            }
            Index::Halved(reach) => {
                let half = self.with("Div", d, 2);
                let near = self.clip(&half, int64, -reach, reach);
                self.with("Add", &near, reach)
            }
            Index::Buckets(count, far, before) => self.buckets(d, count, far, before),
        };
        if self.s.reversed {
            index = match self.s.index {
                Index::Wrapped(_) => self.g.op("Neg", &[&index], &[]),
                kind => {
                    let last = self.number(int64, kind.rows() - 1);
                    self.g.op("Sub", &[&last, &index], &[])
                }
            };
        }
        match self.s.broken {
            Some(Break::Beyond) => self.with("Add", &index, 1),
            Some(Break::Far(far)) => {
                let size = self.g.op("Abs", &[d], &[]);
                let is_near = self.with("Less", &size, far);
                let none = self.number(int64, 0);
                self.g.op("Where", &[&is_near, &index, &none], &[])
            }
            _ => index,
        }
    }

    /// The buckets of T5.
    fn buckets(&mut self, d: &str, count: i64, far: i64, before: bool) -> Name {
        let half = if before { count } else { count / 2 };
        let exact = half / 2;
        let size = if before {
            let back = self.with("Min", d, 0);
            self.g.op("Neg", &[&back], &[])
        } else {
            self.g.op("Abs", &[d], &[])
        };
        let is_small = self.with("Less", &size, exact);
        let float = self.g.cast(&size, DataType::F32);
        let per_octave = (half - exact) as f64 / (far as f64 / exact as f64).ln();
        let [exact_float, per_octave] =
            [exact as f64, per_octave].map(|n| self.g.floats(DataType::F32, &[], &[n]));
        let ratio = self.g.op("Div", &[&float, &exact_float], &[]);
        let log = self.g.op("Log", &[&ratio], &[]);
        let steps = self.g.op("Mul", &[&log, &per_octave], &[]);
        let steps = self.g.cast(&steps, DataType::I64);
        let large = self.with("Add", &steps, exact);
        let large = self.with("Min", &large, half - 1);
        let bucket = self.g.op("Where", &[&is_small, &size, &large], &[]);
        if before {
            return bucket;
        }
        let after = self.with("Greater", d, 0);
        let after = self.g.cast(&after, DataType::I64);
        let side = self.with("Mul", &after, half);
        self.g.op("Add", &[&bucket, &side], &[])
    }

    /// A bias, and what its axes are.
    fn bias(
        &mut self,
        index: &str,
        table: Table,
        pick: Pick,
        order: &'static str,
    ) -> (Name, &'static str) {
        let (rows, heads) = ((self.s.index.rows(), None), (self.s.heads, None));
        let dtype = if table == Table::Narrow {
            DataType::F16
        } else {
            self.s.dtype
        };
        let sizes: &[Size] = match table {
            Table::ByHead | Table::Transposed => &[heads, rows],
            Table::Wide => &[(1, None), rows, heads],
            _ => &[rows, heads],
        };
        let mut data = match table {
            Table::Vector => {
                let numbers = Random::new(5).tensor(dtype, &[rows.0 as usize]);
                self.g.constant(&numbers)
            }
            Table::Masked => {
                let shape = [rows.0 as usize, heads.0 as usize];
                self.g.constant(&Random::new(5).tensor(dtype, &shape))
            }
            _ => self.input("table", dtype, sizes, Role::Numbers),
        };
        match table {
            Table::Transposed => data = self.g.op("Transpose", &[&data], &[]),
            Table::Narrow => data = self.g.cast(&data, self.s.dtype),
            Table::Scaled => {
                let half = self.g.floats(dtype, &[], &[0.3]);
                data = self.g.op("Mul", &[&data, &half], &[]);
            }
            _ => {}
        }
        let batch = if self.s.is_batched() { "B" } else { "" };
        let plane = if self.s.keys_first { "KQ" } else { "QK" };
        let (axis, mut axes) = match table {
            Table::ByHead => (1, format!("N{batch}{plane}")),
            Table::Wide => (1, format!("1{batch}{plane}N")),
            Table::Vector => (0, format!("{batch}{plane}")),
            _ => (0, format!("{batch}{plane}N")),
        };
        let mut value = match pick {
            _ if table == Table::Masked => {
                let places = self.g.ints(&(0..rows.0).collect::<Vec<_>>());
                let column = self.g.unsqueeze(index, &[-1]);
                let same = self.g.op("Equal", &[&column, &places], &[]);
                let mask = self.g.cast(&same, dtype);
                self.g.op("MatMul", &[&mask, &data], &[])
            }
            Pick::Gather => self.g.op("Gather", &[&data, index], &[int("axis", axis)]),
            Pick::GatherNd => {
                let index = self.g.unsqueeze(index, &[-1]);
                self.g.op("GatherND", &[&data, &index], &[])
            }
            Pick::Flat => {
                let all = self.g.reshape(index, &[-1]);
                let picked = self.g.op("Gather", &[&data, &all], &[int("axis", 0)]);
                let plane = self.g.op("Shape", &[index], &[]);
                let heads = self.g.ints(&[self.s.heads]);
                let shape = self.g.concat(&[&plane, &heads], 0);
                self.g
                    .op("Reshape", &[&picked, &shape], &[int("allowzero", 1)])
            }
        };
        if axes.starts_with('1') {
            value = self.g.squeeze(&value, 0);
            axes.remove(0);
        }
        // Without an axis of heads one of size 1 takes its place.
        let is_unit = |axis: char| axis == '1' || !axes.contains(axis);
        let wanted: Vec<char> = order.chars().filter(|&axis| !is_unit(axis)).collect();
        let places = wanted.iter().filter_map(|&axis| axes.find(axis));
        let places: Vec<i64> = places.map(|place| place as i64).collect();
        if !places.is_sorted() {
            value = self.g.op("Transpose", &[&value], &[ints("perm", &places)]);
        }
        let units = order.chars().enumerate().filter(|&(_, axis)| is_unit(axis));
        let units: Vec<i64> = units.map(|(place, _)| place as i64).collect();
        (self.g.unsqueeze(&value, &units), order)
    }

    fn scores(&mut self, index: &str, by_key: bool, by_nd: bool) -> Name {
        let rows = self.size(if by_key { KEYS } else { QUERIES });
        let sizes = [
            self.size(BATCH),
            (self.s.heads, None),
            rows,
            (self.s.index.rows(), None),
        ];
        let scores = self.input("scores", self.s.dtype, &sizes, Role::Numbers);
        let shape = self.g.op("Shape", &[&scores], &[]);
        let lead = self.g.slice(&shape, 0, 0, 3, 1);
        let plane = self.g.op("Shape", &[index], &[]);
        let columns = self.g.slice(&plane, 0, 1, 2, 1);
        let shape = self.g.concat(&[&lead, &columns], 0);
        let index = self.g.op("Expand", &[index, &shape], &[]);
        let picked = if by_nd {
            let index = self.g.unsqueeze(&index, &[-1]);
            self.g
                .op("GatherND", &[&scores, &index], &[int("batch_dims", 3)])
        } else {
            self.g
                .op("GatherElements", &[&scores, &index], &[int("axis", -1)])
        };
        match by_key {
            true => self
                .g
                .op("Transpose", &[&picked], &[ints("perm", &[0, 1, 3, 2])]),
            false => picked,
        }
    }

    fn after(&mut self, value: &str, axes: &str) -> Name {
        match self.s.after {
            After::Nothing => value.to_owned(),
            After::Scaled => {
                let factor = self.g.floats(self.s.dtype, &[], &[0.5]);
                self.g.op("Mul", &[value, &factor], &[])
            }
            After::Cut => {
                let axis = axes.find('Q').expect("queries") as i64;
                self.g.slice(value, axis, 1, i64::MAX, 1)
            }
            After::ReadTwice => {
                let moved = self.g.unsqueeze(value, &[0]);
                let first = self.g.op("Neg", &[value], &[]);
                let factor = self.g.floats(self.s.dtype, &[], &[0.5]);
                let second = self.g.op("Mul", &[&moved, &factor], &[]);
                self.g.op("Add", &[&first, &second], &[])
            }
        }
    }
}
