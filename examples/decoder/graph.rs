//! Writes graphs node by node, in the manner of either of PyTorch's exporters.

use bytes::Bytes;
use phasor::onnx::Tensor;
use phasor::onnx::proto::{
    AttributeProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataLocation,
    tensor_shape_proto, type_proto,
};

/// Which exporter's manner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `torch.onnx.export(dynamo=True)`: constants are initializers, shapes are read once from the inputs.
    Dynamo,
    /// `torch.onnx.export(dynamo=False)`: constants are nodes, every shape is read where it is used.
    TorchScript,
}

/// Where weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// In a data file that does not exist.
    Absent,
    /// In the model, all the same number.
    Constant,
}

/// A size of an axis of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A name.
    Symbol(&'static str),
    /// A number.
    Fixed(i64),
}

/// An attribute.
pub enum Attribute<'a> {
    /// An integer.
    Int(&'a str, i64),
    /// Integers.
    Ints(&'a str, &'a [i64]),
    /// A tensor.
    Tensor(&'a str, Tensor),
    /// A float.
    Float(&'a str, f32),
}

/// A graph in the making.
pub struct Graph {
    spelling: Spelling,
    weights: Weights,
    proto: GraphProto,
    scope: String,
    data_end: u64,
}

const FLOAT: i32 = 1;

impl Graph {
    pub fn new(spelling: Spelling, weights: Weights) -> Self {
        Self {
            spelling,
            weights,
            proto: GraphProto {
                name: Some("main_graph".to_owned()),
                ..GraphProto::default()
            },
            scope: String::new(),
            data_end: 0,
        }
    }

    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// Names that follow begin with this.
    pub fn enter(&mut self, scope: &str) {
        self.scope = scope.to_owned();
    }

    pub fn finish(self) -> GraphProto {
        self.proto
    }

    pub fn input(&mut self, name: &str, element: i32, sizes: &[Size]) -> String {
        self.proto.input.push(value(name, element, sizes));
        name.to_owned()
    }

    pub fn output(&mut self, name: &str, element: i32, sizes: &[Size]) {
        self.proto.output.push(value(name, element, sizes));
    }

    /// A node with one output.
    pub fn node(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        self.nodes(op, inputs, attributes, 1).remove(0)
    }

    /// A node.
    pub fn nodes(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
        outputs: usize,
    ) -> Vec<String> {
        let number = self.proto.node.len();
        let (name, label) = match self.spelling {
            Spelling::Dynamo => (format!("node_{op}_{number}"), format!("val_{number}")),
            Spelling::TorchScript => {
                let name = format!("/model/{}/{op}_{number}", self.scope);
                (name.clone(), name)
            }
        };
        let output: Vec<String> = (0..outputs)
            .map(|k| format!("{label}_output_{k}"))
            .collect();
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: output.clone(),
            name: Some(name),
            op_type: Some(op.to_owned()),
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
        output
    }

    /// Renames the output of the last node: the graph's output.
    pub fn rename_last(&mut self, name: &str) {
        let last = self.proto.node.last_mut().expect("there is a node");
        last.output[0] = name.to_owned();
    }

    /// A small constant, as the exporter writes it.
    pub fn constant(&mut self, tensor: Tensor) -> String {
        match self.spelling {
            Spelling::TorchScript => {
                self.node("Constant", &[], &[Attribute::Tensor("value", tensor)])
            }
            Spelling::Dynamo => {
                let proto = tensor.to_proto("");
                let same = |old: &&TensorProto| {
                    old.dims == proto.dims
                        && old.data_type == proto.data_type
                        && old.raw_data == proto.raw_data
                };
                if let Some(old) = self.proto.initializer.iter().find(same) {
                    return old.name().to_owned();
                }
                let name = format!("const_{}", self.proto.initializer.len());
                self.proto.initializer.push(tensor.to_proto(&name));
                name
            }
        }
    }

    pub fn ints(&mut self, values: &[i64]) -> String {
        self.constant(Tensor::from_i64(&[values.len()], values))
    }

    pub fn int(&mut self, value: i64) -> String {
        self.constant(Tensor::from_i64(&[], &[value]))
    }

    pub fn float(&mut self, value: f32) -> String {
        self.constant(Tensor::from_f32(&[], &[value]))
    }

    /// A table that is in the model whatever becomes of the weights.
    pub fn table(&mut self, name: &str, tensor: &Tensor) -> String {
        self.proto.initializer.push(tensor.to_proto(name));
        name.to_owned()
    }

    /// A weight.
    pub fn weight(&mut self, name: &str, shape: &[usize]) -> String {
        let count: usize = shape.iter().product();
        let mut tensor = TensorProto {
            name: Some(name.to_owned()),
            dims: shape.iter().map(|n| *n as i64).collect(),
            data_type: Some(FLOAT),
            ..TensorProto::default()
        };
        match self.weights {
            Weights::Constant => {
                let one = 0.01f32.to_le_bytes();
                tensor.raw_data = Some(Bytes::from(one.repeat(count)));
            }
            Weights::Absent => {
                let bytes = 4 * count as u64;
                tensor.data_location = Some(DataLocation::External as i32);
                tensor.external_data = [
                    ("location", "weights.bin".to_owned()),
                    ("offset", self.data_end.to_string()),
                    ("length", bytes.to_string()),
                ]
                .map(|(key, value)| StringStringEntryProto {
                    key: Some(key.to_owned()),
                    value: Some(value),
                })
                .into();
                self.data_end += bytes;
            }
        }
        self.proto.initializer.push(tensor);
        name.to_owned()
    }
}

fn value(name: &str, element: i32, sizes: &[Size]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |size: &Size| Dimension {
        value: Some(match size {
            Size::Symbol(name) => Value::DimParam((*name).to_owned()),
            Size::Fixed(n) => Value::DimValue(*n),
        }),
        ..Dimension::default()
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: Some(element),
                shape: Some(TensorShapeProto {
                    dim: sizes.iter().map(dim).collect(),
                }),
            })),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn attribute(attribute: &Attribute<'_>) -> AttributeProto {
    let mut proto = AttributeProto::default();
    let (name, kind) = match attribute {
        Attribute::Int(name, value) => {
            proto.i = Some(*value);
            (name, AttributeType::Int)
        }
        Attribute::Ints(name, values) => {
            proto.ints = values.to_vec();
            (name, AttributeType::Ints)
        }
        Attribute::Tensor(name, tensor) => {
            proto.t = Some(Box::new(tensor.to_proto("")));
            (name, AttributeType::Tensor)
        }
        Attribute::Float(name, value) => {
            proto.f = Some(*value);
            (name, AttributeType::Float)
        }
    };
    proto.name = Some((*name).to_owned());
    proto.r#type = Some(kind as i32);
    proto
}
