//! Which sites become one node: `RotaryEmbeddingPair`.
//!
//! Two sites of a graph turn together where they read the same tables with the same attributes and types, as the queries and
//! the keys of a layer do. The node stands where the later site stood, so nothing up to there may read what the earlier one gives;
//! that the later one does not depend on the earlier one follows.

use rustc_hash::FxHashMap;

use crate::onnx::ModelFile;

use phasor_ops::contract::rotary::RotaryAttributes;

use super::RotarySite;

/// What two sites must have in common: tables, attributes, number of rotated channels, types.
type Shared<'a> = (&'a str, &'a str, RotaryAttributes, usize, [i32; 2]);

/// Pairs of positions in `sites`, the earlier site first; `cos` and `sin` of a position are the values that the site's node reads.
pub(super) fn find(
    file: &ModelFile,
    sites: &[RotarySite],
    tables: &[(String, String)],
) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..sites.len()).collect();
    order.sort_by_key(|&s| sites[s].node);
    let mut groups: FxHashMap<Shared<'_>, Vec<usize>> = FxHashMap::default();
    for second in order {
        let site = &sites[second];
        let (cos, sin) = &tables[second];
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

/// The pairs among sites that have everything in common, given in graph order.
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

/// Whether a site's result may come into being at the node at `later`. What it reads is there by then in a sorted graph.
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
