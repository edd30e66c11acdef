//! Sizes for the dimensions of a site.
//!
//! Symbols get small numbers. A size may be what convolutions leave of a symbol, such as `(time//5 - 1)//2`, and a small symbol
//! would leave nothing of it: so symbols grow until every size of the site is at least [`LEAST`].
//!
//! Fixed sizes are the model's own, unless the tensors of a site would have more than [`MAX_ELEMENTS`] elements. Then large sizes
//! of the axes before the channels become small ones, equal sizes equal ones. A part that holds such a size in a constant does
//! not run with another, and its site is left as it is.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::facts::{Choice, Dim};
use crate::onnx::Tensor;

/// Sizes given to the symbols in turn: small and different, so that an axis taken for another shows.
const DISTINCT: [&[i64]; 2] = [&[2, 3, 5, 4, 7], &[3, 4, 2, 6, 5]];
/// Sizes given to all symbols alike, for graphs that do not run with different ones.
const ALIKE: [i64; 3] = [3, 2, 4];

/// The least size of an axis that is not fixed: one with a single element broadcasts, and hides an axis taken for another.
const LEAST: i64 = 2;
/// How many elements all tensors of a probe with a long sequence may have.
const MAX_LONG: usize = 1 << 19;
/// How many symbols get a size of 1, or a long one, while the others do not.
const MAX_ALONE: usize = 4;
/// How often a symbol may double; no stack of convolutions divides by more.
const DOUBLINGS: usize = 20;

/// How many elements all tensors that a probe is given may have; each takes about 30 bytes while it runs.
pub(super) const MAX_ELEMENTS: usize = 1 << 26;
/// How many elements all values that a probe computes may have: a rotation of a tensor with a quarter of [`MAX_ELEMENTS`] stays
/// below. Not all of them are held at a time.
pub(super) const MAX_COMPUTED: usize = 4 * MAX_ELEMENTS;
/// Fixed sizes up to this are kept: numbers of heads, and the sides of small images.
const LARGE: i64 = 64;
/// The first size that a large one becomes.
const SMALL: i64 = 5;

/// One assignment of sizes.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// Sizes of symbols.
    sizes: FxHashMap<String, i64>,
    /// The size of everything else that is not fixed.
    rest: i64,
    /// Fixed sizes that are made small, and what they become.
    small: BTreeMap<i64, i64>,
}

impl Binding {
    /// A dimension under this assignment; `None` if it is negative. Sizes that depend on data are all the same: a cut starts from
    /// given values, which only have to fit together.
    pub(super) fn eval(&self, dim: &Dim) -> Option<usize> {
        self.size(dim).and_then(|size| usize::try_from(size).ok())
    }

    fn size(&self, dim: &Dim) -> Option<i64> {
        let bind = |name: &str| Some(self.sizes.get(name).copied().unwrap_or(self.rest));
        match dim {
            Dim::Known(size) => Some(self.small.get(size).copied().unwrap_or(*size)),
            dim if dim.is_unknown() => Some(self.rest),
            dim => dim.eval(&bind).or_else(|| self.longest(dim)),
        }
    }

    /// The size of an axis that two sizes broadcast to, if this assignment makes them unequal (the model may name equal sizes
    /// apart). It is the largest: the part runs if the others turn out to be that too.
    fn longest(&self, dim: &Dim) -> Option<i64> {
        match dim {
            Dim::Choice(Choice::Broadcast, parts) => {
                let sizes: Option<Vec<i64>> = parts.iter().map(|part| self.size(part)).collect();
                sizes?.into_iter().max()
            }
            _ => None,
        }
    }

    /// Whether some fixed sizes are smaller than the model's own.
    pub(super) fn is_small(&self) -> bool {
        !self.small.is_empty()
    }

    /// A shape under this assignment.
    pub(super) fn shape(&self, dims: &[Dim]) -> Option<Vec<usize>> {
        dims.iter().map(|dim| self.eval(dim)).collect()
    }
}

/// How large a probe may be.
#[derive(Clone, Copy)]
pub(super) struct Room<'r> {
    /// How many elements its tensors have at most, unless the part runs with the model's own sizes alone.
    pub elements: usize,
    /// A tensor that the part computes, whose elements count too.
    pub widest: &'r [Dim],
}

impl Default for Room<'_> {
    fn default() -> Self {
        Room {
            elements: MAX_ELEMENTS,
            widest: &[],
        }
    }
}

/// The assignments to try, those with different sizes first. Symbols in `fixed` have the same size in all.
pub(super) fn bindings(
    shapes: &[&[Dim]],
    fixed: &BTreeMap<String, i64>,
    room: Room<'_>,
) -> Vec<Binding> {
    let names = symbols(shapes);
    if names.is_empty() {
        return [Binding {
            sizes: FxHashMap::default(),
            rest: 2,
            small: BTreeMap::new(),
        }]
        .map(|binding| fitting(binding, shapes, room))
        .into();
    }
    let bound = |sizes: &[i64], rest| Binding {
        sizes: names
            .iter()
            .cloned()
            .zip(sizes.iter().copied().cycle())
            .collect(),
        rest,
        small: BTreeMap::new(),
    };
    let distinct = DISTINCT.iter().map(|sizes| bound(sizes, sizes[1]));
    let alike = ALIKE.iter().map(|&size| bound(&[size], size));
    distinct
        .chain(alike)
        .map(|mut binding| {
            let fixed = fixed.iter().map(|(name, &size)| (name.clone(), size));
            binding.sizes.extend(fixed);
            binding
        })
        .map(|binding| fitting(grown(binding, shapes, fixed), shapes, room))
        .collect()
}

/// Assignments at the edges, where a part may compute something else: all sizes 1, 0 or 2, a single size of 1, and `long` ones.
pub(super) fn edges(
    shapes: &[&[Dim]],
    fixed: &BTreeMap<String, i64>,
    (long, room): (&[i64], Room<'_>),
) -> Vec<Binding> {
    let names = symbols(shapes);
    let free: Vec<&String> = names
        .iter()
        .filter(|name| !fixed.contains_key(*name))
        .collect();
    let bound = |size: &dyn Fn(&str) -> i64| {
        let free = free.iter().map(|&name| (name.clone(), size(name)));
        let fixed = fixed.iter().map(|(name, &size)| (name.clone(), size));
        Binding {
            sizes: free.chain(fixed).collect(),
            rest: size(""),
            small: BTreeMap::new(),
        }
    };
    let mut all = Vec::new();
    if !free.is_empty() {
        all.extend([1, 0, 2].map(|size| bound(&|_| size)));
    }
    if free.len() > 1 {
        for &alone in free.iter().take(MAX_ALONE) {
            all.push(bound(&|name| if name == alone { 1 } else { 3 }));
        }
    }
    let count = |binding: &Binding| {
        let numbers: Option<Vec<Vec<usize>>> = shapes.iter().map(|s| binding.shape(s)).collect();
        elements(&numbers?)
    };
    let fits = |binding| fitting(binding, shapes, room);
    let mut all: Vec<Binding> = all.into_iter().map(fits).collect();
    all.retain(|binding| count(binding).is_some());
    for &size in long {
        let alone = free.iter().take(MAX_ALONE);
        let bindings = alone.map(|&alone| bound(&|name| if name == alone { size } else { 1 }));
        all.extend(bindings.filter(|b| count(b).is_some_and(|count| count <= MAX_LONG)));
    }
    all
}

/// The names of all symbols in these shapes.
pub(super) fn symbols(shapes: &[&[Dim]]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for dim in shapes.iter().copied().flatten() {
        dim.collect_symbols(&mut names);
    }
    names
}

/// The number of elements of all tensors of these shapes; `None` beyond [`MAX_ELEMENTS`].
fn elements(shapes: &[Vec<usize>]) -> Option<usize> {
    let total = shapes
        .iter()
        .try_fold(0usize, |sum, shape| sum.checked_add(Tensor::count(shape)?));
    total.filter(|&total| total <= MAX_ELEMENTS)
}

/// The assignment, with large fixed sizes made small if tensors of these shapes would be too large for a probe. Sizes of last
/// axes stay: the proof rests on the number of channels.
fn fitting(mut binding: Binding, shapes: &[&[Dim]], room: Room<'_>) -> Binding {
    let counted = shapes.iter().copied().chain([room.widest]);
    let numbers: Vec<Vec<usize>> = counted.filter_map(|s| binding.shape(s)).collect();
    if elements(&numbers).is_some_and(|count| count <= room.elements) {
        return binding;
    }
    let known = |dim: &Dim| dim.known();
    let widths: BTreeSet<i64> = shapes.iter().filter_map(|s| known(s.last()?)).collect();
    let sizes: BTreeSet<i64> = shapes.iter().copied().flatten().filter_map(known).collect();
    let large = sizes.difference(&widths).filter(|&&size| size > LARGE);
    binding.small = large.copied().zip(SMALL..).collect();
    binding
}

/// The assignment with symbols doubled, unless they are fixed, until every size that depends on them is at least [`LEAST`];
/// unchanged if that does not help.
fn grown(binding: Binding, shapes: &[&[Dim]], fixed: &BTreeMap<String, i64>) -> Binding {
    let mut larger = binding.clone();
    for _ in 0..DOUBLINGS {
        let mut short = BTreeSet::new();
        for dim in shapes.iter().copied().flatten() {
            // Without a size at all, two sizes that must be equal are not yet: they may become equal when they grow.
            if larger.size(dim).is_none_or(|size| size < LEAST) {
                dim.collect_symbols(&mut short);
            }
        }
        short.retain(|name| !fixed.contains_key(name));
        if short.is_empty() {
            return larger;
        }
        for name in short {
            if let Some(size) = larger.sizes.get_mut(&name) {
                *size *= 2;
            }
        }
    }
    binding
}
