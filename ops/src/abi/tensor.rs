//! Tensors of the host.

use super::host::{Host, ort, outcome};
use super::status::Failure;
use crate::contract::ContractError;
use crate::contract::broadcast::MAX_RANK;
use half::{bf16, f16};
use ort_sys::{ONNXTensorElementDataType, OrtTensorTypeAndShapeInfo, OrtValue};
use std::ptr::null_mut;

/// A Rust type of tensor elements, and the host's number for it.
pub(super) trait Typed {
    /// The number.
    const TYPE: ONNXTensorElementDataType;
}

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
}

/// The sizes of a tensor's axes.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The shape of the tensor `name`, of these sizes.
    ///
    /// # Errors
    /// [`ContractError::Shape`] for too many axes, or a negative size.
    fn new(name: &str, dimensions: &[i64]) -> Result<Self, Failure> {
        let mut sizes = [0; MAX_RANK];
        if dimensions.len() > MAX_RANK {
            let text = format!(
                "{name} has rank {}, expected at most {MAX_RANK}",
                dimensions.len()
            );
            return Err(ContractError::Shape(text).into());
        }
        for (size, &dimension) in sizes.iter_mut().zip(dimensions) {
            *size = usize::try_from(dimension).map_err(|_| {
                ContractError::Shape(format!("{name} has an axis of size {dimension}"))
            })?;
        }
        Ok(Self {
            sizes,
            rank: dimensions.len(),
        })
    }

    /// The shape with these sizes.
    ///
    /// # Errors
    /// As [`Shape::new`], or for a size the host has no number for.
    pub(super) fn of(given: &[usize]) -> Result<Self, Failure> {
        let mut dimensions = [0; MAX_RANK];
        for (dimension, &size) in dimensions.iter_mut().zip(given) {
            *dimension = i64::try_from(size).map_err(|_| {
                ContractError::Shape(format!("an output has an axis of size {size}"))
            })?;
        }
        Self::new("an output", dimensions.get(..given.len()).unwrap_or(&[]))
    }

    /// The sizes.
    #[inline]
    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }

    /// The sizes in the host's type.
    pub(super) fn dimensions(&self) -> ([i64; MAX_RANK], usize) {
        // Each has come from an i64.
        (self.sizes.map(|s| s as i64), self.rank)
    }
}

/// A tensor to read: dense, row-major, in the host's memory.
#[derive(Clone, Copy)]
pub(super) struct Tensor<T> {
    /// The first element; dangling or null if there is none.
    pub(super) data: *const T,
    /// Its shape.
    pub(super) shape: Shape,
}

impl<T> Tensor<T> {
    /// Its elements.
    ///
    /// # Safety
    /// They are of type `T`, and stay and are not written to as long as the result is used.
    #[inline]
    pub(super) unsafe fn elements<'a>(&self) -> &'a [T] {
        match self.shape.sizes().iter().product() {
            // There may be no address then.
            0 => &[],
            // SAFETY: the host's tensor has as many; the rest is the caller's.
            count => unsafe { std::slice::from_raw_parts(self.data, count) },
        }
    }

    /// The tensor in a value; `name` is for errors. It may lie at an address that is not aligned.
    ///
    /// # Safety
    /// `value` is a tensor with elements of type `T`, of the host's, and stays as long as the result is used.
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
unsafe fn shape(host: &Host, name: &str, value: *const OrtValue) -> Result<Shape, Failure> {
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
            return Shape::new(name, &[]);
        }
        Shape::new(name, std::slice::from_raw_parts(dimensions, rank))
    }
}

/// The same on hosts that only hand out copies.
///
/// # Safety
/// As [`Tensor::of`].
unsafe fn copied_shape(host: &Host, name: &str, value: *const OrtValue) -> Result<Shape, Failure> {
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
            return Shape::new(name, &vec![0; rank]);
        }
        ort!(host, GetDimensions(info.1, dimensions.as_mut_ptr(), rank))?;
        Shape::new(name, &dimensions[..rank])
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
