//! One graph with who makes each value, and how two versions of it differ.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::proto::{NodeProto, TensorProto};
use crate::scopes::Part;

/// The nodes and constants of a graph.
pub(crate) struct Web<'m> {
    /// All nodes.
    pub nodes: Vec<&'m NodeProto>,
    makers: FxHashMap<&'m str, usize>,
    initializers: FxHashMap<&'m str, &'m TensorProto>,
    readers: FxHashMap<&'m str, Vec<usize>>,
}

/// A constant, as far as it can be shown.
#[derive(Clone, Copy)]
pub(super) enum Constant<'m> {
    /// A tensor.
    Tensor(&'m TensorProto),
    /// A `Constant` that holds numbers or text in an attribute.
    Node(&'m NodeProto),
}

impl<'m> Web<'m> {
    /// The graph of a model or a function.
    pub(crate) fn of(part: Part<'m>) -> Self {
        let nodes: Vec<&NodeProto> = part.nodes().iter().collect();
        let mut makers = FxHashMap::default();
        let mut readers: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for (at, node) in nodes.iter().enumerate() {
            for value in named(&node.output) {
                makers.insert(value, at);
            }
            for value in named(&node.input) {
                readers.entry(value).or_default().push(at);
            }
        }
        let initializers = match part {
            Part::Graph(graph) => &graph.initializer[..],
            Part::Function(_) => &[],
        };
        let initializers = initializers.iter().map(|tensor| (tensor.name(), tensor));
        Self {
            nodes,
            makers,
            initializers: initializers.collect(),
            readers,
        }
    }

    /// The node that makes a value.
    pub(crate) fn maker(&self, value: &str) -> Option<usize> {
        self.makers.get(value).copied()
    }

    /// The nodes that read a value.
    pub(super) fn readers(&self, value: &str) -> &[usize] {
        self.readers.get(value).map_or(&[], Vec::as_slice)
    }

    /// The constant that a value is.
    pub(super) fn constant(&self, value: &str) -> Option<Constant<'m>> {
        if let Some(node) = self.maker(value).map(|at| self.nodes[at]) {
            return node.is_onnx("Constant").then(|| match node.constant() {
                Some((_, tensor)) => Constant::Tensor(tensor),
                None => Constant::Node(node),
            });
        }
        self.initializers
            .get(value)
            .map(|tensor| Constant::Tensor(tensor))
    }

    /// Which nodes another version of the graph does not have.
    pub(crate) fn without(&self, other: &Web<'_>) -> Vec<bool> {
        let known: FxHashSet<_> = other.nodes.iter().map(|node| identity(node)).collect();
        let nodes = self.nodes.iter();
        nodes.map(|node| !known.contains(&identity(node))).collect()
    }
}

/// What a node is known by in two versions of a graph. Bodies may differ.
fn identity(node: &NodeProto) -> (&str, &str, &[String], &[String]) {
    (node.domain(), node.op_type(), &node.input, &node.output)
}

/// The names of values that are there: an empty name stands for an input that is left out.
pub(super) fn named(values: &[String]) -> impl Iterator<Item = &str> {
    values
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
}
