//! Names of values across graphs: which a model uses at all, which the bodies of a node take from outside, and new ones.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::proto::{GraphProto, ModelProto, NodeProto};

/// The bodies of a node: the graphs among its attributes, each with the attribute's name and its place in it.
pub(crate) fn bodies(node: &NodeProto) -> impl Iterator<Item = (&str, usize, &GraphProto)> {
    node.attribute.iter().flat_map(|attribute| {
        let named = attribute.graphs().enumerate();
        named.map(move |(place, graph)| (attribute.name(), place, graph))
    })
}

/// Names that are taken.
#[derive(Default)]
pub(crate) struct Taken {
    names: FxHashSet<String>,
    /// The last number given to each stem: no smaller one is free.
    counts: FxHashMap<String, usize>,
}

impl Taken {
    /// The names of all values of a model.
    pub(crate) fn of_model(model: &ModelProto) -> Taken {
        let mut taken = Taken::default();
        visit_names(model, &mut |name| {
            taken.names.insert(name.to_owned());
        });
        taken
    }

    /// A name that is not taken yet: `stem`, or `stem_2` and so on. It is taken from then on.
    pub(crate) fn fresh(&mut self, stem: &str) -> String {
        if self.names.insert(stem.to_owned()) {
            return stem.to_owned();
        }
        let count = self.counts.entry(stem.to_owned()).or_insert(1);
        loop {
            *count += 1;
            let name = format!("{stem}_{count}");
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }
}

impl FromIterator<String> for Taken {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Taken {
        Taken {
            names: names.into_iter().collect(),
            counts: FxHashMap::default(),
        }
    }
}

/// All nodes of a model: of its graph, of bodies at any depth, and of functions.
pub(crate) fn nodes(model: &ModelProto) -> impl Iterator<Item = &NodeProto> {
    let functions = model.functions.iter().flat_map(|f| &f.node);
    let graph = model.graph.iter().flat_map(|graph| &graph.node);
    with_bodies(graph.chain(functions))
}

/// Nodes, and those of their bodies at any depth.
pub(crate) fn with_bodies<'m>(
    nodes: impl Iterator<Item = &'m NodeProto>,
) -> impl Iterator<Item = &'m NodeProto> {
    let mut open: Vec<&NodeProto> = nodes.collect();
    std::iter::from_fn(move || {
        let node = open.pop()?;
        open.extend(node.bodies().flat_map(|body| &body.node));
        Some(node)
    })
}

/// Calls `visit` with every name of a value in a model: in its graph, in bodies at any depth, in functions, and in training.
fn visit_names<'a>(model: &'a ModelProto, visit: &mut impl FnMut(&'a str)) {
    let graphs = model.graph.iter().chain(training_graphs(model));
    graphs.for_each(|graph| visit_graph(graph, visit));
    for function in &model.functions {
        let own = function.input.iter().chain(&function.output);
        own.for_each(|name| visit(name));
        function
            .node
            .iter()
            .for_each(|node| visit_node(node, visit));
    }
}

fn visit_graph<'a>(graph: &'a GraphProto, visit: &mut impl FnMut(&'a str)) {
    defined(graph, visit);
    graph.output.iter().for_each(|o| visit(o.name()));
    graph.node.iter().for_each(|node| visit_node(node, visit));
}

fn visit_node<'a>(node: &'a NodeProto, visit: &mut impl FnMut(&'a str)) {
    node.input
        .iter()
        .chain(&node.output)
        .for_each(|name| visit(name));
    node.bodies().for_each(|body| visit_graph(body, visit));
}

/// Calls `visit` with the names that a graph itself defines.
pub(super) fn defined<'a>(graph: &'a GraphProto, visit: &mut impl FnMut(&'a str)) {
    graph.input.iter().for_each(|i| visit(i.name()));
    graph.initializer.iter().for_each(|t| visit(t.name()));
    let sparse = graph.sparse_initializer.iter();
    sparse
        .filter_map(|t| t.values.as_ref())
        .for_each(|t| visit(t.name()));
    let made = graph.node.iter().flat_map(|n| &n.output);
    made.for_each(|name| visit(name));
}

/// The names that the bodies of a node use and that neither they nor the bodies around them define, in alphabetical order.
pub(crate) fn captured(node: &NodeProto) -> BTreeSet<&str> {
    let mut outer = BTreeSet::new();
    let mut scopes = Vec::new();
    node.bodies()
        .for_each(|body| used_by(body, &mut scopes, &mut outer));
    outer
}

/// The names that one body uses and does not define, in alphabetical order.
pub(crate) fn captured_by_body(body: &GraphProto) -> BTreeSet<&str> {
    let mut outer = BTreeSet::new();
    used_by(body, &mut Vec::new(), &mut outer);
    outer
}

/// The graphs that train a model. They see the values and call the functions of the model.
pub(crate) fn training_graphs(model: &ModelProto) -> impl Iterator<Item = &GraphProto> {
    let graphs = model
        .training_info
        .iter()
        .flat_map(|training| [&training.initialization, &training.algorithm]);
    graphs.flatten()
}

/// The names of the main graph that training reads or sets: what its graphs take from outside, and the ends of its bindings.
pub(crate) fn used_by_training(model: &ModelProto) -> BTreeSet<&str> {
    let mut named = BTreeSet::new();
    named.extend(training_graphs(model).flat_map(captured_by_body));
    for training in &model.training_info {
        let bindings = training.initialization_binding.iter();
        let bindings = bindings.chain(&training.update_binding);
        named.extend(bindings.flat_map(|binding| [binding.key(), binding.value()]));
    }
    named
}

fn used_by<'a>(
    body: &'a GraphProto,
    scopes: &mut Vec<FxHashSet<&'a str>>,
    outer: &mut BTreeSet<&'a str>,
) {
    let mut own = FxHashSet::default();
    defined(body, &mut |name| {
        own.insert(name);
    });
    scopes.push(own);
    let mut used = |name: &'a str, scopes: &[FxHashSet<&str>]| {
        if !name.is_empty() && !scopes.iter().any(|s| s.contains(name)) {
            outer.insert(name);
        }
    };
    body.output.iter().for_each(|o| used(o.name(), scopes));
    for inner in &body.node {
        inner.input.iter().for_each(|name| used(name, scopes));
    }
    for inner in &body.node {
        inner.bodies().for_each(|body| used_by(body, scopes, outer));
    }
    scopes.pop();
}

#[cfg(test)]
mod tests {
    use super::Taken;

    #[test]
    fn fresh_names_count_from_the_first_that_is_free() {
        let names = ["a", "a_2", "a_4", "b_3"];
        let mut taken: Taken = names.into_iter().map(str::to_owned).collect();
        let fresh: Vec<String> = ["a", "a", "b", "b", "b", "a", "a_2"]
            .map(|stem| taken.fresh(stem))
            .to_vec();
        assert_eq!(fresh, ["a_3", "a_5", "b", "b_2", "b_4", "a_6", "a_2_2"]);
    }
}
