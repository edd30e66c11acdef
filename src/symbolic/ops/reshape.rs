//! Reshape and Flatten: axes are matched in groups of equal volume.
//!
//! A group of enumerated axes is regrouped element by element. One opaque axis on both sides is the same axis. Opaque axes
//! that merge or split rename the roots along them. A reshape that splits the channels of an untouched activation into heads
//! starts a new root, as it does at widths too large to tell apart, so that small and large models read the same.

use smallvec::SmallVec;

use crate::symbolic::function::Function;
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::{Atom, PolyId, Stop};
use crate::symbolic::root::Restructure;
use crate::symbolic::value::{Alignment, Axes, Shape, Value};
use crate::symbolic::visit::Visit;

pub(super) fn reshape(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let output = visit.node.output.first().map_or("", |name| name.as_str());
    let declared = it.facts_of_output(visit, output).map(|(_, shape)| shape);
    let shape = match visit.node.ints("shape").map(<[i64]>::to_vec) {
        Some(list) => {
            let list: Vec<PolyId> = list.into_iter().map(|d| it.arena.integer(d)).collect();
            target(it, &a, &list, visit)?
        }
        None => match it.elements(visit.input(1)?) {
            Some(list) => {
                let own = target(it, &a, &list, visit)?;
                match &declared {
                    Some(known) if known.len() == own.len() => {
                        let arena = &it.arena;
                        let sharper = |(&o, &d): (&PolyId, &PolyId)| {
                            if arena.as_integer(d).is_some() && arena.as_integer(o).is_none() {
                                d
                            } else {
                                o
                            }
                        };
                        own.iter().zip(known).map(sharper).collect()
                    }
                    _ => own,
                }
            }
            None => declared.ok_or(Stop::ReshapeToUnknown)?,
        },
    };
    reshaped(it, &a, shape)
}

pub(super) fn flatten(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let axis = visit.node.int("axis").unwrap_or(1);
    let at = if axis == a.rank() as i64 {
        a.rank()
    } else {
        normal_axis(axis, a.rank())?
    };
    let mut shape = Shape::new();
    for part in [&a.shape[..at], &a.shape[at..]] {
        shape.push(volume(it, part)?);
    }
    reshaped(it, &a, shape)
}

fn volume(it: &mut Interpreter<'_>, dims: &[PolyId]) -> Result<PolyId, Stop> {
    dims.iter()
        .try_fold(PolyId::ONE, |product, &dim| it.arena.mul(product, dim))
}

/// The shape a target vector means: 0 copies, -1 is what is left.
pub(super) fn target(
    it: &mut Interpreter<'_>,
    a: &Value,
    list: &[PolyId],
    visit: &Visit<'_>,
) -> Result<Shape, Stop> {
    let copies = visit.node.int("allowzero").unwrap_or(0) == 0;
    let mut shape = Shape::new();
    let mut free = None;
    for (axis, &p) in list.iter().enumerate() {
        match it.arena.as_integer(p) {
            Some(0) if copies => shape.push(*a.shape.get(axis).ok_or(Stop::CopiedAxisAbsent)?),
            Some(-1) => {
                free = Some(axis);
                shape.push(PolyId::ONE);
            }
            _ => shape.push(p),
        }
    }
    if let Some(axis) = free {
        shape[axis] = rest(it, &a.shape, &shape, axis)?;
    }
    // What may be -1 stands for the rest where it is.
    for axis in 0..shape.len() {
        if free != Some(axis) && it.arena.range(shape[axis]).low < 0.0 {
            let left = rest(it, &a.shape, &shape, axis)?;
            // An expression of sizes that volumes force to be another size, but for tensors without elements, for which a graph
            // whose expressions disagree does not go on.
            if it.arena.roots_of(shape[axis]).is_empty() && a.shape.contains(&left) {
                shape[axis] = left;
                continue;
            }
            let stated = shape[axis];
            let negative = it.arena.apply(Function::Less, &[stated, PolyId::ZERO]);
            let mut size = stated;
            if copies {
                let own = *a.shape.get(axis).ok_or(Stop::CopiedAxisAbsent)?;
                let zero = it.arena.apply(Function::Equal, &[stated, PolyId::ZERO]);
                size = it.arena.apply(Function::Where, &[zero, own, stated]);
            }
            shape[axis] = it.arena.apply(Function::Where, &[negative, left, size]);
        }
    }
    Ok(shape)
}

/// The size of an axis of the target that is what the others leave of the volume.
fn rest(
    it: &mut Interpreter<'_>,
    from: &[PolyId],
    to: &[PolyId],
    axis: usize,
) -> Result<PolyId, Stop> {
    // Equal factors cancel first: volumes of many symbols would pass the bound on degrees.
    let mut left: SmallVec<[PolyId; 8]> = from.iter().copied().collect();
    let mut cut: SmallVec<[PolyId; 8]> = SmallVec::new();
    for (k, &dim) in to.iter().enumerate() {
        if k != axis {
            match left.iter().position(|&l| l == dim) {
                Some(at) => drop(left.remove(at)),
                None => cut.push(dim),
            }
        }
    }
    let (total, rest) = (volume(it, &left)?, volume(it, &cut)?);
    Ok(match it.arena.div_exact(total, rest) {
        Some(exact) => exact,
        None => it.arena.integer_quotient(total, rest),
    })
}

struct Group {
    from: SmallVec<[usize; 4]>,
    to: SmallVec<[usize; 4]>,
}

/// Cuts both shapes into the shortest groups of equal volume.
fn groups(it: &mut Interpreter<'_>, from: &[PolyId], to: &[PolyId]) -> Result<Vec<Group>, Stop> {
    let (mut i, mut j) = (0, 0);
    let mut groups = Vec::new();
    while i < from.len() || j < to.len() {
        let mut group = Group {
            from: SmallVec::new(),
            to: SmallVec::new(),
        };
        let (mut p, mut q) = (PolyId::ONE, PolyId::ONE);
        if i < from.len() {
            p = from[i];
            group.from.push(i);
            i += 1;
        }
        if j < to.len() {
            q = to[j];
            group.to.push(j);
            j += 1;
        }
        while p != q {
            let (known_p, known_q) = (it.arena.as_integer(p), it.arena.as_integer(q));
            let p_is_less = match (known_p, known_q) {
                (Some(p), Some(q)) => p < q,
                _ => it.arena.div_exact(q, p).is_some(),
            };
            let p_can_grow = i < from.len();
            let q_is_less = match (known_p, known_q) {
                (Some(p), Some(q)) => q < p,
                _ => true,
            };
            if p_is_less && p_can_grow {
                p = it.arena.mul(p, from[i])?;
                group.from.push(i);
                i += 1;
            } else if q_is_less && j < to.len() {
                q = it.arena.mul(q, to[j])?;
                group.to.push(j);
                j += 1;
            } else if p_can_grow {
                p = it.arena.mul(p, from[i])?;
                group.from.push(i);
                i += 1;
            } else {
                return Err(Stop::ReshapeWithoutMatch);
            }
        }
        groups.push(group);
    }
    Ok(groups)
}

/// `a` under another shape of equal volume.
fn reshaped(it: &mut Interpreter<'_>, a: &Value, shape: Shape) -> Result<Value, Stop> {
    let mut enumerated: SmallVec<[bool; 6]> = SmallVec::from_elem(true, shape.len());
    // Where the one long opaque axis of a group goes.
    let mut followed: SmallVec<[Option<usize>; 6]> = SmallVec::from_elem(None, a.rank());
    let mut merged = false;
    let channels = it.channel_axes(a.dtype, &shape);
    for group in groups(it, &a.shape, &shape)? {
        let from: SmallVec<[usize; 4]> = group
            .from
            .iter()
            .copied()
            .filter(|&axis| !a.is_unit(axis))
            .collect();
        let to: SmallVec<[usize; 4]> = group
            .to
            .iter()
            .copied()
            .filter(|&axis| shape[axis] != PolyId::ONE)
            .collect();
        if from.iter().all(|&axis| a.enumerated[axis]) {
            if from.len() == 1
                && to.len() > 1
                && to.iter().any(|&axis| !channels[axis])
                && is_untouched(it, a)
            {
                return Err(Stop::SplitIntoHeads);
            }
        } else if let ([source], [goal]) = (&from[..], &to[..]) {
            enumerated[*goal] = a.enumerated[*source];
            followed[*source] = Some(*goal);
        } else if from.iter().all(|&axis| !a.enumerated[axis]) && !to.is_empty() {
            if to.iter().any(|&axis| channels[axis]) {
                return Err(Stop::SplitIntoHeads);
            }
            merged = true;
            for &axis in &to {
                enumerated[axis] = false;
            }
        } else {
            return Err(Stop::ReshapeMixesChannels);
        }
    }
    let mut value = Value {
        dtype: a.dtype,
        caveats: a.caveats,
        shape,
        enumerated,
        data: a.data.clone(),
        alignment: Alignment::new(),
    };
    if !merged {
        value.alignment = a.with_axes_moved(&|axis| followed[axis as usize].unwrap_or(0) as u8);
        return Ok(value);
    }
    let opaque: Axes = (0..value.rank())
        .filter(|&axis| !value.enumerated[axis])
        .map(|axis| axis as u8)
        .collect();
    for (root, axes) in &a.alignment {
        // What does not vary along the axes that merge or split lies where it lay.
        let kept = axes.iter().map(|&axis| followed[axis as usize]);
        if let Some(kept) = kept.collect::<Option<SmallVec<[usize; 4]>>>() {
            let axes = kept.into_iter().map(|axis| axis as u8).collect();
            value.alignment.push((*root, axes));
            continue;
        }
        let change = Restructure::Reshape {
            axes: axes.clone(),
            from: a.shape.clone(),
            to: value.shape.clone(),
        };
        let new = it.arena.derive(*root, change);
        value.rename(&mut it.arena, *root, new)?;
        value.alignment.push((new, opaque.clone()));
    }
    Ok(value)
}

/// Whether the elements are the channels of one activation root, one each and as they are.
fn is_untouched(it: &Interpreter<'_>, a: &Value) -> bool {
    let mut first = None;
    a.data.iter().all(|&p| {
        let Some(atom) = it.arena.as_atom(p) else {
            return false;
        };
        match it.arena.atom_of(atom) {
            Atom::Channel { root, .. } => {
                it.arena.root_of(*root).is_activation() && *first.get_or_insert(*root) == *root
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests;
