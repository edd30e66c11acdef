//! Facts that tract's shape inference derives.
//!
//! The graph is handed over as a skeleton: weights are inputs of known type and shape, foreign operators are opaque, types that
//! tract lacks have stand-ins, and every symbolic dimension is a symbol that cannot be negative. Each node is then inferred on
//! its own ([`driver`]), so that one that fails costs only its own facts.

mod builders;
mod convert;
mod driver;
mod reshape;

use super::{Dim, Fact, declared};
use crate::engine::guard::caught;
use crate::engine::tract::copy::{self, Plan, Retype, branches};
use crate::engine::tract::{bridge, gate};
use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::proto::{
    AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto,
};
use convert::Symbols;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::OnceLock;
use tract_onnx::model::{Onnx, ParseResult, ParsingContext};
use tract_onnx::pb;
use tract_onnx::prelude::InferenceModel;
use tract_onnx::tract_hir::internal::Factoid;

/// Constants up to this size may take part in shape computations, so that their values are kept.
const KEEP_BYTES: usize = 4096;

/// Analyses of one model at most: each but the last resolves `If` nodes.
const MAX_ROUNDS: usize = 3;

/// The derived facts by value name; empty if the model cannot be analysed.
pub(super) fn facts(model: &ModelProto) -> FxHashMap<String, Fact> {
    caught(|| analyse(model)).ok().flatten().unwrap_or_default()
}

fn analyse(model: &ModelProto) -> Option<FxHashMap<String, Fact>> {
    let mut model = branches::resolved(copy::inlined(model), &|_| None);
    for _ in 0..MAX_ROUNDS {
        let (facts, conditions) = round(&model)?;
        if conditions.is_empty() {
            return Some(facts);
        }
        // The condition of a branch may be known only now.
        model = branches::resolved(model, &|name| conditions.get(name).copied());
    }
    Some(round(&model)?.0)
}

type Facts = FxHashMap<String, Fact>;

/// One analysis: the facts, and the conditions of `If` nodes that they decide.
fn round(model: &ModelProto) -> Option<(Facts, FxHashMap<String, bool>)> {
    let graph = model.graph.as_ref()?;
    let retype = Retype::distinct(graph)?;
    let given = FxHashSet::default();
    let plan = Plan {
        outputs: None,
        given: &given,
        keep_bytes: KEEP_BYTES,
        retype,
    };
    let mut scratch = copy::scratch(model, &plan).ok()?;
    let symbols = prepare_inputs(&mut scratch.model);
    constants_as_nodes(&mut scratch.model);
    let proto = bridge::model(&scratch.model).ok()?;
    let ParseResult {
        mut model,
        outlets_by_name,
        ..
    } = parse(proto, &symbols)?;
    let known = driver::infer(&mut model);

    let mut conditions = FxHashMap::default();
    for node in graph.node.iter().filter(|node| node.op_type() == "If") {
        let Some(name) = node.input.first() else {
            continue;
        };
        let fact = outlets_by_name
            .get(name)
            .and_then(|outlet| model.outlet_fact(*outlet).ok());
        let value = fact.and_then(|fact| fact.value.concretize());
        // tract reads the first element of a tensor that has none.
        let value = value.filter(|tensor| tensor.len() == 1);
        if let Some(value) = value.and_then(|tensor| tensor.cast_to_scalar::<bool>().ok()) {
            conditions.insert(name.clone(), value);
        }
    }
    let believed = outlets_by_name
        .into_iter()
        .filter(|(_, outlet)| !known.is_wrong(*outlet));
    let facts = believed
        .filter_map(|(name, outlet)| {
            let fact = model.outlet_fact(outlet).ok()?;
            Some((name, symbols.fact(fact, &plan.retype)))
        })
        .collect();
    Some((facts, conditions))
}

/// Makes a node of each initializer: tract compares every new initializer with all before it, and nodes with none.
fn constants_as_nodes(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else {
        return;
    };
    let constants = std::mem::take(&mut graph.initializer);
    let node = |tensor: TensorProto| NodeProto {
        op_type: Some("Constant".to_owned()),
        output: vec![tensor.name().to_owned()],
        attribute: vec![AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(AttributeType::Tensor as i32),
            t: Some(Box::new(tensor)),
            ..Default::default()
        }],
        ..Default::default()
    };
    // Of several with one name the last counts.
    let mut seen = FxHashSet::default();
    let last = constants.into_iter().rev();
    let mut nodes: Vec<NodeProto> = last
        .filter(|tensor| seen.insert(tensor.name().to_owned()))
        .map(node)
        .collect();
    nodes.append(&mut graph.node);
    graph.node = nodes;
}

/// Leaves only inputs of tensor types that tract has, and puts symbols of our own into their dimensions.
fn prepare_inputs(model: &mut ModelProto) -> Symbols {
    let mut symbols = Symbols::default();
    let Some(graph) = &mut model.graph else {
        return symbols;
    };
    graph.input.retain(is_readable);
    for info in &mut graph.input {
        let name = info.name().to_owned();
        let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_mut().and_then(|t| t.value.as_mut())
        else {
            continue;
        };
        for (axis, dim) in tensor
            .shape
            .iter_mut()
            .flat_map(|shape| &mut shape.dim)
            .enumerate()
        {
            let size = match declared::dim(dim) {
                Dim::Unknown => Dim::symbol(format!("{name}[{axis}]")),
                dim => dim,
            };
            let value = match size {
                Dim::Known(n) => dimension::Value::DimValue(n),
                symbolic => dimension::Value::DimParam(symbols.expression(&symbolic)),
            };
            *dim = Dimension {
                value: Some(value),
                denotation: None,
            };
        }
    }
    symbols
}

fn is_readable(info: &ValueInfoProto) -> bool {
    match info.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => {
            crate::onnx::DataType::from_onnx(tensor.elem_type()).is_some_and(copy::is_known)
        }
        _ => false,
    }
}

/// Parses the skeleton. If an operator's builder refuses a node, all nodes are tried and those refused are made opaque.
fn parse(mut proto: pb::ModelProto, symbols: &Symbols) -> Option<ParseResult> {
    let attempt = |proto: &pb::ModelProto| -> Option<ParseResult> {
        let template = InferenceModel::default();
        for symbol in symbols.names() {
            template
                .symbols
                .add_assertion(format!("{symbol}>=0"))
                .ok()?;
        }
        caught(|| framework().parse_with_template(proto, None, template))
            .ok()?
            .ok()
    };
    if let Some(parsed) = attempt(&proto) {
        return Some(parsed);
    }
    builders::make_unbuildable_opaque(framework(), &mut proto);
    attempt(&proto)
}

fn framework() -> &'static Onnx {
    static FRAMEWORK: OnceLock<Onnx> = OnceLock::new();
    FRAMEWORK.get_or_init(|| gate::closed(open(), build))
}

fn build(context: &ParsingContext, node: &pb::NodeProto) -> gate::Built {
    gate::build(open(), None, context, node)
}

/// The reader in front of which the gate stands.
fn open() -> &'static Onnx {
    static OPEN: OnceLock<Onnx> = OnceLock::new();
    OPEN.get_or_init(|| {
        let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
        builders::register(&mut onnx);
        reshape::register(&mut onnx);
        onnx
    })
}
