//! Rows that are gathered from a constant. A part of each is gathered from a part of the constant just as well, and nothing is sliced when
//! the model runs.

use std::rc::Rc;

use crate::onnx::{ModelFile, Tensor};

use super::step::Step;

/// The largest constant that is taken apart, in elements.
const MAX_ELEMENTS: usize = 1 << 24;

/// A value that holds rows of a constant.
#[derive(Clone)]
pub(super) struct Rows {
    pub table: Rc<Tensor>,
    /// The value that says which rows.
    pub index: String,
    /// Number of axes of the index.
    lead: usize,
}

impl Rows {
    /// The rows that a value of the graph holds, if it has `rank` axes.
    pub(super) fn of(file: &ModelFile, value: &str, rank: usize) -> Option<Rows> {
        let index = file.index();
        let (node, _) = index.producer(index.id(value)?)?;
        let node = &file.graph().node[node];
        if !node.is_onnx("Gather") || node.int("axis").unwrap_or(0) != 0 {
            return None;
        }
        let [table, rows] = &node.input[..] else {
            return None;
        };
        let proto = &file.graph().initializer[file.constant(index.id(table)?)?];
        let count = proto.dims.iter().map(|&size| usize::try_from(size).ok());
        let shape: Vec<usize> = count.collect::<Option<_>>()?;
        if Tensor::count(&shape)? > MAX_ELEMENTS {
            return None;
        }
        Some(Rows {
            table: Rc::new(file.tensor(proto).ok()?),
            index: rows.clone(),
            lead: (rank + 1).checked_sub(shape.len())?,
        })
    }

    /// The rows that a step makes of these; `None` unless it takes a part of each.
    pub(super) fn part(&self, step: &Step) -> Option<Rows> {
        // The axis of the constant that is this axis of the rows.
        let axis = |&axis: &i64| {
            let axis = usize::try_from(axis).ok()?.checked_sub(self.lead)? + 1;
            (axis < self.table.shape.len()).then_some(axis)
        };
        let mut table = (*self.table).clone();
        match step {
            Step::Slice {
                axes,
                starts,
                ends,
                steps,
            } => {
                let bounds = starts.iter().zip(ends).zip(steps);
                for (of, ((&start, &end), &step)) in axes.iter().zip(bounds) {
                    table = table.part(axis(of)?, start, end, step)?;
                }
            }
            Step::Squeeze(axes) => {
                let dropped: Vec<usize> = axes.iter().map(axis).collect::<Option<_>>()?;
                if dropped.iter().any(|&axis| table.shape[axis] != 1) {
                    return None;
                }
                let kept = table.shape.iter().enumerate();
                let kept = kept.filter(|(axis, _)| !dropped.contains(axis));
                table.shape = kept.map(|(_, &size)| size).collect();
            }
            _ => return None,
        }
        Some(Rows {
            table: Rc::new(table),
            ..self.clone()
        })
    }
}
