//! The driver of CUDA, loaded when the first kernel is made. Nothing is linked to it, so that the library also works on a machine
//! without it.

#![allow(unsafe_code)]

mod api;
mod device;
mod devices;

pub use device::Device;
pub use devices::DeviceSummary;

use super::CudaError;
use super::image::Code;
use api::{Api, Handle, LIBRARY, Number, words};
use device::Entered;
use libloading::Library;
use std::ffi::{CStr, CString, c_int};
use std::ptr::null_mut;
use std::sync::{Mutex, OnceLock};

/// The driver, with the images that have been loaded.
pub struct Driver {
    api: Api,
    /// The number of devices.
    count: c_int,
    loaded: Mutex<Vec<Loaded>>,
}

/// An image in the driver, or of PTX one kernel. Never unloaded: kernels refer to it, and there are few.
struct Loaded {
    /// Address of the code, which tells images apart.
    code: usize,
    /// The kernel that was loaded alone.
    kernel: Option<CString>,
    /// The context it serves; null for all.
    context: Handle,
    /// A library, or where the driver has none a module.
    handle: Handle,
}

// SAFETY: handles of the driver may be used from any thread.
unsafe impl Send for Loaded {}

/// A kernel of the driver.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// A kernel of a library, which can be launched like a function, or a function of a module.
    handle: Handle,
    /// The context it serves; null for all.
    context: Handle,
}

// SAFETY: as of `Loaded`.
unsafe impl Send for Function {}
// SAFETY: as of `Loaded`.
unsafe impl Sync for Function {}

impl Driver {
    /// The driver of this process.
    ///
    /// # Errors
    /// [`CudaError::Driver`] where there is none, or no device.
    pub fn get() -> Result<&'static Driver, CudaError> {
        static DRIVER: OnceLock<Result<Driver, String>> = OnceLock::new();
        match DRIVER.get_or_init(|| Driver::open(LIBRARY)) {
            Ok(driver) => Ok(driver),
            Err(why) => Err(CudaError::Driver(format!(
                "there is no CUDA device to use: {why}"
            ))),
        }
    }

    /// The device with this number, in the order in which the driver counts them.
    ///
    /// # Errors
    /// [`CudaError::Driver`] where there is no such device, and with the driver's words.
    pub fn device(&'static self, ordinal: u32) -> Result<Device, CudaError> {
        let opened = self.number(ordinal).and_then(|number| self.opened(number));
        opened.map_err(|why| {
            CudaError::Driver(format!("CUDA device {ordinal} cannot be used: {why}"))
        })
    }

    /// The device whose context is current on this thread, or the first one where none is.
    ///
    /// # Errors
    /// [`CudaError::Driver`], with the driver's words.
    pub fn current_device(&'static self) -> Result<Device, CudaError> {
        if self.current().map_err(CudaError::Driver)?.is_null() {
            return self.device(0);
        }
        let mut number = 0;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (self.api.current_device)(&mut number) };
        let known = self.api.check("cuCtxGetDevice", outcome);
        known
            .and_then(|()| self.opened(number))
            .map_err(CudaError::Driver)
    }

    fn opened(&'static self, number: Number) -> Result<Device, String> {
        let mut context = null_mut();
        // SAFETY: the result is written to a variable of ours. It is not released, as the images in it are not.
        let outcome = unsafe { (self.api.retain)(&mut context, number) };
        self.api.check("cuDevicePrimaryCtxRetain", outcome)?;
        Ok(Device {
            driver: self,
            number,
            context,
        })
    }

    fn number(&self, ordinal: u32) -> Result<Number, String> {
        let known = c_int::try_from(ordinal).ok().filter(|k| *k < self.count);
        let ordinal = known.ok_or_else(|| format!("the driver has {}", self.count))?;
        let mut number = 0;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (self.api.device)(&mut number, ordinal) };
        self.api.check("cuDeviceGet", outcome)?;
        Ok(number)
    }

    fn open(name: &str) -> Result<Driver, String> {
        // SAFETY: the driver's library may be loaded at any time; it stays.
        let (library, api) = unsafe {
            let library = Library::new(name).map_err(|e| {
                format!("NVIDIA's driver (`{name}`) cannot be loaded: {}", words(&e))
            })?;
            let api = Api::of(&library)
                .map_err(|e| format!("NVIDIA's driver (`{name}`) is too old: {}", words(&e)))?;
            (library, api)
        };
        std::mem::forget(library);
        let mut count = 0;
        // SAFETY: the result is written to a variable of ours.
        unsafe {
            api.check("cuInit", (api.init)(0))?;
            api.check("cuDeviceGetCount", (api.device_count)(&mut count))?;
        }
        if count == 0 {
            return Err("the driver has none".into());
        }
        Ok(Driver {
            api,
            count,
            loaded: Mutex::default(),
        })
    }

    fn attribute(&self, device: Number, attribute: c_int) -> Result<u32, String> {
        let mut value = 0;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (self.api.attribute)(&mut value, attribute, device) };
        self.api.check("cuDeviceGetAttribute", outcome)?;
        Ok(value.max(0).cast_unsigned())
    }

    /// The context that is current on this thread, or null.
    fn current(&self) -> Result<Handle, String> {
        let mut context = null_mut();
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (self.api.current)(&mut context) };
        self.api.check("cuCtxGetCurrent", outcome)?;
        Ok(context)
    }

    /// Makes `context` current on this thread, if it is not.
    fn enter(&self, context: Handle) -> Result<Option<Entered<'_>>, String> {
        if self.current()? == context {
            return Ok(None);
        }
        // SAFETY: the context is the driver's.
        let outcome = unsafe { (self.api.push)(context) };
        self.api.check("cuCtxPushCurrent", outcome)?;
        Ok(Some(Entered(&self.api)))
    }

    /// The kernel called `name` of some code, loaded in `context`, which is current, so that its first launch there loads nothing.
    fn function_of(&self, code: &Code, name: &CStr, context: Handle) -> Result<Function, String> {
        let api = &self.api;
        let (image, serves) = self.load(code, name, context)?;
        let mut handle = null_mut();
        // SAFETY: the name is a C string, and results are written to variables of ours.
        unsafe {
            match (api.library_kernel, api.kernel_function) {
                (Some(kernel), Some(function)) if serves.is_null() => {
                    api.check(
                        "cuLibraryGetKernel",
                        kernel(&mut handle, image, name.as_ptr()),
                    )?;
                    let mut here = null_mut();
                    api.check("cuKernelGetFunction", function(&mut here, handle))?;
                    // The driver may put off loading until the first launch, which may be one that is captured.
                    if let Some(load) = api.load_function {
                        api.check("cuFuncLoad", load(here))?;
                    }
                }
                _ => {
                    let outcome = (api.module_function)(&mut handle, image, name.as_ptr());
                    api.check("cuModuleGetFunction", outcome)?;
                }
            }
        }
        Ok(Function {
            handle,
            context: serves,
        })
    }

    /// The code that has the kernel called `name`, and the context it serves, or null for all: loaded once per process, or once per
    /// context where the driver has no libraries. `context` is current.
    fn load(&self, code: &Code, name: &CStr, context: Handle) -> Result<(Handle, Handle), String> {
        let api = &self.api;
        let address = code.bytes.as_ptr().addr();
        let alone = code.is_ptx().then_some(name);
        let mut all = self.loaded.lock().unwrap_or_else(|e| e.into_inner());
        let serves = |known: &&Loaded| known.context.is_null() || known.context == context;
        if let Some(known) = all
            .iter()
            .filter(serves)
            .find(|known| known.code == address && known.kernel.as_deref() == alone)
        {
            return Ok((known.handle, known.context));
        }
        let part = code.part(&name.to_string_lossy());
        let part = part.ok_or("it has no such kernel")?;
        let at = part.as_ptr();
        let mut handle = null_mut();
        let none = null_mut();
        // SAFETY: the code is an image as the driver takes it, which it copies, since there are no options to say that it stays.
        let context = unsafe {
            match api.load_library {
                Some(load) if api.library_kernel.is_some() && api.kernel_function.is_some() => {
                    let outcome = load(
                        &mut handle,
                        at.cast(),
                        null_mut(),
                        none,
                        0,
                        null_mut(),
                        null_mut(),
                        0,
                    );
                    api.check("cuLibraryLoadData", outcome)?;
                    null_mut()
                }
                _ => {
                    api.check(
                        "cuModuleLoadData",
                        (api.load_module)(&mut handle, at.cast()),
                    )?;
                    context
                }
            }
        };
        all.push(Loaded {
            code: address,
            kernel: alone.map(CStr::to_owned),
            context,
            handle,
        });
        Ok((handle, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::{Image, Launcher};

    #[test]
    fn a_driver_that_is_absent_is_named() {
        let why = Driver::open("libcuda-of-nobody.so.1").err().unwrap();
        let start = "NVIDIA's driver (`libcuda-of-nobody.so.1`) cannot be loaded: ";
        assert!(why.starts_with(start), "{why}");
    }

    #[test]
    fn every_kernel_loads_where_there_is_a_device() {
        let driver = match Driver::get() {
            Ok(driver) => driver,
            Err(why) => {
                assert!(
                    why.to_string()
                        .starts_with("there is no CUDA device to use: ")
                );
                return println!("skipped: {why}");
            }
        };
        let device = driver.device(0).unwrap();
        for image in Image::ALL {
            for name in image.kernels(75) {
                device.function(image, name).unwrap();
            }
        }
    }
}
