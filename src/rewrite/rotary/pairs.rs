//! Chooses the sites that become one `RotaryEmbeddingPair` node.
//!
//! Two sites of a graph can be joined if they read the same tables with the same attributes and types, as the queries and the
//! keys of a layer do. The node stands where the later site stood, so no node up to there may read the earlier site's result. It
//! follows that the later site does not depend on the earlier one: its `x` would be computed from that result by a node before
//! it.

use rustc_hash::FxHashMap;

use crate::onnx::ModelFile;

use phasor_ops::contract::rotary::RotaryAttributes;

use super::site::RotarySite;

/// What two sites must have in common: tables, attributes, number of rotated channels, types.
type Shared<'a> = (&'a str, &'a str, RotaryAttributes, usize, [i32; 2]);

/// Pairs of positions in `sites`, the earlier site first. `tables` has the values that each site's node reads as cosines and sines.
pub(super) fn find(
    file: &ModelFile,
    sites: &[RotarySite],
    tables: &[[String; 2]],
) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..sites.len()).collect();
    order.sort_by_key(|&s| sites[s].node);
    let mut groups: FxHashMap<Shared<'_>, Vec<usize>> = FxHashMap::default();
    for second in order {
        let site = &sites[second];
        let [cos, sin] = &tables[second];
        let types = [site.dtype, site.rotary.table_dtype].map(|t| t.to_onnx());
        let key = (
            &cos[..],
            &sin[..],
            site.rotary.attributes(),
            site.rotary.rotary_dim,
            types,
        );
        groups.entry(key).or_default().push(second);
    }
    let pairs = groups.into_values();
    let mut pairs: Vec<(usize, usize)> = pairs
        .flat_map(|group| along(file, sites, group.into_iter()))
        .collect();
    pairs.sort_unstable_by_key(|&(_, second)| (sites[second].node, second));
    pairs
}

/// The pairs among sites that can share a node, given in graph order. Each site is joined with the next one, or left alone.
pub(super) fn along(
    file: &ModelFile,
    sites: &[RotarySite],
    group: impl Iterator<Item = usize>,
) -> Vec<(usize, usize)> {
    let mut waiting = None;
    let mut pairs = Vec::new();
    for second in group {
        match waiting {
            Some(first) if can_wait(file, &sites[first], sites[second].node) => {
                pairs.push((first, second));
                waiting = None;
            }
            _ => waiting = Some(second),
        }
    }
    pairs
}

/// Whether a site's result may be computed as late as at the node `later`: all its readers, bodies included, come after that
/// node. Its inputs exist by then, since nodes are sorted. Both nodes must have one output, as the joined node gives these two
/// and no others.
fn can_wait(file: &ModelFile, site: &RotarySite, later: usize) -> bool {
    let index = file.index();
    let single = |node: usize| file.graph().node[node].output.len() == 1;
    let Some(y) = index
        .id(&site.y)
        .filter(|_| single(site.node) && single(later))
    else {
        return false;
    };
    let readers = index.consumers(y).iter().map(|&(node, _)| node);
    readers
        .chain(index.capturers(y).iter().copied())
        .all(|node| node > later)
}
