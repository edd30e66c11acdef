//! The embedded engine: any part of a model, run by tract on concrete shapes.
//!
//! The model is copied into the form tract understands (`copy`), every input gets the shape of its tensor, and
//! the graph is translated to typed operators and run unsimplified: tract's own simplifications stay off, because some of them
//! change results. The cost of a cone of a few dozen nodes is about a millisecond.
//!
//! The operators of `ai.phasor` are computed by their kernels (`kernels`), or, in [`TractBodies`], by the function bodies that
//! the model carries. Calls of other functions are expanded.
//!
//! bfloat16, which tract lacks, is computed in f32: inputs are converted exactly, casts to bfloat16 round, other operators do not,
//! and the outputs are f32.

pub(crate) mod bridge;
mod contraction;
pub(crate) mod copy;
mod early;
pub(crate) mod gate;
mod kernels;
mod meter;
pub(crate) mod operators;
mod room;
mod work;

pub use kernels::register;
/// tract, in the version that [`register`] is for.
pub use tract_onnx;

use super::allowance::Allowance;
use super::guard::caught;
use super::{Engine, EngineError, Session, Source};
use crate::onnx::proto::{FunctionProto, GraphProto, ModelProto, TensorProto};
use crate::onnx::{self, ModelFile, Tensor};
use copy::{Plan, Retype, branches};
use prost::Message;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;

/// tract, as it is built into this program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tract;

/// tract as it would be without our kernels: all functions are expanded, ours too.
#[derive(Clone, Copy, Debug, Default)]
pub struct TractBodies;

const NAME: &str = "tract";

/// The largest value that is computed: an allocation that fails ends the program.
const MAX_BYTES: u128 = 2 << 30;

impl Engine for Tract {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn open<'a>(&'a self, model: Source<'a>) -> Result<Box<dyn Session + 'a>, EngineError> {
        open(model, kernels::covers)
    }
}

impl Engine for TractBodies {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn open<'a>(&'a self, model: Source<'a>) -> Result<Box<dyn Session + 'a>, EngineError> {
        open(model, |_| false)
    }
}

/// Decides whether the calls of a function stay calls, because there is a kernel for them.
type Native = fn(&FunctionProto) -> bool;

fn open(model: Source<'_>, native: Native) -> Result<Box<dyn Session + '_>, EngineError> {
    let fault = |e: onnx::Error| EngineError::Model(e.to_string());
    let (weights, allowance) = (Weights::default(), Allowance::default());
    Ok(match model {
        Source::Path(path) => Box::new(TractFile {
            file: ModelFile::open(path).map_err(fault)?,
            native,
            weights,
            allowance,
        }),
        Source::Proto(model, folder) => Box::new(TractModel {
            model,
            data: folder.map(data_file).transpose().map_err(fault)?,
            native,
            weights,
            allowance,
        }),
    })
}

/// Weights that a session has converted already.
type Weights = FxHashMap<String, Arc<TractTensor>>;

/// A file without nodes, through which the external data in a folder is read.
fn data_file(folder: &Path) -> Result<ModelFile, onnx::Error> {
    let model = ModelProto {
        graph: Some(GraphProto::default()),
        ..ModelProto::default()
    };
    let name = folder.join("model in memory");
    ModelFile::from_bytes(&name.to_string_lossy(), model.encode_to_vec().into())
}

struct TractFile {
    file: ModelFile,
    native: Native,
    weights: Weights,
    allowance: Allowance,
}

impl Session for TractFile {
    fn bound(&mut self, allowance: &Allowance) {
        self.allowance = allowance.clone();
    }

    fn check(&mut self, outputs: &[String]) -> Result<(), EngineError> {
        let model = copy::inlined_but(self.file.model(), self.native);
        meter::measured(&self.allowance, || early::check(model, outputs))
    }

    fn run(
        &mut self,
        inputs: &[(String, Tensor)],
        outputs: &[String],
    ) -> Result<Vec<Tensor>, EngineError> {
        let read = |tensor: &TensorProto| self.file.tensor(tensor).map_err(|e| e.to_string());
        let model = copy::inlined_but(self.file.model(), self.native);
        meter::measured(&self.allowance, || {
            run(model, &read, &mut self.weights, inputs, outputs)
        })
    }
}

struct TractModel<'a> {
    model: &'a ModelProto,
    data: Option<ModelFile>,
    native: Native,
    weights: Weights,
    allowance: Allowance,
}

impl Session for TractModel<'_> {
    fn bound(&mut self, allowance: &Allowance) {
        self.allowance = allowance.clone();
    }

    fn check(&mut self, outputs: &[String]) -> Result<(), EngineError> {
        let model = copy::inlined_but(self.model, self.native);
        meter::measured(&self.allowance, || early::check(model, outputs))
    }

    fn run(
        &mut self,
        inputs: &[(String, Tensor)],
        outputs: &[String],
    ) -> Result<Vec<Tensor>, EngineError> {
        let read = |tensor: &TensorProto| match &self.data {
            Some(data) => data.tensor(tensor).map_err(|e| e.to_string()),
            None => Tensor::from_proto(tensor)
                .map_err(|cause| format!("tensor `{}`: {cause}", tensor.name())),
        };
        let model = copy::inlined_but(self.model, self.native);
        meter::measured(&self.allowance, || {
            run(model, &read, &mut self.weights, inputs, outputs)
        })
    }
}

/// Reads the elements of an initializer.
type Read<'a> = &'a dyn Fn(&TensorProto) -> Result<Tensor, String>;

fn run_error(cause: String) -> EngineError {
    EngineError::Run {
        engine: NAME.to_owned(),
        cause,
    }
}

fn load_error(cause: impl Into<String>) -> EngineError {
    EngineError::Load {
        engine: NAME.to_owned(),
        cause: cause.into(),
    }
}

/// The copy that tract reads, of a model whose functions are inlined.
fn prepared(
    model: &ModelProto,
    outputs: &[String],
    given: &FxHashSet<&str>,
) -> Result<(copy::Scratch, Retype), EngineError> {
    let plan = Plan {
        outputs: Some(outputs),
        given,
        keep_bytes: 0,
        retype: Retype::bf16_as_f32(),
    };
    let mut scratch = copy::scratch(model, &plan).map_err(load_error)?;
    scratch
        .model
        .graph
        .iter_mut()
        .for_each(operators::insert_adapters);
    Ok((scratch, plan.retype))
}

/// Runs a model whose functions are inlined.
fn run(
    model: Cow<'_, ModelProto>,
    read: Read<'_>,
    weights: &mut Weights,
    inputs: &[(String, Tensor)],
    outputs: &[String],
) -> Result<Vec<Tensor>, EngineError> {
    let given: FxHashMap<&str, &Tensor> =
        inputs.iter().map(|(name, t)| (name.as_str(), t)).collect();
    let model = branches::resolved(model, &|name| branches::scalar_truth(given.get(name)?));
    let names: FxHashSet<&str> = given.keys().copied().collect();
    let (mut scratch, retype) = prepared(&model, outputs, &names)?;
    let graph = scratch
        .model
        .graph
        .as_mut()
        .expect("a scratch copy has a graph");
    let taken_out: FxHashSet<&str> = scratch.weights.iter().map(TensorProto::name).collect();
    for info in &mut graph.input {
        let name = info.name();
        if let Some(tensor) = given.get(name) {
            let dims: Vec<i64> = tensor.shape.iter().map(|n| *n as i64).collect();
            *info = copy::tensor_input(name, retype.code(tensor.dtype.to_onnx()), &dims);
        } else if !taken_out.contains(name) {
            return Err(EngineError::Input {
                name: name.to_owned(),
                cause: "no value is given".to_owned(),
            });
        }
    }
    let sources: Vec<(&str, &Tensor)> = graph
        .input
        .iter()
        .filter_map(|info| {
            given
                .get_key_value(info.name())
                .map(|(name, tensor)| (*name, *tensor))
        })
        .collect();
    guarded(|| {
        let values = sources
            .iter()
            .map(|(_, tensor)| bridge::to_tract(tensor).map(TractTensor::into))
            .collect::<Result<TVec<TValue>, String>>()
            .map_err(load_error)?;
        let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
        let model = load(&scratch, &names, &values, read, weights)
            .map_err(|e| load_error(format!("{e:#}")))?;
        let results = model
            .into_runnable()
            .and_then(|plan| plan.spawn())
            .and_then(|mut state| state.run_plan_with_eval(values, meter::evaluate))
            .map_err(|e| run_error(format!("{e:#}")))?;
        results
            .iter()
            .map(|t| bridge::from_tract(t))
            .collect::<Result<Vec<_>, _>>()
            .map_err(run_error)
    })
}

type TractTensor = tract_onnx::prelude::Tensor;

/// Parses and types a copy whose inputs, beside the weights, are `sources` with these values.
fn load(
    scratch: &copy::Scratch,
    sources: &[&str],
    values: &[TValue],
    read: Read<'_>,
    weights: &mut Weights,
) -> TractResult<TypedModel> {
    let proto = bridge::model(&scratch.model).map_err(TractError::msg)?;
    let parsed = framework().parse(&proto, None)?;
    let mut model = parsed.model;
    if let Some(name) = parsed.unresolved_inputs.first() {
        return Err(TractError::msg(format!(
            "value `{name}` is computed by no node"
        )));
    }
    for proto in &scratch.weights {
        let tensor = match weights.get(proto.name()) {
            Some(tensor) => tensor.clone(),
            None => {
                let tensor = read(proto)
                    .and_then(|t| bridge::to_tract(&t))
                    .map_err(TractError::msg)?;
                let tensor = tensor.into_arc_tensor();
                weights.insert(proto.name().to_owned(), tensor.clone());
                tensor
            }
        };
        let outlet = parsed.outlets_by_name[proto.name()];
        let node = model.node_mut(outlet.node);
        node.outputs[0].fact = InferenceFact::from(&TypedFact::try_from(tensor.clone())?);
        node.op = Box::new(Const::new(tensor)?);
    }
    let outlets: Vec<OutletId> = sources
        .iter()
        .map(|name| parsed.outlets_by_name[*name])
        .collect();
    // Parsing drops the type of an input that is also an output.
    for (outlet, value) in outlets.iter().zip(values) {
        model.set_outlet_fact(
            *outlet,
            InferenceFact::dt_shape(value.datum_type(), value.shape()),
        )?;
    }
    model.set_input_outlets(&outlets)?;
    let mut model = model.into_typed()?;
    contraction::install(&mut model)?;
    Ok(model)
}

/// tract's ONNX reader with our builders, made once.
fn framework() -> &'static Onnx {
    static FRAMEWORK: OnceLock<Onnx> = OnceLock::new();
    FRAMEWORK.get_or_init(|| gate::closed(open_framework(), build))
}

fn build(context: &ParsingContext, node: &pb::NodeProto) -> gate::Built {
    gate::build(open_framework(), Some(MAX_BYTES), context, node)
}

/// The reader in front of which the gate stands.
fn open_framework() -> &'static Onnx {
    static OPEN: OnceLock<Onnx> = OnceLock::new();
    OPEN.get_or_init(|| {
        let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
        operators::register(&mut onnx);
        kernels::register_qualified(&mut onnx);
        onnx
    })
}

/// Runs tract so that its panics become errors.
fn guarded<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    caught(work).unwrap_or_else(|cause| {
        Err(EngineError::Run {
            engine: NAME.to_owned(),
            cause: format!("it met a case that it does not handle: {cause}"),
        })
    })
}
