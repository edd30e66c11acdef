//! Searches all graphs of a model.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::call::{self, Calls};
use super::library::Library;
use super::outside::Outside;
use super::prepare::{self, Prepared};
use super::{Location, Scope, body, tables};
use crate::confirm::{self, Confirmed};
use crate::facts::Facts;
use crate::onnx::names::bodies;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Error, ModelFile};
use crate::recognize::{self, Refusal, SEARCH, Selection, Site, Stage, TABLE_RULE};
use crate::rewrite::{self, Subject, Writing};
use crate::symbolic::{Budget, Limits};

/// A proven and confirmed site.
#[derive(Clone, Debug)]
pub struct Found {
    /// The site.
    pub site: Site,
    /// The result of probing it.
    pub confirmed: Confirmed,
    /// The graph that it is in, as a position in [`Findings::scopes`].
    pub scope: usize,
}

/// Everything found in a model.
#[derive(Debug, Default)]
pub struct Findings {
    /// Proven and confirmed sites: those of the main graph in graph order, then those of the other graphs.
    pub sites: Vec<Found>,
    /// Near misses: not proven, or proven and not confirmed.
    pub refusals: Vec<Refusal>,
    /// Where the search gave up because its budget had run out.
    pub gave_up: Vec<Refusal>,
    /// The rules that may be applied.
    pub rules: Selection,
    /// Proven and confirmed sites that the target cannot express.
    pub unsupported: Vec<Refusal>,
    /// The graphs that were searched, the main graph first, each before those inside it.
    pub scopes: Vec<Scope>,
}

/// Finds the sites in all graphs of a model that these rules prove and probing confirms. Probes use these sizes of symbolic
/// dimensions. What is beyond the limits is left as it is and reported.
pub fn find(
    file: &ModelFile,
    rules: &Selection,
    sizes: &BTreeMap<String, i64>,
    limits: Limits,
) -> Findings {
    let mut search = Search {
        main: file,
        rules,
        sizes,
        findings: Findings {
            rules: rules.clone(),
            ..Findings::default()
        },
        calls: Calls::of(file.model()),
        library: Library::of(file.model()),
        budget: &Budget::new(limits),
        runs: confirm::Runs::default(),
        opaque: false,
    };
    search.graph(Location::Main, String::new(), None, None);
    while let Some(function) = search.calls.next(file.model()) {
        search.function(function);
    }
    search.findings
}

struct Search<'a> {
    main: &'a ModelFile,
    rules: &'a Selection,
    sizes: &'a BTreeMap<String, i64>,
    findings: Findings,
    calls: Calls,
    library: Library<'a>,
    budget: &'a Budget,
    runs: confirm::Runs,
    /// Whether a report already says that calls are not expanded.
    opaque: bool,
}

impl Search<'_> {
    /// Searches a graph and then the bodies in it.
    fn graph(
        &mut self,
        location: Location,
        path: String,
        scratch: Option<ModelFile>,
        outside: Option<(Outside<'_>, &[String])>,
    ) {
        let own = scratch.as_ref().unwrap_or(self.main);
        let prepared = prepare::prepare(own, outside, &self.library, self.budget);
        if prepared.opaque && !std::mem::replace(&mut self.opaque, true) {
            self.opaque(&path);
        }
        if self.budget.is_over() {
            let first = prepared.file(own).graph().node.first();
            self.gave_up(join(&path, first.map_or("", NodeProto::label)), "");
            return;
        }
        let scope = self.findings.scopes.len();
        self.findings.scopes.push(Scope {
            path: path.clone(),
            location,
            ..Default::default()
        });
        let facts = Facts::of(prepared.file(own));
        let removed = self.sites(own, &prepared, &facts, scope);
        let around = Outside {
            file: prepared.file(own),
            facts: &facts,
            hidden: &prepared.hidden,
        };
        for (position, node) in own.graph().node.iter().enumerate() {
            let removed = removed.contains(&position);
            self.calls.record(node, around, removed);
            for (attribute, at, graph) in bodies(node) {
                // Fusing removes the node with its bodies: their calls are not met, and what is in them need not be found.
                if removed {
                    self.calls.forget(&graph.node);
                    continue;
                }
                if body::is_small(graph) && !self.calls.any_in(&graph.node) {
                    continue;
                }
                let location = Location::Body {
                    scope,
                    node: position,
                    attribute: attribute.to_owned(),
                    index: at,
                };
                let path = join(&path, &format!("{}/{attribute}", node.label()));
                let made = body::model(around, self.main, node, graph, &self.library, self.budget);
                match made {
                    Ok(made) => {
                        let outside = (around, &made.captured[..]);
                        self.graph(location, path, Some(made.file), Some(outside));
                    }
                    Err(error) => self.unreadable(path, &error),
                }
            }
        }
        let kept = &mut self.findings.scopes[scope];
        kept.facts = facts;
        kept.scratch = scratch;
    }

    /// Whether a node has bodies or calls a function.
    fn leads_on(&self, node: &NodeProto) -> bool {
        bodies(node).next().is_some() || self.calls.any_in(std::slice::from_ref(node))
    }

    /// Records the sites of one graph. If some node leads on to other graphs, the result has the nodes that fusing removes.
    /// Tables computed by nodes of their own may remove more; they are left out here, as not every target has them.
    fn sites(
        &mut self,
        own: &ModelFile,
        prepared: &Prepared,
        facts: &Facts,
        scope: usize,
    ) -> FxHashSet<usize> {
        let file = prepared.file(own);
        let mut analysis = recognize::analyse(file, facts, &prepared.hidden, self.budget);
        let rules = self.rules;
        let waiting = analysis.sites.iter().filter(|site| rules.awaits(site.rule));
        let waiting: Vec<Refusal> = waiting.filter_map(Site::on_request).collect();
        analysis.refusals.extend(waiting);
        analysis.sites.retain(|site| rules.allows(site.rule));
        analysis
            .refusals
            .retain(|refusal| rules.allows(refusal.rule) || rules.awaits(refusal.rule));
        if !self.rules.allows(TABLE_RULE) {
            analysis.sites.iter_mut().for_each(Site::forget_table);
        }
        let made = std::mem::take(&mut analysis.made);
        let with_made = |file| match made.is_empty() {
            true => None,
            false => made.added_to(file).ok(),
        };
        let extended = with_made(file);
        let file = extended.as_ref().unwrap_or(file);
        let results = confirm::confirm(file, &analysis, self.sizes, self.budget, &mut self.runs);
        let of_tables =
            confirm::confirm_tables(file, &analysis, self.sizes, self.budget, &mut self.runs);
        let tables = std::mem::take(&mut analysis.tables);
        let (tables, kept) = tables::settle(tables, &mut analysis.sites, of_tables);
        analysis.refusals.extend(kept);
        self.findings.scopes[scope].tables = tables;
        let path = self.findings.scopes[scope].path.clone();
        let mut sites = Vec::new();
        for (mut site, result) in analysis.sites.drain(..).zip(results) {
            let Some(node) = position(own, &site) else {
                continue;
            };
            site.node = node;
            site.node_name = join(&path, own.graph().node[node].label());
            match result {
                Ok(confirmed) => {
                    sites.push(site.clone());
                    self.findings.sites.push(Found {
                        site,
                        confirmed,
                        scope,
                    });
                }
                Err(mut refusal) => {
                    refusal.node = site.node_name;
                    self.findings.refusals.push(*refusal);
                }
            }
        }
        // Values inside a call, or in front of a body, belong to another graph, which reports its own near misses.
        let reported = analysis.refusals.into_iter().filter(|refusal| {
            !prepared.hidden.contains(&refusal.value) && !prepared.fixed.contains(&refusal.value)
        });
        let reported = reported.map(|mut refusal| {
            refusal.node = join(&path, &refusal.node);
            refusal
        });
        self.findings.refusals.extend(reported);
        if self.budget.is_over() {
            let graph = file.graph();
            let at = analysis.gave_up.unwrap_or(graph.node.len());
            if let Some(node) = graph.node.get(at).or(graph.node.last()) {
                let value = node.output.first().map_or("", String::as_str);
                self.gave_up(join(&path, node.label()), value);
            }
        }
        let shapes = analysis.shapes;
        let extended = with_made(own);
        let mut removed = FxHashSet::default();
        if own.graph().node.iter().any(|node| self.leads_on(node)) {
            let subject = Subject {
                file: extended.as_ref().unwrap_or(own),
                facts,
                shapes: &shapes,
                rules: self.rules,
                tables: &[],
                writing: Writing::default(),
            };
            let edit = rewrite::plan(&subject, &sites).edit;
            removed = edit.remove_nodes;
        }
        let kept = &mut self.findings.scopes[scope];
        kept.shapes = shapes;
        kept.made = made;
        kept.extended = extended;
        removed
    }

    /// Searches a function, all of whose calls have been met.
    fn function(&mut self, position: usize) {
        let function = &self.main.model().functions[position];
        let path = call::label(function);
        let made = match call::model(self.main, function, self.calls.of_function(position)) {
            Ok(made) => made,
            Err(error) => return self.unreadable(path, &error),
        };
        let first = self.findings.scopes.len();
        let objections = call::objections(self.main, function, &made, &self.library, self.budget);
        self.graph(
            Location::Function(position),
            path.clone(),
            Some(made.file),
            None,
        );
        if let Some(reason) = objections.opset {
            let findings = &mut self.findings;
            let (refused, kept) = std::mem::take(&mut findings.sites)
                .into_iter()
                .partition(|found| found.scope >= first);
            findings.sites = kept;
            let refused: Vec<Found> = refused;
            findings.refusals.extend(
                refused
                    .iter()
                    .map(|found| unsupported(&found.site, &reason)),
            );
        }
        let found = self.findings.sites.iter().filter(|f| f.scope >= first);
        let mut reported: FxHashSet<String> = found.map(|f| f.site.y.clone()).collect();
        for (site, attribute) in objections.sites {
            if reported.insert(site.y.clone()) {
                let reason = format!(
                    "calls of `{path}` set its attribute `{attribute}` to different values"
                );
                let mut refusal = unsupported(&site, &reason);
                refusal.node = join(&path, &refusal.node);
                self.findings.refusals.push(refusal);
            }
        }
    }

    /// Reports where the budget ran out, if that is not reported yet.
    fn gave_up(&mut self, node: String, value: &str) {
        if !self.budget.is_news() {
            return;
        }
        self.findings.gave_up.push(Refusal {
            rule: SEARCH,
            reason: format!("gave up at node `{node}` after {}", self.budget.reached()),
            node,
            value: value.to_owned(),
            hint: Some(self.budget.hint()),
            stage: Stage::Search,
            lost: None,
        });
    }

    /// Reports that calls of functions in a graph are not expanded.
    fn opaque(&mut self, path: &str) {
        let graph = match path {
            "" => "the main graph".to_owned(),
            path => format!("`{path}`"),
        };
        self.findings.gave_up.push(Refusal {
            rule: SEARCH,
            node: path.to_owned(),
            value: String::new(),
            reason: format!(
                "gave up expanding calls of functions in {graph}: they stand for more nodes than the budget allows"
            ),
            hint: Some("give a larger budget with `--budget steps=N`, or inline the functions that matter, for instance with `onnx.inliner`".to_owned()),
            stage: Stage::Search,
            lost: None,
        });
    }

    fn unreadable(&mut self, path: String, error: &Error) {
        self.findings.refusals.push(Refusal {
            rule: SEARCH,
            node: path,
            value: String::new(),
            reason: format!("the graph cannot be searched: {error}"),
            hint: error.hint(),
            stage: Stage::Search,
            lost: None,
        });
    }
}

fn unsupported(site: &Site, reason: &str) -> Refusal {
    let hint = "inline the function, for instance with `onnx.inliner`";
    site.refused(Stage::Target, reason, hint)
}

/// The node of a graph that computes the encoded tensor of a site and nothing else. If that is a constant, the one node that reads it.
fn position(own: &ModelFile, site: &Site) -> Option<usize> {
    let index = own.index();
    let y = index.id(&site.y)?;
    if site.reads_constant() {
        return index.only_reader(y).map(|(node, _)| node);
    }
    let (node, _) = index.producer(y)?;
    (own.graph().node[node].output.len() == 1).then_some(node)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}
