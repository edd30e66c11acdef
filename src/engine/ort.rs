//! The user's own ONNX Runtime, loaded at run time from 1.17 on, on the CPU.
//!
//! One process can load one ONNX Runtime: the first that is loaded stays.
//!
//! An output may share the memory of an input (a graph output that is a graph input, or that a node passes on), so the inputs of a
//! run are kept until its outputs are copied.

mod prepared;

pub(crate) use prepared::Prepared;

use super::allowance::{Allowance, Run};
use super::guard::caught;
use super::locate::{self, Candidate};
use super::{Engine, EngineError, Session, Source};
use crate::onnx::{DataType, Tensor};
use bytes::Bytes;
use half::{bf16, f16};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, SessionInputValue};
use ort::value::{DynValue, TensorElementType, ValueType};
use prost::Message;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

/// Oldest release that is supported.
pub const OLDEST: &str = "1.17";

/// A loaded ONNX Runtime.
#[derive(Clone)]
pub struct Ort {
    environment: Environment,
    version: String,
    library: PathBuf,
    origin: String,
    operators: Vec<PathBuf>,
    threads: usize,
    level: Level,
}

/// How far ONNX Runtime rewrites a graph before it runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Not at all.
    Off,
    /// By rewrites that keep every operator's own arithmetic.
    Basic,
    /// The default.
    #[default]
    Full,
}

/// What is loaded in this process; kept for its lifetime.
static LOADED: Mutex<Option<Ort>> = Mutex::new(None);

impl Ort {
    /// Searches for ONNX Runtime ([`locate::onnxruntime`]) and loads the first that works.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], with everything that was tried.
    pub fn find(flag: Option<&Path>) -> Result<Ort, EngineError> {
        let search = locate::onnxruntime(flag);
        let mut tried = search.tried;
        for candidate in search.candidates {
            match Ort::load(&candidate) {
                Ok(ort) => return Ok(ort),
                Err(_) if candidate.path.components().count() == 1 => {
                    tried.push(format!("none known to {}", candidate.origin));
                }
                Err(why) => tried.push(format!("{}: {why}", candidate.origin)),
            }
        }
        Err(EngineError::Unavailable {
            engine: "ONNX Runtime".to_owned(),
            cause: format!("not found: {}", tried.join("; ")),
            hint: format!(
                "name its library, {OLDEST} or newer, with `--ort` or in `{}`; `--engine tract` does without it",
                locate::ORT_VARIABLE
            ),
        })
    }

    /// Loads one library.
    ///
    /// # Errors
    /// A sentence: the file is not ONNX Runtime, is older than [`OLDEST`], or another one is loaded already.
    pub fn load(candidate: &Candidate) -> Result<Ort, String> {
        let library = &candidate.path;
        let mut loaded = LOADED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(ort) = &*loaded {
            if ort.library == *library {
                return Ok(ort.clone());
            }
            return Err(format!(
                "this process has loaded `{}` already",
                ort.library.display()
            ));
        }
        let environment = caught(|| {
            let builder = ort::init_from(library).map_err(|e| plain(&e.to_string()))?;
            let environment = builder
                .with_name("phasor")
                .with_telemetry(false)
                .build()
                .map_err(|e| plain(&e.to_string()))?;
            environment.set_log_level(LogLevel::Fatal);
            Ok(environment)
        });
        let environment = environment.unwrap_or_else(Err)?;
        let ort = Ort {
            environment,
            version: version(library),
            library: library.clone(),
            origin: candidate.origin.clone(),
            operators: Vec::new(),
            threads: 0,
            level: Level::Full,
        };
        *loaded = Some(ort.clone());
        Ok(ort)
    }

    /// The same, with more operator libraries registered in every session.
    #[must_use]
    pub fn with_operators(mut self, libraries: impl IntoIterator<Item = PathBuf>) -> Ort {
        self.operators.extend(libraries);
        self
    }

    /// The same with one more operator library, which is loaded to check that it works.
    ///
    /// # Errors
    /// A sentence: the file is missing, or ONNX Runtime's message.
    pub(crate) fn registering(&self, library: &Path) -> Result<Ort, String> {
        let shown = library.display();
        if !library.is_file() {
            return Err(format!("no file `{shown}`"));
        }
        // A bare name would be left to the dynamic loader, which does not look where this file is.
        let path = std::path::absolute(library).unwrap_or_else(|_| library.to_owned());
        let with = self.clone().with_operators([path]);
        with.check().map_err(|why| format!("`{shown}`: {why}"))?;
        Ok(with)
    }

    /// The same, at another level of optimisation.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Ort {
        self.level = level;
        self
    }

    /// Checks that sessions can be made, by loading and registering the operator libraries.
    ///
    /// # Errors
    /// ONNX Runtime's message.
    pub fn check(&self) -> Result<(), String> {
        let made = caught(|| self.builder(None).map(drop));
        made?.map_err(|e| plain(&e.to_string()))
    }

    /// The same, with that many threads for one operator; 0 lets ONNX Runtime choose.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Ort {
        self.threads = threads;
        self
    }

    /// Release, such as `1.20.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library that is loaded.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// How that was found.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The operator libraries that sessions register.
    pub fn operators(&self) -> &[PathBuf] {
        &self.operators
    }

    fn builder(&self, folder: Option<&Path>) -> ort::Result<SessionBuilder> {
        let mut builder = ort::session::Session::builder(&self.environment)?
            .with_log_level(LogLevel::Fatal)?
            .with_intra_threads(self.threads)?
            .with_inter_threads(1)?;
        builder = match self.level {
            Level::Off => builder.with_optimization_level(GraphOptimizationLevel::Disable)?,
            Level::Basic => builder.with_optimization_level(GraphOptimizationLevel::Level1)?,
            Level::Full => builder,
        };
        for library in &self.operators {
            builder = builder.with_operator_library(library)?;
        }
        if let Some(folder) = folder.and_then(Path::to_str) {
            builder = builder.with_config_entry(
                "session.model_external_initializers_file_folder_path",
                folder,
            )?;
        }
        Ok(builder)
    }

    fn load_error(&self, cause: impl Into<String>) -> EngineError {
        EngineError::Load {
            engine: self.name(),
            cause: plain(&cause.into()),
        }
    }
}

impl Engine for Ort {
    fn name(&self) -> String {
        format!("ONNX Runtime {}", self.version)
    }

    fn open<'a>(&'a self, model: Source<'a>) -> Result<Box<dyn Session + 'a>, EngineError> {
        let session = caught(|| match model {
            Source::Path(path) => self.builder(None)?.commit_from_file(path),
            Source::Proto(model, folder) => self
                .builder(folder)?
                .commit_from_memory(&model.encode_to_vec()),
        });
        let session = session
            .map_err(|panic| self.load_error(panic))?
            .map_err(|e| self.load_error(e.to_string()))?;
        Ok(Box::new(OrtSession {
            ort: self,
            session,
            allowance: Allowance::default(),
        }))
    }
}

struct OrtSession<'a> {
    ort: &'a Ort,
    session: ort::session::Session,
    allowance: Allowance,
}

/// Works, and ends the runs under `options` when their time is over. ONNX Runtime looks for that between two nodes. Returns also
/// whether it was told to end.
fn watched<T>(run: &Run, options: &RunOptions, work: impl FnOnce() -> T) -> (T, bool) {
    let Some(left) = run.left() else {
        return (work(), false);
    };
    thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        let watch = move || {
            let late = ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout);
            late && options.terminate().is_ok()
        };
        // A machine without a thread to spare leaves the run unwatched.
        let watcher = thread::Builder::new().spawn_scoped(scope, watch);
        let result = work();
        drop(done);
        let late = watcher.is_ok_and(|watcher| watcher.join().unwrap_or(false));
        (result, late)
    })
}

impl Session for OrtSession<'_> {
    fn bound(&mut self, allowance: &Allowance) {
        self.allowance = allowance.clone();
    }

    fn run(
        &mut self,
        inputs: &[(String, Tensor)],
        outputs: &[String],
    ) -> Result<Vec<Tensor>, EngineError> {
        // Declared before the results, which may share its memory, and so dropped after them.
        let mut values: Vec<(&str, DynValue)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            if self
                .session
                .inputs()
                .iter()
                .all(|input| input.name() != name)
            {
                continue;
            }
            let value = to_value(tensor).map_err(|cause| EngineError::Input {
                name: name.clone(),
                cause,
            })?;
            values.push((name, value));
        }
        if let Some(missing) = self
            .session
            .inputs()
            .iter()
            .find(|i| values.iter().all(|(name, _)| *name != i.name()))
        {
            return Err(EngineError::Input {
                name: missing.name().to_owned(),
                cause: "no value is given".to_owned(),
            });
        }
        let known = |name: &&String| {
            self.session
                .outputs()
                .iter()
                .any(|o| o.name() == name.as_str())
        };
        if let Some(name) = outputs.iter().find(|name| !known(name)) {
            return Err(EngineError::Output {
                engine: self.ort.name(),
                name: name.clone(),
            });
        }
        let failed = |cause: String| EngineError::Run {
            engine: self.ort.name(),
            cause: plain(&cause),
        };
        let run = self.allowance.begin();
        let late = || EngineError::Late {
            engine: self.ort.name(),
            cause: run.lateness(),
        };
        if run.is_late() {
            return Err(late());
        }
        let session = &mut self.session;
        let options = caught(RunOptions::new)
            .map_err(&failed)?
            .map_err(|e| failed(e.to_string()))?;
        let (results, ended) = watched(&run, &options, || {
            caught(|| {
                let views = values.iter().map(|(name, value)| (*name, value.into()));
                let views: Vec<(&str, SessionInputValue<'_>)> = views.collect();
                let results = session.run_with_options(views, &options)?;
                Ok(outputs
                    .iter()
                    .map(|name| from_value(&results[name.as_str()]))
                    .collect::<Result<Vec<_>, String>>())
            })
        });
        results
            .map_err(&failed)?
            .map_err(|e: ort::Error| match ended {
                true => late(),
                false => failed(e.to_string()),
            })?
            .map_err(&failed)
    }
}

/// One line of an engine's message.
fn plain(message: &str) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match message.split_once("expected version >= '") {
        Some((_, rest)) => {
            let got = rest
                .split("got '")
                .nth(1)
                .and_then(|v| v.split('\'').next())
                .unwrap_or("older");
            format!("it is ONNX Runtime {got}, but {OLDEST} or newer is needed")
        }
        None => message,
    }
}

/// The release that a loaded library reports, or that its file name states.
fn version(library: &Path) -> String {
    let branch = caught(|| {
        ort::info()
            .split("git-branch=")
            .nth(1)
            .and_then(|rest| rest.split(',').next())
            .map(str::to_owned)
    });
    let of_branch = branch
        .ok()
        .flatten()
        .and_then(|b| b.strip_prefix("rel-").map(str::to_owned));
    let of_file = || {
        let name = library.file_name()?.to_str()?;
        let digits = name.find(|c: char| c.is_ascii_digit())?;
        Some(
            name[digits..]
                .trim_end_matches(std::env::consts::DLL_SUFFIX)
                .to_owned(),
        )
    };
    of_branch
        .or_else(of_file)
        .unwrap_or_else(|| "of unknown version".to_owned())
}

fn to_value(tensor: &Tensor) -> Result<DynValue, String> {
    let shape: Vec<usize> = tensor.shape.clone();
    macro_rules! typed {
        ($t:ty) => {{
            let chunks = tensor.data.as_chunks::<{ size_of::<$t>() }>().0;
            let data: Vec<$t> = chunks
                .iter()
                .map(|chunk| <$t>::from_le_bytes(*chunk))
                .collect();
            ort::value::Tensor::from_array((shape, data)).map(|t| t.into_dyn())
        }};
    }
    match tensor.dtype {
        DataType::F32 => typed!(f32),
        DataType::F64 => typed!(f64),
        DataType::F16 => typed!(f16),
        DataType::BF16 => typed!(bf16),
        DataType::I8 => typed!(i8),
        DataType::I16 => typed!(i16),
        DataType::I32 => typed!(i32),
        DataType::I64 => typed!(i64),
        DataType::U8 => typed!(u8),
        DataType::U16 => typed!(u16),
        DataType::U32 => typed!(u32),
        DataType::U64 => typed!(u64),
        DataType::Bool => {
            let data: Vec<bool> = tensor.data.iter().map(|b| *b != 0).collect();
            ort::value::Tensor::from_array((shape, data)).map(|t| t.into_dyn())
        }
        other => return Err(format!("tensors of type {other} cannot be passed")),
    }
    .map_err(|e| e.to_string())
}

fn from_value(value: &DynValue) -> Result<Tensor, String> {
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err("an output that is not a tensor cannot be read".to_owned());
    };
    macro_rules! typed {
        ($t:ty, $dtype:ident) => {{
            let (shape, values) = value
                .try_extract_tensor::<$t>()
                .map_err(|e| e.to_string())?;
            let mut data = Vec::with_capacity(size_of_val(values));
            values
                .iter()
                .for_each(|v| data.extend_from_slice(&v.to_le_bytes()));
            (DataType::$dtype, shape, data)
        }};
    }
    let (dtype, shape, data) = match ty {
        TensorElementType::Float32 => typed!(f32, F32),
        TensorElementType::Float64 => typed!(f64, F64),
        TensorElementType::Float16 => typed!(f16, F16),
        TensorElementType::Bfloat16 => typed!(bf16, BF16),
        TensorElementType::Int8 => typed!(i8, I8),
        TensorElementType::Int16 => typed!(i16, I16),
        TensorElementType::Int32 => typed!(i32, I32),
        TensorElementType::Int64 => typed!(i64, I64),
        TensorElementType::Uint8 => typed!(u8, U8),
        TensorElementType::Uint16 => typed!(u16, U16),
        TensorElementType::Uint32 => typed!(u32, U32),
        TensorElementType::Uint64 => typed!(u64, U64),
        TensorElementType::Bool => {
            let (shape, values) = value
                .try_extract_tensor::<bool>()
                .map_err(|e| e.to_string())?;
            (
                DataType::Bool,
                shape,
                values.iter().map(|b| u8::from(*b)).collect(),
            )
        }
        other => return Err(format!("an output of type {other:?} cannot be read")),
    };
    Tensor::new(
        dtype,
        shape.iter().map(|n| *n as usize).collect(),
        Bytes::from(data),
    )
}
