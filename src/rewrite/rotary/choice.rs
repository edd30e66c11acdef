//! Chooses the tables of angles that are worth nodes of their own.
//!
//! Tables are tried one after the other, and each is taken if the change saves more nodes with it. Planning the whole change for
//! every table would take time in the square of their number. Instead, a [`Trial`] keeps count of what new nodes read and of the
//! nodes that become unused, and trying a table costs only what it moves. The change is then planned once, for the chosen tables.
//!
//! The count must agree with what planning would give ([`crate::rewrite::dead`], [`super::lower`], [`pairs`]); the test below
//! compares the two on all models.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::{DataType, Edit, GraphIndex, ModelFile, ValueId};
use crate::recognize::{AngleTable, TableInput};
use crate::rewrite::subject::Subject;
use crate::rewrite::{angles, dead};

use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::{Call, rotary_table};

use super::site::RotarySite;
use super::{pairs, tables};

/// The tables to compute by nodes of their own, ascending. `plain` is the change without any.
pub(in crate::rewrite) fn worthwhile(
    subject: &Subject<'_>,
    sites: &[RotarySite],
    plain: &Edit,
    paired: bool,
) -> Vec<usize> {
    let file = subject.file;
    let readers = tables::readers(sites);
    if readers.is_empty() {
        return Vec::new();
    }
    let mut trial = Trial::new(file, sites, plain, paired);
    let mut uses: Vec<Call> = Vec::new();
    let mut wired = Vec::new();
    let mut saved = trial.saved();
    for (number, table) in subject.tables.iter().enumerate() {
        let Some(readers) = readers.get(&number) else {
            continue;
        };
        let first = readers.iter().map(|&s| sites[s].node).min();
        if !first.is_some_and(|first| tables::sources_stand_before(file, table, first)) {
            continue;
        }
        // One function body must serve the nodes of all chosen tables.
        let wanted = readers.iter().map(|&s| sites[s].rotary.table_dtype);
        let own = tables::call(table, tables::result_type(table, wanted));
        let new_use = !uses.contains(&own);
        if new_use {
            uses.push(own);
        }
        let serves = !new_use || rotary_table::CONTRACT.body(file.opset(), &uses).is_ok();
        if serves {
            let before: Vec<Reading<'_>> = readers.iter().map(|&s| trial.read[s].clone()).collect();
            trial.compute(table, number, readers);
            if trial.saved() > saved {
                saved = trial.saved();
                wired.push(number);
                continue;
            }
            trial.undo(table, readers, before);
        }
        if new_use {
            uses.pop();
        }
    }
    wired
}

/// What a site reads its cosines or sines from.
#[derive(Clone, PartialEq, Eq, Hash)]
enum TableSource<'a> {
    /// A value of the graph.
    Graph(&'a str),
    /// Of the node of this table, in this type, this output.
    Table(usize, DataType, usize),
}

/// A tensor of cosines or sines with the unit axes that are inserted into it.
type Input<'a> = (TableSource<'a>, SmallVec<[usize; 2]>);

/// What a site reads.
#[derive(Clone)]
struct Reading<'a> {
    tables: [Input<'a>; 2],
    inverse: bool,
}

/// What sites must have in common to share a node.
type Shared<'a> = ([Input<'a>; 2], RotaryAttributes, usize, [DataType; 2]);

/// A change, as far as it decides the number of nodes.
struct Trial<'a> {
    file: &'a ModelFile,
    sites: &'a [RotarySite],
    unused: Unused<'a>,
    /// What each site reads.
    read: Vec<Reading<'a>>,
    /// How often each tensor of cosines or sines is read.
    inputs: FxHashMap<Input<'a>, usize>,
    /// Sites that may share a node, in graph order, and the number of pairs among them; empty unless `paired`.
    groups: FxHashMap<Shared<'a>, (BTreeSet<(usize, usize)>, usize)>,
    paired: bool,
    /// New nodes, without those that every choice has.
    added: isize,
}

impl<'a> Trial<'a> {
    fn new(file: &'a ModelFile, sites: &'a [RotarySite], plain: &Edit, paired: bool) -> Trial<'a> {
        let input = |input: &'a TableInput| {
            let axes = SmallVec::from_slice(&input.unsqueeze);
            (TableSource::Graph(&input.value), axes)
        };
        let reading = |site: &'a RotarySite| Reading {
            tables: [input(&site.rotary.cos), input(&site.rotary.sin)],
            inverse: site.rotary.inverse,
        };
        let mut trial = Trial {
            file,
            sites,
            unused: Unused::new(file, sites, &plain.remove_nodes),
            read: sites.iter().map(reading).collect(),
            inputs: FxHashMap::default(),
            groups: FxHashMap::default(),
            paired,
            added: 0,
        };
        for site in sites {
            trial.unused.want(&site.rotary.x);
        }
        for s in 0..sites.len() {
            trial.join(s);
        }
        trial.unused.settle();
        trial
    }

    /// Removed nodes less new ones, up to a number that is the same for all choices.
    fn saved(&self) -> isize {
        self.unused.removed as isize - self.added
    }

    /// Makes the sites of a table read its node.
    fn compute(&mut self, table: &AngleTable, number: usize, readers: &[usize]) {
        self.added += nodes_of(self.file, table, self.sites, readers);
        table.sources().for_each(|name| self.unused.want(name));
        for &s in readers {
            self.part(s);
            let site = &self.sites[s];
            let Some(used) = &site.rotary.table else {
                continue;
            };
            let axes = SmallVec::from_slice(&used.unsqueeze);
            let output = |part| {
                (
                    TableSource::Table(number, site.rotary.table_dtype, part),
                    axes.clone(),
                )
            };
            self.read[s] = Reading {
                tables: [output(0), output(1)],
                inverse: used.inverse,
            };
            self.join(s);
        }
        self.unused.settle();
    }

    /// Makes the sites of a table read again what they have read before.
    fn undo(&mut self, table: &AngleTable, readers: &[usize], before: Vec<Reading<'a>>) {
        self.added -= nodes_of(self.file, table, self.sites, readers);
        table.sources().for_each(|name| self.unused.unwant(name));
        for (&s, before) in readers.iter().zip(before) {
            self.part(s);
            self.read[s] = before;
            self.join(s);
        }
        self.unused.settle();
    }

    /// Counts what a site reads: an `Unsqueeze` for the first reader of a tensor that lacks unit axes, and a use of a graph's
    /// value.
    fn join(&mut self, s: usize) {
        for input in self.read[s].tables.clone() {
            let count = self.inputs.entry(input.clone()).or_default();
            *count += 1;
            if *count == 1 {
                self.added += isize::from(!input.1.is_empty());
                if let TableSource::Graph(name) = input.0 {
                    self.unused.want(name);
                }
            }
        }
        self.regroup(s, true);
    }

    /// Takes back what was counted for a site.
    fn part(&mut self, s: usize) {
        for input in self.read[s].tables.clone() {
            let Some(count) = self.inputs.get_mut(&input) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                self.added -= isize::from(!input.1.is_empty());
                if let TableSource::Graph(name) = input.0 {
                    self.unused.unwant(name);
                }
            }
        }
        self.regroup(s, false);
    }

    /// Adds a site to those that it may share a node with, or removes it. A pair is one node less.
    fn regroup(&mut self, s: usize, joins: bool) {
        if !self.paired {
            return;
        }
        let (site, reading) = (&self.sites[s], &self.read[s]);
        let attributes = RotaryAttributes {
            inverse: reading.inverse,
            ..site.rotary.attributes()
        };
        let types = [site.dtype, site.rotary.table_dtype];
        let key = (
            reading.tables.clone(),
            attributes,
            site.rotary.rotary_dim,
            types,
        );
        let (members, pairs) = self.groups.entry(key).or_default();
        match joins {
            true => members.insert((site.node, s)),
            false => members.remove(&(site.node, s)),
        };
        let order = members.iter().map(|&(_, s)| s);
        let now = pairs::along(self.file, self.sites, order).len();
        self.added += *pairs as isize - now as isize;
        *pairs = now;
    }
}

/// The number of nodes that compute a table for these sites, without inserted unit axes: the table, casts and a reshape of what it reads,
/// and two casts for each type that it does not have.
fn nodes_of(
    file: &ModelFile,
    table: &AngleTable,
    sites: &[RotarySite],
    readers: &[usize],
) -> isize {
    let types = || readers.iter().map(|&s| sites[s].rotary.table_dtype);
    let result = tables::result_type(table, types());
    let narrowed: FxHashSet<DataType> = types().filter(|dtype| *dtype != result).collect();
    let cast = usize::from(table.positions_dtype == DataType::F32);
    let read = cast + angles::count(file, &table.frequencies, table.dtype);
    (1 + read + 2 * narrowed.len()) as isize
}

/// The nodes that nothing uses any more: those that [`crate::rewrite::dead`] would find, kept up to date by counting uses.
struct Unused<'a> {
    file: &'a ModelFile,
    index: &'a GraphIndex,
    captures: FxHashMap<usize, Vec<ValueId>>,
    /// Nodes that a new node replaces: removed, whatever reads their results.
    replaced: FxHashSet<usize>,
    /// Which nodes are removed.
    is_removed: Vec<bool>,
    /// For each value, how often nodes that stay read it.
    live: Vec<usize>,
    /// How often removed nodes have read it.
    lost: Vec<usize>,
    /// How often new nodes and training read it.
    wanted: Vec<usize>,
    /// The number of removed nodes.
    removed: usize,
    /// Nodes to look at again.
    open: Vec<usize>,
}

impl<'a> Unused<'a> {
    fn new(file: &'a ModelFile, sites: &[RotarySite], removed: &FxHashSet<usize>) -> Unused<'a> {
        let (index, nodes) = (file.index(), &file.graph().node);
        let mut captures: FxHashMap<usize, Vec<ValueId>> = FxHashMap::default();
        for value in index.values() {
            for &node in index.capturers(value) {
                captures.entry(node).or_default().push(value);
            }
        }
        let count = index.len();
        let mut unused = Unused {
            file,
            index,
            captures,
            replaced: sites.iter().map(|site| site.node).collect(),
            is_removed: (0..nodes.len())
                .map(|node| removed.contains(&node))
                .collect(),
            live: vec![0; count],
            lost: vec![0; count],
            wanted: vec![0; count],
            removed: removed.len(),
            open: Vec::new(),
        };
        for value in dead::named_in_training(file) {
            unused.wanted[value.index()] += 1;
        }
        for node in 0..nodes.len() {
            for value in unused.reads(node) {
                match unused.is_removed[node] {
                    true => unused.lost[value.index()] += 1,
                    false => unused.live[value.index()] += 1,
                }
            }
        }
        unused
    }

    fn reads(&self, node: usize) -> Vec<ValueId> {
        let inputs = self.file.graph().node[node].input.iter();
        let inputs = inputs.filter_map(|name| self.index.id(name));
        let captured = self.captures.get(&node).into_iter().flatten().copied();
        inputs.chain(captured).collect()
    }

    /// A new node reads a value.
    fn want(&mut self, name: &str) {
        if let Some(id) = self.index.id(name) {
            self.wanted[id.index()] += 1;
            self.look(id);
        }
    }

    /// A new node reads a value no longer.
    fn unwant(&mut self, name: &str) {
        if let Some(id) = self.index.id(name) {
            self.wanted[id.index()] -= 1;
            self.look(id);
        }
    }

    fn look(&mut self, value: ValueId) {
        self.open
            .extend(self.index.producer(value).map(|(node, _)| node));
    }

    /// Whether nothing reads the results of a node any more, and a removed node has. Without the second condition, nodes that
    /// were unused before would count.
    fn is_idle(&self, node: usize) -> bool {
        let outputs = self.file.graph().node[node].output.iter();
        let mut outputs = outputs.filter_map(|name| self.index.id(name));
        let mut reached = false;
        let idle = outputs.all(|value| {
            let at = value.index();
            reached |= self.lost[at] > 0;
            self.live[at] == 0 && self.wanted[at] == 0 && !self.index.is_output(value)
        });
        idle && reached
    }

    /// Removes nodes that nothing reads any more, and puts back those that something reads again.
    fn settle(&mut self) {
        while let Some(node) = self.open.pop() {
            if self.replaced.contains(&node) {
                continue;
            }
            let idle = self.is_idle(node);
            if idle == self.is_removed[node] {
                continue;
            }
            self.is_removed[node] = idle;
            for value in self.reads(node) {
                let at = value.index();
                let (from, to) = match idle {
                    true => (&mut self.live, &mut self.lost),
                    false => (&mut self.lost, &mut self.live),
                };
                from[at] -= 1;
                to[at] += 1;
                self.look(value);
            }
            match idle {
                true => self.removed += 1,
                false => self.removed -= 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustc_hash::FxHashSet;

    use super::super::heads::InPlace;
    use super::worthwhile;
    use crate::facts::Facts;
    use crate::onnx::ModelFile;
    use crate::recognize::{self, Selection, Site};
    use crate::rewrite::lowering::{rotary_sites, with_tables};
    use crate::rewrite::rotary::tables;
    use crate::rewrite::{Subject, Writing};
    use crate::symbolic::Budget;

    /// The tables that planning the whole change for each of them would choose.
    fn planned(subject: &Subject<'_>, sites: &[Site], paired: bool) -> Vec<usize> {
        let readers = tables::readers(&rotary_sites(sites));
        let mut best =
            with_tables(subject, sites, &[], paired, &InPlace::default()).expect("a plan");
        let mut wired = Vec::new();
        for table in 0..subject.tables.len() {
            if !readers.contains_key(&table) {
                continue;
            }
            wired.push(table);
            match with_tables(subject, sites, &wired, paired, &InPlace::default()) {
                Some(plan) if plan.edit.saved() > best.edit.saved() => best = plan,
                _ => {
                    wired.pop();
                }
            }
        }
        wired
    }

    /// In every model, for all sites and for some of them: without the others, tables are read by the graph and must stay.
    #[test]
    fn counting_chooses_what_planning_chooses() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let folders = std::fs::read_dir(models).expect("the models");
        let paths = folders.map(|entry| entry.expect("an entry").path().join("model.onnx"));
        let (mut chosen, mut left) = (0, 0);
        for path in paths.filter(|path| path.exists()) {
            let file = ModelFile::open(&path).expect("a model");
            let facts = Facts::of(&file);
            let hidden = FxHashSet::default();
            let analysis = recognize::analyse(&file, &facts, &hidden, &Budget::default());
            let file = analysis.made.added_to(&file).expect("a model");
            let rules = Selection::default();
            let subject = Subject {
                file: &file,
                facts: &facts,
                shapes: &analysis.shapes,
                rules: &rules,
                tables: &analysis.tables,
                writing: Writing::default(),
            };
            for (mask, paired) in (1u32..16).flat_map(|mask| [(mask, false), (mask, true)]) {
                let sites = analysis.sites.iter().enumerate();
                let sites: Vec<Site> = sites
                    .filter(|(k, _)| mask >> (k % 4) & 1 == 1)
                    .map(|(_, site)| site.clone())
                    .collect();
                if sites.is_empty() {
                    continue;
                }
                let plain = with_tables(&subject, &sites, &[], paired, &InPlace::default())
                    .expect("a plan");
                let turned = rotary_sites(&sites);
                let wired = worthwhile(&subject, &turned, &plain.edit, paired);
                assert_eq!(
                    wired,
                    planned(&subject, &sites, paired),
                    "{path:?} {mask:b} {paired}"
                );
                match wired.is_empty() {
                    true => left += 1,
                    false => chosen += 1,
                }
            }
        }
        assert!(chosen > 0 && left > 0, "{chosen} {left}");
    }
}
