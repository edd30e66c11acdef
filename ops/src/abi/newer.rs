//! What is newer than API 17.
//!
//! `ort-sys` declares the C tables as of the API level its features ask for, and cargo unifies features over a build. So that
//! neither this library nor another crate of the build decides for the other, everything beyond API 17 is declared here, and
//! used after the host's own version was asked.
//!
//! ONNX Runtime never changes the place of a function once released; the assertions at the end check the places that can be
//! checked against API 17.

#[cfg(feature = "cuda")]
use ort_sys::OrtAllocator;
use ort_sys::{
    ONNXTensorElementDataType, OrtApi, OrtCustomOpInputOutputCharacteristic, OrtKernelContext,
    OrtKernelInfo, OrtMemType, OrtShapeInferContext, OrtStatusPtr, OrtValue,
};
use std::ffi::{c_char, c_int, c_void};
use std::mem::offset_of;

/// The newest API this library makes use of.
pub(super) const NEWEST_API: u32 = 24;

/// The newest `OrtCustomOp.version` whose fields are all in [`CustomOp`].
pub(super) const NEWEST_CUSTOM_OP: u32 = 22;

/// The API since which the function table has [`ShapeReference`].
pub(super) const SHAPE_REFERENCE_API: u32 = 24;

/// Entry of `GetTensorElementTypeAndShapeDataReference` in the function table, the last one of API 24. (API 17 ends before entry
/// 276, API 22 at 317 with `GetEpApi`.)
const SHAPE_REFERENCE_ENTRY: usize = 414;

/// The API since which the function table has [`KernelAllocator`].
#[cfg(feature = "cuda")]
pub(super) const KERNEL_ALLOCATOR_API: u32 = 18;

/// Entry of `KernelInfoGetAllocator` in the function table, the third one of API 18.
#[cfg(feature = "cuda")]
const KERNEL_ALLOCATOR_ENTRY: usize = 278;

/// `OrtApi::KernelInfoGetAllocator`: the allocator of a node's memory, which the caller releases.
#[cfg(feature = "cuda")]
pub(super) type KernelAllocator = unsafe extern "system" fn(
    info: *const OrtKernelInfo,
    memory_type: OrtMemType,
    allocator: *mut *mut OrtAllocator,
) -> OrtStatusPtr;

/// Reads the entry.
///
/// # Safety
/// `api` is the table of a host of API [`KERNEL_ALLOCATOR_API`] or newer.
#[cfg(feature = "cuda")]
pub(super) unsafe fn kernel_allocator(api: *const OrtApi) -> Option<KernelAllocator> {
    // SAFETY: the table is an array of function pointers, and as long as its API says.
    unsafe {
        api.cast::<Option<KernelAllocator>>()
            .add(KERNEL_ALLOCATOR_ENTRY)
            .read()
    }
}

/// `OrtApi::GetTensorElementTypeAndShapeDataReference`: element type and dimensions of a tensor, without a copy.
pub(super) type ShapeReference = unsafe extern "system" fn(
    value: *const OrtValue,
    element_type: *mut ONNXTensorElementDataType,
    dimensions: *mut *const i64,
    rank: *mut usize,
) -> OrtStatusPtr;

/// Reads the entry.
///
/// # Safety
/// `api` is the table of a host of API [`SHAPE_REFERENCE_API`] or newer.
pub(super) unsafe fn shape_reference(api: *const OrtApi) -> Option<ShapeReference> {
    // SAFETY: the table is an array of function pointers, and as long as its API says.
    unsafe {
        api.cast::<Option<ShapeReference>>()
            .add(SHAPE_REFERENCE_ENTRY)
            .read()
    }
}

/// `OrtCustomOp` as of version 22. A host reads the fields its own version has and `version` admits; those of the in-place
/// maps from version 18 on.
#[repr(C)]
pub(super) struct CustomOp {
    pub(super) version: u32,
    pub(super) create_kernel: Option<unsafe extern "system" fn()>,
    pub(super) get_name: unsafe extern "system" fn(*const CustomOp) -> *const c_char,
    pub(super) get_execution_provider_type:
        unsafe extern "system" fn(*const CustomOp) -> *const c_char,
    pub(super) get_input_type:
        unsafe extern "system" fn(*const CustomOp, usize) -> ONNXTensorElementDataType,
    pub(super) get_input_type_count: unsafe extern "system" fn(*const CustomOp) -> usize,
    pub(super) get_output_type:
        unsafe extern "system" fn(*const CustomOp, usize) -> ONNXTensorElementDataType,
    pub(super) get_output_type_count: unsafe extern "system" fn(*const CustomOp) -> usize,
    pub(super) kernel_compute: Option<unsafe extern "system" fn()>,
    pub(super) kernel_destroy: unsafe extern "system" fn(*mut c_void),
    pub(super) get_input_characteristic:
        unsafe extern "system" fn(*const CustomOp, usize) -> OrtCustomOpInputOutputCharacteristic,
    pub(super) get_output_characteristic:
        unsafe extern "system" fn(*const CustomOp, usize) -> OrtCustomOpInputOutputCharacteristic,
    pub(super) get_input_memory_type:
        unsafe extern "system" fn(*const CustomOp, usize) -> OrtMemType,
    pub(super) get_variadic_input_min_arity: unsafe extern "system" fn(*const CustomOp) -> c_int,
    pub(super) get_variadic_input_homogeneity: unsafe extern "system" fn(*const CustomOp) -> c_int,
    pub(super) get_variadic_output_min_arity: unsafe extern "system" fn(*const CustomOp) -> c_int,
    pub(super) get_variadic_output_homogeneity: unsafe extern "system" fn(*const CustomOp) -> c_int,
    pub(super) create_kernel_v2: unsafe extern "system" fn(
        *const CustomOp,
        *const OrtApi,
        *const OrtKernelInfo,
        *mut *mut c_void,
    ) -> OrtStatusPtr,
    pub(super) kernel_compute_v2:
        unsafe extern "system" fn(*mut c_void, *mut OrtKernelContext) -> OrtStatusPtr,
    pub(super) infer_output_shape:
        unsafe extern "system" fn(*const CustomOp, *mut OrtShapeInferContext) -> OrtStatusPtr,
    pub(super) get_start_version: unsafe extern "system" fn(*const CustomOp) -> c_int,
    pub(super) get_end_version: unsafe extern "system" fn(*const CustomOp) -> c_int,
    pub(super) get_may_inplace:
        unsafe extern "system" fn(*mut *mut c_int, *mut *mut c_int) -> usize,
    pub(super) release_may_inplace: unsafe extern "system" fn(*mut c_int, *mut c_int),
    pub(super) get_alias_map:
        Option<unsafe extern "system" fn(*mut *mut c_int, *mut *mut c_int) -> usize>,
    pub(super) release_alias_map: Option<unsafe extern "system" fn(*mut c_int, *mut c_int)>,
}

const _: () = {
    use ort_sys::OrtCustomOp;
    assert!(offset_of!(CustomOp, get_name) == offset_of!(OrtCustomOp, GetName));
    assert!(offset_of!(CustomOp, kernel_destroy) == offset_of!(OrtCustomOp, KernelDestroy));
    assert!(
        offset_of!(CustomOp, get_input_memory_type) == offset_of!(OrtCustomOp, GetInputMemoryType)
    );
    assert!(offset_of!(CustomOp, create_kernel_v2) == offset_of!(OrtCustomOp, CreateKernelV2));
    assert!(
        offset_of!(CustomOp, infer_output_shape) == offset_of!(OrtCustomOp, InferOutputShapeFn)
    );
    assert!(offset_of!(CustomOp, get_end_version) == offset_of!(OrtCustomOp, GetEndVersion));
    // Entries are pointers from the start of the table on: the last functions of API 17 are where they should be.
    assert!(offset_of!(OrtApi, HasSessionConfigEntry) == 237 * size_of::<usize>());
    assert!(offset_of!(OrtApi, KernelContext_ParallelFor) == 274 * size_of::<usize>());
};
