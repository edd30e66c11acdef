//! Makes shapes and positions: constants if all sizes are fixed, else nodes that compute them at run time.

use std::ops::Range;

use crate::facts::Dim;

use super::view::{Entry, known};
use crate::rewrite::draft::{Draft, Op};

/// How many positions may become an initializer. More are counted at run time.
const MAX_CONSTANT: i64 = 1 << 16;

/// A tensor whose sizes are read at run time.
#[derive(Clone, Copy)]
pub(in crate::rewrite) struct Measured<'a> {
    /// The graph's value.
    pub value: &'a str,
    /// Its symbolic shape.
    pub shape: &'a [Dim],
}

impl Measured<'_> {
    /// A list of sizes as a value of the graph. Equal symbolic sizes share a value, whichever tensor they are read off.
    pub(in crate::rewrite) fn list(
        &self,
        draft: &mut Draft<'_>,
        at: usize,
        entries: &[Entry],
    ) -> String {
        let entries: Vec<Entry> = entries.iter().map(|entry| self.fixed(entry)).collect();
        if let Some(constants) = constants(&entries) {
            return draft.list(&constants);
        }
        let meaning = self.meaning(&entries);
        if let Some(known) = meaning.as_deref().and_then(|m| draft.remembered(m)) {
            return known;
        }
        let list = self.computed(draft, at, &entries);
        if let Some(meaning) = meaning {
            draft.remember(meaning, &list);
        }
        list
    }

    fn fixed(&self, entry: &Entry) -> Entry {
        match entry {
            Entry::Sizes(axes) => {
                known(self.shape, axes.clone()).map_or_else(|| entry.clone(), Entry::Constant)
            }
            Entry::Constant(_) => entry.clone(),
        }
    }

    /// The symbolic sizes as a text; `None` if one of them is unknown, and so equal to no other.
    fn meaning(&self, entries: &[Entry]) -> Option<String> {
        let mut text = String::from("sizes");
        for entry in entries {
            match entry {
                Entry::Constant(n) => text += &format!(" {n}"),
                Entry::Sizes(axes) => {
                    let size = Dim::product(self.shape[axes.clone()].iter().cloned());
                    if size.is_unknown() {
                        return None;
                    }
                    text += &format!(" {size:?}");
                }
            }
        }
        Some(text)
    }

    fn computed(&self, draft: &mut Draft<'_>, at: usize, entries: &[Entry]) -> String {
        let stem = |what: &str| format!("{}_{what}", self.value);
        let shape = draft.shared(
            at,
            &stem("shape"),
            Op::new("Shape", [self.value.to_owned()]),
        );
        let mut pieces = Vec::new();
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let single = |entry: &&Entry| matches!(entry, Entry::Sizes(axes) if axes.len() == 1);
            let run = match first {
                Entry::Constant(_) => rest
                    .iter()
                    .take_while(|e| matches!(e, Entry::Constant(_)))
                    .count(),
                Entry::Sizes(axes) if axes.len() == 1 => rest.iter().take_while(single).count(),
                Entry::Sizes(_) => 1,
            };
            let (these, others) = rest.split_at(run);
            rest = others;
            if let Some(numbers) = constants(these) {
                pieces.push(draft.list(&numbers));
                continue;
            }
            let axes: Vec<i64> = these
                .iter()
                .flat_map(axes_of)
                .map(|axis| axis as i64)
                .collect();
            let indices = draft.list(&axes);
            let mut piece = draft.shared(
                at,
                &stem("sizes"),
                Op::new("Gather", [shape.clone(), indices]),
            );
            if axes.len() != these.len() {
                piece = draft.shared(at, &stem("product"), Op::new("ReduceProd", [piece]));
            }
            pieces.push(piece);
        }
        if pieces.len() == 1 {
            return pieces.swap_remove(0);
        }
        draft.shared(
            at,
            &stem("sizes"),
            Op::new("Concat", pieces).with("axis", 0),
        )
    }

    /// Positions `[batch, rows]`: `0..rows` in each row of the batch, or `throughout` the batch `0..batch x rows`.
    pub(in crate::rewrite) fn positions(
        &self,
        draft: &mut Draft<'_>,
        at: usize,
        batch: Range<usize>,
        rows: Range<usize>,
        throughout: bool,
    ) -> String {
        let (b, r) = (
            known(self.shape, batch.clone()),
            known(self.shape, rows.clone()),
        );
        if let (Some(b), Some(r)) = (b, r)
            && let Some(count) = b.checked_mul(r).filter(|n| (0..=MAX_CONSTANT).contains(n))
        {
            let numbers: Vec<i64> = (0..count)
                .map(|i| if throughout { i } else { i % r })
                .collect();
            return draft.integers(&[b as usize, r as usize], &numbers);
        }
        let sizes = self.list(draft, at, &[Entry::Sizes(batch), Entry::Sizes(rows)]);
        let (zero, one) = (draft.integers(&[], &[0]), draft.integers(&[], &[1]));
        let count = if throughout {
            let product = Op::new("ReduceProd", [sizes.clone()]).with("keepdims", 0);
            draft.shared(at, "phasor_count", product)
        } else {
            draft.shared(
                at,
                "phasor_count",
                Op::new("Gather", [sizes.clone(), one.clone()]),
            )
        };
        let range = draft.shared(at, "phasor_range", Op::new("Range", [zero, count, one]));
        let op = match throughout {
            true => Op::reshape(range, sizes, draft.has_exact_reshapes()),
            false => Op::new("Expand", [range, sizes]),
        };
        draft.shared(at, "phasor_positions", op)
    }
}

fn axes_of(entry: &Entry) -> Range<usize> {
    match entry {
        Entry::Sizes(axes) => axes.clone(),
        Entry::Constant(_) => 0..0,
    }
}

fn constants(entries: &[Entry]) -> Option<Vec<i64>> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Constant(n) => Some(*n),
            Entry::Sizes(_) => None,
        })
        .collect()
}
