//! Memory of the device.

use crate::api::Address;
use crate::gpu::Gpu;
use std::ptr::null_mut;

/// Some memory of the device; freed when it is dropped.
#[derive(Debug)]
pub struct Memory<'a> {
    gpu: &'a Gpu,
    address: Address,
    bytes: usize,
}

impl<'a> Memory<'a> {
    /// Uninitialised memory.
    ///
    /// # Errors
    /// The driver's words where there is not enough memory.
    pub fn new(gpu: &'a Gpu, bytes: usize) -> Result<Self, String> {
        let _current = gpu.current()?;
        let mut address = 0;
        // SAFETY: the result is written to a variable of ours. The driver refuses to give nothing.
        let outcome = unsafe { (gpu.api.allocate)(&mut address, bytes.max(1)) };
        gpu.api.check("cuMemAlloc", outcome)?;
        Ok(Self {
            gpu,
            address,
            bytes,
        })
    }

    /// Where it begins: a multiple of 256.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Writes bytes from the byte `at` on, and waits until that is done.
    ///
    /// # Errors
    /// The driver's words.
    ///
    /// # Panics
    /// Where there are more bytes than it has.
    pub fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        let room = self.bytes.checked_sub(at);
        assert!(
            room.is_some_and(|room| bytes.len() <= room),
            "more than there is room for"
        );
        let _current = self.gpu.current()?;
        let api = &self.gpu.api;
        // SAFETY: both have as many bytes.
        let outcome =
            unsafe { (api.upload)(self.address + at as u64, bytes.as_ptr().cast(), bytes.len()) };
        api.check("cuMemcpyHtoD", outcome)?;
        // The driver may return once it has a copy; streams that wait for no other would read what was there before.
        // SAFETY: null is the stream that copies are done in.
        api.check("cuStreamSynchronize", unsafe {
            (api.synchronize)(null_mut())
        })
    }

    /// Its first bytes, as many as asked for.
    ///
    /// # Errors
    /// The driver's words, which may be about a kernel that failed.
    ///
    /// # Panics
    /// Where it has fewer.
    pub fn read(&self, count: usize) -> Result<Vec<u8>, String> {
        assert!(count <= self.bytes, "more than there is");
        let mut bytes = vec![0; count];
        let _current = self.gpu.current()?;
        let api = &self.gpu.api;
        // SAFETY: both have as many bytes.
        let outcome = unsafe { (api.download)(bytes.as_mut_ptr().cast(), self.address, count) };
        api.check("cuMemcpyDtoH", outcome)?;
        Ok(bytes)
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        let Ok(_current) = self.gpu.current() else {
            return;
        };
        // SAFETY: the driver gave it. It frees nothing before what uses it is done.
        unsafe { (self.gpu.api.free)(self.address) };
    }
}
