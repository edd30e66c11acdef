//! The model from its first node to its last: sites where they stand, and how many nodes lie between.
//!
//! Where sites repeat at equal distances there are layers, each of which is a row. Equal rows that follow each other are one. So a model of
//! thousands of nodes fits on a screen, whatever its nodes are called.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::form::Spot;
use super::scene::Scene;

/// Most sites of a layer.
const PERIOD: usize = 24;
/// Sites of a row where no layers are seen.
const WITHOUT_LAYERS: usize = 6;
/// How much of the sequence may break the rhythm: the sites at the ends of a stack do. A gap of another width counts less than another
/// rule.
const BREAKS: f64 = 0.34;
const GAP: f64 = 0.3;
/// Operators that are named of the nodes between.
const NAMED: usize = 4;

/// Something in a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// Nodes that stay.
    Rest { nodes: usize, operators: String },
    /// A spot, by position.
    Spot(usize),
    /// A group of near misses, by position.
    Miss(usize),
}

/// Equal rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// What they are called: names of layers, or numbers.
    pub first: String,
    pub last: String,
    pub times: usize,
    /// The items of the first.
    pub items: Vec<Item>,
}

/// What stands at a node.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Spot(usize),
    Miss(usize),
}

/// The rows of one graph. `marks` are by position of the node.
pub(super) fn rows(
    scene: &Scene<'_>,
    spots: &[Spot],
    marks: &FxHashMap<usize, Vec<Mark>>,
) -> Vec<Row> {
    let marked = marks.values().flatten();
    let covered: FxHashSet<usize> = marked
        .filter_map(|mark| match mark {
            Mark::Spot(spot) => Some(&spots[*spot].covered),
            Mark::Miss(_) => None,
        })
        .flatten()
        .copied()
        .collect();
    let mut steps: Vec<Step> = Vec::new();
    let mut gap = Gap::default();
    for node in scene.order {
        if !covered.contains(node) {
            gap.add(scene.before.nodes[*node].op_type());
        }
        for &mark in marks.get(node).into_iter().flatten() {
            steps.push(Step {
                gap: std::mem::take(&mut gap),
                mark,
            });
        }
    }
    let starts = starts(&steps, spots);
    let mut made: Vec<Row> = Vec::new();
    let count = starts.len();
    for (at, &start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(steps.len());
        let mut items: Vec<Item> = steps[start..end].iter().flat_map(Step::items).collect();
        if at + 1 == count {
            items.extend(gap.item());
        }
        let name = layer_name(&steps[start..end], spots).unwrap_or_else(|| (at + 1).to_string());
        match made.last_mut() {
            Some(row) if alike(&row.items, &items, spots) => {
                row.last = name;
                row.times += 1;
            }
            _ => made.push(Row {
                first: name.clone(),
                last: name,
                times: 1,
                items,
            }),
        }
    }
    if made.is_empty() {
        made.extend(gap.item().map(|item| Row {
            first: "1".to_owned(),
            last: "1".to_owned(),
            times: 1,
            items: vec![item],
        }));
    }
    made
}

/// Whether rows look the same.
fn alike(a: &[Item], b: &[Item], spots: &[Spot]) -> bool {
    let same = |(a, b): (&Item, &Item)| match (a, b) {
        (Item::Rest { nodes: a, .. }, Item::Rest { nodes: b, .. }) => a == b,
        (Item::Spot(a), Item::Spot(b)) => spots[*a].form == spots[*b].form,
        _ => false,
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// Nodes that nothing is done to.
#[derive(Default)]
struct Gap<'m> {
    nodes: usize,
    operators: BTreeMap<&'m str, usize>,
}

impl<'m> Gap<'m> {
    fn add(&mut self, operator: &'m str) {
        self.nodes += 1;
        *self.operators.entry(operator).or_default() += 1;
    }

    fn item(&self) -> Option<Item> {
        let mut operators: Vec<(&str, usize)> =
            self.operators.iter().map(|(k, n)| (*k, *n)).collect();
        operators.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let more = if operators.len() > NAMED { ", …" } else { "" };
        let named = operators.iter().take(NAMED);
        let named: Vec<String> = named
            .map(|(operator, n)| format!("{n} {operator}"))
            .collect();
        (self.nodes > 0).then(|| Item::Rest {
            nodes: self.nodes,
            operators: named.join(", ") + more,
        })
    }
}

/// A mark, and what lies between the one before and it.
struct Step<'m> {
    gap: Gap<'m>,
    mark: Mark,
}

impl Step<'_> {
    fn items(&self) -> impl Iterator<Item = Item> {
        let mark = match self.mark {
            Mark::Spot(at) => Item::Spot(at),
            Mark::Miss(at) => Item::Miss(at),
        };
        self.gap.item().into_iter().chain([mark])
    }

    fn symbol(&self, spots: &[Spot]) -> Symbol {
        Symbol {
            rule: match self.mark {
                Mark::Spot(at) => Some(spots[at].rule),
                Mark::Miss(_) => None,
            },
            gap: self.gap.nodes,
        }
    }
}

/// What repeats from layer to layer: a rule, or none for a near miss, and how many nodes lie before it.
#[derive(Clone, Copy)]
struct Symbol {
    rule: Option<&'static str>,
    gap: usize,
}

/// Where rows begin: before the widest gap of each layer.
fn starts(steps: &[Step<'_>], spots: &[Spot]) -> Vec<usize> {
    let symbols: Vec<Symbol> = steps.iter().map(|step| step.symbol(spots)).collect();
    let mut starts = match period(&symbols) {
        Some(period) => layers(&symbols, period),
        None => (0..symbols.len()).step_by(WITHOUT_LAYERS).collect(),
    };
    if starts.first().is_some_and(|&first| first > 0) {
        starts.insert(0, 0);
    }
    starts
}

/// After how many steps symbols repeat, if they do.
fn period(symbols: &[Symbol]) -> Option<usize> {
    let differs = |(a, b): (&Symbol, &Symbol)| match (a.rule == b.rule, a.gap == b.gap) {
        (true, true) => 0.0,
        (true, false) => GAP,
        (false, _) => 1.0,
    };
    let mut best: Option<(f64, usize)> = None;
    for period in 1..=PERIOD.min(symbols.len() / 2) {
        let pairs = symbols.iter().zip(&symbols[period..]);
        let share = pairs.map(differs).sum::<f64>() / (symbols.len() - period) as f64;
        if best.is_none_or(|(least, _)| share < least) {
            best = Some((share, period));
        }
    }
    let best = best.filter(|(share, _)| *share <= BREAKS);
    best.map(|(_, period)| period)
}

/// Where layers of this many steps begin: before the rule with the widest gap that is there in most of them.
fn layers(symbols: &[Symbol], period: usize) -> Vec<usize> {
    let mut rules: BTreeMap<Option<&str>, (usize, usize)> = BTreeMap::new();
    for symbol in symbols {
        rules.entry(symbol.rule).or_default().1 += 1;
    }
    // What leads to the first site is no part of a layer.
    for symbol in &symbols[1..] {
        let widest = &mut rules.entry(symbol.rule).or_default().0;
        *widest = symbol.gap.max(*widest);
    }
    let count = symbols.len() / period;
    let common = rules.iter().filter(|(_, (_, times))| 2 * times > count);
    let Some((rule, (widest, _))) = common.max_by_key(|(_, (gap, _))| *gap) else {
        return vec![0];
    };
    let is_start = |symbol: &Symbol| symbol.rule == *rule && 2 * symbol.gap > *widest;
    (0..symbols.len())
        .filter(|&at| is_start(&symbols[at]))
        .collect()
}

/// The part of a name that numbers a layer, where all sites of a row agree: `layers.3` of `/model/layers.3/attn/Mul`.
fn layer_name(steps: &[Step<'_>], spots: &[Spot]) -> Option<String> {
    let mut names = steps.iter().filter_map(|step| match step.mark {
        Mark::Spot(at) if spots[at].site.is_some() => Some(numbered(&spots[at].node)),
        _ => None,
    });
    let first = names.next()??;
    names
        .all(|name| name == Some(first))
        .then(|| first.to_owned())
}

/// The first part of a path that ends in a number, the name itself excepted.
fn numbered(node: &str) -> Option<&str> {
    let (path, _) = node.rsplit_once('/')?;
    path.split('/').find(|part| {
        let stem = part.trim_end_matches(|c: char| c.is_ascii_digit());
        stem.len() < part.len() && stem.len() > 1 && stem.ends_with(['.', '_'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(steps: &[(&'static str, usize)]) -> Vec<Symbol> {
        let symbol = |&(rule, gap): &(&'static str, usize)| Symbol {
            rule: Some(rule),
            gap,
        };
        steps.iter().map(symbol).collect()
    }

    #[test]
    fn layers_are_seen_by_their_rhythm() {
        // A table, then queries, keys and attention in every layer.
        let steps = [
            ("T", 90),
            ("R", 11),
            ("R", 10),
            ("A", 72),
            ("R", 87),
            ("R", 10),
            ("A", 72),
        ];
        let decoder = symbols(&steps);
        assert_eq!(period(&decoder), Some(3));
        assert_eq!(layers(&decoder, 3), [4]);
        // Twice a layer: gaps tell.
        let same = symbols(&[
            ("R", 50),
            ("R", 3),
            ("R", 40),
            ("R", 3),
            ("R", 40),
            ("R", 3),
        ]);
        assert_eq!(period(&same), Some(2));
        assert_eq!(layers(&same, 2), [0, 2, 4]);
        let encoder = symbols(&[("A", 9), ("A", 5), ("A", 5)]);
        assert_eq!(period(&encoder), Some(1));
        assert_eq!(layers(&encoder, 1), [0, 1, 2]);
        let none = symbols(&[("A", 1), ("B", 1), ("C", 1), ("D", 1), ("E", 1), ("F", 1)]);
        assert_eq!(period(&none), None);
        assert_eq!(period(&[]), None);
    }

    #[test]
    fn names_number_layers() {
        assert_eq!(
            numbered("/model/layers.3/self_attn/Mul_2"),
            Some("layers.3")
        );
        assert_eq!(numbered("/encoder/block_11/Add"), Some("block_11"));
        assert_eq!(numbered("node_mul_3"), None);
        assert_eq!(numbered("/Add_1"), None);
    }
}
