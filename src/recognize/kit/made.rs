//! Values that the graph does not hold and a site needs: its own tensors cut, joined or under another shape.
//!
//! Recognition names them as if they were there. Whoever looks a site up in the graph adds them first ([`Made::added_to`]), and
//! rewriting moves those that are used to where they are needed.

use rustc_hash::FxHashMap;

use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto, attribute_proto::AttributeType};
use crate::onnx::{Error, ModelFile, Tensor, names};
use crate::symbolic::value::Value;

/// Nodes that make values, and the constants they read.
#[derive(Clone, Debug, Default)]
pub struct Made {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Made {
    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The model with these nodes after its own.
    ///
    /// # Errors
    /// If the model has values of their names.
    pub fn added_to(&self, file: &ModelFile) -> Result<ModelFile, Error> {
        let mut model = file.model().clone();
        if let Some(graph) = &mut model.graph {
            graph.node.extend(self.nodes.iter().cloned());
            graph.initializer.extend(self.constants.iter().cloned());
        }
        ModelFile::in_memory(file.path(), model)
    }

    /// The nodes, each after those that it reads.
    pub fn nodes(&self) -> &[NodeProto] {
        &self.nodes
    }

    /// The constants that the nodes read.
    pub fn constants(&self) -> &[TensorProto] {
        &self.constants
    }
}

/// What makes a value from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::recognize) enum Step {
    /// Elements of some axes: first, end and step along each.
    Slice {
        axes: Vec<i64>,
        starts: Vec<i64>,
        ends: Vec<i64>,
        steps: Vec<i64>,
    },
    /// Without these axes of size 1.
    Squeeze(Vec<i64>),
    /// Under another shape, as `Reshape` writes it.
    Reshape(Vec<i64>),
    /// One after the other along the last axis.
    Concat,
}

/// Makes values, each of them once.
pub(in crate::recognize) struct Maker<'a> {
    file: &'a ModelFile,
    /// What is made.
    pub made: Made,
    /// What is known of the values made so far.
    pub values: FxHashMap<String, Value>,
    known: FxHashMap<(Step, Vec<String>), String>,
    /// Names that the model has; listed for the first value that is made.
    taken: Option<names::Taken>,
}

impl<'a> Maker<'a> {
    pub(in crate::recognize) fn new(file: &'a ModelFile) -> Maker<'a> {
        Maker {
            file,
            made: Made::default(),
            values: FxHashMap::default(),
            known: FxHashMap::default(),
            taken: None,
        }
    }

    /// The name of what `step` makes of the inputs, of which `value` is known.
    pub(in crate::recognize) fn make(
        &mut self,
        step: Step,
        inputs: &[&str],
        value: &Value,
    ) -> String {
        let inputs: Vec<String> = inputs.iter().map(|&name| name.to_owned()).collect();
        let key = (step, inputs);
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        let (step, mut inputs) = key.clone();
        let stem = inputs.first().cloned().unwrap_or_default();
        let (op, suffix, lists) = match &step {
            Step::Slice {
                axes,
                starts,
                ends,
                steps,
            } => ("Slice", "part", vec![starts, ends, axes, steps]),
            Step::Squeeze(axes) => ("Squeeze", "rows", vec![axes]),
            Step::Reshape(shape) => ("Reshape", "channels", vec![shape]),
            Step::Concat => ("Concat", "joined", Vec::new()),
        };
        let name = self.fresh(&format!("{stem}_{suffix}"));
        for list in lists {
            let constant = self.fresh(&format!("{name}_sizes"));
            let tensor = Tensor::from_i64(&[list.len()], list);
            self.made.constants.push(tensor.to_proto(&constant));
            inputs.push(constant);
        }
        let axis = AttributeProto {
            name: Some("axis".to_owned()),
            r#type: Some(AttributeType::Int as i32),
            i: Some(-1),
            ..Default::default()
        };
        self.made.nodes.push(NodeProto {
            name: Some(name.clone()),
            op_type: Some(op.to_owned()),
            input: inputs,
            output: vec![name.clone()],
            attribute: if op == "Concat" {
                vec![axis]
            } else {
                Vec::new()
            },
            ..Default::default()
        });
        self.values.insert(name.clone(), value.clone());
        self.known.insert(key, name.clone());
        name
    }

    fn fresh(&mut self, stem: &str) -> String {
        let taken = self
            .taken
            .get_or_insert_with(|| names::Taken::of_model(self.file.model()));
        taken.fresh(stem)
    }
}
