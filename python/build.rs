//! Lets the module be linked by plain cargo too: on macOS, Python's own symbols are found when it is loaded.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
