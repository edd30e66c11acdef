//! A graph that grows node by node.

use phasor::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto,
    TypeProto, ValueInfoProto, attribute_proto::AttributeType, tensor_shape_proto, type_proto,
};
use phasor::onnx::{DataType, Tensor};

/// The name of a value.
pub(crate) type Name = String;

/// Opset of the models. Axes are inputs, `Split` takes the number of parts from its outputs.
const OPSET: i64 = 17;

#[derive(Default)]
pub(crate) struct Graph {
    proto: GraphProto,
    count: usize,
}

/// A size of an input: a number, or a symbol that stands for it.
pub(crate) type Size = (i64, Option<&'static str>);

impl Graph {
    pub(crate) fn fresh(&mut self) -> Name {
        self.count += 1;
        format!("v{}", self.count)
    }

    pub(crate) fn input(&mut self, name: &str, dtype: DataType, sizes: &[Size]) -> Name {
        let dim = sizes
            .iter()
            .map(|(size, symbol)| tensor_shape_proto::Dimension {
                value: Some(match symbol {
                    Some(symbol) => {
                        tensor_shape_proto::dimension::Value::DimParam((*symbol).into())
                    }
                    None => tensor_shape_proto::dimension::Value::DimValue(*size),
                }),
                denotation: None,
            });
        let tensor = type_proto::Tensor {
            elem_type: Some(dtype.to_onnx()),
            shape: Some(TensorShapeProto { dim: dim.collect() }),
        };
        self.proto.input.push(ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
                denotation: None,
            }),
            ..Default::default()
        });
        name.to_owned()
    }

    pub(crate) fn constant(&mut self, tensor: &Tensor) -> Name {
        let name = self.fresh();
        self.proto.initializer.push(tensor.to_proto(&name));
        name
    }

    pub(crate) fn floats(&mut self, dtype: DataType, shape: &[usize], values: &[f64]) -> Name {
        self.constant(&Tensor::from_f64_as(dtype, shape, values))
    }

    pub(crate) fn ints(&mut self, values: &[i64]) -> Name {
        self.constant(&Tensor::from_i64(&[values.len()], values))
    }

    pub(crate) fn nodes(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: usize,
        attributes: &[AttributeProto],
    ) -> Vec<Name> {
        let outputs: Vec<Name> = (0..outputs).map(|_| self.fresh()).collect();
        self.proto.node.push(NodeProto {
            op_type: Some(op.to_owned()),
            name: Some(format!("{op} of {}", outputs[0])),
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: outputs.clone(),
            attribute: attributes.to_vec(),
            ..Default::default()
        });
        outputs
    }

    pub(crate) fn op(&mut self, op: &str, inputs: &[&str], attributes: &[AttributeProto]) -> Name {
        self.nodes(op, inputs, 1, attributes).remove(0)
    }

    /// `value[..., start:end:step]` on one axis.
    pub(crate) fn slice(
        &mut self,
        value: &str,
        axis: i64,
        start: i64,
        end: i64,
        step: i64,
    ) -> Name {
        let bounds = [start, end, axis, step].map(|n| self.ints(&[n]));
        let [start, end, axis, step] = bounds.each_ref().map(String::as_str);
        self.op("Slice", &[value, start, end, axis, step], &[])
    }

    pub(crate) fn concat(&mut self, values: &[&str], axis: i64) -> Name {
        self.op("Concat", values, &[int("axis", axis)])
    }

    pub(crate) fn split(&mut self, value: &str, axis: i64, sizes: &[i64]) -> Vec<Name> {
        let parts = self.ints(sizes);
        self.nodes("Split", &[value, &parts], sizes.len(), &[int("axis", axis)])
    }

    pub(crate) fn reshape(&mut self, value: &str, shape: &[i64]) -> Name {
        let shape = self.ints(shape);
        self.op("Reshape", &[value, &shape], &[])
    }

    pub(crate) fn unsqueeze(&mut self, value: &str, axes: &[i64]) -> Name {
        if axes.is_empty() {
            return value.to_owned();
        }
        let axes = self.ints(axes);
        self.op("Unsqueeze", &[value, &axes], &[])
    }

    pub(crate) fn squeeze(&mut self, value: &str, axis: i64) -> Name {
        let axis = self.ints(&[axis]);
        self.op("Squeeze", &[value, &axis], &[])
    }

    pub(crate) fn gather(&mut self, value: &str, axis: i64, indices: &[i64]) -> Name {
        let indices = self.ints(indices);
        self.op("Gather", &[value, &indices], &[int("axis", axis)])
    }

    pub(crate) fn cast(&mut self, value: &str, to: DataType) -> Name {
        self.op("Cast", &[value], &[int("to", to.to_onnx().into())])
    }

    /// The size of one axis, as a vector of one number.
    pub(crate) fn size(&mut self, value: &str, axis: i64) -> Name {
        let shape = self.op("Shape", &[value], &[]);
        self.slice(&shape, 0, axis, axis + 1, 1)
    }

    /// The model whose output is `output`.
    pub(crate) fn finish(mut self, output: &str) -> ModelProto {
        self.proto.output.push(ValueInfoProto {
            name: Some(output.to_owned()),
            ..Default::default()
        });
        self.proto.name = Some("generated".to_owned());
        ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            graph: Some(self.proto),
            ..Default::default()
        }
    }
}

pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(value),
        ..Default::default()
    }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::Ints as i32),
        ints: values.to_vec(),
        ..Default::default()
    }
}

pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::String as i32),
        s: Some(value.to_owned().into_bytes().into()),
        ..Default::default()
    }
}
