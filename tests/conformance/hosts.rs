//! What runs models here.

use crate::build;
use crate::common::Runner;
use crate::host::{Call, Host, Tensor};
use phasor::engine::ort::Ort;
use phasor::engine::tract::Tract;
use phasor::engine::{Engine, Source, locate};
use phasor::onnx::proto::{ModelProto, TypeProto, type_proto};
use phasor::onnx::{self, DataType};
use phasor::rewrite;
use phasor_ops::contract::{
    self, AttributeValue, DOMAIN, ElementType, OperatorSpec, TensorType, ValueSpec,
};
use phasor_ops::contract::{attention, cached_attention};
use std::io::Write;
use std::sync::{LazyLock, Once};

/// The variable with which a skip is a failure.
const STRICT: &str = "PHASOR_STRICT";

/// How a node is computed.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// By a kernel.
    Kernel,
    /// By the function that a model carries where its nodes are not known, for a model of this opset.
    Function(i64),
    /// By the function for this node, expanded into a model of this opset.
    Expanded(i64),
}

struct Machine {
    name: String,
    engine: Box<dyn Engine + Send + Sync>,
    way: Way,
    types: &'static [ElementType],
    /// The minor number of the release of ONNX Runtime, if that is what it is.
    release: Option<u32>,
}

/// All there are.
pub(crate) fn runners() -> impl Iterator<Item = Runner> {
    static ALL: LazyLock<Vec<Machine>> = LazyLock::new(machines);
    ALL.iter().map(|machine| Runner::Host(machine))
}

fn machines() -> Vec<Machine> {
    use ElementType::{F16, F32, F64};
    let mut all = Vec::new();
    let mut add = |name: &str, engine: Box<dyn Engine + Send + Sync>, release, way, types| {
        let how = match way {
            Way::Kernel => "kernels".to_owned(),
            Way::Function(opset) => format!("functions, opset {opset}"),
            Way::Expanded(opset) => format!("expanded, opset {opset}"),
        };
        all.push(Machine {
            name: format!("{name}, {how}"),
            engine,
            way,
            types,
            release,
        });
    };
    add(
        "tract",
        Box::new(Tract),
        None,
        Way::Kernel,
        &[F32, F16, F64],
    );
    add(
        "tract",
        Box::new(Tract),
        None,
        Way::Expanded(17),
        &[F32, F64],
    );
    match onnx_runtime() {
        Err(why) => {
            assert!(std::env::var_os(STRICT).is_none(), "{why}");
            say(&format!("skipped: conformance in ONNX Runtime: {why}"));
        }
        Ok((ort, library)) => {
            let name = ort.name();
            let release = ort.version().split('.').nth(1).and_then(|n| n.parse().ok());
            let plain = || Box::new(ort.clone());
            let registered = Box::new(ort.clone().with_operators(Some(library)));
            add(&name, registered, release, Way::Kernel, &ElementType::ALL);
            add(&name, plain(), release, Way::Function(17), &[F32, F16, F64]);
            add(&name, plain(), release, Way::Expanded(13), &[F32, F16, F64]);
        }
    }
    all
}

/// ONNX Runtime and the operator library, wherever the command line would find them.
fn onnx_runtime() -> Result<(Ort, std::path::PathBuf), String> {
    let ort = Ort::find(None).map_err(|e| e.to_string())?;
    let library = locate::operators(None).first()?;
    Ok((ort.with_threads(1), library.path))
}

fn say(text: &str) {
    // Not `eprintln`: the test harness swallows it.
    drop(writeln!(std::io::stderr(), "{text}"));
}

impl Host for Machine {
    fn name(&self) -> &str {
        &self.name
    }

    fn has_kernels(&self) -> bool {
        self.way == Way::Kernel
    }

    fn takes(&self, spec: &OperatorSpec, types: &[TensorType]) -> bool {
        use ElementType::F64;
        let elements = |t: &TensorType| match t {
            TensorType::Element(element) => self.types.contains(element),
            _ => true,
        };
        // Releases before 1.32 fuse products in double into one that they have no kernel for (1.20), and round a tanh in double to float.
        let is_old = self.release.is_some_and(|release| release < 32);
        let in_double = types.contains(&TensorType::Element(F64));
        let is_served = !(is_old
            && in_double
            && self.way != Way::Kernel
            && [attention::NAME, cached_attention::NAME].contains(&spec.name));
        is_served && spec.kernels.contains(&types) && types.iter().all(elements)
    }

    /// `Max` and `Min` of int64, which function bodies clamp distances with, are wrong from ONNX Runtime 1.22 to 1.31 where 31 bits do not
    /// hold the numbers.
    fn reaches(&self, size: u64) -> bool {
        let narrow = self.way != Way::Kernel && self.release.is_some_and(|r| (22..32).contains(&r));
        !narrow || size < 1 << 30
    }

    /// The `Reshape` of opset 13 cannot be told a size of 0, which releases before 1.32 take for the size that the tensor has.
    fn splits_nothing(&self) -> bool {
        let is_old = self.release.is_some_and(|release| release < 32);
        !(is_old && self.way == Way::Expanded(13))
    }

    /// tract's softmax looks for the largest element.
    fn normalises_nothing(&self) -> bool {
        self.release.is_some()
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, String> {
        let spec = call.spec;
        let inputs: Vec<(String, onnx::Tensor)> = spec
            .inputs
            .iter()
            .zip(&call.inputs)
            .map(|(value, tensor)| (value.name.to_owned(), given(tensor)))
            .collect();
        let outputs: Vec<String> = spec.outputs.iter().map(|v| v.name.to_owned()).collect();
        let model = model(call, self.way)?;
        if self.release.is_some() && self.way == Way::Kernel {
            // ONNX Runtime keeps a list of domains for all sessions, and adds a new one to it without a lock.
            static FIRST: Once = Once::new();
            FIRST.call_once(|| drop(self.engine.open(Source::Proto(&model, None))));
        }
        let results = self
            .engine
            .run(Source::Proto(&model, None), &inputs, &outputs);
        let results = results.map_err(|e| e.to_string())?;
        results
            .into_iter()
            .zip(spec.outputs)
            .map(|(result, value)| taken(result, type_of(call, value.of)))
            .collect()
    }
}

/// The type that a parameter of the description stands for in a call.
fn type_of(call: &Call, of: &str) -> TensorType {
    let input = call.spec.inputs.iter().position(|value| value.of == of);
    call.inputs[input.expect("a type of inputs")].of
}

fn given(tensor: &Tensor) -> onnx::Tensor {
    let dtype = DataType::from_onnx(tensor.of.to_onnx()).expect("a type of ONNX");
    let bytes = tensor.bytes.clone().into();
    onnx::Tensor::new(dtype, tensor.shape.clone(), bytes).expect("as many bytes as elements")
}

fn taken(tensor: onnx::Tensor, expected: TensorType) -> Result<Tensor, String> {
    if tensor.dtype.to_onnx() != expected.to_onnx() {
        return Err(format!("a result of {}, not {expected:?}", tensor.dtype));
    }
    Ok(Tensor {
        of: expected,
        shape: tensor.shape,
        bytes: tensor.data.to_vec(),
    })
}

/// The node alone in a model.
fn model(call: &Call, way: Way) -> Result<ModelProto, String> {
    let spec = call.spec;
    let names = |values: &[ValueSpec]| values.iter().map(|v| v.name).collect::<Vec<_>>().join(", ");
    let mut text = String::new();
    for (value, tensor) in spec.inputs.iter().zip(&call.inputs) {
        text += &format!("{}: {}{:?}\n", value.name, tensor.of.as_str(), tensor.shape);
    }
    let (outputs, inputs) = (names(spec.outputs), names(spec.inputs));
    text += &format!("{outputs} = {DOMAIN}::{}({inputs})", spec.name);
    for (name, value) in &call.attributes {
        text += &match value {
            AttributeValue::Int(i) => format!(" {name}={i}"),
            AttributeValue::Float(f) => format!(" {name}={f:?}"),
        };
    }
    let mut model = build::model(&text, &[]);
    let opset = match way {
        Way::Kernel => 17,
        Way::Function(opset) | Way::Expanded(opset) => opset,
    };
    model.opset_import = vec![build::opset("", opset), build::opset(DOMAIN, 1)];
    let graph = model.graph.as_mut().expect("a graph");
    graph.name = Some("g".to_owned());
    for (info, value) in graph.output.iter_mut().zip(spec.outputs) {
        let tensor = type_proto::Tensor {
            elem_type: Some(type_of(call, value.of).to_onnx()),
            shape: None,
        };
        info.r#type = Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            denotation: None,
        });
    }
    match way {
        Way::Kernel => {}
        Way::Function(opset) => {
            let contract = contract::find(spec.name).ok_or("no such operator")?;
            let body = contract.body(opset, &[]).map_err(|e| e.to_string())?;
            model.functions.push(rewrite::function(&body));
        }
        Way::Expanded(_) => {
            let file = build::open(&model);
            let (edit, _) = rewrite::unfuse(&file).map_err(|e| e.to_string())?;
            model = file.edited(&edit);
        }
    }
    Ok(model)
}
