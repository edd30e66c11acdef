//! The driver of CUDA, loaded when the first kernel is made. Nothing is linked to it, so that the library also works on a machine
//! without it.

#![allow(unsafe_code)]

mod devices;

pub use devices::DeviceSummary;

use super::image::Code;
use super::{CudaError, Image, Launch, Launcher, Stream};
use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Mutex, OnceLock};

/// The driver's library.
#[cfg(windows)]
const LIBRARY: &str = "nvcuda.dll";
/// The driver's library.
#[cfg(not(windows))]
const LIBRARY: &str = "libcuda.so.1";

/// `CUdevice_attribute`.
const MULTIPROCESSOR_COUNT: c_int = 16;
const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
const COMPUTE_CAPABILITY_MINOR: c_int = 76;

/// `CUresult`; 0 is success.
type Outcome = c_int;
/// A context, library, module, kernel or function.
type Handle = *mut c_void;
type Device = c_int;

/// Declares the functions in use, and reads their addresses.
macro_rules! api {
    (required { $($field:ident = $name:ident($($argument:ty),* $(,)?);)+ } optional { $($late:ident = $late_name:ident($($late_argument:ty),* $(,)?);)+ }) => {
        struct Api {
            $($field: unsafe extern "system" fn($($argument),*) -> Outcome,)+
            $($late: Option<unsafe extern "system" fn($($late_argument),*) -> Outcome>,)+
        }

        impl Api {
            /// # Safety
            /// `library` is the driver's, and is never unloaded.
            unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: these are the driver's functions of these names.
                unsafe {
                    Ok(Self {
                        $($field: *library.get(concat!(stringify!($name), "\0"))?,)+
                        $($late: library.get(concat!(stringify!($late_name), "\0")).ok().map(|found| *found),)+
                    })
                }
            }
        }
    };
}

api! {
required {
    init = cuInit(c_uint);
    error_name = cuGetErrorName(Outcome, *mut *const c_char);
    error_string = cuGetErrorString(Outcome, *mut *const c_char);
    device_count = cuDeviceGetCount(*mut c_int);
    device = cuDeviceGet(*mut Device, c_int);
    attribute = cuDeviceGetAttribute(*mut c_int, c_int, Device);
    retain = cuDevicePrimaryCtxRetain(*mut Handle, Device);
    current = cuCtxGetCurrent(*mut Handle);
    current_device = cuCtxGetDevice(*mut Device);
    push = cuCtxPushCurrent_v2(Handle);
    pop = cuCtxPopCurrent_v2(*mut Handle);
    stream_context = cuStreamGetCtx(Handle, *mut Handle);
    load_module = cuModuleLoadData(*mut Handle, *const c_void);
    module_function = cuModuleGetFunction(*mut Handle, Handle, *const c_char);
    launch = cuLaunchKernel(
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void,
    );
}
// Libraries, which serve every context, are there since CUDA 12.0.
optional {
    driver_version = cuDriverGetVersion(*mut c_int);
    device_name = cuDeviceGetName(*mut c_char, c_int, Device);
    load_library = cuLibraryLoadData(
        *mut Handle, *const c_void, *mut c_int, *mut *mut c_void, c_uint, *mut c_int, *mut *mut c_void, c_uint,
    );
    library_kernel = cuLibraryGetKernel(*mut Handle, Handle, *const c_char);
    kernel_function = cuKernelGetFunction(*mut Handle, Handle);
}
}

/// The driver, with the images that have been loaded.
pub struct Driver {
    api: Api,
    /// The number of devices.
    count: c_int,
    loaded: Mutex<Vec<Loaded>>,
}

/// An image in the driver. Never unloaded: kernels refer to it, and there are few.
#[derive(Clone, Copy)]
struct Loaded {
    /// Address of the code, which tells images apart.
    code: usize,
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

/// Makes a context current for as long as it lives.
struct Entered<'a>(&'a Api);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut popped = null_mut();
        // SAFETY: the context was pushed on this thread.
        unsafe { (self.0.pop)(&mut popped) };
    }
}

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

    /// The device whose context is current on this thread, as hosts have it when they create kernels; else the first one.
    fn device(&self) -> Result<Device, String> {
        let mut device = 0;
        // SAFETY: results are written to variables of ours.
        unsafe {
            if self.current()?.is_null() {
                self.api
                    .check("cuDeviceGet", (self.api.device)(&mut device, 0))?;
            } else {
                self.api
                    .check("cuCtxGetDevice", (self.api.current_device)(&mut device))?;
            }
        }
        Ok(device)
    }

    fn attribute(&self, attribute: c_int) -> Result<u32, String> {
        self.attribute_of(self.device()?, attribute)
    }

    fn attribute_of(&self, device: Device, attribute: c_int) -> Result<u32, String> {
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

    /// Makes a context current on this thread: the one that is, or that which the device's hosts share.
    fn enter_any(&self) -> Result<Option<Entered<'_>>, String> {
        if !self.current()?.is_null() {
            return Ok(None);
        }
        let device = self.device()?;
        let mut context = null_mut();
        // SAFETY: the result is written to a variable of ours. It is not released, as the images are not.
        let outcome = unsafe { (self.api.retain)(&mut context, device) };
        self.api.check("cuDevicePrimaryCtxRetain", outcome)?;
        self.enter(context)
    }

    /// The kernel called `name` of some code, loaded for the current context, so that its first launch loads nothing.
    fn function_of(&self, code: &Code, name: &CStr) -> Result<Function, String> {
        let api = &self.api;
        let loaded = self.load(code)?;
        let mut handle = null_mut();
        // SAFETY: the name is a C string, and results are written to variables of ours.
        unsafe {
            match (api.library_kernel, api.kernel_function) {
                (Some(kernel), Some(function)) if loaded.context.is_null() => {
                    api.check(
                        "cuLibraryGetKernel",
                        kernel(&mut handle, loaded.handle, name.as_ptr()),
                    )?;
                    let mut here = null_mut();
                    api.check("cuKernelGetFunction", function(&mut here, handle))?;
                }
                _ => {
                    let outcome = (api.module_function)(&mut handle, loaded.handle, name.as_ptr());
                    api.check("cuModuleGetFunction", outcome)?;
                }
            }
        }
        Ok(Function {
            handle,
            context: loaded.context,
        })
    }

    /// The code, loaded once per process, or once per context where the driver has no libraries.
    fn load(&self, code: &Code) -> Result<Loaded, String> {
        let api = &self.api;
        let at = code.bytes.as_ptr();
        let current = self.current()?;
        let mut all = self.loaded.lock().unwrap_or_else(|e| e.into_inner());
        let serves = |known: &&Loaded| known.context.is_null() || known.context == current;
        if let Some(known) = all
            .iter()
            .filter(serves)
            .find(|known| known.code == at.addr())
        {
            return Ok(*known);
        }
        let mut handle = null_mut();
        let none = null_mut();
        // SAFETY: the code is an image as the driver takes it, and stays; there are no options.
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
                    current
                }
            }
        };
        let loaded = Loaded {
            code: at.addr(),
            context,
            handle,
        };
        all.push(loaded);
        Ok(loaded)
    }
}

/// The system's words for a failure, where it has any.
fn words(failure: &libloading::Error) -> String {
    let source = std::error::Error::source(failure);
    source.map_or_else(|| failure.to_string(), ToString::to_string)
}

impl Api {
    /// An outcome as a result, with the driver's words for it.
    fn check(&self, function: &str, outcome: Outcome) -> Result<(), String> {
        if outcome == 0 {
            return Ok(());
        }
        let text = |ask: unsafe extern "system" fn(Outcome, *mut *const c_char) -> Outcome| {
            let mut text = null();
            // SAFETY: the driver's texts are constant.
            unsafe {
                ask(outcome, &mut text);
                if text.is_null() {
                    return outcome.to_string();
                }
                CStr::from_ptr(text).to_string_lossy().into_owned()
            }
        };
        let (name, meaning) = (text(self.error_name), text(self.error_string));
        Err(format!("`{function}` failed with {name}: {meaning}"))
    }
}

impl Launcher for Driver {
    type Function = Function;

    fn function(&self, image: Image, name: &str) -> Result<Function, CudaError> {
        let find = || {
            let name = CString::new(name).map_err(|e| e.to_string())?;
            let _entered = self.enter_any()?;
            let capability = 10 * self.attribute(COMPUTE_CAPABILITY_MAJOR)?
                + self.attribute(COMPUTE_CAPABILITY_MINOR)?;
            let mut why = format!(
                "the device has compute capability {}.{}, expected 7.5 or newer",
                capability / 10,
                capability % 10
            );
            // A driver may be older than what machine code asks of it.
            for code in image
                .codes()
                .iter()
                .filter(|code| code.capability <= capability)
            {
                match self.function_of(code, &name) {
                    Ok(function) => return Ok(function),
                    Err(failure) => why = failure,
                }
            }
            Err(why)
        };
        find().map_err(|why| {
            CudaError::Driver(format!("the CUDA kernel `{name}` cannot be loaded: {why}"))
        })
    }

    fn processors(&self) -> u32 {
        // The number only decides how the work is divided.
        self.attribute(MULTIPROCESSOR_COUNT).unwrap_or(1)
    }

    unsafe fn launch<P>(
        &self,
        function: &Function,
        launch: &Launch<P>,
        stream: Stream,
    ) -> Result<(), CudaError> {
        let put = || {
            let mut context = null_mut();
            // SAFETY: the result is written to a variable of ours.
            let outcome = unsafe { (self.api.stream_context)(stream.0, &mut context) };
            self.api.check("cuStreamGetCtx", outcome)?;
            if !function.context.is_null() && function.context != context {
                return Err("the node was created for another device".to_owned());
            }
            // Hosts run nodes on threads of which they may have told the driver nothing.
            let _entered = self.enter(context)?;
            let mut params = [(&raw const launch.params).cast_mut().cast()];
            let [x, y] = launch.threads;
            // SAFETY: the caller vouches for the parameters, which the driver copies.
            let outcome = unsafe {
                (self.api.launch)(
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
            self.api.check("cuLaunchKernel", outcome)
        };
        put().map_err(CudaError::Driver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for image in Image::ALL {
            for name in image.kernels(75) {
                driver.function(image, name).unwrap();
            }
        }
    }
}
