//! The types of positions.

/// A type of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionType {
    /// int64.
    I64,
    /// int32.
    I32,
    /// float.
    F32,
    /// double.
    F64,
}

/// A Rust type that positions may have.
pub trait Position: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// Which one it is.
    const POSITION: PositionType;

    /// The nearest `f32`.
    fn to_f32(self) -> f32;
    /// The nearest `f64`; exact but for integers beyond 2^53.
    fn to_f64(self) -> f64;
}

macro_rules! positions {
    ($($t:ty: $type:ident),+) => {$(
        impl Position for $t {
            const POSITION: PositionType = PositionType::$type;

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

positions!(i64: I64, i32: I32, f32: F32, f64: F64);
