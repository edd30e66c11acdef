//! The model of a spelling, and inputs for it.

use phasor::onnx::proto::ModelProto;
use phasor::onnx::{DataType, Tensor};

use crate::change::Place;
use crate::changed::Way;
use crate::graph::{Graph, Name, Size, int, ints};
use crate::inputs::{BATCH, Input, Role, SEQUENCE};
use crate::random::Random;
use crate::spelling::{Break, Precision, Rotation, Source, Spelling};

/// Heads of a group.
const GROUPS: i64 = 2;
/// Channels before a dense layer: more than any sum that is followed.
const MODEL_WIDTH: usize = 5;

/// A model and what it reads; its output is `y`'s name.
pub(crate) struct Built {
    pub(crate) model: ModelProto,
    pub(crate) inputs: Vec<Input>,
    pub(crate) output: Name,
}

pub(crate) struct Builder<'a> {
    pub(crate) s: &'a Spelling,
    pub(crate) fault: Break,
    pub(crate) g: Graph,
    pub(crate) inputs: Vec<Input>,
}

/// Builds the model.
pub(crate) fn build(spelling: &Spelling) -> Built {
    let mut builder = Builder {
        s: spelling,
        fault: spelling.fault(),
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
    /// The size of an axis of the layout.
    pub(crate) fn size(&self, axis: char) -> Size {
        let (batch, sequence, heads) = self.s.sizes;
        let symbol = |name| self.s.symbolic.then_some(name);
        match axis {
            'B' => (batch, symbol(BATCH)),
            'S' => (sequence, symbol(SEQUENCE)),
            'G' => (GROUPS, None),
            _ => (heads, None),
        }
    }

    /// The pair of a rotated channel, in the layout before the rotation.
    pub(crate) fn pair_of(&self, channel: usize) -> usize {
        if self.s.interleaved.0 {
            channel / 2
        } else {
            channel % self.s.pairs
        }
    }

    pub(crate) fn mul(&mut self, a: &str, b: &str) -> Name {
        let inputs = if self.s.swapped[0] { [b, a] } else { [a, b] };
        self.g.op("Mul", &inputs, &[])
    }

    pub(crate) fn add(&mut self, a: &str, b: &str) -> Name {
        let inputs = if self.s.swapped[1] { [b, a] } else { [a, b] };
        self.g.op("Add", &inputs, &[])
    }

    /// `a - b`, perhaps as a sum.
    pub(crate) fn sub(&mut self, a: &str, b: &str) -> Name {
        if self.s.added_negative {
            let negative = self.g.op("Neg", &[b], &[]);
            return self.add(a, &negative);
        }
        self.g.op("Sub", &[a, b], &[])
    }

    /// The element type around the rotation.
    fn dtype(&self) -> DataType {
        if self.s.precision == Precision::Single {
            DataType::F32
        } else {
            DataType::F16
        }
    }

    /// The element type of the rotation.
    pub(crate) fn inner_dtype(&self) -> DataType {
        if self.s.precision == Precision::Half {
            DataType::F16
        } else {
            DataType::F32
        }
    }

    pub(crate) fn rank(&self) -> usize {
        self.s.layout.len() + 1
    }

    fn whole(&mut self) -> Name {
        let x = self.source();
        let way = Way {
            dtype: self.dtype(),
            sequence: self.s.layout.find('S').map(|axis| axis as i64),
            rank: self.rank(),
        };
        let x = self.changed(Place::X, &x, way);
        let (cos, sin) = self.tables(&x);
        let around = self.s.precision == Precision::HalfAround;
        let x = if around {
            self.g.cast(&x, DataType::F32)
        } else {
            x
        };
        let (before, rotated, after) = self.range(&x);
        let y = match self.s.rotation {
            Rotation::Turned(turn) => self.turned(turn, &rotated, &cos, &sin),
            Rotation::Members(take, join) => self.members(take, join, &rotated, &cos, &sin),
            Rotation::Matrix => self.matrix(&rotated, &cos, &sin),
        };
        let parts: Vec<&str> = before
            .as_deref()
            .into_iter()
            .chain([&*y])
            .chain(after.as_deref())
            .collect();
        let y = if parts.len() > 1 {
            self.g.concat(&parts, -1)
        } else {
            y
        };
        let y = if around {
            self.g.cast(&y, DataType::F16)
        } else {
            y
        };
        if !self.s.scaled {
            return y;
        }
        let factor = self.g.floats(self.dtype(), &[], &[0.5]);
        self.mul(&y, &factor)
    }

    /// An input of the model.
    pub(crate) fn input(
        &mut self,
        name: &str,
        dtype: DataType,
        sizes: &[Size],
        role: Role,
    ) -> Name {
        self.inputs.push(Input {
            name: name.to_owned(),
            dtype,
            sizes: sizes.to_vec(),
            role,
        });
        self.g.input(name, dtype, sizes)
    }

    fn source(&mut self) -> Name {
        let channels = self.s.channels();
        let layout: Vec<char> = self.s.layout.chars().collect();
        let plain: Vec<char> = "BSGN"
            .chars()
            .filter(|axis| layout.contains(axis))
            .collect();
        let tokens: Vec<char> = plain
            .iter()
            .copied()
            .filter(|a| "BS".contains(*a))
            .collect();
        let heads: Vec<i64> = plain[tokens.len()..]
            .iter()
            .map(|a| self.size(*a).0)
            .collect();
        let width = heads.iter().product::<i64>() * channels as i64;
        let dtype = self.dtype();
        let (axes, parts) = match self.s.source {
            Source::Input => (&layout, 0),
            Source::Projected | Source::Dense => (&tokens, 1),
            Source::Packed => (&tokens, 3),
        };
        let mut shape: Vec<Size> = axes.iter().map(|a| self.size(*a)).collect();
        shape.push((
            if parts == 0 {
                channels as i64
            } else {
                parts * width
            },
            None,
        ));
        let dense = self.s.source == Source::Dense;
        let last = shape.len() - 1;
        if dense {
            shape[last].0 = MODEL_WIDTH as i64;
        }
        let mut x = self.input("x", dtype, &shape, Role::X);
        if parts == 0 {
            return x;
        }
        if dense {
            let sizes = [MODEL_WIDTH, width as usize];
            let weight = Random::new(3).tensor(dtype, &sizes);
            let weight = self.g.constant(&weight);
            x = self.g.op("MatMul", &[&x, &weight], &[]);
        }
        let mut split = vec![0; tokens.len()];
        if parts == 3 {
            split.push(3);
        }
        split.extend(&heads);
        split.push(channels as i64);
        let mut x = self.g.reshape(&x, &split);
        if parts == 3 {
            let one = self.g.constant(&Tensor::from_i64(&[], &[1]));
            let axis = int("axis", tokens.len() as i64);
            x = self.g.op("Gather", &[&x, &one], &[axis]);
        }
        let place = |axis: &char| plain.iter().position(|a| a == axis).expect("the same axes");
        let mut order: Vec<i64> = layout.iter().map(|a| place(a) as i64).collect();
        order.push(layout.len() as i64);
        if order.is_sorted() {
            return x;
        }
        self.g.op("Transpose", &[&x], &[ints("perm", &order)])
    }

    /// The channels before the rotated ones, these, and those after.
    fn range(&mut self, x: &str) -> (Option<Name>, Name, Option<Name>) {
        let (before, after) = (self.s.around.0 as i64, self.s.around.1 as i64);
        let width = self.s.width() as i64;
        if (before, after) == (0, 0) {
            return (None, x.to_owned(), None);
        }
        let bounds = [(0, before), (before, width), (before + width, after)];
        if self.s.split_range {
            let sizes: Vec<i64> = bounds.iter().map(|(_, n)| *n).filter(|n| *n > 0).collect();
            let mut parts = self.g.split(x, -1, &sizes).into_iter();
            let mut part = |n: i64| (n > 0).then(|| parts.next().expect("a part"));
            let (before, rotated, after) = (part(before), part(width), part(after));
            return (before, rotated.expect("pairs"), after);
        }
        let mut part = |(start, n): (i64, i64)| {
            (n > 0).then(|| {
                let end = if start + n == before + width + after {
                    i64::MAX
                } else {
                    start + n
                };
                self.g.slice(x, -1, start, end, 1)
            })
        };
        let (before, rotated, after) = (part(bounds[0]), part(bounds[1]), part(bounds[2]));
        (before, rotated.expect("pairs"), after)
    }
}
