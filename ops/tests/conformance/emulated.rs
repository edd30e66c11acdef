//! The CUDA kernels in emulation.

#![allow(unsafe_code)]

use phasor_ops::cuda::{CudaError, Image, Launch};
use std::collections::HashSet;
use std::sync::LazyLock;

/// The emulated kernel called `name`.
pub(crate) fn function(name: &str) -> Result<String, CudaError> {
    static NAMES: LazyLock<HashSet<String>> =
        LazyLock::new(|| phasor_ops_emulation::kernels().into_iter().collect());
    match NAMES.get(name) {
        Some(name) => Ok(name.clone()),
        None => Err(CudaError::Driver(format!("there is no kernel `{name}`"))),
    }
}

/// Runs a kernel to its end.
///
/// # Safety
/// Those of a [`Launcher`](phasor_ops::cuda::Launcher).
pub(crate) unsafe fn launch<P>(name: &str, launch: &Launch<P>) -> Result<(), CudaError> {
    let [x, y] = launch.threads;
    // SAFETY: `P` is the struct that kernel `name` takes, as this function's `# Safety` section requires; the emulation checks its
    // size.
    unsafe {
        phasor_ops_emulation::launch(
            name,
            [launch.blocks, 1, 1],
            [x, y, 1],
            launch.shared as usize,
            &launch.params,
        )
    }
    .map_err(CudaError::Driver)
}

#[test]
fn the_committed_code_has_the_kernels_of_the_sources() {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let emulated = sorted(phasor_ops_emulation::kernels());
    for capability in [75, 80] {
        let carried = Image::ALL
            .iter()
            .flat_map(|image| image.kernels(capability));
        let carried = sorted(carried.map(str::to_owned).collect());
        assert_eq!(carried, emulated, "run `python3 cpp/build.py`");
    }
}
