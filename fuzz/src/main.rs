//! Runs the commands of Phasor on damaged models, and keeps those on which one ends otherwise than it should.
//!
//! `cargo run --release -p phasor-fuzz -- --seconds 60` damages the models of `models` (as they are, and fused) and of `tests/hostile`,
//! and runs every command on each. A finding is an end by a signal, an exit code that no command has, a panic, or more time than allowed;
//! running out of the address space allowed is an end by a signal. A finding is kept with the fewest of its changes that make it, under
//! the number of its case: `--seed N --cases 1` makes case N again.
//!
//! Exit codes: 0 nothing found, 1 something found, 2 it could not be started.

mod mutate;
mod random;
mod run;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use phasor::onnx::proto::{ModelProto, NodeProto};
use prost::Message;
use random::Random;
use run::{COMMANDS, Limits, Runner};

/// Runs the commands of Phasor on damaged models.
#[derive(Parser)]
struct Arguments {
    /// How long to go on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first case
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The most cases
    #[arg(long, default_value_t = u64::MAX)]
    cases: u64,
    /// Seconds of a processor that one command may take
    #[arg(long, default_value_t = 20)]
    time: u64,
    /// Gigabytes of address space that one command may take
    #[arg(long, default_value_t = 4)]
    memory: u64,
    /// Where findings are kept
    #[arg(long, value_name = "FOLDER", default_value = "target/fuzz")]
    output: PathBuf,
    /// The program; without it, it is built
    #[arg(long, value_name = "PATH")]
    phasor: Option<PathBuf>,
}

fn main() -> ExitCode {
    match fuzz(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The number of findings.
fn fuzz(arguments: &Arguments) -> Result<usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the fuzzer lies in the repository")?;
    let program = match &arguments.phasor {
        Some(program) => program.clone(),
        None => built(root)?,
    };
    let scratch = tempfile::tempdir()?;
    let runner = Runner {
        program,
        limits: Limits {
            time: Duration::from_secs(arguments.time),
            memory: arguments.memory << 20,
        },
        folder: scratch.path().to_owned(),
    };
    let bases = bases(root, &runner)?;
    let nodes = nodes(&bases);
    let model = scratch.path().join("model.onnx");
    let begun = Instant::now();
    let (mut cases, mut runs, mut findings) = (0u64, 0u64, 0);
    while cases < arguments.cases && begun.elapsed().as_secs() < arguments.seconds {
        let seed = arguments.seed.wrapping_add(cases);
        cases += 1;
        let case = Case::new(seed, &bases, &nodes);
        fs::write(&model, case.bytes(&case.all()))?;
        for command in COMMANDS {
            runs += 1;
            let Some(fault) = runner.fault(command, &model)? else {
                continue;
            };
            findings += 1;
            let fewest = case.fewest(|bytes| {
                fs::write(&model, bytes)?;
                Ok(runner.fault(command, &model)?.is_some())
            })?;
            fs::create_dir_all(&arguments.output)?;
            let kept = arguments.output.join(format!("{seed}-{}.onnx", command[0]));
            fs::write(&kept, case.bytes(&fewest))?;
            println!(
                "finding {seed}: {}: {fault}: `{}`",
                command.join(" "),
                kept.display()
            );
            break;
        }
    }
    println!(
        "{cases} cases, {runs} runs of commands in {} s: {findings} findings",
        begun.elapsed().as_secs()
    );
    Ok(findings)
}

/// Builds the program, beside this one, as a build of the default members does: chosen by its package alone, its dependencies would have other
/// features, and all of them would be compiled once more.
fn built(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--release", "--bin", "phasor"])
        .current_dir(root);
    ensure!(build.status()?.success(), "`phasor` cannot be built");
    let own = std::env::current_exe()?;
    Ok(own.with_file_name(format!("phasor{}", std::env::consts::EXE_SUFFIX)))
}

/// The sound and the malformed models that are damaged, in an order that is always the same.
fn bases(root: &Path, runner: &Runner) -> Result<Vec<Vec<u8>>> {
    let mut bases = Vec::new();
    let fused = runner.folder.join("fused.onnx");
    for folder in listed(&root.join("models"))? {
        let model = folder.join("model.onnx");
        if !model.is_file() {
            continue;
        }
        bases.push(fs::read(&model)?);
        let mut fuse = Command::new(&runner.program);
        fuse.arg("fuse")
            .arg(&model)
            .arg("-o")
            .arg(&fused)
            .args(["--force", "--no-verify"]);
        let status = fuse.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "`{}` cannot be fused", model.display());
        bases.push(fs::read(&fused)?);
    }
    for file in listed(&root.join("tests/hostile"))? {
        if file
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            bases.push(fs::read(&file)?);
        }
    }
    Ok(bases)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("`{}`", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// All nodes of the models, to be spliced into others.
fn nodes(bases: &[Vec<u8>]) -> Vec<NodeProto> {
    let models = bases
        .iter()
        .filter_map(|bytes| ModelProto::decode(bytes.as_slice()).ok());
    models
        .filter_map(|model| model.graph)
        .flat_map(|graph| graph.node)
        .collect()
}

/// A model and the changes that are made to it.
struct Case<'a> {
    base: &'a [u8],
    nodes: &'a [NodeProto],
    seed: u64,
    changes: usize,
}

impl<'a> Case<'a> {
    fn new(seed: u64, bases: &'a [Vec<u8>], nodes: &'a [NodeProto]) -> Case<'a> {
        let mut random = Random::new(seed);
        Case {
            base: bases[random.below(bases.len())].as_slice(),
            nodes,
            seed,
            changes: 1 + random.below(4),
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.changes).collect()
    }

    /// The model with some of the changes; each has its own random choices.
    fn bytes(&self, changes: &[usize]) -> Vec<u8> {
        let damaged = |bytes, change: &usize| {
            let mut random = Random::new(self.seed ^ ((*change as u64 + 1) << 48));
            mutate::damage(bytes, self.nodes, &mut random)
        };
        changes.iter().fold(self.base.to_vec(), damaged)
    }

    /// As few of the changes as still fail.
    fn fewest(&self, fails: impl Fn(Vec<u8>) -> Result<bool>) -> Result<Vec<usize>> {
        let mut kept = self.all();
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.remove(at);
            match fails(self.bytes(&fewer))? {
                true => kept = fewer,
                false => at += 1,
            }
        }
        Ok(kept)
    }
}
