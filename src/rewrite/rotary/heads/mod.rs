//! Finds the sites that can read their heads where a projection wrote them, as `RotaryHeads` does.
//!
//! Exporters put a reshape and a transposition between a projection and the rotation of its heads, and a split, slices or gathers where
//! queries, keys and values are packed. [`channels`] follows each channel of a site's tensor back through such nodes. Where the heads turn
//! out to lie evenly in an earlier tensor `[B, S, ...]`, the site reads that one, and the nodes between become unused. A node that others
//! read too runs all the same: the search goes past it, but it counts for nothing, and a site changes only if a node that moves elements
//! becomes unused.
//!
//! A `Split` is passed if at most one of its results is still wanted then, mostly the values: a `Slice` gives that.

mod channels;
mod live;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::Edit;
use crate::onnx::proto::NodeProto;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::RotarySite;
use crate::rewrite::subject::Subject;

use phasor_ops::contract::rotary_heads::HeadRange;

use channels::{Channels, parts};
use live::Live;

/// Nodes between a projection and a site that are followed at most.
const FARTHEST: usize = 32;

/// A tensor `[B, S, M, C]` with heads in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Packed {
    /// The value that holds it.
    value: String,
    /// Whether it has that shape already.
    is_shaped: bool,
    /// `M` and `C`.
    pub sizes: [usize; 2],
}

/// Where a site reads its heads.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub packed: Packed,
    pub heads: HeadRange,
    /// The results of `Split` nodes that the site no longer reads: node and output.
    splits: Vec<(usize, usize)>,
    /// Nodes that move elements and become unused.
    moves: usize,
}

/// The sites that read their heads in place, by the result of each.
#[derive(Debug, Default)]
pub(in crate::rewrite) struct InPlace {
    sites: FxHashMap<String, Taken>,
    /// `Split` nodes that disappear, and the part of each that is still wanted.
    splits: Vec<(usize, Option<Part>)>,
}

/// A result of a `Split`.
#[derive(Clone, Copy, Debug)]
struct Part {
    output: usize,
    /// Where it begins and ends along the axis.
    bounds: [i64; 2],
}

impl InPlace {
    /// Whether there are none.
    pub(in crate::rewrite) fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// Where a site reads its heads, if in place.
    pub(super) fn of(&self, site: &RotarySite) -> Option<&Taken> {
        self.sites.get(&site.y)
    }

    /// Plans the nodes that the sites need: the packed tensors in their shape, by the value of each, and what is left of `Split` nodes.
    pub(super) fn prepare(
        &self,
        draft: &mut Draft<'_>,
        sites: &[RotarySite],
    ) -> FxHashMap<Packed, String> {
        let mut first: FxHashMap<&Packed, usize> = FxHashMap::default();
        for site in sites {
            if let Some(taken) = self.of(site) {
                let node = first.entry(&taken.packed).or_insert(site.node);
                *node = site.node.min(*node);
            }
        }
        let mut order: Vec<(usize, &Packed)> = first.into_iter().map(|(p, at)| (at, p)).collect();
        order.sort_by(|a, b| (a.0, &a.1.value).cmp(&(b.0, &b.1.value)));
        let mut shaped = FxHashMap::default();
        for (at, packed) in order {
            let value = match packed.is_shaped {
                true => packed.value.clone(),
                false => {
                    let [heads, channels] = packed.sizes.map(|size| size as i64);
                    // The first two sizes are copied.
                    let shape = draft.list(&[0, 0, heads, channels]);
                    let op = Op::reshape(packed.value.clone(), shape, false);
                    draft.own(at, &format!("{}_heads", packed.value), op)
                }
            };
            shaped.insert(packed.clone(), value);
        }
        for &(split, wanted) in &self.splits {
            let node = &draft.file.graph().node[split];
            if let Some(Part { output, bounds }) = wanted {
                let [start, end] = bounds;
                let (data, axis) = (node.input[0].clone(), node.int("axis").unwrap_or(0));
                let result = node.output[output].clone();
                let bounds = [start, end, axis].map(|n| draft.list(&[n]));
                let op = Op::new("Slice", [data].into_iter().chain(bounds));
                let name = draft.fresh(&format!("{result}_slice"));
                draft.push(split, op.node(&name, vec![result]));
            }
            draft.remove(split);
        }
        shaped
    }
}

/// The sites that can read their heads in place, after the change `edit`, which has a `RotaryEmbedding` for each.
pub(in crate::rewrite) fn find(
    subject: &Subject<'_>,
    sites: &[RotarySite],
    edit: &Edit,
) -> InPlace {
    let live = Live::new(subject.file, edit);
    let mut kept: FxHashSet<usize> = FxHashSet::default();
    loop {
        let found = sites.iter().filter_map(|site| {
            let taken = follow(subject, &live, site, &kept)?;
            Some((site.y.clone(), taken))
        });
        let found: FxHashMap<String, Taken> = found.collect();
        let mut passed: FxHashMap<usize, FxHashSet<usize>> = FxHashMap::default();
        for &(split, output) in found.values().flat_map(|taken| &taken.splits) {
            passed.entry(split).or_default().insert(output);
        }
        let nodes = &subject.file.graph().node;
        let mut splits = Vec::new();
        let before = kept.len();
        for (split, outputs) in passed {
            match left_over(subject, &live, &nodes[split], &outputs) {
                Some(wanted) => splits.push((split, wanted)),
                None => {
                    kept.insert(split);
                }
            }
        }
        // Without a split that must stay, others may be left with more than one result that is wanted.
        if kept.len() == before {
            splits.sort_unstable_by_key(|(split, _)| *split);
            return InPlace {
                sites: found,
                splits,
            };
        }
    }
}

/// What is wanted of a `Split` whose results `outputs` are no longer: at most one part. `None` if it must stay.
fn left_over(
    subject: &Subject<'_>,
    live: &Live<'_>,
    node: &NodeProto,
    outputs: &FxHashSet<usize>,
) -> Option<Option<Part>> {
    let others = (0..node.output.len()).filter(|output| !outputs.contains(output));
    let wanted: Vec<usize> = others
        .filter(|&output| live.is_read(&node.output[output]))
        .collect();
    match wanted[..] {
        [] => Some(None),
        [one] if !live.is_result(&node.output[one]) => {
            let bounds = parts(subject, node)?;
            let &(start, size) = bounds.get(one)?;
            let number = |n: usize| i64::try_from(n).ok();
            Some(Some(Part {
                output: one,
                bounds: [number(start)?, number(start + size)?],
            }))
        }
        _ => None,
    }
}

/// The farthest tensor in which the heads of a site lie evenly; splits in `kept` are not passed.
fn follow(
    subject: &Subject<'_>,
    live: &Live<'_>,
    site: &RotarySite,
    kept: &FxHashSet<usize>,
) -> Option<Taken> {
    let x = &site.rotary.x;
    if !live.is_turned_alone(x, &site.y) {
        return None;
    }
    let index = subject.file.index();
    let mut at = Channels::of(subject, x)?;
    let mut best: Option<Taken> = None;
    let (mut splits, mut moves) = (Vec::new(), 0);
    let mut unused = true;
    for _ in 0..FARTHEST {
        let made = index.id(&at.value).and_then(|id| index.producer(id));
        let Some((node, output)) = made.filter(|(node, _)| !live.is_gone(*node)) else {
            break;
        };
        let producer = &subject.file.graph().node[node];
        let is_split = producer.op_type() == "Split";
        let moved = !matches!(
            producer.op_type(),
            "Reshape" | "Squeeze" | "Unsqueeze" | "Identity"
        );
        unused &= live.is_read_once(&at.value);
        // A split has results for others too, so it is unused only if it is taken apart.
        if is_split && (kept.contains(&node) || !unused) {
            break;
        }
        let Some(before) = at.before(subject, producer, output) else {
            break;
        };
        at = before;
        moves += usize::from(moved && unused);
        if is_split {
            splits.push((node, output));
        }
        let Some((heads, sizes, is_shaped)) = at.heads() else {
            continue;
        };
        // Past nodes that move nothing there is nothing to gain, unless the shape is the operator's.
        let better = best.as_ref().is_none_or(|best| {
            moves > best.moves || moves == best.moves && is_shaped && !best.packed.is_shaped
        });
        if better && moves > 0 {
            best = Some(Taken {
                packed: Packed {
                    value: at.value.clone(),
                    is_shaped,
                    sizes,
                },
                heads,
                splits: splits.clone(),
                moves,
            });
        }
    }
    best
}
