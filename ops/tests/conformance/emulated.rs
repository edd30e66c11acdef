//! The CUDA kernels in emulation: a launcher, and memory in which stray writes are seen.

#![allow(unsafe_code)]

use phasor_ops::cuda::{CudaError, Image, Launch, Launcher, Stream};
use phasor_ops::simd::Element;
use std::collections::HashSet;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::LazyLock;

/// Launches emulated kernels.
pub(crate) struct Emulator;

/// The one stream there is.
pub(crate) const STREAM: Stream = Stream(null_mut());

impl Launcher for Emulator {
    type Function = String;

    fn function(&self, _: Image, name: &str) -> Result<String, CudaError> {
        static NAMES: LazyLock<HashSet<String>> =
            LazyLock::new(|| phasor_ops_emulation::kernels().into_iter().collect());
        match NAMES.get(name) {
            Some(name) => Ok(name.clone()),
            None => Err(CudaError::Driver(format!("there is no kernel `{name}`"))),
        }
    }

    /// None, so that tasks are as large as they get even where tensors are small.
    fn processors(&self) -> u32 {
        0
    }

    unsafe fn launch<P>(
        &self,
        function: &String,
        launch: &Launch<P>,
        _: Stream,
    ) -> Result<(), CudaError> {
        let [x, y] = launch.threads;
        // SAFETY: the caller's.
        unsafe {
            phasor_ops_emulation::launch(
                function,
                [launch.blocks, 1, 1],
                [x, y, 1],
                launch.shared as usize,
                &launch.params,
            )
        }
        .map_err(CudaError::Driver)
    }
}

/// A tensor in memory of the device.
///
/// It is followed by memory of its own that no kernel may touch, and preceded by such. Where it begins is a multiple of 16 bytes,
/// or of the size of an element alone.
pub(crate) struct Device<T> {
    memory: Vec<u128>,
    first: usize,
    count: usize,
    element: PhantomData<T>,
}

/// Bytes around a tensor.
const MARGIN: usize = 64;
const UNTOUCHED: u8 = 0xa5;

impl<T: Copy> Device<T> {
    pub(crate) fn new(values: &[T], aligned: bool) -> Self {
        let first = MARGIN + if aligned { 0 } else { size_of::<T>() };
        let bytes = first + size_of_val(values) + MARGIN;
        let mut device = Self {
            memory: vec![u128::from_ne_bytes([UNTOUCHED; 16]); bytes.div_ceil(16)],
            first,
            count: values.len(),
            element: PhantomData,
        };
        let at = device.memory.as_mut_ptr().cast::<u8>();
        // SAFETY: there is room for the values.
        unsafe {
            std::ptr::copy_nonoverlapping(
                values.as_ptr().cast(),
                at.add(first),
                size_of_val(values),
            );
        }
        device
    }

    /// Where the tensor begins; kernels may write there.
    pub(crate) fn address(&mut self) -> u64 {
        self.memory.as_mut_ptr().expose_provenance() as u64 + self.first as u64
    }

    /// What the tensor holds now.
    pub(crate) fn values(&self) -> Vec<T> {
        let bytes = self.memory.len() * 16;
        // SAFETY: the memory has been written from its first byte to its last.
        let all = unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<u8>(), bytes) };
        let end = self.first + self.count * size_of::<T>();
        let around = all[..self.first].iter().chain(&all[end..]);
        assert!(
            around.into_iter().all(|&byte| byte == UNTOUCHED),
            "written outside the tensor"
        );
        let values = all[self.first..end].as_ptr().cast::<T>();
        (0..self.count)
            // SAFETY: the tensor has as many elements, which may not be aligned for the language.
            .map(|i| unsafe { values.add(i).read_unaligned() })
            .collect()
    }
}

impl<T: Element> Device<T> {
    /// Memory for a result.
    pub(crate) fn filled(count: usize, aligned: bool) -> Self {
        Self::new(&vec![T::from_f64(7.0); count], aligned)
    }
}

#[test]
fn the_committed_code_has_the_kernels_of_the_sources() {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let emulated = sorted(phasor_ops_emulation::kernels());
    for capability in [75, 80] {
        let carried = Image::ALL
            .iter()
            .flat_map(|image| image.kernels(capability));
        let carried = sorted(carried.map(str::to_owned).collect());
        assert_eq!(carried, emulated, "run `python3 cpp/build.py`");
    }
}
