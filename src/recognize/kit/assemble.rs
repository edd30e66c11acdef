//! Puts tables together from parts of the graph's tensors, where no single tensor holds the coefficients as they are needed.
//!
//! Each run of columns that one tensor holds along one axis becomes a slice of it; runs of several tensors are concatenated. This
//! reads cosines and sines that lie in one tensor (`[..., r/2, 2]`, as complex numbers do), that have an axis too many, or that
//! come in parts, one for each axis of an image or a video.
//!
//! Nothing is computed: slices, squeezes and concatenations keep every number. Whether the result serves as a table is decided by
//! [`fits`], as for a tensor of the graph.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::recognize::TableInput;
use crate::symbolic::Interpreter;
use crate::symbolic::broadcast::merge;
use crate::symbolic::ops::{permuted, pick, without_axes};
use crate::symbolic::poly::PolyId;
use crate::symbolic::root::RootId;
use crate::symbolic::value::{Extents, Value, strides};

use super::behind::Behind;
use super::made::Maker;
use super::order::Order;
use super::step::Step;
use super::tables::{TableMatch, Wanted, fits, may_serve};

/// How many parts a table may have: one for each of the three axes of a video, and some more for interleaved streams.
const MAX_PARTS: usize = 8;
/// How many tensors are tried for one column.
const MAX_HOLDERS: usize = 8;
/// The largest step between the columns of a run.
const MAX_STEP: usize = 3;
/// How many rows are searched for in one graph: each search looks through all tensors.
const MAX_SEARCHES: usize = 64;

/// A tensor with some of its leading axes opaque, as positions are in a rotated tensor.
struct Form {
    id: ValueId,
    value: Value,
}

/// Columns along one axis of a tensor, at fixed positions along its other enumerated axes.
#[derive(Clone)]
struct Run {
    form: Rc<Form>,
    /// Position of the first column along each axis.
    start: Extents,
    axis: usize,
    step: usize,
    count: usize,
}

/// For each wanted row, the tensors that hold its coefficients. Each row is searched for once.
#[derive(Default)]
pub(in crate::recognize) struct Holders {
    searches: FxHashMap<Vec<PolyId>, Rc<Held>>,
}

/// For each coefficient, the tensors that hold it and the element at which they do.
type Held = FxHashMap<PolyId, Vec<(Rc<Form>, usize)>>;

impl Holders {
    /// Tables for cosines and sines: of one coefficient a pair, else of one a channel.
    pub(in crate::recognize) fn find(
        &mut self,
        it: &mut Interpreter<'_>,
        maker: &mut Maker<'_>,
        order: &Order,
        (cosines, sines): (&Wanted, &Wanted),
        y: (&Value, &Behind),
    ) -> Option<(TableMatch, TableMatch)> {
        for width in Wanted::widths(cosines, sines) {
            let mut rows = |wanted: &Wanted| -> Option<Vec<Run>> {
                let (row, others) = wanted.of_width(width)?.split_first()?;
                if others.iter().any(|other| other != row) {
                    return None;
                }
                let held = self.held(it, order, row)?;
                runs(it, &held, row, y)
            };
            let (Some(cos), Some(sin)) = (rows(cosines), rows(sines)) else {
                continue;
            };
            let mut table = |runs, wanted| joined(it, maker, runs, wanted, y.0);
            if let (Some(cos), Some(sin)) = (table(cos, cosines), table(sin, sines))
                && cos.dtype == sin.dtype
            {
                return Some((cos, sin));
            }
        }
        None
    }

    fn held(
        &mut self,
        it: &mut Interpreter<'_>,
        order: &Order,
        row: &[PolyId],
    ) -> Option<Rc<Held>> {
        if let Some(known) = self.searches.get(row) {
            return Some(known.clone());
        }
        if self.searches.len() == MAX_SEARCHES {
            return None;
        }
        let wanted: FxHashSet<PolyId> = row.iter().copied().collect();
        let mut held = Held::default();
        for &id in order.values() {
            let value = it.known(id).filter(|v| v.dtype.is_float() && v.rank() > 0);
            let Some(value) = value.cloned() else {
                continue;
            };
            for value in forms(it, &value) {
                if !value.data.iter().any(|p| wanted.contains(p)) {
                    continue;
                }
                let form = Rc::new(Form { id, value });
                for (at, p) in form.value.data.iter().enumerate() {
                    if wanted.contains(p) {
                        held.entry(*p).or_default().push((form.clone(), at));
                    }
                }
            }
        }
        let held = Rc::new(held);
        self.searches.insert(row.to_vec(), held.clone());
        Some(held)
    }
}

/// The value with the first, the first two, ... of its enumerated axes opaque, but for the last; and as it is.
fn forms(it: &mut Interpreter<'_>, value: &Value) -> SmallVec<[Value; 3]> {
    let enumerated = |axis: &usize| value.enumerated[*axis] && !value.is_unit(*axis);
    let axes: SmallVec<[usize; 6]> = (0..value.rank()).filter(enumerated).collect();
    let mut forms: SmallVec<[Value; 3]> = SmallVec::new();
    let mut next = value.clone();
    for &axis in axes.iter().rev().skip(1).rev() {
        match next.with_opaque(&mut it.arena, &mut it.tables, axis) {
            Ok(opaque) => next = opaque,
            Err(_) => break,
        }
        forms.push(next.clone());
    }
    if !axes.is_empty() {
        forms.push(value.clone());
    }
    forms
}

/// Covers a row by runs from left to right, each the longest that begins where the last one ends.
fn runs(
    it: &Interpreter<'_>,
    held: &Held,
    row: &[PolyId],
    (y, behind): (&Value, &Behind),
) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut covered = 0;
    while covered < row.len() {
        if runs.len() == MAX_PARTS {
            return None;
        }
        let holders = held.get(&row[covered])?.iter();
        let usable =
            holders.filter(|(form, _)| behind.hands_on(form.id) && may_serve(form.value.dtype, y));
        // Layers that compute the same tables each read their own.
        let usable = usable.take(MAX_HOLDERS);
        let all = usable.flat_map(|(form, at)| runs_from(it, form, *at, &row[covered..]));
        // A run of numbers alone (the ones and zeros of channels that are not turned) is found in tensors that have nothing to do
        // with this rotation.
        let varies = |run: &Run| {
            let columns = &row[covered..covered + run.count];
            columns.iter().any(|&p| it.arena.as_constant(p).is_none())
        };
        let all = all.filter(varies);
        // Among equals the first in the graph, so that later layers share the values made of it.
        let best = all.reduce(|best, next| if next.count > best.count { next } else { best })?;
        covered += best.count;
        runs.push(best);
    }
    Some(runs)
}

/// The longest run along each axis from one element on.
fn runs_from(it: &Interpreter<'_>, form: &Rc<Form>, at: usize, row: &[PolyId]) -> Vec<Run> {
    let value = &form.value;
    let extents = value.extents(&it.arena);
    let steps = strides(&extents);
    let start: Extents = (0..value.rank())
        .map(|axis| match steps[axis] {
            0 => 0,
            step => at / step % extents[axis],
        })
        .collect();
    let mut found = Vec::new();
    for axis in (0..value.rank()).rev() {
        // Columns must end up last, and a slice moves no axis: an opaque one behind them would stay behind them.
        if !value.enumerated[axis] {
            break;
        }
        if value.is_unit(axis) {
            continue;
        }
        for step in 1..=MAX_STEP {
            let column = |k: usize| {
                let along = start[axis] + k * step;
                (along < extents[axis]).then(|| value.data[at + k * step * steps[axis]])
            };
            let count = (0..row.len()).take_while(|&k| column(k) == Some(row[k]));
            found.push(Run {
                form: form.clone(),
                start: start.clone(),
                axis,
                step,
                count: count.count(),
            });
        }
    }
    found
}

/// The table that the runs make, if it serves: with the unit axes that their tensors have before the columns, else without them.
fn joined(
    it: &mut Interpreter<'_>,
    maker: &mut Maker<'_>,
    runs: Vec<Run>,
    wanted: &Wanted,
    y: &Value,
) -> Option<TableMatch> {
    let (parts, whole, fit) = [true, false].into_iter().find_map(|units| {
        let parts: Vec<Part> = runs
            .iter()
            .map(|run| cut(it, run, units))
            .collect::<Option<_>>()?;
        let whole = concatenated(it, &parts)?;
        let placed = fits(&mut it.arena, &whole, y, wanted)?;
        Some((parts, whole, placed))
    })?;
    let mut names: Vec<String> = Vec::new();
    for (part, run) in parts.iter().zip(&runs) {
        let mut name = it.index().name(run.form.id).to_owned();
        for (step, value) in &part.steps {
            name = maker.make(step.clone(), &[&name], value);
        }
        names.push(name);
    }
    let value = match &names[..] {
        [name] => name.clone(),
        names => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            maker.make(Step::Concat, &names, &whole)
        }
    };
    Some(TableMatch {
        input: TableInput {
            value,
            unsqueeze: fit.unsqueeze,
        },
        dtype: whole.dtype,
        width: fit.width,
        rows: fit.rows,
        sources: runs.iter().map(|run| run.form.id).collect(),
    })
}

/// A run cut out of its tensor, with its columns along the last axis.
struct Part {
    /// The steps that make it, with the value after each.
    steps: Vec<(Step, Value)>,
    value: Value,
}

/// Cuts a run out of its tensor. With `units`, unit axes of the tensor that lie before the columns are kept.
fn cut(it: &mut Interpreter<'_>, run: &Run, units: bool) -> Option<Part> {
    let mut value = run.form.value.clone();
    let mut steps = Vec::new();
    let extents = value.extents(&it.arena);
    let (mut axes, mut starts, mut ends, mut strides) = (vec![], vec![], vec![], vec![]);
    let mut dropped = Vec::new();
    for axis in (0..value.rank()).filter(|&axis| run.form.value.enumerated[axis]) {
        let (count, step) = match axis == run.axis {
            true => (run.count, run.step),
            false => (1, 1),
        };
        if axis != run.axis && !(units && axis < run.axis && extents[axis] == 1) {
            dropped.push(axis);
        }
        if count == extents[axis] {
            continue;
        }
        let first = run.start[axis];
        let picked: Vec<usize> = (0..count).map(|k| first + k * step).collect();
        value = pick(it, &value, axis, &picked).ok()?;
        axes.push(axis as i64);
        starts.push(first as i64);
        ends.push((first + (count - 1) * step + 1) as i64);
        strides.push(step as i64);
    }
    if !axes.is_empty() {
        let slice = Step::Slice {
            axes,
            starts,
            ends,
            steps: strides,
        };
        steps.push((slice, value.clone()));
    }
    if !dropped.is_empty() {
        value = without_axes(&value, &dropped).ok()?;
        let axes = dropped.iter().map(|&axis| axis as i64).collect();
        steps.push((Step::Squeeze(axes), value.clone()));
    }
    Some(Part { steps, value })
}

/// The parts joined along the last axis, if they agree in type and in all other sizes.
fn concatenated(it: &mut Interpreter<'_>, parts: &[Part]) -> Option<Value> {
    let (first, rest) = parts.split_first()?;
    let mut whole = first.value.clone();
    let last = whole.rank() - 1;
    let mut data = whole.data.to_vec();
    for Part { value: part, .. } in rest {
        if part.dtype != whole.dtype
            || part.rank() != whole.rank()
            || part.shape[..last] != whole.shape[..last]
            || part.enumerated != whole.enumerated
        {
            return None;
        }
        data.extend_from_slice(&part.data);
        merge(&mut whole.alignment, &part.alignment).ok()?;
    }
    whole.shape[last] = it.arena.integer(data.len() as i64);
    whole.data = data.into();
    Some(whole)
}

/// The value with its last two axes merged into one, and the step that does it; `None` unless both are enumerated. Only then is
/// the order of the merged elements known.
pub(in crate::recognize) fn merged(
    it: &mut Interpreter<'_>,
    value: &Value,
) -> Option<(Step, Value)> {
    let rank = value.rank();
    if rank < 2
        || !value.enumerated[rank - 2..]
            .iter()
            .all(|&enumerated| enumerated)
    {
        return None;
    }
    let channels = value.extents(&it.arena)[rank - 2..]
        .iter()
        .product::<usize>();
    let mut merged = value.clone();
    merged.shape.truncate(rank - 2);
    merged.shape.push(it.arena.integer(channels as i64));
    merged.enumerated.truncate(rank - 1);
    let mut shape = vec![0; rank - 2];
    shape.push(channels as i64);
    Some((Step::Reshape(shape), merged))
}

/// The value with the axes of `root` in the order in which `y` has them, and the step that brings them there; `None` where they are in
/// that order, and unless channels are last in both, and the other axes have the same sizes.
pub(in crate::recognize) fn turned(
    it: &Interpreter<'_>,
    value: &Value,
    y: &Value,
    root: RootId,
) -> Option<(Step, Value)> {
    let (own, wanted) = (value.axes_of(root)?, y.axes_of(root)?);
    let last = value.rank().checked_sub(1)?;
    if y.rank() != value.rank() || own.len() != wanted.len() {
        return None;
    }
    // Of what is left, one of the same size.
    let mut free: Vec<usize> = (0..last)
        .filter(|&axis| !own.contains(&(axis as u8)))
        .collect();
    let mut order = Vec::with_capacity(last + 1);
    for axis in 0..last {
        let from = match wanted.iter().position(|&at| at as usize == axis) {
            Some(at) => own[at] as usize,
            None => {
                let fits = |&at: &usize| value.shape[at] == y.shape[axis];
                free.remove(free.iter().position(fits)?)
            }
        };
        order.push(from);
    }
    order.push(last);
    if order.is_sorted() {
        return None;
    }
    let turned = permuted(it, value, &order).ok()?;
    let order = order.into_iter().map(|axis| axis as i64).collect();
    Some((Step::Transpose(order), turned))
}

#[cfg(test)]
mod tests;
