//! Kernels from text.

use crate::api::Handle;
use crate::gpu::Gpu;
use crate::memory::Memory;
use crate::stream::Stream;
use std::ffi::{CString, c_void};
use std::ptr::null_mut;

/// PTX of `copy.cu`.
const COPY: &str = include_str!("../copy_75.ptx");
/// Bytes that a block of it copies: 256 threads, four words of 16 bytes each.
const COPIED: usize = 256 * 4 * 16;

/// Kernels that are loaded together. They stay loaded.
#[derive(Debug)]
pub struct Module<'a> {
    gpu: &'a Gpu,
    handle: Handle,
}

/// A kernel of a module.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(Handle);

// SAFETY: handles of the driver may be used from any thread.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

/// How a kernel is launched.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Blocks, along x.
    pub blocks: u32,
    /// Threads of a block, along x and y.
    pub threads: [u32; 2],
    /// Bytes of dynamic shared memory.
    pub shared: u32,
}

impl<'a> Module<'a> {
    /// Loads PTX.
    ///
    /// # Errors
    /// The driver's words.
    pub fn load(gpu: &'a Gpu, ptx: &str) -> Result<Self, String> {
        let text = CString::new(ptx).map_err(|e| e.to_string())?;
        let _current = gpu.current()?;
        let mut handle = null_mut();
        // SAFETY: the driver reads to the zero at the end, and the result is written to a variable of ours.
        let outcome = unsafe { (gpu.api.load_module)(&mut handle, text.as_ptr().cast()) };
        gpu.api.check("cuModuleLoadData", outcome)?;
        Ok(Self { gpu, handle })
    }

    /// The kernel called `name`.
    ///
    /// # Errors
    /// The driver's words.
    pub fn kernel(&self, name: &str) -> Result<Kernel, String> {
        let name = CString::new(name).map_err(|e| e.to_string())?;
        let _current = self.gpu.current()?;
        let mut kernel = null_mut();
        let api = &self.gpu.api;
        // SAFETY: the name is a C string, and the result is written to a variable of ours.
        let outcome = unsafe { (api.module_function)(&mut kernel, self.handle, name.as_ptr()) };
        api.check("cuModuleGetFunction", outcome)?;
        Ok(Kernel(kernel))
    }
}

impl Kernel {
    /// Puts a launch into a stream of the device.
    ///
    /// # Errors
    /// The driver's words.
    ///
    /// # Safety
    /// `P` is the struct the kernel takes, and the stream is one of the device. What it points to stays until the stream has done the
    /// launch.
    pub unsafe fn launch<P>(
        self,
        gpu: &Gpu,
        stream: *mut c_void,
        grid: Grid,
        params: &P,
    ) -> Result<(), String> {
        let _current = gpu.current()?;
        let [x, y] = grid.threads;
        let mut params = [(&raw const *params).cast_mut().cast()];
        let api = &gpu.api;
        // SAFETY: this function's `# Safety` section says that the kernel takes these parameters, which the driver copies.
        let outcome = unsafe {
            (api.launch)(
                self.0,
                grid.blocks,
                1,
                1,
                x,
                y,
                1,
                grid.shared,
                stream,
                params.as_mut_ptr(),
                null_mut(),
            )
        };
        api.check("cuLaunchKernel", outcome)
    }
}

/// A copy by a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Copy(Kernel);

impl Copy {
    /// # Errors
    /// The driver's words.
    pub fn new(gpu: &Gpu) -> Result<Self, String> {
        Module::load(gpu, COPY)?.kernel("phasor_copy").map(Self)
    }

    /// Puts a copy of the first bytes of `from` into a stream, to a multiple of 16.
    ///
    /// # Errors
    /// The driver's words.
    ///
    /// # Panics
    /// Where there are fewer than 16 bytes.
    ///
    /// # Safety
    /// Both have as many bytes, and stay until the stream has done it.
    pub unsafe fn launch(
        &self,
        stream: &Stream<'_>,
        from: &Memory<'_>,
        to: &Memory<'_>,
        bytes: usize,
    ) -> Result<(), String> {
        assert!(bytes >= 16, "less than one word");
        let grid = Grid {
            blocks: u32::try_from(bytes.div_ceil(COPIED)).map_err(|e| e.to_string())?,
            threads: [256, 1],
            shared: 0,
        };
        let params = [from.address(), to.address(), bytes as u64 / 16];
        // SAFETY: the parameters are the struct of `copy.cu`, and this function's `# Safety` section says that the memory stays.
        unsafe { self.0.launch(stream.gpu, stream.handle, grid, &params) }
    }
}
