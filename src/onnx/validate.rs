//! Checks a whole model against the specification of ONNX: its graph, the bodies of nodes at any depth, and its functions.
//!
//! * Every value that is used is defined: by the graph, or by one around a body.
//! * Every node of an operator that the table knows has the inputs, outputs and attributes that the operator set allows ([`check`]).
//!
//! Left alone are operators of other domains, calls of the model's functions, operators and attributes that the operator set does not
//! have, and numbers that depend on a rank that only inference would tell.

use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use super::check::{Operand, Reader, check};
use super::functions::{Key, called_by, domain, key};
use super::names::{bodies, defined};
use super::proto::{
    FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto, tensor_shape_proto::dimension, type_proto,
};
use super::{Error, Tensor};

/// Elements of the largest constant that is read; lists of axes and sizes are shorter.
const MAX_NUMBERS: usize = 2048;

/// What is wrong with a model.
#[derive(Debug)]
pub(super) enum Violation {
    /// Node, cause.
    Operator(String, String),
    /// Value, user.
    Undefined(String, String),
}

impl Violation {
    /// The error to report of the file at `path`.
    pub(super) fn in_file(self, path: &Path) -> Error {
        let file = path.to_owned();
        match self {
            Violation::Operator(node, cause) => Error::Operator { file, node, cause },
            Violation::Undefined(value, user) => Error::Undefined { file, value, user },
        }
    }
}

/// The first thing in a model that the specification does not allow.
pub(super) fn validate(model: &ModelProto) -> Result<(), Violation> {
    let functions: FxHashSet<Key> = model.functions.iter().map(key).collect();
    if let Some(graph) = &model.graph {
        let mut scopes = Scopes::new(&functions, &model.opset_import, String::new());
        scopes.graph(graph, model.ir_version())?;
    }
    for function in &model.functions {
        Scopes::new(
            &functions,
            &function.opset_import,
            format!("function `{}`, ", function.name()),
        )
        .function(function)?;
    }
    Ok(())
}

/// The graphs around the node that is being checked.
struct Scopes<'a> {
    functions: &'a FxHashSet<Key>,
    /// Versions of operator sets by domain.
    imports: FxHashMap<&'a str, i64>,
    /// The path to the node, as messages show it.
    path: String,
    /// What each graph defines, and what is known of it.
    values: Vec<FxHashMap<&'a str, Operand>>,
}

impl<'a> Scopes<'a> {
    fn new(functions: &'a FxHashSet<Key>, imports: &'a [OperatorSetIdProto], path: String) -> Self {
        let imports = imports.iter().map(|o| (domain(o.domain()), o.version()));
        Self {
            functions,
            imports: imports.collect(),
            path,
            values: Vec::new(),
        }
    }

    /// A main graph, or a body in one; inputs of a main graph bind, and initializers among them may be overridden.
    fn graph(&mut self, graph: &'a GraphProto, ir_version: i64) -> Result<(), Violation> {
        let mut own = FxHashMap::default();
        defined(graph, &mut |name| {
            own.insert(name, Operand::default());
        });
        if self.values.is_empty() {
            own.extend(graph.input.iter().map(|info| (info.name(), declared(info))));
        }
        let overridable: FxHashSet<&str> = match ir_version {
            ..=3 => FxHashSet::default(),
            _ => graph.input.iter().map(|info| info.name()).collect(),
        };
        let constants = graph.initializer.iter();
        own.extend(
            constants
                .filter(|tensor| !overridable.contains(tensor.name()))
                .map(|tensor| (tensor.name(), constant(tensor))),
        );
        self.nodes(&graph.node, own)?;
        for output in &graph.output {
            if !self.knows(output.name()) {
                let user = format!("{}graph output", self.path);
                return Err(Violation::Undefined(output.name().to_owned(), user));
            }
        }
        self.values.pop();
        Ok(())
    }

    fn function(&mut self, function: &'a FunctionProto) -> Result<(), Violation> {
        let made = function.node.iter().flat_map(|node| &node.output);
        let own = function.input.iter().chain(made);
        let own = own.map(|name| (name.as_str(), Operand::default()));
        self.nodes(&function.node, own.collect())
    }

    /// The nodes of a graph that defines `own`, which stays the innermost scope.
    fn nodes(
        &mut self,
        nodes: &'a [NodeProto],
        mut own: FxHashMap<&'a str, Operand>,
    ) -> Result<(), Violation> {
        for node in nodes {
            if let Some((name, tensor)) = node.constant() {
                own.insert(name, constant(tensor));
            }
        }
        self.values.push(own);
        for (position, node) in nodes.iter().enumerate() {
            let place = format!(
                "{}node[{position}] `{}` ({})",
                self.path,
                node.name(),
                node.op_type()
            );
            if let Some(name) = node.input.iter().find(|name| !self.knows(name)) {
                return Err(Violation::Undefined(name.clone(), place));
            }
            let import = self.imports.get(domain(node.domain()));
            if let Some(&opset) = import.filter(|_| !self.functions.contains(&called_by(node))) {
                check(node, opset, Reader::Anyone, &|slot| {
                    self.operand(node, slot)
                })
                .map_err(|cause| Violation::Operator(place.clone(), cause))?;
            }
            for (attribute, _, body) in bodies(node) {
                let outside =
                    std::mem::replace(&mut self.path, format!("{place}, `{attribute}`: "));
                self.graph(body, 0)?;
                self.path = outside;
            }
        }
        Ok(())
    }

    /// Whether a value is defined here or around, or left out.
    fn knows(&self, name: &str) -> bool {
        name.is_empty() || self.values.iter().any(|scope| scope.contains_key(name))
    }

    fn operand(&self, node: &NodeProto, slot: usize) -> Operand {
        let name = node.input.get(slot).map(String::as_str);
        let scopes = self.values.iter().rev();
        let known = name.and_then(|name| scopes.filter_map(|scope| scope.get(name)).next());
        known.cloned().unwrap_or_default()
    }
}

/// What the declaration of an input says.
fn declared(info: &ValueInfoProto) -> Operand {
    let kind = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let shape = match kind {
        Some(type_proto::Value::TensorType(tensor)) => tensor.shape.as_ref(),
        _ => None,
    };
    let size = |value: &Option<dimension::Value>| match value {
        Some(dimension::Value::DimValue(n)) => Some(*n),
        _ => None,
    };
    Operand {
        dims: shape.map(|shape| shape.dim.iter().map(|dim| size(&dim.value)).collect()),
        numbers: None,
    }
}

/// What an initializer says, if it lies in the model.
fn constant(tensor: &TensorProto) -> Operand {
    let count = tensor
        .dims
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(usize::try_from(*d).ok()?));
    let small = !tensor.is_external() && count.is_some_and(|count| count <= MAX_NUMBERS);
    let elements = small.then(|| Tensor::from_proto(tensor).ok()).flatten();
    Operand {
        dims: Some(tensor.dims.iter().map(|n| Some(*n)).collect()),
        numbers: elements
            .filter(|tensor| tensor.dtype.is_integer())
            .and_then(|tensor| tensor.to_i64()),
    }
}
