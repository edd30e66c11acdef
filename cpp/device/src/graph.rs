//! Captured work.

use crate::api::Handle;
use crate::gpu::Gpu;
use crate::stream::Stream;
use std::ptr::null_mut;

/// `CU_STREAM_CAPTURE_MODE_GLOBAL`, in which a call that must not be captured fails on every thread.
const GLOBAL: i32 = 0;

/// Work that was captured from a stream, to be launched as a whole.
#[derive(Debug)]
pub struct Graph<'a> {
    gpu: &'a Gpu,
    executable: Handle,
}

impl<'a> Graph<'a> {
    /// What `work` puts into the stream; none of it is done yet.
    ///
    /// # Errors
    /// Those of `work`, and the driver's words.
    pub fn capture(
        stream: &Stream<'a>,
        work: impl FnOnce() -> Result<(), String>,
    ) -> Result<Self, String> {
        let gpu = stream.gpu;
        let api = &gpu.api;
        let (mut graph, mut executable) = (null_mut(), null_mut());
        // SAFETY: the stream lives.
        let begun = gpu
            .current()
            .map(|_current| unsafe { (api.begin_capture)(stream.handle, GLOBAL) })?;
        api.check("cuStreamBeginCapture", begun)?;
        // As in hosts: no context is current except those that `work` makes current.
        let worked = work();
        let _current = gpu.current()?;
        // SAFETY: the stream lives, and results are written to variables of ours. What is captured goes back to the driver.
        unsafe {
            let ended = api.check(
                "cuStreamEndCapture",
                (api.end_capture)(stream.handle, &mut graph),
            );
            if let Err(why) = worked.and(ended) {
                if !graph.is_null() {
                    (api.destroy_graph)(graph);
                }
                return Err(why);
            }
            let made = (api.instantiate)(&mut executable, graph, 0);
            (api.destroy_graph)(graph);
            api.check("cuGraphInstantiate", made)?;
        }
        Ok(Self { gpu, executable })
    }

    /// Puts the work into a stream.
    ///
    /// # Errors
    /// The driver's words.
    ///
    /// # Safety
    /// What the work touches stays until the stream has done it.
    pub unsafe fn launch(&self, stream: &Stream<'_>) -> Result<(), String> {
        let _current = self.gpu.current()?;
        // SAFETY: graph and stream live. This function's `# Safety` section says that what the work touches stays until it is done.
        let outcome = unsafe { (self.gpu.api.launch_graph)(self.executable, stream.handle) };
        self.gpu.api.check("cuGraphLaunch", outcome)
    }
}

impl Drop for Graph<'_> {
    fn drop(&mut self) {
        let Ok(_current) = self.gpu.current() else {
            return;
        };
        // SAFETY: the driver gave it.
        unsafe { (self.gpu.api.destroy_executable)(self.executable) };
    }
}
