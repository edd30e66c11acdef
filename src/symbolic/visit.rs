//! One node as its transfer function sees it: attributes by name, inputs by position.

use smallvec::SmallVec;

use crate::onnx::proto::NodeProto;
use crate::onnx::{GraphIndex, ValueId};

use super::poly::Stop;
use super::value::Value;

/// The outputs of a node; `None` where nothing is known of one.
pub type Outputs = SmallVec<[Option<Value>; 1]>;

/// One node during its visit.
pub struct Visit<'a> {
    /// The node.
    pub node: &'a NodeProto,
    /// The values it reads; `None` for an absent optional input.
    pub inputs: SmallVec<[Option<ValueId>; 4]>,
}

impl<'a> Visit<'a> {
    /// The values it makes, named ones alone.
    pub fn outputs<'s>(&'s self, index: &'s GraphIndex) -> impl Iterator<Item = ValueId> + 's {
        let names = self.node.output.iter().filter(|name| !name.is_empty());
        names.filter_map(|name| index.id(name))
    }

    /// An input that must be there.
    pub fn input(&self, position: usize) -> Result<ValueId, Stop> {
        self.optional(position).ok_or(Stop::AbsentInput)
    }

    /// An input that may be absent.
    pub fn optional(&self, position: usize) -> Option<ValueId> {
        self.inputs.get(position).copied().flatten()
    }
}
