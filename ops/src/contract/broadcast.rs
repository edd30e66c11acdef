//! Walking a tensor row by row while smaller tables broadcast along.
//!
//! The leading axes (all but the last) of one tensor are numbered by rows in memory order. Each of `N` tables has leading axes
//! that broadcast to them by numpy's rules, aligned at the right. Neighbouring axes over which every table moves evenly are
//! merged, so the common cases have one to three axes whatever the ranks.

use super::{ContractError, shape_text};
use smallvec::SmallVec;

/// Largest rank of a tensor with rows.
pub const MAX_RANK: usize = 16;

/// One merged axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis<const N: usize> {
    /// Number of steps.
    pub size: usize,
    /// How far a step moves in each table, in table rows.
    pub steps: [usize; N],
}

/// The rows of a tensor, and which row of each table goes with them.
#[derive(Clone, Debug)]
pub struct Rows<const N: usize> {
    /// Room for as many axes as tensors mostly have. More would make a geometry costly to move, compared with the work of a small
    /// call.
    axes: SmallVec<[Axis<N>; 3]>,
    count: usize,
}

/// How far a table moves along the leading axes of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Along<'a> {
    /// Its leading axes, which broadcast to those of the tensor.
    Broadcast(&'a [usize]),
    /// The rows that a step along each axis of the tensor moves.
    Steps(&'a [usize]),
}

impl<const N: usize> Rows<N> {
    /// Rows of a tensor with leading axes `lead`, and tables with leading axes `tables`; `names` are the tensor's and the tables'
    /// for error texts.
    ///
    /// # Errors
    /// [`ContractError::Shape`] where a table does not broadcast, is larger than the tensor, or a size overflows.
    pub fn new(
        lead: &[usize],
        tables: [&[usize]; N],
        tensor_name: &str,
        names: [&str; N],
    ) -> Result<Self, ContractError> {
        Self::along(lead, tables.map(Along::Broadcast), tensor_name, names)
    }

    /// The same for tables of which some lie otherwise.
    ///
    /// # Errors
    /// As [`Rows::new`].
    pub(crate) fn along(
        lead: &[usize],
        tables: [Along<'_>; N],
        tensor_name: &str,
        names: [&str; N],
    ) -> Result<Self, ContractError> {
        if lead.len() >= MAX_RANK {
            return Err(ContractError::Shape(format!(
                "{tensor_name} has rank {}, expected at most {MAX_RANK}",
                lead.len() + 1
            )));
        }
        let refuse = |name: &str, table: &[usize]| {
            ContractError::Shape(format!(
                "the leading axes {} of {name} do not broadcast to the leading axes {} of {tensor_name}",
                shape_text(table),
                shape_text(lead),
            ))
        };
        for (table, name) in tables.iter().zip(names) {
            if let Along::Broadcast(table) = table
                && table.len() > lead.len()
            {
                return Err(refuse(name, table));
            }
        }
        let mut rows = Self {
            axes: SmallVec::new(),
            count: 1,
        };
        let mut strides = [1usize; N];
        for (from_right, &size) in lead.iter().rev().enumerate() {
            let mut axis = Axis {
                size,
                steps: [0; N],
            };
            for (i, table) in tables.iter().enumerate() {
                let table = match *table {
                    Along::Broadcast(table) => table,
                    Along::Steps(steps) => {
                        axis.steps[i] = steps[lead.len() - 1 - from_right];
                        continue;
                    }
                };
                let Some(at) = table.len().checked_sub(from_right + 1) else {
                    continue;
                };
                if table[at] == size {
                    axis.steps[i] = if size == 1 { 0 } else { strides[i] };
                    strides[i] = strides[i]
                        .checked_mul(size)
                        .ok_or_else(|| too_large(names[i]))?;
                } else if table[at] != 1 {
                    return Err(refuse(names[i], table));
                }
            }
            rows.count = rows
                .count
                .checked_mul(size)
                .ok_or_else(|| too_large(tensor_name))?;
            if size != 1 {
                rows.push_outer(axis);
            }
        }
        rows.axes.reverse();
        Ok(rows)
    }

    /// Adds an axis outside those there; axes are innermost first until the end of `new`.
    fn push_outer(&mut self, axis: Axis<N>) {
        if let Some(inner) = self.axes.last_mut() {
            let even =
                (0..N).all(|i| inner.steps[i].checked_mul(inner.size) == Some(axis.steps[i]));
            if even && let Some(size) = inner.size.checked_mul(axis.size) {
                inner.size = size;
                return;
            }
        }
        self.axes.push(axis);
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The merged axes, outermost first.
    pub fn axes(&self) -> &[Axis<N>] {
        &self.axes
    }

    /// The stretches of `range` in which every table moves evenly, in order.
    ///
    /// An iterator rather than a callback: loops over it must stay inside the function whose target features they use.
    #[inline(always)]
    pub fn runs(&self, range: std::ops::Range<usize>) -> Runs<'_, N> {
        let (inner, outer) = match self.axes().split_last() {
            Some((inner, outer)) => (*inner, outer),
            None => (
                Axis {
                    size: 1,
                    steps: [0; N],
                },
                &[] as &[Axis<N>],
            ),
        };
        Runs {
            inner,
            outer,
            next: range.start,
            end: range.end.min(self.count),
        }
    }
}

/// A stretch of rows: row `first + i` goes with row `table_rows[t] + i * steps[t]` of table `t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<const N: usize> {
    /// First row.
    pub first: usize,
    /// Number of rows.
    pub count: usize,
    /// The table rows of the first row.
    pub table_rows: [usize; N],
    /// How far each table moves from a row to the next.
    pub steps: [usize; N],
}

/// Iterator of [`Rows::runs`].
#[derive(Clone, Debug)]
pub struct Runs<'a, const N: usize> {
    inner: Axis<N>,
    outer: &'a [Axis<N>],
    next: usize,
    end: usize,
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = Run<N>;

    #[inline(always)]
    fn next(&mut self) -> Option<Run<N>> {
        if self.next >= self.end {
            return None;
        }
        let first = self.next;
        let within = first % self.inner.size;
        let mut rest = first / self.inner.size;
        let mut table_rows = self.inner.steps.map(|step| within * step);
        for axis in self.outer.iter().rev() {
            let at = rest % axis.size;
            rest /= axis.size;
            for (row, step) in table_rows.iter_mut().zip(axis.steps) {
                *row += at * step;
            }
        }
        let count = (self.inner.size - within).min(self.end - first);
        self.next += count;
        Some(Run {
            first,
            count,
            table_rows,
            steps: self.inner.steps,
        })
    }
}

fn too_large(name: &str) -> ContractError {
    ContractError::Shape(format!("{name} has more elements than can be addressed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lead: &[usize], cos: &[usize], sin: &[usize]) -> Result<Rows<2>, ContractError> {
        Rows::new(lead, [cos, sin], "X", ["cos", "sin"])
    }

    /// Table rows of every row, by the runs.
    fn walk(rows: &Rows<2>, range: std::ops::Range<usize>) -> Vec<[usize; 2]> {
        let mut out = Vec::new();
        for run in rows.runs(range.clone()) {
            assert_eq!(run.first, range.start + out.len());
            for i in 0..run.count {
                out.push([0, 1].map(|t| run.table_rows[t] + i * run.steps[t]));
            }
        }
        out
    }

    #[test]
    fn axes_merge_where_every_table_moves_evenly() {
        // [B, N, S] with tables [B, 1, S]: nothing merges.
        assert_eq!(
            rows(&[2, 3, 4], &[2, 1, 4], &[2, 1, 4])
                .unwrap()
                .axes()
                .len(),
            3
        );
        // [B, S, N] with tables [B, S, 1]: B and S merge.
        assert_eq!(
            rows(&[2, 4, 3], &[2, 4, 1], &[2, 4, 1])
                .unwrap()
                .axes()
                .len(),
            2
        );
        // [B, N, S] with tables [S]: B and N merge.
        assert_eq!(rows(&[2, 3, 4], &[4], &[4]).unwrap().axes().len(), 2);
        assert_eq!(
            rows(&[2, 3, 4], &[2, 3, 4], &[2, 3, 4])
                .unwrap()
                .axes()
                .len(),
            1
        );
        assert_eq!(rows(&[2, 3, 4], &[], &[]).unwrap().axes().len(), 1);
        assert_eq!(rows(&[2, 3, 4], &[4], &[2, 3, 4]).unwrap().axes().len(), 2);
    }

    #[test]
    fn rows_follow_numpy() {
        let lead = [2, 3, 4];
        for (cos, sin) in [
            (&[2, 1, 4][..], &[4][..]),
            (&[1, 3, 1], &[3, 4]),
            (&[], &[2, 1, 1]),
            (&[2, 3, 4], &[1, 1, 1]),
        ] {
            let r = rows(&lead, cos, sin).unwrap();
            let naive = |shape: &[usize], index: [usize; 3]| {
                let skip = 3 - shape.len();
                shape.iter().enumerate().fold(0, |at, (a, &n)| {
                    at * n + if n == 1 { 0 } else { index[a + skip] }
                })
            };
            let mut expected = Vec::new();
            for b in 0..2 {
                for n in 0..3 {
                    for s in 0..4 {
                        expected.push([naive(cos, [b, n, s]), naive(sin, [b, n, s])]);
                    }
                }
            }
            assert_eq!(walk(&r, 0..24), expected);
            for start in 0..24 {
                assert_eq!(walk(&r, start..24)[..], expected[start..]);
            }
        }
    }

    #[test]
    fn what_does_not_broadcast_is_refused() {
        for cos in [&[3][..], &[5, 4], &[1, 2, 3, 4], &[0]] {
            assert!(
                matches!(rows(&[2, 3, 4], cos, &[4]), Err(ContractError::Shape(_))),
                "{cos:?}"
            );
        }
        assert!(
            rows(&[1, 1], &[2, 1], &[1]).is_err(),
            "a table may not be larger than the tensor"
        );
        assert!(rows(&[usize::MAX, 2], &[1], &[1]).is_err());
        assert!(rows(&[1; MAX_RANK], &[1], &[1]).is_err());
    }

    #[test]
    fn empty_axes_have_no_rows() {
        let r = rows(&[2, 0, 4], &[4], &[0, 4]).unwrap();
        assert_eq!(r.count(), 0);
        assert!(walk(&r, 0..10).is_empty());
    }
}
