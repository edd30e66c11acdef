//! Instruction sets, and which of them the processor has.

/// An instruction set the kernels are compiled for, from the plainest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the target has.
    Scalar,
    /// AArch64 with NEON.
    Neon,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512F, beside all of [`Level::Avx2`].
    Avx512,
}

impl Level {
    /// Every level, plainest first.
    pub const ALL: [Level; 4] = [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512];

    /// The name of the level, as the processor's features are called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512f",
        }
    }

    /// The architecture whose processors may have it, as `std` calls it; `None` if it is of every one.
    pub const fn architecture(self) -> Option<&'static str> {
        match self {
            Level::Scalar => None,
            Level::Neon => Some("aarch64"),
            Level::Avx2 | Level::Avx512 => Some("x86_64"),
        }
    }

    /// Whether this processor, and this build, can run it.
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Level::Avx2.is_available() && is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
            #[cfg(not(target_arch = "aarch64"))]
            Level::Neon => false,
        }
    }

    /// The widest level this processor can run.
    pub fn detect() -> Level {
        Level::ALL
            .into_iter()
            .rev()
            .find(|l| l.is_available())
            .unwrap_or(Level::Scalar)
    }
}
