//! Plans relative sites as nodes of `ai.phasor`: `RelativePositionBias`, `RelativeGather` and `AlibiBias`.
//!
//! Positions become int64 (`positions`), and the row or column of each distance an initializer, or a few nodes where only the number
//! of columns says it (`lut`). Scores that the graph does not hold are multiplied first (`product`). Such helpers are shared by all sites that need the same. The result of a bias is brought to the axes
//! of `y` (`layout`). The last node of a site takes over the name of `y`.
//!
//! Helpers work for sizes of 0 and 1: none infers a size, or copies one from another axis.

mod layout;
mod lut;
mod positions;
mod product;
mod table;
#[cfg(all(test, feature = "tract"))]
mod tests;

pub(super) use positions::{counted, size};

use phasor_ops::contract::alibi_bias::AlibiAttributes;
use phasor_ops::contract::relative_gather::RelativeGatherAttributes;
use phasor_ops::contract::{
    Call, ElementType, Operand, alibi_bias, relative_bias, relative_gather,
};

use super::draft::{Draft, Op};
use super::subject::{NewCall, Subject};
use crate::onnx::DataType;
use crate::recognize::{Alibi, RelativeBias, RelativeGather, Scores, Site};

/// Plans a bias that is read from a table.
pub(super) fn bias(draft: &mut Draft<'_>, subject: &Subject<'_>, site: &Site, bias: &RelativeBias) {
    let at = site.node;
    let table = table::of(draft, at, bias);
    let rows = |draft: &mut Draft<'_>| positions::size(draft, at, &table, 0);
    let lut = lut::of(draft, at, &bias.lut, rows);
    let query = positions::of(draft, subject, at, &bias.query);
    let key = positions::of(draft, subject, at, &bias.key);
    let first = known(site.dtype, vec![None, Some(bias.heads)]);
    let new = NewCall {
        operator: relative_bias::NAME,
        call: Call {
            attributes: Vec::new(),
            inputs: operands(first, 3),
        },
    };
    let op = Op::calling(site.rule, new, [table, lut, query, key]);
    layout::emit(draft, site, op, &bias.layout);
}

/// Plans scores that are gathered by distance.
pub(super) fn gather(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    gather: &RelativeGather,
) {
    let at = site.node;
    let (from, lut) = match &gather.scores {
        Scores::Tensor(name) => {
            let columns = |draft: &mut Draft<'_>| positions::size(draft, at, name, -1);
            (name.clone(), lut::of(draft, at, &gather.lut, columns))
        }
        Scores::Product(product) => {
            product::scores(draft, subject, (at, site.dtype), product, &gather.lut)
        }
    };
    let query = positions::of(draft, subject, at, &gather.query);
    let key = positions::of(draft, subject, at, &gather.key);
    // A product has as many axes as its vectors.
    let like = gather.scores.tensors().first().copied();
    let rank = like.and_then(|name| Some(subject.shapes.get(name)?.len()));
    let scores = Operand {
        dtype: element(site.dtype),
        shape: rank.map(|rank| vec![None; rank]),
        ..Operand::default()
    };
    let attributes = RelativeGatherAttributes {
        by_key: gather.by_key,
    };
    let new = NewCall {
        operator: relative_gather::NAME,
        call: Call {
            attributes: attributes.values().to_vec(),
            inputs: operands(scores, 3),
        },
    };
    let op = Op::calling(site.rule, new, [from, lut, query, key]);
    draft.replace(at, op);
}

/// Plans a bias that is linear in the distance.
pub(super) fn alibi(draft: &mut Draft<'_>, subject: &Subject<'_>, site: &Site, alibi: &Alibi) {
    let at = site.node;
    let mut slopes = alibi.slopes.clone();
    if alibi.slopes_rank != 1 {
        let all = draft.list(&[-1]);
        let stem = format!("{slopes}_vector");
        slopes = draft.shared(at, &stem, Op::reshape(slopes, all, false));
    }
    if alibi.negated {
        let stem = format!("{slopes}_negated");
        slopes = draft.shared(at, &stem, Op::new("Neg", [slopes]));
    }
    let query = positions::of(draft, subject, at, &alibi.query);
    let key = positions::of(draft, subject, at, &alibi.key);
    let attributes = AlibiAttributes {
        absolute: alibi.absolute,
    };
    let new = NewCall {
        operator: alibi_bias::NAME,
        call: Call {
            attributes: attributes.values().to_vec(),
            inputs: operands(known(site.dtype, vec![Some(alibi.heads)]), 2),
        },
    };
    let op = Op::calling(site.rule, new, [slopes, query, key]);
    layout::emit(draft, site, op, &alibi.layout);
}

/// What is known of the inputs of a node: the first, and `others` of integers, on whose shapes no body depends.
fn operands(first: Operand, others: usize) -> Vec<Operand> {
    let others = std::iter::repeat_n(Operand::default(), others);
    std::iter::once(first).chain(others).collect()
}

fn known(dtype: DataType, shape: Vec<Option<usize>>) -> Operand {
    Operand {
        dtype: element(dtype),
        shape: Some(shape),
        ..Operand::default()
    }
}

fn element(dtype: DataType) -> Option<ElementType> {
    ElementType::from_onnx(dtype.to_onnx())
}
