//! Where kernels come from: the library, or a folder of other PTX to compare with it.

use phasor_ops::cuda::{CudaError, Device, Function, Image, Launch, Launcher, Stream};
use phasor_ops_device::{Gpu, Grid, Kernel, Module};
use std::path::{Path, PathBuf};

/// Launches the library's kernels, or those of a folder where it has them.
#[derive(Clone, Copy)]
pub(crate) struct Loader {
    pub(crate) gpu: &'static Gpu,
    pub(crate) device: Device,
    /// Files as `cpp/build.py --variants` writes them.
    pub(crate) images: Option<&'static Path>,
}

/// A kernel of either.
pub(crate) enum Loaded {
    Library(Function),
    Folder(Kernel),
}

impl Loader {
    /// The folder's PTX for a family that suits the device best.
    fn file(&self, image: Image) -> Result<Option<PathBuf>, String> {
        let Some(folder) = self.images else {
            return Ok(None);
        };
        let capability = self.gpu.capability()?;
        let name = |of: &u32| folder.join(format!("{}_{of}.ptx", image.name()));
        let suitable = [80, 75].iter().filter(|&&of| of <= capability);
        Ok(suitable.map(name).find(|path| path.is_file()))
    }

    fn find(&self, path: &Path, name: &str) -> Result<Kernel, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Module::load(self.gpu, &text)?.kernel(name)
    }
}

impl Launcher for Loader {
    type Function = Loaded;

    fn function(&self, image: Image, name: &str) -> Result<Loaded, CudaError> {
        match self.file(image).map_err(CudaError::Driver)? {
            None => self.device.function(image, name).map(Loaded::Library),
            Some(path) => {
                let found = self.find(&path, name).map_err(CudaError::Driver)?;
                Ok(Loaded::Folder(found))
            }
        }
    }

    fn processors(&self) -> u32 {
        self.device.processors()
    }

    unsafe fn launch<P>(
        &self,
        function: &Loaded,
        launch: &Launch<P>,
        stream: Stream,
    ) -> Result<(), CudaError> {
        // SAFETY: this function's `# Safety` section is that of the trait, and both ways to launch ask for the same.
        unsafe {
            match function {
                Loaded::Library(function) => self.device.launch(function, launch, stream),
                Loaded::Folder(kernel) => {
                    let grid = Grid {
                        blocks: launch.blocks,
                        threads: launch.threads,
                        shared: launch.shared,
                    };
                    let put = kernel.launch(self.gpu, stream.0, grid, &launch.params);
                    put.map_err(CudaError::Driver)
                }
            }
        }
    }
}
