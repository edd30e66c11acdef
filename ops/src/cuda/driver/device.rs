//! A device, on which kernels are loaded and launched.
//!
//! Whoever makes a kernel names its device. What context is current on a thread says nothing: a host with several devices may make
//! the kernels of one while the context of another is current.

use super::api::{
    Api, COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, Handle, MULTIPROCESSOR_COUNT, Number,
};
use super::{Driver, Function};
use crate::cuda::{CudaError, Image, Launch, Launcher, Stream};
use std::ffi::CString;
use std::ptr::null_mut;

/// The largest of the handles that stand for default streams: none, `CU_STREAM_LEGACY` and `CU_STREAM_PER_THREAD`. They belong to
/// no context of their own.
const LAST_DEFAULT_STREAM: usize = 2;

/// A device, with the context that all hosts in the process share.
#[derive(Clone, Copy)]
pub struct Device {
    pub(super) driver: &'static Driver,
    pub(super) number: Number,
    pub(super) context: Handle,
}

// SAFETY: handles of the driver may be used from any thread.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

/// Makes a context current for as long as it lives.
pub(super) struct Entered<'a>(pub(super) &'a Api);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut popped = null_mut();
        // SAFETY: the context was pushed on this thread.
        unsafe { (self.0.pop)(&mut popped) };
    }
}

impl Device {
    /// Ten times the compute capability.
    fn capability(&self) -> Result<u32, String> {
        let attribute = |which| self.driver.attribute(self.number, which);
        Ok(10 * attribute(COMPUTE_CAPABILITY_MAJOR)? + attribute(COMPUTE_CAPABILITY_MINOR)?)
    }

    /// The kernel called `name`, from the first image that the driver takes.
    fn find(&self, image: Image, name: &str) -> Result<Function, String> {
        let name = CString::new(name).map_err(|e| e.to_string())?;
        let _entered = self.driver.enter(self.context)?;
        let capability = self.capability()?;
        let mut reasons = Vec::new();
        // A driver may be older than what an image asks of it.
        for code in image.codes() {
            if code.capability > capability {
                continue;
            }
            match self.driver.function_of(code, &name, self.context) {
                Ok(function) => return Ok(function),
                Err(why) => reasons.push(format!("{code}: {why}")),
            }
        }
        if reasons.is_empty() {
            reasons.push(format!(
                "device {} has compute capability {}.{}, expected 7.5 or newer",
                self.number,
                capability / 10,
                capability % 10
            ));
        }
        Err(reasons.join("; "))
    }

    /// The context of a stream.
    fn context_of(&self, stream: Stream) -> Result<Handle, String> {
        // A default stream is that of whichever context is current. The driver would say so, or refuse where none is.
        if stream.0.addr() <= LAST_DEFAULT_STREAM {
            return Ok(self.context);
        }
        let mut context = null_mut();
        let api = &self.driver.api;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (api.stream_context)(stream.0, &mut context) };
        api.check("cuStreamGetCtx", outcome)?;
        Ok(context)
    }
}

impl Launcher for Device {
    type Function = Function;

    fn function(&self, image: Image, name: &str) -> Result<Function, CudaError> {
        self.find(image, name).map_err(|why| {
            CudaError::Driver(format!("the CUDA kernel `{name}` cannot be loaded: {why}"))
        })
    }

    fn processors(&self) -> u32 {
        // The number only decides how the work is divided.
        let count = self.driver.attribute(self.number, MULTIPROCESSOR_COUNT);
        count.unwrap_or(1)
    }

    unsafe fn launch<P>(
        &self,
        function: &Function,
        launch: &Launch<P>,
        stream: Stream,
    ) -> Result<(), CudaError> {
        let put = || {
            let context = self.context_of(stream)?;
            if !function.context.is_null() && function.context != context {
                return Err("the node was created for another device".to_owned());
            }
            // Hosts run nodes on threads of which they may have told the driver nothing.
            let _entered = self.driver.enter(context)?;
            let mut params = [(&raw const launch.params).cast_mut().cast()];
            let [x, y] = launch.threads;
            let api = &self.driver.api;
            // SAFETY: the caller vouches for the parameters, which the driver copies.
            let outcome = unsafe {
                (api.launch)(
                    function.handle,
                    launch.blocks,
                    1,
                    1,
                    x,
                    y,
                    1,
                    launch.shared,
                    stream.0,
                    params.as_mut_ptr(),
                    null_mut(),
                )
            };
            api.check("cuLaunchKernel", outcome)
        };
        put().map_err(CudaError::Driver)
    }
}
