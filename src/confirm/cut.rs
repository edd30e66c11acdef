//! Cuts a part out of a graph, as a model of its own.
//!
//! The cut keeps the nodes between the given values and the wanted ones. Sizes that the part reads off tensors outside it, such
//! as the `Shape` of a layer's input, become constants: otherwise the cut would contain whatever computes that tensor. Values are
//! renamed in order of appearance, so that equal parts become equal models and are run once. Values that bodies read keep their
//! names.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::Dim;
use crate::onnx::callees::Callees;
use crate::onnx::proto::{
    FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use crate::onnx::{ModelFile, Tensor, ValueId, names};

use super::sizes::Binding;

/// How many nodes a cut may have; a rotation with its angles has about 60.
const MAX_NODES: usize = 2000;
/// How many bytes of constants a cut may have.
const MAX_CONSTANT_BYTES: usize = 64 << 20;

/// A part of a graph.
pub(super) struct Cut {
    /// The model.
    pub model: ModelProto,
    /// Names in the cut of the given values, in the order of the request; `None` for one that the part does not read.
    pub given: Vec<Option<String>>,
    /// Names in the cut of the wanted values.
    pub wanted: Vec<String>,
    /// Inputs of the whole model that the part reads: name in the model, name in the cut.
    pub leaves: Vec<(String, String)>,
    /// Names in the model of the values that the part computes.
    pub computed: Vec<String>,
}

impl Cut {
    /// Inputs of the whole model that the part reads.
    pub(super) fn read(&self) -> impl Iterator<Item = &str> {
        self.leaves.iter().map(|(name, _)| name.as_str())
    }
}

/// The graph that is cut, and what is known of it.
pub(super) struct WholeGraph<'a> {
    /// The model.
    pub(super) file: &'a ModelFile,
    /// Symbolic shapes by name.
    pub(super) shapes: &'a FxHashMap<String, Vec<Dim>>,
    /// Position of each input in the graph, by name.
    pub(super) inputs: FxHashMap<&'a str, usize>,
    functions: Vec<&'a FunctionProto>,
    callees: Callees,
}

impl<'a> WholeGraph<'a> {
    pub(super) fn new(file: &'a ModelFile, shapes: &'a FxHashMap<String, Vec<Dim>>) -> Self {
        let inputs = file.graph().input.iter().enumerate().rev();
        let functions: Vec<&FunctionProto> = file.model().functions.iter().collect();
        WholeGraph {
            file,
            shapes,
            inputs: inputs.map(|(at, input)| (input.name(), at)).collect(),
            callees: Callees::of(&functions),
            functions,
        }
    }

    /// A model of these nodes.
    fn model_of<'n>(
        &self,
        nodes: Vec<NodeProto>,
        initializers: Vec<TensorProto>,
        inputs: impl Iterator<Item = &'n String>,
        outputs: &[String],
    ) -> ModelProto {
        let named = |name: &String| ValueInfoProto {
            name: Some(name.clone()),
            ..Default::default()
        };
        ModelProto {
            ir_version: self.file.model().ir_version,
            opset_import: self.file.model().opset_import.clone(),
            functions: self.called_by(&nodes),
            graph: Some(GraphProto {
                name: Some("cut".to_owned()),
                node: nodes,
                initializer: initializers,
                input: inputs.map(named).collect(),
                output: outputs.iter().map(named).collect(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// The functions that nodes call, directly or not.
    fn called_by(&self, nodes: &[NodeProto]) -> Vec<FunctionProto> {
        if self.functions.is_empty() {
            return Vec::new();
        }
        let (called, _) = self.callees.inside(nodes);
        let reached = self.callees.reached(called).into_iter();
        reached.map(|at| self.functions[at].clone()).collect()
    }
}

/// Cuts out what computes `wanted` from `given`.
///
/// # Errors
/// Why the part cannot stand alone: it is too large, or a value or a constant cannot be read.
pub(super) fn cut(
    whole: &WholeGraph<'_>,
    binding: &Binding,
    given: &[&str],
    wanted: &[&str],
) -> Result<Cut, String> {
    let (index, graph) = (whole.file.index(), whole.file.graph());
    let ids = |names: &[&str]| -> Result<Vec<ValueId>, String> {
        let id = |name: &&str| index.id(name).ok_or_else(|| format!("no value `{name}`"));
        names.iter().map(id).collect()
    };
    let (given, wanted) = (ids(given)?, ids(wanted)?);
    let mut builder = Builder {
        file: whole.file,
        shapes: whole.shapes,
        binding,
        names: FxHashMap::default(),
        captured: FxHashSet::default(),
        read: FxHashSet::default(),
        sizes: FxHashMap::default(),
        initializers: Vec::new(),
        bytes: 0,
    };
    let (nodes, leaves) = builder.reach(&wanted, &given)?;
    // Names are given in this order, which depends on nothing but the part.
    let kept: Vec<NodeProto> = nodes
        .iter()
        .map(|&node| builder.node(&graph.node[node]))
        .collect::<Result<_, _>>()?;
    let outputs = nodes.iter().flat_map(|&node| &graph.node[node].output);
    let computed = outputs.filter(|name| !name.is_empty()).cloned().collect();
    let wanted: Vec<String> = wanted
        .iter()
        .map(|&value| builder.input(value))
        .collect::<Result<_, _>>()?;
    let given: Vec<Option<String>> = given
        .iter()
        .map(|value| {
            let name = builder.names.get(value).cloned();
            name.filter(|_| builder.read.contains(value))
        })
        .collect();
    let mut read_leaves = Vec::new();
    for value in leaves {
        if builder.read.contains(&value) {
            read_leaves.push((index.name(value).to_owned(), builder.name(value)));
        }
    }
    let inputs = given.iter().flatten();
    let inputs = inputs.chain(read_leaves.iter().map(|(_, name)| name));
    Ok(Cut {
        model: whole.model_of(kept, builder.initializers, inputs, &wanted),
        given,
        wanted,
        leaves: read_leaves,
        computed,
    })
}

/// A cut in the making.
struct Builder<'a> {
    file: &'a ModelFile,
    shapes: &'a FxHashMap<String, Vec<Dim>>,
    binding: &'a Binding,
    /// Names in the cut.
    names: FxHashMap<ValueId, String>,
    /// Values that the bodies of nodes read.
    captured: FxHashSet<ValueId>,
    /// Values that the cut reads, or that are wanted of it.
    read: FxHashSet<ValueId>,
    /// Results of `Shape` nodes that become constants.
    sizes: FxHashMap<ValueId, Tensor>,
    initializers: Vec<TensorProto>,
    bytes: usize,
}

impl Builder<'_> {
    /// The nodes between `given` and `wanted`, in the order in which they run, and the model inputs that they read.
    fn reach(
        &mut self,
        wanted: &[ValueId],
        given: &[ValueId],
    ) -> Result<(Vec<usize>, Vec<ValueId>), String> {
        let (index, graph) = (self.file.index(), self.file.graph());
        let stops: FxHashSet<ValueId> = given.iter().copied().collect();
        let mut nodes = FxHashSet::default();
        let mut seen = FxHashSet::default();
        let mut leaves = Vec::new();
        let mut queue = wanted.to_vec();
        while let Some(value) = queue.pop() {
            if stops.contains(&value) || !seen.insert(value) {
                continue;
            }
            let Some((node, _)) = index.producer(value) else {
                if self.file.constant(value).is_none() {
                    leaves.push(value);
                }
                continue;
            };
            let proto = &graph.node[node];
            if let Some(size) = self.size(proto) {
                self.sizes.insert(value, size);
                continue;
            }
            nodes.insert(node);
            if nodes.len() > MAX_NODES {
                return Err(format!("the part has more than {MAX_NODES} nodes"));
            }
            let captured = names::captured(proto);
            let captured = captured.iter().filter_map(|name| index.id(name));
            let before = queue.len();
            queue.extend(captured);
            self.captured.extend(&queue[before..]);
            queue.extend(
                proto
                    .input
                    .iter()
                    .filter(|name| !name.is_empty())
                    .filter_map(|name| index.id(name)),
            );
        }
        leaves.sort_by_key(|value| value.index());
        let mut nodes: Vec<usize> = nodes.into_iter().collect();
        nodes.sort_unstable_by_key(|&node| index.rank(node));
        Ok((nodes, leaves))
    }

    /// A node with the names that its values have in the cut. It gets no name itself: equal parts would differ by it.
    fn node(&mut self, old: &NodeProto) -> Result<NodeProto, String> {
        let index = self.file.index();
        let id = |name: &str| index.id(name).filter(|_| !name.is_empty());
        let mut new = NodeProto {
            op_type: old.op_type.clone(),
            domain: old.domain.clone(),
            attribute: old.attribute.clone(),
            ..Default::default()
        };
        for name in &old.input {
            new.input.push(match id(name) {
                None => String::new(),
                Some(value) => self.input(value)?,
            });
        }
        for name in names::captured(old) {
            if let Some(value) = index.id(name) {
                self.input(value)?;
            }
        }
        let outputs = old.output.iter();
        let name = |name: &String| id(name).map_or_else(String::new, |value| self.name(value));
        new.output = outputs.map(name).collect();
        Ok(new)
    }

    /// The result of a `Shape` node, if the shape of its input is known.
    fn size(&self, node: &NodeProto) -> Option<Tensor> {
        if !node.is_onnx("Shape") {
            return None;
        }
        let shape = self.binding.shape(self.shapes.get(node.input.first()?)?)?;
        let rank = shape.len() as i64;
        let bound = |name: &str, default: i64| {
            let value = node.int(name).unwrap_or(default);
            (if value < 0 { value + rank } else { value }).clamp(0, rank) as usize
        };
        let dims: Vec<i64> = shape
            .get(bound("start", 0)..bound("end", rank))?
            .iter()
            .map(|&d| d as i64)
            .collect();
        Some(Tensor::from_i64(&[dims.len()], &dims))
    }

    fn name(&mut self, value: ValueId) -> String {
        let next = self.names.len();
        let (captured, index) = (&self.captured, self.file.index());
        self.names
            .entry(value)
            .or_insert_with(|| match captured.contains(&value) {
                true => index.name(value).to_owned(),
                // Bodies are kept as they are: a value that they read keeps its name, and no other may get one that a body is
                // likely to use.
                false => format!("cut/{next}"),
            })
            .clone()
    }

    /// The name of a value that is read. A constant or a known size becomes an initializer of the cut.
    fn input(&mut self, value: ValueId) -> Result<String, String> {
        self.read.insert(value);
        let new = !self.names.contains_key(&value);
        let name = self.name(value);
        if !new {
            return Ok(name);
        }
        if let Some(size) = self.sizes.get(&value) {
            self.initializers.push(size.to_proto(&name));
        } else if let Some(position) = self.file.constant(value) {
            let proto = &self.file.graph().initializer[position];
            let tensor = self.file.tensor(proto).map_err(|e| e.to_string())?;
            self.bytes += tensor.data.len();
            if self.bytes > MAX_CONSTANT_BYTES {
                let limit = MAX_CONSTANT_BYTES >> 20;
                return Err(format!("the part reads more than {limit} MiB of constants"));
            }
            self.initializers.push(tensor.to_proto(&name));
        }
        Ok(name)
    }
}
