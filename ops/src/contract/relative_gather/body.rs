//! `RelativeGather` in standard ONNX operators.
//!
//! A model has one function of a name. The body is written for the traits that all uses share; for the others it asks the attribute
//! and the shapes.

use super::attributes::BY_KEY;
use super::spec::{OUTPUT, SCORES};
use super::{INPUTS, RelativeGatherAttributes, SPEC};
use crate::contract::body::{BOOL, BodyBuilder, INT64, agreed};
use crate::contract::relative::body::entries;
use crate::contract::spec::names;
use crate::contract::{BodyAttribute, ContractError, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativeGatherUse {
    /// Its attributes.
    pub attributes: RelativeGatherAttributes,
    /// Rank of `scores`, at least 2.
    pub rank: Option<usize>,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13.
pub fn function_body(
    opset: i64,
    uses: &[RelativeGatherUse],
) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let by_key = agreed(uses, |u| Some(u.attributes.by_key));
    let rank = agreed(uses, |u| u.rank);
    let mut writer = Writer::new(&mut builder);
    match (by_key, rank) {
        (Some(false), _) => {
            writer.rows(false, rank);
        }
        (Some(true), Some(rank)) => writer.transposed(rank),
        _ => writer.numbered(by_key),
    }
    builder.name_last(OUTPUT.name);
    Ok(builder.finish(&SPEC))
}

/// Writes one body.
struct Writer<'a> {
    b: &'a mut BodyBuilder,
    /// Shape of `scores`, and that without the last two axes.
    sizes: String,
    lead: String,
    /// Numbers of queries and of keys, each of rank 1.
    queries: String,
    keys: String,
    /// Two numbers of rank 1.
    last: String,
    next_to_last: String,
}

impl<'a> Writer<'a> {
    fn new(b: &'a mut BodyBuilder) -> Self {
        let [scores, _, query, key] = names(&INPUTS);
        let (last, next_to_last) = (b.vector(&[-1]), b.vector(&[-2]));
        let zero = b.vector(&[0]);
        let sizes = b.op("Shape", &[scores]);
        let lead = b.op("Slice", &[&sizes, &zero, &next_to_last]);
        let [queries, keys] = [query, key].map(|positions| {
            let sizes = b.op("Shape", &[positions]);
            b.gather(&sizes, &last)
        });
        Self {
            b,
            sizes,
            lead,
            queries,
            keys,
            last,
            next_to_last,
        }
    }

    /// Gathers from each row; with `by_key` the result has a row per key and a column per query.
    fn rows(&mut self, by_key: bool, rank: Option<usize>) -> String {
        let columns = self.columns(by_key);
        let shape = if by_key {
            self.b.concat(&[&self.lead, &self.keys, &self.queries])
        } else {
            self.b.concat(&[&self.lead, &self.queries, &self.keys])
        };
        let columns = self.b.op("Expand", &[&columns, &shape]);
        // ONNX's own evaluator fails for an axis counted from the end.
        let axis = rank.map_or(-1, |rank| rank as i64 - 1);
        self.gather_elements(SCORES.name, &columns, axis)
    }

    /// The same with `by_key` for one rank, transposed to a row per query.
    fn transposed(&mut self, rank: usize) {
        let gathered = self.rows(true, Some(rank));
        let mut order: Vec<i64> = (0..).take(rank).collect();
        if let [.., row, column] = &mut order[..] {
            std::mem::swap(row, column);
        }
        self.b.transpose(&gathered, &order);
    }

    /// For every rank, and both values of `by_key` where it is not given: gathers from the elements of a matrix, all in one row.
    fn numbered(&mut self, by_key: Option<bool>) {
        let columns = self.columns(false);
        let columns = self.b.cast(&columns, INT64);
        let row = self.row_numbers(by_key);
        let width = self.b.gather(&self.sizes, &self.last);
        let start = self.b.op("Mul", &[&row, &width]);
        let element = self.b.op("Add", &[&start, &columns]);
        let shape = self.b.concat(&[&self.lead, &self.queries, &self.keys]);
        let element = self.b.op("Expand", &[&element, &shape]);

        let [element, scores] = [&element, SCORES.name].map(|matrices| {
            let rows = vec![("axis", BodyAttribute::Int(-2))];
            self.b.op_with("Flatten", &[matrices], rows)
        });
        let gathered = self.gather_elements(&scores, &element, 1);
        self.b.reshape(&gathered, &shape);
    }

    /// The column of `scores` for every query and key, with a row per query or per key.
    fn columns(&mut self, by_key: bool) -> String {
        let [_, lut, query, key] = names(&INPUTS);
        let (of_query, of_key) = if by_key {
            (&self.next_to_last, &self.last)
        } else {
            (&self.last, &self.next_to_last)
        };
        let query = self.b.op("Unsqueeze", &[query, of_query]);
        let key = self.b.op("Unsqueeze", &[key, of_key]);
        entries(self.b, lut, &query, &key)
    }

    /// The row of `scores` for every query and key: it broadcasts to a row per query and a column per key.
    fn row_numbers(&mut self, by_key: Option<bool>) -> String {
        let of_key = self.count_to(&self.keys.clone());
        if by_key == Some(true) {
            return of_key;
        }
        let of_query = self.count_to(&self.queries.clone());
        let of_query = self.b.op("Unsqueeze", &[&of_query, &self.last]);
        let by_key = self.b.attribute(BY_KEY.spec());
        let by_key = self.b.cast(&by_key, BOOL);
        self.b.op("Where", &[&by_key, &of_key, &of_query])
    }

    /// The numbers from 0 to below `end`, which is of rank 1.
    fn count_to(&mut self, end: &str) -> String {
        let (zero, one) = (self.b.scalar(0), self.b.scalar(1));
        let end = self.b.op("Squeeze", &[end]);
        self.b.op("Range", &[&zero, &end, &one])
    }

    fn gather_elements(&mut self, data: &str, indices: &str, axis: i64) -> String {
        let axis = vec![("axis", BodyAttribute::Int(axis))];
        self.b.op_with("GatherElements", &[data, indices], axis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::body::assert_in_order;

    fn of(by_key: bool, rank: Option<usize>) -> RelativeGatherUse {
        RelativeGatherUse {
            attributes: RelativeGatherAttributes { by_key },
            rank,
        }
    }

    fn count(uses: &[RelativeGatherUse], op_type: &str) -> usize {
        let body = function_body(13, uses).unwrap();
        body.nodes.iter().filter(|n| n.op_type == op_type).count()
    }

    fn asks_the_attribute(uses: &[RelativeGatherUse]) -> bool {
        let body = function_body(17, uses).unwrap();
        let mut attributes = body.nodes.iter().flat_map(|n| &n.attributes);
        attributes.any(|(_, a)| matches!(a, BodyAttribute::Reference(_)))
    }

    #[test]
    fn the_body_is_as_plain_as_its_uses() {
        for (uses, transposes, reshapes, asks) in [
            (vec![of(false, None)], 0, 0, false),
            (vec![of(false, Some(3)), of(false, Some(4))], 0, 0, false),
            (vec![of(true, Some(4)), of(true, Some(4))], 1, 0, false),
            (vec![of(true, Some(3)), of(true, Some(4))], 0, 1, false),
            (vec![of(true, None)], 0, 1, false),
            (vec![of(true, Some(3)), of(false, Some(3))], 0, 1, true),
            (vec![], 0, 1, true),
        ] {
            assert_eq!(count(&uses, "Transpose"), transposes, "{uses:?}");
            assert_eq!(count(&uses, "Reshape"), reshapes, "{uses:?}");
            assert_eq!(asks_the_attribute(&uses), asks, "{uses:?}");
            for opset in [13, 14, 18, 23] {
                assert_in_order(&function_body(opset, &uses).unwrap());
            }
        }
        assert!(function_body(12, &[]).is_err());
    }
}
