//! Times the CUDA kernels alone on a device, beside copies of as many bytes; `tests/gpu.py` prints what it finds.
//!
//! ```text
//! cargo run --release -p phasor-ops --example gpu_bench -- [--device 0] [--rounds 30] [--only TEXT] [--small]
//! ```
//!
//! Prints one JSON object per line: first the device, then each case with its bytes (read and written), the tenth percentile and
//! the median of the microseconds of a launch, and the same of a copy of as many bytes. `--small` takes sizes for the emulated
//! driver, which measure nothing. Exits with 1 where the driver refuses something.
#![allow(unsafe_code)]

mod angles;
mod case;
mod measure;
mod relative;
mod rotary;

use phasor_ops_device::{Gpu, Stream};
use serde_json::json;
use std::process::ExitCode;

struct Arguments {
    device: u32,
    rounds: usize,
    only: String,
    small: bool,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self {
            device: 0,
            rounds: 30,
            only: String::new(),
            small: false,
        };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or(format!("`{name}` wants a value"));
            match name.as_str() {
                "--device" => parsed.device = number(&value()?)?,
                "--rounds" => parsed.rounds = number(&value()?)?,
                "--only" => parsed.only = value()?,
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

fn run() -> Result<(), String> {
    let arguments = Arguments::parse()?;
    let gpu = Gpu::open(arguments.device)?;
    let about = json!({
        "device": gpu.name()?,
        "capability": gpu.capability()?,
        "driver": gpu.driver_version()?,
        "processors": gpu.processors()?,
        "cache": gpu.cache()?,
    });
    println!("{about}");
    let stream = Stream::new(&gpu)?;
    let small = arguments.small;
    let families = [rotary::cases, angles::cases, relative::cases];
    for case in families.into_iter().flat_map(|cases| cases(small)) {
        if !case.name.contains(&arguments.only) {
            continue;
        }
        let found = measure::measure(&gpu, &stream, case, arguments.rounds)?;
        println!("{found}");
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
