//! The nodes of a change.

use phasor::onnx::proto::{AttributeProto, GraphProto, NodeProto, ValueInfoProto};
use phasor::onnx::proto::{attribute_proto::AttributeType, tensor_shape_proto, type_proto};
use phasor::onnx::{DataType, Tensor};

use crate::build::Builder;
use crate::change::{Change, Place, Question};
use crate::graph::{Name, int};

/// A tensor on its way: its type and, where it has one that is known, the axis of the sequence.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) dtype: DataType,
    pub(crate) sequence: Option<i64>,
    pub(crate) rank: usize,
}

impl Builder<'_> {
    /// The tensor after all changes at this place; those that its type does not have are left out.
    pub(crate) fn changed(&mut self, place: Place, value: &str, way: Way) -> Name {
        let mut value = value.to_owned();
        let s = self.s;
        for (at, change) in &s.changes {
            if *at == place {
                value = self.change(*change, &value, way);
            }
        }
        value
    }

    fn number(&mut self, way: Way, number: f64) -> Name {
        match way.dtype {
            // Not every integer is a double.
            DataType::I64 => self.g.constant(&Tensor::from_i64(&[], &[number as i64])),
            dtype => self.g.floats(dtype, &[], &[number]),
        }
    }

    fn change(&mut self, change: Change, value: &str, way: Way) -> Name {
        let float = way.dtype.is_float();
        let there = |b: &mut Self, op: &str, back: &str, number: Name| {
            let changed = b.g.op(op, &[value, &number], &[]);
            b.g.op(back, &[&changed, &number], &[])
        };
        match change {
            // What is negative becomes the largest number, where half precision ends; a byte shows the same.
            Change::Through(DataType::U16 | DataType::U32) if float => value.to_owned(),
            Change::Through(dtype) if dtype != way.dtype => {
                let narrow = self.g.cast(value, dtype);
                self.g.cast(&narrow, way.dtype)
            }
            Change::Added(number) if float || number.fract() == 0.0 => {
                let number = self.number(way, number);
                there(self, "Add", "Sub", number)
            }
            Change::Multiplied(number) => {
                let number = self.number(way, number);
                there(self, "Mul", "Div", number)
            }
            Change::Divided(number) => {
                let number = self.number(way, number);
                there(self, "Div", "Mul", number)
            }
            Change::Scaled(power) if float => {
                // Half precision has fewer powers.
                let power = match way.dtype {
                    DataType::F16 => power.clamp(-12, 12),
                    _ => power,
                };
                let up = self.number(way, f64::from(power).exp2());
                let down = self.number(way, f64::from(-power).exp2());
                let scaled = self.g.op("Mul", &[value, &up], &[]);
                self.g.op("Mul", &[&scaled, &down], &[])
            }
            Change::Clamped(low, high, clip) => {
                let low = self.number(way, low);
                let high = self.number(way, high);
                match clip {
                    true => self.g.op("Clip", &[value, &low, &high], &[]),
                    false => {
                        let larger = self.g.op("Max", &[value, &low], &[]);
                        self.g.op("Min", &[&larger, &high], &[])
                    }
                }
            }
            Change::NoNan => {
                let zero = self.number(way, 0.0);
                let same = self.g.op("Equal", &[value, value], &[]);
                self.g.op("Where", &[&same, value, &zero], &[])
            }
            Change::BelowNext => {
                let (zero, one) = (self.number(way, 0.0), self.number(way, 1.0));
                let next = self.g.op("Add", &[value, &one], &[]);
                let below = self.g.op("Less", &[value, &next], &[]);
                self.g.op("Where", &[&below, value, &zero], &[])
            }
            Change::Function(op) if float || matches!(op, "Abs" | "Neg" | "Identity" | "Sign") => {
                let once = self.g.op(op, &[value], &[]);
                match op {
                    "Neg" => self.g.op(op, &[&once], &[]),
                    "Sign" => {
                        let size = self.g.op("Abs", &[value], &[]);
                        self.g.op("Mul", &[&once, &size], &[])
                    }
                    "Sqrt" => self.g.op("Mul", &[&once, &once], &[]),
                    _ => once,
                }
            }
            Change::Twice => {
                let twice = self.g.op("Add", &[value, value], &[]);
                self.g.op("Sub", &[&twice, value], &[])
            }
            Change::ZeroTimes => {
                let zero = self.number(way, 0.0);
                let nothing = self.g.op("Mul", &[value, &zero], &[]);
                self.g.op("Add", &[value, &nothing], &[])
            }
            Change::Remainder(by, truncated) if !float || truncated => {
                let by = self.number(way, by);
                self.g
                    .op("Mod", &[value, &by], &[int("fmod", truncated.into())])
            }
            Change::Looked(rows, constant) if !float => {
                let table = match constant {
                    true => self.g.ints(&(0..rows).collect::<Vec<_>>()),
                    false => {
                        let bounds = [0, rows, 1];
                        let bounds = bounds.map(|n| self.g.constant(&Tensor::from_i64(&[], &[n])));
                        self.g.op("Range", &bounds.each_ref().map(|b| &b[..]), &[])
                    }
                };
                self.g.op("Gather", &[&table, value], &[int("axis", 0)])
            }
            Change::Chosen(question, branches) => {
                let condition = self.answer(question);
                match branches {
                    true => self.branches(&condition, value, way),
                    false => {
                        let negative = self.g.op("Neg", &[value], &[]);
                        self.g.op("Where", &[&condition, value, &negative], &[])
                    }
                }
            }
            Change::Ratio(rows) if float => {
                let length = self.sequence();
                let rows = match rows {
                    0 => length.clone(),
                    rows => {
                        let rows = self.g.ints(&[rows]);
                        self.g.op("Min", &[&length, &rows], &[])
                    }
                };
                let [length, rows] = [&length, &rows].map(|n| self.g.cast(n, way.dtype));
                let ratio = self.g.op("Div", &[&length, &rows], &[]);
                self.g.op("Mul", &[value, &ratio], &[])
            }
            Change::Narrowed(dtype) if float => {
                let length = self.sequence();
                let narrow = self.g.cast(&length, dtype);
                let [length, narrow] = [&length, &narrow].map(|n| self.g.cast(n, way.dtype));
                let ratio = self.g.op("Div", &[&narrow, &length], &[]);
                self.g.op("Mul", &[value, &ratio], &[])
            }
            Change::Cancelled if float => {
                let length = self.sequence();
                let length = self.g.cast(&length, way.dtype);
                let square = self.g.op("Mul", &[&length, &length], &[]);
                let many = self.g.op("Mul", &[value, &square], &[]);
                let sum = self.g.op("Add", &[value, &many], &[]);
                self.g.op("Sub", &[&sum, &many], &[])
            }
            Change::Vanishing(dtype) if float => {
                let length = self.sequence();
                let narrow = self.g.cast(&length, dtype);
                let length = self.g.cast(&narrow, way.dtype);
                let zero = self.number(way, 0.0);
                let nothing = self.g.op("Mul", &[&length, &zero], &[]);
                self.g.op("Add", &[value, &nothing], &[])
            }
            Change::Either(question, dtype, stacked) if float && dtype != way.dtype => {
                let narrow = self.g.cast(value, dtype);
                let narrow = self.g.cast(&narrow, way.dtype);
                let condition = self.answer(question);
                match stacked {
                    false => self.g.op("Where", &[&condition, value, &narrow], &[]),
                    true => {
                        let both = [value, &narrow].map(|v| self.g.unsqueeze(v, &[0]));
                        let both = self
                            .g
                            .op("Concat", &[&both[0], &both[1]], &[int("axis", 0)]);
                        let shape = self.g.ints(&[]);
                        let which = self.g.cast(&condition, DataType::I64);
                        let which = self.g.op("Reshape", &[&which, &shape], &[]);
                        self.g.op("Gather", &[&both, &which], &[int("axis", 0)])
                    }
                }
            }
            Change::Dropped if float => {
                let many = self.g.constant(&Tensor::from_i64(&[], &[4096]));
                let size = self.g.op("Size", &[value], &[]);
                let training = self.g.op("Less", &[&many, &size], &[]);
                let share = self.g.floats(DataType::F32, &[], &[0.5]);
                let seed = int("seed", 7);
                self.g.op("Dropout", &[value, &share, &training], &[seed])
            }
            _ => self.restructured(change, value, way),
        }
    }

    /// What is done to the axes.
    fn restructured(&mut self, change: Change, value: &str, way: Way) -> Name {
        let Some(axis) = way.sequence else {
            return value.to_owned();
        };
        match change {
            Change::Cut(start, end) => self.g.slice(value, axis, start, end, 1),
            Change::CutBySize(end) => {
                let length = self.g.size(value, axis);
                let bounds = match end {
                    true => [self.g.ints(&[0]), length],
                    false => [self.g.op("Neg", &[&length], &[]), self.g.ints(&[i64::MAX])],
                };
                let axis = self.g.ints(&[axis]);
                self.g
                    .op("Slice", &[value, &bounds[0], &bounds[1], &axis], &[])
            }
            Change::Rows(by) => {
                let length = self.g.size(value, axis);
                let length = self.g.squeeze(&length, 0);
                let [zero, one] = [0, 1].map(|n| self.g.constant(&Tensor::from_i64(&[], &[n])));
                let rows = match by {
                    None => {
                        let start = self.g.op("Neg", &[&length], &[]);
                        self.g.op("Range", &[&start, &zero, &one], &[])
                    }
                    Some(by) => {
                        let rows = self.g.op("Range", &[&zero, &length, &one], &[]);
                        let by = self.g.constant(&Tensor::from_i64(&[], &[by]));
                        self.g.op("Mod", &[&rows, &by], &[])
                    }
                };
                self.g.op("Gather", &[value, &rows], &[int("axis", axis)])
            }
            Change::Split => {
                let length = self.g.size(value, axis);
                let one = self.g.ints(&[1]);
                let rest = self.g.op("Sub", &[&length, &one], &[]);
                let sizes = self.g.concat(&[&rest, &one], 0);
                let parts = self
                    .g
                    .nodes("Split", &[value, &sizes], 2, &[int("axis", axis)]);
                self.g.concat(&[&parts[0], &parts[1]], axis)
            }
            Change::Squeezed => {
                let less = self.g.op("Squeeze", &[value], &[]);
                self.g.unsqueeze(&less, &[0])
            }
            Change::Stretched(size) => {
                let mut shape = vec![size];
                shape.resize(way.rank, 1);
                let shape = self.g.ints(&shape);
                self.g.op("Expand", &[value, &shape], &[])
            }
            Change::Flat => {
                let shape = self.g.op("Shape", &[value], &[]);
                let flat = self.g.reshape(value, &[-1]);
                self.g.op("Reshape", &[&flat, &shape], &[])
            }
            Change::Repeated => {
                let length = self.sequence();
                let one = self.g.ints(&[1]);
                let least = self.g.op("Min", &[&length, &one], &[]);
                let mut repeats = vec![&least[..]];
                repeats.resize(way.rank, &one);
                let repeats = self.g.concat(&repeats, 0);
                self.g.op("Tile", &[value, &repeats], &[])
            }
            _ => value.to_owned(),
        }
    }

    /// The length of the sequence, as a vector of one number.
    fn sequence(&mut self) -> Name {
        let input = self.inputs[0].name.clone();
        let axis = self.inputs[0].sequence();
        self.g.size(&input, axis)
    }

    fn answer(&mut self, question: Question) -> Name {
        let length = self.sequence();
        let compared = |b: &mut Self, op: &str, left: &str, right: i64| {
            let right = b.g.ints(&[right]);
            b.g.op(op, &[left, &right], &[])
        };
        match question {
            Question::Below(limit) => compared(self, "Less", &length, limit),
            Question::Any => compared(self, "Greater", &length, -1),
            Question::Product(by) => {
                let narrow = self.g.cast(&length, DataType::I32);
                let by = self.g.floats(DataType::I32, &[1], &[by as f64]);
                let product = self.g.op("Mul", &[&narrow, &by], &[]);
                let limit = self.g.floats(DataType::I32, &[1], &[-1.0]);
                self.g.op("Greater", &[&product, &limit], &[])
            }
            Question::Through(dtype) => {
                let narrow = self.g.cast(&length, dtype);
                let back = self.g.cast(&narrow, DataType::I64);
                self.g.op("Equal", &[&back, &length], &[])
            }
            Question::Table(rows) => {
                let table = self.g.ints(&(0..rows).collect::<Vec<_>>());
                let start = self.g.ints(&[0]);
                let cut = self.g.op("Slice", &[&table, &start, &length], &[]);
                let size = self.g.op("Size", &[&cut], &[]);
                self.g.op("Equal", &[&size, &length], &[])
            }
            Question::Counted(from) => {
                let end = self.g.squeeze(&length, 0);
                let [start, one] = [from, 1].map(|n| self.g.constant(&Tensor::from_i64(&[], &[n])));
                let counted = self.g.op("Range", &[&start, &end, &one], &[]);
                let size = self.g.op("Size", &[&counted], &[]);
                let rest = self.g.op("Sub", &[&length, &start], &[]);
                self.g.op("Equal", &[&size, &rest], &[])
            }
            Question::Halves => {
                let two = self.g.ints(&[2]);
                let half = self.g.op("Div", &[&length, &two], &[]);
                let whole = self.g.op("Mul", &[&half, &two], &[]);
                self.g.op("Equal", &[&whole, &length], &[])
            }
        }
    }

    /// The value or its negative, by an `If`.
    fn branches(&mut self, condition: &str, value: &str, way: Way) -> Name {
        let shape = self.g.ints(&[]);
        let condition = self.g.op("Reshape", &[condition, &shape], &[]);
        let mut branch = |name: &str, op: &str| {
            let output = self.g.fresh();
            let tensor = type_proto::Tensor {
                elem_type: Some(way.dtype.to_onnx()),
                shape: Some(phasor::onnx::proto::TensorShapeProto {
                    dim: vec![tensor_shape_proto::Dimension::default(); way.rank],
                }),
            };
            let graph = GraphProto {
                name: Some(name.to_owned()),
                node: vec![NodeProto {
                    op_type: Some(op.to_owned()),
                    input: vec![value.to_owned()],
                    output: vec![output.clone()],
                    ..Default::default()
                }],
                output: vec![ValueInfoProto {
                    name: Some(output),
                    r#type: Some(phasor::onnx::proto::TypeProto {
                        value: Some(type_proto::Value::TensorType(tensor)),
                        denotation: None,
                    }),
                    ..Default::default()
                }],
                ..Default::default()
            };
            AttributeProto {
                name: Some(name.to_owned()),
                r#type: Some(AttributeType::Graph as i32),
                g: Some(Box::new(graph)),
                ..Default::default()
            }
        };
        let branches = [
            branch("then_branch", "Identity"),
            branch("else_branch", "Neg"),
        ];
        self.g.op("If", &[&condition], &branches)
    }
}
