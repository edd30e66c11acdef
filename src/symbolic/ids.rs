//! The numbers of interned things. What they stand for is in the arena that gave them.

/// An interned root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootId(pub(super) u32);

/// An interned polynomial. The top bit marks `1 · atom`, so that the channels of a fresh root need no table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolyId(pub(super) u32);

/// An interned monomial. The top bit marks a product; otherwise the monomial is one atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonoId(pub(super) u32);

/// An interned atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AtomId(pub(super) u32);

/// Marks the other kind of a number.
pub(super) const TAG: u32 = 1 << 31;

impl PolyId {
    /// The constant 0.
    pub const ZERO: PolyId = PolyId(0);
    /// The constant 1.
    pub const ONE: PolyId = PolyId(1);

    /// `1 · atom`.
    pub fn of_atom(atom: AtomId) -> PolyId {
        PolyId(atom.0 | TAG)
    }

    /// The atom, if that is all there is.
    pub(super) fn atom(self) -> Option<AtomId> {
        (self.0 & TAG != 0).then_some(AtomId(self.0 & !TAG))
    }
}

impl MonoId {
    /// The empty product.
    pub const ONE: MonoId = MonoId(TAG);
}

impl AtomId {
    /// Channel `index` of the root whose first channel is `first`.
    pub(super) fn offset(first: u32, index: u32) -> AtomId {
        AtomId(first + index)
    }
}
