//! One node as its transfer function sees it: attributes by name, inputs by position.

use smallvec::SmallVec;

use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto};
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

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|a| a.name() == name)
    }

    /// An integer attribute.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).and_then(|a| a.i)
    }

    /// A list of integers; absent if the attribute is.
    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    /// A string attribute.
    pub fn string(&self, name: &str) -> Option<&'a str> {
        self.attribute(name)
            .and_then(|a| a.s.as_ref())
            .and_then(|s| std::str::from_utf8(s).ok())
    }

    /// A tensor attribute.
    pub fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        self.attribute(name).and_then(|a| a.t.as_deref())
    }

    /// A list of floats.
    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|a| &a.floats[..])
    }

    /// A float attribute.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).and_then(|a| a.f)
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
