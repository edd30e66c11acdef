//! Timing: captured chains of launches, between two events, in turn with chains of copies.

use crate::case::{Case, Tensor};
use phasor_ops::cuda::Driver;
use phasor_ops_device::{Event, Gpu, Graph, Memory, Stream};
use serde_json::{Value, json};

/// Launches of a chain, at least: what a graph and two events cost is then a small part.
const CHAIN: usize = 24;
/// Sets of tensors, at most: beyond that a call is so small that its tensors were in the cache anyway.
const SETS: usize = 64;
/// How many times the cache the sets are together, so that no tensor is in it when its turn comes.
const BEYOND: usize = 4;
/// Bytes of the numbers that tensors are filled with, again and again.
const PATTERN: usize = 1 << 22;

/// Measures a case.
pub(crate) fn measure(
    gpu: &Gpu,
    stream: &Stream<'_>,
    case: Case,
    rounds: usize,
) -> Result<Value, String> {
    let bytes: usize = case.tensors.iter().map(Tensor::moved).sum();
    let cache = gpu.cache()?;
    let count = (BEYOND * cache).div_ceil(bytes.max(1)).clamp(2, SETS);
    let mut sets = Vec::new();
    for _ in 0..count {
        let set: Result<Vec<_>, _> = case.tensors.iter().map(|t| memory(gpu, t)).collect();
        sets.push(set?);
    }
    let device = Driver::get().and_then(|driver| driver.device(gpu.number()));
    let call = device.and_then(case.prepare).map_err(|e| e.to_string())?;
    let chain = CHAIN.next_multiple_of(count);
    let handle = phasor_ops::cuda::Stream(stream.handle());
    let kernels = Graph::capture(stream, || {
        (0..chain).try_for_each(|i| {
            let addresses: Vec<u64> = sets[i % count].iter().map(Memory::address).collect();
            call(handle, &addresses).map_err(|e| e.to_string())
        })
    })?;
    // Half is read and half written.
    let half = (bytes / 2).max(1);
    let both: Result<Vec<_>, _> = (0..count)
        .map(|_| Ok::<_, String>([Memory::new(gpu, half)?, Memory::new(gpu, half)?]))
        .collect();
    let both = both?;
    let copies = Graph::capture(stream, || {
        (0..chain).try_for_each(|i| {
            let [from, to] = &both[i % count];
            // SAFETY: both have as many bytes, and stay until the last graph is done.
            unsafe { stream.copy(from, to, half) }
        })
    })?;
    let (mut of_kernels, mut of_copies) = (Vec::new(), Vec::new());
    for round in 0..rounds + 2 {
        for (graph, times) in [(&kernels, &mut of_kernels), (&copies, &mut of_copies)] {
            let time = seconds(gpu, stream, graph)? / chain as f64;
            // The first ones warm up.
            if round >= 2 {
                times.push(time);
            }
        }
    }
    let (kernel, copy) = (summary(of_kernels), summary(of_copies));
    Ok(json!({
        "name": case.name,
        "bytes": bytes,
        "beyond_cache": count * bytes > cache,
        "microseconds": kernel.map(|s| s * 1e6),
        "copy_microseconds": copy.map(|s| s * 1e6),
        "gigabytes_per_second": bytes as f64 / kernel[0] / 1e9,
        "copy_gigabytes_per_second": bytes as f64 / copy[0] / 1e9,
        "share_of_copy": copy[0] / kernel[0],
    }))
}

/// Memory with what a tensor holds.
fn memory<'a>(gpu: &'a Gpu, tensor: &Tensor) -> Result<Memory<'a>, String> {
    let mut memory = Memory::new(gpu, tensor.bytes())?;
    match tensor {
        Tensor::Written(_) => {}
        Tensor::Given(bytes) => memory.write(0, bytes)?,
        Tensor::Read(bytes) | Tensor::Part { bytes, .. } => {
            // Numbers between one and two, with bits that differ: what is all the same costs less power.
            let word = |i: usize| {
                let mixed = (i as u32).wrapping_mul(0x9e37_79b9);
                (0x3c00_3c00 | mixed >> 8 & 0x03ff_03ff).to_ne_bytes()
            };
            let pattern: Vec<u8> = (0..PATTERN.min(*bytes).div_ceil(4))
                .flat_map(word)
                .collect();
            for at in (0..*bytes).step_by(PATTERN) {
                memory.write(at, &pattern[..PATTERN.min(bytes - at)])?;
            }
        }
    }
    Ok(memory)
}

/// How long a graph takes.
fn seconds(gpu: &Gpu, stream: &Stream<'_>, graph: &Graph<'_>) -> Result<f64, String> {
    let [begin, end] = [Event::new(gpu)?, Event::new(gpu)?];
    begin.record(stream)?;
    // SAFETY: all memory outlives it, for the last event is waited for.
    unsafe { graph.launch(stream)? };
    end.record(stream)?;
    end.since(&begin)
}

/// Tenth percentile and median.
fn summary(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times[times.len() / 10], times[times.len() / 2]]
}
