//! Interned sets: which root tensors, and which coordinates, an expression depends on.
//!
//! Thousands of expressions depend on the same one or two roots, so a set is a number, and asking what a tensor depends on
//! compares numbers.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// An interned set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SetId(u32);

type Members<T> = SmallVec<[T; 2]>;

/// All sets of one analysis.
pub(super) struct Sets<T: Copy + Ord + Hash> {
    members: Vec<Members<T>>,
    ids: FxHashMap<Members<T>, SetId>,
    unions: FxHashMap<(SetId, SetId), SetId>,
}

impl SetId {
    /// The empty set.
    pub(super) const EMPTY: SetId = SetId(0);
}

impl<T: Copy + Ord + Hash> Sets<T> {
    /// The empty set alone.
    pub(super) fn new() -> Sets<T> {
        let mut sets = Sets {
            members: Vec::new(),
            ids: FxHashMap::default(),
            unions: FxHashMap::default(),
        };
        let empty = sets.intern(Members::new());
        debug_assert_eq!(empty, SetId::EMPTY);
        sets
    }

    /// The set of one member.
    pub(super) fn of(&mut self, member: T) -> SetId {
        self.intern(Members::from_slice(&[member]))
    }

    /// The members of a set, ascending.
    pub(super) fn members(&self, set: SetId) -> &[T] {
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
        for &member in &self.members[b.0 as usize] {
            if let Err(at) = union.binary_search(&member) {
                union.insert(at, member);
            }
        }
        let union = self.intern(union);
        self.unions.insert((a, b), union);
        union
    }

    fn intern(&mut self, members: Members<T>) -> SetId {
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
    use crate::symbolic::ids::RootId;

    #[test]
    fn unions_are_interned_and_ascending() {
        let mut sets = Sets::new();
        let (a, b) = (sets.of(RootId(3)), sets.of(RootId(1)));
        let both = sets.union(a, b);
        assert_eq!(sets.members(both), [RootId(1), RootId(3)]);
        assert_eq!(sets.union(b, a), both);
        assert_eq!(sets.union(both, a), both);
        assert_eq!(sets.union(SetId::EMPTY, a), a);
    }
}
