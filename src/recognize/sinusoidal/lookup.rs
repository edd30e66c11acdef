//! Rows that the graph looks up in a table of sinusoids, by position.
//!
//! One element of such a tensor is that of a constant of two axes, in the column of its channel and in a row that does not depend on
//! the channel. [`fit`](super::fit) proves the constant to be sinusoids of the row's number, and that number is the position.
//!
//! An index below 0 counts from the end of the table. Where the graph is not proven to have none, the positions are counted so too.
//! Beyond the table the graph fails, and the operator goes on. A table that is added as it is has a position for every row.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::{DataType, ValueId};
use crate::recognize::kit::miss::node_name;
use crate::recognize::kit::{Context, sized};
use crate::recognize::{Analysis, Frequencies, Kind, Proof, Site};
use crate::symbolic::element::{Elements, Indices, mask};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Atom, PolyId};
use crate::symbolic::value::Value;
use crate::symbolic::{Interpreter, Work, display};

use super::fit::{self, Fitted, Grid};
use super::page::TABLE_RULE;
use super::place::{self, Cone};
use super::site::{LookedUp, Placed, Sinusoidal, Source};
use super::{MAX_WIDTH, STEP};

/// The largest table that is read.
const MAX_ELEMENTS: i64 = 1 << 23;
/// How far up a chain of movements is looked for a table.
const MAX_CHAIN: usize = 16;
/// What comparing one element of a table costs, in steps of the budget.
const ELEMENT: u64 = 8;

/// What is looked up where.
struct Rows {
    /// The table.
    table: ValueId,
    /// Its axis of rows, and that of channels.
    axes: (usize, usize),
    /// The row.
    row: PolyId,
    /// The number of rows, if a row below 0 counts from the end.
    wrapped: Option<i64>,
}

/// The tables that were read: `None` for one that is no sinusoids.
type Read = FxHashMap<(ValueId, usize), Option<Fitted>>;

/// Finds the sites where rows of a table of sinusoids are looked up.
pub(super) fn find(
    it: &mut Interpreter<'_>,
    context: &Context<'_>,
    rotary: &FxHashSet<ValueId>,
    analysis: &mut Analysis,
) {
    let mut elements = Elements::default();
    let mut read = Read::default();
    let mut found: Vec<(ValueId, Site)> = Vec::new();
    for &y in context.order.computed() {
        let picks = picks(it, y) || mask::table(it, y).is_some();
        if !picks || rotary.contains(&y) || !is_from_table(it, y) {
            continue;
        }
        if it.budget.is_spent(Work::Recognising) {
            let node = it.index().producer(y).map(|(node, _)| node);
            it.gave_up = it.gave_up.or(node);
            break;
        }
        let Some(site) = attempt(it, context, &mut elements, &mut read, y) else {
            continue;
        };
        // Of a table that is cut and then looked up only the last step is a site, unless the rows of the first are used elsewhere.
        match before(it, y, &found) {
            Some((at, true)) => found[at] = (y, site),
            Some((_, false)) => {}
            None => found.push((y, site)),
        }
    }
    analysis
        .sites
        .extend(found.into_iter().map(|(_, site)| site));
    let constants: Vec<ValueId> = it
        .index()
        .values()
        .filter(|&id| it.is_constant(id))
        .collect();
    for table in constants {
        analysis.sites.extend(added(it, &mut read, table));
    }
}

/// Reads a constant as a site that one node adds to something. Other uses are those of a matrix, such as that of a Fourier transform.
fn added(it: &mut Interpreter<'_>, read: &mut Read, table: ValueId) -> Option<Site> {
    let index = it.index();
    let &[(node, _)] = index.consumers(table) else {
        return None;
    };
    if !it.file.graph().node[node].is_onnx("Add") || it.budget.is_spent(Work::Recognising) {
        return None;
    }
    let known = it.value(table).ok()?;
    let long: Vec<usize> = known.long_axes().collect();
    let &[row, channel] = &long[..] else {
        return None;
    };
    if !known.dtype.is_float() || channel + 1 != known.rank() {
        return None;
    }
    let fitted = fitted(it, read, (table, (row, channel)))?;
    let rows = usize::try_from(it.arena.as_integer(known.shape[row])?).ok()?;
    let positions = Placed {
        source: Source::Known(rows),
        dtype: DataType::I64,
        squeeze: Vec::new(),
        unsqueeze: (0..channel).filter(|&axis| axis != row).collect(),
        wrapped: None,
    };
    site(
        it,
        (table, node),
        &known,
        (table, (row, channel)),
        fitted,
        (positions, false),
    )
}

/// Whether the node of a value takes some of the elements of an input.
fn picks(it: &Interpreter<'_>, value: ValueId) -> bool {
    let node = it.index().producer(value);
    let node = node.map(|(node, _)| &it.file.graph().node[node]);
    let picks = ["Gather", "GatherElements", "GatherND", "Slice", "Split"];
    node.is_some_and(|node| picks.iter().any(|op| node.is_onnx(op)))
}

/// The value whose elements the node of another moves.
fn moved_from(it: &Interpreter<'_>, value: ValueId) -> Option<ValueId> {
    let (node, _) = it.index().producer(value)?;
    let node = &it.file.graph().node[node];
    let moves = [
        "Identity",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Expand",
    ];
    let moves = picks(it, value) || moves.iter().any(|op| node.is_onnx(op));
    let name = node.input.first().filter(|_| moves)?;
    it.index().id(name)
}

/// Whether a tensor is moved from a constant of two axes, of a size that is read.
fn is_from_table(it: &mut Interpreter<'_>, value: ValueId) -> bool {
    let chain = std::iter::successors(Some(value), |&value| moved_from(it, value));
    let Some(mut first) = chain.take(MAX_CHAIN).last() else {
        return false;
    };
    first = mask::table(it, first).unwrap_or(first);
    it.is_constant(first)
        && it
            .value(first)
            .is_ok_and(|known| known.dtype.is_float() && known.long_axes().count() == 2)
}

/// The site among those found from which a value is moved, and whether nothing else reads that.
fn before(
    it: &Interpreter<'_>,
    value: ValueId,
    found: &[(ValueId, Site)],
) -> Option<(usize, bool)> {
    let index = it.index();
    let mut alone = true;
    let mut earlier = moved_from(it, value);
    for _ in 0..MAX_CHAIN {
        let own = earlier?;
        alone &= index.only_reader(own).is_some();
        if let Some(at) = found.iter().position(|(y, _)| *y == own) {
            return Some((at, alone));
        }
        earlier = moved_from(it, own);
    }
    None
}

/// Reads a tensor as a site.
fn attempt(
    it: &mut Interpreter<'_>,
    context: &Context<'_>,
    elements: &mut Elements,
    read: &mut Read,
    y: ValueId,
) -> Option<Site> {
    let known = it.value(y).ok()?;
    let at = Elements::coordinates(it, y)?;
    let rows = rows(it, elements, y, (&known, &at))?;
    let fitted = fitted(it, read, (rows.table, rows.axes))?;
    let lead = at.len() - 1;
    let places = (&at[..lead], &known.shape[..lead]);
    let cone = Cone::of(it, &context.order, y);
    let positions = positions(it, context, elements, &cone, y, (&rows, places))?;
    let (node, _) = it.index().producer(y)?;
    site(
        it,
        (y, node),
        &known,
        (rows.table, rows.axes),
        fitted,
        positions,
    )
}

/// The site of a tensor, at a node, with rows of a table that lie along these axes of it. With the positions goes whether the graph
/// joins the tensor with one that has as many.
fn site(
    it: &mut Interpreter<'_>,
    (y, node): (ValueId, usize),
    known: &Value,
    (table, axes): (ValueId, (usize, usize)),
    fitted: Fitted,
    (positions, met): (Placed, bool),
) -> Option<Site> {
    let whole = it.value(table).ok()?;
    let size = |axis: usize| usize::try_from(it.arena.as_integer(whole.shape[axis])?).ok();
    Some(Site {
        rule: TABLE_RULE,
        node,
        node_name: node_name(it, node),
        y: it.index().name(y).to_owned(),
        dtype: known.dtype,
        shape: display::shape(&it.arena, &known.shape),
        proof: Proof::Formula,
        assumes_finite: false,
        kind: Kind::Sinusoidal(Sinusoidal {
            positions,
            count: fitted.frequencies.len(),
            frequencies: Frequencies::Numbers(vec![fitted.frequencies]),
            dtype: fitted.dtype,
            attributes: fitted.attributes,
            width: size(axes.1)?,
            divided: false,
            table: Some(LookedUp {
                value: it.index().name(table).to_owned(),
                rows: size(axes.0)?,
                met,
                difference: fitted.difference,
            }),
        }),
    })
}

/// Which row of which table the channels of a tensor with these coordinates are, if they are all of one.
fn rows(
    it: &mut Interpreter<'_>,
    elements: &mut Elements,
    y: ValueId,
    (known, at): (&Value, &Indices),
) -> Option<Rows> {
    let looked_at = elements.steps;
    let element = elements.element(it, y, at);
    it.budget
        .spend(Work::Recognising, (1 + elements.steps - looked_at) * STEP);
    let access = Elements::access(it, element)?;
    let table = it.value(access.value).ok()?;
    let channel = it.arena.as_atom(*at.last()?)?;
    let width = it.arena.as_integer(*known.shape.last()?)?;
    let whole = table.dtype == known.dtype && (2..=MAX_WIDTH).contains(&width);
    let long: Vec<usize> = table.long_axes().collect();
    let &[a, b] = &long[..] else {
        return None;
    };
    if !whole || !it.is_constant(access.value) {
        return None;
    }
    let is_channels = |axis: usize| {
        access.indices[axis] == PolyId::of_atom(channel)
            && it.arena.as_integer(table.shape[axis]) == Some(width)
    };
    let axes = match (is_channels(a), is_channels(b)) {
        (false, true) => (a, b),
        (true, false) => (b, a),
        _ => return None,
    };
    let row = access.indices[axes.0];
    if it.arena.depends_on(row, channel) {
        return None;
    }
    let (row, wrapped) = match it.arena.as_atom(row).map(|atom| it.arena.atom_of(atom)) {
        Some(Atom::Apply {
            function: Function::Wrapped,
            args,
        }) => (args[0], Some(it.arena.as_integer(table.shape[axes.0])?)),
        _ => (row, None),
    };
    Some(Rows {
        table: access.value,
        axes,
        row,
        wrapped,
    })
}

/// What a table with these axes of rows and channels is, if it is sinusoids.
fn fitted(
    it: &mut Interpreter<'_>,
    read: &mut Read,
    (table, axes): (ValueId, (usize, usize)),
) -> Option<Fitted> {
    if let Some(known) = read.get(&(table, axes.0)) {
        return known.clone();
    }
    let fitted = compared(it, table, axes);
    read.insert((table, axes.0), fitted.clone());
    fitted
}

fn compared(
    it: &mut Interpreter<'_>,
    table: ValueId,
    (rows, channels): (usize, usize),
) -> Option<Fitted> {
    let shape = it.value(table).ok()?.shape.clone();
    let size = |axis: usize| it.arena.as_integer(shape[axis]);
    let count = size(rows)?.checked_mul(size(channels)?)?;
    if count > MAX_ELEMENTS || size(channels)? > MAX_WIDTH {
        return None;
    }
    let tensor = it.tensor(table)?;
    let stride = |axis: usize| tensor.shape[axis + 1..].iter().product();
    let grid = Grid {
        tensor: &tensor,
        rows: (tensor.shape[rows], stride(rows)),
        columns: (tensor.shape[channels], stride(channels)),
    };
    let fitted = fit::read(grid)?;
    it.budget
        .spend(Work::Recognising, count.unsigned_abs() * ELEMENT);
    Some(fitted)
}

/// The tensor that holds the row of every place, or along which the rows are counted, and whether the graph joins `y` with one that has
/// as many.
fn positions(
    it: &mut Interpreter<'_>,
    context: &Context<'_>,
    elements: &mut Elements,
    cone: &Cone,
    y: ValueId,
    (rows, (at, lead)): (&Rows, (&[PolyId], &[PolyId])),
) -> Option<(Placed, bool)> {
    let held = place::positions(it, elements, cone, &[rows.row], (at, lead));
    if let Some(mut held) = held {
        held.wrapped = rows.wrapped.filter(|_| held.dtype.is_integer());
        // Of rows that may be negative, numbers of a float are no indices of the graph.
        return (held.wrapped == rows.wrapped).then_some((held, false));
    }
    let along = at.iter().position(|&at| at == rows.row)?;
    let others = lead.iter().enumerate().filter(|&(axis, _)| axis != along);
    if rows.wrapped.is_some() || others.clone().any(|(_, &size)| size != PolyId::ONE) {
        return None;
    }
    let unsqueeze = others.map(|(axis, _)| axis).collect();
    let sized =
        |it: &mut Interpreter<'_>, size| sized::find(it, &context.order, y, cone.values(), size);
    let (counted, met) = match sized(it, lead[along]) {
        Some(counted) => (counted, false),
        None => {
            let table = it.value(rows.table).ok()?.shape[rows.axes.0];
            let size = met(it, y, (along, at.len()), (lead[along], table))?;
            (sized(it, size)?, true)
        }
    };
    let (value, axis) = counted;
    let placed = Placed {
        source: Source::Counted {
            value: it.index().name(value).to_owned(),
            axis,
        },
        dtype: DataType::I64,
        squeeze: Vec::new(),
        unsqueeze,
        wrapped: None,
    };
    Some((placed, met))
}

/// The size of a tensor that a node adds to `y`, if the rows along this axis of it (of so many axes before the last) are as many as that
/// size and the table allow. Where the table has fewer, and more than one, the graph fails.
fn met(
    it: &mut Interpreter<'_>,
    y: ValueId,
    (along, lead): (usize, usize),
    (size, table): (PolyId, PolyId),
) -> Option<PolyId> {
    let graph = it.file.graph();
    let readers = it.index().consumers(y).to_vec();
    for (node, _) in readers {
        let node = &graph.node[node];
        if !node.is_onnx("Add") {
            continue;
        }
        for name in &node.input {
            let other = it.index().id(name).filter(|&other| other != y);
            let Some(known) = other.and_then(|other| it.known(other).cloned()) else {
                continue;
            };
            let axis = (along + known.rank()).checked_sub(lead + 1);
            let met = axis.map(|axis| known.shape[axis]);
            if let Some(met) = met.filter(|&met| it.arena.least(met, table) == size) {
                return Some(met);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
