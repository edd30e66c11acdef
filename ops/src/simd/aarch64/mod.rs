//! The vector set of AArch64.

pub(crate) mod neon;
