//! Views a rotated tensor as an operator does that knows batch, heads and sequence only.
//!
//! The operators of other domains rotate `[batch, heads, rows, channels]` or `[batch, rows, heads x channels]`. The tables of a
//! site vary along some of the leading axes of `x`: those axes are rows (or the batch), and the others are heads (or the batch).
//! Only neighbouring axes are merged, so the view is a reshape, and in the usual layouts it is `x` itself.

use std::ops::Range;

use crate::facts::Dim;

/// How tables vary along the batch of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rewrite) enum Batch {
    /// They are the same for the whole batch.
    Shared,
    /// Each element of the batch has its own rows.
    Own,
}

/// Groups of neighbouring axes of `x`, each of which is one axis of the operator's input. An empty range stands for size 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rewrite) struct View {
    /// The batch, the outermost.
    pub batch: Range<usize>,
    /// The heads.
    pub heads: Range<usize>,
    /// The rows of the table.
    pub rows: Range<usize>,
    /// Whether the table is the same for the whole batch.
    pub sharing: Batch,
}

impl View {
    /// The view of a tensor of `lead` axes before the channels whose tables vary along the axes in `along` (ascending).
    /// `None` if they vary along a part of the batch only.
    pub(in crate::rewrite) fn new(lead: usize, along: &[usize]) -> Option<View> {
        let varies = |axis: usize| along.contains(&axis);
        let Some(&last) = along.last() else {
            return Some(View {
                batch: 0..0,
                heads: 0..lead,
                rows: lead..lead,
                sharing: Batch::Shared,
            });
        };
        let end = last + 1;
        let start = (0..last)
            .rev()
            .take_while(|&axis| varies(axis))
            .last()
            .unwrap_or(last);
        // If tables vary from the first axis on, that axis is the batch, unless it is the only one.
        let (batch_end, start) = match start {
            0 if end > 1 => (1, 1),
            start => (start, start),
        };
        let mut view = if end < lead {
            View {
                batch: 0..batch_end,
                heads: end..lead,
                rows: start..end,
                sharing: Batch::Shared,
            }
        } else {
            let first = (0..batch_end)
                .rev()
                .take_while(|&axis| !varies(axis))
                .last();
            let first = first.unwrap_or(batch_end);
            // If tables vary along none of the axes before the rows, the first of these is the batch, as in the usual layouts.
            let split = if first == 0 && batch_end > 0 {
                1
            } else {
                first
            };
            View {
                batch: 0..split,
                heads: split..batch_end,
                rows: start..end,
                sharing: Batch::Shared,
            }
        };
        let own = view.batch.clone().filter(|&axis| varies(axis)).count();
        if own == view.batch.len() && own > 0 {
            view.sharing = Batch::Own;
        } else if own > 0 {
            return None;
        }
        Some(view)
    }

    /// The same tensor with every row as an element of the batch: then the number of heads is an axis, and no attribute has to
    /// say it. `None` if the tables do not vary along all axes before the heads.
    pub(in crate::rewrite) fn by_batch(&self, lead: usize) -> Option<View> {
        let all = self.rows.start == 0
            || (self.sharing == Batch::Own && self.batch.end == self.rows.start);
        (self.heads_last() && all).then(|| View {
            batch: 0..self.rows.end,
            heads: self.heads.clone(),
            rows: lead..lead,
            sharing: Batch::Own,
        })
    }

    /// The axes of `x` that hold the rows of a table, for the whole batch.
    pub(in crate::rewrite) fn all_rows(&self) -> Range<usize> {
        match self.sharing {
            Batch::Shared => self.rows.clone(),
            Batch::Own if self.rows.is_empty() => self.batch.clone(),
            Batch::Own => self.batch.start..self.rows.end,
        }
    }

    /// Whether the heads lie between the rows and the channels.
    pub(in crate::rewrite) fn heads_last(&self) -> bool {
        !self.heads.is_empty() && self.heads.start >= self.rows.end
    }

    /// The axes of the operator's input as groups of axes of `x`, the channels (axis `lead`) last.
    pub(in crate::rewrite) fn groups(&self, lead: usize) -> Vec<Range<usize>> {
        if self.heads_last() {
            vec![
                self.batch.clone(),
                self.rows.clone(),
                self.heads.start..lead + 1,
            ]
        } else if self.heads.is_empty() {
            vec![self.batch.clone(), self.rows.clone(), lead..lead + 1]
        } else {
            vec![
                self.batch.clone(),
                self.heads.clone(),
                self.rows.clone(),
                lead..lead + 1,
            ]
        }
    }

    /// Whether the operator's input is `x` as it is.
    pub(in crate::rewrite) fn is_plain(&self, lead: usize) -> bool {
        self.groups(lead).iter().all(|group| group.len() == 1)
    }
}

/// The product of the sizes of these axes, if all are fixed.
pub(in crate::rewrite) fn known(shape: &[Dim], axes: Range<usize>) -> Option<i64> {
    shape[axes]
        .iter()
        .try_fold(1i64, |product, dim| product.checked_mul(dim.known()?))
}

/// One entry of the target shape of a reshape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rewrite) enum Entry {
    /// A number, or the special 0 and -1 of a reshape.
    Constant(i64),
    /// The product of these sizes of `x`.
    Sizes(Range<usize>),
}

/// The target shape of a reshape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rewrite) struct Asked {
    /// The size of each axis.
    pub entries: Vec<Entry>,
    /// Whether a size of 0 means 0 (`allowzero`), and does not copy the size of that axis.
    pub exact: bool,
}

/// The target shape that turns a tensor into one whose axes are these groups of axes of `x`. `copied(i)`: axis `i` has the same
/// size in the tensor that is reshaped. `exact`: the opset has `allowzero`.
///
/// Any axis may have size 0 when the model runs. A computed size of 0 would then be read as "copy this axis", and a size of -1
/// cannot be inferred beside a 0. So all open sizes are copied if they can be, a single one is inferred beside fixed ones, and
/// otherwise every size is given, with `allowzero`. If the opset is too old for that, the reshape works for sizes from 1 on.
pub(in crate::rewrite) fn asked(
    shape: &[Dim],
    groups: &[Range<usize>],
    copied: impl Fn(usize) -> bool,
    exact: bool,
) -> Asked {
    let size = |group: &Range<usize>| match known(shape, group.clone()) {
        Some(size) => Entry::Constant(size),
        None => Entry::Sizes(group.clone()),
    };
    let mut entries: Vec<Entry> = groups.iter().map(size).collect();
    let open: Vec<usize> = (0..entries.len())
        .filter(|&i| matches!(entries[i], Entry::Sizes(_)))
        .collect();
    let zero = entries.contains(&Entry::Constant(0));
    let inferred = open.iter().copied().find(|&i| !copied(i));
    if exact && (zero || inferred.is_some() && open.len() > 1) {
        return Asked { entries, exact };
    }
    for &i in open.iter().filter(|&&i| copied(i)) {
        entries[i] = Entry::Constant(0);
    }
    // The reshape infers one size, if possible a product: a single axis can be read off the shape of `x`.
    let is_open = |entry: &&mut Entry| matches!(entry, Entry::Sizes(_));
    let left = entries
        .iter_mut()
        .filter(is_open)
        .max_by_key(|entry| match entry {
            Entry::Sizes(axes) => axes.len(),
            Entry::Constant(_) => 0,
        });
    if let Some(left) = left {
        *left = Entry::Constant(-1);
    }
    Asked {
        entries,
        exact: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(lead: usize, along: &[usize]) -> (Range<usize>, Range<usize>, Range<usize>, Batch) {
        let view = View::new(lead, along).unwrap();
        (view.batch, view.heads, view.rows, view.sharing)
    }

    #[test]
    fn usual_layouts_need_no_reshape() {
        assert_eq!(view(3, &[2]), (0..1, 1..2, 2..3, Batch::Shared));
        assert_eq!(view(3, &[0, 2]), (0..1, 1..2, 2..3, Batch::Own));
        assert_eq!(view(2, &[1]), (0..1, 1..1, 1..2, Batch::Shared));
        assert_eq!(view(2, &[0, 1]), (0..1, 1..1, 1..2, Batch::Own));
        for (lead, along) in [(3, &[2][..]), (3, &[0, 2]), (2, &[1]), (2, &[0, 1])] {
            assert!(View::new(lead, along).unwrap().is_plain(lead));
        }
    }

    #[test]
    fn heads_after_the_rows_join_the_channels() {
        let both = View::new(3, &[0, 1]).unwrap();
        assert_eq!((both.batch.clone(), both.rows.clone()), (0..1, 1..2));
        assert!(both.heads_last() && both.sharing == Batch::Own);
        assert_eq!(both.groups(3), [0..1, 1..2, 2..4]);
        // Sequence first: no batch.
        assert_eq!(view(3, &[0]), (0..0, 1..3, 0..1, Batch::Shared));
        let first = View::new(3, &[0]).unwrap().by_batch(3).unwrap();
        assert_eq!(first.groups(3), [0..1, 1..3, 3..3, 3..4]);
        assert_eq!((first.all_rows(), first.sharing), (0..1, Batch::Own));
        assert_eq!(
            both.by_batch(3).unwrap().groups(3),
            [0..2, 2..3, 3..3, 3..4]
        );
        assert_eq!(View::new(3, &[1]).unwrap().by_batch(3), None);
        assert_eq!(View::new(3, &[0, 2]).unwrap().by_batch(3), None);
        // q, k and v packed between rows and heads.
        assert_eq!(view(4, &[0, 1]), (0..1, 2..4, 1..2, Batch::Own));
    }

    #[test]
    fn other_layouts_merge_neighbours() {
        // One position alone, the same everywhere.
        assert_eq!(view(3, &[]), (0..0, 0..3, 3..3, Batch::Shared));
        // Angles of each head.
        assert_eq!(view(3, &[0, 1, 2]), (0..1, 1..1, 1..3, Batch::Own));
        assert_eq!(view(3, &[1, 2]), (0..1, 1..1, 1..3, Batch::Shared));
        // Rows and columns of an image.
        assert_eq!(view(4, &[2, 3]), (0..1, 1..2, 2..4, Batch::Shared));
        assert_eq!(view(4, &[3]), (0..1, 1..3, 3..4, Batch::Shared));
        assert_eq!(view(1, &[0]), (0..0, 0..0, 0..1, Batch::Shared));
        assert_eq!(View::new(4, &[1, 3]), None);
    }

    #[test]
    fn a_reshape_copies_fixes_or_infers_each_size() {
        let shape = ["b", "s"].map(Dim::symbol);
        let shape = [&shape[..], &[Dim::Known(4), Dim::Known(8)]].concat();
        let groups = [0..1, 1..2, 2..4];
        let shape_for = |groups: &[Range<usize>], copied: &[usize], exact| {
            let asked = asked(&shape, groups, |i| copied.contains(&i), exact);
            (asked.entries, asked.exact)
        };
        for exact in [true, false] {
            let copied = [0, 0, 32].map(Entry::Constant).to_vec();
            assert_eq!(shape_for(&groups, &[0, 1], exact), (copied, false));
            let inferred = [-1, 32].map(Entry::Constant).to_vec();
            assert_eq!(shape_for(&[0..2, 2..4], &[], exact), (inferred, false));
        }
        // Not all can be copied: each is given, or the product is inferred and the single size is read off the shape.
        let groups = [0..2, 1..2];
        let given = vec![Entry::Sizes(0..2), Entry::Sizes(1..2)];
        assert_eq!(shape_for(&groups, &[], true), (given, true));
        let inferred = vec![Entry::Constant(-1), Entry::Sizes(1..2)];
        assert_eq!(shape_for(&groups, &[], false), (inferred, false));
    }
}
