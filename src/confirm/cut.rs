//! A part of a graph as a model of its own.
//!
//! The cut keeps the nodes between the given values and the wanted ones. Sizes that the part reads off tensors outside it
//! (`Shape` of a whole layer's input, say) become constants, so that the cut stays as small as what it computes.
//! Values are renamed in order of appearance: equal parts give equal models. What bodies read from outside keeps its name.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::Dim;
use crate::onnx::callees::Callees;
use crate::onnx::proto::{
    FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use crate::onnx::{ModelFile, Tensor, ValueId, names};

use super::sizes::Binding;

/// Most nodes of a cut; a rotation with its angles has about 60.
const MAX_NODES: usize = 2000;
/// Most bytes of constants in a cut.
const MAX_CONSTANT_BYTES: usize = 64 << 20;

/// A part of a graph.
pub(super) struct Cut {
    /// The model.
    pub model: ModelProto,
    /// Names in the cut of the given values, in the order they were asked for; `None` where the part does not read one.
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
    /// Place of each input in the graph, by name.
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

struct Builder<'a> {
    file: &'a ModelFile,
    shapes: &'a FxHashMap<String, Vec<Dim>>,
    binding: &'a Binding,
    names: FxHashMap<ValueId, String>,
    /// Values that the bodies of nodes read.
    captured: FxHashSet<ValueId>,
    initializers: Vec<TensorProto>,
    bytes: usize,
}

/// Cuts out what computes `wanted` from `given`.
pub(super) fn cut(
    whole: &WholeGraph<'_>,
    binding: &Binding,
    given: &[&str],
    wanted: &[&str],
) -> Result<Cut, String> {
    let WholeGraph { file, shapes, .. } = whole;
    let (index, graph) = (file.index(), file.graph());
    let id = |name: &str| index.id(name).ok_or_else(|| format!("no value `{name}`"));
    let given_ids = given
        .iter()
        .map(|name| id(name))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted_ids = wanted
        .iter()
        .map(|name| id(name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut builder = Builder {
        file,
        shapes,
        binding,
        names: FxHashMap::default(),
        captured: FxHashSet::default(),
        initializers: Vec::new(),
        bytes: 0,
    };
    let stops: FxHashSet<ValueId> = given_ids.iter().copied().collect();
    let (nodes, leaves, frozen) = builder.reach(&wanted_ids, &stops)?;

    let mut nodes: Vec<usize> = nodes.into_iter().collect();
    nodes.sort_unstable_by_key(|&node| index.rank(node));
    let mut kept = Vec::with_capacity(nodes.len());
    let mut computed = Vec::with_capacity(nodes.len());
    let mut read: FxHashSet<ValueId> = wanted_ids.iter().copied().collect();
    for node in nodes {
        let old = &graph.node[node];
        let mut new = NodeProto {
            op_type: old.op_type.clone(),
            domain: old.domain.clone(),
            attribute: old.attribute.clone(),
            ..Default::default()
        };
        for name in &old.input {
            match index.id(name).filter(|_| !name.is_empty()) {
                None => new.input.push(String::new()),
                Some(value) => {
                    read.insert(value);
                    new.input.push(builder.input(value, &frozen)?);
                }
            }
        }
        for name in names::captured(old) {
            if let Some(value) = index.id(name) {
                read.insert(value);
                builder.input(value, &frozen)?;
            }
        }
        new.output = old
            .output
            .iter()
            .map(|name| {
                index
                    .id(name)
                    .filter(|_| !name.is_empty())
                    .map_or_else(String::new, |value| builder.name(value))
            })
            .collect();
        kept.push(new);
        computed.extend(old.output.iter().filter(|name| !name.is_empty()).cloned());
    }
    let wanted: Vec<String> = wanted_ids
        .iter()
        .map(|&value| builder.input(value, &frozen))
        .collect::<Result<_, _>>()?;
    let given = given_ids
        .iter()
        .map(|value| {
            read.contains(value)
                .then(|| builder.names.get(value).cloned())
                .flatten()
        })
        .collect::<Vec<_>>();
    let leaves: Vec<(String, String)> = leaves
        .into_iter()
        .filter(|value| read.contains(value))
        .map(|value| (index.name(value).to_owned(), builder.name(value)))
        .collect();
    let named = |name: &String| ValueInfoProto {
        name: Some(name.clone()),
        ..Default::default()
    };
    let inputs = given
        .iter()
        .flatten()
        .chain(leaves.iter().map(|(_, name)| name))
        .map(named)
        .collect();
    let model = ModelProto {
        ir_version: file.model().ir_version,
        opset_import: file.model().opset_import.clone(),
        functions: whole.called_by(&kept),
        graph: Some(GraphProto {
            name: Some("cut".to_owned()),
            node: kept,
            initializer: builder.initializers,
            input: inputs,
            output: wanted.iter().map(named).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    Ok(Cut {
        model,
        given,
        wanted,
        leaves,
        computed,
    })
}

/// Nodes of a part, the model inputs it reads, and the values that are known sizes.
type Reach = (FxHashSet<usize>, Vec<ValueId>, FxHashMap<ValueId, Tensor>);

impl Builder<'_> {
    fn reach(&mut self, wanted: &[ValueId], stops: &FxHashSet<ValueId>) -> Result<Reach, String> {
        let (index, graph) = (self.file.index(), self.file.graph());
        let mut nodes = FxHashSet::default();
        let mut seen = FxHashSet::default();
        let mut leaves = Vec::new();
        let mut frozen = FxHashMap::default();
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
                frozen.insert(value, size);
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
        Ok((nodes, leaves, frozen))
    }

    /// The result of a `Shape` node where the shape of its input is known.
    fn size(&self, node: &NodeProto) -> Option<Tensor> {
        if node.op_type() != "Shape" || !matches!(node.domain(), "" | "ai.onnx") {
            return None;
        }
        let shape = self.binding.shape(self.shapes.get(node.input.first()?)?)?;
        let rank = shape.len() as i64;
        let bound = |name: &str, default: i64| {
            let value = node
                .attribute
                .iter()
                .find(|a| a.name() == name)
                .and_then(|a| a.i)
                .unwrap_or(default);
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
                // No name that a body is likely to have.
                false => format!("cut/{next}"),
            })
            .clone()
    }

    /// The name of a value that is read; constants and known sizes come along.
    fn input(
        &mut self,
        value: ValueId,
        frozen: &FxHashMap<ValueId, Tensor>,
    ) -> Result<String, String> {
        let new = !self.names.contains_key(&value);
        let name = self.name(value);
        if !new {
            return Ok(name);
        }
        if let Some(size) = frozen.get(&value) {
            self.initializers.push(size.to_proto(&name));
        } else if let Some(position) = self.file.constant(value) {
            let proto = &self.file.graph().initializer[position];
            let tensor = self.file.tensor(proto).map_err(|e| e.to_string())?;
            self.bytes += tensor.data.len();
            if self.bytes > MAX_CONSTANT_BYTES {
                return Err("the part reads large constants".to_owned());
            }
            self.initializers.push(tensor.to_proto(&name));
        }
        Ok(name)
    }
}
