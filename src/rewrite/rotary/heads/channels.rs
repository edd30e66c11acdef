//! Follows the channels of a tensor back through nodes that move them.
//!
//! Of the axes of a tensor, one is the batch and one the sequence; their sizes may be symbolic. All others have fixed sizes, so that each
//! channel has a number, its position along them in row-major order. The channels of the site are known by these numbers, one by one: a
//! node is passed by computing where each of them was before it.

use crate::facts::Dim;
use crate::onnx::ModelFile;
use crate::onnx::proto::NodeProto;
use crate::rewrite::subject::Subject;

use phasor_ops::contract::rotary_heads::HeadRange;

/// Channels that are followed at most, those of 512 heads of 256.
const MOST: usize = 1 << 17;

/// The channels of a site in an earlier tensor.
pub(super) struct Channels {
    /// The tensor.
    pub(super) value: String,
    shape: Vec<Dim>,
    batch: usize,
    sequence: usize,
    /// The number of each channel of the site: of those of the first head, then of those of the second.
    numbers: Vec<usize>,
    /// Channels of a head.
    size: usize,
}

impl Channels {
    /// Those of a tensor `[B, N, S, C]`.
    pub(super) fn of(subject: &Subject<'_>, x: &str) -> Option<Self> {
        let shape = subject.shapes.get(x).cloned();
        let shape = shape.or_else(|| shape_of(subject, x))?;
        let [_, heads, _, size] = &shape[..] else {
            return None;
        };
        let (heads, size) = (known(heads)?, known(size)?);
        let count = heads.checked_mul(size).filter(|n| (1..=MOST).contains(n))?;
        Some(Self {
            value: x.to_owned(),
            shape,
            batch: 0,
            sequence: 2,
            numbers: (0..count).collect(),
            size,
        })
    }

    /// The axes of fixed sizes, and their sizes.
    fn fixed(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        fixed(&self.shape, [self.batch, self.sequence])
    }

    /// Which heads these are of a tensor `[B, S, M, C]`, its last two sizes, and whether the tensor has that shape as it is.
    pub(super) fn heads(&self) -> Option<(HeadRange, [usize; 2], bool)> {
        if (self.batch, self.sequence) != (0, 1) {
            return None;
        }
        let (_, sizes) = self.fixed()?;
        let total: usize = sizes.iter().product();
        let size = self.size;
        let first = *self.numbers.first()?;
        let step = match self.numbers.get(size) {
            Some(next) => next.checked_sub(first)?,
            None => size,
        };
        let even = |(i, &number): (usize, &usize)| number == first + i / size * step + i % size;
        let whole = [total, first, step].iter().all(|n| n.is_multiple_of(size));
        if step == 0 || !whole || !self.numbers.iter().enumerate().all(even) {
            return None;
        }
        let [of, first, step] = [total, first, step].map(|n| n / size);
        let heads = HeadRange {
            first,
            end: first + (self.numbers.len() / size - 1) * step + 1,
            step,
        };
        Some((heads, [of, size], sizes == [of, size]))
    }

    /// Where they were in the first input of the node that gives this tensor as its result `output`; `None` if that is not known.
    pub(super) fn before(
        &self,
        subject: &Subject<'_>,
        node: &NodeProto,
        output: usize,
    ) -> Option<Self> {
        if !node.is_standard() {
            return None;
        }
        let value = node.input.first()?;
        let shape = shape_of(subject, value)?;
        let file = subject.file;
        match node.op_type() {
            "Identity" => self.placed(value, shape, Some),
            "Reshape" => self.reshaped(value, shape),
            "Transpose" => {
                let reverse: Vec<i64> = (0..shape.len() as i64).rev().collect();
                let order = node.ints("perm").unwrap_or(&reverse);
                let order: Vec<usize> = order
                    .iter()
                    .map(|&axis| usize::try_from(axis).ok())
                    .collect::<Option<_>>()?;
                self.placed(value, shape, |axis| order.get(axis).copied())
            }
            "Squeeze" => {
                let dropped = axes(file, node, shape.len())?;
                let kept: Vec<usize> = (0..shape.len())
                    .filter(|axis| !dropped.contains(axis))
                    .collect();
                self.placed(value, shape, |axis| kept.get(axis).copied())
            }
            "Unsqueeze" => {
                let added = axes(file, node, self.shape.len())?;
                let kept: Vec<usize> = (0..self.shape.len())
                    .filter(|axis| !added.contains(axis))
                    .collect();
                self.placed(value, shape, |axis| kept.iter().position(|&a| a == axis))
            }
            "Slice" => {
                let list = |slot: usize| integers(file, node.input.get(slot)?);
                let (starts, ends) = (list(1)?, list(2)?);
                let has = |slot: usize| node.input.get(slot).is_some_and(|name| !name.is_empty());
                let axes = match has(3) {
                    true => list(3)?,
                    false => (0..starts.len() as i64).collect(),
                };
                let steps = match has(4) {
                    true => list(4)?,
                    false => vec![1; starts.len()],
                };
                if [&ends, &axes, &steps]
                    .iter()
                    .any(|l| l.len() != starts.len())
                {
                    return None;
                }
                let mut taken = Vec::new();
                for (i, &axis) in axes.iter().enumerate() {
                    let axis = place(axis, shape.len())?;
                    let size = known(&shape[axis])?;
                    taken.push((axis, slice(size, starts[i], ends[i], steps[i])?));
                }
                self.picked(value, shape, &taken)
            }
            "Split" => {
                let axis = place(node.int("axis").unwrap_or(0), shape.len())?;
                let &(start, size) = parts(subject, node)?.get(output)?;
                self.picked(value, shape, &[(axis, (start..start + size).collect())])
            }
            "Gather" => {
                let axis = place(node.int("axis").unwrap_or(0), shape.len())?;
                let size = known(&shape[axis])?;
                let (indices, is_scalar) = indices(file, node.input.get(1)?)?;
                let index = |&i: &i64| {
                    let i = if i < 0 { i + size as i64 } else { i };
                    usize::try_from(i).ok().filter(|&i| i < size)
                };
                let indices: Vec<usize> = indices.iter().map(index).collect::<Option<_>>()?;
                if !is_scalar {
                    return self.picked(value, shape, &[(axis, indices)]);
                }
                // As if the axis stayed, with one element.
                let mut kept = self.shape.clone();
                kept.insert(axis, Dim::Known(1));
                let shift = |at: usize| if at >= axis { at + 1 } else { at };
                let kept = Self {
                    value: String::new(),
                    shape: kept,
                    batch: shift(self.batch),
                    sequence: shift(self.sequence),
                    numbers: self.numbers.clone(),
                    size: self.size,
                };
                kept.picked(value, shape, &[(axis, indices)])
            }
            _ => None,
        }
    }

    /// Before a node that gives axes other places: `from` says which one an axis was.
    fn placed(
        &self,
        value: &str,
        shape: Vec<Dim>,
        from: impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        let (batch, sequence) = (from(self.batch)?, from(self.sequence)?);
        let (axes, sizes) = self.fixed()?;
        let (old_axes, old_sizes) = fixed(&shape, [batch, sequence])?;
        same(&self.shape[self.batch], &shape[batch])?;
        same(&self.shape[self.sequence], &shape[sequence])?;
        let old_strides = strides(&old_sizes);
        // How far each axis moved in the earlier tensor; an axis that it lacks has one element.
        let mut moves = Vec::new();
        for (&axis, &size) in axes.iter().zip(&sizes) {
            let old = from(axis).and_then(|from| old_axes.iter().position(|&old| old == from));
            moves.push(match old {
                Some(old) if old_sizes[old] == size => old_strides[old],
                None if size == 1 => 0,
                _ => return None,
            });
        }
        let count: usize = sizes.iter().product();
        if count != old_sizes.iter().product::<usize>() {
            return None;
        }
        Some(self.renumbered(value, shape, [batch, sequence], |number| {
            let mut rest = number;
            let mut old = 0;
            for (&size, &moved) in sizes.iter().zip(&moves).rev() {
                old += rest % size * moved;
                rest /= size;
            }
            old
        }))
    }

    /// Before a reshape that leaves batch and sequence as the first two axes.
    fn reshaped(&self, value: &str, shape: Vec<Dim>) -> Option<Self> {
        if (self.batch, self.sequence) != (0, 1) || shape.len() < 2 {
            return None;
        }
        same(&self.shape[0], &shape[0])?;
        same(&self.shape[1], &shape[1])?;
        let (_, sizes) = self.fixed()?;
        let (_, old) = fixed(&shape, [0, 1])?;
        let count: usize = sizes.iter().product();
        (count == old.iter().product::<usize>())
            .then(|| self.renumbered(value, shape, [0, 1], |number| number))
    }

    /// Before a node that takes these elements along some axes.
    fn picked(&self, value: &str, shape: Vec<Dim>, taken: &[(usize, Vec<usize>)]) -> Option<Self> {
        if shape.len() != self.shape.len() {
            return None;
        }
        let (axes, sizes) = self.fixed()?;
        let places = [self.batch, self.sequence];
        for place in places {
            same(&self.shape[place], &shape[place])?;
        }
        let (_, old_sizes) = fixed(&shape, places)?;
        let mut from: Vec<Option<&[usize]>> = vec![None; axes.len()];
        for (axis, elements) in taken {
            let at = axes.iter().position(|a| a == axis)?;
            if from[at].replace(elements).is_some() {
                return None;
            }
        }
        for ((&size, &old), from) in sizes.iter().zip(&old_sizes).zip(&from) {
            if size != from.map_or(old, <[usize]>::len) {
                return None;
            }
        }
        let old_strides = strides(&old_sizes);
        Some(self.renumbered(value, shape, places, |number| {
            let mut rest = number;
            let mut old = 0;
            for (at, &size) in sizes.iter().enumerate().rev() {
                let element = rest % size;
                old += from[at].map_or(element, |from| from[element]) * old_strides[at];
                rest /= size;
            }
            old
        }))
    }

    fn renumbered(
        &self,
        value: &str,
        shape: Vec<Dim>,
        [batch, sequence]: [usize; 2],
        old: impl Fn(usize) -> usize,
    ) -> Self {
        Self {
            value: value.to_owned(),
            shape,
            batch,
            sequence,
            numbers: self.numbers.iter().map(|&number| old(number)).collect(),
            size: self.size,
        }
    }
}

/// Where each result of a `Split` begins along its axis, and how large it is.
pub(super) fn parts(subject: &Subject<'_>, node: &NodeProto) -> Option<Vec<(usize, usize)>> {
    let shape = shape_of(subject, node.input.first()?)?;
    let axis = place(node.int("axis").unwrap_or(0), shape.len())?;
    let size = known(&shape[axis])?;
    let count = node.output.len();
    let sizes: Vec<usize> = match node.input.get(1).filter(|name| !name.is_empty()) {
        Some(given) => {
            let given = integers(subject.file, given)?;
            let given = given.iter().map(|&n| usize::try_from(n).ok());
            given.collect::<Option<_>>()?
        }
        None => {
            // Equal parts; where the last is smaller, the operator set has `num_outputs`.
            let part = size.div_ceil(count);
            let rest = |i: usize| part.min(size.saturating_sub(i * part));
            (0..count).map(rest).collect()
        }
    };
    let total = sizes.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
    if sizes.len() != count || total != Some(size) {
        return None;
    }
    let mut start = 0;
    let part = |size: usize| {
        start += size;
        (start - size, size)
    };
    Some(sizes.into_iter().map(part).collect())
}

fn shape_of(subject: &Subject<'_>, value: &str) -> Option<Vec<Dim>> {
    subject.facts.get(value)?.shape.clone()
}

fn known(dim: &Dim) -> Option<usize> {
    usize::try_from(dim.known()?).ok()
}

/// The axes other than these two, and their sizes, all of which are fixed and not 0.
fn fixed(shape: &[Dim], others: [usize; 2]) -> Option<(Vec<usize>, Vec<usize>)> {
    let axes: Vec<usize> = (0..shape.len())
        .filter(|axis| !others.contains(axis))
        .collect();
    let sizes = axes.iter().map(|&axis| known(&shape[axis]));
    let sizes: Vec<usize> = sizes.collect::<Option<_>>()?;
    let total = sizes
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size));
    total.filter(|&n| n > 0).map(|_| (axes, sizes))
}

/// Whether two sizes are known to be the same.
fn same(a: &Dim, b: &Dim) -> Option<()> {
    (!a.is_unknown() && a == b).then_some(())
}

/// How far a step along each axis moves in row-major order.
fn strides(sizes: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; sizes.len()];
    for at in (1..sizes.len()).rev() {
        strides[at - 1] = strides[at] * sizes[at];
    }
    strides
}

/// An axis of a tensor of this rank, which may count from the last one.
fn place(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// The axes that a `Squeeze` or an `Unsqueeze` names, in a tensor of this rank.
fn axes(file: &ModelFile, node: &NodeProto, rank: usize) -> Option<Vec<usize>> {
    let given = integers(file, node.input.get(1)?)?;
    given.iter().map(|&axis| place(axis, rank)).collect()
}

/// The elements that a slice takes of an axis of this size, with a positive step.
fn slice(size: usize, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let step = usize::try_from(step).ok().filter(|&step| step > 0)?;
    let last = i64::try_from(size).ok()?;
    let bound = |at: i64| {
        let at = if at < 0 { at.saturating_add(last) } else { at };
        usize::try_from(at.clamp(0, last)).ok()
    };
    Some((bound(start)?..bound(end)?).step_by(step).collect())
}

/// The integers that a value always is.
fn integers(file: &ModelFile, name: &str) -> Option<Vec<i64>> {
    indices(file, name).map(|(values, _)| values)
}

/// The same of at most one axis, and whether it has none.
fn indices(file: &ModelFile, name: &str) -> Option<(Vec<i64>, bool)> {
    let (index, graph) = (file.index(), file.graph());
    let id = index.id(name)?;
    let proto = match (file.constant(id), index.producer(id)) {
        (Some(at), _) => &graph.initializer[at],
        (None, Some((node, _))) => {
            let node = &graph.node[node];
            if !node.is_onnx("Constant") {
                return None;
            }
            if let Some(value) = node.int("value_int") {
                return Some((vec![value], true));
            }
            if let Some(values) = node.ints("value_ints") {
                return Some((values.to_vec(), false));
            }
            node.constant()?.1
        }
        (None, None) => return None,
    };
    let tensor = file.tensor(proto).ok()?;
    let is_scalar = tensor.shape.is_empty();
    (tensor.shape.len() <= 1).then_some(())?;
    Some((tensor.to_i64()?, is_scalar))
}
