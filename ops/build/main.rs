//! What the compiler does not see of the operator library: how it is linked, and the CUDA kernels.

mod images;

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build");
    keep_loaded();
    match std::env::var_os("CARGO_FEATURE_CUDA") {
        Some(_) => images::embed(),
        None => Ok(()),
    }
}

/// Keeps the operator library loaded once it is.
///
/// ONNX Runtime unloads it with the last session that uses it, and loads it again for the next. The tables handed to a host
/// are never freed, so each round would make them anew.
fn keep_loaded() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
