//! The graphs of both versions of a model, and where in them things were found.

use phasor_ops::contract::rotary_table;
use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::onnx::ModelFile;
use crate::page::graph::Web;
use crate::pipeline::Findings;
use crate::scopes::Part;

/// One graph, before and after.
pub(super) struct Scene<'m> {
    pub path: &'m str,
    pub before: Web<'m>,
    /// `None` if it is not in the fused model, or there is none.
    pub after: Option<Web<'m>>,
    /// Which nodes fusing removes, and which it adds.
    pub gone: Vec<bool>,
    pub come: Vec<bool>,
    pub facts: &'m Facts,
    /// Positions of nodes in the order of computation.
    pub order: &'m [usize],
}

impl<'m> Scene<'m> {
    /// Every graph that was searched, in the order of the scopes.
    pub(super) fn all(
        model: &'m ModelFile,
        fused: Option<&'m ModelFile>,
        findings: &'m Findings,
    ) -> Vec<Self> {
        let scopes = findings.scopes.iter().enumerate();
        let scene = |(at, scope): (usize, &'m crate::scopes::Scope)| {
            let file = scope.file(model);
            let before = Web::of(Part::Graph(file.graph()));
            let after = fused.and_then(|fused| findings.part(at, model, fused.model()));
            let after = after.map(Web::of);
            let gone = after.as_ref().map(|after| before.without(after));
            let come = after.as_ref().map(|after| after.without(&before));
            Scene {
                path: &scope.path,
                gone: gone.unwrap_or_default(),
                come: come.unwrap_or_default(),
                before,
                after,
                facts: scope.facts(),
                order: file.index().order(),
            }
        };
        scopes.map(scene).collect()
    }

    /// Whether fusing removes a node.
    pub(super) fn goes(&self, node: usize) -> bool {
        self.gone.get(node).copied().unwrap_or(false)
    }

    /// Whether fusing adds a node of the fused graph.
    pub(super) fn comes(&self, node: usize) -> bool {
        self.come.get(node).copied().unwrap_or(false)
    }

    /// The table of cosines and sines that a node of the fused graph is: several sites may read it.
    pub(super) fn is_table(&self, node: usize) -> bool {
        let node = self.after.as_ref().map(|web| web.nodes[node]);
        node.is_some_and(|node| node.op_type() == rotary_table::CONTRACT.spec().name)
    }

    /// What the nodes of the fused graph read from such tables.
    pub(super) fn read_from_tables(&self, nodes: &[usize]) -> Vec<&'m str> {
        let Some(after) = &self.after else {
            return Vec::new();
        };
        let mut seen = FxHashSet::default();
        let inputs = nodes.iter().flat_map(|&node| &after.nodes[node].input);
        let mut read: Vec<&str> = Vec::new();
        for value in inputs.map(String::as_str) {
            let maker = after.maker(value).filter(|&node| self.is_table(node));
            if maker.is_some() && seen.insert(value) {
                read.push(value);
            }
        }
        read
    }
}
