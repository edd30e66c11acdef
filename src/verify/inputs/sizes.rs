//! Sizes for the symbolic dimensions of a model's inputs.

use crate::facts::Dim;
use crate::onnx::ModelFile;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes of the symbolic dimensions, and which values go with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// One size a symbol.
    pub sizes: BTreeMap<String, i64>,
    /// Which values.
    pub values: Values,
    /// The values of booleans that are not masks.
    pub switches: Switches,
}

/// The values of switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switches {
    /// All are on.
    On,
    /// All are off.
    Off,
    /// Some are, by chance.
    Mixed,
    /// Those of one input are on, all others off: of the input at this place.
    Only(usize),
    /// Those of one input are off, all others on.
    But(usize),
}

impl Switches {
    /// The first set has every switch on and the second every switch off, later ones mix.
    fn of_seed(seed: u64) -> Switches {
        match seed {
            0 => Switches::On,
            1 => Switches::Off,
            _ => Switches::Mixed,
        }
    }
}

/// Which values inputs get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Values such as a user would give.
    Usual,
    /// Integers whose range is unknown stay at 0 and 1.
    Fallback,
    /// Positions, and indices where they may be, are below zero.
    Negative,
    /// Positions begin here.
    From(i64),
}

/// What a symbol probably is. A guess only orders what is tried.
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

/// Guesses from the symbols' names, and from the names of the inputs that they occur in: what only caches have is the past, and
/// what only masks have beside a past is the total.
fn hints(inputs: &[(&str, &[Dim])]) -> BTreeMap<String, Hint> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, dims) in inputs {
        for dim in *dims {
            let mut symbols = BTreeSet::new();
            dim.collect_symbols(&mut symbols);
            for symbol in symbols {
                places
                    .entry(symbol)
                    .or_default()
                    .insert(name.to_ascii_lowercase());
            }
        }
    }
    let is_past = |name: &str| name.contains("past") || name.contains("cache");
    let by_name = |symbol: &str, inputs: &BTreeSet<String>| {
        let symbol = symbol.to_ascii_lowercase();
        if symbol.contains("batch") {
            Hint::Batch
        } else if symbol.contains("total") {
            Hint::Total
        } else if is_past(&symbol) || inputs.iter().all(|input| is_past(input)) {
            Hint::Past
        } else {
            Hint::Extent
        }
    };
    let mut hints: BTreeMap<String, Hint> = places
        .iter()
        .map(|(symbol, inputs)| (symbol.clone(), by_name(symbol, inputs)))
        .collect();
    if hints.values().any(|hint| *hint == Hint::Past) {
        for (symbol, hint) in &mut hints {
            if *hint == Hint::Extent && places[symbol].iter().all(|input| input.contains("mask")) {
                *hint = Hint::Total;
            }
        }
    }
    hints
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
                    let group = node.attribute("group").map_or(1, |group| group.i());
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

/// The size of an axis that may be longer than all others, and how many axes are tried.
const LONG: i64 = 64;
const MOST_LONG: usize = 4;

/// The model's own sizes that others are made to coincide with.
const COINCIDE: std::ops::RangeInclusive<i64> = 3..=32;
/// Batches are no larger than this, because work grows with them and with extents.
const LARGEST_BATCH: i64 = 8;

/// All assignments worth trying for inputs of these names and dimensions.
pub(super) fn assignments(
    inputs: &[(&str, &[Dim])],
    fixed: &BTreeMap<String, i64>,
    seed: u64,
) -> Vec<Assignment> {
    let hints = hints(inputs);
    // Where the user fixes a size, a total follows it.
    let fixed_of = |wanted: Hint| {
        let sizes = hints
            .iter()
            .filter(|(_, hint)| **hint == wanted)
            .filter_map(|(symbol, _)| fixed.get(symbol));
        sizes.copied().next()
    };
    let (fixed_extent, fixed_past) = (fixed_of(Hint::Extent), fixed_of(Hint::Past));
    let has_past = hints.values().any(|hint| *hint == Hint::Past);
    let sum = |extent: i64, past: i64| {
        let past = if has_past {
            fixed_past.unwrap_or(past)
        } else {
            0
        };
        fixed_extent.unwrap_or(extent).saturating_add(past)
    };
    let mut tries: Vec<Assignment> = Vec::new();
    let mut push = |sizes: BTreeMap<String, i64>, values: Values| {
        let switches = Switches::of_seed(seed);
        let assignment = Assignment {
            sizes,
            values,
            switches,
        };
        if fits(inputs, &assignment) && !tries.contains(&assignment) {
            tries.push(assignment);
        }
    };
    let of = |batch: i64, extent: i64, past: i64, total: i64| {
        sized(&hints, fixed, [batch, extent, past, total])
    };
    let own = SHAPES[(seed % SHAPES.len() as u64) as usize];
    for (batch, extent, past) in std::iter::once(own).chain(SHAPES) {
        push(of(batch, extent, past, sum(extent, past)), Values::Usual);
    }
    let (batch, extent, past) = own;
    push(of(batch, extent, past, extent), Values::Usual);
    push(of(1, extent, past, sum(extent, past)), Values::Usual);
    // What is cut to the size of others has to be longer.
    let likely = of(batch, extent, past, sum(extent, past));
    let free = hints.iter().filter(|(name, hint)| {
        !fixed.contains_key(*name) && matches!(hint, Hint::Extent | Hint::Total)
    });
    for (symbol, _) in free.take(MOST_LONG) {
        let mut sizes = likely.clone();
        sizes.insert(symbol.clone(), LONG);
        push(sizes, Values::Usual);
    }
    push(of(1, 1, past, sum(1, past)), Values::Usual);
    for extent in EXTENTS {
        push(of(2, extent, past, extent), Values::Usual);
        push(of(1, extent, past, extent), Values::Usual);
    }
    for size in [4, 1, 2] {
        push(of(size, size, size, size), Values::Usual);
    }
    push(of(2, 7, 4, sum(7, 4)), Values::Fallback);
    push(of(1, 1, 1, 1), Values::Fallback);
    tries
}

/// Sizes for all symbols from those of batch, extent, past and total.
fn sized(
    hints: &BTreeMap<String, Hint>,
    fixed: &BTreeMap<String, i64>,
    [batch, extent, past, total]: [i64; 4],
) -> BTreeMap<String, i64> {
    let size = |hint: Hint| match hint {
        Hint::Batch => batch,
        Hint::Past => past,
        Hint::Total => total,
        Hint::Extent => extent,
    };
    let hints = hints.iter();
    hints
        .map(|(symbol, hint)| {
            let size = fixed.get(symbol).copied().unwrap_or_else(|| size(*hint));
            (symbol.clone(), size)
        })
        .collect()
}

/// Whether no dimension comes out negative.
fn fits(inputs: &[(&str, &[Dim])], assignment: &Assignment) -> bool {
    let size_of = |name: &str| assignment.sizes.get(name).copied();
    let mut dims = inputs.iter().flat_map(|(_, dims)| *dims);
    dims.all(|dim| dim.eval(&size_of).is_none_or(|n| n >= 0))
}

/// Sizes at which rewrites fail that are right elsewhere, each with a name: 1 and 2, where axes are taken for those that
/// broadcast; sizes that coincide with one another and with the model's own; and 0. Whether a model runs with them is open.
pub(super) fn corners(
    inputs: &[(&str, &[Dim])],
    fixed: &BTreeMap<String, i64>,
    switches: Switches,
) -> Vec<(String, Assignment)> {
    let hints = hints(inputs);
    let has = |wanted: Hint| hints.values().any(|hint| *hint == wanted);
    let past = i64::from(has(Hint::Past));
    let constants = inputs.iter().flat_map(|(_, dims)| *dims);
    let constants = constants.filter_map(|dim| match dim {
        Dim::Known(n) if COINCIDE.contains(n) => Some(*n),
        _ => None,
    });
    let constants: BTreeSet<i64> = constants.collect();
    let mut corners: Vec<(String, Assignment)> = Vec::new();
    let mut push = |name: String, batch: i64, extent: i64, before: i64| {
        let before = before * past;
        let sizes = sized(&hints, fixed, [batch, extent, before, extent + before]);
        let values = Values::Usual;
        let corner = Assignment {
            sizes,
            values,
            switches,
        };
        if fits(inputs, &corner) && corners.iter().all(|(_, known)| *known != corner) {
            corners.push((name, corner));
        }
    };
    if hints.is_empty() {
        return Vec::new();
    }
    push("sizes of 1".to_owned(), 1, 1, 1);
    push("sizes of 2".to_owned(), 2, 2, 2);
    push("sizes of 1 and 2".to_owned(), 1, 2, 1);
    for size in constants.into_iter().take(2) {
        push(
            format!("sizes of {size}"),
            size.min(LARGEST_BATCH),
            size,
            size,
        );
    }
    if has(Hint::Past) {
        push("nothing past".to_owned(), 2, 3, 0);
    }
    push("batch of 0".to_owned(), 0, 3, 2);
    push("extent of 0".to_owned(), 2, 0, 2);
    corners.extend(unequal(inputs, &hints, fixed, switches));
    corners
}

/// Extents that are all different, where there are several: elsewhere they have one size, which hides that one is taken for another.
fn unequal(
    inputs: &[(&str, &[Dim])],
    hints: &BTreeMap<String, Hint>,
    fixed: &BTreeMap<String, i64>,
    switches: Switches,
) -> Option<(String, Assignment)> {
    let mut sizes = sized(hints, fixed, [2, 3, 2, 5]);
    let is_free = |name: &String| hints[name] == Hint::Extent && !fixed.contains_key(name);
    let free = sizes.iter_mut().filter(|(name, _)| is_free(name));
    let mut count = 0;
    for ((_, size), different) in free.zip(3..) {
        *size = different;
        count += 1;
    }
    let values = Values::Usual;
    let corner = Assignment {
        sizes,
        values,
        switches,
    };
    (count > 1 && fits(inputs, &corner)).then(|| ("different sizes".to_owned(), corner))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes tried first for inputs written as `name: dim dim ...`.
    fn first(inputs: &[&str], fixed: &[(&str, i64)], seed: u64) -> Vec<Assignment> {
        let parsed: Vec<(&str, Vec<Dim>)> = inputs
            .iter()
            .map(|text| {
                let (name, dims) = text.split_once(": ").unwrap();
                (name, dims.split(' ').map(Dim::parse).collect())
            })
            .collect();
        let inputs: Vec<(&str, &[Dim])> = parsed
            .iter()
            .map(|(name, dims)| (*name, dims.as_slice()))
            .collect();
        let fixed = fixed
            .iter()
            .map(|(name, size)| ((*name).to_owned(), *size))
            .collect();
        assignments(&inputs, &fixed, seed)
    }

    const DECODER: [&str; 3] = [
        "input_ids: batch sequence",
        "attention_mask: batch s53",
        "past_key_0: batch 2 s9 16",
    ];

    #[test]
    fn the_length_of_a_mask_is_the_past_and_the_present() {
        let sizes = &first(&DECODER, &[], 0)[0].sizes;
        assert_eq!(
            (sizes["batch"], sizes["sequence"], sizes["s9"], sizes["s53"]),
            (2, 7, 4, 11)
        );
        let sizes = &first(&["input_ids: b n", "attention_mask: b m"], &[], 0)[0].sizes;
        assert_eq!(
            sizes["n"], sizes["m"],
            "without a past a mask is as long as the rest"
        );
    }

    #[test]
    fn fixed_sizes_hold_in_every_try_and_totals_follow() {
        let tries = first(&DECODER, &[("sequence", 3)], 0);
        assert!(tries.iter().all(|a| a.sizes["sequence"] == 3));
        assert_eq!(tries[0].sizes["s53"], 7);
        assert_ne!(first(&DECODER, &[], 0)[0], first(&DECODER, &[], 1)[0]);
    }

    #[test]
    fn negative_dimensions_are_not_tried() {
        let tries = first(&["x: s s-5"], &[], 0);
        assert!(!tries.is_empty() && tries.iter().all(|a| a.sizes["s"] >= 5));
        assert_eq!(
            first(&["x: 2 3"], &[], 0).len(),
            2,
            "usual and fallback values"
        );
    }

    #[test]
    fn corners_have_equal_sizes_and_empty_ones() {
        let dims: Vec<Vec<Dim>> = [["batch", "sequence"], ["batch", "total"]]
            .iter()
            .map(|dims| dims.iter().copied().map(Dim::parse).collect())
            .collect();
        let cache: Vec<Dim> = ["batch", "8", "past", "16"].map(Dim::parse).to_vec();
        let inputs = [
            ("ids", dims[0].as_slice()),
            ("mask", dims[1].as_slice()),
            ("past_key", cache.as_slice()),
        ];
        let corners = corners(
            &inputs,
            &BTreeMap::from([("batch".to_owned(), 2)]),
            Switches::On,
        );
        let of = |name: &str| {
            let corner = corners.iter().find(|(known, _)| known == name);
            &corner.unwrap_or_else(|| panic!("no {name}")).1.sizes
        };
        assert_eq!(
            (of("sizes of 8")["sequence"], of("sizes of 8")["total"]),
            (8, 16)
        );
        assert_eq!(
            (of("nothing past")["past"], of("nothing past")["total"]),
            (0, 3)
        );
        assert_eq!(of("extent of 0")["sequence"], 0);
        assert!(corners.iter().all(|(name, _)| name != "different sizes"));
        assert!(corners.iter().all(|(_, corner)| corner.sizes["batch"] == 2));
        let image = ["height", "width"].map(Dim::parse);
        let image = super::corners(&[("pixels", &image)], &BTreeMap::new(), Switches::On);
        let (_, last) = image.last().unwrap();
        assert_eq!((last.sizes["height"], last.sizes["width"]), (3, 4));
        assert!(
            super::corners(&[("x", &[Dim::Known(3)])], &BTreeMap::new(), Switches::On).is_empty()
        );
    }
}
