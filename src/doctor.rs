//! What this installation can use on this machine: ONNX Runtime, the operator library in it, the processor and CUDA.

use std::path::{Path, PathBuf};

use phasor_ops::contract;
use phasor_ops::cuda::Driver;
use phasor_ops::simd::Level;
use serde::Serialize;

use crate::engine::locate::{self, Candidate};
#[cfg(feature = "ort")]
use crate::engine::{EngineError, ort::Ort};

/// What was found.
///
/// It is sound if the operator library was found, ONNX Runtime does not refuse it, and what the user names can be used.
#[derive(Clone, Debug, Serialize)]
pub struct Installation {
    /// Whether it is sound.
    pub sound: bool,
    /// Parts that were compiled in: `ort`, `tract`.
    pub features: Vec<&'static str>,
    /// The system that this was compiled for, such as `linux-x86_64`.
    pub system: String,
    /// ONNX Runtime.
    pub onnxruntime: Found,
    /// The operator library.
    pub operators: Found,
    /// Whether ONNX Runtime registers the operator library; `None` where one of them is missing.
    pub registers: Option<bool>,
    /// Instruction sets that the kernels may use here, the one that they choose last.
    pub instruction_sets: Vec<&'static str>,
    /// CUDA.
    pub cuda: Cuda,
    /// What compares models, in the order in which it is tried.
    pub engines: Vec<String>,
    /// How hosts are told of the operator library; empty where there is none that loads.
    pub snippets: Vec<Snippet>,
}

/// A library that was looked for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// Its file.
    pub path: Option<String>,
    /// How it was found.
    pub origin: Option<String>,
    /// Its release, where it has one.
    pub version: Option<String>,
    /// Why it cannot be used, or where it was looked for in vain.
    pub problem: Option<String>,
}

/// The driver of CUDA and its devices.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cuda {
    /// The newest version of CUDA that the driver supports, such as `12.8`.
    pub version: Option<String>,
    /// The devices.
    pub devices: Vec<Device>,
    /// Operators without a kernel for it: with the library, a session on a device runs them on the CPU.
    pub lacking: Vec<&'static str>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// A device of CUDA.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its compute capability, such as `9.0`.
    pub capability: String,
}

/// How a host is told of the operator library.
#[derive(Clone, Debug, Serialize)]
pub struct Snippet {
    /// The host.
    pub host: &'static str,
    /// Code or configuration, with the library's path.
    pub text: String,
}

impl Installation {
    /// Looks at this machine. `onnxruntime` and `operators` are libraries that the user names.
    pub fn examine(onnxruntime: Option<&Path>, operators: Option<&Path>) -> Installation {
        let library = locate::operators(operators).first();
        let library = library.map(|found| Candidate {
            path: std::path::absolute(&found.path).unwrap_or(found.path),
            ..found
        });
        let mut operators = match &library {
            Ok(library) => Found {
                path: Some(library.path.display().to_string()),
                origin: Some(library.origin.clone()),
                ..Found::default()
            },
            Err(tried) => Found::missing(tried.clone()),
        };
        let path = library.as_ref().ok().map(|library| &library.path);
        let is_named = onnxruntime.is_some();
        let (onnxruntime, registered) = load(onnxruntime, path);
        let registers = registered.as_ref().map(Result::is_ok);
        operators.problem = operators.problem.or(registered.and_then(Result::err));
        let sound = operators.problem.is_none() && (!is_named || onnxruntime.problem.is_none());
        let usable = path.filter(|_| operators.problem.is_none());
        let engine = |version: &String| format!("ONNX Runtime {version}");
        let engines = onnxruntime.version.iter().map(engine);
        let embedded = cfg!(feature = "tract").then(|| "tract".to_owned());
        let features = [
            ("ort", cfg!(feature = "ort")),
            ("tract", cfg!(feature = "tract")),
        ];
        let levels = Level::ALL.into_iter().filter(|level| level.is_available());
        Installation {
            sound,
            features: features
                .into_iter()
                .filter(|part| part.1)
                .map(|part| part.0)
                .collect(),
            system: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            engines: engines.chain(embedded).collect(),
            instruction_sets: levels.map(Level::as_str).collect(),
            cuda: Cuda::examine(),
            snippets: usable.map(|path| snippets(path)).unwrap_or_default(),
            onnxruntime,
            operators,
            registers,
        }
    }
}

impl Found {
    fn missing(problem: String) -> Found {
        Found {
            problem: Some(problem),
            ..Found::default()
        }
    }
}

/// ONNX Runtime, and whether it registers the operator library or why not.
#[cfg(feature = "ort")]
fn load(flag: Option<&Path>, library: Option<&PathBuf>) -> (Found, Option<Result<(), String>>) {
    let ort = match Ort::find(flag) {
        Ok(ort) => ort,
        Err(EngineError::Unavailable { cause, .. }) => return (Found::missing(cause), None),
        Err(error) => return (Found::missing(error.to_string()), None),
    };
    let found = Found {
        origin: Some(ort.origin().to_owned()),
        path: Some(ort.library().display().to_string()),
        version: Some(ort.version().to_owned()),
        problem: None,
    };
    let registered = library.map(|library| ort.with_operators([library.clone()]).check());
    (found, registered)
}

#[cfg(not(feature = "ort"))]
fn load(_: Option<&Path>, _: Option<&PathBuf>) -> (Found, Option<Result<(), String>>) {
    let problem = "this build has no part for it: the feature `ort` was left out";
    (Found::missing(problem.to_owned()), None)
}

impl Cuda {
    fn examine() -> Cuda {
        let number = |(major, minor): (u32, u32)| format!("{major}.{minor}");
        let found = Driver::get().and_then(|driver| Ok((driver.version(), driver.devices()?)));
        let specs = contract::ALL.iter().map(|contract| contract.spec());
        let lacking = specs.filter(|spec| !spec.cuda).map(|spec| spec.name);
        let lacking = lacking.collect();
        match found {
            Ok((version, devices)) => Cuda {
                version: version.map(number),
                devices: devices
                    .into_iter()
                    .map(|device| Device {
                        name: device.name,
                        capability: number(device.capability),
                    })
                    .collect(),
                lacking,
                problem: None,
            },
            Err(error) => Cuda {
                lacking,
                problem: Some(error.to_string()),
                ..Cuda::default()
            },
        }
    }
}

fn snippets(library: &Path) -> Vec<Snippet> {
    // Quoted as Python, C++, Rust and protobuf's text format quote alike.
    let quoted = serde_json::Value::from(library.display().to_string()).to_string();
    let snippet = |host, before: &str, after: &str| Snippet {
        host,
        text: format!("{before}{quoted}{after}"),
    };
    vec![
        snippet("Python", "options.register_custom_ops_library(", ")"),
        snippet("C++", "options.RegisterCustomOpsLibrary(ORT_TSTR(", "));"),
        snippet("Rust (ort)", "builder.with_operator_library(", ")?"),
        snippet("Triton", "model_operations { op_library_filename: ", " }"),
    ]
}
