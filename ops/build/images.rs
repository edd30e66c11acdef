//! Makes what the library embeds of the CUDA kernels: `images.rs` in the build folder lists it.
//!
//! That is the PTX in `ptx`, which any driver of CUDA 11 or newer compiles for its device when a kernel is first used. In a checkout, which
//! has the sources in `cpp` too, it is also machine code, which needs no compiling, where there is an `nvcc`: in `$NVCC`, in `bin` of
//! `$CUDA_HOME` or `$CUDA_PATH`, or in the search path. An empty `$NVCC` stands for none. An `nvcc` that fails is a warning.

use std::env;
use std::fmt::Write;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Devices there is machine code for, as far as the compiler knows them.
const ARCHITECTURES: [u32; 7] = [75, 80, 86, 89, 90, 100, 120];

/// Devices that each PTX is for, and newer ones; better code first (`cpp/build.py` knows them too).
const VIRTUAL: [u32; 2] = [80, 75];

/// Writes them and their list.
pub(crate) fn embed() -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (ptx, sources) = (package.join("ptx"), package.join("../cpp"));
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(Error::other("cargo gives no folder"))?);
    // Not the folder as a whole, which has the emulation in it. A published package has none.
    for entry in fs::read_dir(&sources).into_iter().flatten() {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default();
        if ["cu", "cuh", "h"].iter().any(|known| extension == *known) {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    println!("cargo:rerun-if-changed={}", ptx.display());
    for variable in ["NVCC", "CUDA_HOME", "CUDA_PATH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }

    let compiler = compiler().filter(|_| sources.is_dir());
    let mut images = String::from("&[\n");
    for family in families(&ptx)? {
        let _ = writeln!(images, "(\"{family}\", &[");
        let source = sources.join(format!("{family}.cu"));
        let binary = out.join(format!("{family}.fatbin"));
        match compiler
            .as_deref()
            .map(|nvcc| compile(nvcc, &source, &binary))
        {
            Some(Ok(())) => entry(&mut images, ARCHITECTURES[0], &binary),
            Some(Err(why)) => {
                println!("cargo:warning=the CUDA kernels are embedded as PTX alone: {why}")
            }
            None => {}
        }
        for capability in VIRTUAL {
            let name = format!("{family}_{capability}.ptx");
            let mut text = fs::read(ptx.join(&name))?;
            // The driver reads to the first zero.
            text.push(0);
            fs::write(out.join(&name), text)?;
            entry(&mut images, capability, &out.join(&name));
        }
        images.push_str("]),\n");
    }
    images.push_str("]\n");
    fs::write(out.join("images.rs"), images)
}

/// The names of the files of kernels, of which each has one file of PTX for every kind of device.
fn families(ptx: &Path) -> Result<Vec<String>> {
    let suffix = format!("_{}.ptx", VIRTUAL[0]);
    let mut names = Vec::new();
    for entry in fs::read_dir(ptx)? {
        let file = entry?.file_name();
        let name = file.to_str().and_then(|name| name.strip_suffix(&suffix));
        names.extend(name.map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Lists a file as code for devices of `capability` and newer ones.
fn entry(images: &mut String, capability: u32, path: &Path) {
    let _ = writeln!(
        images,
        "Code {{ capability: {capability}, bytes: &Aligned(*include_bytes!({path:?})).0 }},"
    );
}

/// The path of `nvcc`, if there is one.
fn compiler() -> Option<PathBuf> {
    if let Some(given) = env::var_os("NVCC") {
        return (!given.is_empty()).then(|| given.into());
    }
    let mut folders: Vec<PathBuf> = ["CUDA_HOME", "CUDA_PATH"]
        .iter()
        .filter_map(|name| Some(PathBuf::from(env::var_os(name)?).join("bin")))
        .collect();
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let name = format!("nvcc{}", env::consts::EXE_SUFFIX);
    folders
        .iter()
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

/// Machine code for all devices that the compiler and we know.
fn compile(nvcc: &Path, source: &Path, binary: &Path) -> std::result::Result<(), String> {
    let run = |arguments: &mut Command| {
        let output = arguments
            .output()
            .map_err(|e| format!("{}: {e}", nvcc.display()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let first = said.lines().next().unwrap_or_default();
        Err(format!("{} failed: {first}", nvcc.display()))
    };
    let known = run(Command::new(nvcc).arg("--list-gpu-code"))?;
    let mut command = Command::new(nvcc);
    command.args(["-std=c++17", "-fatbin", "--threads", "0"]);
    for architecture in ARCHITECTURES {
        if known
            .lines()
            .any(|line| line.trim() == format!("sm_{architecture}"))
        {
            command.arg(format!(
                "-gencode=arch=compute_{architecture},code=sm_{architecture}"
            ));
        }
    }
    run(command.arg("-o").arg(binary).arg(source)).map(|_| ())
}
