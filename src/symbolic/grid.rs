//! Constants that vary along several axes at once, as tables over an image or a video do.
//!
//! A position is one expression along one axis, so a function of two of them is none of it. What is known of such a column are its
//! numbers, and that is what it is known by: equal ones are one root.

use smallvec::SmallVec;

use super::interpreter::Interpreter;
use super::poly::{Arena, Atom, Stop};
use super::root::RootKind;
use super::table::GridId;
use super::value::{Alignment, Axes, Value, strides};

impl Interpreter<'_> {
    /// The value with these axes opaque.
    ///
    /// # Errors
    /// Why the elements along the last of them follow no rule.
    pub fn with_opaque_axes(&mut self, value: &Value, axes: &[usize]) -> Result<Value, Stop> {
        let along = |value: Value, &axis: &usize| {
            value.with_opaque(&mut self.arena, &mut self.tables, axis)
        };
        let opaque = axes.iter().try_fold(value.clone(), along);
        match opaque {
            Err(stop) => self.over_grid(value, axes).ok_or(stop),
            opaque => opaque,
        }
    }

    /// A constant whose numbers vary along these axes; `None` for anything else.
    fn over_grid(&mut self, value: &Value, axes: &[usize]) -> Option<Value> {
        let extents = value.extents(&self.arena);
        let long = axes.iter().copied().filter(|&axis| extents[axis] != 1);
        let axes: SmallVec<[usize; 4]> = long.filter(|&axis| value.enumerated[axis]).collect();
        let numbers = value.data.iter().map(|&p| self.arena.as_constant(p));
        let numbers: Vec<f64> = numbers.collect::<Option<_>>()?;
        if axes.len() < 2 || value.caveats.rounded {
            return None;
        }
        let sizes: Vec<usize> = axes.iter().map(|&axis| extents[axis]).collect();
        let steps = strides(&extents);
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for (at, number) in numbers.into_iter().enumerate() {
            // The place of an element in the result: that of the first along the opaque axes.
            let mut place = 0;
            for axis in (0..extents.len()).filter(|axis| !axes.contains(axis)) {
                let index = at.checked_div(steps[axis]).unwrap_or(0) % extents[axis];
                place = place * extents[axis] + index;
            }
            if columns.len() <= place {
                columns.resize(place + 1, Vec::new());
            }
            columns[place].push(number);
        }
        let mut opaque = value.clone();
        axes.iter()
            .for_each(|&axis| opaque.enumerated[axis] = false);
        let mut alignment = Alignment::new();
        let along: Axes = axes.iter().map(|&axis| axis as u8).collect();
        let mut data = Vec::with_capacity(columns.len());
        for column in &columns {
            if column.iter().all(|number| number == &column[0]) {
                data.push(self.arena.constant(column[0]));
                continue;
            }
            let (grid, sign) = self.tables.numbers_over(&sizes, column);
            let root = self.arena.root(RootKind::Grid(grid), 1, value.dtype);
            let element = self.arena.channel(root, 0);
            data.push(self.arena.scale(element, sign));
            if !alignment.iter().any(|(known, _)| *known == root) {
                alignment.push((root, along.clone()));
            }
        }
        opaque.data = data.into();
        opaque.alignment = alignment;
        Some(opaque)
    }
}

impl Arena {
    /// The grid whose element an atom is.
    pub fn grid_of(&self, atom: &Atom) -> Option<GridId> {
        match atom {
            Atom::Channel { root, .. } => match self.root_of(*root).kind {
                RootKind::Grid(grid) => Some(grid),
                _ => None,
            },
            _ => None,
        }
    }
}
