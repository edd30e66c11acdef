//! Tensors as slices with shapes.

use super::ContractError;

/// How many elements a tensor of a shape has; `None` where that is more than can be addressed.
pub(crate) fn shape_size(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size))
}

/// Whether a slice has as many elements as its shape says.
///
/// # Errors
/// [`ContractError::Shape`] where it has not.
pub(crate) fn check_size<T>(
    name: &str,
    (values, shape): (&[T], &[usize]),
) -> Result<(), ContractError> {
    if shape_size(shape) == Some(values.len()) {
        return Ok(());
    }
    Err(ContractError::Shape(format!(
        "{name} has {} elements, which do not fit its shape {shape:?}",
        values.len()
    )))
}
