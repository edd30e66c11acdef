//! Brings the tables of a site into the form that operators of other domains take: one entry for each pair, and few axes.

use std::ops::Range;

use crate::facts::Dim;
use crate::recognize::{Pairing, TableInput};
use crate::rewrite::rotary::site::RotarySite;

use super::sizes::Measured;
use super::view::{Entry, asked};
use crate::rewrite::draft::{Draft, Op};

/// A table, and how it lies along the axes of `x`.
#[derive(Clone, Debug)]
pub(in crate::rewrite) struct Laid<'a> {
    input: &'a TableInput,
    shape: &'a [Dim],
    /// The axis of `x` that each of its axes lies along.
    axes: Vec<usize>,
}

impl<'a> Laid<'a> {
    /// A table along a tensor of `rank` axes; `None` if its shape does not fit the site.
    pub(in crate::rewrite) fn new(
        input: &'a TableInput,
        shape: &'a [Dim],
        rank: usize,
    ) -> Option<Self> {
        let whole = shape.len() + input.unsqueeze.len();
        let lead = rank.checked_sub(whole)?;
        let axes: Vec<usize> = (0..whole)
            .filter(|axis| !input.unsqueeze.contains(axis))
            .map(|axis| axis + lead)
            .collect();
        (axes.len() == shape.len() && !shape.is_empty()).then_some(Laid { input, shape, axes })
    }

    /// The leading axes of `x` along which it has more than one row, ascending.
    pub(in crate::rewrite) fn along(&self) -> Vec<usize> {
        (0..self.shape.len() - 1)
            .filter(|&own| !self.is_unit(own))
            .map(|own| self.axes[own])
            .collect()
    }

    /// The sizes of the table and of `x` along the first axis where one may be longer, because callers may choose the two
    /// independently.
    pub(in crate::rewrite) fn doubt(&self, x: &[Dim]) -> Option<(Dim, Dim)> {
        (0..self.shape.len() - 1)
            .filter(|&own| !self.is_unit(own))
            .filter_map(|own| Some((self.shape[own].clone(), x.get(self.axes[own])?.clone())))
            .find(|(table, x)| table.may_outgrow(x) || x.may_outgrow(table))
    }

    fn is_unit(&self, own: usize) -> bool {
        self.shape[own] == Dim::Known(1)
    }

    /// The entries of the pairs, with the rows merged into groups of axes of `x`. `negated` negates them, for the sines of an
    /// inverse rotation.
    pub(in crate::rewrite) fn emit(
        &self,
        draft: &mut Draft<'_>,
        site: &RotarySite,
        x: Measured<'_>,
        groups: &[Range<usize>],
        negated: bool,
    ) -> String {
        let at = site.node;
        let mut value = self.input.value.clone();
        let half = (site.rotary.rotary_dim / 2) as i64;
        if site.rotary.table_width == site.rotary.rotary_dim {
            // Both channels of a pair have the same entry, or the site would have been refused.
            let (end, step) = match site.rotary.pairing {
                Pairing::Half => (half, 1),
                Pairing::Interleaved => (2 * half, 2),
            };
            let bounds = [0, end, -1, step].map(|n| draft.list(&[n]));
            let inputs = [value].into_iter().chain(bounds);
            let stem = format!("{}_pairs", self.input.value);
            value = draft.shared(at, &stem, Op::new("Slice", inputs));
        }
        if negated {
            let stem = format!("{}_negated", self.input.value);
            value = draft.shared(at, &stem, Op::new("Neg", [value]));
        }
        self.merged(draft, at, value, half, x, groups)
    }

    fn merged(
        &self,
        draft: &mut Draft<'_>,
        at: usize,
        value: String,
        width: i64,
        x: Measured<'_>,
        groups: &[Range<usize>],
    ) -> String {
        let stem = format!("{}_rows", self.input.value);
        let last = self.shape.len() - 1;
        let rows = |group: &Range<usize>| -> Vec<usize> {
            (0..last)
                .filter(|&own| !self.is_unit(own) && group.contains(&self.axes[own]))
                .collect()
        };
        let found: Vec<Vec<usize>> = groups.iter().map(rows).collect();
        if found.iter().any(|rows| rows.len() > 1) {
            let single = |i: usize| found.get(i).is_some_and(|rows| rows[..] == [i]);
            let with_rows = groups
                .iter()
                .zip(&found)
                .map(|(group, rows)| match rows[..] {
                    [] => 0..0,
                    _ => group.clone(),
                });
            let exact = draft.has_exact_reshapes();
            let mut wanted = asked(x.shape, &with_rows.collect::<Vec<_>>(), single, exact);
            wanted.entries.push(Entry::Constant(width));
            let shape = x.list(draft, at, &wanted.entries);
            return draft.shared(at, &stem, Op::reshape(value, shape, wanted.exact));
        }
        // `Squeeze` with axes, and not `Reshape`: if the declared shape is wrong and an axis is no unit axis, the model fails
        // instead of reading wrong rows. One unit axis is kept for a group without rows.
        let mut kept = vec![last];
        let mut missing = Vec::new();
        let mut from = 0;
        for (i, rows) in found.iter().enumerate() {
            let next = found[i..].iter().flatten().next().copied().unwrap_or(last);
            match rows.first().copied().or_else(|| (from..next).next()) {
                Some(own) => {
                    kept.push(own);
                    from = own + 1;
                }
                None => missing.push(i as i64),
            }
        }
        let dropped: Vec<i64> = (0..=last)
            .filter(|own| !kept.contains(own))
            .map(|own| own as i64)
            .collect();
        let mut value = value;
        if !dropped.is_empty() {
            let axes = draft.list(&dropped);
            value = draft.shared(at, &stem, Op::new("Squeeze", [value, axes]));
        }
        if !missing.is_empty() {
            let axes = draft.list(&missing);
            value = draft.shared(at, &stem, Op::new("Unsqueeze", [value, axes]));
        }
        value
    }
}
