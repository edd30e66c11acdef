//! Collects the nodes of a rewrite while they are planned.
//!
//! Helper nodes are shared by what they compute: a second request for an operator with the same inputs and attributes gets the
//! output of the first. So a table is sliced, and positions are counted, once for all sites. Sites must therefore be planned in
//! the order of their nodes: a helper stands before the first site that needs it, and so before all later ones.

use std::collections::{BTreeMap, BTreeSet};

use phasor_ops::contract::{AttributeValue, DOMAIN};
use rustc_hash::{FxHashMap, FxHashSet};

use super::subject::NewCall;
use super::trace::{self, Origin};
use super::{dead, function, plain, provenance};
use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::{Edit, ModelFile, Tensor, ValueId, names};
use crate::recognize::Site;

/// The opset that brought `allowzero`.
const EXACT_RESHAPE_OPSET: i64 = 14;

/// An operator with its inputs and attributes, as one text.
type Key = String;

/// A rewrite in the making.
pub(super) struct Draft<'a> {
    /// The model.
    pub file: &'a ModelFile,
    edit: Edit,
    /// New nodes, by the position of the old node before which they stand.
    new: BTreeMap<usize, Vec<NodeProto>>,
    taken: names::Taken,
    /// Outputs of shared nodes, and constants, by what they compute.
    made: FxHashMap<Key, String>,
    /// Values that new nodes no longer read.
    unread: Vec<ValueId>,
    origins: Vec<Origin>,
    /// The rules whose calls are written out.
    plain: &'a [&'static str],
    /// The results of calls that are written out.
    written_out: FxHashSet<String>,
    /// The calls that stay calls.
    calls: Vec<NewCall>,
    /// Whether a call cannot be written out.
    unwritten: bool,
}

/// One node to be made.
pub(super) struct Op<'a> {
    /// Operator type.
    pub op: &'a str,
    /// Domain, empty for ONNX's own.
    pub domain: &'a str,
    /// Inputs.
    pub inputs: Vec<String>,
    /// Attributes.
    pub attributes: Vec<AttributeProto>,
    /// The call that it is, of one of our operators, and the rule that it belongs to.
    call: Option<(&'static str, NewCall)>,
}

impl<'a> Op<'a> {
    /// An ONNX operator without attributes.
    pub(super) fn new(op: &'a str, inputs: impl IntoIterator<Item = String>) -> Self {
        Op {
            op,
            domain: "",
            inputs: inputs.into_iter().collect(),
            attributes: Vec::new(),
            call: None,
        }
    }

    /// An operator of another domain without attributes.
    pub(super) fn of(
        domain: &'a str,
        op: &'a str,
        inputs: impl IntoIterator<Item = String>,
    ) -> Self {
        Op {
            domain,
            ..Op::new(op, inputs)
        }
    }

    /// The node of one of our operators, for a site of this rule.
    pub(super) fn calling(
        rule: &'static str,
        new: NewCall,
        inputs: impl IntoIterator<Item = String>,
    ) -> Self {
        let attributes = new.call.attributes.iter();
        Op {
            attributes: attributes
                .map(|&(name, given)| function::value(name, given))
                .collect(),
            call: Some((rule, new.clone())),
            ..Op::of(DOMAIN, new.operator, inputs)
        }
    }

    /// The same with an integer attribute.
    pub(super) fn with(mut self, name: &str, value: i64) -> Self {
        self.attributes
            .push(function::value(name, AttributeValue::Int(value)));
        self
    }

    /// Whether it has an attribute.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name() == name)
    }

    /// The same with a float attribute.
    pub(super) fn with_float(mut self, name: &str, value: f32) -> Self {
        self.attributes
            .push(function::value(name, AttributeValue::Float(value)));
        self
    }

    /// The same with a list attribute.
    pub(super) fn with_list(mut self, name: &str, values: &[i64]) -> Self {
        self.attributes.push(AttributeProto {
            name: Some(name.to_owned()),
            r#type: Some(AttributeType::Ints as i32),
            ints: values.to_vec(),
            ..Default::default()
        });
        self
    }

    /// A reshape. `exact`: a size of 0 means 0, and does not copy the size of the input.
    pub(super) fn reshape(value: String, shape: String, exact: bool) -> Self {
        let op = Op::new("Reshape", [value, shape]);
        if exact { op.with("allowzero", 1) } else { op }
    }

    fn key(&self) -> Key {
        format!(
            "{}:{}{:?}{:?}",
            self.domain, self.op, self.inputs, self.attributes
        )
    }

    /// The node of this name, with these outputs. [`Draft::nodes`] also writes it out, where that is asked for.
    pub(super) fn node(self, name: &str, outputs: Vec<String>) -> NodeProto {
        NodeProto {
            name: Some(name.to_owned()),
            op_type: Some(self.op.to_owned()),
            domain: Some(self.domain.to_owned()).filter(|d| !d.is_empty()),
            input: self.inputs,
            output: outputs,
            attribute: self.attributes,
            ..Default::default()
        }
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(file: &'a ModelFile) -> Self {
        let index = file.index();
        Draft {
            file,
            edit: Edit::default(),
            new: BTreeMap::new(),
            taken: index.values().map(|id| index.name(id).to_owned()).collect(),
            made: FxHashMap::default(),
            unread: Vec::new(),
            origins: Vec::new(),
            plain: &[],
            written_out: FxHashSet::default(),
            calls: Vec::new(),
            unwritten: false,
        }
    }

    /// The same, with the calls of these rules written out as standard nodes.
    pub(super) fn with_plain(mut self, rules: &'a [&'static str]) -> Self {
        self.plain = rules;
        self
    }

    /// Whether calls of a rule are written out.
    pub(super) fn is_plain(&self, rule: &str) -> bool {
        self.plain.contains(&rule)
    }

    /// The calls of our operators so far, for which the model needs functions; `None` if one should be written out and cannot.
    pub(super) fn calls(&self) -> Option<Vec<NewCall>> {
        (!self.unwritten).then(|| self.calls.clone())
    }

    /// What computes an operator: its node, or where it is a call that is written out, the nodes of its body. The last of them is called
    /// `name`.
    pub(super) fn nodes(
        &mut self,
        mut op: Op<'_>,
        name: &str,
        outputs: Vec<String>,
    ) -> Vec<NodeProto> {
        let Some((rule, new)) = op.call.take() else {
            return vec![op.node(name, outputs)];
        };
        if !self.is_plain(rule) {
            self.calls.push(new);
            return vec![op.node(name, outputs)];
        }
        let nodes = plain::nodes(self, &new, &op.inputs, name, &outputs);
        self.unwritten |= nodes.is_none();
        self.written_out.extend(outputs);
        nodes.unwrap_or_default()
    }

    /// Lets the new nodes of these sites tell where they come from.
    pub(super) fn tell_of<'s>(&mut self, sites: impl IntoIterator<Item = &'s Site>) {
        self.origins.extend(sites.into_iter().map(Origin::of));
    }

    /// Whether reshapes of the model's opset can take a size of 0 as 0 (`allowzero`).
    pub(super) fn has_exact_reshapes(&self) -> bool {
        self.file.opset() >= EXACT_RESHAPE_OPSET
    }

    /// A name that no value has yet.
    pub(super) fn fresh(&mut self, stem: &str) -> String {
        self.taken.fresh(stem)
    }

    /// An initializer, named after `stem`.
    pub(super) fn initializer(&mut self, stem: &str, tensor: &Tensor) -> String {
        let name = self.fresh(stem);
        self.edit.add_initializers.push(tensor.to_proto(&name));
        name
    }

    /// An initializer of these numbers, named after `stem`, that all who ask for the same share.
    pub(super) fn constant(&mut self, stem: &str, tensor: &Tensor) -> String {
        let key = format!("{stem}{tensor:?}");
        if let Some(known) = self.made.get(&key) {
            return known.clone();
        }
        let name = self.initializer(stem, tensor);
        self.made.insert(key, name.clone());
        name
    }

    /// Adds a node before the one at `at`, after those that already stand there.
    pub(super) fn push(&mut self, at: usize, node: NodeProto) {
        self.new.entry(at).or_default().push(node);
    }

    /// Adds nodes before the one at `at`, before those that already stand there.
    pub(super) fn put_first(&mut self, at: usize, nodes: impl IntoIterator<Item = NodeProto>) {
        self.new.entry(at).or_default().splice(0..0, nodes);
    }

    /// Tells of a value that a new node might have read and does not. Of what removed nodes read it is known.
    pub(super) fn leave(&mut self, value: &str) {
        self.unread.extend(self.file.index().id(value));
    }

    /// Removes the node at `at`; a new one gives its outputs.
    pub(super) fn remove(&mut self, at: usize) {
        self.edit.remove_nodes.insert(at);
    }

    /// Whether a new node gives the outputs of the node at `at`.
    pub(super) fn is_removed(&self, at: usize) -> bool {
        self.edit.remove_nodes.contains(&at)
    }

    /// An initializer of integers, with this shape.
    pub(super) fn integers(&mut self, shape: &[usize], values: &[i64]) -> String {
        let text: Vec<String> = values.iter().take(6).map(i64::to_string).collect();
        let stem = format!("phasor_int64_{}", text.join("_"));
        self.constant(&stem, &Tensor::from_i64(shape, values))
    }

    /// A list of integers.
    pub(super) fn list(&mut self, values: &[i64]) -> String {
        self.integers(&[values.len()], values)
    }

    /// The value that was remembered under this meaning.
    pub(super) fn remembered(&self, meaning: &str) -> Option<String> {
        self.made.get(meaning).cloned()
    }

    /// Remembers a value by what it means, where that says more than the node that computes it.
    pub(super) fn remember(&mut self, meaning: Key, value: &str) {
        self.made.insert(meaning, value.to_owned());
    }

    /// A shared node before the node at `at`; its output is named after `stem`.
    pub(super) fn shared(&mut self, at: usize, stem: &str, op: Op<'_>) -> String {
        let key = op.key();
        if let Some(known) = self.made.get(&key) {
            return known.clone();
        }
        let name = self.own(at, stem, op);
        self.made.insert(key, name.clone());
        name
    }

    /// A node of one site, not shared.
    pub(super) fn own(&mut self, at: usize, stem: &str, op: Op<'_>) -> String {
        let name = self.fresh(stem);
        let nodes = self.nodes(op, &name, vec![name.clone()]);
        nodes.into_iter().for_each(|node| self.push(at, node));
        name
    }

    /// A node of one site with several outputs.
    pub(super) fn own_split(
        &mut self,
        at: usize,
        stem: &str,
        op: Op<'_>,
        outputs: usize,
    ) -> Vec<String> {
        let names: Vec<String> = (0..outputs)
            .map(|k| self.fresh(&format!("{stem}_{k}")))
            .collect();
        let node = op.node(&names[0], names.clone());
        self.push(at, node);
        names
    }

    /// The last node of a site: it replaces the node at `at`, and takes over its name, outputs, description and metadata.
    pub(super) fn replace(&mut self, at: usize, op: Op<'_>) {
        self.join(&[at], op);
    }

    /// The same for several nodes, whose outputs become those of the new one in this order. It takes the place of the last in the graph.
    pub(super) fn join(&mut self, nodes: &[usize], op: Op<'_>) {
        let Some(&at) = nodes.iter().max() else {
            return;
        };
        let olds = nodes.iter().map(|&at| &self.file.graph().node[at]);
        let outputs = olds.flat_map(|old| old.output.iter().cloned()).collect();
        let old = &self.file.graph().node[at];
        let mut new = self.nodes(op, "", outputs);
        if let Some(node) = new.last_mut() {
            node.name.clone_from(&old.name);
            node.doc_string.clone_from(&old.doc_string);
            node.metadata_props.clone_from(&old.metadata_props);
        }
        new.into_iter().for_each(|node| self.push(at, node));
        nodes.iter().for_each(|&at| self.remove(at));
    }

    /// Gives the node at `at` other inputs.
    pub(super) fn rewire(&mut self, at: usize, inputs: Vec<String>) {
        let node = NodeProto {
            input: inputs,
            ..self.file.graph().node[at].clone()
        };
        self.push(at, node);
        self.remove(at);
    }

    /// The whole change, without what nothing uses any more, and with operator sets and provenance.
    pub(super) fn finish(
        mut self,
        rules: impl Iterator<Item = &'static str>,
        opsets: &BTreeSet<(&str, i64)>,
    ) -> Edit {
        if self.new.is_empty() {
            return Edit::default();
        }
        dead::remove(self.file, &self.unread, &self.new, &mut self.edit);
        trace::mark(
            self.file,
            &self.edit.remove_nodes,
            &self.origins,
            &self.written_out,
            &mut self.new,
        );
        // Before IR version 4 an initializer must be an input as well.
        if !self.edit.add_initializers.is_empty() {
            self.edit.min_ir_version = self.edit.min_ir_version.max(Some(4));
        }
        self.edit.insert_before = self.new;
        let opsets = opsets.iter();
        let opsets = opsets.map(|&(domain, version)| (domain.to_owned(), version));
        self.edit.opsets.extend(opsets);
        provenance(&mut self.edit, rules);
        self.edit
    }
}

impl plain::Names for Draft<'_> {
    fn opset(&self) -> i64 {
        self.file.opset()
    }

    fn fresh(&mut self, stem: &str) -> String {
        Draft::fresh(self, stem)
    }

    fn constant(&mut self, stem: &str, tensor: &Tensor) -> String {
        Draft::constant(self, stem, tensor)
    }

    fn integers(&mut self, shape: &[usize], values: &[i64]) -> String {
        Draft::integers(self, shape, values)
    }

    fn list(&mut self, values: &[i64]) -> String {
        Draft::list(self, values)
    }
}
