//! `RotaryEmbeddingPair`, which [`SPEC`] describes.

mod handle;
mod spec;

use super::body::BodyBuilder;
use super::rotary::body::turning;
use super::rotary::{self, RotaryAttributes, RotaryGeometry, RotaryUse};
use super::spec::names;
use super::{ContractError, FunctionBody};

pub use super::rotary::{ATTRIBUTES, UNIT_ERROR};

pub use handle::CONTRACT;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};

/// One node of a model, as far as it is known: its part in turning `Q` and that in turning `K`. They agree in attributes, element
/// types and tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotaryPairUse {
    /// As a `RotaryEmbedding` of `Q`.
    pub q: RotaryUse,
    /// As a `RotaryEmbedding` of `K`.
    pub k: RotaryUse,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// Those of [`super::rotary::function_body`].
pub fn function_body(opset: i64, uses: &[RotaryPairUse]) -> Result<FunctionBody, ContractError> {
    let part = |of: fn(&RotaryPairUse) -> &RotaryUse| uses.iter().map(of).cloned().collect();
    let (q, k): (Vec<_>, Vec<_>) = (part(|u| &u.q), part(|u| &u.k));
    let ([q_in, k_in, _, _], [q_out, k_out]) = (names(&INPUTS), names(&OUTPUTS));
    let builder = BodyBuilder::new(opset)?;
    turning(&SPEC, builder, &[(q_in, q_out, &q), (k_in, k_out, &k)])
}

/// Checks the shapes of a call; gives the geometry of turning `Q` and of turning `K`.
///
/// # Errors
/// [`ContractError::Shape`], naming the input and the sizes.
pub fn geometries(
    attributes: &RotaryAttributes,
    q: &[usize],
    k: &[usize],
    cos: &[usize],
    sin: &[usize],
) -> Result<[RotaryGeometry; 2], ContractError> {
    Ok([
        RotaryGeometry::of("Q", attributes, q, cos, sin)?,
        RotaryGeometry::of("K", attributes, k, cos, sin)?,
    ])
}

/// `YQ` and `YK` of the operator. Slices are dense, in row-major order; each has a shape.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit the attributes or each other, or slices that do not fit their shapes.
pub fn reference(
    attributes: &RotaryAttributes,
    q: (&[f64], &[usize]),
    k: (&[f64], &[usize]),
    cos: (&[f64], &[usize]),
    sin: (&[f64], &[usize]),
) -> Result<[Vec<f64>; 2], ContractError> {
    // First, so that refusals name `Q` or `K`.
    geometries(attributes, q.1, k.1, cos.1, sin.1)?;
    let turned =
        |x: (&[f64], &[usize])| rotary::reference(attributes, x.0, x.1, cos.0, cos.1, sin.0, sin.1);
    Ok([turned(q)?, turned(k)?])
}
