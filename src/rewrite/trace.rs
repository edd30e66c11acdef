//! Says on each new node where it comes from, for whoever looks at the model in a viewer such as Netron: which rule made it, what is proven
//! of the site, and which nodes it replaces.

use std::collections::{BTreeMap, BTreeSet};

use phasor_ops::contract::{DOMAIN, rotary_table};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::ModelFile;
use crate::onnx::proto::{NodeProto, StringStringEntryProto};
use crate::recognize::{Proof, Site, TABLE_RULE};

/// The rule that made a node.
const RULE: &str = "phasor.rule";
/// What is proven of the site.
const PROOF: &str = "phasor.proof";
/// The nodes that it replaces: how many, and the names of the first.
const REPLACES: &str = "phasor.replaces";
/// Names that are listed at most.
const LISTED: usize = 12;

/// A site, as its new node tells of it.
pub(super) struct Origin {
    /// The node that gave its result.
    node: usize,
    rule: &'static str,
    proof: String,
}

impl Origin {
    pub(super) fn of(site: &Site) -> Self {
        Self {
            node: site.node,
            rule: site.rule,
            proof: site.proven(),
        }
    }
}

/// Marks the new nodes of sites, of an operator that is written out the one that gives its result. A node that several sites need, as those of their angles are, counts for none of them.
pub(super) fn mark(
    file: &ModelFile,
    removed: &FxHashSet<usize>,
    origins: &[Origin],
    written_out: &FxHashSet<String>,
    new: &mut BTreeMap<usize, Vec<NodeProto>>,
) {
    let old = &file.graph().node;
    let ends: FxHashSet<usize> = origins.iter().map(|origin| origin.node).collect();
    let behind: Vec<BTreeSet<usize>> = origins
        .iter()
        .map(|origin| behind(file, origin.node, removed, &ends))
        .collect();
    let mut readers: FxHashMap<usize, usize> = FxHashMap::default();
    for &node in behind.iter().flatten() {
        *readers.entry(node).or_default() += 1;
    }
    let places = Places::of(new);
    // A node may serve two sites.
    let mut marks: BTreeMap<Place, (&Origin, BTreeSet<usize>)> = BTreeMap::new();
    for (origin, nodes) in origins.iter().zip(behind) {
        let outputs = &old[origin.node].output;
        if let Some(place) = outputs
            .first()
            .and_then(|output| places.operator(new, output, written_out))
        {
            let (_, replaced) = marks.entry(place).or_insert((origin, BTreeSet::new()));
            replaced.extend(nodes.into_iter().filter(|node| readers[node] == 1));
        }
    }
    for ((at, k), (origin, replaced)) in marks {
        let Some(node) = new.get_mut(&at).and_then(|nodes| nodes.get_mut(k)) else {
            continue;
        };
        let replaces = listed(replaced.iter().map(|&at| &old[at]));
        let values = [
            (RULE, origin.rule.to_owned()),
            (PROOF, origin.proof.clone()),
            (REPLACES, replaces),
        ];
        tell(node, values);
    }
    let tables = new.values_mut().flatten();
    for node in
        tables.filter(|node| node.domain() == DOMAIN && node.op_type() == rotary_table::NAME)
    {
        let proof = Proof::Rotation.as_str().to_owned();
        tell(node, [(RULE, TABLE_RULE.to_owned()), (PROOF, proof)]);
    }
}

fn tell<const N: usize>(node: &mut NodeProto, values: [(&str, String); N]) {
    node.metadata_props
        .retain(|entry| values.iter().all(|(key, _)| entry.key() != *key));
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    node.metadata_props.extend(values.map(entry));
}

/// The position in the graph that a new node stands before, and its own among the new ones there.
type Place = (usize, usize);

/// Where each new value is made.
struct Places(FxHashMap<String, Place>);

impl Places {
    fn of(new: &BTreeMap<usize, Vec<NodeProto>>) -> Self {
        let mut places = FxHashMap::default();
        for (&at, nodes) in new {
            for (k, node) in nodes.iter().enumerate() {
                places.extend(node.output.iter().map(|output| (output.clone(), (at, k))));
            }
        }
        Self(places)
    }

    /// The operator that a value comes from: of another domain, behind nodes of ONNX that give its result the shape of the old one; or
    /// else the node that gives the value. What an operator that is written out gives comes from the node that gives it.
    fn operator(
        &self,
        new: &BTreeMap<usize, Vec<NodeProto>>,
        value: &str,
        written_out: &FxHashSet<String>,
    ) -> Option<Place> {
        let first = *self.0.get(value)?;
        let mut place = first;
        loop {
            let node = &new[&place.0][place.1];
            let is_end = node
                .output
                .iter()
                .any(|output| written_out.contains(output));
            if is_end || !node.domain().is_empty() {
                return Some(place);
            }
            match node.input.first().and_then(|input| self.0.get(input)) {
                Some(&before) => place = before,
                None => return Some(first),
            }
        }
    }
}

/// A site's nodes that are removed: from the one that gave its result upwards, to where other sites end.
fn behind(
    file: &ModelFile,
    end: usize,
    removed: &FxHashSet<usize>,
    ends: &FxHashSet<usize>,
) -> BTreeSet<usize> {
    let (index, graph) = (file.index(), file.graph());
    let mut seen = BTreeSet::from([end]);
    let mut queue = vec![end];
    while let Some(at) = queue.pop() {
        let values = graph.node[at]
            .input
            .iter()
            .filter_map(|name| index.id(name));
        let producers = values.filter_map(|value| Some(index.producer(value)?.0));
        for node in producers.filter(|node| removed.contains(node) && !ends.contains(node)) {
            if seen.insert(node) {
                queue.push(node);
            }
        }
    }
    seen
}

/// `7 nodes: a, b, ...`; nodes without a name by their operator.
fn listed<'n>(nodes: impl ExactSizeIterator<Item = &'n NodeProto> + Clone) -> String {
    let name = |node: &'n NodeProto| match node.name() {
        "" => node.op_type(),
        name => name,
    };
    let names: Vec<&str> = nodes.clone().take(LISTED).map(name).collect();
    let more = match nodes.len() > LISTED {
        true => ", ...",
        false => "",
    };
    let plural = match nodes.len() {
        1 => "",
        _ => "s",
    };
    format!("{} node{plural}: {}{more}", nodes.len(), names.join(", "))
}
