//! Compiles the kernels for the CPU.

fn main() {
    // A folder stands for all files in it.
    for path in ["..", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
    cc::Build::new()
        .cpp(true)
        .file("emulation.cpp")
        .std("c++17")
        .opt_level(2)
        .flag("-fno-exceptions")
        .flag("-fno-rtti")
        // Words of memory are read as elements of any type, and products are fused where the kernels say so.
        .flag("-fno-strict-aliasing")
        .flag("-ffp-contract=off")
        // It uses that of C alone.
        .cpp_link_stdlib(None)
        .compile("phasor_ops_emulation");
}
