//! How much memory a model takes, in a process of its own: what one process took before hides what the next model takes.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::Options;
use super::runtime::{Candidate, Inputs, found, registering, working};
use crate::onnx::ModelFile;
use crate::verify::Error;

/// What the process of one model prints.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Footprint {
    /// Bytes that the process held at most while it loaded and ran the model, more than it held before; null where the system does not
    /// tell.
    pub(super) bytes: Option<u64>,
}

/// Loads a model in this process and runs it.
///
/// # Errors
/// Those of [`super::run`].
pub(super) fn footprint(model: &ModelFile, options: &Options) -> Result<Footprint, Error> {
    let ort = found(options)?;
    let ort = match &options.operators {
        Some(library) => registering(ort, library)?,
        None => ort,
    };
    let before = status("VmRSS:");
    working(model, &ort, &options.dims)?;
    let peak = status("VmHWM:");
    Ok(Footprint {
        bytes: peak
            .zip(before)
            .map(|(peak, before)| peak.saturating_sub(before)),
    })
}

/// A size that Linux tells of this process, in bytes.
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The footprint of a candidate, from a process of its own.
///
/// # Errors
/// Why there is none.
pub(super) fn measured(
    candidate: &Candidate<'_>,
    sizes: &Inputs,
    options: &Options,
) -> Result<u64, String> {
    let [program, first @ ..] = &options.program[..] else {
        return Err("no program is known that could load it".to_owned());
    };
    let mut command = Command::new(program);
    command.args(first).arg("footprint");
    for (name, size) in &sizes.sizes {
        command.arg("--dim").arg(format!("{name}={size}"));
    }
    command.arg("--threads").arg(options.threads.to_string());
    let mut flag = |name: &str, value: OsString| {
        command.arg(name).arg(value);
    };
    flag("--ort", candidate.ort.library().into());
    for library in &options.custom_operators {
        flag("--custom-ops", library.into());
    }
    if let Some(library) = &candidate.library {
        flag("--ops-lib", library.into());
    }
    command.arg("--no-config").arg("--").arg(candidate.model);
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| error.to_string())?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let cause = said.lines().next().unwrap_or("its process failed");
        return Err(cause.trim_start_matches("error: ").to_owned());
    }
    let footprint: Footprint =
        serde_json::from_slice(&done.stdout).map_err(|error| error.to_string())?;
    footprint
        .bytes
        .ok_or_else(|| "the system does not tell".to_owned())
}
