//! Sizes for the symbolic dimensions of a model's inputs.

use crate::facts::Dim;
use crate::onnx::ModelFile;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes of the symbolic dimensions, and how daring the values may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// One size a symbol.
    pub sizes: BTreeMap<String, i64>,
    /// Integers whose range is unknown stay at 0 and 1.
    pub timid: bool,
}

/// What a name suggests. A suggestion only orders what is tried.
#[derive(Clone, Copy, PartialEq)]
enum Hint {
    Batch,
    /// Elements that are there before the ones the model now sees.
    Past,
    /// The sum of those before and those now.
    Total,
    /// Any other extent.
    Extent,
}

fn hint(symbol: &str) -> Hint {
    let symbol = symbol.to_ascii_lowercase();
    let has = |part: &str| symbol.contains(part);
    if has("batch") {
        Hint::Batch
    } else if has("total") {
        Hint::Total
    } else if has("past") || has("cache") {
        Hint::Past
    } else {
        Hint::Extent
    }
}

/// Symbols whose size the weights that an input meets first prescribe: the channels of a convolution, the columns of a product.
pub(super) fn given_by_weights<'a>(
    file: &ModelFile,
    inputs: impl Iterator<Item = (&'a str, &'a [Dim])>,
) -> BTreeMap<String, i64> {
    let (graph, index) = (file.graph(), file.index());
    let mut sizes = BTreeMap::new();
    for (name, dims) in inputs {
        let Some(value) = index.id(name) else {
            continue;
        };
        for (position, _) in index.consumers(value).iter().filter(|(_, slot)| *slot == 0) {
            let node = &graph.node[*position];
            let weight = node
                .input
                .get(1)
                .and_then(|w| index.initializer(index.id(w)?));
            let Some(weight) = weight.map(|w| &graph.initializer[w].dims) else {
                continue;
            };
            let prescribed = match (node.op_type(), weight.as_slice()) {
                ("Conv", [_, channels, _, ..]) => {
                    let group = node
                        .attribute
                        .iter()
                        .find(|a| a.name() == "group")
                        .map_or(1, |a| a.i());
                    dims.get(1).zip(channels.checked_mul(group))
                }
                ("MatMul", [.., rows, _]) => dims.last().zip(Some(*rows)),
                _ => None,
            };
            if let Some((Dim::Symbol(symbol), size)) = prescribed {
                sizes.insert(symbol.clone(), size);
            }
        }
    }
    sizes
}

/// Batch, extent and past of the first seeds; later ones begin again.
const SHAPES: [(i64, i64, i64); 4] = [(2, 7, 4), (1, 12, 3), (3, 1, 6), (2, 5, 0)];
/// Extents to fall back to: images, their patches, and sound.
const EXTENTS: [i64; 6] = [32, 64, 16, 224, 400, 3200];

/// All assignments worth trying.
pub(super) fn assignments(
    symbols: &BTreeSet<String>,
    fixed: &BTreeMap<String, i64>,
    dims: &[&Dim],
    seed: u64,
) -> Vec<Assignment> {
    let mut tries: Vec<Assignment> = Vec::new();
    let mut push = |batch: i64, extent: i64, past: i64, total: i64, timid: bool| {
        let size = |symbol: &String| match hint(symbol) {
            Hint::Batch => batch,
            Hint::Past => past,
            Hint::Total => total,
            Hint::Extent => extent,
        };
        let sizes: BTreeMap<String, i64> = symbols
            .iter()
            .map(|s| (s.clone(), fixed.get(s).copied().unwrap_or_else(|| size(s))))
            .collect();
        let fits = dims.iter().all(|dim| {
            dim.eval(&|name| sizes.get(name).copied())
                .is_none_or(|n| n >= 0)
        });
        let assignment = Assignment { sizes, timid };
        if fits && !tries.contains(&assignment) {
            tries.push(assignment);
        }
    };
    let has_past = symbols.iter().any(|s| hint(s) == Hint::Past);
    let own = SHAPES[(seed % SHAPES.len() as u64) as usize];
    for (batch, extent, past) in std::iter::once(own).chain(SHAPES) {
        push(
            batch,
            extent,
            past,
            if has_past { extent + past } else { extent },
            false,
        );
    }
    let (batch, extent, past) = own;
    push(batch, extent, past, extent, false);
    push(1, extent, past, extent + past, false);
    push(1, 1, past, 1 + past, false);
    for extent in EXTENTS {
        push(2, extent, past, extent, false);
        push(1, extent, past, extent, false);
    }
    for size in [4, 1, 2] {
        push(size, size, size, size, false);
    }
    push(2, 7, 4, if has_past { 11 } else { 7 }, true);
    push(1, 1, 1, 1, true);
    tries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn a_total_is_first_the_sum() {
        let tries = assignments(
            &symbols(&["batch", "past_sequence", "sequence", "total_sequence"]),
            &BTreeMap::new(),
            &[],
            0,
        );
        let sizes = &tries[0].sizes;
        assert_eq!(
            (
                sizes["batch"],
                sizes["sequence"],
                sizes["past_sequence"],
                sizes["total_sequence"]
            ),
            (2, 7, 4, 11)
        );
    }

    #[test]
    fn fixed_sizes_hold_in_every_try_and_seeds_differ() {
        let fixed = BTreeMap::from([("s".to_owned(), 9)]);
        let names = symbols(&["s", "batch"]);
        assert!(
            assignments(&names, &fixed, &[], 0)
                .iter()
                .all(|a| a.sizes["s"] == 9)
        );
        assert_ne!(
            assignments(&names, &fixed, &[], 0)[0],
            assignments(&names, &fixed, &[], 1)[0]
        );
    }

    #[test]
    fn negative_dimensions_are_not_tried() {
        let dim = Dim::parse("s - 5");
        let tries = assignments(&symbols(&["s"]), &BTreeMap::new(), &[&dim], 0);
        assert!(!tries.is_empty() && tries.iter().all(|a| a.sizes["s"] >= 5));
        assert_eq!(
            assignments(&symbols(&[]), &BTreeMap::new(), &[], 0).len(),
            2
        );
    }
}
