//! Expanding calls of functions: of all that a model has, in a copy made for analysis ([`inline`]), or of some, node by node
//! ([`Expander`]).
//!
//! Engines that ignore `ModelProto.functions` can run the copy, and an analysis sees through the calls.

use rustc_hash::{FxHashMap, FxHashSet};

pub(crate) use super::edit::domain;
use super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
};

/// Functions that call functions can describe exponentially many nodes; beyond this many, calls stay calls.
const MAX_NODES: usize = 500_000;

/// Calls inside calls beyond this depth stay calls.
const MAX_DEPTH: usize = 100;

/// Domain, name and overload of a function.
pub(crate) type Key = (String, String, String);

/// A copy of `model` in which calls of its functions are replaced by their bodies, at any depth and in the bodies of If,
/// Loop and Scan too.
///
/// Values and nodes of an expanded body get fresh names. An attribute that refers to an attribute of the call takes its
/// value, otherwise the function's default, otherwise it is left out; an optional input that the call leaves out is an empty name inside.
///
/// A call stays a call, and its function in the model, where expanding it would not mean the same or would not end: when
/// the function imports another version of an operator set than the model does, calls itself, or
/// the copy would grow beyond half a million nodes or 100 calls inside each other.
pub fn inline(model: &ModelProto) -> ModelProto {
    inline_but(model, &|_| false)
}

/// The same, for all functions but those that `keep` names: they and their calls stay.
pub(crate) fn inline_but(model: &ModelProto, keep: &dyn Fn(&FunctionProto) -> bool) -> ModelProto {
    let mut copy = model.clone();
    if model.functions.iter().all(keep) {
        return copy;
    }
    let Some(graph) = &mut copy.graph else {
        return copy;
    };
    let mut names = Names::default();
    collect_names(graph, &mut names);
    let functions = model.functions.iter().filter(|f| !keep(f));
    let mut inliner = Inliner::new(model, functions, names);
    inliner.graph(graph);
    let Inliner { imports, left, .. } = inliner;
    for (name, version) in imports {
        let known = |o: &OperatorSetIdProto| domain(o.domain()) == name;
        if !copy.opset_import.iter().any(known) {
            copy.opset_import.push(OperatorSetIdProto {
                domain: Some(name),
                version: Some(version),
            });
        }
    }
    if !left {
        copy.functions.retain(keep);
    }
    copy
}

/// Expands the calls of some functions in nodes of a model, one node after the other. New nodes and values have names that are
/// unique in the model and among themselves.
pub struct Expander<'a>(Inliner<'a>);

impl<'a> Expander<'a> {
    /// Expands calls of `functions` in nodes of `model`, whether or not they are functions of it.
    pub fn new(model: &ModelProto, functions: &'a [FunctionProto]) -> Expander<'a> {
        let mut names = Names::default();
        model
            .graph
            .iter()
            .for_each(|graph| collect_names(graph, &mut names));
        for function in &model.functions {
            names
                .values
                .extend(function.input.iter().chain(&function.output).cloned());
            function
                .node
                .iter()
                .for_each(|node| collect_names_of(node, &mut names));
        }
        Expander(Inliner::new(model, functions.iter(), names))
    }

    /// The replacement of a node: the body of its function, or the node with calls in its own bodies expanded;
    /// `None` where nothing in it is a call, or one must stay a call ([`inline`] says when).
    pub fn node(&mut self, node: &NodeProto) -> Option<Vec<NodeProto>> {
        self.0.left = false;
        let mut out = Vec::new();
        self.0.node(node.clone(), &mut out);
        (!self.0.left && out != [node.clone()]).then_some(out)
    }

    /// Operator sets that the expanded bodies import and the model does not.
    pub fn imports(&self) -> &[(String, i64)] {
        &self.0.imports
    }
}

/// The function that a node calls, if the model has one of this key.
pub(crate) fn called_by(node: &NodeProto) -> Key {
    (
        domain(node.domain()).to_owned(),
        node.op_type().to_owned(),
        node.overload().to_owned(),
    )
}

/// The key of a function.
pub(crate) fn key(function: &FunctionProto) -> Key {
    let domain = domain(function.domain()).to_owned();
    (
        domain,
        function.name().to_owned(),
        function.overload().to_owned(),
    )
}

fn versions(imports: &[OperatorSetIdProto]) -> FxHashMap<String, i64> {
    let pair = |o: &OperatorSetIdProto| (domain(o.domain()).to_owned(), o.version());
    imports.iter().map(pair).collect()
}

/// Names of values and of nodes. They may coincide, but ONNX Runtime refuses two nodes of one name.
#[derive(Default)]
struct Names {
    values: FxHashSet<String>,
    nodes: FxHashSet<String>,
    /// Number that makes a name new.
    next: usize,
}

impl Names {
    fn fresh(set: &mut FxHashSet<String>, next: &mut usize, prefix: &str, name: &str) -> String {
        let mut fresh = format!("{prefix}{name}");
        while !set.insert(fresh.clone()) {
            *next += 1;
            fresh = format!("{prefix}{next}/{name}");
        }
        fresh
    }

    fn value(&mut self, prefix: &str, name: &str) -> String {
        Self::fresh(&mut self.values, &mut self.next, prefix, name)
    }

    fn node(&mut self, prefix: &str, node: &NodeProto) -> String {
        let name = match node.name() {
            "" => node.op_type(),
            name => name,
        };
        Self::fresh(&mut self.nodes, &mut self.next, prefix, name)
    }
}

fn collect_names(graph: &GraphProto, names: &mut Names) {
    names
        .values
        .extend(graph.input.iter().map(|i| i.name().to_owned()));
    names
        .values
        .extend(graph.initializer.iter().map(|t| t.name().to_owned()));
    let sparse = graph.sparse_initializer.iter();
    let sparse = sparse.filter_map(|t| Some(t.values.as_ref()?.name().to_owned()));
    names.values.extend(sparse);
    graph
        .node
        .iter()
        .for_each(|node| collect_names_of(node, names));
}

fn collect_names_of(node: &NodeProto, names: &mut Names) {
    names.nodes.insert(node.name().to_owned());
    names
        .values
        .extend(node.input.iter().chain(&node.output).cloned());
    node.bodies().for_each(|body| collect_names(body, names));
}

struct Inliner<'a> {
    functions: FxHashMap<Key, &'a FunctionProto>,
    versions: FxHashMap<String, i64>,
    imports: Vec<(String, i64)>,
    names: Names,
    nodes: usize,
    active: Vec<Key>,
    left: bool,
}

impl<'a> Inliner<'a> {
    fn new(
        model: &ModelProto,
        functions: impl Iterator<Item = &'a FunctionProto>,
        names: Names,
    ) -> Inliner<'a> {
        Inliner {
            functions: functions.map(|f| (key(f), f)).collect(),
            versions: versions(&model.opset_import),
            imports: Vec::new(),
            names,
            nodes: 0,
            active: Vec::new(),
            left: false,
        }
    }

    fn graph(&mut self, graph: &mut GraphProto) {
        let mut out = Vec::with_capacity(graph.node.len());
        for node in std::mem::take(&mut graph.node) {
            self.node(node, &mut out);
        }
        graph.node = out;
    }

    /// Appends `node`, or what it stands for, to `out`.
    fn node(&mut self, mut node: NodeProto, out: &mut Vec<NodeProto>) {
        self.nodes += 1;
        let key = called_by(&node);
        let function = self.functions.get(&key).copied();
        let Some(function) = function else {
            node.bodies_mut().for_each(|body| self.graph(body));
            out.push(node);
            return;
        };
        let clash = |o: &OperatorSetIdProto| {
            let version = self.versions.get(domain(o.domain()));
            version.is_some_and(|v| *v != o.version())
        };
        let grown = self.nodes + function.node.len() > MAX_NODES;
        let deep = self.active.len() >= MAX_DEPTH;
        if grown || deep || self.active.contains(&key) || function.opset_import.iter().any(clash) {
            self.left = true;
            out.push(node);
            return;
        }
        for import in &function.opset_import {
            let name = domain(import.domain()).to_owned();
            if self
                .versions
                .insert(name.clone(), import.version())
                .is_none()
            {
                self.imports.push((name, import.version()));
            }
        }
        self.active.push(key);
        for inner in self.body(function, &node) {
            self.node(inner, out);
        }
        self.active.pop();
    }

    /// The nodes of a call, with names and attributes in place.
    fn body(&mut self, function: &FunctionProto, call: &NodeProto) -> Vec<NodeProto> {
        let prefix = match call.name() {
            "" => self.names.node("", call) + "/",
            name => format!("{name}/"),
        };
        let mut scope: FxHashMap<&str, String> = FxHashMap::default();
        for (slot, formal) in function.input.iter().enumerate() {
            scope.insert(formal, call.input.get(slot).cloned().unwrap_or_default());
        }
        let mut tail = Vec::new();
        for (slot, formal) in function.output.iter().enumerate() {
            let Some(actual) = call.output.get(slot).filter(|name| !name.is_empty()) else {
                continue;
            };
            if let Some(same) = scope.get(formal.as_str()) {
                // An input, or an output listed before: one value may not have two names.
                let mut copy = NodeProto {
                    op_type: Some("Identity".into()),
                    input: vec![same.clone()],
                    output: vec![actual.clone()],
                    ..Default::default()
                };
                copy.name = Some(self.names.node(&prefix, &copy));
                tail.push(copy);
            } else {
                scope.insert(formal, actual.clone());
            }
        }
        let attributes = Attributes { function, call };
        let mut scopes = vec![scope];
        let mut nodes = Vec::with_capacity(function.node.len() + tail.len());
        for node in &function.node {
            nodes.push(self.rename(node, &prefix, &mut scopes, &attributes));
        }
        nodes.extend(tail);
        nodes
    }

    fn rename<'f>(
        &mut self,
        node: &'f NodeProto,
        prefix: &str,
        scopes: &mut Vec<FxHashMap<&'f str, String>>,
        attributes: &Attributes<'_>,
    ) -> NodeProto {
        let mut copy = node.clone();
        copy.name = Some(self.names.node(prefix, node));
        let inputs = node.input.iter().map(|n| self.name(n, prefix, scopes));
        copy.input = inputs.collect();
        let outputs = node.output.iter().map(|n| self.name(n, prefix, scopes));
        copy.output = outputs.collect();
        let resolved = node.attribute.iter().filter_map(|a| attributes.resolve(a));
        copy.attribute = resolved.collect();
        // Graphs come from the function's node itself: a reference to a graph attribute of the call is already renamed.
        for (attribute, original) in pairs(&mut copy.attribute, &node.attribute) {
            if let (Some(to), Some(from)) = (&mut attribute.g, &original.g) {
                **to = self.rename_graph(from, prefix, scopes, attributes);
            }
            for (to, from) in attribute.graphs.iter_mut().zip(&original.graphs) {
                *to = self.rename_graph(from, prefix, scopes, attributes);
            }
        }
        copy
    }

    fn rename_graph<'f>(
        &mut self,
        graph: &'f GraphProto,
        prefix: &str,
        scopes: &mut Vec<FxHashMap<&'f str, String>>,
        attributes: &Attributes<'_>,
    ) -> GraphProto {
        let mut scope = FxHashMap::default();
        let sparse = graph
            .sparse_initializer
            .iter()
            .filter_map(|t| t.values.as_ref());
        let tensors = graph.initializer.iter().chain(sparse).map(|t| t.name());
        let made = graph
            .node
            .iter()
            .flat_map(|n| &n.output)
            .map(String::as_str);
        let inputs = graph.input.iter().map(|i| i.name());
        for local in inputs.chain(tensors).chain(made).filter(|n| !n.is_empty()) {
            if !scope.contains_key(local) {
                let fresh = self.names.value(prefix, local);
                scope.insert(local, fresh);
            }
        }
        scopes.push(scope);
        let mut copy = graph.clone();
        for (new, old) in [
            (&mut copy.input, &graph.input),
            (&mut copy.output, &graph.output),
            (&mut copy.value_info, &graph.value_info),
        ] {
            for (new, old) in new.iter_mut().zip(old) {
                new.name = Some(self.name(old.name(), prefix, scopes));
            }
        }
        for (new, old) in copy.initializer.iter_mut().zip(&graph.initializer) {
            new.name = Some(self.name(old.name(), prefix, scopes));
        }
        let sparse = copy.sparse_initializer.iter_mut();
        for (new, old) in sparse.zip(&graph.sparse_initializer) {
            if let (Some(new), Some(old)) = (&mut new.values, &old.values) {
                new.name = Some(self.name(old.name(), prefix, scopes));
            }
        }
        copy.node = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            copy.node
                .push(self.rename(node, prefix, scopes, attributes));
        }
        scopes.pop();
        copy
    }

    /// The new name of a value of the function; made when first met.
    fn name<'f>(
        &mut self,
        old: &'f str,
        prefix: &str,
        scopes: &mut [FxHashMap<&'f str, String>],
    ) -> String {
        if old.is_empty() {
            return String::new();
        }
        if let Some(new) = scopes.iter().rev().find_map(|s| s.get(old)) {
            return new.clone();
        }
        let new = self.names.value(prefix, old);
        scopes[0].insert(old, new.clone());
        new
    }
}

/// Renamed attributes with the ones they were made from.
fn pairs<'m, 'f>(
    new: &'m mut [AttributeProto],
    old: &'f [AttributeProto],
) -> impl Iterator<Item = (&'m mut AttributeProto, &'f AttributeProto)> {
    let origin = |a: &AttributeProto| old.iter().find(|o| o.name() == a.name());
    let own = move |a: &'m mut AttributeProto| origin(a).map(|o| (a, o));
    new.iter_mut().filter_map(own)
}

/// Where references to attributes are looked up.
struct Attributes<'a> {
    function: &'a FunctionProto,
    call: &'a NodeProto,
}

impl Attributes<'_> {
    /// The attribute with a reference replaced by what it refers to; `None` if that is absent.
    fn resolve(&self, attribute: &AttributeProto) -> Option<AttributeProto> {
        let wanted = attribute.ref_attr_name();
        if wanted.is_empty() {
            return Some(attribute.clone());
        }
        let mut given = self
            .call
            .attribute
            .iter()
            .chain(&self.function.attribute_proto);
        let given = given.find(|a| a.name() == wanted)?;
        Some(AttributeProto {
            name: attribute.name.clone(),
            ..given.clone()
        })
    }
}
