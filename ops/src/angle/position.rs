//! The types of positions.

/// A Rust type that positions may have.
pub trait Position: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// The nearest `f32`.
    fn to_f32(self) -> f32;
    /// The nearest `f64`; exact but for integers beyond 2^53.
    fn to_f64(self) -> f64;
}

macro_rules! positions {
    ($($t:ty),+) => {$(
        impl Position for $t {
            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )+};
}

positions!(i64, i32, f32, f64);
