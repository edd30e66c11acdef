//! What the CUDA kernels run on: a launcher, and memory in which stray writes are seen.
//!
//! That is the emulation, or a device where `PHASOR_CUDA_DEVICE` names one. Cases are the same on both, and so are tasks, which are
//! as large as they get.

#![allow(unsafe_code)]

use crate::{emulated, hardware};
use phasor_ops::cuda::{CudaError, Function, Image, Launch, Launcher, Stream};
use phasor_ops::simd::Element;
use std::marker::PhantomData;
use std::ptr::null_mut;

/// Launches kernels, and waits until they are done.
pub(crate) struct Machine;

/// A kernel of either.
pub(crate) enum Kernel {
    Emulated(String),
    Loaded(Function),
}

/// The stream to launch in; the emulation has but one.
pub(crate) fn stream() -> Stream {
    match hardware::chosen() {
        None => Stream(null_mut()),
        Some(_) => hardware::stream(),
    }
}

impl Launcher for Machine {
    type Function = Kernel;

    fn function(&self, image: Image, name: &str) -> Result<Kernel, CudaError> {
        match hardware::chosen() {
            None => emulated::function(name).map(Kernel::Emulated),
            Some(_) => hardware::function(image, name).map(Kernel::Loaded),
        }
    }

    /// None, so that tasks are as large as they get even where tensors are small.
    fn processors(&self) -> u32 {
        0
    }

    unsafe fn launch<P>(
        &self,
        function: &Kernel,
        launch: &Launch<P>,
        stream: Stream,
    ) -> Result<(), CudaError> {
        // SAFETY: this function's `# Safety` section is the trait's, and both ways to launch ask for the same.
        unsafe {
            match function {
                Kernel::Emulated(name) => emulated::launch(name, launch),
                Kernel::Loaded(function) => hardware::launch(function, launch, stream),
            }
        }
    }
}

/// A tensor in memory of the device.
///
/// It is followed by memory of its own that no kernel may touch, and preceded by such. Where it begins is a multiple of 16 bytes,
/// or of the size of an element alone.
pub(crate) struct Device<T> {
    memory: Memory,
    first: usize,
    count: usize,
    element: PhantomData<T>,
}

/// Whole words of 16 bytes, here or there.
enum Memory {
    Host(Vec<u128>),
    Device(hardware::Bytes),
}

/// Bytes around a tensor.
const MARGIN: usize = 64;
const UNTOUCHED: u8 = 0xa5;

impl<T: Copy> Device<T> {
    pub(crate) fn new(values: &[T], aligned: bool) -> Self {
        // SAFETY: values are numbers, without padding.
        let values_bytes = unsafe {
            std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values))
        };
        let margin = if hardware::exact() { 0 } else { MARGIN };
        let first = margin + if aligned { 0 } else { size_of::<T>() };
        let mut bytes = vec![UNTOUCHED; first];
        bytes.extend(values_bytes);
        if margin > 0 {
            bytes.resize((bytes.len() + margin).next_multiple_of(16), UNTOUCHED);
        }
        let memory = match hardware::chosen() {
            Some(gpu) => Memory::Device(hardware::Bytes::new(gpu, &bytes)),
            None => {
                let words = bytes.chunks(16).map(|word| {
                    let mut whole = [UNTOUCHED; 16];
                    whole[..word.len()].copy_from_slice(word);
                    u128::from_ne_bytes(whole)
                });
                Memory::Host(words.collect())
            }
        };
        Self {
            memory,
            first,
            count: values.len(),
            element: PhantomData,
        }
    }

    /// Where the tensor begins; kernels may write there.
    pub(crate) fn address(&mut self) -> u64 {
        let at = match &mut self.memory {
            Memory::Host(words) => words.as_mut_ptr().expose_provenance() as u64,
            Memory::Device(memory) => memory.address(),
        };
        at + self.first as u64
    }

    /// What the tensor holds now.
    pub(crate) fn values(&self) -> Vec<T> {
        let all = match &self.memory {
            Memory::Host(words) => words.iter().flat_map(|word| word.to_ne_bytes()).collect(),
            Memory::Device(memory) => memory.read(),
        };
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
