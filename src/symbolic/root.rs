//! Root tensors: where interpretation starts.
//!
//! A root is a tensor nothing more is known about: an input, the output of a dense layer, or a value that the domain cannot
//! express. Its enumerated axes give channels (atoms); its opaque axes are followed from tensor to tensor by
//! [`super::value::Alignment`]. The one root with a known meaning is *iota*: its element at position `i` of its single
//! opaque axis is `i`. Ranges, slices of constant tables and positions are functions of it, and gathering or slicing such a
//! value is substitution.

use smallvec::SmallVec;

use super::poly::{Arena, AtomId, PolyId};

/// An interned root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootId(pub(super) u32);

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
    /// The tensor was reshaped over its opaque axes.
    Reshape {
        /// Shape before.
        from: SmallVec<[PolyId; 6]>,
        /// Shape after.
        to: SmallVec<[PolyId; 6]>,
    },
    /// The root's one axis of channels became opaque: its only channel is any of them.
    Opened,
    /// The same root, laid along other axes of one tensor.
    Alias(SmallVec<[u8; 4]>),
}

/// The identity of a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RootKind {
    /// The value with this number is a root of its own. The second field tells parts of one value apart.
    Fresh(u32, u32),
    /// The position along an axis.
    Iota,
    /// Another root, restructured.
    Derived(RootId, Restructure),
}

/// A root.
pub struct Root {
    /// Its identity.
    pub kind: RootKind,
    /// Whether it stands for float activations, and not for positions or integers.
    pub activation: bool,
    /// Number of channels.
    pub channels: u32,
    first: u32,
}

impl Arena {
    /// The root of this kind, made where it is new.
    pub fn root(&mut self, kind: RootKind, channels: u32, activation: bool) -> RootId {
        if let Some(&id) = self.root_ids.get(&kind) {
            return id;
        }
        let id = RootId(self.roots.len() as u32);
        let first = self.push_channels(id, channels);
        self.roots.push(Root {
            kind: kind.clone(),
            activation,
            channels,
            first,
        });
        self.root_ids.insert(kind, id);
        id
    }

    /// The iota root.
    pub fn iota(&mut self) -> RootId {
        self.root(RootKind::Iota, 1, false)
    }

    /// Whether `root` is iota, laid along some axis.
    pub fn is_iota(&self, root: RootId) -> bool {
        match &self.roots[root.0 as usize].kind {
            RootKind::Iota => true,
            RootKind::Derived(base, Restructure::Alias(_)) => self.is_iota(*base),
            _ => false,
        }
    }

    /// `root` with its opaque axes restructured.
    pub fn derive(&mut self, root: RootId, change: Restructure) -> RootId {
        let Root {
            channels,
            activation,
            ..
        } = self.roots[root.0 as usize];
        self.root(RootKind::Derived(root, change), channels, activation)
    }

    /// `root`, all of whose channels lie along one axis, with that axis opaque.
    pub fn open(&mut self, root: RootId) -> RootId {
        let activation = self.roots[root.0 as usize].activation;
        self.root(RootKind::Derived(root, Restructure::Opened), 1, activation)
    }

    /// Channel `index` of a root.
    pub fn channel(&self, root: RootId, index: u32) -> PolyId {
        let root = &self.roots[root.0 as usize];
        debug_assert!(index < root.channels);
        PolyId::of_atom(AtomId::offset(root.first, index))
    }

    /// The number of the value that `root` comes from, through all restructuring; `None` for positions.
    pub fn origin(&self, root: RootId) -> Option<u32> {
        match &self.roots[root.0 as usize].kind {
            RootKind::Fresh(value, _) => Some(*value),
            RootKind::Iota => None,
            RootKind::Derived(base, _) => self.origin(*base),
        }
    }

    /// The definition of a root.
    pub fn root_of(&self, root: RootId) -> &Root {
        &self.roots[root.0 as usize]
    }
}
