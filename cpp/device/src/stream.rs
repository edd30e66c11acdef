//! Streams and events.

use crate::api::Handle;
use crate::gpu::Gpu;
use crate::memory::Memory;
use std::ffi::c_void;
use std::ptr::null_mut;

/// `CU_STREAM_NON_BLOCKING`.
const NON_BLOCKING: u32 = 1;

/// A queue of work.
#[derive(Debug)]
pub struct Stream<'a> {
    pub(crate) gpu: &'a Gpu,
    pub(crate) handle: Handle,
}

impl<'a> Stream<'a> {
    /// A stream that waits for no other, as hosts have them.
    ///
    /// # Errors
    /// The driver's words.
    pub fn new(gpu: &'a Gpu) -> Result<Self, String> {
        let _current = gpu.current()?;
        let mut handle = null_mut();
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (gpu.api.create_stream)(&mut handle, NON_BLOCKING) };
        gpu.api.check("cuStreamCreate", outcome)?;
        Ok(Self { gpu, handle })
    }

    /// The device's default stream, which is nobody's own.
    pub fn of_default(gpu: &'a Gpu) -> Self {
        Self {
            gpu,
            handle: null_mut(),
        }
    }

    /// The stream as the driver knows it.
    pub fn handle(&self) -> *mut c_void {
        self.handle
    }

    /// Waits until all that is in it is done.
    ///
    /// # Errors
    /// The driver's words, which are about a kernel that failed as well.
    pub fn synchronize(&self) -> Result<(), String> {
        let _current = self.gpu.current()?;
        // SAFETY: the stream lives.
        let outcome = unsafe { (self.gpu.api.synchronize)(self.handle) };
        self.gpu.api.check("cuStreamSynchronize", outcome)
    }

    /// Puts a copy of the first bytes of `from` into the stream.
    ///
    /// # Errors
    /// The driver's words.
    ///
    /// # Safety
    /// Both have as many bytes, and stay until the stream has done it.
    pub unsafe fn copy(
        &self,
        from: &Memory<'_>,
        to: &Memory<'_>,
        bytes: usize,
    ) -> Result<(), String> {
        let _current = self.gpu.current()?;
        // SAFETY: this function's `# Safety` section says that both have `bytes` bytes and stay until the stream has copied them.
        let outcome =
            unsafe { (self.gpu.api.copy)(to.address(), from.address(), bytes, self.handle) };
        self.gpu.api.check("cuMemcpyDtoDAsync", outcome)
    }
}

impl Stream<'_> {
    /// Puts into the stream that the first `words` words of 4 bytes become zero.
    ///
    /// # Errors
    /// The driver's words.
    ///
    /// # Safety
    /// The memory has as many, and stays until the stream has done it.
    pub unsafe fn clear(&self, memory: &Memory<'_>, words: usize) -> Result<(), String> {
        let _current = self.gpu.current()?;
        // SAFETY: this function's `# Safety` section says that the memory has as many words and stays.
        let outcome = unsafe { (self.gpu.api.fill)(memory.address(), 0, words, self.handle) };
        self.gpu.api.check("cuMemsetD32Async", outcome)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if self.handle.is_null() {
            return;
        }
        let Ok(_current) = self.gpu.current() else {
            return;
        };
        // SAFETY: the driver gave it.
        unsafe { (self.gpu.api.destroy_stream)(self.handle) };
    }
}

/// A point in a stream, whose time is taken.
#[derive(Debug)]
pub struct Event<'a> {
    gpu: &'a Gpu,
    handle: Handle,
}

impl<'a> Event<'a> {
    /// A point that is nowhere yet.
    ///
    /// # Errors
    /// The driver's words.
    pub fn new(gpu: &'a Gpu) -> Result<Self, String> {
        let _current = gpu.current()?;
        let mut handle = null_mut();
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (gpu.api.create_event)(&mut handle, 0) };
        gpu.api.check("cuEventCreate", outcome)?;
        Ok(Self { gpu, handle })
    }

    /// Takes the time when all that is in a stream by now is done.
    ///
    /// # Errors
    /// The driver's words.
    pub fn record(&self, stream: &Stream<'_>) -> Result<(), String> {
        let _current = self.gpu.current()?;
        // SAFETY: both live.
        let outcome = unsafe { (self.gpu.api.record)(self.handle, stream.handle) };
        self.gpu.api.check("cuEventRecord", outcome)
    }

    /// Seconds since an earlier event; waits for both.
    ///
    /// # Errors
    /// The driver's words.
    pub fn since(&self, earlier: &Event<'_>) -> Result<f64, String> {
        let _current = self.gpu.current()?;
        let api = &self.gpu.api;
        let mut milliseconds = 0.0;
        // SAFETY: the events live, and the result is written to a variable of ours.
        unsafe {
            api.check("cuEventSynchronize", (api.wait)(self.handle))?;
            let outcome = (api.elapsed)(&mut milliseconds, earlier.handle, self.handle);
            api.check("cuEventElapsedTime", outcome)?;
        }
        Ok(f64::from(milliseconds) / 1000.0)
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        let Ok(_current) = self.gpu.current() else {
            return;
        };
        // SAFETY: the driver gave it.
        unsafe { (self.gpu.api.destroy_event)(self.handle) };
    }
}
