//! Numbers for symbolic dimensions.
//!
//! A size may be what convolutions leave of a symbol, `(time//5 - 1)//2`: small symbols would leave nothing. Symbols grow until
//! every size of the site is at least [`LEAST`].
//!
//! Fixed sizes are the model's own, but where the tensors of a site would have more than [`MAX_ELEMENTS`] elements: then large sizes
//! of the axes before the channels become small, the same size everywhere alike. A part that holds such a size in a constant
//! does not run with another one, and the site is left.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::facts::{Choice, Dim};
use crate::onnx::Tensor;

/// Sizes given to the symbols in turn: small, and different where they may be.
const DISTINCT: [&[i64]; 2] = [&[2, 3, 5, 4, 7], &[3, 4, 2, 6, 5]];
/// Sizes given to all symbols alike, where different ones do not run.
const ALIKE: [i64; 3] = [3, 2, 4];

/// Least size of an axis that is not fixed: with one element, an axis taken for another would go unseen.
const LEAST: i64 = 2;
/// Most elements of all tensors of a probe with a long sequence.
const MAX_LONG: usize = 1 << 19;
/// Most symbols that get a size of 1 or a long one alone.
const MAX_ALONE: usize = 4;
/// Times a symbol may double; no stack of convolutions divides by more.
const DOUBLINGS: usize = 20;

/// Most elements of all tensors that one probe is given; each takes about 30 bytes while it runs.
pub(super) const MAX_ELEMENTS: usize = 1 << 26;
/// Most elements of all values that one probe computes: a rotation of a tensor with a quarter of [`MAX_ELEMENTS`] stays below. Not
/// all of them are held at a time.
pub(super) const MAX_COMPUTED: usize = 4 * MAX_ELEMENTS;
/// Fixed sizes up to this stay as they are: heads, and the sides of small images.
const LARGE: i64 = 64;
/// The first size that a large one becomes.
const SMALL: i64 = 5;

/// One assignment of numbers to symbols.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    sizes: FxHashMap<String, i64>,
    rest: i64,
    /// Fixed sizes that are made small, and what they become.
    small: BTreeMap<i64, i64>,
}

impl Binding {
    /// A dimension under this assignment. What depends on data gets one size everywhere: a cut starts from given values, and
    /// only asks that they fit together. `None` where the result is negative.
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

    /// The size of an axis that sizes broadcast to which this assignment makes unequal, as it may sizes that the model names apart:
    /// the largest, with which the part runs if the others turn out to be that too.
    fn longest(&self, dim: &Dim) -> Option<i64> {
        match dim {
            Dim::Choice(Choice::Broadcast, parts) => {
                let sizes: Option<Vec<i64>> = parts.iter().map(|part| self.size(part)).collect();
                sizes?.into_iter().max()
            }
            _ => None,
        }
    }

    /// Whether fixed sizes are smaller than the model's own.
    pub(super) fn is_small(&self) -> bool {
        !self.small.is_empty()
    }

    /// A shape under this assignment.
    pub(super) fn shape(&self, dims: &[Dim]) -> Option<Vec<usize>> {
        dims.iter().map(|dim| self.eval(dim)).collect()
    }
}

/// The assignments to try, the most telling first; `fixed` symbols have the same size in all.
pub(super) fn bindings(shapes: &[&[Dim]], fixed: &BTreeMap<String, i64>) -> Vec<Binding> {
    let names = symbols(shapes);
    if names.is_empty() {
        return [Binding {
            sizes: FxHashMap::default(),
            rest: 2,
            small: BTreeMap::new(),
        }]
        .map(|binding| fitting(binding, shapes))
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
        .map(|binding| fitting(grown(binding, shapes, fixed), shapes))
        .collect()
}

/// Assignments at the edges, where a part may do something else: sizes of 0 and 1, one at a time and together, equal ones, and
/// `long` ones.
pub(super) fn edges(
    shapes: &[&[Dim]],
    fixed: &BTreeMap<String, i64>,
    long: &[i64],
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
    all.retain(|binding| count(binding).is_some());
    for &size in long {
        let alone = free.iter().take(MAX_ALONE);
        let bindings = alone.map(|&alone| bound(&|name| if name == alone { size } else { 1 }));
        all.extend(bindings.filter(|b| count(b).is_some_and(|count| count <= MAX_LONG)));
    }
    all
}

/// The names of all symbols in these shapes.
fn symbols(shapes: &[&[Dim]]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for dim in shapes.iter().copied().flatten() {
        dim.collect_symbols(&mut names);
    }
    names
}

/// The number of elements of tensors of these shapes together; `None` beyond [`MAX_ELEMENTS`].
fn elements(shapes: &[Vec<usize>]) -> Option<usize> {
    let total = shapes
        .iter()
        .try_fold(0usize, |sum, shape| sum.checked_add(Tensor::count(shape)?));
    total.filter(|&total| total <= MAX_ELEMENTS)
}

/// The assignment, with large fixed sizes made small where a probe could not be given tensors of these shapes.
fn fitting(mut binding: Binding, shapes: &[&[Dim]]) -> Binding {
    let numbers: Vec<Vec<usize>> = shapes.iter().filter_map(|s| binding.shape(s)).collect();
    if elements(&numbers).is_some() {
        return binding;
    }
    let known = |dim: &Dim| dim.known();
    let widths: BTreeSet<i64> = shapes.iter().filter_map(|s| known(s.last()?)).collect();
    let sizes: BTreeSet<i64> = shapes.iter().copied().flatten().filter_map(known).collect();
    let large = sizes.difference(&widths).filter(|&&size| size > LARGE);
    binding.small = large.copied().zip(SMALL..).collect();
    binding
}

/// The assignment with symbols, unless they are fixed, doubled until every size that depends on them is at least [`LEAST`]; as
/// it was where that does not help.
fn grown(binding: Binding, shapes: &[&[Dim]], fixed: &BTreeMap<String, i64>) -> Binding {
    let mut larger = binding.clone();
    for _ in 0..DOUBLINGS {
        let mut short = BTreeSet::new();
        for dim in shapes.iter().copied().flatten() {
            // Sizes that are equal only when large have no common one before.
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
