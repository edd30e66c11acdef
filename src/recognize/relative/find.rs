//! Where to look: tensors at which data stops moving, and products of matrices, and what one element of each is.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::ValueId;
use crate::recognize::kit::Context;
use crate::recognize::kit::miss::{Miss, node_name};
use crate::recognize::{
    Analysis, BiasAxis, Kind, Proof, RelativeBias, RelativeGather, Scores, Site,
};
use crate::symbolic::element::{Elements, Indices};
use crate::symbolic::{Interpreter, Work, dims, display};

use super::search::{Found, Lookup, MAX_CHAIN, Search, is_movement};
use super::{alibi, bias, contraction, gather, linear, scores};

/// What looking at one element costs, in steps of the budget.
const STEP: u64 = 256;

/// Finds the relative sites of an interpreted graph.
pub(in crate::recognize) fn find<'a>(
    it: &mut Interpreter<'a>,
    context: &Context<'a>,
    analysis: &mut Analysis,
) {
    let mut elements = Elements::default();
    let mut search = Search {
        it,
        elements: &mut elements,
        context,
        sized: Vec::new(),
        at: Indices::new(),
    };
    let mut tried = FxHashSet::default();
    let mut sites: FxHashMap<ValueId, Site> = FxHashMap::default();
    'ends: for &end in context.order.computed() {
        if !search.is_end(end) {
            continue;
        }
        let mut value = end;
        let mut nearest = None;
        for _ in 0..MAX_CHAIN {
            if !tried.insert(value) {
                break;
            }
            let looked_at = search.elements.steps;
            if search.it.budget.is_spent(Work::Recognising) {
                let node = search.it.index().producer(value);
                search.it.gave_up = search.it.gave_up.or(node.map(|(node, _)| node));
                break 'ends;
            }
            match search.read(value) {
                Some(Ok(kind)) => {
                    nearest = None;
                    sites.extend(search.site(value, kind).map(|site| (value, site)));
                    break;
                }
                Some(Err(miss)) => nearest = Some(miss),
                None => {}
            }
            let steps = 1 + search.elements.steps - looked_at;
            search.it.budget.spend(Work::Recognising, steps * STEP);
            match search.moved_from(value) {
                Some(earlier) => value = earlier,
                None => break,
            }
        }
        analysis
            .refusals
            .extend(nearest.map(|miss: Miss| miss.refusal(search.it)));
    }
    // What is moved on from a site reads it.
    for &value in context.order.computed() {
        let mut earlier =
            std::iter::successors(search.moved_from(value), |&v| search.moved_from(v));
        if sites.contains_key(&value) && !earlier.any(|earlier| sites.contains_key(&earlier)) {
            analysis.sites.push(sites[&value].clone());
        }
    }
    for (value, axis, size) in std::mem::take(&mut search.sized) {
        let Some(known) = search.it.known(value) else {
            continue;
        };
        let mut shape = known.shape.clone();
        shape[axis] = size;
        let shape = shape.iter().map(|&p| dims::dim(&search.it.arena, p));
        let name = search.it.index().name(value).to_owned();
        analysis.shapes.insert(name, shape.collect());
    }
}

impl Search<'_, '_> {
    /// Whether a tensor of floats is a product or moved to its place, and something other than a movement reads it.
    fn is_end(&mut self, value: ValueId) -> bool {
        let is_float = self.it.known(value).is_some_and(|v| v.dtype.is_float());
        let is_made = self.moved_from(value).is_some()
            || self.is_product(value)
            || alibi::is_product(self, value);
        if !is_float || !is_made {
            return false;
        }
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let readers = index.consumers(value).iter();
        let mut readers = readers.map(|&(node, _)| graph.node[node].op_type());
        index.is_output(value) || index.captured(value) || readers.any(|op| !is_movement(op))
    }

    fn is_product(&self, value: ValueId) -> bool {
        let node = self.it.index().producer(value);
        let node = node.map(|(node, _)| &self.it.file.graph().node[node]);
        node.is_some_and(|node| node.is_onnx("MatMul") || node.is_onnx("Einsum"))
    }

    /// The site that a tensor is, or why it is none, if it depends on a distance at all.
    fn read(&mut self, y: ValueId) -> Option<Found> {
        let lookup = self.lookup(y);
        let found = lookup
            .as_ref()
            .and_then(|lookup| {
                self.looked_up(lookup)
                    .or_else(|| linear::read(self, lookup))
            })
            .or_else(|| contraction::read(self, y))
            .or_else(|| alibi::read(self, y));
        match found {
            Some(Ok(_)) => found,
            _ => {
                let nearer = self.nearer(y, lookup.map(|lookup| lookup.from.value));
                match nearer {
                    Some(Ok(_)) => nearer,
                    _ => found.or(nearer),
                }
            }
        }
    }

    fn looked_up(&mut self, lookup: &Lookup) -> Option<Found> {
        let bias = bias::read(self, lookup);
        bias.filter(|found| self.is_used(lookup.y, found))
            .or_else(|| gather::read(self, lookup))
    }

    /// Whether rows of a table are looked up for queries and keys, or are at least used as a bias: for one query alone, rows that are
    /// repeated or taken in another order look alike.
    fn is_used(&self, y: ValueId, found: &Found) -> bool {
        let between = |bias: &RelativeBias| bias.layout.contains(&BiasAxis::Query);
        let is_bias = matches!(found, Ok(Kind::RelativeBias(bias)) if between(bias));
        is_bias || scores::reach(self, y)
    }

    /// The same with elements that are followed no further than to the tensors that the nodes on the way take elements from, such as
    /// a table that is computed. They may be followed beyond, to `known`.
    fn nearer(&mut self, y: ValueId, known: Option<ValueId>) -> Option<Found> {
        let mut nearest = None;
        for end in self.sources(y) {
            if known == Some(end) {
                continue;
            }
            let shorter = Elements::up_to(end, self.elements.steps);
            let farthest = std::mem::replace(self.elements, shorter);
            let lookup = self.lookup(y);
            let lookup = lookup.filter(|lookup| Some(lookup.from.value) != known);
            let found = lookup.and_then(|lookup| self.looked_up(&lookup));
            let steps = self.elements.steps;
            *self.elements = farthest;
            self.elements.steps = steps;
            match found {
                Some(Ok(_)) => return found,
                miss => nearest = nearest.or(miss),
            }
        }
        nearest
    }

    fn site(&self, y: ValueId, kind: Kind) -> Option<Site> {
        let (node, _) = self.it.index().producer(y)?;
        let own = self.it.known(y)?;
        let rule = match &kind {
            Kind::RelativeBias(_) => super::BIAS_PAGE.id,
            Kind::Alibi(_) => super::ALIBI_PAGE.id,
            _ => super::GATHER_PAGE.id,
        };
        Some(Site {
            rule,
            node,
            node_name: node_name(self.it, node),
            y: self.it.index().name(y).to_owned(),
            dtype: own.dtype,
            shape: display::shape(&self.it.arena, &own.shape),
            proof: match &kind {
                Kind::RelativeGather(RelativeGather {
                    scores: Scores::Product(_),
                    ..
                }) => Proof::Reassociated,
                _ => Proof::Exact,
            },
            assumes_finite: false,
            kind,
        })
    }
}
