//! `ai.phasor::RotaryEmbedding`, and the `RotaryTable` nodes it reads.
//!
//! Inputs are the graph's own values; unit axes that a table lacks are inserted once and shared. Angles that are positions times
//! frequencies are computed by one node a table, where that leaves fewer nodes than the graph's own tables. Operator set,
//! function bodies and provenance are added to the model.

use std::collections::BTreeMap;

use crate::onnx::proto::{FunctionProto, NodeProto};
use crate::onnx::{Edit, ModelFile};
use crate::recognize::{AngleTable, Site, TABLE_RULE};
use crate::rewrite::angles::{self, Wired};
use crate::rewrite::{OLDEST_OPSET, dead, function, provenance, rotary};

use phasor_ops::contract;

use super::{Plan, TablePlan, Uses};

/// IR version that brought model-local functions with attribute defaults.
const FUNCTION_IR_VERSION: i64 = 9;

/// The operators' bodies, written for these uses.
pub(super) fn functions(file: &ModelFile, uses: &Uses) -> Option<Vec<FunctionProto>> {
    let opset = file.opset();
    let mut bodies = vec![contract::rotary::function_body(opset, &uses.rotary).ok()?];
    if !uses.tables.is_empty() {
        bodies.push(contract::rotary_table::function_body(opset, &uses.tables).ok()?);
    }
    Some(bodies.iter().map(function::proto).collect())
}

/// The change that fuses these sites; the empty change where there are none or the model's opset is too old.
pub(super) fn plan(file: &ModelFile, sites: &[Site], tables: &[AngleTable]) -> Plan {
    if sites.is_empty() || file.opset() < OLDEST_OPSET {
        return Plan::default();
    }
    let Some(mut best) = with_tables(file, sites, tables, &[]) else {
        return Plan::default();
    };
    let plain = best.edit.change();
    let mut wired = Vec::new();
    for table in 0..tables.len() {
        if !sites.iter().any(|site| angles::uses(site, table)) {
            continue;
        }
        wired.push(table);
        match with_tables(file, sites, tables, &wired) {
            Some(shorter) if shorter.edit.saved() > best.edit.saved() => best = shorter,
            _ => {
                wired.pop();
            }
        }
    }
    best.tables = (!wired.is_empty()).then_some(TablePlan { wired, plain });
    best
}

/// The change where the sites of these tables read `RotaryTable` nodes.
fn with_tables(
    file: &ModelFile,
    sites: &[Site],
    tables: &[AngleTable],
    chosen: &[usize],
) -> Option<Plan> {
    let mut edit = Edit::default();
    let mut names = rotary::Names::new(file);
    let wired = Wired::new(file, sites, tables, chosen, &mut names, &mut edit);
    let sites = &wired.sites;
    let uses = Uses {
        rotary: sites.iter().map(rotary::use_of).collect(),
        tables: wired.uses,
    };
    edit.add_functions = functions(file, &uses)?;
    let mut new: BTreeMap<usize, Vec<NodeProto>> = BTreeMap::new();
    for site in sites {
        let cos = rotary::table(site, &site.cos, sites, &mut new, &mut edit, &mut names);
        let sin = rotary::table(site, &site.sin, sites, &mut new, &mut edit, &mut names);
        new.entry(site.node)
            .or_default()
            .push(rotary::node(file, site, cos, sin));
        edit.remove_nodes.insert(site.node);
    }
    // Before the unit axes of their outputs, which stand at the front too.
    for (at, nodes) in wired.nodes {
        new.entry(at).or_default().splice(0..0, nodes);
    }
    dead::remove(file, &new, &mut edit);
    edit.insert_before = new;
    edit.opsets
        .push((contract::DOMAIN.to_owned(), contract::VERSION));
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
