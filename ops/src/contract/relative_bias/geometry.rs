//! The shape rule of `RelativePositionBias`, beyond that of every bias ([`BiasGeometry`](crate::contract::relative::BiasGeometry)).

use crate::contract::{ContractError, shape_text};

/// What entries of the lookup table are, in words.
pub const ROWS: &str = "rows of table";

/// Rows and heads of `table`.
///
/// # Errors
/// [`ContractError::Shape`] for another rank than 2.
pub fn table_sizes(table: &[usize]) -> Result<(usize, usize), ContractError> {
    match *table {
        [rows, heads] => Ok((rows, heads)),
        _ => Err(ContractError::Shape(format!(
            "table {} has rank {}, expected 2",
            shape_text(table),
            table.len()
        ))),
    }
}
