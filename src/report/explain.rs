//! Report of `phasor explain`.

use serde::Serialize;

use super::around::{self, Nearest, Place};
use super::{ExistingReport, ModelSummary, RefusalReport, SCHEMA, SiteReport, Tool};
use crate::onnx::ModelFile;
use crate::pipeline::Findings;

/// Everything that `phasor explain` has to say.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// The model that was read.
    pub model: ModelSummary,
    /// The place that was asked for, if one was.
    pub focus: Option<Focus>,
    /// Sites: all of them, or those nearest to the focus.
    pub sites: Vec<SiteReport>,
    /// Near misses: all of them, or those nearest to the focus.
    pub refusals: Vec<RefusalReport>,
    /// Where the search gave up, as its budget was spent.
    pub gave_up: Vec<RefusalReport>,
    /// Operators for encodings and attention that the model has already.
    pub existing: Vec<ExistingReport>,
    /// Operators of which nothing is known: what they compute may be an encoding.
    pub unread: Vec<ExistingReport>,
}

/// The place that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Focus {
    /// The name of a node or value.
    pub name: String,
    /// Nodes from there to what is reported, 0 where it is part of it; null where nothing is near.
    pub distance: Option<usize>,
}

impl ExplainReport {
    /// The report of what was found. With a `name`, only what is at or nearest to the node or value of that name; `None` if the
    /// model has no such node or value.
    pub fn new(file: &ModelFile, findings: &Findings, name: Option<&str>) -> Option<Self> {
        let mut report = Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: ModelSummary::of(file),
            focus: None,
            sites: SiteReport::all(findings),
            refusals: findings.refusals.iter().map(Into::into).collect(),
            gave_up: findings.gave_up.iter().map(Into::into).collect(),
            existing: ExistingReport::all(file),
            unread: ExistingReport::unread(file),
        };
        let Some(name) = name else {
            return Some(report);
        };
        let Nearest { places, distance } = report.nearest(file, findings, name)?;
        let sites = report.sites.len();
        let near = |k: usize| places.binary_search(&k).is_ok();
        let mut k = 0..;
        report.sites.retain(|_| k.next().is_some_and(near));
        let mut k = sites..;
        report.refusals.retain(|_| k.next().is_some_and(near));
        report.focus = Some(Focus {
            name: name.to_owned(),
            distance: (!places.is_empty()).then_some(distance),
        });
        Some(report)
    }

    /// What is nearest to a name in any graph of the model.
    fn nearest(&self, file: &ModelFile, findings: &Findings, name: &str) -> Option<Nearest> {
        let mut best: Option<Nearest> = None;
        let refusals = self.refusals.iter();
        let near: Vec<usize> = refusals.map(|r| scope_of(&r.node, findings)).collect();
        for (at, scope) in findings.scopes.iter().enumerate() {
            let own = inside(name, &scope.path).unwrap_or(name);
            let Some(found) =
                around::nearest(scope.file(file), &self.places(findings, at, &near), own)
            else {
                continue;
            };
            let nearer = |best: &Nearest| {
                !found.places.is_empty()
                    && (best.places.is_empty() || found.distance < best.distance)
            };
            if best.as_ref().is_none_or(nearer) {
                best = Some(found);
            }
        }
        best
    }

    /// Sites, then near misses, which are in these scopes, as places in one graph. What is in another graph covers nothing of it.
    fn places<'a>(
        &'a self,
        findings: &'a Findings,
        scope: usize,
        near: &[usize],
    ) -> Vec<Place<'a>> {
        let sites = findings.sites.iter().map(|found| Place {
            from: found.site.operands(),
            to: if found.scope == scope {
                &found.site.y
            } else {
                ""
            },
        });
        let refusals = self.refusals.iter().zip(near);
        let refusals = refusals.map(|(refusal, &own)| Place {
            from: Vec::new(),
            to: if own == scope { &refusal.value } else { "" },
        });
        sites.chain(refusals).collect()
    }
}

/// The rest of a name that begins with the path of a scope. Names of the main graph may begin with a slash of their own.
fn inside<'n>(name: &'n str, path: &str) -> Option<&'n str> {
    match path {
        "" => Some(name),
        path => name.strip_prefix(path)?.strip_prefix('/'),
    }
}

/// The scope that a node is in, by the path before its name: the deepest whose path that is.
fn scope_of(node: &str, findings: &Findings) -> usize {
    let scopes = findings.scopes.iter().enumerate();
    let around =
        scopes.filter(|(_, scope)| node == scope.path || inside(node, &scope.path).is_some());
    let deepest = around.max_by_key(|(_, scope)| scope.path.len());
    deepest.map_or(0, |(at, _)| at)
}
