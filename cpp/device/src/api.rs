//! The driver's functions, with its types as numbers and pointers.

use libloading::Library;
use std::ffi::{CStr, c_char, c_float, c_int, c_uint, c_void};
use std::ptr::null;

/// The driver's library.
#[cfg(windows)]
const LIBRARY: &str = "nvcuda.dll";
/// The driver's library.
#[cfg(not(windows))]
const LIBRARY: &str = "libcuda.so.1";

/// `CUresult`, of which 0 is success, and whatever else is an `int`.
pub(crate) type Number = c_int;
/// A context, stream, event or graph.
pub(crate) type Handle = *mut c_void;
/// `CUdeviceptr`.
pub(crate) type Address = u64;

/// Declares the functions, and reads their addresses.
macro_rules! api {
    ($($field:ident = $name:ident($($argument:ty),* $(,)?);)+) => {
        #[derive(Debug)]
        pub(crate) struct Api {
            $(pub(crate) $field: unsafe extern "system" fn($($argument),*) -> Number,)+
        }

        impl Api {
            /// # Safety
            /// `library` is the driver's, and is never unloaded.
            unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: these are the driver's functions of these names.
                unsafe {
                    Ok(Self {
                        $($field: *library.get(concat!(stringify!($name), "\0"))?,)+
                    })
                }
            }
        }
    };
}

api! {
    init = cuInit(c_uint);
    version = cuDriverGetVersion(*mut c_int);
    error_name = cuGetErrorName(Number, *mut *const c_char);
    error_string = cuGetErrorString(Number, *mut *const c_char);
    device_count = cuDeviceGetCount(*mut c_int);
    device = cuDeviceGet(*mut Number, c_int);
    name = cuDeviceGetName(*mut c_char, c_int, Number);
    attribute = cuDeviceGetAttribute(*mut c_int, c_int, Number);
    retain = cuDevicePrimaryCtxRetain(*mut Handle, Number);
    push = cuCtxPushCurrent_v2(Handle);
    pop = cuCtxPopCurrent_v2(*mut Handle);
    allocate = cuMemAlloc_v2(*mut Address, usize);
    free = cuMemFree_v2(Address);
    upload = cuMemcpyHtoD_v2(Address, *const c_void, usize);
    download = cuMemcpyDtoH_v2(*mut c_void, Address, usize);
    copy = cuMemcpyDtoDAsync_v2(Address, Address, usize, Handle);
    fill = cuMemsetD32Async(Address, c_uint, usize, Handle);
    load_module = cuModuleLoadData(*mut Handle, *const c_void);
    module_function = cuModuleGetFunction(*mut Handle, Handle, *const c_char);
    launch = cuLaunchKernel(
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void,
    );
    create_stream = cuStreamCreate(*mut Handle, c_uint);
    synchronize = cuStreamSynchronize(Handle);
    destroy_stream = cuStreamDestroy_v2(Handle);
    begin_capture = cuStreamBeginCapture_v2(Handle, c_int);
    end_capture = cuStreamEndCapture(Handle, *mut Handle);
    instantiate = cuGraphInstantiateWithFlags(*mut Handle, Handle, u64);
    launch_graph = cuGraphLaunch(Handle, Handle);
    destroy_graph = cuGraphDestroy(Handle);
    destroy_executable = cuGraphExecDestroy(Handle);
    create_event = cuEventCreate(*mut Handle, c_uint);
    record = cuEventRecord(Handle, Handle);
    wait = cuEventSynchronize(Handle);
    elapsed = cuEventElapsedTime(*mut c_float, Handle, Handle);
    destroy_event = cuEventDestroy_v2(Handle);
}

/// The system's text for a failure to load, if it has one.
fn words(failure: &libloading::Error) -> String {
    let source = std::error::Error::source(failure);
    source.map_or_else(|| failure.to_string(), ToString::to_string)
}

impl Api {
    /// The driver's functions.
    ///
    /// # Errors
    /// Where there is no driver, or one without some function.
    pub(crate) fn load() -> Result<Self, String> {
        // SAFETY: the driver's library may be loaded at any time; it stays.
        let (library, api) = unsafe {
            let library = Library::new(LIBRARY).map_err(|e| {
                format!(
                    "NVIDIA's driver (`{LIBRARY}`) cannot be loaded: {}",
                    words(&e)
                )
            })?;
            let api = Api::of(&library)
                .map_err(|e| format!("NVIDIA's driver (`{LIBRARY}`) is too old: {}", words(&e)))?;
            (library, api)
        };
        std::mem::forget(library);
        Ok(api)
    }

    /// An outcome as a result, with the driver's words for it.
    pub(crate) fn check(&self, function: &str, outcome: Number) -> Result<(), String> {
        if outcome == 0 {
            return Ok(());
        }
        let text = |ask: unsafe extern "system" fn(Number, *mut *const c_char) -> Number| {
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
