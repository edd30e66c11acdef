//! Compiles the kernels for the CPU, and a driver over them.

use std::env;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    // A folder stands for all files in it.
    for path in ["..", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
    compiler()
        .file("emulation.cpp")
        .compile("phasor_ops_emulation");
    // The tests that need drivers start themselves once more, which one for another machine cannot.
    let here = env::var_os("HOST") == env::var_os("TARGET");
    let mut drivers = Vec::new();
    if here && env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        let out =
            PathBuf::from(env::var_os("OUT_DIR").ok_or(Error::other("cargo gives no folder"))?);
        // Before CUDA 12, it has no libraries.
        for (folder, flag) in [
            ("driver", None),
            ("old-driver", Some("-DPHASOR_OLD_DRIVER")),
        ] {
            driver(&out, folder, flag)?;
            drivers.push(folder);
        }
    }
    println!("cargo:rustc-env=DRIVERS={}", drivers.join(","));
    Ok(())
}

fn compiler() -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        .flag("-fno-exceptions")
        .flag("-fno-rtti")
        // Words of memory are read as elements of any type, and products are fused where the kernels say so.
        .flag("-fno-strict-aliasing")
        .flag("-ffp-contract=off")
        // It uses that of C alone.
        .cpp_link_stdlib(None);
    build
}

/// Links the library that hosts take for the driver, in a folder of its own.
fn driver(out: &Path, folder: &str, flag: Option<&str>) -> Result<()> {
    let folder = out.join(folder);
    std::fs::create_dir_all(&folder)?;
    let mut command = compiler().get_compiler().to_command();
    command.arg("-shared").args(flag).arg("driver.cpp");
    command.args(["-Wl,--whole-archive", "-Wl,--exclude-libs,ALL"]);
    command.arg(out.join("libphasor_ops_emulation.a"));
    command.arg("-Wl,--no-whole-archive").arg("-o");
    let linked = command.arg(folder.join("libcuda.so.1")).status()?;
    if linked.success() {
        return Ok(());
    }
    Err(Error::other("the emulated driver cannot be linked"))
}
