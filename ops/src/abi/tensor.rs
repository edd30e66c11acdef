//! Tensors of the host.

use super::host::{Host, ort, outcome};
use super::status::Failure;
use crate::contract::ContractError;
use crate::contract::broadcast::MAX_RANK;
use half::{bf16, f16};
use ort_sys::{ONNXTensorElementDataType, OrtTensorTypeAndShapeInfo, OrtValue};
use std::borrow::Cow;
use std::fmt::Display;
use std::ptr::null_mut;

/// A Rust type of tensor elements, and the host's number for it.
pub(super) trait Typed {
    /// The number.
    const TYPE: ONNXTensorElementDataType;
}

/// A boolean of the host: a byte, which may be other than 0 and 1.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Boolean(u8);

macro_rules! typed {
    ($($t:ty: $type:ident;)+) => {$(
        impl Typed for $t {
            const TYPE: ONNXTensorElementDataType = ONNXTensorElementDataType::$type;
        }
    )+};
}

typed! {
    f32: ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    f16: ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
    bf16: ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16;
    f64: ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
    i64: ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    i32: ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    Boolean: ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
}

// The host's sizes are read, and ours handed to it, where they are.
const _: () = assert!(size_of::<usize>() == size_of::<i64>());

/// The sizes of a tensor's axes, each of which fits an `i64`; the host's own where it lends them.
#[derive(Clone)]
pub(super) struct Shape<'a>(Cow<'a, [usize]>);

impl<'a> Shape<'a> {
    /// The shape of the tensor `name`, whose sizes the host lends.
    ///
    /// # Errors
    /// [`ContractError::Shape`] for too many axes, or a negative size.
    #[inline]
    fn lent(name: &str, dimensions: &'a [i64]) -> Result<Self, Failure> {
        if let Some(negative) = dimensions.iter().find(|&&dimension| dimension < 0) {
            return Err(no_axis(name, negative));
        }
        // SAFETY: the types are as large, and no number is invalid.
        let sizes =
            unsafe { std::slice::from_raw_parts(dimensions.as_ptr().cast(), dimensions.len()) };
        Self::of_rank(name, sizes)
    }

    /// The shape with these sizes.
    ///
    /// # Errors
    /// As [`Shape::lent`], or for a size the host has no number for.
    #[inline]
    pub(super) fn of(sizes: &'a [usize]) -> Result<Self, Failure> {
        let name = "an output";
        if let Some(large) = sizes.iter().find(|&&size| i64::try_from(size).is_err()) {
            return Err(no_axis(name, large));
        }
        Self::of_rank(name, sizes)
    }

    #[inline]
    fn of_rank(name: &str, sizes: &'a [usize]) -> Result<Self, Failure> {
        if sizes.len() > MAX_RANK {
            let text = format!(
                "{name} has rank {}, expected at most {MAX_RANK}",
                sizes.len()
            );
            return Err(ContractError::Shape(text).into());
        }
        Ok(Self(Cow::Borrowed(sizes)))
    }

    /// The same shape, with sizes of its own rather than the host's.
    pub(super) fn kept(self) -> Shape<'static> {
        Shape(Cow::Owned(self.0.into_owned()))
    }

    /// The sizes.
    #[inline]
    pub(super) fn sizes(&self) -> &[usize] {
        &self.0
    }

    /// The same shape, borrowed.
    #[inline]
    pub(super) fn again(&self) -> Shape<'_> {
        Shape(Cow::Borrowed(&self.0))
    }

    /// The sizes in the host's type.
    #[inline]
    pub(super) fn dimensions(&self) -> &[i64] {
        // SAFETY: the types are as large, and each size fits.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len()) }
    }
}

#[cold]
fn no_axis(name: &str, size: &dyn Display) -> Failure {
    ContractError::Shape(format!("{name} has an axis of size {size}")).into()
}

/// A tensor to read: dense, row-major, in the host's memory.
#[derive(Clone)]
pub(super) struct Tensor<'a, T> {
    /// The first element; dangling or null if there is none.
    pub(super) data: *const T,
    /// Its shape.
    pub(super) shape: Shape<'a>,
}

impl<'a, T> Tensor<'a, T> {
    /// Its elements.
    ///
    /// # Safety
    /// They are of type `T`, and stay and are not written to as long as the result is used.
    #[inline]
    pub(super) unsafe fn elements<'b>(&self) -> &'b [T] {
        match self.shape.sizes().iter().product() {
            // An empty tensor may have no address.
            0 => &[],
            // SAFETY: the host's tensor has as many elements as its shape says, of the type that this function's `# Safety` section
            // requires.
            count => unsafe { std::slice::from_raw_parts(self.data, count) },
        }
    }

    /// The tensor in a value; `name` is for errors. It may lie at an address that is not aligned.
    ///
    /// # Safety
    /// `value` is a tensor with elements of type `T`, of the host's, and stays for `'a`.
    #[inline]
    pub(super) unsafe fn of(
        host: &Host,
        name: &str,
        value: *const OrtValue,
    ) -> Result<Self, Failure> {
        // SAFETY: the caller vouches for the value. The host does not write through `value` here, in spite of the type.
        unsafe {
            let mut data = null_mut();
            ort!(host, GetTensorMutableData(value.cast_mut(), &mut data))?;
            Ok(Self {
                data: data.cast(),
                shape: shape(host, name, value)?,
            })
        }
    }
}

/// The shape of the tensor in a value.
///
/// # Safety
/// As [`Tensor::of`].
#[inline]
unsafe fn shape<'a>(host: &Host, name: &str, value: *const OrtValue) -> Result<Shape<'a>, Failure> {
    let mut dimensions = std::ptr::null();
    let mut rank = 0;
    // SAFETY: the value is a tensor; the dimensions are the host's, and stay as long as it.
    unsafe {
        let Some(reference) = host.shape_reference else {
            return copied_shape(host, name, value);
        };
        let mut element = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
        outcome(reference(value, &mut element, &mut dimensions, &mut rank))?;
        if rank == 0 {
            return Shape::lent(name, &[]);
        }
        Shape::lent(name, std::slice::from_raw_parts(dimensions, rank))
    }
}

/// The same on hosts that only hand out copies.
///
/// # Safety
/// As [`Tensor::of`].
unsafe fn copied_shape(
    host: &Host,
    name: &str,
    value: *const OrtValue,
) -> Result<Shape<'static>, Failure> {
    struct Info<'a>(&'a Host, *mut OrtTensorTypeAndShapeInfo);
    impl Drop for Info<'_> {
        fn drop(&mut self) {
            // SAFETY: the information is ours.
            unsafe { ((*self.0.api()).ReleaseTensorTypeAndShapeInfo)(self.1) }
        }
    }
    // SAFETY: the value is a tensor; the buffer is as long as told.
    unsafe {
        let mut info = Info(host, null_mut());
        ort!(host, GetTensorTypeAndShape(value, &mut info.1))?;
        let mut rank = 0;
        ort!(host, GetDimensionsCount(info.1, &mut rank))?;
        let mut dimensions = [0i64; MAX_RANK];
        if rank > MAX_RANK {
            return Ok(Shape::lent(name, &vec![0; rank])?.kept());
        }
        ort!(host, GetDimensions(info.1, dimensions.as_mut_ptr(), rank))?;
        Ok(Shape::lent(name, &dimensions[..rank])?.kept())
    }
}

/// Addresses that threads share, of elements no two of them write.
#[derive(Clone, Copy)]
pub(super) struct Shared<P>(pub(super) P);

// SAFETY: whoever shares them hands each thread a part of its own.
unsafe impl<P> Sync for Shared<P> {}

impl<P: Copy> Shared<P> {
    /// A method, so that closures capture the whole and not the field.
    pub(super) fn get(&self) -> P {
        self.0
    }
}
