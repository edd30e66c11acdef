//! What the host gives a kernel: its node at creation, its tensors in a run.

#[cfg(feature = "cuda")]
use super::host::outcome;
use super::host::{Host, ort};
use super::status::{Failure, c_string, panic_text};
use super::tensor::{Shape, Tensor};
use crate::contract::{AttributeSpec, AttributeValue, ContractError, OperatorSpec, ValueSpec};
#[cfg(feature = "cuda")]
use ort_sys::OrtMemType;
use ort_sys::{OrtErrorCode, OrtKernelContext, OrtKernelInfo};
use std::cell::RefCell;
use std::ffi::c_void;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::sync::Mutex;

/// The node a kernel is created for.
pub(super) struct Node<'a> {
    host: &'a Host,
    spec: &'static OperatorSpec,
    info: *const OrtKernelInfo,
}

impl<'a> Node<'a> {
    /// # Safety
    /// `info` is the host's, and stays for `'a`.
    pub(super) unsafe fn new(
        host: &'a Host,
        spec: &'static OperatorSpec,
        info: *const OrtKernelInfo,
    ) -> Self {
        Self { host, spec, info }
    }

    /// What `parse` makes of the attributes that the node has of those in `specs`.
    ///
    /// # Errors
    /// Its own, and invalid argument for an attribute of another type.
    pub(super) fn attributes<A, const N: usize>(
        &self,
        specs: &[AttributeSpec; N],
        parse: impl FnOnce(&dyn Fn(&'static str) -> Option<AttributeValue>) -> Result<A, ContractError>,
    ) -> Result<A, Failure> {
        let mut given = [None; N];
        for (value, spec) in given.iter_mut().zip(specs) {
            *value = self.attribute(spec)?;
        }
        let lookup = |name: &'static str| {
            let at = specs.iter().position(|spec| spec.name == name)?;
            given[at]
        };
        Ok(parse(&lookup)?)
    }

    /// An attribute; `None` where the node does not have it.
    fn attribute(&self, spec: &AttributeSpec) -> Result<Option<AttributeValue>, Failure> {
        let (host, info, name) = (self.host, self.info, c_string(spec.name));
        let at = name.as_ptr();
        let (mut int, mut float, mut size) = (0i64, 0f32, 0usize);
        // SAFETY: the name is a C string, results are written to variables of ours. Asking for a string or a list with no buffer
        // asks for its size.
        unsafe {
            let as_int = ort!(host, KernelInfoGetAttribute_int64(info, at, &mut int));
            let as_float = ort!(host, KernelInfoGetAttribute_float(info, at, &mut float));
            let found = [self.found(as_int), self.found(as_float)];
            let (wanted, expected) = match spec.default {
                AttributeValue::Int(_) => (found[0].then_some(int.into()), "an integer"),
                AttributeValue::Float(_) => (found[1].then_some(float.into()), "a float"),
            };
            if wanted.is_some() {
                return Ok(wanted);
            }
            // The host does not say whether it is absent or of another type.
            let others = [
                ort!(
                    host,
                    KernelInfoGetAttribute_string(info, at, null_mut(), &mut size)
                ),
                ort!(
                    host,
                    KernelInfoGetAttributeArray_int64(info, at, null_mut(), &mut size)
                ),
                ort!(
                    host,
                    KernelInfoGetAttributeArray_float(info, at, null_mut(), &mut size)
                ),
            ];
            let others = others.map(|other| self.found(other));
            if found.into_iter().chain(others).any(|found| found) {
                let text = format!("attribute `{}` is not {expected}", spec.name);
                return Err(refused(text));
            }
        }
        Ok(None)
    }

    /// Whether a question was answered.
    fn found(&self, answer: Result<(), Failure>) -> bool {
        answer.map_err(|absent| self.host.forget(absent)).is_ok()
    }

    /// Input `index`, if it is a constant of the model. It may lie at an address that is not aligned, as in a file that the host has
    /// mapped.
    ///
    /// # Safety
    /// Its elements are of type `T`. The result is used only as long as the session lives, as its kernels do.
    pub(super) unsafe fn constant<T>(
        &self,
        index: usize,
    ) -> Result<Option<Tensor<'a, T>>, Failure> {
        let mut is_constant = 0;
        let mut value = null();
        // SAFETY: results are written to variables of ours; the caller vouches for the type.
        unsafe {
            ort!(
                self.host,
                KernelInfoGetConstantInput_tensor(self.info, index, &mut is_constant, &mut value)
            )?;
            if is_constant == 0 || value.is_null() {
                return Ok(None);
            }
            Tensor::of(self.host, name_of(self.spec.inputs, index), value).map(Some)
        }
    }
}

#[cfg(feature = "cuda")]
impl Node<'_> {
    /// The number of the device that the node's tensors are on; `None` where the host is too old to tell.
    ///
    /// # Errors
    /// Where the host has no memory for them, or the device is none that could be counted.
    pub(super) fn device(&self) -> Result<Option<u32>, Failure> {
        let Some(allocator_of) = self.host.kernel_allocator else {
            return Ok(None);
        };
        let (mut allocator, mut memory, mut number) = (null_mut(), null(), 0);
        // SAFETY: results are written to variables of ours. The allocator is this function's to release, after its last use.
        let asked = unsafe {
            outcome(allocator_of(
                self.info,
                OrtMemType::OrtMemTypeDefault,
                &mut allocator,
            ))?;
            let asked = ort!(self.host, AllocatorGetInfo(allocator, &mut memory))
                .and_then(|()| ort!(self.host, MemoryInfoGetId(memory, &mut number)));
            ((*self.host.api()).ReleaseAllocator)(allocator);
            asked
        };
        asked?;
        let number = u32::try_from(number).map_err(|_| {
            refused(format!(
                "the node is on device {number}, expected 0 or more"
            ))
        })?;
        Ok(Some(number))
    }
}

/// The name of an input or output, for errors.
#[inline]
fn name_of(values: &'static [ValueSpec], index: usize) -> &'static str {
    values.get(index).map_or("a tensor", |value| value.name)
}

/// The caller's fault.
fn refused(text: String) -> Failure {
    Failure::Ours(OrtErrorCode::ORT_INVALID_ARGUMENT, text)
}

/// One run of a kernel.
pub(super) struct Context<'a> {
    host: &'a Host,
    spec: &'static OperatorSpec,
    context: *mut OrtKernelContext,
    /// The elements of inputs that lie at addresses which are not aligned.
    copies: RefCell<Vec<Vec<u64>>>,
}

impl<'a> Context<'a> {
    /// # Safety
    /// `context` is the host's, and stays for `'a`.
    #[inline]
    pub(super) unsafe fn new(
        host: &'a Host,
        spec: &'static OperatorSpec,
        context: *mut OrtKernelContext,
    ) -> Self {
        Self {
            host,
            spec,
            context,
            copies: RefCell::default(),
        }
    }

    /// Input `index`, which is in the host's memory.
    ///
    /// # Safety
    /// It is a tensor with elements of type `T`, and the result is not used after the run.
    #[inline]
    pub(super) unsafe fn input<T>(&self, index: usize) -> Result<Tensor<'a, T>, Failure> {
        // SAFETY: the element type and the use during this run are what this function's `# Safety` section requires; the tensor
        // that is copied is one the host has just given.
        unsafe {
            let mut tensor: Tensor<'a, T> = self.given(index)?;
            if !tensor.data.is_aligned() {
                tensor.data = self.copy(&tensor);
            }
            Ok(tensor)
        }
    }

    /// Input `index`, which is in the memory of a device: nothing is read of it.
    ///
    /// # Errors
    /// Invalid argument for one at an address that is not aligned, which cannot be copied here.
    ///
    /// # Safety
    /// As [`Context::input`].
    #[cfg(feature = "cuda")]
    pub(super) unsafe fn device_input<T>(&self, index: usize) -> Result<Tensor<'a, T>, Failure> {
        // SAFETY: `Context::input` requires the element type and the use during this run; nothing is read at the address.
        let tensor: Tensor<'a, T> = unsafe { self.given(index)? };
        if !tensor.data.is_aligned() {
            return Err(refused(format!(
                "{} is at address {:#x}, expected a multiple of {}",
                name_of(self.spec.inputs, index),
                tensor.data.addr(),
                align_of::<T>()
            )));
        }
        Ok(tensor)
    }

    /// Input `index`, at whatever address.
    ///
    /// # Safety
    /// As [`Context::input`].
    #[inline]
    unsafe fn given<T>(&self, index: usize) -> Result<Tensor<'a, T>, Failure> {
        let mut value = null();
        // SAFETY: the result is written to a variable of ours; the caller vouches for the type.
        unsafe {
            ort!(
                self.host,
                KernelContext_GetInput(self.context, index, &mut value)
            )?;
            let name = name_of(self.spec.inputs, index);
            if value.is_null() {
                return Err(refused(format!("{name} is absent")));
            }
            Tensor::of(self.host, name, value)
        }
    }

    /// An aligned copy of the elements of `tensor`, which lasts as long as the run. Such tensors are buffers of the caller's own,
    /// or constants in a file that the host has mapped.
    ///
    /// # Safety
    /// As [`Context::input`].
    #[cold]
    unsafe fn copy<T>(&self, tensor: &Tensor<'_, T>) -> *const T {
        const { assert!(align_of::<T>() <= align_of::<u64>()) };
        let bytes = tensor.shape.sizes().iter().product::<usize>() * size_of::<T>();
        let mut copy = vec![0u64; bytes.div_ceil(size_of::<u64>())];
        let data = copy.as_mut_ptr().cast::<T>();
        // SAFETY: the tensor has as many bytes, and the copy as many or more.
        unsafe {
            std::ptr::copy_nonoverlapping(tensor.data.cast::<u8>(), data.cast::<u8>(), bytes);
        }
        self.copies.borrow_mut().push(copy);
        data
    }

    /// Output `index`, with `shape`: the first element. It may be that of an input the operator lets it replace.
    ///
    /// # Safety
    /// Its elements are of type `T`, and the result is not used after the run.
    #[inline]
    pub(super) unsafe fn output<T>(
        &self,
        index: usize,
        shape: &Shape<'_>,
    ) -> Result<*mut T, Failure> {
        let dimensions = shape.dimensions();
        let (at, rank) = (dimensions.as_ptr(), dimensions.len());
        let (mut value, mut data) = (null_mut(), null_mut());
        // SAFETY: the host reads as many dimensions as told, and gives a tensor.
        unsafe {
            ort!(
                self.host,
                KernelContext_GetOutput(self.context, index, at, rank, &mut value)
            )?;
            ort!(self.host, GetTensorMutableData(value, &mut data))?;
        }
        let data: *mut T = data.cast();
        if !data.is_aligned() {
            return Err(refused(format!(
                "{} would be written to address {:#x}, expected a multiple of {}",
                name_of(self.spec.outputs, index),
                data.addr(),
                align_of::<T>()
            )));
        }
        Ok(data)
    }

    /// The stream of the device that the node runs in.
    ///
    /// # Errors
    /// Where the host has none, as on a provider without streams.
    #[cfg(feature = "cuda")]
    pub(super) fn stream(&self) -> Result<crate::cuda::Stream, Failure> {
        let mut stream = null_mut();
        // SAFETY: the result is written to a variable of ours.
        unsafe {
            ort!(
                self.host,
                KernelContext_GetGPUComputeStream(self.context, &mut stream)
            )?;
        }
        Ok(crate::cuda::Stream(stream))
    }

    /// Calls `work` for ranges of `0..total` of `grain` items each, the last one shorter, on the host's threads. Returns when all
    /// are done.
    ///
    /// # Errors
    /// Where `work` panics, its text.
    pub(super) fn parallel_for(
        &self,
        total: usize,
        grain: usize,
        work: impl Fn(Range<usize>) + Sync,
    ) -> Result<(), Failure> {
        if total <= grain {
            if total != 0 {
                work(0..total);
            }
            return Ok(());
        }
        let tasks = Tasks {
            total,
            grain,
            work,
            panic: Mutex::new(None),
        };
        let data = (&raw const tasks).cast_mut().cast();
        // SAFETY: the host calls back before it returns, with `data`, from threads that may share `tasks`.
        unsafe {
            ort!(
                self.host,
                KernelContext_ParallelFor(
                    self.context,
                    task_of(&tasks),
                    total.div_ceil(grain),
                    0,
                    data
                )
            )?;
        }
        match tasks.panic.into_inner().unwrap_or_else(|e| e.into_inner()) {
            None => Ok(()),
            Some(text) => Err(Failure::Ours(
                OrtErrorCode::ORT_RUNTIME_EXCEPTION,
                format!("panic: {text}"),
            )),
        }
    }
}

/// What the threads of a [`Context::parallel_for`] share.
struct Tasks<F> {
    total: usize,
    grain: usize,
    work: F,
    panic: Mutex<Option<String>>,
}

/// The trampoline for the closure type of `tasks`.
fn task_of<F: Fn(Range<usize>) + Sync>(_: &Tasks<F>) -> unsafe extern "C" fn(*mut c_void, usize) {
    task::<F>
}

/// Does task `index`.
///
/// # Safety
/// `data` is a `Tasks<F>`.
unsafe extern "C" fn task<F: Fn(Range<usize>) + Sync>(data: *mut c_void, index: usize) {
    // SAFETY: as above; it is only shared.
    let tasks = unsafe { &*data.cast::<Tasks<F>>() };
    let start = index.saturating_mul(tasks.grain);
    let end = start.saturating_add(tasks.grain).min(tasks.total);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (tasks.work)(start..end))) {
        let mut slot = tasks.panic.lock().unwrap_or_else(|e| e.into_inner());
        *slot = Some(panic_text(&*panic).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::host::fake;
    use crate::contract::alibi_bias::SPEC;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A host may read its own memory; that of a device is not even looked at.
    #[test]
    fn inputs_at_odd_addresses_are_copied_or_refused() {
        let words = [0x1122_3344_5566_7788u64, 0x99aa_bbcc_ddee_ff00];
        // SAFETY: the fake has all that is used, and takes a context for the first element of every input.
        unsafe {
            let host = Host::negotiate(&fake::base::<99>()).ok().unwrap();
            let context = |at: *const u8| Context::new(&host, &SPEC, at.cast_mut().cast());
            let start: *const u8 = words.as_ptr().cast();
            let (whole, odd) = (context(start), context(start.add(4)));

            let read = |tensor: Tensor<'_, u64>| tensor.data.read();
            assert_eq!(read(whole.input(1).ok().unwrap()), words[0]);
            let between = start.add(4).cast::<u64>().read_unaligned();
            assert_eq!(read(odd.input(1).ok().unwrap()), between);

            #[cfg(feature = "cuda")]
            {
                let tensor: Tensor<'_, u64> = whole.device_input(1).ok().unwrap();
                assert_eq!(tensor.data.addr(), start.addr());
                let Err(Failure::Ours(code, text)) = odd.device_input::<u64>(1) else {
                    panic!("taken");
                };
                assert_eq!(code, OrtErrorCode::ORT_INVALID_ARGUMENT);
                let at = start.addr() + 4;
                let expected =
                    format!("query_positions is at address {at:#x}, expected a multiple of 8");
                assert_eq!(text, expected);
            }
        }
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn the_device_is_that_of_the_nodes_memory() {
        // SAFETY: the fakes have all that is used, and take a number for what the host knows of a node.
        unsafe {
            let device = |host: &Host, number: &i32| {
                let info = (&raw const *number).cast();
                Node::new(host, &SPEC, info).device()
            };
            let newest = Host::negotiate(&fake::base::<99>()).ok().unwrap();
            assert!(matches!(device(&newest, &3), Ok(Some(3))));
            assert_eq!(fake::RELEASED.get(), 1);
            let Err(Failure::Ours(_, text)) = device(&newest, &-1) else {
                panic!("taken");
            };
            assert_eq!(text, "the node is on device -1, expected 0 or more");
            assert_eq!(fake::RELEASED.get(), 2);
            let oldest = Host::negotiate(&fake::base::<17>()).ok().unwrap();
            assert!(matches!(device(&oldest, &3), Ok(None)));
        }
    }

    #[test]
    fn tasks_cover_all_and_keep_a_panic() {
        let done = AtomicUsize::new(0);
        let work = |range: Range<usize>| {
            assert!(range.start != 6, "third task");
            done.fetch_add(range.len(), Ordering::Relaxed);
        };
        let tasks = Tasks {
            total: 11,
            grain: 3,
            work,
            panic: Mutex::new(None),
        };
        let run = task_of(&tasks);
        for index in 0..4 {
            // SAFETY: `tasks` is what the trampoline expects.
            unsafe { run((&raw const tasks).cast_mut().cast(), index) };
        }
        assert_eq!(done.load(Ordering::Relaxed), 3 + 3 + 2);
        assert_eq!(
            tasks.panic.into_inner().unwrap().as_deref(),
            Some("third task")
        );
    }
}
