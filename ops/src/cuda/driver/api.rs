//! The driver's functions, with its types as numbers and pointers.

use libloading::Library;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::null;

/// The driver's library.
#[cfg(windows)]
pub(super) const LIBRARY: &str = "nvcuda.dll";
/// The driver's library.
#[cfg(not(windows))]
pub(super) const LIBRARY: &str = "libcuda.so.1";

/// `CUdevice_attribute`.
pub(super) const MULTIPROCESSOR_COUNT: c_int = 16;
pub(super) const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
pub(super) const COMPUTE_CAPABILITY_MINOR: c_int = 76;

/// `CUresult`; 0 is success.
pub(super) type Outcome = c_int;
/// A context, library, module, kernel or function.
pub(super) type Handle = *mut c_void;
/// `CUdevice`.
pub(super) type Number = c_int;

/// Declares the functions in use, and reads their addresses.
macro_rules! api {
    (required { $($field:ident = $name:ident($($argument:ty),* $(,)?);)+ } optional { $($late:ident = $late_name:ident($($late_argument:ty),* $(,)?);)+ }) => {
        pub(super) struct Api {
            $(pub(super) $field: unsafe extern "system" fn($($argument),*) -> Outcome,)+
            $(pub(super) $late: Option<unsafe extern "system" fn($($late_argument),*) -> Outcome>,)+
        }

        impl Api {
            /// # Safety
            /// `library` is the driver's, and is never unloaded.
            pub(super) unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
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
    device = cuDeviceGet(*mut Number, c_int);
    attribute = cuDeviceGetAttribute(*mut c_int, c_int, Number);
    retain = cuDevicePrimaryCtxRetain(*mut Handle, Number);
    current = cuCtxGetCurrent(*mut Handle);
    current_device = cuCtxGetDevice(*mut Number);
    push = cuCtxPushCurrent_v2(Handle);
    pop = cuCtxPopCurrent_v2(*mut Handle);
    stream_context = cuStreamGetCtx(Handle, *mut Handle);
    load_module = cuModuleLoadData(*mut Handle, *const c_void);
    module_function = cuModuleGetFunction(*mut Handle, Handle, *const c_char);
    launch = cuLaunchKernel(
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void,
    );
}
// Libraries, which serve every context, are there since CUDA 12.0, and `cuFuncLoad` since 12.4.
optional {
    driver_version = cuDriverGetVersion(*mut c_int);
    device_name = cuDeviceGetName(*mut c_char, c_int, Number);
    load_library = cuLibraryLoadData(
        *mut Handle, *const c_void, *mut c_int, *mut *mut c_void, c_uint, *mut c_int, *mut *mut c_void, c_uint,
    );
    library_kernel = cuLibraryGetKernel(*mut Handle, Handle, *const c_char);
    kernel_function = cuKernelGetFunction(*mut Handle, Handle);
    load_function = cuFuncLoad(Handle);
}
}

impl Api {
    /// An outcome as a result, with the driver's words for it.
    pub(super) fn check(&self, function: &str, outcome: Outcome) -> Result<(), String> {
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

/// The system's words for a failure, where it has any.
pub(super) fn words(failure: &libloading::Error) -> String {
    let source = std::error::Error::source(failure);
    source.map_or_else(|| failure.to_string(), ToString::to_string)
}
