//! Keeps the operator library loaded once it is.
//!
//! ONNX Runtime unloads it with the last session that uses it, and loads it again for the next. The tables handed to a host
//! are never freed, so each round would make them anew.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
