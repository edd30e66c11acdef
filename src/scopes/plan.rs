//! The change of a whole model from those of its graphs.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Findings, Found, Place, Scope, TableChange, call, count_nodes, is_operator, splice};
use crate::onnx::functions::{Key, called_by, key};
use crate::onnx::names::{self, bodies};
use crate::onnx::proto::{FunctionProto, GraphProto, NodeProto};
use crate::onnx::{Edit, ModelFile};
use crate::recognize::{AngleTable, Refusal, Site, Stage, TABLE_RULE};
use crate::rewrite::{self, Subject, Target, Uses};

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
    pub left: Vec<(usize, Refusal)>,
    /// Nodes that the model has already and that are made to run at any batch.
    pub repaired: usize,
}

impl Planned {
    /// Nodes of the model afterwards.
    pub fn nodes_after(&self, before: usize) -> usize {
        (before + self.added).saturating_sub(self.removed)
    }
}

/// The change that fuses these sites for a target.
pub fn plan(main: &ModelFile, findings: &Findings, sites: &[&Found], target: Target) -> Planned {
    let scopes = &findings.scopes;
    let mut planned = Planned::default();
    let mut names = names::Taken::of_model(main.model());
    let mut by_scope: Vec<Vec<usize>> = vec![Vec::new(); scopes.len()];
    for (k, found) in sites.iter().enumerate() {
        by_scope[found.scope].push(k);
    }
    // Nodes whose bodies have changed, by scope and position.
    let mut changed: Vec<BTreeMap<usize, NodeProto>> = vec![BTreeMap::new(); scopes.len()];
    let mut edits: Vec<(usize, Edit)> = Vec::new();
    let mut uses = Uses::default();
    // Bodies come after the graphs that hold them.
    for (at, scope) in scopes.iter().enumerate().rev() {
        let own = scope.file(main);
        let mine = std::mem::take(&mut by_scope[at]);
        let chosen: Vec<Site> = mine.iter().map(|&k| sites[k].site.clone()).collect();
        let tables: Vec<AngleTable> = scope.tables.iter().map(|t| t.table.clone()).collect();
        let subject = Subject {
            file: scope.extended.as_ref().unwrap_or(own),
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
        uses.rotary.extend(plan.uses.rotary);
        uses.pairs.extend(plan.uses.pairs);
        uses.tables.extend(plan.uses.tables);
        let left = plan.left.into_iter();
        planned.left.extend(left.map(|(k, mut refusal)| {
            refusal.node.clone_from(&chosen[k].node_name);
            (mine[k], refusal)
        }));
        let mut edit = plan.edit;
        scope.made.settle(&mut edit, own.graph().node.len());
        let held = std::mem::take(&mut changed[at]);
        if edit.is_empty() && held.is_empty() {
            continue;
        }
        rename(own, &mut edit, &mut names);
        planned.added += edit.insert_before.values().map(Vec::len).sum::<usize>();
        let holders = held.len();
        rewrite::exchange(own, &mut edit, held);
        planned.removed += edit.remove_nodes.len() - holders;
        if let Place::Body {
            scope: outer,
            node,
            attribute,
            place,
        } = &scope.place
        {
            let holder = changed[*outer]
                .entry(*node)
                .or_insert_with(|| nodes(main, scopes, *outer)[*node].clone());
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
    planned.left.sort_by_key(|(k, _)| *k);
    let told: FxHashSet<usize> = planned.left.iter().map(|(k, _)| *k).collect();
    let fused = (0..sites.len())
        .filter(|k| !told.contains(k))
        .map(|k| sites[k].site.rule);
    let tables = uses.tables.iter().map(|_| TABLE_RULE);
    let repaired = std::iter::repeat_n(rewrite::REPAIR, planned.repaired);
    let rules: Vec<&'static str> = fused.chain(tables).chain(repaired).collect();
    let functions = rewrite::functions(main, &uses, target);
    let usurper = functions
        .as_ref()
        .filter(|_| !edits.is_empty())
        .and_then(|new| rewrite::usurper(main, new, target));
    if let Some(function) = usurper {
        let others = (0..sites.len()).filter(|k| !told.contains(k));
        planned
            .left
            .extend(others.map(|k| (k, in_the_way(&sites[k].site, function))));
        planned.left.sort_by_key(|(k, _)| *k);
    }
    let functions = functions.filter(|_| usurper.is_none());
    let edit = functions.map(|functions| whole(main, scopes, edits, &rules, functions));
    match edit {
        Some(edit) => {
            planned.edit = edit;
            if scopes.len() > 1 {
                // Bodies and functions fall with the nodes that use them.
                let after = count_nodes(&main.edited(&planned.edit));
                let before = count_nodes(main.model());
                planned.removed = (before + planned.added).saturating_sub(after);
            }
        }
        None => {
            planned = Planned {
                left: planned.left,
                ..Default::default()
            }
        }
    }
    planned
}

fn in_the_way(site: &Site, function: &FunctionProto) -> Refusal {
    let name = call::label(function);
    Refusal {
        rule: site.rule,
        node: site.node_name.clone(),
        value: site.y.clone(),
        reason: format!(
            "the model has a function `{name}` of its own, which would be mixed up with the operator of that name"
        ),
        hint: Some("inline or rename that function".to_owned()),
        stage: Stage::Target,
        lost: None,
    }
}

/// The nodes of a graph as the model has them.
fn nodes<'a>(main: &'a ModelFile, scopes: &[Scope], at: usize) -> &'a [NodeProto] {
    match &scopes[at].place {
        Place::Main => &main.graph().node,
        Place::Function(position) => &main.model().functions[*position].node,
        Place::Body {
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

/// The change of the model: that of the main graph, changed functions, and what all graphs together need declared.
fn whole(
    main: &ModelFile,
    scopes: &[Scope],
    edits: Vec<(usize, Edit)>,
    rules: &[&'static str],
    operators: Vec<FunctionProto>,
) -> Edit {
    if edits.is_empty() {
        return Edit::default();
    }
    let mut whole = Edit::default();
    let mut opsets: Vec<(String, i64)> = Vec::new();
    let mut functions = Vec::new();
    let mut version = None;
    for (at, edit) in edits {
        opsets.extend(edit.opsets.iter().cloned());
        version = version.max(edit.min_ir_version);
        match &scopes[at].place {
            Place::Main => whole = edit,
            Place::Body { .. } => {}
            Place::Function(position) => functions.push((*position, edit)),
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
    drop_functions(main, &mut whole);
    whole
}

/// Drops functions that were called and no longer are.
fn drop_functions(main: &ModelFile, edit: &mut Edit) {
    if main
        .model()
        .functions
        .iter()
        .all(|f| is_operator(f.domain()))
    {
        return;
    }
    let edited = main.edited(edit);
    let before = called(&main.model().functions, main.model().graph.as_ref());
    let after = called(&edited.functions, edited.graph.as_ref());
    let dropped = |function: &FunctionProto| {
        let key = key(function);
        before.contains(&key) && !after.contains(&key)
    };
    let positions = main.model().functions.iter().enumerate();
    let positions = positions.filter(|(_, function)| dropped(function));
    edit.remove_functions
        .extend(positions.map(|(position, _)| position));
    edit.add_functions.retain(|function| !dropped(function));
}

/// The functions that a graph calls, directly or not.
fn called(functions: &[FunctionProto], graph: Option<&GraphProto>) -> FxHashSet<Key> {
    let by_key: FxHashMap<Key, &FunctionProto> = functions.iter().map(|f| (key(f), f)).collect();
    let mut found = FxHashSet::default();
    let mut open: Vec<&NodeProto> = graph.iter().flat_map(|g| &g.node).collect();
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
