//! Root tensors: where interpretation starts.
//!
//! A root is a tensor nothing more is known about: an input, the output of a dense layer, or a value that the domain cannot
//! express. Its enumerated axes give channels (atoms); its opaque axes are followed from tensor to tensor by
//! [`super::value::Alignment`]. The one root with a known meaning is *iota*: its element at position `i` of its single
//! opaque axis is `i`. Ranges, slices of constant tables and positions are functions of it, and gathering or slicing such a
//! value is substitution.

use smallvec::SmallVec;

use crate::onnx::DataType;

use super::ids::PolyId;
use super::table::GridId;

pub use super::ids::RootId;

/// What was done to the opaque axes of a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Restructure {
    /// Opaque axis `axis` (of the root) was cut: `start`, `step`, new length.
    Slice {
        /// Which of the root's opaque axes.
        axis: u8,
        /// First element.
        start: PolyId,
        /// Step.
        step: i64,
        /// New length, which tells a reversed or clamped slice from another.
        length: PolyId,
    },
    /// Opaque axis `axis` (of the root) was indexed by constants.
    Index {
        /// Which of the root's opaque axes.
        axis: u8,
        /// The indices.
        indices: SmallVec<[i64; 4]>,
    },
    /// A tensor was reshaped over its opaque axes.
    Reshape {
        /// Where the root's opaque axes lay in it.
        axes: SmallVec<[u8; 4]>,
        /// Shape before.
        from: SmallVec<[PolyId; 6]>,
        /// Shape after.
        to: SmallVec<[PolyId; 6]>,
    },
    /// Its axis of this size was broadcast to one of another: where the size is 1, every element is the first.
    Stretched(PolyId),
    /// The root's one axis of channels became opaque: its only channel is any of them.
    Opened,
    /// The same root, laid along other axes of one tensor.
    Alias(SmallVec<[u8; 4]>),
}

/// The identity of a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RootKind {
    /// The value with this number is a root of its own. The second field tells parts of one value apart, and integers of which
    /// other numbers of elements are told apart.
    Fresh(u32, u32),
    /// The position along an axis.
    Iota,
    /// Numbers that vary along several axes, by their number among those of the tables.
    Grid(GridId),
    /// Another root, restructured.
    Derived(RootId, Restructure),
}

/// A root.
pub struct Root {
    /// Its identity.
    pub kind: RootKind,
    /// Its element type; positions are of any.
    pub dtype: DataType,
    /// Number of channels.
    pub channels: u32,
    /// Its first channel, as an atom.
    pub(super) first: u32,
}

impl Root {
    /// Whether it stands for float activations, and not for positions or integers.
    pub fn is_activation(&self) -> bool {
        self.dtype.is_float() && !matches!(self.kind, RootKind::Grid(_))
    }
}
