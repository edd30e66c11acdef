//! Who reads a value once a change is made.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, ModelFile, ValueId, names};
use crate::rewrite::dead;

use phasor_ops::contract::{DOMAIN, rotary};

/// A graph after a change.
pub(super) struct Live<'a> {
    file: &'a ModelFile,
    edit: &'a Edit,
    /// New nodes that read a value, in bodies too.
    new: FxHashMap<&'a str, Vec<&'a NodeProto>>,
    captured: FxHashSet<String>,
    training: FxHashSet<ValueId>,
}

impl<'a> Live<'a> {
    pub(super) fn new(file: &'a ModelFile, edit: &'a Edit) -> Self {
        let mut new: FxHashMap<&str, Vec<&NodeProto>> = FxHashMap::default();
        let mut captured = FxHashSet::default();
        for node in edit.insert_before.values().flatten() {
            for input in &node.input {
                new.entry(input).or_default().push(node);
            }
            captured.extend(names::captured(node).into_iter().map(str::to_owned));
        }
        Self {
            file,
            edit,
            new,
            captured,
            training: dead::named_in_training(file),
        }
    }

    /// Whether the change removes a node.
    pub(super) fn is_gone(&self, node: usize) -> bool {
        self.edit.remove_nodes.contains(&node)
    }

    /// Whether a value is wanted other than by nodes that read it: by the caller, by a body, or in training.
    pub(super) fn is_result(&self, value: &str) -> bool {
        let index = self.file.index();
        let Some(id) = index.id(value) else {
            return true;
        };
        let mut holders = index.capturers(id).iter();
        index.is_output(id)
            || holders.any(|&node| !self.is_gone(node))
            || self.captured.contains(value)
            || self.training.contains(&id)
    }

    /// How many nodes of the old graph read a value.
    fn old_readers(&self, value: &str) -> usize {
        let index = self.file.index();
        let readers = index.id(value).map_or(&[][..], |id| index.consumers(id));
        let stay = readers.iter().filter(|&&(node, _)| !self.is_gone(node));
        stay.count()
    }

    fn new_readers(&self, value: &str) -> &[&'a NodeProto] {
        self.new.get(value).map_or(&[], Vec::as_slice)
    }

    /// Whether anything wants a value.
    pub(super) fn is_read(&self, value: &str) -> bool {
        self.is_result(value) || self.old_readers(value) + self.new_readers(value).len() > 0
    }

    /// Whether one node reads a value, in one place, and nothing else wants it.
    pub(super) fn is_read_once(&self, value: &str) -> bool {
        !self.is_result(value) && self.old_readers(value) + self.new_readers(value).len() == 1
    }

    /// Whether nothing wants `x` but the new `RotaryEmbedding` with result `y`, which turns it.
    pub(super) fn is_turned_alone(&self, x: &str, y: &str) -> bool {
        let turns = |node: &NodeProto| {
            (node.domain(), node.op_type()) == (DOMAIN, rotary::NAME)
                && node.input.first().is_some_and(|input| input == x)
                && node.output == [y]
        };
        self.is_read_once(x) && matches!(self.new_readers(x), [node] if turns(node))
    }
}
