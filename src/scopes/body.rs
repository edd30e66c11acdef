//! Makes a model of the body of an If, Loop or Scan node, or of any other node.
//!
//! A value that is carried from one iteration to the next is an output of the body that becomes an input. Its shape is first
//! assumed to be that of the value the node gets, and the body is analysed: if its output has another shape, the assumption is
//! weakened and the analysis repeated. Only what the body keeps in every iteration is known of the input.

use crate::facts::{Dim, Fact, Facts};
use crate::onnx::names::{self, captured_by_body};
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto};
use crate::onnx::{DataType, Error, ModelFile};
use crate::symbolic::{Budget, Interpreter, dims};

use super::library::Library;
use super::outside::Outside;

/// How often one body is analysed. Each round withdraws assumptions that the one before has shown to be wrong; the last one makes
/// none about carried shapes, and needs no check.
const MAX_ROUNDS: usize = 3;

/// A body.
pub(super) struct Body {
    /// The body as a model.
    pub(super) file: ModelFile,
    /// The values that it captures from outside, constants included.
    pub(super) captured: Vec<String>,
}

/// Makes the model of a body of `node`.
///
/// # Errors
/// If the body defines a value twice or has a cycle.
pub(super) fn model(
    outside: Outside<'_>,
    main: &ModelFile,
    node: &NodeProto,
    body: &GraphProto,
    library: &Library<'_>,
    budget: &Budget,
) -> Result<Body, Error> {
    let captured: Vec<String> = captured_by_body(body)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut graph = body.clone();
    for name in &captured {
        bring(&mut graph, outside, name);
    }
    let mut given = Given::of(outside, node, body);
    for round in 0..MAX_ROUNDS {
        for (info, fact) in graph.input.iter_mut().zip(&given.facts) {
            let declared = body.input.iter().find(|i| i.name() == info.name());
            let declared = declared.and_then(Fact::of_info);
            if let Some(fact) = fact
                && (declared.is_some() || info.r#type.is_none())
            {
                let mut known = declared.unwrap_or_default();
                known.fill(fact);
                *info = known.to_info(info.name());
            }
        }
        let file = in_memory(main, graph.clone())?;
        if given.carried.is_empty()
            || round + 1 == MAX_ROUNDS
            || given.holds(&file, library, budget)
        {
            return Ok(Body { file, captured });
        }
        // A shape may weaken size by size for many rounds: after the last check, nothing is assumed of it.
        if round + 2 == MAX_ROUNDS {
            given.forget();
        }
    }
    unreachable!("the last round returns")
}

/// A model of one graph, without the functions that it calls.
fn in_memory(main: &ModelFile, graph: GraphProto) -> Result<ModelFile, Error> {
    let model = main.model();
    let model = ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        graph: Some(graph),
        ..Default::default()
    };
    ModelFile::in_memory(main.path(), model)
}

/// Adds a value from outside to a graph: a constant as it is, anything else as an input with its known type and shape. An
/// initializer that callers may override is no constant.
pub(super) fn bring(graph: &mut GraphProto, outside: Outside<'_>, name: &str) {
    let index = outside.file.index();
    let id = index.id(name);
    let constant = id
        .filter(|id| !index.is_input(*id))
        .and_then(|id| index.initializer(id));
    match constant {
        Some(position) => {
            let tensor = &outside.file.graph().initializer[position];
            graph.initializer.push(tensor.clone());
        }
        None => {
            let fact = outside.facts.get(name).cloned().unwrap_or_default();
            graph.input.push(fact.to_info(name));
        }
    }
}

/// What is assumed of the inputs of a body.
struct Given {
    /// For each input of the body, what is known of it.
    facts: Vec<Option<Fact>>,
    /// Inputs that later iterations get from an output of the body: position of the input, name of the output.
    carried: Vec<(usize, String)>,
}

impl Given {
    fn of(outside: Outside<'_>, node: &NodeProto, body: &GraphProto) -> Given {
        let operand = |slot: usize| {
            let name = node.input.get(slot).filter(|name| !name.is_empty())?;
            outside.facts.get(name).cloned()
        };
        let inputs = body.input.len();
        let output = |at: usize| Some(body.output.get(at)?.name().to_owned());
        let number = |dtype| Fact {
            dtype: Some(dtype),
            shape: Some(Vec::new()),
        };
        let mut given = Given {
            facts: vec![None; inputs],
            carried: Vec::new(),
        };
        let standard = node.is_standard();
        match node.op_type() {
            // Inputs: iteration number, condition, carried values. Outputs: condition, carried values, scanned values.
            "Loop" if standard => {
                for slot in 0..inputs {
                    given.facts[slot] = match slot {
                        0 => Some(number(DataType::I64)),
                        1 => Some(number(DataType::Bool)),
                        _ => operand(slot),
                    };
                    if slot >= 2
                        && let Some(name) = output(slot - 1)
                    {
                        given.carried.push((slot, name));
                    }
                }
            }
            // Inputs: states, then one element of each scanned tensor.
            "Scan" if standard => {
                let scanned = node.int("num_scan_inputs").unwrap_or(0);
                let states = inputs.saturating_sub(usize::try_from(scanned).unwrap_or(0));
                let axes = node.ints("scan_input_axes").unwrap_or_default();
                for slot in 0..inputs {
                    let fact = operand(slot);
                    if slot < states {
                        given.facts[slot] = fact;
                        if let Some(name) = output(slot) {
                            given.carried.push((slot, name));
                        }
                    } else {
                        let axis = axes.get(slot - states).copied().unwrap_or(0);
                        given.facts[slot] = fact.map(|fact| slice(fact, axis));
                    }
                }
            }
            _ => {}
        }
        given
    }

    /// Whether the body gives carried values the shapes that were assumed of them. Sizes that it changes are withdrawn.
    ///
    /// This is an induction: if the shapes hold at the start of an iteration, the body's output shows that they hold at its end.
    fn holds(&mut self, file: &ModelFile, library: &Library<'_>, budget: &Budget) -> bool {
        let facts = with_functions(file, library, budget)
            .map_or_else(|| Facts::of(file), |lent| Facts::of(&lent));
        // The interpreter knows more shapes than the inference rules do.
        let interpreter = Interpreter::run(file, &facts, budget);
        let shape = |name: &str| {
            let value = file.index().id(name).and_then(|id| interpreter.known(id));
            let value = value.map(|value| {
                let shape = value.shape.iter();
                shape
                    .map(|&p| dims::dim(&interpreter.arena, p))
                    .collect::<Vec<_>>()
            });
            value.or_else(|| facts.get(name)?.shape.clone())
        };
        let mut holds = true;
        for (slot, output) in &self.carried {
            let Some(Fact {
                shape: Some(dims), ..
            }) = &mut self.facts[*slot]
            else {
                continue;
            };
            let Some(next) = shape(output).filter(|next| next.len() == dims.len()) else {
                holds = false;
                self.facts[*slot]
                    .iter_mut()
                    .for_each(|fact| fact.shape = None);
                continue;
            };
            for (dim, next) in dims.iter_mut().zip(&next) {
                if !dim.is_unknown() && dim != next {
                    *dim = Dim::Unknown;
                    holds = false;
                }
            }
        }
        holds
    }

    /// Withdraws the shapes of all carried values.
    fn forget(&mut self) {
        for (slot, _) in &self.carried {
            if let Some(fact) = &mut self.facts[*slot] {
                fact.shape = None;
            }
        }
    }
}

/// The model with the functions that it calls, if it calls any and the budget allows.
fn with_functions(file: &ModelFile, library: &Library<'_>, budget: &Budget) -> Option<ModelFile> {
    if !library.any_called(&file.graph().node) {
        return None;
    }
    let mut model = file.model().clone();
    let lent = library.lend(&mut model, budget);
    lent.then(|| ModelFile::in_memory(file.path(), model).ok())?
}

/// One element along an axis.
fn slice(mut fact: Fact, axis: i64) -> Fact {
    fact.shape = fact.shape.and_then(|mut dims| {
        let axis = if axis < 0 {
            axis + dims.len() as i64
        } else {
            axis
        };
        let axis = usize::try_from(axis)
            .ok()
            .filter(|axis| *axis < dims.len())?;
        dims.remove(axis);
        Some(dims)
    });
    fact
}

/// Whether a graph is too small for a site: a rotation takes three nodes.
pub(super) fn is_small(graph: &GraphProto) -> bool {
    names::with_bodies(graph.node.iter()).nth(2).is_none()
}
