//! Near misses, those that say the same together, with the graph around the first of them.

use super::graph::{Picture, ShapeKind, Subject, around};
use super::scene::Scene;
use crate::report::{RefusalReport, grouped};

/// Most nodes that are drawn around a near miss.
const DRAWN: usize = 14;
/// Most groups of which the graph is drawn.
const PICTURES: usize = 12;

/// Near misses that say the same.
pub(super) struct Miss<'a> {
    pub alike: Vec<&'a RefusalReport>,
    /// Where they are: scopes, and the nodes that make the values that were looked at.
    pub places: Vec<(usize, usize)>,
    /// The graph around the first.
    pub picture: Option<Picture>,
}

/// All groups, in the order in which they were found.
pub(super) fn all<'a>(refusals: &'a [RefusalReport], scenes: &[Scene<'_>]) -> Vec<Miss<'a>> {
    let mut left = PICTURES;
    let groups = grouped(refusals).into_iter().map(|alike| {
        let first = alike.first().and_then(|first| place(first, scenes));
        let picture = first.filter(|_| left > 0).map(|(scope, node)| {
            left -= 1;
            drawn(&scenes[scope], &alike[0].value, node)
        });
        let places = alike.iter().filter_map(|refusal| place(refusal, scenes));
        Miss {
            places: places.collect(),
            alike,
            picture,
        }
    });
    groups.collect()
}

/// The graph of a near miss and the node that makes its value: names of nodes begin with the path of their graph.
fn place(refusal: &RefusalReport, scenes: &[Scene<'_>]) -> Option<(usize, usize)> {
    let inside = |path: &str| {
        let rest = refusal.node.strip_prefix(path);
        path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let around = scenes
        .iter()
        .enumerate()
        .filter(|(_, scene)| inside(scene.path));
    let deepest = around.max_by_key(|(_, scene)| scene.path.len());
    let (scope, scene) = deepest?;
    Some((scope, scene.before.maker(&refusal.value)?))
}

fn drawn(scene: &Scene<'_>, value: &str, stop: usize) -> Picture {
    let trace = around(&scene.before, value, DRAWN);
    Picture::of(&Subject {
        web: &scene.before,
        facts: scene.facts,
        trace: &trace,
        ends: &[],
        operands: &[],
        kind: &|node| match node == stop {
            true => ShapeKind::Stop,
            false => ShapeKind::Node,
        },
    })
}
