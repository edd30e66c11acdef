//! Times the CUDA kernels alone on a device; `tests/gpu.py` prints what it finds.
//!
//! ```text
//! cargo run --release -p phasor-ops --example gpu_bench -- [--device 0] [--rounds 30] [--only TEXT] [--images DIR] [--load] [--ceiling]
//!     [--small]
//! ```
//!
//! Prints one JSON object per line, as soon as it has it: first the device, then each case whose name contains `TEXT`. A case has its
//! bytes (read and written), the tenth percentile and the median of the microseconds of a launch, and how many bytes a second that
//! is: as a share of the best of three that do nothing but move as many (a copy kernel, the driver's copy, the driver's fill), and of
//! what the datasheet says of the device's memory. `--images` takes kernels from a folder of `cpp/build.py --variants` where it has
//! them. `--load` measures how long kernels take to load instead, `--ceiling` what copies of gigabytes reach. `--small` takes sizes for the emulated driver, which measure
//! nothing. Exits with 1 where the driver refuses something.
#![allow(unsafe_code)]

mod angles;
mod case;
mod load;
mod loader;
mod measure;
mod relative;
mod rotary;

use loader::Loader;
use measure::Bench;
use phasor_ops::cuda::Driver;
use phasor_ops_device::{Copy, Gpu, Stream};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

struct Arguments {
    device: u32,
    rounds: usize,
    only: String,
    images: Option<PathBuf>,
    load: bool,
    ceiling: bool,
    small: bool,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self {
            device: 0,
            rounds: 30,
            only: String::new(),
            images: None,
            load: false,
            ceiling: false,
            small: false,
        };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or(format!("`{name}` wants a value"));
            match name.as_str() {
                "--device" => parsed.device = number(&value()?)?,
                "--rounds" => parsed.rounds = number(&value()?)?,
                "--only" => parsed.only = value()?,
                "--images" => parsed.images = Some(folder(&value()?)?),
                "--load" => parsed.load = true,
                "--ceiling" => parsed.ceiling = true,
                "--small" => parsed.small = true,
                _ => return Err(format!("`{name}` is no option")),
            }
        }
        Ok(parsed)
    }
}

fn number<N: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|e| format!("`{text}`: {e}"))
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() {
        Ok(path)
    } else {
        Err(format!("`{text}` is no folder"))
    }
}

/// A line of its own at once: what is measured so far is not lost with what is not.
fn print(found: &serde_json::Value) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{found}")
        .and_then(|()| out.flush())
        .map_err(|e| format!("the results cannot be written: {e}"))
}

fn run() -> Result<(), String> {
    let arguments = Arguments::parse()?;
    // Until the process ends, as the kernels are.
    let gpu: &'static Gpu = Box::leak(Box::new(Gpu::open(arguments.device)?));
    print(&json!({
        "device": gpu.name()?,
        "capability": gpu.capability()?,
        "driver": gpu.driver_version()?,
        "processors": gpu.processors()?,
        "cache": gpu.cache()?,
        "datasheet_gigabytes_per_second": gpu.bandwidth().map(|rate| rate / 1e9),
    }))?;
    let opened = Driver::get().and_then(|driver| driver.device(gpu.number()));
    let device = opened.map_err(|e| e.to_string())?;
    if arguments.load {
        return load::times(&device)?.iter().try_for_each(print);
    }
    let images: Option<&'static Path> = match arguments.images {
        None => None,
        Some(folder) => Some(Box::leak(folder.into_boxed_path())),
    };
    let bench = Bench {
        gpu,
        stream: &Stream::new(gpu)?,
        loader: Loader {
            gpu,
            device,
            images,
        },
        copy: Copy::new(gpu)?,
        rounds: arguments.rounds,
        small: arguments.small,
    };
    bench.warm_up()?;
    if arguments.ceiling {
        return print(&bench.ceiling()?);
    }
    let families = [rotary::cases, angles::cases, relative::cases];
    for case in families.into_iter().flat_map(|cases| cases(bench.small)) {
        if case.name.contains(&arguments.only) {
            print(&bench.measure(case)?)?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
