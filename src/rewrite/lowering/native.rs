//! Plans sites as our own operators, which can express every site. The model gets their operator set, function bodies and
//! provenance.

use std::collections::BTreeSet;

use crate::onnx::proto::FunctionProto;
use crate::onnx::{Edit, ModelFile};
use crate::recognize::{Kind, Site, Stage, TABLE_RULE};
use crate::rewrite::attention;
use crate::rewrite::draft::Draft;
use crate::rewrite::relative;
use crate::rewrite::rotary::heads::{self, InPlace};
use crate::rewrite::rotary::{self, RotarySite};
use crate::rewrite::sinusoidal;
#[cfg(test)]
use crate::rewrite::toy;
use crate::rewrite::{OLDEST_OPSET, function};

use phasor_ops::contract::{self, Call, DOMAIN, ValueSpec};

use super::{Plan, TablePlan};
use crate::rewrite::subject::{NewCall, Subject};

/// IR version that brought model-local functions with attribute defaults.
const FUNCTION_IR_VERSION: i64 = 9;

/// What a model must declare to carry functions of our operators.
pub(crate) fn carry_functions(edit: &mut Edit) {
    edit.min_ir_version = Some(FUNCTION_IR_VERSION);
    let opset = (DOMAIN.to_owned(), contract::VERSION);
    if !edit.opsets.contains(&opset) {
        edit.opsets.push(opset);
    }
}

/// The operators' bodies, written for these calls.
pub(super) fn functions(file: &ModelFile, calls: &[NewCall]) -> Option<Vec<FunctionProto>> {
    let mut functions = Vec::new();
    for contract in contract::ALL {
        let own = calls
            .iter()
            .filter(|new| new.operator == contract.spec().name);
        let own: Vec<Call> = own.map(|new| new.call.clone()).collect();
        if !own.is_empty() {
            let body = contract.body(file.opset(), &own).ok()?;
            functions.push(function::proto(&body));
        }
    }
    Some(functions)
}

/// Whether a function has the name of one of our operators, but other inputs, outputs or attributes.
pub(super) fn is_foreign(own: &FunctionProto) -> bool {
    let names = |values: &[ValueSpec]| values.iter().map(|v| v.name.to_owned()).collect::<Vec<_>>();
    let of_name = contract::find(own.name()).filter(|_| own.domain() == DOMAIN);
    of_name.map(|contract| contract.spec()).is_some_and(|spec| {
        let attributes = spec.attributes.iter();
        let attributes = attributes.map(|a| function::value(a.name, a.default));
        own.input != names(spec.inputs)
            || own.output != names(spec.outputs)
            || !own.attribute.is_empty()
            || own.attribute_proto != attributes.collect::<Vec<_>>()
    })
}

/// The change that fuses these sites; `paired`: two sites of a layer by one node. It is empty if there are no sites, and
/// leaves all of them if the model's opset is too old.
pub(super) fn plan(subject: &Subject<'_>, sites: &[Site], paired: bool) -> Plan {
    if sites.is_empty() {
        return Plan::default();
    }
    let opset = subject.file.opset();
    if opset < OLDEST_OPSET {
        let reason = format!(
            "the function bodies of `{DOMAIN}` need opset {OLDEST_OPSET} or newer, the model has {opset}"
        );
        return unsupported(sites, &reason);
    }
    let Some(plain) = with_tables(subject, sites, &[], paired, &InPlace::default()) else {
        return unsupported(sites, &without_body(opset));
    };
    let turned: Vec<RotarySite> = rotary_sites(sites);
    let wired = rotary::worthwhile(subject, &turned, &plain.edit, paired);
    let shorter = match wired.is_empty() {
        true => None,
        false => with_tables(subject, sites, &wired, paired, &InPlace::default()),
    };
    // The chosen tables are used only if their function bodies can be written, and if the change as a whole does save nodes.
    let shorter = shorter.filter(|plan| plan.edit.saved() > plain.edit.saved());
    let best = match shorter {
        None => plain,
        Some(mut best) => {
            let plain = plain.edit.change();
            best.tables = Some(TablePlan { wired, plain });
            best
        }
    };
    match paired {
        true => best,
        false => in_place(subject, sites, &turned, best),
    }
}

/// The plan in which rotary sites read their heads where a projection wrote them, if there are such sites.
fn in_place(subject: &Subject<'_>, sites: &[Site], turned: &[RotarySite], plan: Plan) -> Plan {
    let found = heads::find(subject, turned, &plan.edit);
    let wired = plan.tables.as_ref().map_or(&[][..], |tables| &tables.wired);
    let better = match found.is_empty() {
        true => None,
        false => with_tables(subject, sites, wired, false, &found),
    };
    let Some(mut better) = better else {
        return plan;
    };
    // What the tables change is the same.
    let ((removed, added), (more_removed, more_added)) = (plan.edit.change(), better.edit.change());
    better.tables = plan.tables.map(|tables| TablePlan {
        plain: (
            (tables.plain.0 + more_removed).saturating_sub(removed),
            (tables.plain.1 + more_added).saturating_sub(added),
        ),
        ..tables
    });
    better
}

/// Why no site is fused if their calls need a function body that cannot be written.
pub(crate) fn without_body(opset: i64) -> String {
    format!("opset {opset} has no function body that serves all sites of the model")
}

/// What helps where function bodies cannot be written.
pub(crate) const NEWER_OPSET: &str =
    "export the model with a newer opset, or convert it with `onnx.version_converter`";

/// The plan that leaves all sites.
fn unsupported(sites: &[Site], reason: &str) -> Plan {
    let refusals = sites.iter();
    let refusals = refusals.map(|site| site.refused(Stage::Target, reason, NEWER_OPSET));
    Plan {
        unsupported: refusals.enumerate().collect(),
        ..Plan::default()
    }
}

/// The rotary ones among these sites.
pub(in crate::rewrite) fn rotary_sites(sites: &[Site]) -> Vec<RotarySite> {
    let rotary = |site: &Site| Some(RotarySite::new(site, site.rotary()?));
    sites.iter().filter_map(rotary).collect()
}

/// The change in which the sites of the chosen tables read `RotaryTable` nodes, and those `in_place` a packed tensor.
pub(in crate::rewrite) fn with_tables(
    subject: &Subject<'_>,
    sites: &[Site],
    chosen: &[usize],
    paired: bool,
    in_place: &InPlace,
) -> Option<Plan> {
    let mut draft = Draft::new(subject.file).with_plain(subject.writing.plain);
    // A shared node stands before the first site that needs it.
    let mut ordered: Vec<&Site> = sites.iter().collect();
    ordered.sort_by_key(|site| site.node);
    for site in ordered {
        lower(&mut draft, subject, site);
    }
    let rotary = rotary_sites(sites);
    rotary::lower(&mut draft, subject, rotary, chosen, paired, in_place);
    let calls = draft.calls()?;
    let functions = functions(subject.file, &calls)?;
    let rules = sites.iter().map(|site| site.rule);
    let rules = rules.chain(chosen.iter().map(|_| TABLE_RULE));
    draft.tell_of(sites);
    let mut edit = draft.finish(rules, &BTreeSet::new());
    if !calls.is_empty() {
        edit.add_functions = functions;
        carry_functions(&mut edit);
    }
    Some(Plan {
        edit,
        calls,
        ..Plan::default()
    })
}

/// Plans one site of any kind but rotary: several of these share nodes, and are planned together.
pub(super) fn lower(draft: &mut Draft<'_>, subject: &Subject<'_>, site: &Site) {
    match &site.kind {
        Kind::Rotary(_) => {}
        Kind::RelativeBias(bias) => relative::bias(draft, subject, site, bias),
        Kind::RelativeGather(gather) => relative::gather(draft, subject, site, gather),
        Kind::Alibi(alibi) => relative::alibi(draft, subject, site, alibi),
        Kind::Attention(part) => attention::lower(draft, subject, site, part),
        Kind::Sinusoidal(part) => sinusoidal::lower(draft, subject, site, part),
        #[cfg(test)]
        Kind::Toy(toy) => toy::lower(draft, site, toy),
    }
}
