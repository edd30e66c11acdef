//! A copy of ONNX Runtime: its function table, and how new it is.

#[cfg(feature = "cuda")]
use super::newer::{KERNEL_ALLOCATOR_API, KernelAllocator, kernel_allocator};
use super::newer::{NEWEST_API, SHAPE_REFERENCE_API, ShapeReference, shape_reference};
use super::status::{Failure, c_string};
use ort_sys::{OrtApi, OrtApiBase, OrtErrorCode, OrtStatusPtr};
use std::ffi::CStr;

/// The oldest API that is enough for this library: that of ONNX Runtime 1.17.
const OLDEST_API: u32 = 17;

/// The function table of a host, and which newer entries it has.
///
/// The table may be shorter than `OrtApi` declares. It is only ever read field by field through the raw pointer.
pub(super) struct Host {
    api: *const OrtApi,
    /// The host's own API version, however new.
    pub(super) version: u32,
    /// `None` on hosts that do not have it.
    pub(super) shape_reference: Option<ShapeReference>,
    /// `None` on hosts that do not have it.
    #[cfg(feature = "cuda")]
    pub(super) kernel_allocator: Option<KernelAllocator>,
}

// SAFETY: the table is constant, and its functions may be called from any thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// Calls a function of the host's table that returns a status; an error becomes [`Failure::Host`].
macro_rules! ort {
    ($host:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let host: &$crate::abi::host::Host = $host;
        let status = ((*host.api()).$function)($($argument),*);
        $crate::abi::host::outcome(status)
    }};
}
pub(super) use ort;

/// A status as a result.
#[inline]
pub(super) fn outcome(status: OrtStatusPtr) -> Result<(), Failure> {
    if status.0.is_null() {
        Ok(())
    } else {
        Err(Failure::Host(status))
    }
}

impl Host {
    /// Negotiates with a host.
    ///
    /// The version is taken from the host's version string. `GetApi` is never asked for a version the host may not have: it
    /// would complain on standard error.
    ///
    /// # Errors
    /// The status to return, where the host is too old.
    ///
    /// # Safety
    /// `base` is the host's.
    pub(super) unsafe fn negotiate(base: *const OrtApiBase) -> Result<Host, OrtStatusPtr> {
        // SAFETY: both functions have been in the base since the first release.
        unsafe {
            let name = CStr::from_ptr(((*base).GetVersionString)()).to_string_lossy();
            let version = api_version(&name);
            let api = match version {
                Some(v) if v >= OLDEST_API => ((*base).GetApi)(v.min(NEWEST_API)),
                _ => std::ptr::null(),
            };
            if api.is_null() {
                let text = format!(
                    "phasor-ops {} needs ONNX Runtime 1.{OLDEST_API} or newer, but was loaded into {name}",
                    env!("CARGO_PKG_VERSION")
                );
                return Err(Self::status_of_any(
                    base,
                    OrtErrorCode::ORT_NOT_IMPLEMENTED,
                    &text,
                ));
            }
            let version = version.unwrap_or(OLDEST_API);
            let shape_reference = if version >= SHAPE_REFERENCE_API {
                shape_reference(api)
            } else {
                None
            };
            Ok(Host {
                api,
                version,
                shape_reference,
                #[cfg(feature = "cuda")]
                kernel_allocator: if version >= KERNEL_ALLOCATOR_API {
                    kernel_allocator(api)
                } else {
                    None
                },
            })
        }
    }

    /// A status of a host that may be of any age; none (which means success) only where it has no API at all.
    ///
    /// # Safety
    /// `base` is the host's.
    pub(super) unsafe fn status_of_any(
        base: *const OrtApiBase,
        code: OrtErrorCode,
        text: &str,
    ) -> OrtStatusPtr {
        // SAFETY: every host has API 1, with `CreateStatus` as its first entry.
        unsafe {
            let first = ((*base).GetApi)(1);
            if first.is_null() {
                return OrtStatusPtr(std::ptr::null_mut());
            }
            ((*first).CreateStatus)(code, c_string(text).as_ptr())
        }
    }

    /// Whether both are the same copy of ONNX Runtime. One may be loaded where another has been, so the release counts too.
    pub(super) fn is(&self, other: &Host) -> bool {
        (self.api, self.version) == (other.api, other.version)
    }

    /// The function table.
    #[inline]
    pub(super) fn api(&self) -> *const OrtApi {
        self.api
    }

    /// A status of this host's.
    pub(super) fn status(&self, code: OrtErrorCode, text: &str) -> OrtStatusPtr {
        // SAFETY: the host copies the text.
        unsafe { ((*self.api).CreateStatus)(code, c_string(text).as_ptr()) }
    }

    /// Drops a failure that is not to be reported.
    pub(super) fn forget(&self, failure: Failure) {
        if let Failure::Host(status) = failure {
            // SAFETY: the status is the host's, and owned.
            unsafe { ((*self.api).ReleaseStatus)(status.0) }
        }
    }
}

/// The API version of a release: the minor number of 1.x. A later major number is taken to have every API we know of.
fn api_version(name: &str) -> Option<u32> {
    let mut parts = name.split('.');
    let major: u32 = parts.next()?.trim().parse().ok()?;
    let minor = parts.next()?;
    let digits = minor
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(minor.len());
    let minor: u32 = minor[..digits].parse().ok()?;
    match major {
        0 => None,
        1 => Some(minor),
        _ => Some(NEWEST_API),
    }
}

/// A host that knows which API it was asked for, and has little else: `CreateStatus` gives the code as an address and keeps the text,
/// inputs are numbers at the address of the context, and the device of a node is the number at the address of its information.
#[cfg(test)]
pub(super) mod fake {
    use super::*;
    use ort_sys::{
        ONNXTensorElementDataType, OrtAllocator, OrtKernelContext, OrtKernelInfo, OrtMemType,
        OrtMemoryInfo, OrtValue,
    };
    use std::cell::{Cell, RefCell};
    use std::ffi::{c_char, c_int, c_void};
    use std::mem::offset_of;
    use std::ptr::null_mut;

    /// Longer than any table, and constant.
    struct Table([usize; 1024]);

    thread_local! {
        pub(super) static ASKED: Cell<u32> = const { Cell::new(0) };
        /// The text of the last status.
        pub(in crate::abi) static SAID: RefCell<String> = const { RefCell::new(String::new()) };
        /// How many allocators have been released.
        pub(in crate::abi) static RELEASED: Cell<u32> = const { Cell::new(0) };
    }

    unsafe extern "system" fn create_status(
        code: OrtErrorCode,
        text: *const c_char,
    ) -> OrtStatusPtr {
        // SAFETY: the caller gives a C string.
        SAID.set(
            unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned(),
        );
        OrtStatusPtr(std::ptr::without_provenance_mut(code as usize))
    }

    unsafe extern "system" fn get_input(
        context: *const OrtKernelContext,
        _: usize,
        value: *mut *const OrtValue,
    ) -> OrtStatusPtr {
        // SAFETY: the caller gives a place.
        unsafe { value.write(context.cast()) };
        OrtStatusPtr(null_mut())
    }

    unsafe extern "system" fn get_data(
        value: *mut OrtValue,
        data: *mut *mut c_void,
    ) -> OrtStatusPtr {
        // SAFETY: as above.
        unsafe { data.write(value.cast()) };
        OrtStatusPtr(null_mut())
    }

    unsafe extern "system" fn get_shape(
        _: *const OrtValue,
        _: *mut ONNXTensorElementDataType,
        _: *mut *const i64,
        rank: *mut usize,
    ) -> OrtStatusPtr {
        // SAFETY: as above.
        unsafe { rank.write(0) };
        OrtStatusPtr(null_mut())
    }

    unsafe extern "system" fn allocator_of(
        info: *const OrtKernelInfo,
        _: OrtMemType,
        allocator: *mut *mut OrtAllocator,
    ) -> OrtStatusPtr {
        // SAFETY: as above.
        unsafe { allocator.write(info.cast_mut().cast()) };
        OrtStatusPtr(null_mut())
    }

    unsafe extern "system" fn memory_of(
        allocator: *const OrtAllocator,
        memory: *mut *const OrtMemoryInfo,
    ) -> OrtStatusPtr {
        // SAFETY: as above.
        unsafe { memory.write(allocator.cast()) };
        OrtStatusPtr(null_mut())
    }

    unsafe extern "system" fn device_of(
        memory: *const OrtMemoryInfo,
        device: *mut c_int,
    ) -> OrtStatusPtr {
        // SAFETY: as above; the caller of all gave the address of a number.
        unsafe { device.write(memory.cast::<c_int>().read()) };
        OrtStatusPtr(null_mut())
    }

    unsafe extern "system" fn release(_: *mut OrtAllocator) {
        RELEASED.set(RELEASED.get() + 1);
    }

    unsafe extern "system" fn get_api<const MINOR: u32>(version: u32) -> *const OrtApi {
        assert!(version <= MINOR, "a version the host does not have");
        ASKED.set(version);
        let mut table = Box::new(Table([0; 1024]));
        let entries = [
            (0, create_status as *const ()),
            (
                offset_of!(OrtApi, KernelContext_GetInput),
                get_input as *const (),
            ),
            (
                offset_of!(OrtApi, GetTensorMutableData),
                get_data as *const (),
            ),
            (offset_of!(OrtApi, AllocatorGetInfo), memory_of as *const ()),
            (offset_of!(OrtApi, MemoryInfoGetId), device_of as *const ()),
            (offset_of!(OrtApi, ReleaseAllocator), release as *const ()),
            (278 * size_of::<usize>(), allocator_of as *const ()),
            (414 * size_of::<usize>(), get_shape as *const ()),
        ];
        for (at, function) in entries {
            table.0[at / size_of::<usize>()] = function as usize;
        }
        Box::leak(table).0.as_ptr().cast()
    }

    unsafe extern "system" fn version<const MINOR: u32>() -> *const c_char {
        match MINOR {
            16 => c"1.16.3",
            17 => c"1.17.0",
            _ => c"1.99.1",
        }
        .as_ptr()
    }

    pub(in crate::abi) fn base<const MINOR: u32>() -> OrtApiBase {
        OrtApiBase {
            GetApi: get_api::<MINOR>,
            GetVersionString: version::<MINOR>,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(api_version("1.17.3"), Some(17));
        assert_eq!(api_version("1.32.0-dev"), Some(32));
        assert_eq!(api_version("1.24dev.1"), Some(24));
        assert_eq!(api_version("2.0.0"), Some(NEWEST_API));
        assert_eq!(api_version("0.9.1"), None);
        assert_eq!(api_version("nightly"), None);
        assert_eq!(api_version(""), None);
    }

    #[test]
    fn a_host_is_asked_for_what_it_has() {
        // SAFETY: the fakes have all that negotiation uses.
        unsafe {
            let refused = Host::negotiate(&fake::base::<16>()).err().unwrap();
            assert_eq!(refused.0.addr(), OrtErrorCode::ORT_NOT_IMPLEMENTED as usize);
            assert_eq!(fake::ASKED.get(), 1);

            let oldest = Host::negotiate(&fake::base::<17>()).ok().unwrap();
            assert_eq!(
                (oldest.version, oldest.shape_reference.is_none()),
                (17, true)
            );
            assert_eq!(fake::ASKED.get(), 17);

            let newer = Host::negotiate(&fake::base::<99>()).ok().unwrap();
            assert_eq!((newer.version, newer.shape_reference.is_some()), (99, true));
            assert_eq!(fake::ASKED.get(), NEWEST_API);
        }
    }
}
