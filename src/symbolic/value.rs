//! The abstract value of a tensor.
//!
//! Every axis is *enumerated* (its elements are told apart) or *opaque* (one element stands for all). The channel axis is
//! enumerated; batch, sequence and heads are opaque, whatever their size, so that the cost of a value is its head width.
//! `data` holds one polynomial for each combination of enumerated positions. [`Alignment`] says which axis of the tensor
//! every opaque axis of a root lies along: two tensors that agree in polynomials and alignment are equal element by element.

use std::rc::Rc;

use smallvec::{SmallVec, smallvec};

use crate::onnx::DataType;

use super::poly::{Arena, PolyId, Stop};
use super::root::RootId;

/// A symbolic shape: one polynomial over dimension symbols an axis.
pub type Shape = SmallVec<[PolyId; 6]>;
/// Tensor axis of each opaque axis of a root.
pub type Axes = SmallVec<[u8; 4]>;
/// The axes of every root that occurs in a value.
pub type Alignment = SmallVec<[(RootId, Axes); 2]>;
/// Number of enumerated positions along each axis (1 on opaque axes).
pub type Extents = SmallVec<[usize; 6]>;

/// What equality of elements and their polynomials leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caveats {
    /// Floats were rounded on the way: elements are their polynomials up to rounding, and equal polynomials are no equal numbers.
    pub rounded: bool,
    /// A number on the way may have left its float type, whatever the range of its polynomial.
    pub overflows: bool,
    /// What the node that computes the value lost, and not one before it.
    pub loss: Option<Loss>,
}

/// What a node loses that a polynomial does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Products with 0, NaN where an element of the value of this number is infinite or NaN.
    Annihilated(u32),
    /// Terms that cancel, which leave their rounding errors, or NaN; or products with 0 of anything else.
    Cancelled,
}

impl Loss {
    fn and(self, other: Loss) -> Loss {
        match self == other {
            true => self,
            false => Loss::Cancelled,
        }
    }
}

impl Caveats {
    /// What the two leave out together.
    pub fn and(self, other: Caveats) -> Caveats {
        Caveats {
            rounded: self.rounded || other.rounded,
            overflows: self.overflows || other.overflows,
            loss: match (self.loss, other.loss) {
                (Some(a), Some(b)) => Some(a.and(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

/// What is known of one tensor.
#[derive(Clone, Debug)]
pub struct Value {
    /// Element type.
    pub dtype: DataType,
    /// Symbolic shape.
    pub shape: Shape,
    /// Which axes are enumerated.
    pub enumerated: SmallVec<[bool; 6]>,
    /// One polynomial for each enumerated position, row major.
    pub data: Rc<[PolyId]>,
    /// Where the roots' opaque axes lie.
    pub alignment: Alignment,
    /// What this leaves out.
    pub caveats: Caveats,
}

impl Value {
    /// A tensor with all axes enumerated.
    pub fn enumerated(dtype: DataType, shape: Shape, data: Vec<PolyId>) -> Value {
        let rank = shape.len();
        Value {
            dtype,
            shape,
            enumerated: smallvec![true; rank],
            data: data.into(),
            alignment: Alignment::new(),
            caveats: Caveats::default(),
        }
    }

    /// Whether elements, axes and alignment fit together.
    pub fn is_sound(&self, arena: &Arena) -> bool {
        let rank = self.rank();
        let opaque = |&axis: &u8| self.enumerated.get(axis as usize) == Some(&false);
        self.enumerated.len() == rank
            && self.data.len() == self.extents(arena).iter().product::<usize>()
            && self
                .alignment
                .iter()
                .all(|(_, axes)| axes.iter().all(opaque))
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Enumerated positions along each axis.
    pub fn extents(&self, arena: &Arena) -> Extents {
        extents(arena, &self.shape, &self.enumerated)
    }

    /// The elements of a tensor whose axes are all enumerated.
    pub fn elements(&self) -> Option<&[PolyId]> {
        self.enumerated.iter().all(|&e| e).then_some(&self.data[..])
    }

    /// Whether the axis has size 1.
    pub fn is_unit(&self, axis: usize) -> bool {
        self.shape[axis] == PolyId::ONE
    }

    /// The axes that are not known to have size 1.
    pub fn long_axes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rank()).filter(|&axis| !self.is_unit(axis))
    }

    /// The axes of a root, if it occurs.
    pub fn axes_of(&self, root: RootId) -> Option<&Axes> {
        self.alignment
            .iter()
            .find(|(r, _)| *r == root)
            .map(|(_, axes)| axes)
    }

    /// The same elements under another shape of the same rank order: `moved[k]` is the new position of axis `k`.
    pub fn with_axes_moved(&self, moved: &dyn Fn(u8) -> u8) -> Alignment {
        self.alignment
            .iter()
            .map(|(root, axes)| (*root, axes.iter().map(|&a| moved(a)).collect()))
            .collect()
    }

    /// The roots that occur in the data.
    pub fn live_roots(&self, arena: &Arena) -> SmallVec<[RootId; 4]> {
        let mut live = SmallVec::<[RootId; 4]>::new();
        let mut last = None;
        for &p in self.data.iter() {
            let set = arena.root_set(p);
            if last == Some(set) {
                continue;
            }
            last = Some(set);
            for root in arena.roots_of(p) {
                if !live.contains(root) {
                    live.push(*root);
                }
            }
        }
        live
    }

    /// Replaces one root by another everywhere; the axes stay.
    pub fn rename(&mut self, arena: &mut Arena, from: RootId, to: RootId) -> Result<(), Stop> {
        let mut data = self.data.to_vec();
        for p in &mut data {
            *p = arena.rename(*p, from, to)?;
        }
        self.data = data.into();
        for (root, _) in &mut self.alignment {
            if *root == from {
                *root = to;
            }
        }
        Ok(())
    }

    /// The value with axis `axis` opaque. Elements that differ along it must follow a rule in the position: a constant
    /// column becomes a table of iota, an arithmetic progression an affine function of it, and the elements of a vector that
    /// were told apart become its element at the position.
    pub fn with_opaque(
        &self,
        arena: &mut Arena,
        tables: &mut super::table::Tables,
        axis: usize,
    ) -> Result<Value, Stop> {
        if !self.enumerated[axis] || self.is_unit(axis) {
            return Ok(self.clone());
        }
        let extents = self.extents(arena);
        let (outer, count, inner) = split(&extents, axis);
        let mut data = Vec::with_capacity(outer * inner);
        let mut varies = false;
        let mut opened = SmallVec::<[RootId; 1]>::new();
        let laid = |root: RootId| self.axes_of(root).is_some_and(|axes| !axes.is_empty());
        let mut column = Vec::with_capacity(count);
        for o in 0..outer {
            for i in 0..inner {
                column.clear();
                column.extend((0..count).map(|k| self.data[(o * count + k) * inner + i]));
                // Of numbers that are equal up to rounding, each is another.
                let equal = count > 1 && column.iter().all(|&p| p == column[0]);
                if self.caveats.rounded && equal && arena.as_constant(column[0]).is_none() {
                    return Err(Stop::EqualUpToRounding);
                }
                super::generalise::open_roots(arena, &mut column, &laid, &mut opened);
                let p = super::generalise::along_iota(arena, tables, &column)?;
                varies |= column.iter().any(|&q| q != column[0]);
                data.push(p);
            }
        }
        let mut value = self.clone();
        value.enumerated[axis] = false;
        value.data = data.into();
        if varies {
            opened.push(arena.iota());
        }
        for root in opened {
            let axes: Axes = smallvec![axis as u8];
            match value.axes_of(root) {
                None => value.alignment.push((root, axes)),
                Some(known) if *known == axes => {}
                Some(_) => return Err(Stop::TwoPositionAxes),
            }
        }
        Ok(value)
    }

    /// Opaque axes that turned out to have size 1 become plain unit axes: the position along them is 0.
    pub fn settled(mut self, arena: &mut Arena) -> Result<Value, Stop> {
        for axis in 0..self.rank() {
            if self.enumerated[axis] || !self.is_unit(axis) {
                continue;
            }
            self.enumerated[axis] = true;
            for (root, axes) in self.alignment.clone() {
                if !axes.contains(&(axis as u8)) {
                    continue;
                }
                if arena.is_iota(root) {
                    let mut data = self.data.to_vec();
                    for p in &mut data {
                        *p = arena.substitute(*p, root, PolyId::ZERO)?;
                    }
                    self.data = data.into();
                    self.alignment.retain(|(r, _)| *r != root);
                }
            }
            for (_, axes) in &mut self.alignment {
                axes.retain(|a| *a as usize != axis);
            }
        }
        Ok(self)
    }

    /// Drops roots that no longer occur.
    pub fn tidy(mut self, arena: &Arena) -> Value {
        if self.alignment.len() > 1 {
            let live = self.live_roots(arena);
            self.alignment.retain(|(root, _)| live.contains(root));
        }
        self
    }
}

/// Enumerated positions along each axis: its size where it is told apart, else 1.
pub fn extents(arena: &Arena, shape: &[PolyId], enumerated: &[bool]) -> Extents {
    let told_apart = |(&dim, &enumerated): (&PolyId, &bool)| match enumerated {
        true => arena.as_integer(dim).unwrap_or(1).max(0) as usize,
        false => 1,
    };
    shape.iter().zip(enumerated).map(told_apart).collect()
}

/// Product of the extents before, at and after an axis.
pub fn split(extents: &[usize], axis: usize) -> (usize, usize, usize) {
    (
        extents[..axis].iter().product(),
        extents[axis],
        extents[axis + 1..].iter().product(),
    )
}

/// A position on an axis of `size` elements, counted from the end where negative; `None` past either end.
pub fn position(index: i64, size: usize) -> Option<usize> {
    let absolute = if index < 0 {
        index + size as i64
    } else {
        index
    };
    usize::try_from(absolute).ok().filter(|&at| at < size)
}

/// Row-major number of the element at `index`, each position counted from the end where negative.
pub fn row(index: &[i64], extents: &[usize]) -> Result<usize, Stop> {
    index.iter().zip(extents).try_fold(0, |row, (&i, &size)| {
        let at = position(i, size).ok_or(Stop::IndexOutOfRange)?;
        Ok(row * size + at)
    })
}

/// Row-major strides, 0 along axes of extent 1.
pub fn strides(extents: &[usize]) -> Extents {
    let mut strides: Extents = smallvec![0; extents.len()];
    let mut step = 1;
    for axis in (0..extents.len()).rev() {
        strides[axis] = if extents[axis] == 1 { 0 } else { step };
        step *= extents[axis];
    }
    strides
}

/// Calls `visit` with the offset into every operand, over all positions of `extents` in row-major order.
pub fn walk(
    extents: &[usize],
    operands: &[Extents],
    visit: &mut dyn FnMut(&[usize]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let total: usize = extents.iter().product();
    let mut position: Extents = smallvec![0; extents.len()];
    let mut offsets: SmallVec<[usize; 4]> = smallvec![0; operands.len()];
    for _ in 0..total {
        visit(&offsets)?;
        for axis in (0..extents.len()).rev() {
            position[axis] += 1;
            for (offset, strides) in offsets.iter_mut().zip(operands) {
                *offset += strides[axis];
            }
            if position[axis] < extents[axis] {
                break;
            }
            for (offset, strides) in offsets.iter_mut().zip(operands) {
                *offset -= strides[axis] * position[axis];
            }
            position[axis] = 0;
        }
    }
    Ok(())
}
