//! Runs an original in ONNX Runtime, and a fused model in ONNX Runtime with the operator library and in tract with the kernels of this crate; says
//! how far each is from the original.
//!
//! ```text
//! ORT_DYLIB_PATH=/path/to/libonnxruntime.so cargo run --release --example deploy -- model.onnx fused.onnx /path/to/libphasor_ops.so
//! ```

use std::error::Error;
use std::process::ExitCode;

use ort::session::Session;
use phasor::tract::tract_onnx::{self, prelude::*};

const SHAPE: [usize; 2] = [2, 7];
/// Relative to the largest absolute value of the output.
const TOLERANCE: f32 = 2e-5;

type Logits = Result<Vec<f32>, Box<dyn Error>>;

/// The values of `input_ids` and of `attention_mask`.
fn inputs() -> [Vec<i64>; 2] {
    let words = (0..14).map(|i| i * 11 % 48);
    [words.collect(), vec![1; 14]]
}

fn in_onnxruntime(
    environment: &ort::environment::Environment,
    path: &str,
    library: Option<&str>,
) -> Logits {
    let mut builder = Session::builder(environment)?;
    if let Some(library) = library {
        builder = builder.with_operator_library(library)?;
    }
    let mut session = builder.commit_from_file(path)?;
    let [words, mask] = inputs();
    let outputs = session.run(ort::inputs![
        "input_ids" => ort::value::Tensor::from_array((SHAPE, words))?,
        "attention_mask" => ort::value::Tensor::from_array((SHAPE, mask))?,
    ])?;
    let (_, logits) = outputs["logits"].try_extract_tensor::<f32>()?;
    Ok(logits.to_vec())
}

fn in_tract(path: &str) -> Logits {
    let mut onnx = tract_onnx::onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true);
    phasor::tract::register(&mut onnx);
    let mut model = onnx.model_for_path(path)?;
    for input in 0..2 {
        model.set_input_fact(input, i64::fact(SHAPE).into())?;
    }
    let model = model.into_optimized()?.into_runnable()?;
    let mut tensors = tvec!();
    for values in inputs() {
        tensors.push(Tensor::from_shape(&SHAPE, &values)?.into());
    }
    let outputs = model.run(tensors)?;
    Ok(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// Whether a result is as the original's; prints how far it is.
fn same(name: &str, got: &[f32], wanted: &[f32]) -> bool {
    let scale = wanted
        .iter()
        .fold(0f32, |most, value| most.max(value.abs()));
    let differences = || {
        got.iter()
            .zip(wanted)
            .map(|(got, wanted)| (got - wanted).abs() / scale)
    };
    let most = differences().fold(0f32, f32::max);
    println!(
        "{name}: {} logits, largest difference {most:.1e} of the output's scale",
        got.len()
    );
    // A NaN fails too.
    got.len() == wanted.len() && differences().all(|difference| difference <= TOLERANCE)
}

fn run(model: &str, fused: &str, library: &str) -> Result<bool, Box<dyn Error>> {
    // `ort::init` would panic where it finds no library.
    let onnxruntime = std::env::var("ORT_DYLIB_PATH")?;
    let environment = ort::init_from(onnxruntime)?.build()?;
    let wanted = in_onnxruntime(&environment, model, None)?;
    let results = [
        ("ONNX Runtime", in_onnxruntime(&environment, fused, None)?),
        (
            "ONNX Runtime with the library",
            in_onnxruntime(&environment, fused, Some(library))?,
        ),
        ("tract", in_tract(fused)?),
    ];
    // Every one is printed.
    let same: Vec<bool> = results
        .iter()
        .map(|(name, got)| same(name, got, &wanted))
        .collect();
    Ok(same.into_iter().all(|same| same))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, fused, library] = &arguments[..] else {
        eprintln!("error: no models: give the original, the fused model and the operator library");
        return ExitCode::from(2);
    };
    match run(model, fused, library) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprintln!("cause: {inner}");
                cause = inner.source();
            }
            ExitCode::FAILURE
        }
    }
}
