//! Reads position encodings off abstract values.
#![forbid(unsafe_code)]

mod angles;
pub mod around;
mod made;
mod refusal;
mod rotary;
pub mod rules;
mod site;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::symbolic::{Budget, Interpreter, dims};

pub use angles::{AngleTable, Frequencies, RULE as TABLE_RULE, TableUse};
pub use made::Made;
pub use refusal::{Lost, Refusal, Stage};
pub(crate) use rotary::RULE as ROTARY;
pub use site::{Analysis, AngleSource, Pairing, Proof, Site, TableInput};

/// Finds every position encoding of a model that can be proven, and the near misses.
///
/// `hidden` values are there to be understood only: no site names one. Where the budget does not allow to look at all, what was
/// found stands.
pub fn analyse(
    file: &ModelFile,
    facts: &Facts,
    hidden: &FxHashSet<String>,
    budget: &Budget,
) -> Analysis {
    let mut interpreter = Interpreter::run(file, facts, budget);
    let mut analysis = Analysis::default();
    rotary::find(&mut interpreter, hidden, &mut analysis);
    if !analysis.sites.is_empty() {
        let shapes = shapes(&interpreter, &analysis);
        analysis.shapes.extend(shapes);
    }
    analysis.gave_up = interpreter.gave_up;
    analysis
}

/// Shapes of the sites' tensors, of the model's inputs, and of all that the graph computes or reads the shape of.
fn shapes(interpreter: &Interpreter<'_>, analysis: &Analysis) -> FxHashMap<String, Vec<Dim>> {
    let (index, graph) = (interpreter.index(), interpreter.file.graph());
    let tensors = analysis.sites.iter().flat_map(|site| {
        let tables = [&site.cos.value[..], &site.sin.value];
        let used = site.table.iter().flat_map(TableUse::sources);
        let named = [&site.x[..], &site.origin].into_iter().chain(tables);
        named
            .chain(site.sources.iter().map(String::as_str))
            .chain(used)
    });
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
