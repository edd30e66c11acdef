//! How large a value may be.

use tract_onnx::tract_hir::internal::*;

/// Refuses a shape of too many elements.
pub(crate) fn bounded(dims: &[TDim], dt: DatumType, limit: u128) -> TractResult<()> {
    let count = dims.iter().map(TDim::as_i64).try_fold(1u128, |n, d| {
        Some(n.saturating_mul(u128::try_from(d?).ok()?))
    });
    if let Some(count) = count {
        let bytes = count.saturating_mul(dt.size_of() as u128);
        ensure!(bytes <= limit, "it would make a value of {bytes} bytes");
    }
    Ok(())
}
