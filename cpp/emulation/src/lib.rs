//! The CUDA kernels of `phasor-ops`, compiled for the CPU by the C++ compiler of the system.
//!
//! Everything but the hardware is the real thing: the kernels' source, their parameters, and how they are shared out over blocks
//! and threads. `emulation.h` says what is checked meanwhile.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};

unsafe extern "C" {
    fn phasor_emulate(
        name: *const c_char,
        grid: *const u32,
        block: *const u32,
        shared_bytes: usize,
        params: *const c_void,
        params_size: usize,
    ) -> *const c_char;
    fn phasor_emulated_kernel(index: usize) -> *const c_char;
}

/// The names of all kernels.
pub fn kernels() -> Vec<String> {
    let text = |name: *const c_char| {
        // SAFETY: names are constants of the program.
        unsafe { CStr::from_ptr(name) }
            .to_string_lossy()
            .into_owned()
    };
    (0..)
        // SAFETY: any number may be asked for.
        .map(|index| unsafe { phasor_emulated_kernel(index) })
        .take_while(|name| !name.is_null())
        .map(text)
        .collect()
}

/// Runs kernel `name` to its end, on this thread.
///
/// # Errors
/// Where the launch is one that the hardware would refuse, or the kernel does what it may not.
///
/// # Safety
/// `P` is the struct of parameters the kernel takes, and the kernel touches nothing with them that it may not.
pub unsafe fn launch<P>(
    name: &str,
    grid: [u32; 3],
    block: [u32; 3],
    shared_bytes: usize,
    params: &P,
) -> Result<(), String> {
    let c_name = CString::new(name).map_err(|_| format!("`{name}` is no name of a kernel"))?;
    // SAFETY: the arrays have three entries and the parameters as many bytes as told. `P` is the struct that the kernel takes, as
    // this function's `# Safety` section requires.
    let failure = unsafe {
        phasor_emulate(
            c_name.as_ptr(),
            grid.as_ptr(),
            block.as_ptr(),
            shared_bytes,
            (&raw const *params).cast(),
            size_of::<P>(),
        )
    };
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: reasons are constants of the program.
    let why = unsafe { CStr::from_ptr(failure) };
    Err(format!("`{name}`: {}", why.to_string_lossy()))
}

/// The folders of two libraries that stand in for NVIDIA's driver, a current one and one from before CUDA 12, as this crate was built
/// with them; none where there are none. `driver.cpp` says what they do.
pub fn drivers() -> Vec<PathBuf> {
    let folders = env!("DRIVERS").split(',').filter(|name| !name.is_empty());
    folders
        .map(|name| Path::new(env!("OUT_DIR")).join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_the_hardware_would_refuse_is_refused() {
        let known = &super::kernels()[0];
        let go = |name: &str, grid, block, shared| {
            // SAFETY: no kernel is run.
            unsafe { super::launch(name, grid, block, shared, &0u8) }
        };
        let ones = [1; 3];
        for (refused, words) in [
            (go("none", ones, ones, 0), "no kernel"),
            (go(known, ones, ones, 0), "another size"),
        ] {
            let text = refused.unwrap_err();
            assert!(text.contains(words), "{text}");
        }
    }
}
