//! `ai.phasor::RotaryEmbedding` or `RotaryEmbeddingPair`, and the `RotaryTable` nodes they read.
//!
//! Inputs are the graph's own values; unit axes that a table lacks are inserted once and shared. Angles that are positions times
//! frequencies are computed by one node a table, where that leaves fewer nodes than the graph's own tables. Operator set,
//! function bodies and provenance are added to the model.

use std::collections::BTreeMap;

use crate::onnx::proto::{FunctionProto, NodeProto};
use crate::onnx::{Edit, ModelFile};
use crate::recognize::{Site, TABLE_RULE};
use crate::rewrite::angles::Wired;
use crate::rewrite::{OLDEST_OPSET, dead, function, pairs, provenance, rotary};

use phasor_ops::contract::{self, DOMAIN, ValueSpec};

use super::{Plan, Subject, TablePlan, Uses, choice, widen};

/// IR version that brought model-local functions with attribute defaults.
const FUNCTION_IR_VERSION: i64 = 9;

/// The operators' bodies, written for these uses.
pub(super) fn functions(file: &ModelFile, uses: &Uses) -> Option<Vec<FunctionProto>> {
    let opset = file.opset();
    let mut bodies = Vec::new();
    if !uses.rotary.is_empty() {
        bodies.push(contract::rotary::function_body(opset, &uses.rotary).ok()?);
    }
    if !uses.pairs.is_empty() {
        bodies.push(contract::rotary_pair::function_body(opset, &uses.pairs).ok()?);
    }
    if !uses.tables.is_empty() {
        bodies.push(contract::rotary_table::function_body(opset, &uses.tables).ok()?);
    }
    Some(bodies.iter().map(function::proto).collect())
}

/// Whether a function has the name of one of our operators and not its inputs, outputs and attributes.
pub(super) fn is_foreign(own: &FunctionProto) -> bool {
    let known = contract::find(own.name()).filter(|_| own.domain() == DOMAIN);
    let names = |values: &[ValueSpec]| values.iter().map(|v| v.name.to_owned()).collect::<Vec<_>>();
    known.map(|contract| contract.spec()).is_some_and(|spec| {
        let attributes = spec.attributes.iter();
        let attributes = attributes.map(|a| function::value(a.name, a.default));
        own.input != names(spec.inputs)
            || own.output != names(spec.outputs)
            || !own.attribute.is_empty()
            || own.attribute_proto != attributes.collect::<Vec<_>>()
    })
}

/// The change that fuses these sites, two of a layer by one node if `paired`; the empty change where there are none or the
/// model's opset is too old.
pub(super) fn plan(subject: &Subject<'_>, sites: &[Site], paired: bool) -> Plan {
    if sites.is_empty() || subject.file.opset() < OLDEST_OPSET {
        return Plan::default();
    }
    let Some(plain) = with_tables(subject, sites, &[], paired) else {
        return Plan::default();
    };
    let wired = choice::worthwhile(subject, sites, &plain.edit, paired);
    if wired.is_empty() {
        return plain;
    }
    let shorter = with_tables(subject, sites, &wired, paired);
    // The bodies may serve the sites and not what they become; and a choice that did not pay must not stand.
    let Some(mut best) = shorter.filter(|plan| plan.edit.saved() > plain.edit.saved()) else {
        return plain;
    };
    let plain = plain.edit.change();
    best.tables = Some(TablePlan { wired, plain });
    best
}

/// The change where the sites of these tables read `RotaryTable` nodes.
pub(super) fn with_tables(
    subject: &Subject<'_>,
    sites: &[Site],
    chosen: &[usize],
    paired: bool,
) -> Option<Plan> {
    let Subject { file, tables, .. } = *subject;
    let larger: Vec<[bool; 2]> = sites
        .iter()
        .map(|site| widen::larger(subject.shapes, site))
        .collect();
    let mut edit = Edit::default();
    let mut names = rotary::Names::new(file);
    let mut wired = Wired::new(file, sites, tables, chosen, &mut names, &mut edit);
    let sites = &mut wired.sites;
    let mut new: BTreeMap<usize, Vec<NodeProto>> = BTreeMap::new();
    let mut read = Vec::new();
    let first = rotary::first_readers(sites);
    for site in &*sites {
        let [cos, sin] = [&site.cos, &site.sin]
            .map(|input| rotary::table(input, first[input], &mut new, &mut edit, &mut names));
        read.push((cos, sin));
        edit.remove_nodes.insert(site.node);
    }
    for ((site, (cos, sin)), larger) in sites.iter_mut().zip(&read).zip(larger) {
        for table in [cos, sin]
            .into_iter()
            .zip(larger)
            .filter_map(|(t, larger)| larger.then_some(t))
        {
            let (nodes, wide) = widen::to(table, &site.x, &mut names, &mut edit);
            new.entry(site.node).or_default().extend(nodes);
            site.x = wide;
        }
    }
    let sites = &*sites;
    let mut uses = Uses {
        tables: wired.uses,
        ..Uses::default()
    };
    let mut joined = vec![false; sites.len()];
    let pairs = match paired {
        true => pairs::find(file, sites, &read),
        false => Vec::new(),
    };
    for (first, second) in pairs {
        (joined[first], joined[second]) = (true, true);
        let (q, k) = (&sites[first], &sites[second]);
        let node = rotary::pair(file, q, k, &read[second]);
        new.entry(k.node).or_default().push(node);
        uses.pairs.push(rotary::pair_use(q, k));
    }
    for (position, site) in sites.iter().enumerate() {
        if !joined[position] {
            let node = rotary::node(file, site, &read[position]);
            new.entry(site.node).or_default().push(node);
            uses.rotary.push(rotary::use_of(site));
        }
    }
    edit.add_functions = functions(file, &uses)?;
    // Before the unit axes of their outputs, which stand at the front too.
    for (at, nodes) in wired.nodes {
        new.entry(at).or_default().splice(0..0, nodes);
    }
    dead::remove(file, &new, &mut edit);
    edit.insert_before = new;
    edit.opsets.push((DOMAIN.to_owned(), contract::VERSION));
    edit.min_ir_version = Some(FUNCTION_IR_VERSION);
    let rules = sites.iter().map(|site| site.rule);
    provenance(
        &mut edit,
        rules.chain(uses.tables.iter().map(|_| TABLE_RULE)),
    );
    Some(Plan {
        edit,
        uses,
        ..Plan::default()
    })
}
