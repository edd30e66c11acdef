//! An operator in safe terms, and the table of C callbacks made from it.

use super::context::{Context, Node};
use super::guard::{guard, guard_silent};
use super::host::Host;
use super::infer::Inference;
use super::newer::{CustomOp, NEWEST_CUSTOM_OP};
use super::status::{Failure, c_string};
use crate::contract::{OperatorSpec, VERSION, ValueSpec};
use ort_sys::{
    ONNXTensorElementDataType, OrtApi, OrtCustomOpInputOutputCharacteristic, OrtKernelContext,
    OrtKernelInfo, OrtMemType, OrtShapeInferContext, OrtStatusPtr,
};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;

/// The host's number for no type.
const UNDEFINED: ONNXTensorElementDataType =
    ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;

/// An operator for one combination of element types.
pub(super) trait Operator: 'static {
    /// Its description.
    const SPEC: &'static OperatorSpec;
    /// The combination: an element type for each of [`OperatorSpec::types`].
    const TYPES: &'static [ONNXTensorElementDataType];
    /// The execution providers that its nodes run on.
    const PROVIDERS: &'static [&'static CStr] = &[c"CPUExecutionProvider"];

    /// The attributes of a node.
    type Attributes;
    /// What is known of a node before it runs. Shared by all threads that run it.
    type Kernel: Send + Sync;

    /// Tells the host what is known of the outputs' shapes.
    ///
    /// # Errors
    /// Where the host refuses them.
    fn infer(node: &Inference<'_>) -> Result<(), Failure>;

    /// Reads the attributes of a node.
    ///
    /// # Errors
    /// For attributes that the operator refuses.
    fn attributes(node: &Node<'_>) -> Result<Self::Attributes, Failure>;

    /// The kernel of a node.
    ///
    /// # Errors
    /// For attributes, or constant inputs, that the operator refuses.
    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure>;

    /// Runs the kernel.
    ///
    /// # Errors
    /// For inputs the operator refuses.
    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure>;
}

/// The table of an operator for a provider, the host it is for, and its name as the host wants it. The host hands most callbacks the address of
/// the table, which is also that of the whole.
#[repr(C)]
struct Table {
    custom_op: CustomOp,
    host: &'static Host,
    provider: &'static CStr,
    name: CString,
}

/// A kernel as the host keeps it.
struct Instance<O: Operator> {
    host: &'static Host,
    kernel: O::Kernel,
}

/// The tables of `O` for a host, one per provider; they live as long as the process, as sessions may outlive anything else.
pub(super) fn tables<O: Operator>(host: &'static Host) -> impl Iterator<Item = &'static CustomOp> {
    O::PROVIDERS
        .iter()
        .map(move |provider| table::<O>(host, provider))
}

fn table<O: Operator>(host: &'static Host, provider_name: &'static CStr) -> &'static CustomOp {
    let custom_op = CustomOp {
        version: host.version.min(NEWEST_CUSTOM_OP),
        create_kernel: None,
        get_name: name,
        get_execution_provider_type: provider,
        get_input_type: input_type::<O>,
        get_input_type_count: input_count::<O>,
        get_output_type: output_type::<O>,
        get_output_type_count: output_count::<O>,
        kernel_compute: None,
        kernel_destroy: destroy::<O>,
        get_input_characteristic: required,
        get_output_characteristic: required,
        get_input_memory_type: memory_type,
        get_variadic_input_min_arity: zero,
        get_variadic_input_homogeneity: zero,
        get_variadic_output_min_arity: zero,
        get_variadic_output_homogeneity: zero,
        create_kernel_v2: create::<O>,
        kernel_compute_v2: compute::<O>,
        infer_output_shape: infer::<O>,
        get_start_version: start_version,
        get_end_version: end_version,
        get_may_inplace: may_inplace::<O>,
        release_may_inplace,
        get_alias_map: None,
        release_alias_map: None,
    };
    let table = Table {
        custom_op,
        host,
        provider: provider_name,
        name: c_string(O::SPEC.name),
    };
    &Box::leak(Box::new(table)).custom_op
}

/// The whole around a table of callbacks.
///
/// # Safety
/// `op` is from [`table`].
unsafe fn whole(op: *const CustomOp) -> &'static Table {
    // SAFETY: the custom operator is the first field of a `Table`, which is never freed.
    unsafe { &*op.cast::<Table>() }
}

/// The type of one of `values`.
fn type_of<O: Operator>(values: &[ValueSpec], index: usize) -> ONNXTensorElementDataType {
    values
        .get(index)
        .and_then(|value| O::SPEC.type_of(value))
        .and_then(|at| O::TYPES.get(at))
        .copied()
        .unwrap_or(UNDEFINED)
}

unsafe extern "system" fn name(op: *const CustomOp) -> *const c_char {
    // SAFETY: `op` is a table of ours.
    unsafe { whole(op).name.as_ptr() }
}

unsafe extern "system" fn provider(op: *const CustomOp) -> *const c_char {
    // SAFETY: `op` is a table of ours.
    unsafe { whole(op).provider.as_ptr() }
}

unsafe extern "system" fn input_type<O: Operator>(
    _: *const CustomOp,
    index: usize,
) -> ONNXTensorElementDataType {
    type_of::<O>(O::SPEC.inputs, index)
}

unsafe extern "system" fn input_count<O: Operator>(_: *const CustomOp) -> usize {
    O::SPEC.inputs.len()
}

unsafe extern "system" fn output_type<O: Operator>(
    _: *const CustomOp,
    index: usize,
) -> ONNXTensorElementDataType {
    type_of::<O>(O::SPEC.outputs, index)
}

unsafe extern "system" fn output_count<O: Operator>(_: *const CustomOp) -> usize {
    O::SPEC.outputs.len()
}

unsafe extern "system" fn required(
    _: *const CustomOp,
    _: usize,
) -> OrtCustomOpInputOutputCharacteristic {
    OrtCustomOpInputOutputCharacteristic::INPUT_OUTPUT_REQUIRED
}

/// Every input is in the memory of the operator's provider.
unsafe extern "system" fn memory_type(_: *const CustomOp, _: usize) -> OrtMemType {
    OrtMemType::OrtMemTypeDefault
}

unsafe extern "system" fn zero(_: *const CustomOp) -> c_int {
    0
}

unsafe extern "system" fn start_version(_: *const CustomOp) -> c_int {
    VERSION as c_int
}

unsafe extern "system" fn end_version(_: *const CustomOp) -> c_int {
    c_int::MAX
}

/// An output takes the place of an input where the host finds that nobody else needs it.
unsafe extern "system" fn may_inplace<O: Operator>(
    inputs: *mut *mut c_int,
    outputs: *mut *mut c_int,
) -> usize {
    static SAME: [c_int; 2] = [0, 1];
    const { assert!(O::SPEC.in_place <= SAME.len()) };
    // SAFETY: the host passes places for two pointers, and only reads what they point to.
    unsafe {
        inputs.write(SAME.as_ptr().cast_mut());
        outputs.write(SAME.as_ptr().cast_mut());
    }
    O::SPEC.in_place
}

unsafe extern "system" fn release_may_inplace(_: *mut c_int, _: *mut c_int) {}

unsafe extern "system" fn create<O: Operator>(
    op: *const CustomOp,
    _: *const OrtApi,
    info: *const OrtKernelInfo,
    out: *mut *mut c_void,
) -> OrtStatusPtr {
    // SAFETY: `op` is a table of ours, `info` the host's during this call, and `out` a place for a pointer.
    unsafe {
        let host = whole(op).host;
        guard(host, O::SPEC.name, || {
            out.write(null_mut());
            let kernel = O::create(&Node::new(host, O::SPEC, info))?;
            out.write(Box::into_raw(Box::new(Instance::<O> { host, kernel })).cast());
            Ok(())
        })
    }
}

unsafe extern "system" fn compute<O: Operator>(
    kernel: *mut c_void,
    context: *mut OrtKernelContext,
) -> OrtStatusPtr {
    // SAFETY: `kernel` is from `create`, and shared: it is not changed. `context` is the host's during this call.
    unsafe {
        let instance = &*kernel.cast::<Instance<O>>();
        guard(instance.host, O::SPEC.name, || {
            O::compute(
                &instance.kernel,
                &Context::new(instance.host, O::SPEC, context),
            )
        })
    }
}

unsafe extern "system" fn destroy<O: Operator>(kernel: *mut c_void) {
    if kernel.is_null() {
        return;
    }
    // SAFETY: `kernel` is from `create`, and the host is done with it.
    guard_silent(|| drop(unsafe { Box::from_raw(kernel.cast::<Instance<O>>()) }));
}

unsafe extern "system" fn infer<O: Operator>(
    op: *const CustomOp,
    context: *mut OrtShapeInferContext,
) -> OrtStatusPtr {
    // SAFETY: `op` is a table of ours, `context` the host's during this call.
    unsafe {
        let host = whole(op).host;
        guard(host, O::SPEC.name, || {
            O::infer(&Inference::new(host, context))
        })
    }
}
