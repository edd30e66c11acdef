//! Reads tensors as positions, of one coordinate stream or several (the height and width of a patch, say).
//!
//! A tensor of one expression is one stream. Several streams lie along a short axis. Float coordinates make it an enumerated
//! axis, with one expression a stream. For integer positions it is opaque, and the graph takes each stream out by a constant
//! index or a slice of length 1: the streams are then the roots that such an index or slice derives.

use smallvec::SmallVec;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::Interpreter;
use crate::symbolic::poly::{Arena, PolyId, Stop};
use crate::symbolic::root::{Restructure, RootId};
use crate::symbolic::value::{Alignment, Value};

/// How many coordinate streams there may be: time, height, width, and one to spare.
const MAX_STREAMS: usize = 4;

/// One reading of a tensor as positions.
#[derive(Clone)]
pub(in crate::recognize) struct Positions {
    /// One expression a stream.
    pub streams: Vec<PolyId>,
    /// The axis along which the streams lie.
    pub axis: Option<usize>,
    /// The layout of one stream: the tensor without that axis. Its elements mean nothing.
    pub rows: Value,
}

impl PartialEq for Positions {
    fn eq(&self, other: &Self) -> bool {
        let layout = |p: &Positions| {
            let rows = &p.rows;
            (
                rows.dtype,
                rows.shape.clone(),
                rows.enumerated.clone(),
                rows.alignment.clone(),
            )
        };
        self.streams == other.streams && self.axis == other.axis && layout(self) == layout(other)
    }
}

/// The ways to read a value as positions; none for constants, which are a table already.
pub(super) fn readings(it: &mut Interpreter<'_>, id: ValueId) -> Vec<Positions> {
    let Some(value) = it.known(id).cloned() else {
        return Vec::new();
    };
    let readable = matches!(
        value.dtype,
        DataType::I64 | DataType::I32 | DataType::F32 | DataType::F64
    );
    if !readable
        || value
            .data
            .iter()
            .all(|&p| it.arena.as_constant(p).is_some())
    {
        return Vec::new();
    }
    let enumerated: SmallVec<[usize; 6]> = (0..value.rank())
        .filter(|&axis| value.enumerated[axis] && !value.is_unit(axis))
        .collect();
    match enumerated[..] {
        [] => {
            let mut all = vec![Positions {
                streams: value.data.to_vec(),
                axis: None,
                rows: (*value).clone(),
            }];
            for axis in 0..value.rank() {
                if let Some(count) = streams(&it.arena, &value, axis) {
                    all.extend(taken_out(it, &value, axis, count));
                }
            }
            all
        }
        [axis] if streams(&it.arena, &value, axis).is_some() => vec![Positions {
            streams: value.data.to_vec(),
            axis: Some(axis),
            rows: without(&value, axis, value.alignment.clone()),
        }],
        _ => Vec::new(),
    }
}

/// The number of streams that may lie along an axis.
fn streams(arena: &Arena, value: &Value, axis: usize) -> Option<usize> {
    let size = usize::try_from(arena.as_integer(value.shape[axis])?).ok()?;
    (2..=MAX_STREAMS).contains(&size).then_some(size)
}

/// The streams along an opaque axis, taken out by index and by slice: the graph may do either, and each derives roots of its own.
fn taken_out(
    it: &mut Interpreter<'_>,
    value: &Value,
    axis: usize,
    count: usize,
) -> SmallVec<[Positions; 2]> {
    let by_index = |_: &mut Arena, k: usize, at: u8| Restructure::Index {
        axis: at,
        indices: SmallVec::from_slice(&[k as i64]),
    };
    let by_slice = |arena: &mut Arena, k: usize, at: u8| Restructure::Slice {
        axis: at,
        start: arena.integer(k as i64),
        step: 1,
        length: PolyId::ONE,
    };
    let ways: [&Way; 2] = [&by_index, &by_slice];
    ways.into_iter()
        .filter_map(|way| restructured(&mut it.arena, value, axis, count, way).ok())
        .collect()
}

/// How element `k` along an axis of a root is taken out.
type Way = dyn Fn(&mut Arena, usize, u8) -> Restructure;

fn restructured(
    arena: &mut Arena,
    value: &Value,
    axis: usize,
    count: usize,
    way: &Way,
) -> Result<Positions, Stop> {
    let mut alignment = Alignment::new();
    let mut all = Vec::with_capacity(count);
    for k in 0..count {
        let [mut p] = value.data[..] else {
            return Err(Stop::StreamsToldApartTwice);
        };
        for (root, axes) in &value.alignment {
            let at = axes.iter().position(|&a| a as usize == axis);
            let root: RootId = match at {
                None => *root,
                Some(_) if arena.is_iota(*root) => {
                    return Err(Stop::PositionsAlongStreams);
                }
                Some(at) => {
                    let change = way(arena, k, at as u8);
                    let new = arena.derive(*root, change);
                    p = arena.rename(p, *root, new)?;
                    new
                }
            };
            let rest = axes.iter().copied().filter(|&a| a as usize != axis);
            if !alignment.iter().any(|(known, _)| *known == root) {
                alignment.push((root, rest.collect()));
            }
        }
        all.push(p);
    }
    Ok(Positions {
        streams: all,
        axis: Some(axis),
        rows: without(value, axis, alignment),
    })
}

/// The value without an axis. `alignment` counts axes with it.
fn without(value: &Value, axis: usize, mut alignment: Alignment) -> Value {
    let mut rows = value.clone();
    rows.shape.remove(axis);
    rows.enumerated.remove(axis);
    for (_, axes) in &mut alignment {
        for at in axes.iter_mut().filter(|at| **at as usize > axis) {
            *at -= 1;
        }
    }
    rows.alignment = alignment;
    rows
}

#[cfg(test)]
mod tests;
