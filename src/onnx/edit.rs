//! A change to a model, and the model that results.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::ModelFile;
use super::proto::{
    FunctionProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    StringStringEntryProto, TensorProto, is_default_domain,
};

/// A change to a model: elements that are removed from the main graph, and elements that are added to graph and model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// Positions in `graph.node`.
    pub remove_nodes: FxHashSet<usize>,
    /// New nodes before the node at that position; past the last node, after it.
    pub insert_before: BTreeMap<usize, Vec<NodeProto>>,
    /// Names of initializers. One that is the default of a graph input stays: the input is part of the model's interface.
    pub remove_initializers: FxHashSet<String>,
    /// Names of values whose `value_info` is removed.
    pub remove_value_info: FxHashSet<String>,
    /// New initializers.
    pub add_initializers: Vec<TensorProto>,
    /// Positions in `model.functions`.
    pub remove_functions: FxHashSet<usize>,
    /// New functions, added unless the model keeps one of the same domain, name and overload.
    pub add_functions: Vec<FunctionProto>,
    /// Domains whose operator set is no longer imported.
    pub remove_opsets: FxHashSet<String>,
    /// Domain and version of operator sets, added where the model imports none of the domain.
    pub opsets: Vec<(String, i64)>,
    /// Keys of metadata that is removed from the model.
    pub remove_metadata: FxHashSet<String>,
    /// Metadata of the model, replaced or added.
    pub metadata: Vec<(String, String)>,
    /// The IR version is raised to this if it is lower. Where that raises it from below 4 to 4 or more, graph inputs that
    /// have an initializer are removed: until version 3 every initializer had to be listed as an input and was constant all
    /// the same; from 4 on the same listing would make it a default that callers may replace.
    pub min_ir_version: Option<i64>,
}

impl Edit {
    /// Whether it changes nothing in any model.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Number of nodes that are removed and added.
    pub fn change(&self) -> (usize, usize) {
        let added = self.insert_before.values().map(Vec::len).sum();
        (self.remove_nodes.len(), added)
    }

    /// How many nodes fewer there are.
    pub fn saved(&self) -> isize {
        let (removed, added) = self.change();
        removed as isize - added as isize
    }
}

/// An edit applied to one model: what is removed and what is added, decided once for file and memory.
pub(super) struct Decided<'a> {
    edit: &'a Edit,
    file: &'a ModelFile,
    /// The new IR version, if it changes.
    pub ir_version: Option<i64>,
    pub functions: Vec<&'a FunctionProto>,
    pub opsets: Vec<OperatorSetIdProto>,
    pub metadata: Vec<StringStringEntryProto>,
}

/// The domain, with both spellings of the default one as the empty name.
pub(crate) fn domain(name: &str) -> &str {
    if is_default_domain(name) { "" } else { name }
}

impl<'a> Decided<'a> {
    pub(super) fn new(edit: &'a Edit, file: &'a ModelFile) -> Self {
        let model = file.model();
        let key = |f: &'a FunctionProto| (f.domain(), f.name(), f.overload());
        let old = model.functions.iter().enumerate();
        let old = old.filter(|(position, _)| !edit.remove_functions.contains(position));
        let old: FxHashSet<_> = old.map(|(_, function)| key(function)).collect();
        let functions = edit.add_functions.iter();
        let functions = functions.filter(|new| !old.contains(&key(new)));
        let opsets = edit.opsets.iter().filter(|(new, _)| {
            !model
                .opset_import
                .iter()
                .any(|old| domain(old.domain()) == domain(new))
        });
        let metadata = edit.metadata.iter().filter(|(key, value)| {
            !model
                .metadata_props
                .iter()
                .any(|old| old.key() == key && old.value() == value)
        });
        let opset = |(domain, version): &(String, i64)| OperatorSetIdProto {
            domain: Some(domain.clone()),
            version: Some(*version),
        };
        let entry = |(key, value): &(String, String)| StringStringEntryProto {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        Self {
            edit,
            file,
            ir_version: edit.min_ir_version.filter(|v| *v > model.ir_version()),
            functions: functions.collect(),
            opsets: opsets.map(opset).collect(),
            metadata: metadata.map(entry).collect(),
        }
    }

    pub(super) fn keeps_node(&self, position: usize) -> bool {
        !self.edit.remove_nodes.contains(&position)
    }

    pub(super) fn keeps_value_info(&self, name: &str) -> bool {
        !self.edit.remove_value_info.contains(name)
    }

    /// Whether a graph input stays. See [`Edit::min_ir_version`].
    pub(super) fn keeps_input(&self, name: &str) -> bool {
        let index = self.file.index();
        let has_default = index
            .id(name)
            .is_some_and(|id| index.initializer(id).is_some());
        let old = self.file.model().ir_version();
        let raised = old < 4 && self.ir_version.unwrap_or(old) >= 4;
        !(has_default && (raised || old < 4 && self.edit.remove_initializers.contains(name)))
    }

    pub(super) fn keeps_initializer(&self, name: &str) -> bool {
        if !self.edit.remove_initializers.contains(name) {
            return true;
        }
        let index = self.file.index();
        index.id(name).is_some_and(|id| index.is_input(id)) && self.keeps_input(name)
    }

    pub(super) fn keeps_sparse_initializer(&self, tensor: &SparseTensorProto) -> bool {
        self.keeps_initializer(tensor.values.as_ref().map_or("", |v| v.name()))
    }

    pub(super) fn keeps_metadata(&self, key: &str) -> bool {
        !self.metadata.iter().any(|new| new.key() == key)
            && !self.edit.remove_metadata.contains(key)
    }

    pub(super) fn keeps_function(&self, position: usize) -> bool {
        !self.edit.remove_functions.contains(&position)
    }

    pub(super) fn keeps_opset(&self, name: &str) -> bool {
        !self.edit.remove_opsets.contains(domain(name))
    }

    /// New nodes before the node at `position` of a graph of `count` nodes; at `count` also those meant for further back.
    pub(super) fn before(
        &self,
        position: usize,
        count: usize,
    ) -> impl Iterator<Item = &'a NodeProto> {
        let end = if position < count {
            position
        } else {
            usize::MAX
        };
        self.edit
            .insert_before
            .range(position..=end)
            .flat_map(|(_, nodes)| nodes)
    }

    pub(super) fn initializers(&self) -> &'a [TensorProto] {
        &self.edit.add_initializers
    }

    /// The edited model.
    pub(super) fn apply(&self) -> ModelProto {
        let mut model = self.file.model().clone();
        if self.ir_version.is_some() {
            model.ir_version = self.ir_version;
        }
        model.opset_import.retain(|o| self.keeps_opset(o.domain()));
        model.opset_import.extend(self.opsets.iter().cloned());
        let mut position = 0..;
        model
            .functions
            .retain(|_| position.next().is_some_and(|at| self.keeps_function(at)));
        model
            .functions
            .extend(self.functions.iter().map(|f| (*f).clone()));
        model
            .metadata_props
            .retain(|m| self.keeps_metadata(m.key()));
        model.metadata_props.extend(self.metadata.iter().cloned());
        let graph = model.graph.get_or_insert_default();
        let old = std::mem::take(&mut graph.node);
        let count = old.len();
        for (position, node) in old.into_iter().enumerate() {
            graph.node.extend(self.before(position, count).cloned());
            if self.keeps_node(position) {
                graph.node.push(node);
            }
        }
        graph.node.extend(self.before(count, count).cloned());
        graph.input.retain(|i| self.keeps_input(i.name()));
        graph
            .initializer
            .retain(|t| self.keeps_initializer(t.name()));
        graph
            .initializer
            .extend(self.initializers().iter().cloned());
        graph
            .sparse_initializer
            .retain(|t| self.keeps_sparse_initializer(t));
        graph.value_info.retain(|v| self.keeps_value_info(v.name()));
        model
    }
}
