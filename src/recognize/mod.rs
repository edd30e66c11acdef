//! Finds position encodings in abstract values: one folder for each family, and `kit` for what families share.
#![forbid(unsafe_code)]

mod angles;
mod attention;
mod kit;
mod refusal;
mod relative;
mod rotary;
mod rule;
mod sinusoidal;
mod site;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod toy;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::symbolic::{Budget, Interpreter, dims};

pub use angles::{AngleTable, Frequencies, RULE as TABLE_RULE, TableUse};
pub use attention::{Attention, AttentionMask};
pub use kit::made::Made;
pub use refusal::{Lost, Refusal, SEARCH, Stage};
#[cfg(test)]
pub(crate) use relative::testing as relative_testing;
pub use relative::{
    Alibi, BiasAxis, Lut, Positions, Product, RelativeBias, RelativeGather, Rows, Scores, TableAxes,
};
pub(crate) use rotary::RULE as ROTARY_RULE;
pub use rotary::{AngleSource, Pairing, Rotary};
pub use rule::{Rule, Selection};
pub use sinusoidal::{LookedUp, Placed, Sinusoidal, Source};
pub use site::{Analysis, Kind, Proof, Site, TableInput};
#[cfg(test)]
pub use toy::Toy;

use kit::Context;

/// The pages of the rules by which sites and tables are found, in the order of `phasor rules`.
pub const PAGES: [Rule; 8] = [
    rotary::PAGE,
    angles::PAGE,
    relative::BIAS_PAGE,
    relative::GATHER_PAGE,
    relative::ALIBI_PAGE,
    sinusoidal::PAGE,
    sinusoidal::TABLE_PAGE,
    attention::PAGE,
];

/// Finds the position encodings of a model that can be proven, and the near misses.
///
/// `hidden` values help to understand the graph, but no site may name one. If the budget runs out, what was found so far is
/// returned.
pub fn analyse(
    file: &ModelFile,
    facts: &Facts,
    hidden: &FxHashSet<String>,
    budget: &Budget,
) -> Analysis {
    let mut interpreter = Interpreter::run(file, facts, budget);
    let it = &mut interpreter;
    let context = Context::of(it, hidden);
    let mut analysis = Analysis::default();
    rotary::find(it, &context, &mut analysis);
    relative::find(it, &context, &mut analysis);
    sinusoidal::find(it, &context, &mut analysis);
    attention::find(it, &context, &mut analysis);
    #[cfg(test)]
    toy::find(it, &context, &mut analysis);
    analysis.sites.sort_by_key(|site| site.node);
    // Of two families that claim a node the first has it.
    let mut nodes = FxHashSet::default();
    analysis.sites.retain(|site| nodes.insert(site.node));
    let angles = context.angle_tables.into_inner();
    analysis.tables = angles.tables;
    let misses = angles.misses.into_iter().map(|miss| miss.refusal(it));
    analysis.refusals.extend(misses);
    let maker = context.maker.into_inner();
    for (name, value) in &maker.values {
        let shape = value.shape.iter().map(|&p| dims::dim(&it.arena, p));
        analysis.shapes.insert(name.clone(), shape.collect());
    }
    analysis.made = maker.made;
    if !analysis.sites.is_empty() {
        for (name, shape) in shapes(it, &analysis) {
            analysis.shapes.entry(name).or_insert(shape);
        }
    }
    analysis.gave_up = it.gave_up;
    analysis
}

/// Shapes of the sites' tensors, of the model's inputs, and of all values that the graph computes or reads the shape of.
fn shapes(interpreter: &Interpreter<'_>, analysis: &Analysis) -> FxHashMap<String, Vec<Dim>> {
    let (index, graph) = (interpreter.index(), interpreter.file.graph());
    let tensors = analysis.sites.iter().flat_map(Site::tensors);
    let tables = analysis.tables.iter().flat_map(AngleTable::sources);
    let inputs = graph.input.iter().map(|input| input.name());
    let computed = graph.node.iter().flat_map(|node| &node.output);
    let measured = graph.node.iter().filter(|node| node.op_type() == "Shape");
    let mut shapes = FxHashMap::default();
    for name in tensors
        .chain(tables)
        .chain(inputs)
        .chain(computed.map(String::as_str))
        .chain(measured.flat_map(|node| node.input.iter().map(String::as_str)))
    {
        let value = index.id(name).and_then(|id| interpreter.known(id));
        if let (Some(value), false) = (value, shapes.contains_key(name)) {
            let dim = |&p| dims::dim(&interpreter.arena, p);
            shapes.insert(name.to_owned(), value.shape.iter().map(dim).collect());
        }
    }
    shapes
}
