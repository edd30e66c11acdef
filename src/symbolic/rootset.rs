//! Sets of roots, interned: which root tensors an expression depends on.
//!
//! Thousands of expressions depend on the same one or two roots, so a set is a number, and asking what a tensor depends on
//! compares numbers.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::ids::RootId;

/// An interned set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SetId(u32);

type Members = SmallVec<[RootId; 2]>;

/// All sets of one analysis.
pub(super) struct RootSets {
    members: Vec<Members>,
    ids: FxHashMap<Members, SetId>,
    unions: FxHashMap<(SetId, SetId), SetId>,
}

impl SetId {
    /// The empty set.
    pub(super) const EMPTY: SetId = SetId(0);
}

impl RootSets {
    /// The empty set alone.
    pub(super) fn new() -> RootSets {
        let mut sets = RootSets {
            members: Vec::new(),
            ids: FxHashMap::default(),
            unions: FxHashMap::default(),
        };
        let empty = sets.intern(Members::new());
        debug_assert_eq!(empty, SetId::EMPTY);
        sets
    }

    /// The set of one root.
    pub(super) fn of(&mut self, root: RootId) -> SetId {
        self.intern(Members::from_slice(&[root]))
    }

    /// The roots in a set, ascending.
    pub(super) fn members(&self, set: SetId) -> &[RootId] {
        &self.members[set.0 as usize]
    }

    /// The union of two sets.
    pub(super) fn union(&mut self, a: SetId, b: SetId) -> SetId {
        if a == b || b == SetId::EMPTY {
            return a;
        }
        if a == SetId::EMPTY {
            return b;
        }
        if let Some(&known) = self.unions.get(&(a, b)) {
            return known;
        }
        let mut union = self.members[a.0 as usize].clone();
        for &root in &self.members[b.0 as usize] {
            if let Err(at) = union.binary_search(&root) {
                union.insert(at, root);
            }
        }
        let union = self.intern(union);
        self.unions.insert((a, b), union);
        union
    }

    fn intern(&mut self, members: Members) -> SetId {
        if let Some(&known) = self.ids.get(&members) {
            return known;
        }
        let id = SetId(self.members.len() as u32);
        self.members.push(members.clone());
        self.ids.insert(members, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions_are_interned_and_ascending() {
        let mut sets = RootSets::new();
        let (a, b) = (sets.of(RootId(3)), sets.of(RootId(1)));
        let both = sets.union(a, b);
        assert_eq!(sets.members(both), [RootId(1), RootId(3)]);
        assert_eq!(sets.union(b, a), both);
        assert_eq!(sets.union(both, a), both);
        assert_eq!(sets.union(SetId::EMPTY, a), a);
    }
}
