//! Tensors that may hold positions, and the coordinate streams in them.
//!
//! A tensor of one expression is one stream. Of several streams, those of float coordinates lie along an axis whose elements
//! are told apart; those of integer positions lie along an axis that is not, and are told apart where the graph takes them
//! out by a constant index or a slice of one.

use smallvec::SmallVec;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::Interpreter;
use crate::symbolic::poly::{Arena, PolyId, Stop};
use crate::symbolic::root::{Restructure, RootId};
use crate::symbolic::value::{Alignment, Value};

/// Most coordinate streams: time, height and width, and one to spare.
const MAX_STREAMS: usize = 4;

/// One reading of a tensor as positions.
#[derive(Clone)]
pub(in crate::recognize) struct Positions {
    /// One expression a stream.
    pub streams: Vec<PolyId>,
    /// The axis along which the streams lie.
    pub axis: Option<usize>,
    /// The tensor of one stream, without that axis and without elements.
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

/// The ways to read a value as positions.
pub(super) fn of(it: &mut Interpreter<'_>, id: ValueId) -> Vec<Positions> {
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
    let told_apart: SmallVec<[usize; 6]> = (0..value.rank())
        .filter(|&axis| value.enumerated[axis] && !value.is_unit(axis))
        .collect();
    match told_apart[..] {
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

/// The size of an axis along which streams may lie.
fn streams(arena: &Arena, value: &Value, axis: usize) -> Option<usize> {
    let size = usize::try_from(arena.as_integer(value.shape[axis])?).ok()?;
    (2..=MAX_STREAMS).contains(&size).then_some(size)
}

/// The streams of an axis that is not told apart, by index and by slice.
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

/// The restructuring that element `k` along an opaque axis of a root stands for.
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

/// The value without an axis; the alignment is that of the value with it.
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
