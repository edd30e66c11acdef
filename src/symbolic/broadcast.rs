//! Elementwise operations: operands brought to one rank, one set of enumerated axes, one alignment.

use smallvec::{SmallVec, smallvec};

use crate::onnx::DataType;

use super::interpreter::Interpreter;
use super::poly::{Arena, PolyId, Stop};
use super::root::{Restructure, RootKind};
use super::value::{Alignment, Caveats, Extents, Shape, Value, extents, strides, walk};

/// Most elements told apart in one value. Where a result would have more, leading axes become opaque, never the channels.
pub const BUDGET: usize = 16_384;

/// What an elementwise operation does to one element of each operand.
pub type ElementFunction<'f> = dyn FnMut(&mut Arena, &[PolyId]) -> Result<PolyId, Stop> + 'f;

/// Operands made compatible.
pub struct Broadcast {
    /// The operands, all of the result's rank.
    pub operands: SmallVec<[Value; 3]>,
    /// Shape of the result.
    pub shape: Shape,
    /// Enumerated axes of the result.
    pub enumerated: SmallVec<[bool; 6]>,
    /// Enumerated positions along each axis of the result.
    pub extents: Extents,
    /// Where the roots lie in the result.
    pub alignment: Alignment,
}

impl Interpreter<'_> {
    /// Brings values to a common rank and set of enumerated axes, as numpy broadcasting does.
    pub fn broadcast(&mut self, values: &[&Value]) -> Result<Broadcast, Stop> {
        let rank = values.iter().map(|v| v.rank()).max().unwrap_or(0);
        let mut operands: SmallVec<[Value; 3]> = values.iter().map(|v| padded(v, rank)).collect();
        let mut shape = Shape::new();
        let mut enumerated = SmallVec::<[bool; 6]>::new();
        for axis in 0..rank {
            let sizes = operands.iter().map(|v| v.shape[axis]);
            let size = sizes.fold(PolyId::ONE, |all, size| {
                self.arena.broadcast_size(all, size)
            });
            let mut longer = operands.iter().filter(|v| !v.is_unit(axis));
            shape.push(size);
            enumerated.push(longer.all(|v| v.enumerated[axis]));
        }
        let extents = self.fit(&shape, &mut enumerated);
        let opaque: SmallVec<[usize; 6]> = (0..rank).filter(|&axis| !enumerated[axis]).collect();
        for operand in &mut operands {
            *operand = self.with_opaque_axes(operand, &opaque)?;
        }
        for operand in &mut operands {
            for (axis, &size) in shape.iter().enumerate() {
                stretch(&mut self.arena, operand, axis, size)?;
            }
        }
        for operand in &operands {
            let own = operand.extents(&self.arena);
            // An operand that is empty along an axis has no element that could stand for all along it.
            let is_whole = own.iter().product::<usize>() == operand.data.len();
            let mut sizes = own.iter().zip(&extents);
            if !is_whole || sizes.any(|(&n, &all)| n != 1 && n != all) {
                return Err(Stop::NoBroadcast);
            }
        }
        let alignment = align(&mut self.arena, &mut operands)?;
        Ok(Broadcast {
            operands,
            shape,
            enumerated,
            extents,
            alignment,
        })
    }

    /// Makes leading axes opaque until the enumerated positions fit the budget; returns the extents.
    pub fn fit(&self, shape: &[PolyId], enumerated: &mut [bool]) -> Extents {
        let mut extents = extents(&self.arena, shape, enumerated);
        for axis in 0..extents.len() {
            if extents.iter().product::<usize>() <= BUDGET {
                break;
            }
            if extents[axis] > 1 {
                extents[axis] = 1;
                enumerated[axis] = false;
            }
        }
        extents
    }

    /// Applies `f` element by element. The result has the caveats of the operands.
    pub fn elementwise(
        &mut self,
        values: &[&Value],
        dtype: DataType,
        f: &mut ElementFunction<'_>,
    ) -> Result<Value, Stop> {
        if let [a] = values {
            let mut data = Vec::with_capacity(a.data.len());
            for &p in a.data.iter() {
                data.push(f(&mut self.arena, &[p])?);
            }
            return Ok(Value {
                dtype,
                data: data.into(),
                ..(*a).clone()
            });
        }
        let Broadcast {
            operands,
            shape,
            enumerated,
            extents,
            alignment,
        } = self.broadcast(values)?;
        let steps: SmallVec<[Extents; 3]> = operands
            .iter()
            .map(|v| strides(&v.extents(&self.arena)))
            .collect();
        let mut data = Vec::with_capacity(extents.iter().product());
        let arena = &mut self.arena;
        let mut args: SmallVec<[PolyId; 3]> = smallvec![PolyId::ZERO; operands.len()];
        walk(&extents, &steps, &mut |offsets| {
            for ((arg, operand), &offset) in args.iter_mut().zip(&operands).zip(offsets) {
                *arg = operand.data[offset];
            }
            data.push(f(arena, &args)?);
            Ok(())
        })?;
        let caveats = operands.iter().map(|v| v.caveats);
        Ok(Value {
            dtype,
            shape,
            enumerated,
            data: data.into(),
            alignment,
            caveats: caveats.fold(Caveats::default(), Caveats::and),
        }
        .tidy(&self.arena))
    }
}

/// Takes the positions along an axis for what they are where the axis is broadcast to `size`: all the first one, if its own size
/// is 1.
pub fn stretch(
    arena: &mut Arena,
    value: &mut Value,
    axis: usize,
    size: PolyId,
) -> Result<(), Stop> {
    let own = value.shape[axis];
    if !arena.may_stretch(own, size) {
        return Ok(());
    }
    for (root, axes) in value.alignment.clone() {
        if arena.is_iota(root) && axes.contains(&(axis as u8)) {
            let stretched = arena.derive(root, Restructure::Stretched(own));
            value.rename(arena, root, stretched)?;
        }
    }
    Ok(())
}

/// `p` with the positions along axes that were broadcast as if they had not been: what finds a tensor before it is broadcast, and
/// proves nothing.
pub fn unstretched(arena: &mut Arena, p: PolyId) -> Result<PolyId, Stop> {
    let mut p = p;
    for root in arena.roots_of(p).to_vec() {
        if let RootKind::Derived(base, Restructure::Stretched(_)) = arena.root_of(root).kind {
            p = arena.rename(p, root, base)?;
        }
    }
    Ok(p)
}

/// The value with unit axes put in front.
pub fn padded(value: &Value, rank: usize) -> Value {
    let missing = rank - value.rank();
    if missing == 0 {
        return value.clone();
    }
    let mut shape: Shape = smallvec![PolyId::ONE; missing];
    shape.extend_from_slice(&value.shape);
    let mut enumerated: SmallVec<[bool; 6]> = smallvec![true; missing];
    enumerated.extend_from_slice(&value.enumerated);
    Value {
        dtype: value.dtype,
        caveats: value.caveats,
        shape,
        enumerated,
        data: value.data.clone(),
        alignment: value.with_axes_moved(&|axis| axis + missing as u8),
    }
}

/// One alignment for all operands. A root that lies along other axes in a later operand (positions of queries against
/// positions of keys) becomes an alias there.
pub fn align(arena: &mut Arena, operands: &mut [Value]) -> Result<Alignment, Stop> {
    let mut all = Alignment::new();
    for operand in operands {
        let mut live = None;
        for (root, axes) in operand.alignment.clone() {
            let Some((_, known)) = all.iter().find(|(r, _)| *r == root) else {
                all.push((root, axes));
                continue;
            };
            if *known == axes {
                continue;
            }
            let live = live.get_or_insert_with(|| operand.live_roots(arena));
            if !live.contains(&root) {
                operand.alignment.retain(|(r, _)| *r != root);
                continue;
            }
            let alias = arena.derive(root, Restructure::Alias(axes.clone()));
            // An alias is the root at the position along the axes where it lies, which need not be those it is called after.
            if operand.axes_of(alias).is_some_and(|known| *known != axes) {
                return Err(Stop::RootOnThreeAxes);
            }
            operand.rename(arena, root, alias)?;
            match all.iter().find(|(r, _)| *r == alias) {
                None => all.push((alias, axes)),
                Some((_, known)) if *known == axes => {}
                Some(_) => return Err(Stop::RootOnThreeAxes),
            }
        }
    }
    Ok(all)
}

/// Union of alignments that must agree.
pub fn merge(into: &mut Alignment, from: &Alignment) -> Result<(), Stop> {
    for (root, axes) in from {
        match into.iter().find(|(r, _)| r == root) {
            None => into.push((*root, axes.clone())),
            Some((_, known)) if known == axes => {}
            Some(_) => return Err(Stop::RootOnTwoAxes),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
