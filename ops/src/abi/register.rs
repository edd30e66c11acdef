//! Registration: adding the operators to a session.

use super::alibi_bias::AlibiBias;
use super::attention::Attention;
use super::cached_attention::CachedAttention;
#[cfg(feature = "cuda")]
use super::cuda::{
    AlibiBiasCuda, OnCuda, RelativeGatherCuda, RelativePositionBiasCuda, RotaryEmbeddingCuda,
    RotaryEmbeddingPairCuda, RotaryHeadsCuda, RotaryTableCuda, SinusoidalEmbeddingCuda,
};
use super::guard::guard;
use super::host::{Host, ort};
use super::newer::CustomOp;
use super::operator::tables;
use super::relative_bias::RelativePositionBias;
use super::relative_gather::RelativeGather;
use super::rotary::RotaryEmbedding;
use super::rotary_heads::RotaryHeads;
use super::rotary_pair::RotaryEmbeddingPair;
use super::rotary_table::RotaryTable;
use super::sinusoidal::SinusoidalEmbedding;
use super::status::{Failure, c_string, panic_text};
use super::tensor::Boolean;
use crate::contract::DOMAIN;
use half::{bf16, f16};
use ort_sys::{OrtApiBase, OrtCustomOpDomain, OrtErrorCode, OrtSessionOptions, OrtStatusPtr};
use std::panic::catch_unwind;
use std::ptr::null_mut;
use std::sync::Mutex;

/// Marks session options that have the operators: a host refuses a domain it has already.
const MARK: &std::ffi::CStr = c"ai.phasor.registered";

/// The operators as one host knows them.
#[derive(Clone, Copy)]
struct Registered {
    host: &'static Host,
    domain: *mut OrtCustomOpDomain,
}

// SAFETY: the domain is not changed once it is made, and the host reads it from any thread.
unsafe impl Send for Registered {}

/// One entry per copy of ONNX Runtime. Entries are never freed: sessions refer to them, and may outlive anything we could tie them
/// to. (The library itself stays loaded: see `ops/build/main.rs`.)
static REGISTERED: Mutex<Vec<Registered>> = Mutex::new(Vec::new());

/// Adds the tables of operators, and of their twins on CUDA, in combinations of element types to a list.
macro_rules! collect {
    ($all:ident, $host:ident => $($operator:ident $(+ $twin:ident)?: $types:tt;)+) => {$(
        collect!(@ $all, $host, $operator, $types);
        $(
            #[cfg(feature = "cuda")]
            collect!(@cuda $all, $host, $twin, $types);
        )?
    )+};
    (@ $all:ident, $host:ident, $operator:ident, ($(<$($t:ty),+>),+ $(,)?)) => {
        $($all.extend(tables::<$operator<$($t),+>>($host));)+
    };
    (@cuda $all:ident, $host:ident, $twin:ident, ($(<$($t:ty),+>),+ $(,)?)) => {
        $($all.extend(tables::<OnCuda<$twin<$($t),+>>>($host));)+
    };
}

/// Every operator in every combination of element types, for a host.
fn operators(host: &'static Host) -> Vec<&'static CustomOp> {
    let mut all = Vec::new();
    collect! { all, host =>
        RotaryEmbedding + RotaryEmbeddingCuda: (
            <f32, f32>, <f16, f16>, <f16, f32>, <bf16, bf16>, <bf16, f32>, <f64, f64>, <f64, f32>,
        );
        RotaryEmbeddingPair + RotaryEmbeddingPairCuda: (
            <f32, f32>, <f16, f16>, <f16, f32>, <bf16, bf16>, <bf16, f32>, <f64, f64>, <f64, f32>,
        );
        RotaryHeads + RotaryHeadsCuda: (
            <f32, f32>, <f16, f16>, <f16, f32>, <bf16, bf16>, <bf16, f32>, <f64, f64>, <f64, f32>,
        );
        RotaryTable + RotaryTableCuda: (
            <i64, f32>, <i32, f32>, <f32, f32>, <f64, f32>,
            <i64, f16>, <i32, f16>, <f32, f16>, <f64, f16>,
            <i64, bf16>, <i32, bf16>, <f32, bf16>, <f64, bf16>,
            <i64, f64>, <i32, f64>, <f32, f64>, <f64, f64>,
        );
        RelativePositionBias + RelativePositionBiasCuda: (
            <f32, i64>, <f32, i32>, <f16, i64>, <f16, i32>,
            <bf16, i64>, <bf16, i32>, <f64, i64>, <f64, i32>,
        );
        AlibiBias + AlibiBiasCuda: (
            <f32, i64>, <f32, i32>, <f16, i64>, <f16, i32>,
            <bf16, i64>, <bf16, i32>, <f64, i64>, <f64, i32>,
        );
        SinusoidalEmbedding + SinusoidalEmbeddingCuda: (
            <i64, f32>, <i32, f32>, <f32, f32>, <f64, f32>,
            <i64, f16>, <i32, f16>, <f32, f16>, <f64, f16>,
            <i64, bf16>, <i32, bf16>, <f32, bf16>, <f64, bf16>,
            <i64, f64>, <i32, f64>, <f32, f64>, <f64, f64>,
        );
        RelativeGather + RelativeGatherCuda: (
            <f32, i64>, <f16, i64>, <bf16, i64>, <f64, i64>,
            <f32, i32>, <f16, i32>, <bf16, i32>, <f64, i32>,
        );
        Attention: (<f32, Boolean>, <f16, Boolean>, <bf16, Boolean>, <f64, Boolean>);
        CachedAttention: (<f32, Boolean>, <f16, Boolean>, <bf16, Boolean>, <f64, Boolean>);
    };
    all
}

/// [`super::RegisterCustomOps`].
///
/// # Safety
/// As there.
pub(super) unsafe fn register(
    options: *mut OrtSessionOptions,
    base: *const OrtApiBase,
) -> OrtStatusPtr {
    // SAFETY: the caller vouches for both pointers.
    unsafe {
        let host = match catch_unwind(|| known_host(base)) {
            Ok(Ok(host)) => host,
            Ok(Err(status)) => return status,
            Err(panic) => {
                let text = format!("phasor-ops: panic: {}", panic_text(&*panic));
                return Host::status_of_any(base, OrtErrorCode::ORT_RUNTIME_EXCEPTION, &text);
            }
        };
        guard(host, "phasor-ops", || {
            let mut marked = 0;
            ort!(
                host,
                HasSessionConfigEntry(options, MARK.as_ptr(), &mut marked)
            )?;
            if marked != 0 {
                return Ok(());
            }
            let domain = domain(host)?;
            ort!(host, AddCustomOpDomain(options, domain))?;
            let version = c_string(env!("CARGO_PKG_VERSION"));
            ort!(
                host,
                AddSessionConfigEntry(options, MARK.as_ptr(), version.as_ptr())
            )
        })
    }
}

/// The host behind `base`.
///
/// # Safety
/// `base` is the host's.
unsafe fn known_host(base: *const OrtApiBase) -> Result<&'static Host, OrtStatusPtr> {
    // SAFETY: the caller vouches for `base`.
    let host = unsafe { Host::negotiate(base)? };
    let mut registered = REGISTERED.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(known) = registered.iter().find(|r| r.host.is(&host)) {
        return Ok(known.host);
    }
    let host: &'static Host = Box::leak(Box::new(host));
    registered.push(Registered {
        host,
        domain: null_mut(),
    });
    Ok(host)
}

/// The domain with the operators, made when it is first asked for.
///
/// # Safety
/// `host` is from [`known_host`], and is there.
unsafe fn domain(host: &'static Host) -> Result<*mut OrtCustomOpDomain, Failure> {
    let mut registered = REGISTERED.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(known) = registered
        .iter()
        .find(|r| std::ptr::eq(r.host, host) && !r.domain.is_null())
    {
        return Ok(known.domain);
    }
    let mut domain = null_mut();
    // SAFETY: the host copies the name, and keeps the addresses of the tables, which are never freed.
    unsafe {
        ort!(
            host,
            CreateCustomOpDomain(c_string(DOMAIN).as_ptr(), &mut domain)
        )?;
        for operator in operators(host) {
            ort!(
                host,
                CustomOpDomain_Add(domain, (&raw const *operator).cast())
            )?;
        }
    }
    for known in registered.iter_mut().filter(|r| std::ptr::eq(r.host, host)) {
        known.domain = domain;
    }
    Ok(domain)
}

#[cfg(test)]
mod tests {
    use super::super::host::fake;
    use super::*;
    #[cfg(feature = "cuda")]
    use crate::abi::cuda::PROVIDERS as CUDA_PROVIDERS;
    use crate::contract::{ALL, OperatorSpec};
    use std::ffi::CStr;

    /// The operators for a fake host.
    fn registered() -> Vec<&'static CustomOp> {
        // SAFETY: the fake has all that negotiation uses.
        let host = unsafe { Host::negotiate(&fake::base::<17>()) };
        operators(Box::leak(Box::new(host.ok().unwrap())))
    }

    /// The provider of an operator.
    fn provider(op: &CustomOp) -> &'static str {
        // SAFETY: the callback is asked about its own table, and texts are constants.
        unsafe { CStr::from_ptr((op.get_execution_provider_type)(op)) }
            .to_str()
            .unwrap()
    }

    fn specs() -> impl Iterator<Item = &'static OperatorSpec> {
        ALL.into_iter().map(|contract| contract.spec())
    }

    /// Holds operators to the kernels of their contracts, in order.
    fn compare<'a>(
        specs: impl IntoIterator<Item = &'a OperatorSpec>,
        registered: impl IntoIterator<Item = &'static CustomOp>,
    ) {
        let mut registered = registered.into_iter();
        for spec in specs {
            for kernel in spec.kernels {
                let op = registered.next().unwrap();
                // SAFETY: the callbacks are asked about their own table.
                unsafe {
                    let name = CStr::from_ptr((op.get_name)(op));
                    assert_eq!(name.to_str(), Ok(spec.name));
                    assert_eq!((op.get_input_type_count)(op), spec.inputs.len());
                    assert_eq!((op.get_output_type_count)(op), spec.outputs.len());
                    let inputs = (0..).map(|i| (op.get_input_type)(op, i));
                    let outputs = (0..).map(|i| (op.get_output_type)(op, i));
                    let values = spec.inputs.iter().zip(inputs);
                    for (value, given) in values.chain(spec.outputs.iter().zip(outputs)) {
                        let expected = kernel[spec.type_of(value).unwrap()];
                        // The host's numbers of element types are those of ONNX.
                        let code = given as i32;
                        assert_eq!(code, expected.to_onnx(), "{}: {kernel:?}", value.name);
                    }
                }
            }
        }
        assert!(registered.next().is_none());
    }

    #[test]
    fn the_operators_are_those_of_the_contract() {
        let all = registered();
        let on_cpu = all
            .into_iter()
            .filter(|op| provider(op) == "CPUExecutionProvider");
        compare(specs(), on_cpu);
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn twins_on_cuda_have_all_types() {
        let all = registered();
        for name in CUDA_PROVIDERS.map(|name| name.to_str().unwrap()) {
            let twins = all.iter().copied().filter(|op| provider(op) == name);
            compare(specs().filter(|spec| spec.cuda), twins);
        }
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn a_twin_says_why_it_cannot_be() {
        if crate::cuda::Driver::get().is_ok() {
            return println!("skipped: there is a CUDA device");
        }
        for op in registered() {
            if provider(op) == "CPUExecutionProvider" {
                continue;
            }
            let mut kernel = null_mut();
            // SAFETY: without a device the node is not looked at.
            let status = unsafe {
                (op.create_kernel_v2)(op, std::ptr::null(), std::ptr::null(), &mut kernel)
            };
            assert_eq!(status.0.addr(), OrtErrorCode::ORT_EP_FAIL as usize);
            assert!(kernel.is_null());
            let said = fake::SAID.take();
            let words = ": there is no CUDA device to use: NVIDIA's driver (`";
            assert!(said.contains(words), "{said}");
        }
    }
}
