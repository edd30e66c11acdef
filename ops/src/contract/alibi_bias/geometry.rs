//! The shape rule of `AlibiBias`, beyond that of every bias ([`BiasGeometry`](crate::contract::relative::BiasGeometry)).

use crate::contract::{ContractError, shape_text};

/// The number of heads, by the shape of `slopes`.
///
/// # Errors
/// [`ContractError::Shape`] for another rank than 1.
pub fn slope_count(slopes: &[usize]) -> Result<usize, ContractError> {
    match *slopes {
        [heads] => Ok(heads),
        _ => Err(ContractError::Shape(format!(
            "slopes {} has rank {}, expected 1",
            shape_text(slopes),
            slopes.len()
        ))),
    }
}
