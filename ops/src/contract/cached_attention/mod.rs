//! `CachedAttention`, which [`SPEC`] describes.

mod geometry;
mod handle;
mod spec;

use super::attention::body;
use super::body::BodyBuilder;
use super::spec::names;
use super::{BodyAttribute, ContractError, FunctionBody};

pub use super::attention::{ATTRIBUTES, AttentionAttributes, AttentionUse, UNIT_ERROR};
pub use geometry::{CachedGeometry, Joined};
pub use handle::CONTRACT;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// Those of [`super::attention::function_body`].
pub fn function_body(opset: i64, uses: &[AttentionUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let [_, k, v, _, _, past_k, past_v] = names(&INPUTS);
    let [_, present_k, present_v] = names(&OUTPUTS);
    for (parts, present) in [([past_k, k], present_k), ([past_v, v], present_v)] {
        builder.op_with("Concat", &parts, vec![("axis", BodyAttribute::Int(2))]);
        builder.name_last(present);
    }
    body::write(&mut builder, opset, uses, (present_k, present_v))?;
    Ok(builder.finish(&SPEC))
}

/// One tensor behind another along the keys.
fn joined<T: Copy>(joined: &Joined, past: &[T], new: &[T]) -> Vec<T> {
    let Joined {
        batch,
        heads,
        width,
        past: old,
        new: own,
        ..
    } = *joined;
    let mut all = Vec::with_capacity(past.len() + new.len());
    for head in 0..batch * heads {
        all.extend_from_slice(&past[head * old * width..][..old * width]);
        all.extend_from_slice(&new[head * own * width..][..own * width]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ElementType;
    use crate::contract::body::assert_in_order;

    #[test]
    fn bodies_are_those_of_attention_behind_two_concats() {
        let one = AttentionUse {
            attributes: AttentionAttributes::default(),
            dtype: ElementType::F32,
            grouped: Some(true),
            biased: true,
            masked: false,
        };
        for (opset, uses) in [(15, vec![]), (13, vec![one.clone()]), (23, vec![one])] {
            let body = function_body(opset, &uses).unwrap();
            assert_in_order(&body);
            let own: Vec<_> = body.nodes.iter().map(|n| n.op_type).collect();
            let other = crate::contract::attention::function_body(opset, &uses).unwrap();
            let other: Vec<_> = other.nodes.iter().map(|n| n.op_type).collect();
            assert_eq!(own[..2], ["Concat", "Concat"]);
            assert_eq!(own[2..], other);
        }
        assert!(function_body(13, &[]).is_err());
    }
}
