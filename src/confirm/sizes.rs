//! Numbers for symbolic dimensions.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::facts::Dim;

/// Sizes given to the symbols in turn: small, and different where they may be.
const DISTINCT: [&[i64]; 2] = [&[2, 3, 5, 4, 7], &[3, 4, 2, 6, 5]];
/// Sizes given to all symbols alike, where different ones do not run.
const ALIKE: [i64; 3] = [3, 2, 4];

/// One assignment of numbers to symbols.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    sizes: FxHashMap<String, i64>,
    rest: i64,
}

impl Binding {
    /// A dimension under this assignment. What depends on data gets one size everywhere: a cut starts from given values, and
    /// only asks that they fit together. `None` where the result is negative.
    pub(super) fn eval(&self, dim: &Dim) -> Option<usize> {
        let bind = |name: &str| Some(self.sizes.get(name).copied().unwrap_or(self.rest));
        let size = if dim.is_unknown() {
            Some(self.rest)
        } else {
            dim.eval(&bind)
        };
        size.and_then(|size| usize::try_from(size).ok())
    }

    /// A shape under this assignment.
    pub(super) fn shape(&self, dims: &[Dim]) -> Option<Vec<usize>> {
        dims.iter().map(|dim| self.eval(dim)).collect()
    }
}

/// The assignments to try, the most telling first.
pub(super) fn bindings(shapes: &[&[Dim]]) -> Vec<Binding> {
    let mut names = BTreeSet::new();
    for dim in shapes.iter().copied().flatten() {
        dim.collect_symbols(&mut names);
    }
    if names.is_empty() {
        return vec![Binding {
            sizes: FxHashMap::default(),
            rest: 2,
        }];
    }
    let distinct = DISTINCT.iter().map(|sizes| Binding {
        sizes: names
            .iter()
            .cloned()
            .zip(sizes.iter().copied().cycle())
            .collect(),
        rest: sizes[1],
    });
    let alike = ALIKE.iter().map(|&size| Binding {
        sizes: FxHashMap::default(),
        rest: size,
    });
    distinct.chain(alike).collect()
}
