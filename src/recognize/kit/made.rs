//! Values that a site needs and the graph does not hold: slices, concatenations and reshapes of its own tensors.
//!
//! Sites name them as if the graph held them. Every step that looks them up works on a copy of the graph to which they are added
//! ([`Made::added_to`]), and rewriting puts those that are used before the first node that reads them.

use rustc_hash::FxHashMap;

use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto, attribute_proto::AttributeType};
use crate::onnx::{Error, ModelFile, Tensor, names};
use crate::symbolic::value::Value;

use super::gathered::Rows;
use super::step::Step;

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

/// Makes values, equal ones once.
pub(in crate::recognize) struct Maker<'a> {
    file: &'a ModelFile,
    /// The values made so far.
    pub made: Made,
    /// Their abstract values.
    pub values: FxHashMap<String, Value>,
    known: FxHashMap<(Step, Vec<String>), String>,
    /// Those that hold rows of a constant.
    rows: FxHashMap<String, Rows>,
    /// The model's names; collected when the first value is made.
    taken: Option<names::Taken>,
}

/// How much was made at some time.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::recognize) struct Mark(usize, usize);

impl<'a> Maker<'a> {
    pub(in crate::recognize) fn new(file: &'a ModelFile) -> Maker<'a> {
        Maker {
            file,
            made: Made::default(),
            values: FxHashMap::default(),
            known: FxHashMap::default(),
            rows: FxHashMap::default(),
            taken: None,
        }
    }

    /// The name of the value that `step` makes of the inputs; `value` is its abstract value.
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
        if let Some(name) = self.gathered(&key, value) {
            self.known.insert(key, name.clone());
            return name;
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
            Step::Unsqueeze(axes) => ("Unsqueeze", "axes", vec![axes]),
            Step::Reshape(shape) => ("Reshape", "channels", vec![shape]),
            Step::Transpose(_) => ("Transpose", "transposed", Vec::new()),
            Step::Concat => ("Concat", "joined", Vec::new()),
            Step::Sum => ("Add", "sum", Vec::new()),
            Step::Product => ("Mul", "product", Vec::new()),
            Step::Times(_) => ("Mul", "scaled", Vec::new()),
            Step::Neg => ("Neg", "negated", Vec::new()),
            Step::Not => ("Not", "not", Vec::new()),
            Step::Quotient => ("Div", "quotient", Vec::new()),
            Step::Sizes => ("Shape", "shape", Vec::new()),
            Step::Over(numbers) => ("Div", "parts", vec![numbers]),
            Step::Tile => ("Tile", "repeated", Vec::new()),
            Step::Plus(numbers) => ("Add", "moved", vec![numbers]),
            Step::From(_) => ("Sub", "left", Vec::new()),
        };
        let name = self.fresh(&format!("{stem}_{suffix}"));
        let number = match step {
            Step::From(number) => Some(vec![number]),
            _ => None,
        };
        for list in lists.into_iter().chain(&number) {
            let constant = self.fresh(&format!("{name}_sizes"));
            let tensor = Tensor::from_i64(&[list.len()], list);
            self.made.constants.push(tensor.to_proto(&constant));
            inputs.push(constant);
        }
        if let Step::Times(bits) = step {
            let constant = self.fresh(&format!("{name}_factor"));
            let tensor = Tensor::from_f64_as(value.dtype, &[1], &[f64::from_bits(bits)]);
            self.made.constants.push(tensor.to_proto(&constant));
            inputs.push(constant);
        }
        if matches!(step, Step::From(_)) {
            inputs.reverse();
        }
        let attribute = match step {
            Step::Concat => Some(AttributeProto {
                name: Some("axis".to_owned()),
                r#type: Some(AttributeType::Int as i32),
                i: Some(-1),
                ..Default::default()
            }),
            Step::Transpose(order) => Some(AttributeProto {
                name: Some("perm".to_owned()),
                r#type: Some(AttributeType::Ints as i32),
                ints: order,
                ..Default::default()
            }),
            _ => None,
        };
        self.made.nodes.push(NodeProto {
            name: Some(name.clone()),
            op_type: Some(op.to_owned()),
            input: inputs,
            output: vec![name.clone()],
            attribute: attribute.into_iter().collect(),
            ..Default::default()
        });
        self.values.insert(name.clone(), value.clone());
        self.known.insert(key, name.clone());
        name
    }

    /// The value that a step makes of rows of a constant, as rows of another constant.
    fn gathered(&mut self, (step, inputs): &(Step, Vec<String>), value: &Value) -> Option<String> {
        let rank = match step {
            Step::Slice { .. } => value.rank(),
            Step::Squeeze(axes) => value.rank() + axes.len(),
            _ => return None,
        };
        let [input] = &inputs[..] else { return None };
        let known = self.rows.get(input).cloned();
        let rows = known.or_else(|| Rows::of(self.file, input, rank))?;
        let part = rows.part(step)?;
        let name = self.fresh(&format!("{input}_part"));
        let table = self.fresh(&format!("{name}_table"));
        self.made.constants.push(part.table.to_proto(&table));
        self.made.nodes.push(NodeProto {
            name: Some(name.clone()),
            op_type: Some("Gather".to_owned()),
            input: vec![table, part.index.clone()],
            output: vec![name.clone()],
            ..Default::default()
        });
        self.values.insert(name.clone(), value.clone());
        self.rows.insert(name.clone(), part);
        Some(name)
    }

    /// How much is made so far.
    pub(in crate::recognize) fn mark(&self) -> Mark {
        Mark(self.made.nodes.len(), self.made.constants.len())
    }

    /// Forgets what was made after a mark.
    pub(in crate::recognize) fn forget_since(&mut self, Mark(nodes, constants): Mark) {
        self.made.constants.truncate(constants);
        for node in self.made.nodes.drain(nodes..) {
            self.values.remove(node.name());
            self.rows.remove(node.name());
            self.known.retain(|_, name| name != node.name());
        }
    }

    fn fresh(&mut self, stem: &str) -> String {
        let taken = self
            .taken
            .get_or_insert_with(|| names::Taken::of_model(self.file.model()));
        taken.fresh(stem)
    }
}
