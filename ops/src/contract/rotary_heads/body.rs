//! `RotaryHeads` in standard ONNX operators: the heads sliced, put before the sequence, and turned as `RotaryEmbedding` does.
//!
//! Where all uses take every head there is no slice. Otherwise its bounds are the attributes: queries and keys of a layer differ in
//! them, and the rest of the body is that of uses which agree.

use super::attributes::{END_HEAD, FIRST_HEAD, HEAD_STEP};
use super::{HeadRange, INPUTS, OUTPUTS, SPEC};
use crate::contract::body::BodyBuilder;
use crate::contract::rotary::RotaryUse;
use crate::contract::rotary::body::turning;
use crate::contract::spec::names;
use crate::contract::{ContractError, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotaryHeadsUse {
    /// As a `RotaryEmbedding` of the heads that are taken.
    pub turned: RotaryUse,
    /// Which heads are taken.
    pub heads: HeadRange,
    /// How many there are.
    pub of: Option<usize>,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// Those of [`crate::contract::rotary::function_body`].
pub fn function_body(opset: i64, uses: &[RotaryHeadsUse]) -> Result<FunctionBody, ContractError> {
    let ([x, _, _], [y]) = (names(&INPUTS), names(&OUTPUTS));
    let mut builder = BodyBuilder::new(opset)?;
    let is_whole = |u: &RotaryHeadsUse| u.of.is_some_and(|heads| u.heads.is_whole(heads));
    let taken = match !uses.is_empty() && uses.iter().all(is_whole) {
        true => x.to_owned(),
        false => sliced(&mut builder, x),
    };
    let taken = builder.transpose(&taken, &[0, 2, 1, 3]);
    let turned: Vec<RotaryUse> = uses.iter().map(|u| u.turned.clone()).collect();
    turning(&SPEC, builder, &[(&taken, y, &turned)])
}

/// The heads of `x` that the attributes name.
fn sliced(b: &mut BodyBuilder, x: &str) -> String {
    let one_axis = b.vector(&[1]);
    let [first, end, step] = [FIRST_HEAD, END_HEAD, HEAD_STEP].map(|attribute| {
        let number = b.attribute(attribute.spec());
        b.op("Reshape", &[&number, &one_axis])
    });
    let axis = b.vector(&[2]);
    b.op("Slice", &[x, &first, &end, &axis, &step])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ElementType;
    use crate::contract::body::assert_in_order;
    use crate::contract::rotary::RotaryAttributes;

    fn of(first: usize, end: usize, heads: Option<usize>) -> RotaryHeadsUse {
        RotaryHeadsUse {
            turned: RotaryUse {
                attributes: RotaryAttributes::default(),
                table_width: Some(4),
                head_dim: Some(8),
                x_dtype: ElementType::F32,
                table_dtype: ElementType::F32,
            },
            heads: HeadRange {
                first,
                end,
                step: 1,
            },
            of: heads,
        }
    }

    fn slices(uses: &[RotaryHeadsUse]) -> bool {
        let body = function_body(17, uses).unwrap();
        assert_in_order(&body);
        let mut nodes = body.nodes.iter();
        nodes.any(|node| node.op_type == "Slice" && node.inputs[0] == "X")
    }

    #[test]
    fn whole_projections_are_not_sliced() {
        assert!(!slices(&[of(0, 4, Some(4)), of(0, 9, Some(2))]));
        assert!(slices(&[of(0, 4, Some(4)), of(0, 3, Some(4))]));
        assert!(slices(&[of(0, 4, None)]));
        assert!(slices(&[of(1, 4, Some(4))]));
        assert!(slices(&[]));
    }

    #[test]
    fn opsets_without_the_means_are_refused() {
        assert!(function_body(12, &[of(0, 4, Some(4))]).is_err());
        assert!(function_body(13, &[of(0, 4, Some(4))]).is_ok());
    }
}
