//! Groups of tensors that share rotated channels, and the tensors that they may be rotations of.
//!
//! A rotated tensor lives on in slices, casts and reshapes of itself. All of them share sums of two channels, and only one
//! becomes a site: the widest, so that channels that are copied are included, and among equals the one in the narrowest type.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, MonoId, PolyId};
use crate::symbolic::root::RootId;
use crate::symbolic::value::Value;

use crate::recognize::kit::order::Order;

/// Tensors whose channels are sums of two channels of one root, connected by the sums that they share.
pub(super) struct Group {
    /// The root; every channel is linear in its channels.
    pub root: RootId,
    /// The tensors, the best candidates first.
    pub values: Vec<ValueId>,
    /// Whether a coefficient is a cosine, a sine or a row of a table.
    pub trigonometric: bool,
}

impl Group {
    /// The tensors that share no sum with `y`, which is one of the group; `None` if there are none.
    pub(super) fn without(&self, it: &Interpreter<'_>, y: ValueId) -> Option<Group> {
        let sums = |value: ValueId| {
            let known = it.known(value).into_iter();
            let elements = known.flat_map(|value| value.data.iter().copied());
            elements.filter(|&p| it.arena.terms(p).len() == 2)
        };
        let taken: FxHashSet<PolyId> = sums(y).collect();
        let is_apart = |value: &ValueId| !sums(*value).any(|p| taken.contains(&p));
        let values: Vec<ValueId> = self.values.iter().copied().filter(is_apart).collect();
        let trigonometric = values
            .iter()
            .any(|&value| sums(value).any(|p| is_trigonometric(&it.arena, p)));
        (!values.is_empty()).then_some(Group {
            root: self.root,
            values,
            trigonometric,
        })
    }
}

/// The roots of which every term of every element has exactly one channel; empty where no element is a sum of two, or where one
/// is a sum of more.
fn linear_roots(arena: &Arena, value: &Value) -> SmallVec<[RootId; 2]> {
    let mut common: Option<SmallVec<[RootId; 2]>> = None;
    let mut sums = false;
    for &p in value.data.iter() {
        let terms = arena.terms(p);
        if terms.is_empty() || terms.len() > 2 {
            return SmallVec::new();
        }
        sums |= terms.len() == 2;
        for term in terms.iter() {
            let roots = single_roots(arena, term.mono);
            let kept = match common.take() {
                None => roots,
                Some(mut common) => {
                    common.retain(|r| roots.contains(r));
                    common
                }
            };
            if kept.is_empty() {
                return kept;
            }
            common = Some(kept);
        }
    }
    if sums {
        common.unwrap_or_default()
    } else {
        SmallVec::new()
    }
}

/// The activation roots of which a monomial has exactly one channel.
pub(super) fn single_roots(arena: &Arena, mono: MonoId) -> SmallVec<[RootId; 2]> {
    let mut roots = SmallVec::<[RootId; 2]>::new();
    let mut twice = SmallVec::<[RootId; 2]>::new();
    for factor in arena.factors(mono) {
        if let Atom::Channel { root, .. } = arena.atom_of(factor)
            && arena.root_of(*root).is_activation()
        {
            if roots.contains(root) {
                twice.push(*root);
            } else {
                roots.push(*root);
            }
        }
    }
    roots.retain(|r| !twice.contains(r));
    roots
}

/// Collects the groups of a graph, in graph order.
pub(super) fn collect(it: &Interpreter<'_>, order: &Order) -> Vec<Group> {
    let arena = &it.arena;
    let mut members: FxHashMap<RootId, Vec<(ValueId, Vec<PolyId>)>> = FxHashMap::default();
    let mut roots_in_order = Vec::new();
    for &value_id in order.computed() {
        let Some(value) = it.known(value_id) else {
            continue;
        };
        if !value.dtype.is_float() || value.data.len() < 2 || value.rank() == 0 {
            continue;
        }
        for root in linear_roots(arena, value) {
            let sums: FxHashSet<PolyId> = value
                .data
                .iter()
                .copied()
                .filter(|&p| arena.terms(p).len() == 2)
                .collect();
            let list = members.entry(root).or_insert_with(|| {
                roots_in_order.push(root);
                Vec::new()
            });
            list.push((value_id, sums.into_iter().collect()));
        }
    }
    let mut groups = Vec::new();
    for root in roots_in_order {
        groups.extend(connected(it, root, &members[&root]));
    }
    groups
}

/// Splits the tensors of a root into groups by the sums that they share, with a union-find.
fn connected(it: &Interpreter<'_>, root: RootId, members: &[(ValueId, Vec<PolyId>)]) -> Vec<Group> {
    let mut parent: Vec<usize> = (0..members.len()).collect();
    fn top(parent: &mut [usize], mut k: usize) -> usize {
        while parent[k] != k {
            parent[k] = parent[parent[k]];
            k = parent[k];
        }
        k
    }
    let mut owner: FxHashMap<PolyId, usize> = FxHashMap::default();
    for (k, (_, sums)) in members.iter().enumerate() {
        for &p in sums {
            match owner.get(&p) {
                None => {
                    owner.insert(p, k);
                }
                Some(&other) => {
                    let (a, b) = (top(&mut parent, k), top(&mut parent, other));
                    parent[a.max(b)] = a.min(b);
                }
            }
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut by_head: FxHashMap<usize, usize> = FxHashMap::default();
    for (k, (value, sums)) in members.iter().enumerate() {
        let head = top(&mut parent, k);
        let at = *by_head.entry(head).or_insert_with(|| {
            groups.push(Group {
                root,
                values: Vec::new(),
                trigonometric: false,
            });
            groups.len() - 1
        });
        let group = &mut groups[at];
        group.values.push(*value);
        group.trigonometric |= sums.iter().any(|&p| is_trigonometric(&it.arena, p));
    }
    let rank = |value: &ValueId| {
        let value = it.known(*value);
        let width = value.map_or(0, |v| v.extents(&it.arena).last().copied().unwrap_or(1));
        (
            std::cmp::Reverse(width),
            value.and_then(|v| v.dtype.bits()).unwrap_or(64),
        )
    };
    for group in &mut groups {
        // Stable: among equals the earliest in the graph stays first.
        group.values.sort_by_key(rank);
    }
    groups
}

fn is_trigonometric(arena: &Arena, p: PolyId) -> bool {
    arena.terms(p).iter().any(|t| {
        arena.factors(t.mono).iter().any(|&f| {
            matches!(
                arena.atom_of(f),
                Atom::Apply {
                    function: Function::Cos | Function::Sin | Function::Table(_),
                    ..
                }
            )
        })
    })
}

/// For each root, the tensors that hold its channels one by one, in graph order.
pub(super) struct Sources {
    by_root: FxHashMap<RootId, Vec<ValueId>>,
}

impl Sources {
    /// Collects the tensors for the roots of these groups.
    pub(super) fn collect(it: &Interpreter<'_>, order: &Order, groups: &[Group]) -> Sources {
        let wanted: FxHashSet<RootId> = groups.iter().map(|g| g.root).collect();
        let mut by_root: FxHashMap<RootId, Vec<ValueId>> = FxHashMap::default();
        for &id in order.values() {
            let Some(value) = it.known(id).filter(|v| v.dtype.is_float()) else {
                continue;
            };
            let Some(&first) = value.data.first() else {
                continue;
            };
            if let [term] = &*it.arena.terms(first) {
                for root in single_roots(&it.arena, term.mono) {
                    if wanted.contains(&root) {
                        by_root.entry(root).or_default().push(id);
                    }
                }
            }
        }
        Sources { by_root }
    }

    /// The tensors that hold the channels of `root`.
    pub(super) fn holding(&self, root: RootId) -> &[ValueId] {
        self.by_root.get(&root).map_or(&[], |list| list)
    }
}

#[cfg(test)]
mod tests;
