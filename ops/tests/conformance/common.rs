//! What the checks of every operator share: random values, the ranges of the element types, the instruction sets.

use crate::host::{self, Host};
use half::{bf16, f16};
use phasor_ops::contract::{OperatorSpec, TensorType};
use phasor_ops::simd::{Element, Level};
use std::io::Write;
use std::sync::Once;

/// Values of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values {
    /// Activations of a few units, tables within ±1.
    Ordinary,
    /// Zeros of both signs, subnormals, the largest finite numbers, infinities and NaN among ordinary values.
    Special,
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in ±1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub(crate) fn tensor<T: Element + Limits>(
        &mut self,
        shape: &[usize],
        scale: f64,
        values: Values,
    ) -> Vec<T> {
        let special = [
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            T::LARGEST,
            -T::LARGEST,
            T::SMALLEST,
        ];
        (0..shape.iter().product())
            .map(|_| match values {
                Values::Special if self.bits().is_multiple_of(3) => {
                    let value = special[self.bits() as usize % special.len()];
                    T::from_f64(if value == T::SMALLEST {
                        value * (1.0 + 9.0 * self.unit().abs())
                    } else {
                        value
                    })
                }
                _ => T::from_f64(scale * self.unit()),
            })
            .collect()
    }
}

/// Range of an element type.
pub(crate) trait Limits {
    const LARGEST: f64;
    const SMALLEST: f64;
    /// The distance from 1 to the next number.
    const EPSILON: f64;
    /// Epsilon, largest number and smallest subnormal of the arithmetic on it.
    const ARITHMETIC: (f64, f64, f64) = (f32::EPSILON as f64, f32::MAX as f64, 1.4e-45);
    fn bit_pattern(self) -> u64;
    fn from_bit_pattern(bits: u64) -> Self;
}

impl Limits for f32 {
    const LARGEST: f64 = f32::MAX as f64;
    const SMALLEST: f64 = 1.4e-45;
    const EPSILON: f64 = f32::EPSILON as f64;
    fn bit_pattern(self) -> u64 {
        self.to_bits().into()
    }
    fn from_bit_pattern(bits: u64) -> Self {
        f32::from_bits(bits as u32)
    }
}

impl Limits for f16 {
    const LARGEST: f64 = 65504.0;
    const SMALLEST: f64 = 5.960_464_477_539_063e-8;
    const EPSILON: f64 = 9.765_625e-4;
    fn bit_pattern(self) -> u64 {
        self.to_bits().into()
    }
    fn from_bit_pattern(bits: u64) -> Self {
        f16::from_bits(bits as u16)
    }
}

impl Limits for bf16 {
    const LARGEST: f64 = 3.389_531_389_251_535_5e38;
    const SMALLEST: f64 = 9.183_549_615_799_121e-41;
    const EPSILON: f64 = 7.812_5e-3;
    fn bit_pattern(self) -> u64 {
        self.to_bits().into()
    }
    fn from_bit_pattern(bits: u64) -> Self {
        bf16::from_bits(bits as u16)
    }
}

impl Limits for f64 {
    const LARGEST: f64 = f64::MAX;
    const SMALLEST: f64 = 5e-324;
    const EPSILON: f64 = f64::EPSILON;
    // Twice the error: the reference makes as much.
    const ARITHMETIC: (f64, f64, f64) = (2.0 * f64::EPSILON, f64::MAX, 1e-323);
    fn bit_pattern(self) -> u64 {
        self.to_bits()
    }
    fn from_bit_pattern(bits: u64) -> Self {
        f64::from_bits(bits)
    }
}

pub(crate) fn wide<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

/// The instruction sets of this processor; says which are left out.
pub(crate) fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| {
        let expected = level
            .architecture()
            .is_none_or(|a| a == std::env::consts::ARCH);
        if expected && !level.is_available() {
            static SAID: Once = Once::new();
            // Not `eprintln`: the test harness swallows it.
            SAID.call_once(|| {
                drop(writeln!(
                    std::io::stderr(),
                    "skipped: no {}",
                    level.as_str()
                ))
            });
        }
        level.is_available()
    })
}

/// What runs an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    /// This processor, with an instruction set.
    Cpu(Level),
    /// The CUDA kernels, emulated or on a device.
    #[cfg(feature = "cuda")]
    Cuda,
    /// Something that runs models; there is none where the kernels are tested alone.
    #[allow(dead_code)]
    Host(&'static dyn Host),
}

impl Runner {
    /// Whether it is to run a case of the operator on these types; of many cases, something that runs models gets some.
    pub(crate) fn takes(self, spec: &OperatorSpec, types: &[TensorType]) -> bool {
        match self {
            Runner::Cpu(_) => true,
            #[cfg(feature = "cuda")]
            Runner::Cuda => spec.cuda,
            Runner::Host(host) => host.takes(spec, types) && host::drawn(),
        }
    }

    /// Whether it is right for these positions, whatever the types.
    pub(crate) fn reaches(self, positions: [&[i64]; 2]) -> bool {
        let largest = || positions.iter().flat_map(|p| *p).map(|p| p.unsigned_abs());
        !matches!(self, Runner::Host(host) if !host.reaches(largest().max().unwrap_or(0)))
    }

    /// Whether it takes attention without keys.
    pub(crate) fn attends_to_nothing(self) -> bool {
        !matches!(self, Runner::Host(host) if !host.has_kernels() && !host.normalises_nothing())
    }

    /// Whether it takes attention without heads.
    pub(crate) fn attends_without_heads(self) -> bool {
        !matches!(self, Runner::Host(host) if !host.has_kernels() && !host.splits_nothing())
    }

    /// Whether it runs nothing but a kernel.
    pub(crate) fn is_kernel(&self) -> bool {
        !matches!(self, Runner::Host(_))
    }

    /// Whether it runs the function body of an operator.
    pub(crate) fn is_body(self) -> bool {
        matches!(self, Runner::Host(host) if !host.has_kernels())
    }
}

/// This processor and what it emulates; where the tests have a device, that alone.
pub(crate) fn native() -> impl Iterator<Item = Runner> {
    #[cfg(feature = "cuda")]
    {
        let alone = crate::hardware::chosen().is_some();
        let levels = levels().filter(move |_| !alone);
        levels.map(Runner::Cpu).chain([Runner::Cuda])
    }
    #[cfg(not(feature = "cuda"))]
    levels().map(Runner::Cpu)
}

pub(crate) fn with_last(lead: &[usize], last: usize) -> Vec<usize> {
    let mut shape = lead.to_vec();
    shape.push(last);
    shape
}
