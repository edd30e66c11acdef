//! Plans the change of a whole model from the changes of its graphs.

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
use crate::rewrite::{self, FUNCTIONS, NewCall, Subject, Target, Writing};

/// A change to a model, and the sites that it does not fuse.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The change; empty where there is nothing to do.
    pub edit: Edit,
    /// Removed nodes, in all graphs. A node whose body changes is not one of them.
    pub removed: usize,
    /// New nodes.
    pub added: usize,
    /// The part of tables computed by nodes of their own.
    pub tables: TableChange,
    /// Sites that the target cannot express: position in the given list, and why.
    pub unsupported: Vec<(usize, Refusal)>,
    /// Sites that disappear with a node or a function that nothing uses any more: positions in the given list.
    pub vanished: Vec<usize>,
    /// Nodes of the original model that are changed to run at any batch.
    pub repaired: usize,
    /// Nodes of the original model that get the function which they lack.
    pub completed: usize,
}

impl Planned {
    /// Nodes of the model afterwards.
    pub fn nodes_after(&self, before: usize) -> usize {
        (before + self.added).saturating_sub(self.removed)
    }
}

/// The change that fuses these sites, written so. A change that would leave an invalid model is not made.
///
/// Fusing a site can remove the node that holds another one: a table computed by a node of its own may replace the outputs of an
/// `If` whose branches have sites. Such sites are left out and the rest is planned again, since names, counts and metadata depend
/// on the list.
pub fn plan(
    main: &ModelFile,
    findings: &Findings,
    sites: &[&Found],
    writing: Writing<'_>,
) -> Planned {
    let mut kept: Vec<usize> = (0..sites.len()).collect();
    let mut vanished = Vec::new();
    loop {
        let chosen: Vec<&Found> = kept.iter().map(|&k| sites[k]).collect();
        let attempt = attempt(main, findings, &chosen, writing);
        let (mut planned, removed) =
            attempt.unwrap_or_else(|error| (invalid(&chosen, &error), FxHashSet::default()));
        let before = vanished.len();
        vanished.extend(kept.extract_if(.., |&mut k| removed.contains(&sites[k].scope)));
        if vanished.len() == before {
            planned
                .unsupported
                .iter_mut()
                .for_each(|(k, _)| *k = kept[*k]);
            planned.vanished = vanished;
            return planned;
        }
    }
}

/// The change that fuses these sites, and the scopes that disappear with it.
///
/// # Errors
/// If the model would be invalid.
fn attempt(
    main: &ModelFile,
    findings: &Findings,
    sites: &[&Found],
    writing: Writing<'_>,
) -> Result<(Planned, FxHashSet<usize>), Error> {
    let target = writing.target;
    let mut edits = ScopeEdits::new(main, findings, sites, writing);
    // Bodies come after the graphs that hold them: from the last scope on, every body is changed before its holder is planned.
    for at in (0..findings.scopes.len()).rev() {
        edits.add(at)?;
    }
    let ScopeEdits {
        mut planned,
        edits,
        calls,
        removed_holders,
        ..
    } = edits;
    planned.unsupported.sort_by_key(|(k, _)| *k);
    let refused: FxHashSet<usize> = planned.unsupported.iter().map(|(k, _)| *k).collect();
    let fused: Vec<usize> = (0..sites.len()).filter(|k| !refused.contains(k)).collect();
    let own = matches!(target, Target::Phasor | Target::PhasorPairs);
    let lacking = match own && findings.rules.allows(FUNCTIONS) {
        true => rewrite::without_function(main),
        false => Vec::new(),
    };
    let calls: Vec<NewCall> = calls.into_iter().chain(lacking.iter().cloned()).collect();
    let is_nothing = edits.is_empty() && lacking.is_empty();
    let functions = rewrite::functions(main, &calls, target);
    let shadowing = functions
        .as_ref()
        .filter(|_| !is_nothing)
        .and_then(|new| rewrite::shadowing_function(main, new, target));
    let objection = match (&functions, shadowing) {
        // Sites of several graphs need one body; those of one graph are refused where they are planned.
        (None, _) => Some((rewrite::without_body(main.opset()), rewrite::NEWER_OPSET)),
        (_, Some(function)) => Some(in_the_way(function)),
        _ => None,
    };
    if let Some((reason, hint)) = objection.filter(|_| !edits.is_empty()) {
        let refused = |&k: &usize| (k, sites[k].site.refused(Stage::Target, &reason, hint));
        planned.unsupported.extend(fused.iter().map(refused));
        planned.unsupported.sort_by_key(|(k, _)| *k);
    }
    let functions = functions.filter(|_| shadowing.is_none() && !is_nothing);
    let Some(functions) = functions else {
        let nothing = Planned {
            unsupported: planned.unsupported,
            ..Default::default()
        };
        return Ok((nothing, FxHashSet::default()));
    };
    let rules: Vec<&'static str> = fused
        .iter()
        .map(|&k| sites[k].site.rule)
        .chain(planned.tables.tables.iter().map(|_| TABLE_RULE))
        .chain(std::iter::repeat_n(rewrite::REPAIR, planned.repaired))
        .chain(std::iter::repeat_n(FUNCTIONS, lacking.len()))
        .collect();
    planned.completed = lacking.len();
    let dropped;
    (planned.edit, dropped) = whole(main, &findings.scopes, edits, &rules, functions);
    if !lacking.is_empty() {
        rewrite::carry_functions(&mut planned.edit);
    }
    let edited = rewrite::check(main, &planned.edit)?;
    // Counted on the result: bodies and functions disappear with the nodes that hold or call them.
    let after = count_nodes(edited.model());
    let before = count_nodes(main.model());
    planned.removed = (before + planned.added).saturating_sub(after);
    let removed = removed_scopes(&findings.scopes, &removed_holders, &dropped);
    Ok((planned, removed))
}

/// The changes of single scopes, while they are planned.
struct ScopeEdits<'a> {
    main: &'a ModelFile,
    findings: &'a Findings,
    sites: &'a [&'a Found],
    writing: Writing<'a>,
    planned: Planned,
    /// Names that some graph of the model has.
    names: names::Taken,
    /// Positions of the sites of each scope.
    by_scope: Vec<Vec<usize>>,
    /// For each scope, the nodes whose bodies have changed, by position.
    changed: Vec<BTreeMap<usize, NodeProto>>,
    /// Those of them that are removed: scope and position.
    removed_holders: FxHashSet<(usize, usize)>,
    edits: Vec<(usize, Edit)>,
    calls: Vec<NewCall>,
}

impl<'a> ScopeEdits<'a> {
    fn new(
        main: &'a ModelFile,
        findings: &'a Findings,
        sites: &'a [&'a Found],
        writing: Writing<'a>,
    ) -> Self {
        let scopes = findings.scopes.len();
        let mut by_scope: Vec<Vec<usize>> = vec![Vec::new(); scopes];
        for (k, found) in sites.iter().enumerate() {
            by_scope[found.scope].push(k);
        }
        ScopeEdits {
            main,
            findings,
            sites,
            writing,
            planned: Planned::default(),
            names: names::Taken::of_model(main.model()),
            by_scope,
            changed: vec![BTreeMap::new(); scopes],
            removed_holders: FxHashSet::default(),
            edits: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Adds the change of one scope, with the changed bodies of its nodes.
    ///
    /// # Errors
    /// If a changed body makes the graph invalid.
    fn add(&mut self, at: usize) -> Result<(), Error> {
        let scope = &self.findings.scopes[at];
        let own = scope.file(self.main);
        let held = std::mem::take(&mut self.changed[at]);
        // A changed body may read what the old one did not, so the graph is planned with the new bodies in place.
        let file = scope.extended.as_ref().unwrap_or(own);
        let exchanged = splice::holders(file, &held)?;
        let file = exchanged.as_ref().unwrap_or(file);
        let mut edit = self.plan(at, file);
        if edit.is_empty() && held.is_empty() {
            return Ok(());
        }
        let nodes = &own.graph().node;
        // The old bodies were the only readers of some values.
        rewrite::release(file, held.keys().map(|&node| &nodes[node]), &mut edit);
        rewrite::settle(&scope.made, &mut edit, nodes.len());
        rename(own, &mut edit, &mut self.names);
        self.planned.added += edit.insert_before.values().map(Vec::len).sum::<usize>();
        if let Location::Function(_) = scope.location {
            // A function has no initializers: new ones become nodes.
            self.planned.added += edit.add_initializers.len();
        }
        for (node, holder) in held {
            // A holder is replaced by the one with the new body, unless the edit removes it anyway.
            if edit.remove_nodes.insert(node) {
                edit.insert_before.entry(node).or_default().push(holder);
            } else {
                self.removed_holders.insert((at, node));
            }
        }
        self.put_back(&scope.location, &edit);
        self.edits.push((at, edit));
        Ok(())
    }

    /// Plans the sites of one scope in its graph.
    fn plan(&mut self, at: usize, file: &ModelFile) -> Edit {
        let scope = &self.findings.scopes[at];
        let mine = std::mem::take(&mut self.by_scope[at]);
        let chosen: Vec<Site> = mine.iter().map(|&k| self.sites[k].site.clone()).collect();
        let tables: Vec<AngleTable> = scope.tables.iter().map(|t| t.table.clone()).collect();
        let subject = Subject {
            file,
            facts: &scope.facts,
            shapes: &scope.shapes,
            rules: &self.findings.rules,
            tables: &tables,
            writing: self.writing,
        };
        let plan = rewrite::plan(&subject, &chosen);
        self.planned.repaired += plan.repaired;
        if let Some(wired) = &plan.tables {
            self.planned.tables.add(at, wired, plan.edit.change());
        }
        self.calls.extend(plan.calls);
        for (k, mut refusal) in plan.unsupported {
            refusal.node.clone_from(&chosen[k].node_name);
            self.planned.unsupported.push((mine[k], refusal));
        }
        plan.edit
    }

    /// Puts the change of a body into the node that holds it. Main graph and functions are changed at the end.
    fn put_back(&mut self, location: &Location, edit: &Edit) {
        let Location::Body {
            scope,
            node,
            attribute,
            index,
        } = location
        else {
            return;
        };
        let (main, scopes) = (self.main, &self.findings.scopes);
        let holder = self.changed[*scope]
            .entry(*node)
            .or_insert_with(|| nodes(main, scopes, *scope)[*node].clone());
        let list = holder.attribute.iter_mut().find(|a| a.name() == attribute);
        let mut graphs = list.into_iter().flat_map(|a| a.graphs_mut());
        if let Some(body) = graphs.nth(*index) {
            splice::body(body, edit);
        }
    }
}

/// The scopes that disappear: bodies of removed nodes, bodies inside them, and functions without calls.
fn removed_scopes(
    scopes: &[Scope],
    holders: &FxHashSet<(usize, usize)>,
    functions: &FxHashSet<usize>,
) -> FxHashSet<usize> {
    let mut removed = FxHashSet::default();
    for (at, scope) in scopes.iter().enumerate() {
        let disappears = match &scope.location {
            Location::Main => false,
            Location::Body { scope, node, .. } => {
                removed.contains(scope) || holders.contains(&(*scope, *node))
            }
            Location::Function(position) => functions.contains(position),
        };
        if disappears {
            removed.insert(at);
        }
    }
    removed
}

/// The plan that fuses nothing, because the change would leave an invalid model.
fn invalid(sites: &[&Found], error: &Error) -> Planned {
    let reason = format!("the fused model would be invalid: {error}");
    let hint = "this is a fault of Phasor: please report it, with the model";
    let sites = sites.iter();
    let unsupported = sites.map(|found| found.site.refused(Stage::Target, &reason, hint));
    Planned {
        unsupported: unsupported.enumerate().collect(),
        ..Default::default()
    }
}

/// Why nothing is fused that needs an operator of this name, and what helps.
fn in_the_way(function: &FunctionProto) -> (String, &'static str) {
    let name = call::label(function);
    let reason = format!(
        "the model has a function `{name}` of its own, which would be confused with the operator of that name"
    );
    (reason, "inline or rename that function")
}

/// The nodes of a graph as the model has them.
fn nodes<'a>(main: &'a ModelFile, scopes: &[Scope], at: usize) -> &'a [NodeProto] {
    match &scopes[at].location {
        Location::Main => &main.graph().node,
        Location::Function(position) => &main.model().functions[*position].node,
        Location::Body {
            scope,
            node,
            attribute,
            index,
        } => {
            let holder = &nodes(main, scopes, *scope)[*node];
            let mut found = bodies(holder).filter(|(name, at, _)| name == attribute && at == index);
            found.next().map_or(&[], |(_, _, body)| &body.node)
        }
    }
}

/// Renames the new values of an edit so that no graph of the model has their names: a body may not shadow a name of the graph
/// around it.
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

/// The change of the model: that of the main graph, the changed functions, and the operator sets that all graphs together need.
/// With it, the positions of the functions that are dropped.
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
        match &scopes[at].location {
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

/// Drops the functions that were called and no longer are, and returns their positions. A function that nothing called before
/// stays.
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
