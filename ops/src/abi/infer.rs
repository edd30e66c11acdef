//! Shape inference: what the host knows of a node's inputs before it runs, and what the operator tells it of the outputs.

use super::host::{Host, ort};
use super::status::{Failure, c_string};
use ort_sys::{
    ONNXTensorElementDataType, OrtOpAttr, OrtOpAttrType, OrtShapeInferContext,
    OrtTensorTypeAndShapeInfo,
};
use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

/// The size of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    /// A number.
    Size(i64),
    /// A name; equal names are equal sizes.
    Named(CString),
}

/// What is known of a tensor.
pub(super) struct Known {
    /// Type of its elements. The host asks one operator of a name on behalf of all of them, so the operator's own types do not tell
    /// it.
    pub(super) element: ONNXTensorElementDataType,
    /// Its shape.
    pub(super) shape: Vec<Dimension>,
}

/// A node whose output shapes are asked for. An operator leaves out what it does not know: an error here would make the host refuse
/// the model.
pub(super) struct Inference<'a> {
    host: &'a Host,
    context: *mut OrtShapeInferContext,
}

impl<'a> Inference<'a> {
    /// # Safety
    /// `context` is the host's, and stays for `'a`.
    pub(super) unsafe fn new(host: &'a Host, context: *mut OrtShapeInferContext) -> Self {
        Self { host, context }
    }

    /// Type and shape of input `index`; `None` where any of it is unknown.
    ///
    /// A size that is neither known nor named comes as -1, and would leave as the *number* -1, of which two look equally large.
    /// An unknown shape looks like that of a scalar: both are unknown here.
    pub(super) fn input(&self, index: usize) -> Option<Known> {
        let (info, element) = self.typed(index)?;
        let mut rank = 0;
        // SAFETY: results are written to variables of ours, as long as told; the names are the host's, and stay for this call.
        unsafe {
            self.known(ort!(self.host, GetDimensionsCount(info, &mut rank)))?;
            let mut sizes = vec![0i64; rank];
            let mut names: Vec<*const c_char> = vec![null(); rank];
            self.known(ort!(
                self.host,
                GetDimensions(info, sizes.as_mut_ptr(), rank)
            ))?;
            self.known(ort!(
                self.host,
                GetSymbolicDimensions(info, names.as_mut_ptr(), rank)
            ))?;
            if rank == 0 {
                return None;
            }
            let dimension = |(size, name): (i64, *const c_char)| match size {
                0.. => Some(Dimension::Size(size)),
                _ if name.is_null() || *name == 0 => None,
                _ => Some(Dimension::Named(CStr::from_ptr(name).to_owned())),
            };
            let shape = sizes
                .into_iter()
                .zip(names)
                .map(dimension)
                .collect::<Option<_>>()?;
            Some(Known { element, shape })
        }
    }

    /// The type of input `index`, of whatever shape; `None` where it is unknown.
    pub(super) fn element(&self, index: usize) -> Option<ONNXTensorElementDataType> {
        self.typed(index).map(|(_, element)| element)
    }

    /// What the host tells of input `index`, and its type.
    fn typed(
        &self,
        index: usize,
    ) -> Option<(*mut OrtTensorTypeAndShapeInfo, ONNXTensorElementDataType)> {
        let mut info = null_mut();
        let mut element = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
        // SAFETY: results are written to variables of ours.
        unsafe {
            self.known(ort!(
                self.host,
                ShapeInferContext_GetInputTypeShape(self.context, index, &mut info)
            ))?;
            self.known(ort!(self.host, GetTensorElementType(info, &mut element)))?;
        }
        Some((info, element))
    }

    /// An integer attribute; `None` where the node does not have it.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        let name = c_string(name);
        let mut attribute: *const OrtOpAttr = null();
        let (mut value, mut size) = (0i64, 0);
        // SAFETY: the name is a C string, and the value has room for an integer.
        unsafe {
            self.known(ort!(
                self.host,
                ShapeInferContext_GetAttribute(self.context, name.as_ptr(), &mut attribute)
            ))?;
            self.known(ort!(
                self.host,
                ReadOpAttr(
                    attribute,
                    OrtOpAttrType::ORT_OP_ATTR_INT,
                    (&raw mut value).cast(),
                    size_of::<i64>(),
                    &mut size
                )
            ))?;
        }
        Some(value)
    }

    /// Tells the host type and shape of output `index`.
    ///
    /// # Errors
    /// Where the host has none of this.
    pub(super) fn output(&self, index: usize, known: &Known) -> Result<(), Failure> {
        struct Info<'a>(&'a Host, *mut OrtTensorTypeAndShapeInfo);
        impl Drop for Info<'_> {
            fn drop(&mut self) {
                // SAFETY: the information is ours.
                unsafe { ((*self.0.api()).ReleaseTensorTypeAndShapeInfo)(self.1) }
            }
        }
        let sizes: Vec<i64> = known
            .shape
            .iter()
            .map(|d| match d {
                Dimension::Size(size) => *size,
                Dimension::Named(_) => -1,
            })
            .collect();
        let mut names: Vec<*const c_char> = known
            .shape
            .iter()
            .map(|d| match d {
                Dimension::Size(_) => c"".as_ptr(),
                Dimension::Named(name) => name.as_ptr(),
            })
            .collect();
        // SAFETY: the host reads and copies as many sizes and names as told.
        unsafe {
            let mut info = Info(self.host, null_mut());
            ort!(self.host, CreateTensorTypeAndShapeInfo(&mut info.1))?;
            ort!(self.host, SetTensorElementType(info.1, known.element))?;
            ort!(
                self.host,
                SetDimensions(info.1, sizes.as_ptr(), sizes.len())
            )?;
            ort!(
                self.host,
                SetSymbolicDimensions(info.1, names.as_mut_ptr(), names.len())
            )?;
            ort!(
                self.host,
                ShapeInferContext_SetOutputTypeShape(self.context, index, info.1)
            )
        }
    }

    /// Tells the host that output `index` has the type and shape of the input of the same index.
    ///
    /// # Errors
    /// As [`Inference::output`].
    pub(super) fn same(&self, index: usize) -> Result<(), Failure> {
        match self.input(index) {
            Some(known) => self.output(index, &known),
            None => Ok(()),
        }
    }

    /// A result whose failure is not to be reported.
    fn known<T>(&self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.host.forget(failure)).ok()
    }
}
