//! Timing: captured chains of launches, between two events, in turn with chains that do no more than move as many bytes.

use crate::case::{Call, Case, Tensor};
use crate::loader::Loader;
use phasor_ops_device::{Copy, Event, Gpu, Graph, Memory, Stream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Launches of a chain, at least and at most.
const CHAIN: [usize; 2] = [24, 512];
/// Bytes that a chain moves, if it may: some time beside which that of a graph's start and end is small.
const MOVED: usize = 1 << 32;
/// Sets of tensors, at most: beyond that a call is so small that its tensors were in the cache anyway.
const SETS: usize = 64;
/// How many times the cache the sets are together, so that no tensor is in it when its turn comes.
const BEYOND: usize = 4;
/// Bytes of the numbers that tensors are filled with, again and again.
const PATTERN: usize = 1 << 22;
/// What kernels are compared with: a copy by a kernel and by the driver, and the driver's fill.
const BASELINES: [&str; 3] = ["copy_kernel", "memcpy", "memset"];
/// Bytes that a copy reads and writes together where nothing is compared with it.
const CEILING: usize = 1 << 33;
/// How long the device works before it is measured: its clocks rise meanwhile.
const WARM_UP: Duration = Duration::from_millis(500);
/// Bytes of the copies that it does then.
const WARM_UP_BYTES: usize = 1 << 26;

/// What cases are measured with.
pub(crate) struct Bench<'a> {
    pub(crate) gpu: &'static Gpu,
    pub(crate) stream: &'a Stream<'static>,
    pub(crate) loader: Loader,
    pub(crate) copy: Copy,
    pub(crate) rounds: usize,
    /// Sizes are for the emulated driver, whose work takes real time.
    pub(crate) small: bool,
}

impl Bench<'_> {
    /// Keeps the device busy for a while.
    pub(crate) fn warm_up(&self) -> Result<(), String> {
        if self.small {
            return Ok(());
        }
        let (from, to) = (self.memory(WARM_UP_BYTES)?, self.memory(WARM_UP_BYTES)?);
        let begun = Instant::now();
        while begun.elapsed() < WARM_UP {
            // SAFETY: both have as many bytes, and stay until the stream is waited for.
            unsafe { self.copy.launch(self.stream, &from, &to, WARM_UP_BYTES)? };
            self.stream.synchronize()?;
        }
        Ok(())
    }

    /// Measures a case.
    pub(crate) fn measure(&self, case: Case) -> Result<Value, String> {
        let bytes: usize = case.tensors.iter().map(Tensor::moved).sum();
        let written: usize = case.tensors.iter().map(Tensor::written).sum();
        let cache = self.gpu.cache()?;
        let count = (BEYOND * cache).div_ceil(bytes.max(1)).clamp(2, SETS);
        let chain = self.chain(bytes).next_multiple_of(count);
        let mut sets = Vec::new();
        for _ in 0..count {
            let set: Result<Vec<_>, _> = case.tensors.iter().map(|t| self.tensor(t)).collect();
            sets.push(set?);
        }
        let begun = Instant::now();
        let call = (case.prepare)(self.loader).map_err(|e| e.to_string())?;
        let prepared = begun.elapsed();
        let kernels = self.kernels(&call, &sets, chain)?;
        let both = self.baseline_memory(bytes, count)?;
        let baselines = self.baselines(&both, chain)?;
        let mut of_kernels = Vec::new();
        let mut of_baselines = [const { Vec::new() }; 3];
        for round in 0..self.rounds + 2 {
            let kernel = self.seconds(&kernels)?;
            let others = baselines.each_ref().map(|graph| self.seconds(graph));
            // The first ones warm up.
            if round >= 2 {
                of_kernels.push(kernel / chain as f64);
                for (times, other) in of_baselines.iter_mut().zip(others) {
                    times.push(other? / chain as f64);
                }
            }
        }
        let kernel = summary(of_kernels);
        let baseline = of_baselines.map(|times| summary(times)[0]);
        let moved = 2 * (both.bytes / 16 * 16);
        let rate = moved as f64 / baseline.into_iter().fold(f64::INFINITY, f64::min);
        let own = bytes as f64 / kernel[0];
        Ok(json!({
            "name": case.name,
            "bytes": bytes,
            "bytes_written": written,
            "beyond_cache": count * bytes > cache,
            "chain": chain,
            "prepare_milliseconds": prepared.as_secs_f64() * 1e3,
            "microseconds": kernel.map(|s| s * 1e6),
            "gigabytes_per_second": own / 1e9,
            "baselines_gigabytes_per_second": by_name(baseline.map(|s| moved as f64 / s / 1e9)),
            "share_of_best": own / rate,
            "share_of_datasheet": self.gpu.bandwidth().map(|most| own / most),
        }))
    }

    /// What copies and fills of gigabytes reach.
    pub(crate) fn ceiling(&self) -> Result<Value, String> {
        let bytes = if self.small { 1 << 16 } else { CEILING };
        let both = self.baseline_memory(bytes, 1)?;
        let baselines = self.baselines(&both, 1)?;
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..self.rounds {
            for (times, graph) in times.iter_mut().zip(&baselines) {
                times.push(self.seconds(graph)?);
            }
        }
        let rates = times.map(|times| bytes as f64 / summary(times)[0] / 1e9);
        Ok(json!({ "bytes": bytes, "gigabytes_per_second": by_name(rates) }))
    }

    /// What does no more than move as many bytes, in the order of [`BASELINES`].
    fn baselines(&self, both: &Baseline, chain: usize) -> Result<[Graph<'static>; 3], String> {
        Ok([
            self.copies(both, chain, |from, to, half| {
                // SAFETY: `copies` gives memory with as many bytes, which stays until the last graph is done.
                unsafe { self.copy.launch(self.stream, from, to, half) }
            })?,
            self.copies(both, chain, |from, to, half| {
                // SAFETY: as above.
                unsafe { self.stream.copy(from, to, half) }
            })?,
            self.copies(both, chain, |from, to, half| {
                // SAFETY: as above. All of the bytes that a copy moves are written.
                unsafe {
                    self.stream.clear(from, half / 4)?;
                    self.stream.clear(to, half / 4)
                }
            })?,
        ])
    }

    fn chain(&self, bytes: usize) -> usize {
        let [least, most] = CHAIN;
        if self.small {
            return 2;
        }
        (MOVED / bytes.max(1)).clamp(least, most)
    }

    /// A chain of calls, on each set in turn.
    fn kernels(
        &self,
        call: &Call,
        sets: &[Vec<Memory<'static>>],
        chain: usize,
    ) -> Result<Graph<'static>, String> {
        let handle = phasor_ops::cuda::Stream(self.stream.handle());
        let put = |i: usize| {
            let addresses: Vec<u64> = sets[i % sets.len()].iter().map(Memory::address).collect();
            call(handle, &addresses).map_err(|e| e.to_string())
        };
        // What a first launch may load is not to be captured.
        put(0)?;
        self.stream.synchronize()?;
        Graph::capture(self.stream, || (0..chain).try_for_each(put))
    }

    /// Pairs of memory, each half of what a call moves.
    fn baseline_memory(&self, bytes: usize, count: usize) -> Result<Baseline, String> {
        let half = (bytes / 2).max(16);
        let pairs: Result<Vec<_>, _> = (0..count)
            .map(|_| Ok::<_, String>([self.memory(half)?, self.memory(half)?]))
            .collect();
        Ok(Baseline {
            pairs: pairs?,
            bytes: half,
        })
    }

    /// A chain of something that is put into the stream for one pair of memory after the other.
    fn copies(
        &self,
        both: &Baseline,
        chain: usize,
        put: impl Fn(&Memory<'_>, &Memory<'_>, usize) -> Result<(), String>,
    ) -> Result<Graph<'static>, String> {
        let put = |i: usize| {
            let [from, to] = &both.pairs[i % both.pairs.len()];
            put(from, to, both.bytes / 16 * 16)
        };
        put(0)?;
        self.stream.synchronize()?;
        Graph::capture(self.stream, || (0..chain).try_for_each(put))
    }

    /// How long a graph takes. It is launched once before, so that the device is at work while the host puts the events and the
    /// graph between them into the stream.
    fn seconds(&self, graph: &Graph<'_>) -> Result<f64, String> {
        let [begin, end] = [Event::new(self.gpu)?, Event::new(self.gpu)?];
        // SAFETY: all memory outlives it, for the last event is waited for.
        unsafe { graph.launch(self.stream)? };
        begin.record(self.stream)?;
        // SAFETY: as above.
        unsafe { graph.launch(self.stream)? };
        end.record(self.stream)?;
        end.since(&begin)
    }

    fn memory(&self, bytes: usize) -> Result<Memory<'static>, String> {
        Memory::new(self.gpu, bytes)
    }

    /// Memory with what a tensor holds.
    fn tensor(&self, tensor: &Tensor) -> Result<Memory<'static>, String> {
        let mut memory = self.memory(tensor.bytes())?;
        match tensor {
            Tensor::Written(_) => {}
            Tensor::Given(bytes) => memory.write(0, bytes)?,
            Tensor::Read(bytes) | Tensor::Turned(bytes) | Tensor::Part { bytes, .. } => {
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
}

/// Rates of [`BASELINES`], by name.
fn by_name(rates: [f64; 3]) -> Value {
    let named = BASELINES.into_iter().zip(rates);
    Value::Object(
        named
            .map(|(name, rate)| (name.to_owned(), rate.into()))
            .collect(),
    )
}

/// Memory to copy.
struct Baseline {
    pairs: Vec<[Memory<'static>; 2]>,
    bytes: usize,
}

/// Tenth percentile and median.
fn summary(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times[times.len() / 10], times[times.len() / 2]]
}
