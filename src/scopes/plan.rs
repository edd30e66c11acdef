//! The change of a whole model from those of its graphs.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Findings, Found, Location, Scope, TableChange, call, count_nodes, is_operator, splice,
};
use crate::onnx::functions::{Key, called_by, key};
use crate::onnx::names::{self, bodies};
use crate::onnx::proto::{FunctionProto, ModelProto, NodeProto};
use crate::onnx::{Edit, Error, ModelFile};
use crate::recognize::{AngleTable, Refusal, Site, Stage, TABLE_RULE};
use crate::rewrite::{self, NewCall, Subject, Target};

/// A change to a model, and what it leaves.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The change; empty where there is nothing to do.
    pub edit: Edit,
    /// Nodes that go, in all graphs. One whose body changes stays.
    pub removed: usize,
    /// Nodes that come.
    pub added: usize,
    /// What tables computed by nodes of their own have to do with that.
    pub tables: TableChange,
    /// Sites that the target cannot express: position in the given list, and why.
    pub unsupported: Vec<(usize, Refusal)>,
    /// Sites that fall with a node or a function that nothing needs any more: positions in the given list.
    pub fallen: Vec<usize>,
    /// Nodes that the model has already and that are made to run at any batch.
    pub repaired: usize,
}

impl Planned {
    /// Nodes of the model afterwards.
    pub fn nodes_after(&self, before: usize) -> usize {
        (before + self.added).saturating_sub(self.removed)
    }
}

/// The change that fuses these sites for a target. What would fall with it is not fused, and a change that would leave an
/// invalid model is not made.
pub fn plan(main: &ModelFile, findings: &Findings, sites: &[&Found], target: Target) -> Planned {
    let mut kept: Vec<usize> = (0..sites.len()).collect();
    let mut fallen = Vec::new();
    loop {
        let chosen: Vec<&Found> = kept.iter().map(|&k| sites[k]).collect();
        let attempt = attempt(main, findings, &chosen, target);
        let (mut planned, gone) =
            attempt.unwrap_or_else(|error| (invalid(&chosen, &error), FxHashSet::default()));
        let before = fallen.len();
        fallen.extend(kept.extract_if(.., |&mut k| gone.contains(&sites[k].scope)));
        if fallen.len() == before {
            planned
                .unsupported
                .iter_mut()
                .for_each(|(k, _)| *k = kept[*k]);
            planned.fallen = fallen;
            return planned;
        }
    }
}

/// The change that fuses these sites, and the scopes that fall with it.
///
/// # Errors
/// If the model would be invalid.
fn attempt(
    main: &ModelFile,
    findings: &Findings,
    sites: &[&Found],
    target: Target,
) -> Result<(Planned, FxHashSet<usize>), Error> {
    let scopes = &findings.scopes;
    let mut planned = Planned::default();
    let mut names = names::Taken::of_model(main.model());
    let mut by_scope: Vec<Vec<usize>> = vec![Vec::new(); scopes.len()];
    for (k, found) in sites.iter().enumerate() {
        by_scope[found.scope].push(k);
    }
    // Nodes whose bodies have changed, by scope and position.
    let mut changed: Vec<BTreeMap<usize, NodeProto>> = vec![BTreeMap::new(); scopes.len()];
    // Those of them that fall.
    let mut fallen: FxHashSet<(usize, usize)> = FxHashSet::default();
    let mut edits: Vec<(usize, Edit)> = Vec::new();
    let mut calls: Vec<NewCall> = Vec::new();
    // Bodies come after the graphs that hold them.
    for (at, scope) in scopes.iter().enumerate().rev() {
        let own = scope.file(main);
        let held = std::mem::take(&mut changed[at]);
        let mine = std::mem::take(&mut by_scope[at]);
        let chosen: Vec<Site> = mine.iter().map(|&k| sites[k].site.clone()).collect();
        let tables: Vec<AngleTable> = scope.tables.iter().map(|t| t.table.clone()).collect();
        // A changed body may read what the old one did not: the graph is seen with it.
        let file = scope.extended.as_ref().unwrap_or(own);
        let exchanged = splice::holders(file, &held)?;
        let file = exchanged.as_ref().unwrap_or(file);
        let subject = Subject {
            file,
            facts: &scope.facts,
            shapes: &scope.shapes,
            rules: &findings.rules,
            tables: &tables,
        };
        let plan = rewrite::plan(&subject, &chosen, target);
        planned.repaired += plan.repaired;
        if let Some(wired) = &plan.tables {
            planned.tables.add(at, wired, plan.edit.change());
        }
        calls.extend(plan.calls);
        let unsupported = plan.unsupported.into_iter();
        planned
            .unsupported
            .extend(unsupported.map(|(k, mut refusal)| {
                refusal.node.clone_from(&chosen[k].node_name);
                (mine[k], refusal)
            }));
        let mut edit = plan.edit;
        if edit.is_empty() && held.is_empty() {
            continue;
        }
        let nodes = &own.graph().node;
        rewrite::release(file, held.keys().map(|&node| &nodes[node]), &mut edit);
        rewrite::settle(&scope.made, &mut edit, nodes.len());
        rename(own, &mut edit, &mut names);
        planned.added += edit.insert_before.values().map(Vec::len).sum::<usize>();
        for (node, holder) in held {
            if edit.remove_nodes.insert(node) {
                edit.insert_before.entry(node).or_default().push(holder);
            } else {
                fallen.insert((at, node));
            }
        }
        if let Location::Body {
            scope: outer,
            node,
            attribute,
            place,
        } = &scope.place
        {
            let holder = changed[*outer]
                .entry(*node)
                .or_insert_with(|| self::nodes(main, scopes, *outer)[*node].clone());
            let list = holder.attribute.iter_mut().find(|a| a.name() == attribute);
            let graphs = list
                .into_iter()
                .flat_map(|a| a.g.as_deref_mut().into_iter().chain(&mut a.graphs));
            if let Some(body) = graphs.into_iter().nth(*place) {
                splice::body(body, &edit);
            }
        }
        edits.push((at, edit));
    }
    planned.unsupported.sort_by_key(|(k, _)| *k);
    let reported: FxHashSet<usize> = planned.unsupported.iter().map(|(k, _)| *k).collect();
    let fused = (0..sites.len())
        .filter(|k| !reported.contains(k))
        .map(|k| sites[k].site.rule);
    let tables = planned.tables.tables.iter().map(|_| TABLE_RULE);
    let repaired = std::iter::repeat_n(rewrite::REPAIR, planned.repaired);
    let rules: Vec<&'static str> = fused.chain(tables).chain(repaired).collect();
    let functions = rewrite::functions(main, &calls, target);
    let shadowing = functions
        .as_ref()
        .filter(|_| !edits.is_empty())
        .and_then(|new| rewrite::shadowing_function(main, new, target));
    if let Some(function) = shadowing {
        let others = (0..sites.len()).filter(|k| !reported.contains(k));
        planned
            .unsupported
            .extend(others.map(|k| (k, in_the_way(&sites[k].site, function))));
        planned.unsupported.sort_by_key(|(k, _)| *k);
    }
    let functions = functions.filter(|_| shadowing.is_none() && !edits.is_empty());
    let Some(functions) = functions else {
        let nothing = Planned {
            unsupported: planned.unsupported,
            ..Default::default()
        };
        return Ok((nothing, FxHashSet::default()));
    };
    let dropped;
    (planned.edit, dropped) = whole(main, scopes, edits, &rules, functions);
    let edited = rewrite::check(main, &planned.edit)?;
    // Bodies and functions fall with the nodes that use them.
    let after = count_nodes(edited.model());
    let before = count_nodes(main.model());
    planned.removed = (before + planned.added).saturating_sub(after);
    Ok((planned, gone(scopes, &fallen, &dropped)))
}

/// The scopes that fall, with nodes of other scopes or as functions.
fn gone(
    scopes: &[Scope],
    nodes: &FxHashSet<(usize, usize)>,
    functions: &FxHashSet<usize>,
) -> FxHashSet<usize> {
    let mut gone = FxHashSet::default();
    for (at, scope) in scopes.iter().enumerate() {
        let falls = match &scope.place {
            Location::Main => false,
            Location::Body { scope, node, .. } => {
                gone.contains(scope) || nodes.contains(&(*scope, *node))
            }
            Location::Function(position) => functions.contains(position),
        };
        if falls {
            gone.insert(at);
        }
    }
    gone
}

/// The plan that leaves all sites, because a change that fuses them makes an invalid model.
fn invalid(sites: &[&Found], error: &Error) -> Planned {
    let reason = format!("the fused model would be invalid: {error}");
    let hint = "this is a fault of Phasor: report it, with the model";
    let sites = sites.iter();
    let unsupported = sites.map(|found| unsupported(&found.site, &reason, hint));
    Planned {
        unsupported: unsupported.enumerate().collect(),
        ..Default::default()
    }
}

fn in_the_way(site: &Site, function: &FunctionProto) -> Refusal {
    let name = call::label(function);
    let reason = format!(
        "the model has a function `{name}` of its own, which would be mixed up with the operator of that name"
    );
    unsupported(site, &reason, "inline or rename that function")
}

fn unsupported(site: &Site, reason: &str, hint: &str) -> Refusal {
    Refusal {
        rule: site.rule,
        node: site.node_name.clone(),
        value: site.y.clone(),
        reason: reason.to_owned(),
        hint: Some(hint.to_owned()),
        stage: Stage::Target,
        lost: None,
    }
}

/// The nodes of a graph as the model has them.
fn nodes<'a>(main: &'a ModelFile, scopes: &[Scope], at: usize) -> &'a [NodeProto] {
    match &scopes[at].place {
        Location::Main => &main.graph().node,
        Location::Function(position) => &main.model().functions[*position].node,
        Location::Body {
            scope,
            node,
            attribute,
            place,
        } => {
            let holder = &nodes(main, scopes, *scope)[*node];
            let mut found = bodies(holder).filter(|(name, at, _)| name == attribute && at == place);
            found.next().map_or(&[], |(_, _, body)| &body.node)
        }
    }
}

/// Gives what an edit makes names that no graph of the model has: a body may not hide a name of the graph around it.
fn rename(own: &ModelFile, edit: &mut Edit, names: &mut names::Taken) {
    let index = own.index();
    let old = |name: &str| {
        index
            .id(name)
            .is_some_and(|id| index.producer(id).is_some())
    };
    let made = edit
        .insert_before
        .values()
        .flatten()
        .flat_map(|node| &node.output);
    let made = made.filter(|name| !name.is_empty() && !old(name)).cloned();
    let mut made: Vec<String> = made.collect();
    made.extend(edit.add_initializers.iter().map(|t| t.name().to_owned()));
    let mut others: FxHashMap<String, String> = FxHashMap::default();
    for name in made {
        let other = names.fresh(&name);
        if other != name {
            others.insert(name, other);
        }
    }
    let renamed = |name: &mut String| {
        if let Some(other) = others.get(name) {
            name.clone_from(other);
        }
    };
    for node in edit.insert_before.values_mut().flatten() {
        node.name.iter_mut().for_each(renamed);
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .for_each(renamed);
    }
    edit.add_initializers
        .iter_mut()
        .filter_map(|t| t.name.as_mut())
        .for_each(renamed);
}

/// The change of the model: that of the main graph, changed functions, and what all graphs together need declared. With it,
/// the functions that fall.
fn whole(
    main: &ModelFile,
    scopes: &[Scope],
    edits: Vec<(usize, Edit)>,
    rules: &[&'static str],
    operators: Vec<FunctionProto>,
) -> (Edit, FxHashSet<usize>) {
    let mut whole = Edit::default();
    let mut opsets: Vec<(String, i64)> = Vec::new();
    let mut functions = Vec::new();
    let mut version = None;
    for (at, edit) in edits {
        opsets.extend(edit.opsets.iter().cloned());
        version = version.max(edit.min_ir_version);
        match &scopes[at].place {
            Location::Main => whole = edit,
            Location::Body { .. } => {}
            Location::Function(position) => functions.push((*position, edit)),
        }
    }
    opsets.sort();
    opsets.dedup();
    whole.opsets.clone_from(&opsets);
    whole.min_ir_version = version;
    whole.metadata.clear();
    rewrite::provenance(&mut whole, rules.iter().copied());
    whole.add_functions = operators;
    for (position, edit) in functions {
        let mut function = main.model().functions[position].clone();
        splice::function(&mut function, &edit, &opsets);
        whole.remove_functions.insert(position);
        whole.add_functions.push(function);
    }
    let dropped = drop_functions(main, &mut whole);
    (whole, dropped)
}

/// Drops functions that were called and no longer are; their positions.
fn drop_functions(main: &ModelFile, edit: &mut Edit) -> FxHashSet<usize> {
    if main
        .model()
        .functions
        .iter()
        .all(|f| is_operator(f.domain()))
    {
        return FxHashSet::default();
    }
    let before = called(main.model());
    let after = called(&main.edited(edit));
    let dropped = |function: &FunctionProto| {
        let key = key(function);
        before.contains(&key) && !after.contains(&key)
    };
    let positions = main.model().functions.iter().enumerate();
    let positions = positions.filter(|(_, function)| dropped(function));
    let positions: FxHashSet<usize> = positions.map(|(position, _)| position).collect();
    edit.remove_functions.extend(&positions);
    edit.add_functions.retain(|function| !dropped(function));
    positions
}

/// The functions that a model's graph and its training call, directly or not.
fn called(model: &ModelProto) -> FxHashSet<Key> {
    let functions = model.functions.iter();
    let by_key: FxHashMap<Key, &FunctionProto> = functions.map(|f| (key(f), f)).collect();
    let mut found = FxHashSet::default();
    let graphs = model.graph.iter().chain(names::training_graphs(model));
    let mut open: Vec<&NodeProto> = graphs.flat_map(|g| &g.node).collect();
    while let Some(node) = open.pop() {
        open.extend(bodies(node).flat_map(|(_, _, body)| &body.node));
        let key = called_by(node);
        if let Some(function) = by_key.get(&key)
            && found.insert(key)
        {
            open.extend(&function.node);
        }
    }
    found
}
