//! Makes a model of a function, with what all its calls have in common.
//!
//! A site in a function is fused once for all calls, so it must be one in each. An input is a constant only if all calls pass the
//! same tensor; of types and shapes, the model keeps those on which all calls agree. Nodes that refer to an attribute to which
//! the calls give different values become operators that nothing is known of.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::is_operator;
use super::library::Library;
use super::outside::Outside;
use super::prepare;
use crate::facts::{Fact, Facts};
use crate::onnx::functions::{Key, called_by, key};
use crate::onnx::names::{self, bodies};
use crate::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto,
};
use crate::onnx::{Error, ModelFile};
use crate::recognize::{self, Site};
use crate::symbolic::Budget;

/// Constants up to this size are compared between calls.
const MAX_CONSTANT_BYTES: usize = 16 << 20;
/// How many ways of setting the attributes of a function are tried, to report the sites that exist for some calls only.
const MAX_BINDINGS: usize = 4;
/// A domain without operators: nodes whose attributes depend on the call are moved there, and so are not interpreted.
const UNBOUND: &str = "unbound";

/// The calls of a model's functions, recorded while graphs are searched.
#[derive(Default)]
pub(super) struct Calls {
    positions: FxHashMap<Key, usize>,
    functions: Vec<Function>,
    /// Functions all of whose calls have been met, and that are not searched yet.
    ready: BTreeSet<usize>,
}

#[derive(Default)]
struct Function {
    /// The number of calls that have not been met yet.
    open: usize,
    calls: Vec<Call>,
    /// Whether a call remains after the sites found so far are fused.
    lives: bool,
}

/// One call.
pub(super) struct Call {
    arguments: Vec<Option<Argument>>,
    attributes: Vec<AttributeProto>,
}

struct Argument {
    fact: Fact,
    constant: Option<TensorProto>,
}

impl Calls {
    /// The functions of a model that are not our operators, with none of their calls met.
    pub(super) fn of(model: &ModelProto) -> Calls {
        let mut calls = Calls::default();
        for (position, function) in model.functions.iter().enumerate() {
            if !is_operator(function.domain()) {
                calls.positions.insert(key(function), position);
            }
            calls.functions.push(Function::default());
        }
        if calls.positions.is_empty() {
            return calls;
        }
        let mut reached = FxHashSet::default();
        // Training graphs are counted and never searched: a function that training calls is never ready, and stays as it is.
        let graphs = model.graph.iter().chain(names::training_graphs(model));
        let mut queue: Vec<&[NodeProto]> = graphs.map(|g| &g.node[..]).collect();
        while let Some(nodes) = queue.pop() {
            for position in calls.inside(nodes) {
                calls.functions[position].open += 1;
                if reached.insert(position) {
                    queue.push(&model.functions[position].node);
                }
            }
        }
        calls
    }

    /// The functions that these nodes and their bodies call, one entry for each call.
    fn inside(&self, nodes: &[NodeProto]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open: Vec<&NodeProto> = nodes.iter().collect();
        while let Some(node) = open.pop() {
            found.extend(self.positions.get(&called_by(node)));
            open.extend(bodies(node).flat_map(|(_, _, body)| &body.node));
        }
        found
    }

    /// Whether one of these nodes, or one in their bodies, is a call.
    pub(super) fn any_in(&self, nodes: &[NodeProto]) -> bool {
        !self.positions.is_empty() && !self.inside(nodes).is_empty()
    }

    /// Records a node, if it is a call. `removed`: fusing removes it.
    pub(super) fn record(&mut self, node: &NodeProto, around: Outside<'_>, removed: bool) {
        if self.positions.is_empty() {
            return;
        }
        let Some(&position) = self.positions.get(&called_by(node)) else {
            return;
        };
        let function = &mut self.functions[position];
        function.lives |= !removed;
        function.calls.push(Call {
            arguments: node
                .input
                .iter()
                .map(|name| argument(name, around))
                .collect(),
            attributes: node.attribute.clone(),
        });
        self.meet(position);
    }

    /// Counts a call of a function as met.
    fn meet(&mut self, position: usize) {
        let function = &mut self.functions[position];
        function.open -= 1;
        if function.open == 0 && !function.calls.is_empty() {
            self.ready.insert(position);
        }
    }

    /// Counts the calls in these nodes as met, without recording them: fusing removes these nodes.
    pub(super) fn forget(&mut self, nodes: &[NodeProto]) {
        for position in self.inside(nodes) {
            self.meet(position);
        }
    }

    /// The next function all of whose calls have been met. One that is left without calls is skipped, and so are its own calls.
    pub(super) fn next(&mut self, model: &ModelProto) -> Option<usize> {
        loop {
            let position = self.ready.pop_first()?;
            if self.functions[position].lives {
                return Some(position);
            }
            self.forget(&model.functions[position].node);
        }
    }

    /// The recorded calls of a function.
    pub(super) fn of_function(&self, position: usize) -> &[Call] {
        &self.functions[position].calls
    }
}

fn argument(name: &str, around: Outside<'_>) -> Option<Argument> {
    if name.is_empty() {
        return None;
    }
    let index = around.file.index();
    let graph = around.file.graph();
    let id = index.id(name).filter(|id| !index.is_input(*id));
    let constant = id.and_then(|id| match index.producer(id) {
        None => index.initializer(id).map(|at| &graph.initializer[at]),
        Some((node, _)) => graph.node[node].constant().map(|(_, tensor)| tensor),
    });
    Some(Argument {
        fact: around.facts.get(name).cloned().unwrap_or_default(),
        constant: constant.cloned(),
    })
}

/// The model of a function.
pub(super) struct FunctionModel {
    /// The function as a model.
    pub(super) file: ModelFile,
    /// If the calls set attributes differently: a model for each way of setting them, and the name of an attribute that differs.
    variants: Vec<(ModelFile, String)>,
}

/// Makes the model of a function from all its calls.
///
/// # Errors
/// If the function defines a value twice or has a cycle.
pub(super) fn model(
    main: &ModelFile,
    function: &FunctionProto,
    calls: &[Call],
) -> Result<FunctionModel, Error> {
    let mut graph = GraphProto {
        node: function.node.clone(),
        ..Default::default()
    };
    let named = |name: &String| Fact::default().to_info(name);
    graph.output = function.output.iter().map(named).collect();
    for (slot, name) in function.input.iter().enumerate() {
        let arguments: Vec<Option<&Argument>> = calls
            .iter()
            .map(|call| call.arguments.get(slot).and_then(Option::as_ref))
            .collect();
        if let Some(tensor) = common(main, &arguments) {
            graph.initializer.push(TensorProto {
                name: Some(name.clone()),
                ..tensor.clone()
            });
        } else {
            let facts = arguments
                .iter()
                .map(|a| a.map(|a| a.fact.clone()).unwrap_or_default());
            graph
                .input
                .push(facts.reduce(Fact::common).unwrap_or_default().to_info(name));
        }
    }
    let bindings: Vec<Vec<AttributeProto>> =
        calls.iter().map(|call| bound(function, call)).collect();
    let differing: BTreeSet<&String> = function
        .attribute
        .iter()
        .chain(
            function
                .attribute_proto
                .iter()
                .filter_map(|a| a.name.as_ref()),
        )
        .filter(|name| {
            let value = |binding: &[AttributeProto]| {
                binding.iter().find(|a| a.name() == name.as_str()).cloned()
            };
            bindings
                .windows(2)
                .any(|pair| value(&pair[0]) != value(&pair[1]))
        })
        .collect();
    let model_of = |binding: &[AttributeProto], differing: &BTreeSet<&String>| {
        let mut graph = graph.clone();
        graph
            .node
            .iter_mut()
            .for_each(|node| bind(node, binding, differing));
        in_memory(main, function, graph)
    };
    let first = bindings.first().map_or(&[][..], |b| &b[..]);
    let file = model_of(first, &differing)?;
    let mut variants = Vec::new();
    if let Some(attribute) = differing.first() {
        let mut distinct: Vec<&[AttributeProto]> = Vec::new();
        for binding in &bindings {
            if !distinct.contains(&&binding[..]) && distinct.len() < MAX_BINDINGS {
                distinct.push(binding);
            }
        }
        for binding in distinct {
            variants.push((model_of(binding, &BTreeSet::new())?, (*attribute).clone()));
        }
    }
    Ok(FunctionModel { file, variants })
}

fn in_memory(
    main: &ModelFile,
    function: &FunctionProto,
    graph: GraphProto,
) -> Result<ModelFile, Error> {
    let model = main.model();
    let mut opsets = function.opset_import.clone();
    let own = opsets
        .iter()
        .map(|o| o.domain().to_owned())
        .collect::<Vec<_>>();
    opsets.extend(
        model
            .opset_import
            .iter()
            .filter(|o| !own.iter().any(|d| d == o.domain()))
            .cloned(),
    );
    let model = ModelProto {
        ir_version: model.ir_version,
        opset_import: opsets,
        graph: Some(graph),
        ..Default::default()
    };
    ModelFile::in_memory(main.path(), model)
}

/// The constant that all calls pass. Large tensors are equal only if their messages are.
fn common<'a>(main: &ModelFile, arguments: &[Option<&'a Argument>]) -> Option<&'a TensorProto> {
    let mut tensors = arguments
        .iter()
        .map(|a| a.and_then(|a| a.constant.as_ref()));
    let first = tensors.next()??;
    let bytes = |t: &TensorProto| t.dims.iter().fold(8i64, |n, d| n.saturating_mul(*d));
    let small = |t: &TensorProto| usize::try_from(bytes(t)).is_ok_and(|n| n <= MAX_CONSTANT_BYTES);
    let mut value = None;
    for tensor in tensors {
        let tensor = tensor?;
        if tensor == first {
            continue;
        }
        if !small(tensor) || !small(first) {
            return None;
        }
        if value.is_none() {
            value = Some(main.tensor(first).ok()?);
        }
        if value != Some(main.tensor(tensor).ok()?) {
            return None;
        }
    }
    Some(first)
}

/// The attributes of a function in a call: those that the call gives, and the function's defaults for others.
fn bound(function: &FunctionProto, call: &Call) -> Vec<AttributeProto> {
    let given = |name: &str| call.attributes.iter().any(|a| a.name() == name);
    let defaults = function.attribute_proto.iter().filter(|a| !given(a.name()));
    call.attributes.iter().chain(defaults).cloned().collect()
}

/// Replaces references to attributes by their values, in a node and its bodies. A node that refers to one of `unbound` becomes
/// unknown.
fn bind(node: &mut NodeProto, binding: &[AttributeProto], unbound: &BTreeSet<&String>) {
    // A graph that a call passes belongs to the call: a change of this function may not change it.
    let graph = |name: &str| {
        binding
            .iter()
            .any(|a| a.name() == name && (a.g.is_some() || !a.graphs.is_empty()))
    };
    let refers = |a: &AttributeProto| {
        let name = a.ref_attr_name();
        unbound.iter().any(|unbound| unbound.as_str() == name) || !name.is_empty() && graph(name)
    };
    if node.attribute.iter().any(refers) {
        node.domain = Some(UNBOUND.to_owned());
    }
    node.attribute.retain_mut(|attribute| {
        let wanted = attribute.ref_attr_name().to_owned();
        if wanted.is_empty() {
            return true;
        }
        let value = binding.iter().find(|a| a.name() == wanted);
        let Some(value) = value.filter(|_| !graph(&wanted)) else {
            return false;
        };
        *attribute = AttributeProto {
            name: attribute.name.take(),
            ..value.clone()
        };
        true
    });
    for body in node.bodies_mut() {
        body.node
            .iter_mut()
            .for_each(|inner| bind(inner, binding, unbound));
    }
}

/// What forbids fusing in a function.
#[derive(Default)]
pub(super) struct Objections {
    /// Why nothing in it may be fused.
    pub(super) opset: Option<String>,
    /// Sites that exist for some calls only, each with the name of an attribute that the calls set differently.
    pub(super) sites: Vec<(Site, String)>,
}

/// Looks for what forbids fusing in a function.
pub(super) fn objections(
    main: &ModelFile,
    function: &FunctionProto,
    made: &FunctionModel,
    library: &Library<'_>,
    budget: &Budget,
) -> Objections {
    let mut objections = Objections::default();
    // The bodies of new operators are written for the model's opset.
    let (own, models) = (made.file.opset(), main.opset());
    if own != models {
        objections.opset = Some(format!(
            "function `{}` imports opset {own}, and the model opset {models}",
            label(function)
        ));
    }
    for (file, attribute) in &made.variants {
        let prepared = prepare::prepare(file, None, library, budget);
        let seen = prepared.file(file);
        if budget.is_over() {
            break;
        }
        let analysis = recognize::analyse(seen, &Facts::of(seen), &prepared.hidden, budget);
        objections.sites.extend(
            analysis
                .sites
                .into_iter()
                .map(|site| (site, attribute.clone())),
        );
    }
    objections
}

/// The name of a function in paths and messages.
pub(super) fn label(function: &FunctionProto) -> String {
    match function.domain() {
        "" => function.name().to_owned(),
        domain => format!("{domain}::{}", function.name()),
    }
}
