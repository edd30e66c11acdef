//! Making roots and asking what they are.

use crate::onnx::DataType;

use super::ids::{AtomId, PolyId, RootId};
use super::poly::Arena;
use super::root::{Restructure, Root, RootKind};

impl Arena {
    /// The root of this kind, made where it is new.
    pub fn root(&mut self, kind: RootKind, channels: u32, dtype: DataType) -> RootId {
        if let Some(&id) = self.root_ids.get(&kind) {
            return id;
        }
        let id = RootId(self.roots.len() as u32);
        let first = self.push_channels(id, channels);
        self.roots.push(Root {
            kind: kind.clone(),
            dtype,
            channels,
            first,
        });
        self.root_ids.insert(kind, id);
        id
    }

    /// The iota root.
    pub fn iota(&mut self) -> RootId {
        self.root(RootKind::Iota, 1, DataType::I64)
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
            channels, dtype, ..
        } = self.roots[root.0 as usize];
        self.root(RootKind::Derived(root, change), channels, dtype)
    }

    /// `root`, all of whose channels lie along one axis, with that axis opaque.
    pub fn open(&mut self, root: RootId) -> RootId {
        let dtype = self.roots[root.0 as usize].dtype;
        self.root(RootKind::Derived(root, Restructure::Opened), 1, dtype)
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
            RootKind::Iota | RootKind::Grid(_) => None,
            RootKind::Derived(base, _) => self.origin(*base),
        }
    }

    /// The definition of a root.
    pub fn root_of(&self, root: RootId) -> &Root {
        &self.roots[root.0 as usize]
    }
}
